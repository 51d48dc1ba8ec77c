//! Every strategy against the oracle and against the search that keeps the users, bit for bit.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::matrix::ResponseMatrix;
use crate::moments::RankBy;
use crate::naive::{self, Answers};
use crate::ranking::{CorrelationColumn, TableColumns};
use crate::responses::{Duplicates, Responses, Score};
use crate::search::tests::{rows_from, stretch_by_stretch};
use crate::search::{Constraints, Control, Costs, Domains, Every, Request, run, search_with};

fn matrix_of<S: Score>(answers: &Answers, score: impl Fn(f64) -> S) -> ResponseMatrix {
    let mut responses = Responses { users: Vec::new(), questions: Vec::new(), scores: Vec::new() };
    for (&user, answered) in answers {
        for (&question, &value) in answered {
            responses.users.push(user);
            responses.questions.push(question);
            responses.scores.push(score(value));
        }
    }
    responses.into_matrix(Duplicates::Error).unwrap()
}

fn integers_of(answers: &Answers) -> ResponseMatrix {
    matrix_of(answers, |score| score as i64)
}

fn by(strategy: SearchStrategy, matrix: &ResponseMatrix, request: &Request) -> Result<SetTable> {
    search_with(InstructionSet::from_environment().unwrap(), Some(strategy), matrix, request)
}

/// The strategies beside projection that can do this.
fn others(matrix: &ResponseMatrix, top: Option<usize>) -> Vec<SearchStrategy> {
    let is_float = matches!(matrix.table, Table::Float(_));
    let bound = top.is_some() && (!is_float || matrix.is_complete());
    let mut strategies = vec![SearchStrategy::Moments];
    strategies.extend(bound.then_some(SearchStrategy::Bound));
    strategies
}

/// Numbers of sets to ask for: the best, some, and more than most tests have.
const TOPS: [Option<usize>; 5] = [None, Some(1), Some(3), Some(20), Some(5000)];

const RANKS: [RankBy; 3] = [RankBy::R, RankBy::RRest, RankBy::Alpha];

/// All strategies, on all instruction sets, give the rows of projection, which are the oracle's.
fn check(matrix: &ResponseMatrix, answers: &Answers, k: usize, min_users: u32, context: &str) {
    let all = Request { k, top: None, min_users, rank_by: RankBy::Alpha };
    let expected = by(SearchStrategy::Projection, matrix, &all).unwrap();
    let oracle = naive::all_sets(answers, k, min_users);
    assert_eq!(expected.len(), oracle.len(), "{context}");
    for (i, set) in oracle.iter().enumerate() {
        assert_eq!(expected.questions[i * k..][..k], set.questions, "{context}");
        let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-12,
            (a, b) => a == b,
        };
        let scale = set.alpha.map_or(1.0, |alpha| alpha.abs().max(1.0));
        let scaled = |alpha: Option<f64>| alpha.map(|alpha| alpha / scale);
        assert!(
            close(expected.r.get(i), set.r)
                && close(expected.r_rest.get(i), set.r_rest)
                && close(scaled(expected.alpha.get(i)), scaled(set.alpha)),
            "{context}: {set:?}"
        );
    }
    for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
        for (top, rank_by) in TOPS.into_iter().flat_map(|top| RANKS.map(|rank_by| (top, rank_by))) {
            let request = Request { top, rank_by, ..all };
            let expected = by(SearchStrategy::Projection, matrix, &request).unwrap();
            for strategy in others(matrix, top) {
                let found = search_with(isa, Some(strategy), matrix, &request).unwrap();
                assert_eq!(found, expected, "{context}: {} on {}, {request:?}", strategy.name(), isa.name());
            }
        }
    }
}

/// The same without the oracle, for sizes that are too large for it.
fn check_by_projection(matrix: &ResponseMatrix, ks: impl IntoIterator<Item = usize>, context: &str) {
    for k in ks {
        for (top, rank_by) in RANKS.into_iter().flat_map(|rank_by| [(1, rank_by), (10, rank_by)]) {
            let request = Request { k, top: Some(top), min_users: 2, rank_by };
            let expected = by(SearchStrategy::Projection, matrix, &request).unwrap();
            for strategy in others(matrix, Some(top)) {
                let found = by(strategy, matrix, &request).unwrap();
                assert_eq!(found, expected, "{context}: {}, {request:?}", strategy.name());
            }
        }
    }
}

