//! The search against the naive oracle.

mod edges;
mod shapes;
mod small;

use proptest::prelude::*;

use super::*;
use crate::naive::{self, Against, Answers, NaiveSet};
use crate::ranking::{All, Collector, CorrelationColumn, TableColumns};
use crate::responses::{Duplicates, Responses, Score, Source};
use crate::tree::Prepared;
use crate::whole::Whole;

/// Agreement of a correlation with the oracle's plain two-pass formula.
const TOLERANCE: f64 = 1e-12;

fn responses_of<S: Score>(answers: &Answers, score: impl Fn(f64) -> S) -> Responses<S> {
    let mut responses = Responses { users: Vec::new(), questions: Vec::new(), scores: Vec::new() };
    for (&user, answered) in answers {
        for (&question, &value) in answered {
            responses.users.push(user);
            responses.questions.push(question);
            responses.scores.push(score(value));
        }
    }
    responses
}

fn matrix_of<S: Score>(answers: &Answers, score: impl Fn(f64) -> S) -> ResponseMatrix {
    responses_of(answers, score).into_matrix(Duplicates::Error).unwrap()
}

/// Users have the ids that they have in `answers`, where none is without an answer.
fn matrix_against<S: Score>(whole: &Whole, answers: &Answers, score: impl Fn(f64) -> S) -> ResponseMatrix {
    responses_of(answers, score).matrix_against(Duplicates::Error, whole).unwrap()
}

fn assert_close(found: Option<f64>, expected: Option<f64>, context: &str) {
    let agree = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= TOLERANCE,
        (found, expected) => found == expected,
    };
    assert!(agree, "{context}: {found:?}, the oracle says {expected:?}");
}

fn row(table: &SetTable, k: usize, row: usize) -> &[u32] {
    &table.questions[row * k..][..k]
}

/// α has no lower bound: near a total without variance only its quotient with that variance is comparable. And where √|α|
/// times the total's deviation cancels out in its terms, the oracle's float total is off by as many more roundings.
fn assert_alpha(found: Option<f64>, set: &NaiveSet, context: &str) {
    let scale = set.alpha.map_or(1.0, |alpha| alpha.abs().max(1.0).powf(1.5));
    let scaled = |alpha: Option<f64>| alpha.map(|alpha| alpha / scale);
    assert_close(scaled(found), scaled(set.alpha), &format!("{context}, α {found:?} of {set:?}"));
}

/// All sets equal the oracle's, in order.
fn assert_all_equal(table: &SetTable, expected: &[NaiveSet], k: usize, context: &str) {
    assert_eq!(table.len(), expected.len(), "{context}: number of sets");
    for (i, set) in expected.iter().enumerate() {
        assert_eq!(row(table, k, i), set.questions, "{context}: set {i}");
        let context = format!("{context}: set {:?}", set.questions);
        assert_eq!(table.n_users[i], set.n_users, "{context}");
        assert_close(table.r.get(i), set.r, &format!("{context}, r"));
        assert_close(table.r_rest.get(i), set.r_rest, &format!("{context}, r_rest"));
        assert_alpha(table.alpha.get(i), set, &context);
    }
}

/// The best n are those of a stable sort of all sets by the reported key.
fn assert_best_is_sorted_all(best: &SetTable, all: &SetTable, request: &Request, context: &str) {
    let key = |i: &usize| match request.rank_by {
        RankBy::R => all.r.get(*i),
        RankBy::RRest => all.r.get(*i).and(all.r_rest.get(*i)),
        RankBy::Alpha => all.alpha.get(*i),
    };
    let mut order: Vec<usize> = (0..all.len()).filter(|i| key(i).is_some()).collect();
    order.sort_by(|a, b| key(b).partial_cmp(&key(a)).unwrap());
    order.truncate(request.top.unwrap());
    assert_eq!(best.len(), order.len(), "{context}: number of sets");
    for (i, &j) in order.iter().enumerate() {
        assert_eq!(row(best, request.k, i), row(all, request.k, j), "{context}: rank {i}");
        if request.rank_by == RankBy::Alpha {
            assert_eq!(best.alpha.get(i), all.alpha.get(j), "{context}: rank {i}");
        }
        assert_eq!(
            (best.r.get(i), best.r_rest.get(i)),
            (all.r.get(j), all.r_rest.get(j)),
            "{context}: rank {i}"
        );
        assert_eq!(best.n_users[i], all.n_users[j], "{context}: rank {i}");
    }
}

/// The instruction sets of this CPU.
fn instruction_sets() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.into_iter().filter(|isa| isa.is_available())
}

