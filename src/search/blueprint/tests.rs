//! Constrained searches against all sets of the free search, filtered.

use proptest::prelude::*;

use super::*;
use crate::isa::InstructionSet;
use crate::moments::RankBy;
use crate::naive::Answers;
use crate::ranking::TableColumns;
use crate::responses::{Duplicates, Responses, Score};
use crate::search::{Control, Every, Run, SearchStrategy, Shard, run, search_with};

/// Questions of the random tables.
const QUESTIONS: u32 = 8;

const USERS: usize = 24;

const DOMAINS: u32 = 3;

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

/// The definition: whether a set is wanted.
fn fulfils(constraints: &Constraints, set: &[u32]) -> bool {
    let Constraints { include, exclude, domains, costs } = constraints;
    let is_of = |domain: u32, question: u32| domains.as_ref().unwrap().of[question as usize] == Some(domain);
    let balanced = domains.as_ref().is_none_or(|domains| {
        (0..DOMAINS).all(|domain| {
            let count = set.iter().filter(|&&question| is_of(domain, question)).count();
            let is_there = (0..domains.of.len() as u32)
                .any(|question| !exclude.contains(&question) && is_of(domain, question));
            count <= domains.most && (count >= domains.least || !is_there)
        })
    });
    // Whole numbers, so that this is exact.
    let cost =
        |costs: &Costs| set.iter().map(|&question| costs.of[question as usize]).sum::<f64>() <= costs.most;
    include.iter().all(|question| set.contains(question))
        && !set.iter().any(|question| exclude.contains(question))
        && balanced
        && costs.as_ref().is_none_or(cost)
}

/// Questions, r, r_rest, common users, and α, if sets are ranked by it.
type Row = (Vec<u32>, Option<f64>, Option<f64>, u32, Option<f64>);

fn rows(table: &SetTable, k: usize) -> Vec<Row> {
    let set = |row: usize| table.questions[row * k..][..k].to_vec();
    let alpha = |row| if table.alpha.is_empty() { None } else { table.alpha.get(row) };
    (0..table.len())
        .map(|row| (set(row), table.r.get(row), table.r_rest.get(row), table.n_users[row], alpha(row)))
        .collect()
}

/// The rows of `all`, every set of the free search, that are wanted.
fn wanted(all: &[Row], request: &Request, constraints: &Constraints) -> Vec<Row> {
    let key = |row: &Row| match request.rank_by {
        RankBy::R => row.1,
        RankBy::RRest => row.1.and(row.2),
        RankBy::Alpha => row.4,
    };
    let mut rows: Vec<Row> = all.iter().filter(|row| fulfils(constraints, &row.0)).cloned().collect();
    if let Some(top) = request.top {
        rows.retain(|row| key(row).is_some());
        rows.sort_by(|a, b| key(b).partial_cmp(&key(a)).unwrap());
        rows.truncate(top);
    }
    if request.rank_by != RankBy::Alpha {
        rows.iter_mut().for_each(|row| row.4 = None);
    }
    rows
}

/// By every strategy, on every instruction set, in one and in shares, constrained sets are the wanted ones of all.
fn check(matrix: &ResponseMatrix, k: usize, min_users: u32, constraints: &Constraints) {
    let request = Request { k, top: None, min_users, rank_by: RankBy::R };
    let by_alpha = Request { rank_by: RankBy::Alpha, ..request };
    let isa = InstructionSet::Portable;
    let all = rows(&search_with(isa, Some(SearchStrategy::Projection), matrix, &by_alpha).unwrap(), k);
    for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
        for (top, rank_by) in [
            (None, RankBy::R),
            (Some(1), RankBy::R),
            (Some(4), RankBy::RRest),
            (Some(99), RankBy::R),
            (Some(3), RankBy::Alpha),
            (Some(99), RankBy::Alpha),
        ] {
            let request = Request { top, rank_by, ..request };
            let expected = wanted(&all, &request, constraints);
            let blueprint = Blueprint::new(Cow::Borrowed(matrix), request, constraints).unwrap();
            let mut strategies = vec![None, Some(SearchStrategy::Projection)];
            let (few, sums) = (blueprint.matrix(), blueprint.space().chosen() > 1);
            let complete = few.is_complete();
            let floats = matches!(few.table, crate::matrix::Table::Float(_));
            if if floats { complete && sums && top.is_some() } else { true } {
                strategies.push(Some(SearchStrategy::Moments));
            }
            if complete && top.is_some() && sums {
                strategies.push(Some(SearchStrategy::Bound));
            }
            for strategy in strategies {
                let context = format!("{} by {strategy:?}, {request:?}, {constraints:?}", isa.name());
                let control = Control::default();
                let found = run(isa, &blueprint, &Run { strategy, ..Run::all(&control) });
                // Which floats are too alike for covariances is another test's matter.
                if floats && matches!(found, Err(crate::error::Error::Strategy { .. })) {
                    continue;
                }
                assert_eq!(rows(&found.unwrap(), k), expected, "{context}");
                assert!((control.done() - 1.0).abs() < 1e-9, "{context}: {} done", control.done());
            }
        }
        let blueprint = Blueprint::new(Cow::Borrowed(matrix), request, constraints).unwrap();
        check_shares(isa, &blueprint, &wanted(&all, &request, constraints));
    }
}

