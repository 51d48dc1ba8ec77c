//! Given sets against the search, bit for bit, and against the naive oracle.

use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;
use crate::moments::RankBy;
use crate::naive::{self, Answers, NaiveSet};
use crate::ranking::SetTable;
use crate::responses::{Duplicates, Responses, Score};
use crate::search::{Request, search};

fn matrix_of<S: Score>(answers: &Answers, score: impl Fn(f64) -> S) -> ResponseMatrix {
    let cells = || answers.iter().flat_map(|(&user, answered)| answered.iter().map(move |cell| (user, cell)));
    let responses = Responses {
        users: cells().map(|(user, _)| user).collect(),
        questions: cells().map(|(_, (&question, _))| question).collect(),
        scores: cells().map(|(_, (_, &value))| score(value)).collect(),
    };
    responses.into_matrix(Duplicates::Error).unwrap()
}

fn all_sets(matrix: &ResponseMatrix, k: usize) -> SetTable {
    search(matrix, &Request { k, top: None, min_users: 2, rank_by: RankBy::R }).unwrap()
}

fn assert_close(found: Option<f64>, expected: Option<f64>, context: &str) {
    let agree = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-12 * expected.abs().max(1.0),
        (found, expected) => found == expected,
    };
    assert!(agree, "{context}: {found:?}, the oracle says {expected:?}");
}

/// Every set of `k`, as the search reports it and with the oracle's α.
fn check(matrix: &ResponseMatrix, expected: &[NaiveSet], k: usize, context: &str) {
    let found = all_sets(matrix, k);
    let sets: Vec<&[u32]> = found.questions.chunks(k).collect();
    assert_eq!(sets.len(), expected.len(), "{context}");
    for (row, statistics) in evaluate(matrix, &sets, &Control::default()).unwrap().iter().enumerate() {
        let context = format!("{context}: {:?}", sets[row]);
        assert_eq!(sets[row], expected[row].questions, "{context}");
        let SetStatistics { correlations, n_users } = *statistics;
        assert_eq!(
            (correlations.r, correlations.r_rest),
            (found.r.get(row), found.r_rest.get(row)),
            "{context}"
        );
        assert_eq!(n_users, found.n_users[row], "{context}");
        assert_close(correlations.alpha, expected[row].alpha, &context);
    }
}

/// Users who each answered some of 6 questions, the first all of them.
fn answers() -> impl Strategy<Value = Answers> {
    let user = prop::collection::vec(prop::option::weighted(0.8, -3..4i32), 6);
    (prop::collection::vec(-3..4i32, 6), prop::collection::vec(user, 1..70)).prop_map(|(first, others)| {
        let first = first.into_iter().map(Some).collect();
        let rows = std::iter::once(first).chain(others).map(|row: Vec<Option<i32>>| {
            let answered = (0..).zip(row).filter_map(|(question, score)| Some((question, f64::from(score?))));
            answered.collect()
        });
        (0..).zip(rows.filter(|row: &std::collections::BTreeMap<u32, f64>| !row.is_empty())).collect()
    })
}

/// The same beside users who answered everything, enough of them to be summed up.
fn with_a_crowd() -> impl Strategy<Value = Answers> {
    let crowd = prop::collection::vec(prop::collection::vec(-3..4i32, 6), USERS_OF_A_BLOCK..100);
    (answers(), crowd).prop_map(|(mut answers, crowd)| {
        let rows = crowd.into_iter().map(|row| (0..).zip(row.into_iter().map(f64::from)).collect());
        answers.extend((answers.len() as u32..).zip(rows));
        answers
    })
}