/// All sets of complete float scores by moments are those by projection, on all instruction sets; unless grand totals are
/// constant.
fn check_every_set(matrix: &ResponseMatrix, k: usize, context: &str) {
    for rank_by in RANKS {
        let request = Request { k, top: None, min_users: 2, rank_by };
        let expected = by(SearchStrategy::Projection, matrix, &request).unwrap();
        for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
            match search_with(isa, Some(SearchStrategy::Moments), matrix, &request) {
                Ok(found) => assert_eq!(found, expected, "{context}: {request:?} on {}", isa.name()),
                Err(error) => {
                    assert!(matches!(error, Error::Strategy { .. }), "{context}: {error}");
                    assert!(expected.r.iter().all(|r| r.is_none()), "{context}: {error}");
                }
            }
        }
    }
}

/// The best of the sets at some positions, by each strategy, are the best of the rows of these positions, as projection
/// makes them.
fn check_best_of_a_share(
    matrix: &ResponseMatrix,
    (k, top, min_users): (usize, usize, u32),
    constraints: &Constraints,
    (start, end): (f64, f64),
) {
    let isa = InstructionSet::from_environment().unwrap();
    for rank_by in RANKS {
        let request = Request { k, top: None, min_users, rank_by };
        let best = Request { top: Some(top), ..request };
        let [all, best] = [request, best]
            .map(|request| Blueprint::new(Cow::Borrowed(matrix), request, constraints).unwrap());
        let sets = all.space().sets().unwrap();
        let position = |share: f64| ((share * (sets + 1) as f64) as u128).min(sets);
        let within = position(start.min(end))..position(start.max(end));
        let by = |blueprint, strategy| {
            let control = Control::default();
            let cut = Run { strategy, within: Some(within.clone()), ..Run::all(&control) };
            Ok::<_, Error>((run(isa, blueprint, &cut)?, control.done()))
        };
        let (rows, _) = by(&all, Some(SearchStrategy::Projection)).unwrap();
        let expected = best_rows(&rows, k, top, rank_by);
        let strategies = SearchStrategy::ALL.into_iter().map(Some).chain([None]);
        for strategy in strategies {
            match by(&best, strategy) {
                Ok((found, done)) => {
                    assert_eq!(found, expected, "{strategy:?}: {within:?} of {sets}, {request:?}");
                    assert!((done - 1.0).abs() < 1e-6, "{strategy:?}: {done}");
                }
                Err(error) => assert!(
                    strategy.is_some() && !best.matrix().is_complete()
                        || matches!(matrix.table, Table::Float(_))
                        || best.space().chosen() < 2,
                    "{strategy:?}: {error}"
                ),
            }
        }
    }
}

/// The best of all rows, as a list of the best has them.
fn best_rows(all: &SetTable, k: usize, top: usize, rank_by: RankBy) -> SetTable {
    let key = |row: usize| match rank_by {
        RankBy::R => all.r.get(row),
        RankBy::RRest => all.r.get(row).and(all.r_rest.get(row)),
        RankBy::Alpha => all.alpha.get(row),
    };
    let mut rows: Vec<(f64, usize)> = (0..all.len()).filter_map(|row| Some((key(row)?, row))).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    rows.truncate(top);
    let column = |column: &CorrelationColumn| -> CorrelationColumn {
        rows.iter().filter(|_| !column.is_empty()).map(|&(_, row)| column.get(row)).collect()
    };
    SetTable {
        questions: rows.iter().flat_map(|&(_, row)| &all.questions[row * k..][..k]).copied().collect(),
        r: column(&all.r),
        r_rest: column(&all.r_rest),
        alpha: column(&all.alpha),
        n_users: rows.iter().map(|&(_, row)| all.n_users[row]).collect(),
    }
}