/// One after another, shares make the whole.
fn check_shares(isa: InstructionSet, blueprint: &Blueprint, expected: &[Row]) {
    let mut together = [SetTable::default(), SetTable::default()];
    for index in 0..3 {
        let control = Control::default();
        let positions = Shard { index, count: 3 }.positions(blueprint.space()).unwrap();
        let of_share = Run { within: Some(positions.clone()), ..Run::all(&control) };
        let every = Every::new(isa, blueprint, None, TableColumns::USUAL, None).unwrap();
        let stretch = every.walk(|all| all.stretch(positions, usize::MAX, &Control::default()));
        together[0].append(&mut run(isa, blueprint, &of_share).unwrap());
        assert!((control.done() - 1.0).abs() < 1e-9, "{} of share {index}", control.done());
        together[1].append(&mut stretch.unwrap().unwrap().unwrap());
    }
    for together in together {
        assert_eq!(rows(&together, blueprint.request().k), expected, "{} in shares", isa.name());
    }
}

fn constraints(k: usize) -> impl Strategy<Value = Constraints> {
    let order = Just((0..QUESTIONS).collect::<Vec<u32>>()).prop_shuffle();
    let questions = QUESTIONS as usize;
    let domains =
        (prop::collection::vec(prop::option::weighted(0.9, 0..DOMAINS), questions), 0usize..3, 1usize..4)
            .prop_map(|(of, least, most)| Domains { of, least, most: most.max(least) });
    let costs = (prop::collection::vec(0u8..6, questions), 0u8..20)
        .prop_map(|(of, most)| Costs { of: of.into_iter().map(f64::from).collect(), most: most.into() });
    (
        order,
        prop_oneof![Just(0), Just(1usize.min(k)), 0..=k],
        0..5usize,
        prop::option::of(domains),
        prop::option::of(costs),
    )
        .prop_map(|(order, include, exclude, domains, costs)| Constraints {
            include: order[..include].to_vec(),
            exclude: order[include..].iter().copied().take(exclude.saturating_sub(2)).collect(),
            domains,
            costs,
        })
}

/// Scores of each question and user; `None` is no answer.
fn answers(answered: u8) -> impl Strategy<Value = Answers> {
    let cell = (any::<u8>(), -2i8..4);
    prop::collection::vec(cell, USERS * QUESTIONS as usize).prop_map(move |cells| {
        let mut answers = Answers::new();
        for (i, (chance, score)) in (0..).zip(cells) {
            if chance <= answered {
                answers.entry(i / QUESTIONS).or_default().insert(i % QUESTIONS, f64::from(score));
            }
        }
        // Every question is there, or ids would not be dense.
        answers.insert(USERS as u32, (0..QUESTIONS).map(|question| (question, 1.0)).collect());
        answers
    })
}

fn case() -> impl Strategy<Value = (usize, Constraints)> {
    (1usize..6).prop_flat_map(|k| (Just(k), constraints(k)))
}

