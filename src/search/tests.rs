//! The search against the naive oracle.

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
        Table::Small(integers) => all_by_points_of(matrix, integers, request),
        Table::Large(_) | Table::Float(_) => Vec::new(),
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

/// Dense or sparse answers, about `density` of 255 cells answered, with scores from `score`.
fn answers(
    users: std::ops::Range<u32>,
    questions: std::ops::Range<u32>,
    score: impl Strategy<Value = f64> + Clone + 'static,
) -> impl Strategy<Value = Answers> {
    let cell = (any::<u8>(), score);
    (users, questions, any::<u8>()).prop_flat_map(move |(users, questions, density)| {
        prop::collection::vec(cell.clone(), (users * questions) as usize).prop_map(move |cells| {
            let mut answers = Answers::new();
            for (i, (chance, score)) in cells.into_iter().enumerate() {
                if chance <= density {
                    let (user, question) = (i as u32 / questions, i as u32 % questions);
                    answers.entry(user).or_default().insert(question, score);
                }
            }
            answers
        })
    })
}

fn scores(values: &'static [f64]) -> impl Strategy<Value = f64> + Clone + 'static {
    prop::sample::select(values)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn binary_scores(answers in answers(1..40, 1..8, scores(&[0.0, 1.0])), k in 1usize..5, min_users in 0u32..6) {
        let matrix = matrix_of(&answers, |score| score as i64);
        check(&matrix, &answers, k, min_users, "binary");
    }

    #[test]
    fn small_integer_scores(answers in answers(1..30, 1..8, scores(&[-2.0, 0.0, 3.0, 4.0, 9.0])), k in 1usize..5) {
        check(&matrix_of(&answers, |score| score as i64), &answers, k, 2, "small");
        check(&matrix_of(&answers, |score| score as i128), &answers, k, 2, "wide type, small values");
        check(&matrix_of(&answers, |score| score), &answers, k, 2, "integral floats");
    }

    #[test]
    fn large_integer_scores(answers in answers(1..30, 1..7, scores(&[-1e8, 0.0, 123_456.0, 99_999_999.0])), k in 1usize..4) {
        check(&matrix_of(&answers, |score| score as i64), &answers, k, 2, "large, sums of 64 or 128 bits");
    }

    #[test]
    fn float_scores(answers in answers(1..30, 1..7, scores(&[0.1, 0.25, 0.7, 1.3, -2.9])), k in 1usize..4) {
        check(&matrix_of(&answers, |score| score), &answers, k, 2, "floats");
    }

    #[test]
    fn float_scores_without_structure(answers in answers(1..30, 1..7, -1.0f64..1.0), k in 1usize..4) {
        check(&matrix_of(&answers, |score| score), &answers, k, 2, "floats");
        check(&matrix_of(&answers, |score| score * 1e-200), &answers, k, 2, "tiny floats");
        check(&matrix_of(&answers, |score| score * 1e300), &answers, k, 2, "huge floats");
    }

    #[test]
    fn batches_merge_to_the_whole(answers in answers(1..30, 1..8, scores(&[0.0, 1.0, 5.0])), cut in any::<prop::sample::Index>()) {
        let whole = responses_of(&answers, |score| score as i64);
        let mut first = whole.clone();
        let cut = cut.index(whole.len() + 1);
        let batch = Responses {
            users: first.users.split_off(cut),
            questions: first.questions.split_off(cut),
            scores: first.scores.split_off(cut),
        };
        // The batch numbers users and questions backwards.
        let ids: Vec<u32> = (0..40).rev().collect();
        let renamed = |ids: Vec<u32>| ids.into_iter().map(|id| 39 - id).collect();
        let batch = Responses { users: renamed(batch.users), questions: renamed(batch.questions), ..batch };
        first.merge(batch, &ids, &ids);
        prop_assert_eq!(first, whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Every kind of scores with every kind of criteria.
    #[test]
    fn criteria(
        answers in answers(1..30, 1..7, scores(&[0.0, 1.0])),
        values in prop::collection::vec(-4i8..4, 30),
        k in 1usize..5,
    ) {
        let answers: Answers = (0..).zip(answers.into_values()).collect();
        let users = answers.len();
        let values: Vec<f64> = values[..users].iter().map(|&value| f64::from(value)).collect();
        let criterion = |factor: f64| {
            Against::Criterion((0..).zip(values.iter().map(|value| value * factor)).collect())
        };
        let integers = |factor: i128| {
            Whole::IntegerCriterion(values.iter().map(|&value| value as i128 * factor).collect())
        };
        let floats = |factor: f64| Whole::FloatCriterion(values.iter().map(|value| value * factor).collect());
        for (against, whole) in [
            (criterion(1.0), integers(1)),
            (criterion(1e15), integers(1_000_000_000_000_000)),
            (criterion(1.0), floats(1.0)),
            (criterion(0.3), floats(0.3)),
            // Of which the oracle could not take squares.
            (criterion(1.0), floats(1e300)),
        ] {
            for factor in [1.0, -5.0, 1e6, 1e12] {
                let answers: Answers = scaled(&answers, factor);
                let matrix = matrix_against(&whole, &answers, |score| score as i64);
                check_against(&against, &matrix, &answers, k, 2, &format!("{factor} and {whole:?}"));
            }
            let answers = scaled(&answers, 0.7);
            let matrix = matrix_against(&whole, &answers, |score| score);
            check_against(&against, &matrix, &answers, k, 2, &format!("floats and {whole:?}"));
        }
    }

    #[test]
    fn means(answers in answers(1..30, 1..7, scores(&[0.0, 1.0, 5.0])), k in 1usize..5) {
        let answers: Answers = (0..).zip(answers.into_values()).collect();
        for (factor, shift) in [(1.0, 0.0), (1e6, 0.0), (1.0, 1e12)] {
            let answers: Answers = scaled(&answers, factor);
            let matrix = matrix_against(&Whole::Mean, &answers, |score| score as i64 + shift as i64);
            check_against(&Against::Mean, &matrix, &answers, k, 2, &format!("{factor} and {shift}"));
        }
        let answers = scaled(&answers, 0.7);
        let matrix = matrix_against(&Whole::Mean, &answers, |score| score);
        check_against(&Against::Mean, &matrix, &answers, k, 2, "floats");
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

#[test]
fn questions_around_word_boundaries() {
    for questions in [1, 2, 15, 16, 17, 31, 32, 33, 48, 62, 63, 64, 65, 66, 127, 128, 129] {
        let context = format!("{questions} questions");
        let answers = fixed(60, questions, 50, |bits| (bits % 2) as f64);
        check(&matrix_of(&answers, |score| score as i64), &answers, 2, 3, &context);
        let answers = fixed(60, questions, 50, |bits| (bits % 7) as f64);
        check(&matrix_of(&answers, |score| score as i64), &answers, 2, 3, &context);
        let answers = fixed(60, questions, 50, |bits| (bits % 1000) as f64 / 999.0);
        check(&matrix_of(&answers, |score| score), &answers, 2, 3, &context);
    }
}

#[test]
fn users_around_block_boundaries() {
    for users in [63, 64, 65, 127, 128, 129, 200] {
        let answers = fixed(users, 33, 60, |bits| (bits % 2) as f64);
        check(&matrix_of(&answers, |score| score as i64), &answers, 3, 3, &format!("{users} users"));
    }
}

/// The tree that is cut in half meets each set once, as the plain tree does that returns all in order.
#[test]
fn both_trees_have_the_same_sets() {
    let answers = fixed(40, 36, 70, |bits| (bits % 2) as f64);
    let matrix = matrix_of(&answers, |score| score as i64);
    for (k, rank_by) in (1..=5).flat_map(|k| [(k, RankBy::R), (k, RankBy::Alpha)]) {
        let request = Request { k, top: None, min_users: 2, rank_by };
        let all = search(&matrix, &request).unwrap();
        let request = Request { top: Some(all.len() + 1), ..request };
        let context = format!("k = {k} by {rank_by:?}");
        assert_best_is_sorted_all(&search(&matrix, &request).unwrap(), &all, &request, &context);
    }
}

/// The marks of a user take one word, just fill it, or take more.
#[test]
fn binary_scores_in_large_sets() {
    let answers = fixed(150, 11, 93, |bits| f64::from(bits % 8 < 5));
    for k in 4..=11 {
        check(&matrix_of(&answers, |score| score as i64), &answers, k, 2, &format!("k = {k}"));
    }
}

/// Points on an even and on an odd number of questions of a prefix, in as many words as that takes.
#[test]
fn graded_scores_in_large_sets() {
    let answers = fixed(150, 9, 93, |bits| (bits % 5) as f64 - 2.0);
    let wide = scaled(&answers, (1u64 << 38) as f64);
    let floats = fixed(150, 9, 93, |bits| (bits % 1000) as f64 / 7.0);
    for k in 2..=9 {
        check(&matrix_of(&answers, |score| score as i64), &answers, k, 2, &format!("k = {k}"));
        check(&matrix_of(&wide, |score| score as i64), &wide, k, 2, &format!("wide, k = {k}"));
        check(&matrix_of(&floats, |score| score), &floats, k, 2, &format!("floats, k = {k}"));
    }
}

/// Points that are the scores, as few as narrow lanes take, of users whose grand totals are more.
#[test]
fn small_points_with_large_totals() {
    let mut answers = fixed(80, 14, 90, |bits| (bits % 2 * 1000) as f64);
    answers.insert(80, (0..14).map(|question| (question, 1000.0)).collect());
    let matrix = matrix_of(&answers, |score| score as i64);
    let Table::Small(integers) = &matrix.table else { unreachable!("neither 0 and 1 nor large") };
    for k in [2, 4] {
        assert!(narrow_points(&matrix, integers, k).is_none(), "grand totals are too large");
        check(&matrix, &answers, k, 2, &format!("k = {k}"));
    }
}

/// Points so large that of few users their sums fit into half a word.
#[test]
fn graded_scores_of_nearly_twelve_bits() {
    let answers = fixed(400, 5, 95, |bits| (bits % 1000) as f64 - 300.0);
    let matrix = matrix_of(&answers, |score| score as i64);
    for k in 2..=4 {
        let Table::Small(integers) = &matrix.table else { unreachable!("neither 0 and 1 nor large") };
        assert!(narrow_points(&matrix, integers, k).is_some(), "points are the scores");
        assert!(2 * integers.largest_point * 400 > u64::from(u16::MAX));
        check(&matrix, &answers, k, 2, &format!("k = {k}"));
    }
}

/// Sums so large that floats do not tell the variances, which are then made user by user.
#[test]
fn graded_scores_with_inexact_variances() {
    let users = 27_000;
    let mut answers = fixed(users, 3, 99, |bits| (2030 + bits % 16) as f64);
    // Of each question its least score, in a total that is not far from the others.
    for least in 0..3 {
        let scores = (0..3).map(|question| (question, if question == least { 0.0 } else { 2045.0 }));
        answers.insert(users + least, scores.collect());
    }
    let matrix = matrix_of(&answers, |score| score as i64);
    let Table::Small(integers) = &matrix.table else { unreachable!("neither 0 and 1 nor large") };
    let n = f64::from(users) * 0.97;
    assert!(
        narrow_points(&matrix, integers, 2).is_some() && (n * 2.0 * 2030.0).powi(2) > (1u64 << 53) as f64
    );
    let request = Request { k: 2, top: None, min_users: 2, rank_by: RankBy::R };
    let tables = all_by_points(&matrix, &request);
    assert_eq!(tables[0], tables[1]);
    assert_all_equal(&tables[1], &naive::all_sets(&answers, 2, 2), 2, "inexact variances");
    for isa in instruction_sets() {
        for top in [1, 2, 3] {
            let request = Request { top: Some(top), rank_by: RankBy::Alpha, ..request };
            let best = search_with(isa, Some(SearchStrategy::Projection), &matrix, &request).unwrap();
            assert_best_is_sorted_all(&best, &tables[0], &request, &format!("top {top} on {}", isa.name()));
        }
    }
}

/// Rare questions come first in the tree, which must not show.
#[test]
fn questions_of_every_frequency() {
    let mut answers = fixed(300, 40, 100, |bits| (bits % 2) as f64);
    for (&user, scores) in &mut answers {
        scores.retain(|&question, _| (user * 7919 + question * 104_729) % 40 >= question);
    }
    check(&matrix_of(&answers, |score| score as i64), &answers, 3, 5, "frequencies");
}

/// Totals far from their mean: short runs, and more users than fit into lanes at once.
#[test]
fn binary_scores_with_large_totals() {
    for (questions, is_eligible) in [(200, true), (500, true), (560, false)] {
        // Every other user is right nowhere, so totals are up to half the questions from their mean.
        let right = |user: u32, bits: u64| user.is_multiple_of(2) && !bits.is_multiple_of(16);
        let mut answers = fixed(40, questions, 95, |bits| bits as f64);
        for (&user, scores) in &mut answers {
            scores.values_mut().for_each(|score| *score = f64::from(right(user, *score as u64)));
        }
        let matrix = matrix_of(&answers, |score| score as i64);
        let request = Request { k: 1, top: None, min_users: 2, rank_by: RankBy::R };
        assert_eq!(binary(&matrix, &request).is_some(), is_eligible, "{questions} questions");
        check(&matrix, &answers, 1, 2, &format!("{questions} questions"));
    }
    let answers = fixed(3000, 8, 90, |bits| f64::from(bits % 16 < 11));
    check(&matrix_of(&answers, |score| score as i64), &answers, 3, 2, "many users");
}

/// More users than narrow lanes take at once, and than are laid out at once for the empty prefix; points that are the
/// scores, of both widths, and points that are rounded.
#[test]
fn graded_scores_of_many_users() {
    for users in [127, 128, 129, 256, 1023, 1025, 1300] {
        let context = |kind: &str| format!("{kind}, {users} users");
        let spread = |most: u64| fixed(users, 5, 95, move |bits| (bits % most) as f64);
        let (narrow, wide, beyond) = (spread(7), spread(1 << 20), spread(1 << 40));
        for k in 1..=3 {
            check(&matrix_of(&narrow, |score| score as i64), &narrow, k, 2, &context("narrow"));
            check(&matrix_of(&wide, |score| score as i64), &wide, k, 2, &context("wide"));
            check(&matrix_of(&beyond, |score| score as i64), &beyond, k, 2, &context("rounded"));
        }
        let floats = fixed(users, 5, 95, |bits| (bits % 1_000_003) as f64 / 7e4);
        check(&matrix_of(&floats, |score| score), &floats, 2, 2, &context("floats"));
    }
}

/// One question's range makes points so coarse that the scores of all others differ by a few: only the margin keeps
/// the best sets. (Either of its two terms suffices here; without both, the test fails.) The larger ones differ by a few of the
/// points from which α is made.
#[test]
fn rounding_to_points_loses_no_set() {
    for (fraction, worth) in [(0.0, 1.0), (0.5, 1.0), (0.0, 8192.0), (0.5, 8192.0)] {
        let mut answers = fixed(30, 9, 90, |bits| (bits % (3 << 22)) as f64 * worth + fraction);
        for (user, score) in [(30, 0.0), (31, (1u64 << 45) as f64), (32, (1u64 << 44) as f64)] {
            answers.insert(user, [(9, score)].into());
        }
        let matrix = matrix_of(&answers, |score| score);
        assert_eq!(matches!(matrix.table, Table::Float(_)), fraction > 0.0);
        for (k, min_users) in [(1, 4), (2, 4), (3, 4), (4, 15)] {
            let context = format!("k = {k}, {worth} times the scores + {fraction}");
            check(&matrix, &answers, k, min_users, &context);
        }
    }
}

/// More questions in a set than points in a total, and no time spent on prefixes that cannot be completed.
#[test]
fn a_set_of_nearly_all_questions() {
    for (questions, left_out) in [(5000, 0), (300, 1), (300, 2)] {
        for score in [|bits| (bits % 2) as f64, |bits| (bits % 3) as f64, |bits| (bits % 1000) as f64 / 7.0] {
            let answers = fixed(6, questions, 100, score);
            let k = questions as usize - left_out;
            let request = Request { k, top: None, min_users: 2, rank_by: RankBy::R };
            let matrix = matrix_of(&answers, |score| score);
            let all = search(&matrix, &request).unwrap();
            assert_eq!(all.len() as u128, binomial(questions as usize, left_out).unwrap());
            if left_out == 0 {
                assert_eq!((all.len(), all.r.get(0), all.r_rest.get(0)), (1, Some(1.0), None));
            } else {
                let best = search(&matrix, &Request { top: Some(5), ..request }).unwrap();
                assert_best_is_sorted_all(&best, &all, &Request { top: Some(5), ..request }, "left out");
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_rows() {
    let answers = fixed(5000, 26, 60, |bits| (bits % 2) as f64);
    let binary = matrix_of(&answers, |score| score as i64);
    let float = matrix_of(&answers, |score| score / 3.0);
    let graded = matrix_of(&fixed(5000, 26, 60, |bits| (bits % 3) as f64), |score| score as i64);
    let by_r = [(Some(7), RankBy::R), (Some(500), RankBy::RRest), (None, RankBy::R)];
    let by_alpha = [(Some(7), RankBy::Alpha), (None, RankBy::Alpha)];
    for (matrix, requests) in
        [(&binary, &by_r[..]), (&binary, &by_alpha), (&graded, &by_alpha), (&float, &by_r)]
    {
        for &(top, rank_by) in requests {
            let request = Request { k: 4, top, min_users: 3, rank_by };
            let blueprint = Blueprint::free(Cow::Borrowed(matrix), request);
            assert!(is_parallel(&blueprint), "the case must be large enough to split");
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| search(matrix, &request)).unwrap()
            };
            let expected = on(1);
            assert!(expected.len() > 5);
            for threads in [2, 3, 8] {
                assert_eq!(on(threads), expected, "{threads} threads, {request:?}");
            }
        }
    }
}

#[test]
fn equal_correlations_tie_whatever_their_sums() {
    // Question 1 is question 0 times 3, question 2 times 7, and so on: all correlate equally with the total.
    let mut answers = Answers::new();
    for (user, score) in [0.0, 1.0, 5.0, 2.0, 11.0, 4.0].into_iter().enumerate() {
        let factors = [1.0, 3.0, 7.0, 10.0, 99.0, 12_345.0];
        let noise = (user * user % 5) as f64;
        let scores = factors.iter().map(|factor| factor * score).chain([noise]);
        answers.insert(user as u32, (0..).zip(scores).collect());
    }
    let request = Request { k: 2, top: None, min_users: 2, rank_by: RankBy::R };
    let all = search(&matrix_of(&answers, |score| score as i64), &request).unwrap();
    let without_noise = (0..all.len()).filter(|&i| !row(&all, 2, i).contains(&6));
    let distinct: std::collections::BTreeSet<u64> =
        without_noise.filter_map(|i| all.r.get(i)).map(f64::to_bits).collect();
    assert_eq!(distinct.len(), 1);
}

#[test]
fn far_from_zero_floats_lose_nothing() {
    let near = fixed(50, 6, 100, |bits| (bits % 64) as f64 / 64.0);
    let far: Answers = near
        .iter()
        .map(|(&user, scores)| {
            (user, scores.iter().map(|(&question, score)| (question, score + 1e9)).collect())
        })
        .collect();
    for k in 1..=6 {
        let request = Request { k, top: None, min_users: 2, rank_by: RankBy::R };
        let table = |answers| search(&matrix_of(answers, |score| score), &request).unwrap();
        let (near, far) = (table(&near), table(&far));
        for i in 0..near.len() {
            assert_close(far.r.get(i), near.r.get(i), "r");
            assert_close(far.r_rest.get(i), near.r_rest.get(i), "r_rest");
        }
    }
}

#[test]
fn a_float_spread_lost_in_the_sums_is_still_ranked_right() {
    // Questions 0 and 1 are nearly constant on the users they share, which question 2's users are far from:
    // the sums of the search cannot see their spread, the reported correlations must.
    let mut answers = Answers::new();
    for user in 0..40u32 {
        let wiggle = f64::from(user * 7 % 11) * 1e-7;
        let far = if user < 20 { 1e9 } else { -1e9 };
        answers.insert(user, [(0, far + wiggle), (1, far - wiggle), (2, wiggle + 0.1)].into());
    }
    for user in 20..40 {
        answers.entry(user).and_modify(|scores| {
            scores.remove(&2);
        });
    }
    let matrix = matrix_of(&answers, |score| score);
    for k in 1..=2 {
        let request = Request { k, top: None, min_users: 2, rank_by: RankBy::R };
        let all = search(&matrix, &request).unwrap();
        let request = Request { top: Some(2), ..request };
        assert_best_is_sorted_all(&search(&matrix, &request).unwrap(), &all, &request, "spread");
    }
}

#[test]
fn no_set_no_row() {
    let answers = fixed(10, 4, 100, |bits| (bits % 2) as f64);
    let matrix = matrix_of(&answers, |score| score as i64);
    let request = Request { k: 5, top: Some(10), min_users: 2, rank_by: RankBy::R };
    assert!(search(&matrix, &request).unwrap().is_empty(), "more than there are questions");
    let request = Request { k: 2, min_users: 11, ..request };
    assert!(search(&matrix, &request).unwrap().is_empty(), "more than there are users");
    let empty = Responses::<i64>::default().into_matrix(Duplicates::Error).unwrap();
    assert!(search(&empty, &Request { k: 1, ..request }).unwrap().is_empty(), "no response");
}

#[test]
fn results_that_cannot_be_held_are_refused() {
    let complete = matrix_of(&fixed(3, 100, 100, |bits| (bits % 2) as f64), |score| score as i64);
    let request = Request { k: 8, top: None, min_users: 2, rank_by: RankBy::R };
    let sets = Some(186_087_894_300);
    let refused = Error::TooManyRows { k: 8, questions: 100, sets, limit: TooManyRows::Frame };
    assert_eq!(search(&complete, &request), Err(refused.clone()));
    assert_eq!(search(&complete, &Request { top: Some(usize::MAX), ..request }), Err(refused));
    let beyond =
        search(&matrix_of(&fixed(2, 1000, 100, |_| 0.0), |s| s as i64), &Request { k: 500, ..request });
    assert!(matches!(beyond, Err(Error::TooManyRows { sets: None, .. })));

    // As many sets, but no user answered more than ten of the questions.
    let sparse = matrix_of(&fixed(30, 100, 5, |bits| (bits % 2) as f64), |score| score as i64);
    assert!(search(&sparse, &request).is_ok());
}

#[test]
fn sums_beyond_128_bits_are_refused() {
    let answers = fixed(10, 4, 100, |bits| bits as f64);
    let request = Request { k: 2, top: Some(1), min_users: 2, rank_by: RankBy::R };
    let scaled = |factor: i128| matrix_of(&answers, move |score| score as i128 * factor);
    assert!(search(&scaled(1 << 34), &request).is_ok());
    assert_eq!(search(&scaled(1 << 38), &request), Err(Error::Overflow { what: "sums of squared totals" }));
    let totals = responses_of(&answers, |score| if score > 0.0 { i128::MAX } else { 0 });
    assert!(matches!(totals.into_matrix(Duplicates::Error), Err(Error::Overflow { .. })));
}

#[test]
fn duplicates_follow_the_policy() {
    let with = |scores: [i64; 3], duplicates| {
        let users = vec![0, 0, 0, 0, 1, 1, 2, 2];
        let questions = vec![0, 0, 0, 1, 0, 1, 0, 1];
        let scores: Vec<i64> = scores.into_iter().chain([1, 2, 6, 8, 3]).collect();
        Responses { users, questions, scores }.into_matrix(duplicates)
    };
    let request = Request { k: 1, top: None, min_users: 2, rank_by: RankBy::R };
    let table = |matrix: Result<ResponseMatrix>| search(&matrix.unwrap(), &request).unwrap();
    let error = with([4, 9, 5], Duplicates::Error).unwrap_err();
    assert_eq!(error, Error::Duplicate { user: 0, question: 0, count: 3 });
    for (policy, score) in [
        (Duplicates::First, 4.0),
        (Duplicates::Last, 5.0),
        (Duplicates::Sum, 18.0),
        (Duplicates::Mean, 6.0),
        (Duplicates::Min, 4.0),
        (Duplicates::Max, 9.0),
    ] {
        let answers = Answers::from([
            (0, [(0, score), (1, 1.0)].into()),
            (1, [(0, 2.0), (1, 6.0)].into()),
            (2, [(0, 8.0), (1, 3.0)].into()),
        ]);
        let expected = table(Ok(matrix_of(&answers, |score| score)));
        assert_eq!(table(with([4, 9, 5], policy)), expected, "{policy:?}");
    }
    let overflow = with([i64::MAX, 1, 0], Duplicates::Sum);
    assert_eq!(overflow.unwrap_err(), Error::Overflow { what: "sum of duplicate responses" });
}

#[test]
fn scores_that_are_not_finite_are_refused() {
    for score in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let responses = Responses { users: vec![0], questions: vec![0], scores: vec![score] };
        let error = responses.into_matrix(Duplicates::Error).unwrap_err();
        assert!(matches!(error, Error::NotFinite { .. }), "{error}");
    }
}

#[test]
fn what_is_stopped_is_interrupted_and_nothing_else() {
    let matrix = matrix_of(&fixed(100, 12, 80, |value| (value % 3) as f64), |score| score as i64);
    let control = Control::default();
    control.stop();
    let request = Request { k: 3, top: None, min_users: 2, rank_by: RankBy::R };
    for top in [None, Some(3)] {
        let request = Request { top, ..request };
        let blueprint = Blueprint::free(Cow::Borrowed(&matrix), request);
        let stopped = super::run(InstructionSet::Portable, &blueprint, &Run::all(&control));
        assert_eq!(stopped, Err(Error::Interrupted));
        let control = Control::default();
        let whole = Run::all(&control);
        assert_eq!(super::run(InstructionSet::Portable, &blueprint, &whole), search(&matrix, &request));
        assert_eq!(control.done(), 1.0, "all of the search is accounted for");
    }
}