/// Stretch by stretch, all strategies give the rows of projection, which are those of all sets that reach a floor: one
/// that every set reaches, or none, or that some sets have just so.
fn check_floors(matrix: &ResponseMatrix, k: usize, constraints: &Constraints, context: &str) {
    let request = Request { k, top: None, min_users: 2, rank_by: RankBy::Alpha };
    let blueprint =
        |rank_by| Blueprint::new(Cow::Borrowed(matrix), Request { rank_by, ..request }, constraints).unwrap();
    let columns = TableColumns::USUAL.with(RankBy::Alpha);
    let isa = InstructionSet::from_environment().unwrap();
    let stretches = |rank_by, strategy, floor| {
        stretch_by_stretch(isa, &blueprint(rank_by), strategy, columns, floor, usize::MAX)
    };
    let all = stretches(RankBy::R, SearchStrategy::Projection, None).unwrap();
    let is_float = matches!(matrix.table, Table::Float(_));
    for rank_by in RANKS {
        let column = match rank_by {
            RankBy::R => &all.r,
            RankBy::RRest => &all.r_rest,
            RankBy::Alpha => &all.alpha,
        };
        let values: Vec<f64> = column.iter().flatten().collect();
        let largest = values.iter().copied().reduce(f64::max).unwrap_or(0.5);
        let some = [0, 1, 2].into_iter().filter_map(|third| values.get(third * values.len() / 3).copied());
        let others = [-0.5, 0.0, 0.5, 1.0, 1.5, largest, largest.next_up(), largest - 1e-3];
        for floor in some.chain(others).map(Some).chain([None]) {
            let expected = rows_from(&all, k, floor.map(|floor| (rank_by, floor)), columns);
            for strategy in SearchStrategy::ALL {
                let context = format!("{context}: {} by {rank_by:?} from {floor:?}", strategy.name());
                let cannot = match strategy {
                    SearchStrategy::Projection | SearchStrategy::Moments => false,
                    SearchStrategy::Bound => {
                        let chosen = blueprint(rank_by).space().chosen();
                        is_float || chosen < 2 || floor.is_none_or(|floor| floor <= 0.0)
                    }
                };
                match stretches(rank_by, strategy, floor) {
                    Ok(found) => assert_eq!(found, expected, "{context}"),
                    Err(error) => {
                        assert!(cannot && matches!(error, Error::Strategy { .. }), "{context}: {error}")
                    }
                }
            }
        }
    }
}

/// What makes an item of a random test.
#[derive(Clone, Debug)]
enum Item {
    /// Scores of its own.
    Own(Vec<i8>),
    /// The scores of an earlier item.
    Same(prop::sample::Index),
    /// The scores of an earlier item, with the opposite sign.
    Opposite(prop::sample::Index),
    /// An earlier item's and some of its own: correlated, one way or the other.
    Like(prop::sample::Index, i8, Vec<i8>),
    /// Without variance.
    Constant(i8),
}

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
        Table::Small(integers) => of::<_, i64>(integers, blueprint),
        Table::Large(integers) => of::<_, i128>(integers, blueprint),
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

struct Random(u64);

impl Random {
    /// Uniform in 0..1 (D. E. Knuth, MMIX).
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}

/// A test of items that share a factor, each with its own share of it: scores from 0 to `most`.
fn factor(users: u32, questions: u32, most: f64, loading: impl Fn(f64) -> f64) -> Answers {
    let mut random = Random(u64::from(users * 1000 + questions));
    let loadings: Vec<f64> = (0..questions).map(|_| loading(random.next())).collect();
    let mut answers = Answers::new();
    for user in 0..users {
        let ability = random.normal();
        let score = |loading: &f64| {
            let value = loading * ability + random.normal();
            ((value / 6.0 + 0.5) * (most + 1.0)).floor().clamp(0.0, most)
        };
        answers.insert(user, (0..).zip(loadings.iter().map(score)).collect());
    }
    answers
}

#[test]
fn larger_tests_with_a_common_factor() {
    for (questions, ks) in [(9, 2..=9), (16, 4..=8), (24, 4..=5)] {
        for (name, loading) in [
            ("alike", (|_| 1.0) as fn(f64) -> f64),
            ("different", |random| 2.0 * random),
            ("some the other way", |random| 3.0 * random - 1.0),
            ("unrelated", |_| 0.0),
        ] {
            for most in [1.0, 4.0] {
                let answers = factor(150, questions, most, loading);
                let context = format!("{questions} questions, {name}, scores to {most}");
                check_by_projection(&integers_of(&answers), ks.clone(), &context);
            }
        }
    }
}

/// Sets of 13 and more have more partners than are kept sorted.
#[test]
fn large_sets() {
    let answers = factor(120, 18, 3.0, |random| 1.0 + random);
    check_by_projection(&integers_of(&answers), [12, 13, 14, 15, 17, 18], "large sets");
}