/// Positions tell all sets in lexicographic order, and sets tell positions.
#[test]
fn sets_have_positions() {
    let answers: Answers = (0..3)
        .map(|user| (user, (0..QUESTIONS).map(|question| (question, f64::from(user))).collect()))
        .collect();
    let matrix = matrix_of(&answers, |score| score as i64);
    let all = |k: usize| {
        let masks = (0u32..1 << QUESTIONS).filter(move |mask| mask.count_ones() as usize == k);
        let set = |mask: u32| -> Vec<u32> { (0..QUESTIONS).filter(|i| mask >> i & 1 == 1).collect() };
        let mut sets: Vec<Vec<u32>> = masks.map(set).collect();
        sets.sort();
        sets
    };
    for (k, include, exclude) in [
        (1, vec![], vec![]),
        (3, vec![], vec![0, 5]),
        (4, vec![6, 2], vec![]),
        (4, vec![3], vec![1, 7]),
        (2, vec![5, 1], vec![2]),
        (8, vec![4], vec![]),
        (7, vec![], vec![1, 2]),
        (9, vec![], vec![]),
    ] {
        let constraints = Constraints { include, exclude, ..Constraints::default() };
        let request = Request { k, top: None, min_users: 2, rank_by: RankBy::R };
        let blueprint = Blueprint::new(Cow::Borrowed(&matrix), request, &constraints).unwrap();
        let sets: Vec<Vec<u32>> = (0..).map_while(|position| blueprint.set_at(position)).collect();
        let fulfilling = all(k).into_iter().filter(|set| fulfils(&constraints, set));
        assert_eq!(sets, fulfilling.collect::<Vec<_>>(), "{k}, {constraints:?}");
        for set in all(k) {
            let before = sets.iter().filter(|&other| other < &set).count();
            assert_eq!(blueprint.position_from(Some(&set)), Some(before as u128), "{set:?}, {constraints:?}");
        }
        assert_eq!(blueprint.position_from(None), Some(sets.len() as u128));
    }
}

/// Where a question closes as many others as a vector has lanes, and whole vectors of them.
#[test]
fn sets_are_the_same_where_whole_parts_are_closed() {
    let questions = 56u32;
    // As many users for each question, so that the search takes them in the order of their numbers, and domains side by side.
    let is_answered = |user: u32, question: u32| !(user * 7 + question * 3).is_multiple_of(5);
    let score = |user: u32, question: u32| f64::from((user * 31 + question * 17 + user * question) % 7 / 4);
    let answers_of = |user: u32| {
        let answered = (0..questions).filter(|&question| is_answered(user, question));
        answered.map(|question| (question, score(user, question))).collect()
    };
    let answers: Answers = (0..40).map(|user| (user, answers_of(user))).collect();
    let by_thirds = |least, most| {
        Some(Domains { of: (0..questions).map(|question| Some(question / 19)).collect(), least, most })
    };
    let in_the_middle = (0..questions).map(|question| (15..33).contains(&question).then_some(0));
    let of_the_middle = Some(Domains { of: in_the_middle.collect(), least: 0, most: 1 });
    let of = (0..questions).map(|question| if question < 36 { 5.0 } else { f64::from(question % 3) });
    let costs = Some(Costs { of: of.collect(), most: 7.0 });
    let free = Constraints::default();
    for constraints in [
        Constraints { domains: by_thirds(0, 1), ..free.clone() },
        // Both sides of the middle stay open, several parts each.
        Constraints { domains: of_the_middle, ..free.clone() },
        Constraints { domains: by_thirds(1, 2), ..free.clone() },
        Constraints { costs: costs.clone(), ..free.clone() },
        Constraints { include: vec![40], domains: by_thirds(0, 1), costs, ..free },
    ] {
        check(&matrix_of(&answers, |score| score as i64), 3, 2, &constraints);
        check(&matrix_of(&answers, |score| score as i64 * 3), 3, 2, &constraints);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn constrained_sets_are_those_of_all_that_fulfil(
        answers in prop_oneof![answers(120), answers(220), answers(255)],
        (k, constraints) in case(),
        min_users in 2u32..5,
    ) {
        check(&matrix_of(&answers, |score| i64::from(score > 0.0)), k, min_users, &constraints);
        check(&matrix_of(&answers, |score| score as i64), k, min_users, &constraints);
        check(&matrix_of(&answers, |score| score as i64 * 1_000_003), k, min_users, &constraints);
        check(&matrix_of(&answers, |score| score / 7.0), k, min_users, &constraints);
    }
}