/// In the tree on each instruction set all sets equal the oracle's, bit for bit those of the portable one, and the best
/// are the best of them. (The other strategies have tests of their own.)
fn check(matrix: &ResponseMatrix, answers: &Answers, k: usize, min_users: u32, context: &str) {
    check_against(&Against::Sum, matrix, answers, k, min_users, context);
}

/// The same where sets are correlated with something else.
fn check_against(
    against: &Against,
    matrix: &ResponseMatrix,
    answers: &Answers,
    k: usize,
    min_users: u32,
    context: &str,
) {
    let request = Request { k, top: None, min_users, rank_by: RankBy::Alpha };
    let search_tree =
        |isa, request: &Request| search_with(isa, Some(SearchStrategy::Projection), matrix, request).unwrap();
    let all = search_tree(InstructionSet::Portable, &request);
    // Without α, which other kernels make.
    let request = Request { rank_by: RankBy::R, ..request };
    let by_r = SetTable { alpha: CorrelationColumn::default(), ..all.clone() };
    assert_all_equal(&all, &naive::all_sets_against(against, answers, k, min_users), k, context);
    for graded in all_by_points(matrix, &request) {
        assert_eq!(all, graded, "{context}: as scores of any grades");
    }
    for isa in instruction_sets() {
        let context = format!("{context} on {}", isa.name());
        assert_eq!(search_tree(isa, &request), by_r, "{context}");
        let by_alpha = Request { rank_by: RankBy::Alpha, ..request };
        assert_eq!(search_tree(isa, &by_alpha), all, "{context}");
        check_shards(isa, matrix, &by_r, &request, &context);
        check_stretches(isa, matrix, &all, &request, &context);
        for rank_by in [RankBy::R, RankBy::RRest, RankBy::Alpha] {
            for top in [1, 2, 10, 1000] {
                let request = Request { top: Some(top), rank_by, ..request };
                let context = format!("{context}, top {top} by {rank_by:?}");
                assert_best_is_sorted_all(&search_tree(isa, &request), &all, &request, &context);
            }
        }
    }
}

/// All sets with α, where integers within 12 bits, also those of 0 and 1, are taken for scores of any grades: with α made user
/// by user, and from sums.
fn all_by_points(matrix: &ResponseMatrix, request: &Request) -> Vec<SetTable> {
    match &matrix.table {
        Table::Binary(integers) => all_by_points_of(matrix, integers, request),
        Table::Numbers(integers) => all_by_points_of(matrix, integers, request),
        Table::Float(_) => Vec::new(),
    }
}

fn all_by_points_of<C: Cells<Value: Into<i64>>>(
    matrix: &ResponseMatrix,
    integers: &Integers<C>,
    request: &Request,
) -> Vec<SetTable> {
    let Some(points) = narrow_points(matrix, integers, request.k) else { return Vec::new() };
    let mut found = vec![every(matrix, request, &Graded::<u16>::new(&matrix.answered, &points, true))];
    if request.k > 1 {
        found.push(every(matrix, request, &GradedAlpha::new(&matrix.answered, &points, request.k)));
    }
    found
}

fn narrow_points<'a, C: Cells<Value: Into<i64>>>(
    matrix: &ResponseMatrix,
    integers: &'a Integers<C>,
    k: usize,
) -> Option<IntegerPoints<'a, C>> {
    IntegerPoints::exact(integers, k, u16::largest(matrix.users()))
}

/// All sets with α of a kind of scores.
fn every<S: Scores>(matrix: &ResponseMatrix, request: &Request, scores: &S) -> SetTable {
    let blueprint = Blueprint::free(Cow::Borrowed(matrix), *request);
    let prepared = Prepared::new(InstructionSet::Portable, scores, &blueprint, true).unwrap();
    let columns = TableColumns::USUAL.with(RankBy::Alpha);
    let all = prepared.search(&Run::all(&Control::default()), || All::new(columns, None, None)).unwrap();
    existing(matrix, columns, all.into_table())
}

/// Shares of the sets are, one after another, all sets, and the best of each are the best of its sets. Each is done in
/// full by its own account.
fn check_shards(
    isa: InstructionSet,
    matrix: &ResponseMatrix,
    all: &SetTable,
    request: &Request,
    context: &str,
) {
    for count in [2, 11] {
        let mut together = SetTable::default();
        for index in 0..count {
            let context = format!("{context}: shard {index} of {count}");
            let one = |request: &Request| {
                let control = Control::default();
                let blueprint = Blueprint::free(Cow::Borrowed(matrix), *request);
                let within = Shard { index, count }.within(blueprint.space()).unwrap();
                let found = super::run(isa, &blueprint, &Run { within, ..Run::all(&control) }).unwrap();
                assert!((control.done() - 1.0).abs() < 1e-9, "{context}: {} done", control.done());
                found
            };
            let every = one(request);
            let best = Request { top: Some(3), ..*request };
            assert_best_is_sorted_all(&one(&best), &every, &best, &context);
            together.append(&mut { every });
        }
        assert_eq!(&together, all, "{context}: {count} shards");
    }
}