/// Equal items make equal sets: ties that only the position of the set decides.
#[test]
fn masses_of_ties() {
    let mut answers = factor(60, 15, 3.0, |random| 1.0 + random);
    for scores in answers.values_mut() {
        let first = [scores[&0], scores[&1], scores[&2]];
        for (question, score) in scores.iter_mut() {
            // Three kinds of items, shuffled.
            *score = first[(*question as usize * 7) % 11 % 3];
        }
    }
    let mut forms = answers.clone();
    for (&user, scores) in &mut forms {
        scores.retain(|&question, _| question % 4 != user % 4 || user > 30);
    }
    check_by_projection(&integers_of(&forms), 2..=6, "ties among forms");
    let matrix = integers_of(&answers);
    check_by_projection(&matrix, 2..=6, "ties");
    let request = Request { k: 5, top: Some(40), min_users: 2, rank_by: RankBy::R };
    let found = by(SearchStrategy::Bound, &matrix, &request).unwrap();
    let distinct: std::collections::BTreeSet<u64> = found.r.iter().flatten().map(f64::to_bits).collect();
    assert!(distinct.len() < 10, "the case must have ties, got {} different r", distinct.len());
    assert_eq!(found, by(SearchStrategy::Projection, &matrix, &request).unwrap());
}

#[test]
fn a_user_short_of_complete_and_booklets_with_and_without_overlap() {
    let complete = factor(200, 12, 1.0, |random| 2.0 * random);
    let mut short = complete.clone();
    short.entry(7).and_modify(|scores| {
        scores.remove(&3);
    });
    let overlapping = |user: u32, question: u32| !(question / 3 + 4 - user % 4).is_multiple_of(4);
    let disjoint = |user: u32, question: u32| question / 6 == user % 2;
    let cut = |keep: &dyn Fn(u32, u32) -> bool| {
        let mut answers = complete.clone();
        for (&user, scores) in &mut answers {
            scores.retain(|&question, _| keep(user, question));
        }
        answers
    };
    for (name, answers) in
        [("short", short.clone()), ("overlapping", cut(&overlapping)), ("disjoint", cut(&disjoint))]
    {
        for k in [1, 3, 4] {
            check(&integers_of(&answers), &answers, k, 50, name);
        }
    }
}

/// As it is searched when that is forced.
fn strategy_of(
    strategy: Option<SearchStrategy>,
    matrix: &ResponseMatrix,
    request: Request,
) -> SearchStrategy {
    let blueprint = Blueprint::free(Cow::Borrowed(matrix), request);
    let wanted = Wanted::usual(blueprint.request(), false);
    let way = sum_up(InstructionSet::Portable, &blueprint, strategy, wanted).unwrap();
    way.map_or(SearchStrategy::Projection, |way| way.strategy())
}

/// Whether a user was asked a question.
type Form = fn(u32, u32) -> bool;

/// Forms of a test, and for how many users.
const FORMS: [(&str, u32, Form); 8] = [
    ("a user short of a question", 150, |user, question| (user, question) != (7, 3)),
    ("a user short of many", 150, |user, question| user != 7 || question % 3 == 1),
    ("users short of one each", 150, |user, question| user > 5 || question != 2 * user),
    ("users short of two each", 150, |user, question| user > 4 || question / 2 != user),
    ("few users with one question more", 150, |user, question| user < 6 || question != 4),
    ("nested", 150, |user, question| question < [9, 12, 15, 20][user as usize % 4]),
    ("an anchor", 150, |user, question| question % 5 == 0 || question % 3 == user % 3),
    ("balanced blocks", 210, |user, question| [0, 1, 3].contains(&((question + 7 - user % 7) % 7))),
];

/// With electives from a question on, which a user answered as chance had it.
fn with_electives(answers: &Answers, first: u32, share: f64) -> Answers {
    let mut random = Random(7);
    let mut answers = answers.clone();
    for scores in answers.values_mut() {
        scores.retain(|&question, _| question < first || random.next() < share);
    }
    answers
}

