//! Small tests of any kind, drawn at random.

use super::*;

/// More than any of these tests has users.
const MOST_USERS: usize = 24;

fn item() -> impl Strategy<Value = Item> {
    let own = || prop::collection::vec(-3i8..4, MOST_USERS);
    let earlier = any::<prop::sample::Index>;
    prop_oneof![
        4 => own().prop_map(Item::Own),
        1 => earlier().prop_map(Item::Same),
        1 => earlier().prop_map(Item::Opposite),
        3 => (earlier(), -4i8..5, own()).prop_map(|(item, weight, own)| Item::Like(item, weight, own)),
        1 => (-3i8..4).prop_map(Item::Constant),
    ]
}

/// A user's score on each item, `scale` times integers.
fn table(users: usize, items: &[Item], scale: f64) -> Answers {
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for item in items {
        let earlier = |index: &prop::sample::Index| match columns.len() {
            0 => vec![0.0; users],
            count => columns[index.index(count)].clone(),
        };
        let column: Vec<f64> = match item {
            Item::Own(own) => own.iter().map(|&score| f64::from(score)).collect(),
            Item::Same(item) => earlier(item),
            Item::Opposite(item) => earlier(item).iter().map(|score| -score).collect(),
            Item::Like(item, weight, own) => {
                let pair = |(score, own): (&f64, &i8)| f64::from(*weight) * score + f64::from(*own);
                earlier(item).iter().zip(own).map(pair).collect()
            }
            Item::Constant(score) => vec![f64::from(*score); users],
        };
        columns.push(column);
    }
    let row = |user: usize| (0..).zip(columns.iter().map(|column| column[user] * scale)).collect();
    (0..users).map(|user| (user as u32, row(user))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn complete_answers(
        users in 1..MOST_USERS,
        items in prop::collection::vec(item(), 1..9),
        k in 1usize..6,
        min_users in 0u32..6,
    ) {
        let answers = table(users, &items, 1.0);
        check(&integers_of(&answers), &answers, k, min_users, "small integers");
    }

    #[test]
    fn complete_answers_of_zero_and_one(
        items in prop::collection::vec(prop::collection::vec(0i8..2, MOST_USERS), 2..10),
        k in 1usize..6,
    ) {
        let items: Vec<Item> = items.into_iter().map(Item::Own).collect();
        let answers = table(MOST_USERS, &items, 1.0);
        check(&integers_of(&answers), &answers, k, 2, "0 and 1");
    }

    #[test]
    fn complete_answers_whose_sums_need_many_bits(items in prop::collection::vec(item(), 2..8), k in 2usize..5) {
        for scale in [1e5, 1e12] {
            let answers = table(MOST_USERS, &items, scale);
            check(&integers_of(&answers), &answers, k, 2, "large integers");
        }
    }

    /// Whatever their size, and also where all that varies is small against the scores.
    #[test]
    fn complete_answers_with_float_scores(
        items in prop::collection::vec(prop::collection::vec(-1.0f64..1.0, MOST_USERS), 2..9),
        alike in prop::collection::vec(-3i8..4, 8),
        k in 2usize..6,
    ) {
        let mut answers = Answers::new();
        for user in 0..MOST_USERS {
            // Multiples of the first item and something of its own.
            let score = |(item, &weight): (&Vec<f64>, &i8)| item[user] + f64::from(weight) * items[0][user];
            answers.insert(user as u32, (0..).zip(items.iter().zip(&alike).map(score)).collect());
        }
        for (scale, shift) in [(1.0, 0.0), (1e-200, 0.0), (1e290, 0.0), (1.0, 1000.0), (1e-3, 1e9)] {
            let matrix = matrix_of(&answers, |score| score * scale + shift);
            let context = format!("floats times {scale:e} plus {shift}");
            check_by_projection(&matrix, [k], &context);
            check_every_set(&matrix, k, &context);
        }
    }

    /// Where scores are of few values, sets of no variance, or of the same, are many.
    #[test]
    fn complete_answers_with_few_float_scores(
        users in 2..MOST_USERS,
        items in prop::collection::vec(item(), 2..8),
        k in 1usize..5,
    ) {
        let answers = table(users, &items, 0.1);
        let matrix = matrix_of(&answers, |score| score);
        // Without any score that is not an integer they are integers.
        prop_assume!(matches!(matrix.table, Table::Float(_)));
        check_every_set(&matrix, k, "tenths");
    }

    #[test]
    fn booklets(
        users in prop::collection::vec(0usize..4, 2..MOST_USERS),
        booklets in prop::collection::vec(1u8..=255, 4),
        items in prop::collection::vec(item(), 8),
        k in 1usize..5,
        min_users in 0u32..6,
        is_binary in any::<bool>(),
    ) {
        let mut answers = table(users.len(), &items, 1.0);
        for (&user, scores) in &mut answers {
            scores.retain(|&question, _| booklets[users[user as usize]] >> question & 1 == 1);
            if is_binary {
                scores.values_mut().for_each(|score| *score = f64::from(*score > 0.0));
            }
        }
        check(&integers_of(&answers), &answers, k, min_users, "booklets");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Forms of any kind, also within others or just short of all, and sets that obey rules.
    #[test]
    fn families_under_constraints(
        items in prop::collection::vec(item(), 10),
        forms in prop::collection::vec(prop_oneof![
            0u32..1 << 10,
            (0u32..10).prop_map(|lacking| !(1 << lacking)),
            (1u32..11).prop_map(|length| (1 << length) - 1),
            Just(u32::MAX),
        ], 1..7),
        users in prop::collection::vec(any::<prop::sample::Index>(), MOST_USERS),
        (k, top, min_users) in (2usize..7, prop_oneof![1usize..4, 10usize..60], 0u32..8),
        mut constraints in constraints(),
    ) {
        let mut answers = table(MOST_USERS, &items, 1.0);
        for (&user, scores) in &mut answers {
            scores.retain(|&question, _| users[user as usize].get(&forms) >> question & 1 == 1);
        }
        let matrix = integers_of(&answers);
        // The last questions may be in no form.
        constraints.include.retain(|&question| (question as usize) < matrix.questions());
        constraints.exclude.retain(|&question| (question as usize) < matrix.questions());
        let isa = InstructionSet::from_environment().unwrap();
        for rank_by in RANKS {
            let request = Request { k, top: Some(top), min_users, rank_by };
            let blueprint = Blueprint::new(Cow::Borrowed(&matrix), request, &constraints).unwrap();
            let by = |strategy| {
                let control = Control::default();
                let found = run(isa, &blueprint, &Run { strategy: Some(strategy), ..Run::all(&control) });
                (found.unwrap(), (control.done() - 1.0).abs() < 1e-9)
            };
            let expected = by(SearchStrategy::Projection);
            for strategy in others(&matrix, Some(top)) {
                prop_assert_eq!(&by(strategy), &expected, "{:?}, {:?}", strategy, request);
            }
        }
    }
}

/// The best of the sets of a blueprint, one choice of electives after another, whether or not that would be chosen, and whether all
/// is told to be done then.
fn by_choices(blueprint: &Blueprint) -> Option<(SetTable, bool)> {
    fn of<P: PairScores, A: SumInteger + Sync>(
        integers: &Integers<P>,
        blueprint: &Blueprint,
    ) -> Option<(SetTable, bool)> {
        let isa = InstructionSet::from_environment().unwrap();
        let request = blueprint.request();
        let wanted = Wanted::usual(request, false);
        let summed = Summed { isa, blueprint, strategy: Some(SearchStrategy::Bound), wanted };
        let (electives, choices) = summed.choices(1.0)?;
        let top = request.top.unwrap();
        let search = ElectiveSearch::<P, A>::new(isa, integers, electives, choices, blueprint, top).unwrap();
        let control = Control::default();
        let found = search.search(&control).unwrap();
        Some((blueprint.restore(found), (control.done() - 1.0).abs() < 1e-9))
    }
    match &blueprint.matrix().table {
        Table::Binary(integers) => of::<_, i64>(integers, blueprint),
        Table::Numbers(integers) if integers.largest_point <= i16::MAX as u64 => {
            of::<_, i64>(integers, blueprint)
        }
        Table::Numbers(integers) => of::<_, i128>(integers, blueprint),
        Table::Float(_) => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any core, also where it is all, and electives in any patterns, with ties and rules.
    #[test]
    fn electives_under_constraints(
        items in prop::collection::vec(item(), 10),
        core in prop::sample::subsequence((0..10u32).collect::<Vec<_>>(), 4..=10),
        patterns in prop::collection::vec(0u32..1 << 10, MOST_USERS),
        scale in prop_oneof![Just(0.0), Just(1.0), Just(1e9)],
        (k, top, min_users) in (3usize..7, prop_oneof![1usize..4, 10usize..60], 0u32..14),
        constraints in constraints(),
    ) {
        let mut answers = table(MOST_USERS, &items, if scale > 0.0 { scale } else { 1.0 });
        for (&user, scores) in &mut answers {
            scores.retain(|question, _| core.contains(question) || patterns[user as usize] >> question & 1 == 1);
            if scale == 0.0 {
                scores.values_mut().for_each(|score| *score = f64::from(*score > 0.0));
            }
        }
        // Everybody answered one of the core, so no question is without users but by chance.
        let matrix = integers_of(&answers);
        prop_assume!(matrix.questions() == 10);
        let isa = InstructionSet::from_environment().unwrap();
        for rank_by in RANKS {
            let request = Request { k, top: Some(top), min_users, rank_by };
            let blueprint = Blueprint::new(Cow::Borrowed(&matrix), request, &constraints).unwrap();
            if !crate::search::has_sets(&blueprint) {
                continue;
            }
            let control = Control::default();
            let by_users = Run { strategy: Some(SearchStrategy::Projection), ..Run::all(&control) };
            let expected = run(isa, &blueprint, &by_users).unwrap();
            match by_choices(&blueprint) {
                Some((found, is_done)) => {
                    prop_assert_eq!(&found, &expected, "{:?}", request);
                    // Without choices there is nothing to be done.
                    prop_assert!(is_done || found.is_empty());
                }
                None => {
                    let answered = &blueprint.matrix().answered;
                    let of_all = |column: &usize| (0..blueprint.matrix().users()).all(|user| answered.contains(user, *column));
                    let open = (blueprint.space().fixed..blueprint.space().questions).filter(of_all).count();
                    prop_assert!(open < 2, "{open} of the core are left to choose");
                }
            }
        }
    }
}

/// Rules for ten questions.
fn constraints() -> impl Strategy<Value = Constraints> {
    let domains = (prop::collection::vec(prop::option::of(0u32..3), 10), 0usize..2, 1usize..4);
    let costs = (prop::collection::vec(0.0f64..1.0, 10), 0.5f64..3.0);
    (
        prop::collection::vec(0u32..3, 0..2),
        prop::collection::vec(3u32..6, 0..2),
        prop::option::of(domains),
        prop::option::of(costs),
    )
        .prop_map(|(include, exclude, domains, costs)| Constraints {
            include,
            exclude,
            domains: domains.map(|(of, least, most)| Domains { of, least, most }),
            costs: costs.map(|(of, most)| Costs { of, most }),
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn floors_of_complete_answers(
        users in 1..MOST_USERS,
        items in prop::collection::vec(item(), 1..9),
        k in 1usize..6,
        scale in prop_oneof![Just(1.0), Just(1e5), Just(1e12)],
    ) {
        let answers = table(users, &items, scale);
        check_floors(&integers_of(&answers), k, &Constraints::default(), "integers");
    }

    #[test]
    fn floors_under_constraints(
        items in prop::collection::vec(item(), 6..10),
        k in 2usize..6,
        constraints in constraints(),
    ) {
        let answers = table(MOST_USERS, &items, 1.0);
        check_floors(&integers_of(&answers), k, &constraints, "constraints");
    }

    #[test]
    fn floors_of_float_scores(
        items in prop::collection::vec(prop::collection::vec(-1.0f64..1.0, MOST_USERS), 2..8),
        k in 2usize..5,
        shift in prop_oneof![Just(0.0), Just(1000.0)],
    ) {
        // All have something of the first.
        let score = |user: usize| {
            let common = items[0][user];
            move |item: &Vec<f64>| item[user] + common + shift
        };
        let answers: Answers = (0..MOST_USERS)
            .map(|user| (user as u32, (0..).zip(items.iter().map(score(user))).collect()))
            .collect();
        check_floors(&matrix_of(&answers, |score| score), k, &Constraints::default(), "floats");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Of complete answers, or in few patterns, with ties and rules; integers or floats.
    #[test]
    fn the_best_of_a_share(
        items in prop::collection::vec(item(), 10),
        lacking in prop_oneof![3 => Just(0u32), 1 => 0u32..1 << 10],
        scale in prop_oneof![2 => Just(1.0), 1 => Just(0.1), 1 => Just(1e9)],
        sizes in (2usize..6, prop_oneof![1usize..4, 10usize..60, 300usize..400], 0u32..14),
        constraints in constraints(),
        share in (0.0..1.0, 0.0..1.0),
    ) {
        let mut answers = table(MOST_USERS, &items, scale);
        for scores in answers.values_mut().step_by(3) {
            scores.retain(|&question, _| lacking >> question & 1 == 0 || question == 9);
        }
        let matrix = matrix_of(&answers, |score| score);
        check_best_of_a_share(&matrix, sizes, &constraints, share);
        check_best_of_a_share(&matrix, sizes, &Constraints::default(), share);
    }
}