/// Stretches of any length are, one after another, all sets, or those of them that reach the floor.
fn check_stretches(
    isa: InstructionSet,
    matrix: &ResponseMatrix,
    all: &SetTable,
    request: &Request,
    context: &str,
) {
    let few = TableColumns { r: true, ..TableColumns::default() };
    let with_alpha = TableColumns::USUAL.with(RankBy::Alpha);
    for (floor, columns) in [
        (None, TableColumns::USUAL),
        (Some((RankBy::R, -0.5)), TableColumns::USUAL),
        (Some((RankBy::R, 0.5)), TableColumns::USUAL),
        (Some((RankBy::R, 0.9)), TableColumns::USUAL),
        (Some((RankBy::RRest, 0.3)), TableColumns::USUAL),
        (None, few),
        (Some((RankBy::R, 0.5)), few),
        (None, with_alpha),
        (Some((RankBy::R, 0.5)), with_alpha),
        (Some((RankBy::Alpha, 0.3)), with_alpha),
    ] {
        let request = Request { rank_by: floor.map_or(RankBy::R, |(rank_by, _)| rank_by), ..*request };
        let blueprint = Blueprint::free(Cow::Borrowed(matrix), request);
        let least = floor.map(|(_, least)| least);
        let by = SearchStrategy::Projection;
        let found = stretch_by_stretch(isa, &blueprint, by, columns, least, usize::MAX).unwrap();
        let context = format!("{context}: stretches from {floor:?}, {columns:?}");
        assert_eq!(found, rows_from(all, request.k, floor, columns), "{context}");
    }
}

/// All sets, one stretch after another, each twice as long; half as long where it would have more than `most` rows.
pub(super) fn stretch_by_stretch(
    isa: InstructionSet,
    blueprint: &Blueprint,
    strategy: SearchStrategy,
    columns: TableColumns,
    floor: Option<f64>,
    most: usize,
) -> Result<SetTable> {
    let sets = blueprint.space().sets().unwrap();
    Every::new(isa, blueprint, Some(strategy), columns, floor)?.walk(|stretches| {
        let mut found = SetTable::default();
        let (mut start, mut length) = (0, 1);
        while start < sets {
            let end = sets.min(start + length);
            match stretches.stretch(start..end, most, &Control::default()).unwrap() {
                Some(mut table) => {
                    found.append(&mut table);
                    (start, length) = (end, length * 2);
                }
                None => length /= 2,
            }
        }
        found
    })
}

/// What is left of `all` sets by filtering, with these columns and that of the floor.
pub(super) fn rows_from(
    all: &SetTable,
    k: usize,
    floor: Option<(RankBy, f64)>,
    columns: TableColumns,
) -> SetTable {
    let of = |rank_by| match rank_by {
        RankBy::R => &all.r,
        RankBy::RRest => &all.r_rest,
        RankBy::Alpha => &all.alpha,
    };
    let reaches =
        |row: &usize| floor.is_none_or(|(by, floor)| of(by).get(*row).is_some_and(|value| value >= floor));
    let rows: Vec<usize> = (0..all.len()).filter(reaches).collect();
    let columns = floor.map_or(columns, |(rank_by, _)| columns.with(rank_by));
    let kept = |column: &CorrelationColumn, is_made: bool| -> CorrelationColumn {
        rows.iter().filter(|_| is_made).map(|&row| column.get(row)).collect()
    };
    SetTable {
        questions: rows.iter().filter(|_| columns.questions).flat_map(|&i| row(all, k, i)).copied().collect(),
        r: kept(&all.r, columns.r),
        r_rest: kept(&all.r_rest, columns.r_rest),
        alpha: kept(&all.alpha, columns.alpha),
        n_users: rows.iter().map(|&row| all.n_users[row]).collect(),
    }
}

/// The same answers with scores that are so many times as large.
fn scaled(answers: &Answers, factor: f64) -> Answers {
    let scores = |scores: &std::collections::BTreeMap<u32, f64>| {
        scores.iter().map(|(&question, score)| (question, score * factor)).collect()
    };
    answers.iter().map(|(&user, answered)| (user, scores(answered))).collect()
}

/// A fixed pseudo-random table, for sizes that proptest would make too slow.
fn fixed(users: u32, questions: u32, answered_percent: u64, score: impl Fn(u64) -> f64) -> Answers {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut answers = Answers::new();
    for user in 0..users {
        for question in 0..questions {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if (state >> 33) % 100 < answered_percent {
                answers.entry(user).or_default().insert(question, score(state >> 40));
            }
        }
    }
    answers
}