/// Too many families to search one by one.
#[test]
fn the_best_of_many_patterns_with_a_core_are_proven() {
    for (most, share) in [(1.0, 0.5), (1.0, 0.9), (4.0, 0.6)] {
        let answers = with_electives(&factor(300, 24, most, |random| 2.0 * random), 12, share);
        let matrix = integers_of(&answers);
        for (k, top, min_users) in
            [(2, 10, 2), (3, 10, 20), (4, 10, 2), (4, 300, 75), (5, 10, 150), (6, 5, 40)]
        {
            for rank_by in RANKS {
                let request = Request { k, top: Some(top), min_users, rank_by };
                let is_few = patterns(&matrix.answered, 300, 300)
                    .and_then(|patterns| families(&patterns, 24, k, request.least_users(), MOST_FAMILIES))
                    .is_some();
                assert!(!is_few, "there must be many families of patterns");
                let expected = by(SearchStrategy::Projection, &matrix, &request).unwrap();
                let found = by(SearchStrategy::Bound, &matrix, &request).unwrap();
                assert_eq!(found, expected, "scores to {most}, {share} answered: {request:?}");
                assert_eq!(
                    strategy_of(Some(SearchStrategy::Bound), &matrix, request),
                    SearchStrategy::Bound,
                    "{request:?}"
                );
            }
        }
        // Just as many users as a choice of electives has, and one more.
        let of_choice = |user: &u32| answers[user].contains_key(&20) && answers[user].contains_key(&23);
        let users = answers.keys().filter(|user| of_choice(user)).count() as u32;
        for min_users in [users, users + 1] {
            let request = Request { k: 3, top: Some(2000), min_users, rank_by: RankBy::R };
            let found = by(SearchStrategy::Bound, &matrix, &request).unwrap();
            assert_eq!(found, by(SearchStrategy::Projection, &matrix, &request).unwrap());
            assert_eq!(found.n_users.contains(&users), min_users == users, "{users} users");
        }
    }
}

/// The same against the definition.
#[test]
fn small_tests_with_a_core_in_many_patterns() {
    for most in [1.0, 3.0] {
        let answers = with_electives(&factor(60, 14, most, |random| 2.0 * random), 3, 0.7);
        for (k, min_users) in [(2, 2), (3, 20), (4, 12)] {
            check(&integers_of(&answers), &answers, k, min_users, "electives");
        }
    }
}

/// Large enough that the bound rules out most, and that a set which another family has is in its way.
#[test]
fn the_best_of_few_patterns_are_proven() {
    for ((name, users, form), most) in FORMS.into_iter().flat_map(|form| [(form, 1.0), (form, 4.0)]) {
        let mut answers = factor(users, 20, most, |random| 2.0 * random);
        for (&user, scores) in &mut answers {
            scores.retain(|&question, _| form(user, question));
        }
        let matrix = integers_of(&answers);
        for (k, top, min_users) in [(2, 10, 2), (3, 1, 2), (4, 10, 2), (4, 300, 50), (5, 10, 100), (6, 5, 2)]
        {
            for rank_by in RANKS {
                let request = Request { k, top: Some(top), min_users, rank_by };
                let expected = by(SearchStrategy::Projection, &matrix, &request).unwrap();
                let found = by(SearchStrategy::Bound, &matrix, &request).unwrap();
                assert_eq!(found, expected, "{name}, scores to {most}: {request:?}");
                let is_full = expected.len() == top;
                let searched = strategy_of(Some(SearchStrategy::Bound), &matrix, request);
                assert!(!is_full || searched == SearchStrategy::Bound, "{name}: {request:?} by {searched:?}");
            }
        }
    }
}

/// Sets of nearly all questions, of which most must be in each.
#[test]
fn families_with_nearly_all_questions() {
    let mut answers = factor(90, 14, 2.0, |random| 1.0 + random);
    for (&user, scores) in &mut answers {
        scores.retain(|&question, _| user >= 21 || question / 2 != user % 7);
    }
    let matrix = integers_of(&answers);
    check_by_projection(&matrix, 6..=14, "pairs are lacking");
    for (&user, scores) in &mut answers {
        scores.retain(|&question, _| user >= 5 || question != 13 - user);
    }
    check_by_projection(&integers_of(&answers), 7..=14, "and more");
}

