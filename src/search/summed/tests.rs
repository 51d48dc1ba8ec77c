//! Every strategy against the oracle and against the search that keeps the users, bit for bit.

mod choice;
mod large;
mod small;

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