/// Integer scores of each kind, made of small ones.
type Kind = (&'static str, fn(f64) -> f64);
const KINDS: [Kind; 4] = [
    ("0/1", |value| f64::from(value > 0.0)),
    ("small", |value| value),
    ("wide", |value| value * 1e9),
    ("wider", |value| value * 1e15),
];

/// Fractions whose sums are rounded, and none of which is nearly 0: the oracle takes constants for what they are by their
/// size.
fn tenths(value: f64) -> f64 {
    (value + 7.0) / 10.0
}

fn mapped(answers: &Answers, score: impl Fn(f64) -> f64) -> Answers {
    let scored = |row: &std::collections::BTreeMap<u32, f64>| {
        row.iter().map(|(&q, &value)| (q, score(value))).collect()
    };
    answers.iter().map(|(&user, row)| (user, scored(row))).collect()
}

proptest! {
    #[test]
    fn given_sets_are_what_the_search_reports(answers in prop_oneof![answers(), with_a_crowd()], k in 1..7usize) {
        for (kind, score) in KINDS {
            let answers = mapped(&answers, score);
            check(&matrix_of(&answers, |value| value as i64), &naive::all_sets(&answers, k, 2), k, kind);
        }
        let tenths = mapped(&answers, tenths);
        check(&matrix_of(&tenths, |value| value), &naive::all_sets(&tenths, k, 2), k, "floats");
    }

    #[test]
    fn a_part_of_the_users_is_a_matrix_of_its_own(answers in answers(), k in 1..4usize, every in 1..4usize) {
        let part: Answers =
            answers.iter().step_by(every).zip(0..).map(|((_, row), user)| (user, row.clone())).collect();
        let users: Vec<u32> = (0..answers.len() as u32).step_by(every).collect();
        for (kind, score) in KINDS {
            let whole = matrix_of(&mapped(&answers, score), |value| value as i64).of_users(&users).unwrap();
            check(&whole, &naive::all_sets(&mapped(&part, score), k, 2), k, kind);
        }
        let whole = matrix_of(&mapped(&answers, tenths), |value| value).of_users(&users).unwrap();
        check(&whole, &naive::all_sets(&mapped(&part, tenths), k, 2), k, "floats");
    }
}

/// 600 users of 70 questions, so that both take more than a word, in 5 patterns, of which one has few users, and one who
/// has answered everything, alone the last question.
fn sparse() -> ResponseMatrix {
    let answers: Answers = (0..600u32)
        .map(|user| {
            let pattern = if user < 40 { 0 } else { 1 + user % 4 };
            let answered =
                |&question: &u32| (pattern + question * 17) % 5 < 3 && question < 69 || user == 599;
            let score = |question| (question, f64::from((user * question) % 7));
            (user, (0..70).filter(answered).map(score).collect())
        })
        .collect();
    matrix_of(&answers, |value| value as i64)
}

#[test]
fn sets_of_any_length_are_evaluated_in_their_order_on_any_number_of_threads() {
    let matrix = sparse();
    let sets: Vec<Vec<u32>> =
        (0..2000).map(|set| (0..1 + set % 4).map(|i| (set * 7 + i * 13) % 70).collect()).collect();
    let sets: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
    assert!(is_parallel(&matrix, sets.len()) && !is_parallel(&matrix, 1));
    let Table::Numbers(integers) = &matrix.table else { panic!("scores are integers") };
    let (blocks, others) = blocks::<_, i64>(&matrix, integers, &sets).unwrap();
    assert_eq!((blocks.len(), others.len()), (4, 41));
    let together = evaluate(&matrix, &sets, &Control::default()).unwrap();
    for (set, together) in sets.iter().zip(&together) {
        assert_eq!(evaluate(&matrix, &[set], &Control::default()).unwrap(), [*together], "{set:?}");
        let mut sorted = set.to_vec();
        sorted.sort_unstable();
        let found = all_sets(&matrix, set.len().min(2));
        if set.len() < 3
            && let Some(row) = found.questions.chunks(set.len()).position(|one| one == sorted)
        {
            assert_eq!(
                (together.correlations.r, together.n_users),
                (found.r.get(row), found.n_users[row]),
                "{set:?}"
            );
        }
    }
}

#[test]
fn few_users_have_no_statistics() {
    let matrix = sparse();
    let none = |n_users| SetStatistics {
        correlations: Correlations { r: None, r_rest: None, alpha: None },
        n_users,
    };
    assert_eq!(evaluate(&matrix, &[&[69, 3]], &Control::default()), Ok(vec![none(1)]));
    let without = matrix.of_users(&[0, 1, 2]).unwrap();
    assert_eq!(evaluate(&without, &[&[69, 3]], &Control::default()), Ok(vec![none(0)]));
    let nobody = matrix.of_users(&[]).unwrap();
    assert_eq!(evaluate(&nobody, &[&[1]], &Control::default()), Ok(vec![none(0)]));
}

#[test]
fn it_is_stopped_and_refuses_sums_beyond_128_bits() {
    static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);
    let control = Control::interrupted_by(&INTERRUPTS);
    control.stop();
    assert_eq!(evaluate(&sparse(), &[&[1]], &control), Err(Error::Interrupted));

    let scores = vec![i64::MAX / 2, -(i64::MAX / 2), 5, 7];
    let huge = Responses { users: vec![0, 1, 0, 1], questions: vec![0, 0, 1, 1], scores };
    let huge = huge.into_matrix(Duplicates::Error).unwrap();
    let refused = evaluate(&huge, &[&[0, 1]], &Control::default());
    assert_eq!(refused, Err(Error::Overflow { what: "sums of squared totals" }));
}