/// More rows than are wanted at once, by one thread and by several.
#[test]
fn stretches_of_too_many_rows_are_given_up() {
    let matrix = integers_of(&factor(1000, 30, 1.0, |random| 2.0 * random));
    let request = Request { k: 4, top: None, min_users: 2, rank_by: RankBy::R };
    let blueprint = Blueprint::free(Cow::Borrowed(&matrix), request);
    let isa = InstructionSet::from_environment().unwrap();
    let (columns, most) = (TableColumns::USUAL, 5000);
    let all = by(SearchStrategy::Projection, &matrix, &request).unwrap();
    for (strategy, floor) in [
        (SearchStrategy::Projection, None),
        (SearchStrategy::Moments, None),
        (SearchStrategy::Projection, Some(0.5)),
        (SearchStrategy::Bound, Some(0.5)),
    ] {
        let expected = rows_from(&all, 4, floor.map(|floor| (RankBy::R, floor)), columns);
        assert!(expected.len() > 3 * most, "{}", expected.len());
        let every = Every::new(isa, &blueprint, Some(strategy), columns, floor).unwrap();
        every
            .walk(|stretches| {
                assert_eq!(stretches.strategy(), Some(strategy));
                let whole = || stretches.stretch(0..all.len() as u128, most, &Control::default());
                assert_eq!(whole(), Ok(None), "{}", strategy.name());
                assert_eq!(parallel::alone(whole), Ok(None), "{}", strategy.name());
            })
            .unwrap();
        let found = stretch_by_stretch(isa, &blueprint, strategy, columns, floor, most).unwrap();
        assert_eq!(found, expected, "{}", strategy.name());
    }
}

/// Blocks of users that are summed up at once, and stretches for several threads.
#[test]
fn many_users() {
    for (users, most) in [(4095, 1.0), (4097, 1.0), (1023, 5.0), (1025, 5.0), (70_000, 1.0), (70_000, 3.0)] {
        let answers = factor(users, 6, most, |random| 2.0 * random);
        let matrix = integers_of(&answers);
        for top in [None, Some(4)] {
            let request = Request { k: 2, top, min_users: 2, rank_by: RankBy::R };
            let expected = by(SearchStrategy::Projection, &matrix, &request).unwrap();
            for strategy in others(&matrix, top) {
                assert_eq!(by(strategy, &matrix, &request).unwrap(), expected, "{users} users, to {most}");
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_rows() {
    let complete = factor(700, 34, 1.0, |random| 2.0 * random);
    let mut booklets = complete.clone();
    for (&user, scores) in &mut booklets {
        scores.retain(|&question, _| question % 3 != user % 3);
    }
    for (answers, k) in [(&complete, 6), (&booklets, 5)] {
        let matrix = integers_of(answers);
        for (top, rank_by) in [(Some(9), RankBy::R), (Some(300), RankBy::RRest)] {
            let request = Request { k, top, min_users: 3, rank_by };
            assert!(
                is_parallel(&Blueprint::free(Cow::Borrowed(&matrix), request)),
                "the case must be large enough to split"
            );
            let on = |threads, strategy| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| by(strategy, &matrix, &request)).unwrap()
            };
            let expected = on(1, SearchStrategy::Moments);
            assert_eq!(Some(expected.len()), top);
            for (threads, strategy) in
                [1, 2, 3, 8].into_iter().flat_map(|n| others(&matrix, top).into_iter().map(move |s| (n, s)))
            {
                assert_eq!(on(threads, strategy), expected, "{threads} threads, {}", strategy.name());
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_rows_of_electives() {
    let matrix = integers_of(&with_electives(&factor(700, 30, 1.0, |random| 2.0 * random), 18, 0.5));
    for (top, rank_by) in [(9, RankBy::R), (300, RankBy::RRest)] {
        let request = Request { k: 5, top: Some(top), min_users: 30, rank_by };
        assert!(
            is_parallel(&Blueprint::free(Cow::Borrowed(&matrix), request)),
            "the case must be large enough to split"
        );
        let expected = by(SearchStrategy::Projection, &matrix, &request).unwrap();
        assert_eq!(expected.len(), top);
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| by(SearchStrategy::Bound, &matrix, &request)).unwrap();
            assert_eq!(found, expected, "{threads} threads");
        }
    }
}

#[test]
fn no_threshold_above_zero_to_prune_by() {
    // The grand total hardly varies: most sets correlate negatively, if at all.
    let mut answers = factor(40, 9, 4.0, |_| 0.0);
    for scores in answers.values_mut() {
        let sum: f64 = scores.values().take(8).sum();
        scores.insert(8, -sum);
    }
    for user in [3, 5] {
        answers.entry(user).and_modify(|scores| *scores.entry(8).or_default() += 1.0);
    }
    for k in 2..=5 {
        check(&integers_of(&answers), &answers, k, 2, "negative");
    }
    // It does not vary at all.
    for user in [3, 5] {
        answers.entry(user).and_modify(|scores| *scores.entry(8).or_default() -= 1.0);
    }
    check(&integers_of(&answers), &answers, 3, 2, "constant total");
}

#[test]
fn what_a_forced_strategy_cannot_search_is_an_error() {
    let answers = factor(40, 6, 3.0, |random| random);
    let all = Request { k: 2, top: None, min_users: 2, rank_by: RankBy::R };
    let message = |strategy, matrix: &ResponseMatrix| by(strategy, matrix, &all).unwrap_err().to_string();
    assert_eq!(
        message(SearchStrategy::Bound, &integers_of(&answers)),
        "POLARS_CORRSET_STRATEGY is bound, which needs `top` or a positive floor, since it leaves sets out"
    );
    let floats = matrix_of(&answers, |score| score / 7.0);
    assert_eq!(
        message(SearchStrategy::Bound, &floats),
        "POLARS_CORRSET_STRATEGY is bound, which needs `top` or a positive floor, since it leaves sets out"
    );
    let same = matrix_of(&answers, |_| 0.1);
    assert_eq!(
        message(SearchStrategy::Moments, &same),
        "POLARS_CORRSET_STRATEGY is moments, which needs grand totals that differ by more than their rounding"
    );
    let best = Request { top: Some(1), ..all };
    assert_eq!(
        by(SearchStrategy::Moments, &floats, &Request { k: 1, ..best }).unwrap_err().to_string(),
        "POLARS_CORRSET_STRATEGY is moments, which needs sets of two and more where scores are not integers"
    );
    assert_eq!(
        by(SearchStrategy::Bound, &same, &best).unwrap_err().to_string(),
        "POLARS_CORRSET_STRATEGY is bound, which needs scores whose spread is far above their rounding"
    );
    let mut short = answers.clone();
    short.entry(3).and_modify(|scores| {
        scores.remove(&0);
    });
    assert_eq!(
        by(SearchStrategy::Moments, &matrix_of(&short, |score| score / 7.0), &best).unwrap_err().to_string(),
        "POLARS_CORRSET_STRATEGY is moments, which needs every user to have answered every question where scores are \
        not integers"
    );
    // A family for any questions to be lacking, and none that nobody lacks.
    let mut each_another = factor(40, 14, 1.0, |random| random);
    for (user, scores) in each_another.iter_mut().take(14) {
        scores.remove(user);
    }
    let matrix = integers_of(&each_another);
    assert_eq!(
        by(SearchStrategy::Bound, &matrix, &best).unwrap_err().to_string(),
        "POLARS_CORRSET_STRATEGY is bound, which needs users who share few answer patterns, or questions that all answered and \
        few choices of others"
    );
    assert_eq!(strategy_of(None, &matrix, best), SearchStrategy::Projection);
    let every = Blueprint::free(Cow::Borrowed(&matrix), all);
    let (isa, bound) = (InstructionSet::Portable, Some(SearchStrategy::Bound));
    assert_eq!(
        Every::new(isa, &every, bound, TableColumns::USUAL, Some(0.5)).err().unwrap().to_string(),
        "POLARS_CORRSET_STRATEGY is bound, which needs `top`, or every user to have answered every question"
    );
    let unknown = Error::Strategy { name: "guess".into(), needs: None };
    assert_eq!(
        unknown.to_string(),
        "POLARS_CORRSET_STRATEGY must be one of projection, moments, bound, got \"guess\""
    );
}

/// Without a forced strategy the data decide.
#[test]
fn moments_are_chosen_where_they_pay() {
    let request = Request { k: 4, top: Some(3), min_users: 2, rank_by: RankBy::R };
    let is_summed = |answers: &Answers, request: &Request| {
        let isa = InstructionSet::Portable;
        let (matrix, control) = (integers_of(answers), Control::default());
        let blueprint = Blueprint::free(Cow::Borrowed(&matrix), *request);
        let way = sum_up(isa, &blueprint, None, Wanted::usual(blueprint.request(), false)).unwrap();
        if let Some(way) = &way {
            assert_eq!(way.search(&Run::all(&control)), by(SearchStrategy::Projection, &matrix, request));
        }
        way.is_some()
    };
    let complete = factor(600, 14, 1.0, |random| 2.0 * random);
    assert!(is_summed(&complete, &request));
    assert!(is_summed(&complete, &Request { top: None, ..request }));
    assert!(!is_summed(&complete, &Request { k: 1, ..request }), "no pairs are needed");
    let long = integers_of(&factor(5, 140, 1.0, |_| 1.0));
    let countless = Request { k: 70, ..request };
    assert_eq!(binomial(140, 70), None, "the case must have more sets than can be counted");
    let (isa, strategy) = (InstructionSet::Portable, None);
    let blueprint = &Blueprint::free(Cow::Borrowed(&long), countless);
    assert!(Summed { isa, blueprint, strategy, wanted: Wanted::usual(blueprint.request(), false) }.pays());
    let cut = |patterns: u32| {
        let mut answers = complete.clone();
        for (&user, scores) in &mut answers {
            scores.retain(|&question, _| question % patterns != user % patterns);
        }
        answers
    };
    assert!(is_summed(&cut(3), &request), "200 users per pattern");
    assert!(!is_summed(&cut(13), &request), "46 users of 0/1 scores per pattern");

    let long = factor(600, 50, 1.0, |random| 2.0 * random);
    let form = |patterns: u32| {
        let mut answers = long.clone();
        for (&user, scores) in &mut answers {
            scores.retain(|&question, _| question % 2 == 0 || question % patterns != user % patterns);
        }
        integers_of(&answers)
    };
    assert_eq!(strategy_of(None, &form(3), request), SearchStrategy::Bound);
    assert_eq!(strategy_of(None, &form(3), Request { k: 2, ..request }), SearchStrategy::Moments);
    assert_eq!(strategy_of(None, &form(3), Request { top: None, ..request }), SearchStrategy::Moments);
    assert_eq!(strategy_of(None, &form(23), request), SearchStrategy::Projection, "2^23 families");

    // A core of 48, and twelve electives in hundreds of patterns.
    let wide = with_electives(&factor(600, 60, 1.0, |random| 2.0 * random), 48, 0.5);
    let wide = integers_of(&wide);
    let proven = Request { k: 5, min_users: 60, ..request };
    assert_eq!(strategy_of(None, &wide, proven), SearchStrategy::Bound);
    assert_eq!(strategy_of(None, &wide, Request { k: 2, ..proven }), SearchStrategy::Projection);
    assert_eq!(strategy_of(None, &wide, Request { top: None, ..proven }), SearchStrategy::Projection);

    // A hundred users without one question or another hardly matter beside those who answered all.
    let mut nearly = complete.clone();
    for (&user, scores) in &mut nearly {
        scores.retain(|&question, _| user >= 100 || question % 14 != user % 14 && question % 5 != user % 5);
    }
    let count = patterns(&integers_of(&nearly).answered, 600, 600).unwrap().len();
    assert!(600 / count < 10, "{count} patterns must be many");
    assert!(is_summed(&nearly, &Request { k: 8, ..request }));
    assert!(!is_summed(&nearly, &Request { k: 2, ..request }));
}

#[test]
fn every_strategy_stops_and_tells_how_far_it_is() {
    let answers = |missing: u32| -> Answers {
        let scores = |user: u32| {
            let answered = (0..14).filter(move |question| (user * 7 + question * 5) % 11 >= missing);
            answered
                .map(|question| (question, f64::from((user * user + 3 * question * user + user / 7) % 3)))
                .collect()
        };
        (0..60).map(|user| (user, scores(user))).collect()
    };
    let (complete, booklets) = (integers_of(&answers(0)), integers_of(&answers(2)));
    let isa = InstructionSet::Portable;
    for matrix in [&complete, &booklets] {
        for strategy in SearchStrategy::ALL {
            for top in [Some(5), None] {
                if strategy == SearchStrategy::Bound && top.is_none() {
                    continue;
                }
                let request = Request { k: 5, top, min_users: 2, rank_by: RankBy::R };
                let run = |control: &Control| {
                    let run = Run { strategy: Some(strategy), ..Run::all(control) };
                    crate::search::run(isa, &Blueprint::free(Cow::Borrowed(matrix), request), &run)
                };
                let control = Control::default();
                run(&control).unwrap();
                assert!(
                    (control.done() - 1.0).abs() < 1e-9,
                    "{strategy:?}, {top:?}: {} done",
                    control.done()
                );
                control.stop();
                assert_eq!(run(&control), Err(Error::Interrupted), "{strategy:?}, {top:?}");
            }
        }
    }
}
