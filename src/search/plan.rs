//! What a search would cost and could find, before it runs.

use std::time::Instant;

use super::probe::{Outcome, Probe};
use super::way::{Wanted, Way, with_way};
use super::{
    Blueprint, Control, Path, Run, SearchStrategy, check_rows, has_sets, is_parallel, most_rows, row_bytes,
};
use crate::bitset::{BitMatrix, WORD_BITS, ones};
use crate::error::{Error, Result};
use crate::isa::InstructionSet;
use crate::matrix::{Cells, Integers, Table};
use crate::parallel;
use crate::random::Random;

/// Random sets that are looked at.
const SETS: usize = 1000;

/// Common users of all of them together after which no more are looked at, and how many are all the same: some hundredths of
/// a second.
const USERS: usize = 1 << 22;
const LEAST_SETS: usize = 30;

/// Common users of one set that its variances are made of.
const USERS_OF_A_SET: usize = 1 << 16;

/// What a search would cost and could find.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// There are no more, whatever they cost; `None` beyond `u128`.
    pub sets: Option<u128>,
    /// The result has no more; `None` beyond `u128`.
    pub rows: Option<u128>,
    /// What one of them takes, both as it is found and as a frame.
    pub row_bytes: usize,
    pub matrix_bytes: usize,
    pub sample: Sample,
    /// `None` where there is no set.
    pub strategy: Option<SearchStrategy>,
    pub threads: usize,
    /// Of the search, after the responses are read; `None` where that cannot be told.
    pub seconds: Option<f64>,
    /// Why the search would not run.
    pub refusal: Option<Error>,
}

/// What random sets are like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// How many sets were looked at, and how many of them have enough common users.
    pub sets: usize,
    pub enough: usize,
    pub typical: Option<Typical>,
}

/// Medians over the sets with enough common users.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Typical {
    pub n_users: f64,
    /// w·σ_X/σ_T, where w is the mean weight that a score of the set has in T, over the sets where T is not constant; `None`
    /// if there is none.
    pub s: Option<f64>,
}

/// Plans the search for the sets of a blueprint, which `control` can stop.
///
/// # Errors
///
/// As [`run`](super::run), but too many rows are a [`refusal`](Plan::refusal); [`Error::Interrupted`] if it
/// was stopped.
pub fn plan(
    isa: InstructionSet,
    strategy: Option<SearchStrategy>,
    blueprint: &Blueprint,
    control: Control,
) -> Result<Plan> {
    let space = blueprint.space();
    let nothing = Plan {
        sets: blueprint.most_sets(),
        rows: Some(0),
        row_bytes: row_bytes(space.k.min(space.questions), blueprint.request().rank_by),
        matrix_bytes: blueprint.matrix().bytes(),
        sample: Sample::default(),
        strategy: None,
        threads: 1,
        seconds: Some(0.0),
        refusal: None,
    };
    if !has_sets(blueprint) {
        return Ok(nothing);
    }
    let plan = Plan {
        rows: most_rows(blueprint, None),
        sample: sample(blueprint)?,
        threads: if is_parallel(blueprint) { parallel::threads() } else { 1 },
        refusal: check_rows(blueprint, None).err(),
        ..nothing
    };
    let start = Instant::now();
    with_way(isa, blueprint, strategy, Wanted::usual(blueprint.request(), false), |way| {
        let prepared = start.elapsed();
        let searched =
            if plan.refusal.is_none() { seconds(way, control.probing(Probe::new()))? } else { None };
        let seconds = searched.map(|searched| prepared.as_secs_f64() + searched);
        Ok(Plan { strategy: Some(way.strategy()), seconds, ..plan })
    })?
}

/// What the search takes, under a control that probes; `None` if that cannot be told.
fn seconds(way: &dyn Way, control: Control) -> Result<Option<f64>> {
    let start = Instant::now();
    let found = way.search(&Run::all(&control));
    let elapsed = start.elapsed();
    if control.is_interrupted() {
        return Err(Error::Interrupted);
    }
    match (control.probed(), found) {
        (Some(Outcome::Unknown), _) => Ok(None),
        (_, Err(error)) => Err(error),
        (Some(Outcome::Estimate(seconds)), Ok(_)) => Ok(Some(seconds)),
        (None, Ok(_)) => Ok(Some(elapsed.as_secs_f64())),
    }
}

/// Looks at sets that are drawn at random, the same on every run.
fn sample(blueprint: &Blueprint) -> Result<Sample> {
    match &blueprint.matrix().table {
        Table::Binary(integers) => sample_of_integers(blueprint, integers),
        Table::Numbers(integers) => sample_of_integers(blueprint, integers),
        Table::Float(floats) => {
            let answered = &blueprint.matrix().answered;
            let score = |user, question| floats.points.of(answered, user, question);
            sample_of(blueprint, score, |user| floats.centred_totals[user])
        }
    }
}

fn sample_of_integers<C: Cells<Value: Into<i64>>>(
    blueprint: &Blueprint,
    integers: &Integers<C>,
) -> Result<Sample> {
    let answered = &blueprint.matrix().answered;
    let score = |user, question| integers.points.of(answered, user, question).into() as f64;
    sample_of(blueprint, score, |user| integers.totals[user] as f64)
}

fn sample_of(
    blueprint: &Blueprint,
    score: impl Fn(usize, usize) -> f64,
    total: impl Fn(usize) -> f64,
) -> Result<Sample> {
    let (matrix, space, request) = (blueprint.matrix(), blueprint.space(), blueprint.request());
    let (users, questions) = (matrix.users(), matrix.questions());
    let rules = blueprint.rules_by_column();
    let Some(fixed) = Path::of_fixed(rules.as_ref(), space.fixed) else { return Ok(Sample::default()) };
    let by_question = matrix.answered.transposed(users).ok_or(Error::MatrixTooLarge { users, questions })?;
    let (mut random, mut sets, mut met) = (Random(1), 0, 0);
    let (mut counts, mut shares) = (Vec::new(), Vec::new());
    while sets < LEAST_SETS || sets < SETS && met < USERS {
        let Some(set) = space.random_set(&fixed, &mut random) else { break };
        let common = common_users(&by_question, &set);
        sets += 1;
        met += common.len();
        if common.len() < request.least_users() {
            continue;
        }
        counts.push(common.len() as f64);
        let some = common.iter().copied().step_by(common.len().div_ceil(USERS_OF_A_SET));
        let x = |user: usize| set.iter().map(|&question| score(user, question as usize)).sum::<f64>();
        let (x, t): (Vec<f64>, Vec<f64>) = some.clone().map(|user| (x(user), total(user))).unzip();
        let weights: Vec<f64> = some.map(|user| matrix.weight(user)).collect();
        let share = mean(&weights) * (variance(&x) / variance(&t)).sqrt();
        if share.is_finite() {
            shares.push(share);
        }
    }
    let enough = counts.len();
    let typical = median(counts).map(|n_users| Typical { n_users, s: median(shares) });
    Ok(Sample { sets, enough, typical })
}

/// The users who answered all of `set`, by what each question was answered by.
fn common_users(by_question: &BitMatrix, set: &[u32]) -> Vec<usize> {
    let mut common = vec![u64::MAX; by_question.words_per_row()];
    for &question in set {
        for (word, answered) in common.iter_mut().zip(by_question.row(question as usize)) {
            *word &= answered;
        }
    }
    let words = common.into_iter().enumerate();
    words.flat_map(|(word, bits)| ones(bits).map(move |bit| word * WORD_BITS + bit)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / values.len() as f64
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) { (values[middle - 1] + upper) / 2.0 } else { upper })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::matrix::ResponseMatrix;
    use crate::moments::RankBy;
    use crate::responses::{Duplicates, Responses};
    use crate::search::Request;

    const BEST: Request = Request { k: 4, top: Some(3), min_users: 2, rank_by: RankBy::R };

    /// Scores of the cells that are answered.
    fn matrix(users: u32, questions: u32, score: impl Fn(u32, u32) -> Option<f64>) -> ResponseMatrix {
        let mut responses = Responses { users: Vec::new(), questions: Vec::new(), scores: Vec::new() };
        for (user, question) in
            (0..users).flat_map(|user| (0..questions).map(move |question| (user, question)))
        {
            if let Some(score) = score(user, question) {
                responses.users.push(user);
                responses.questions.push(question);
                responses.scores.push(score);
            }
        }
        responses.into_matrix(Duplicates::Error).unwrap()
    }

    fn some_score(user: u32, question: u32) -> f64 {
        (Random(u64::from(user) << 40 | u64::from(question) << 20).share() + f64::from(user % 3) / 4.0)
            .floor()
    }

    fn planned(matrix: &ResponseMatrix, request: &Request, strategy: Option<SearchStrategy>) -> Plan {
        let blueprint = Blueprint::free(Cow::Borrowed(matrix), *request);
        plan(InstructionSet::Portable, strategy, &blueprint, Control::default()).unwrap()
    }

    #[test]
    fn the_strategy_is_that_of_the_search() {
        let complete = matrix(600, 14, |user, question| Some(some_score(user, question)));
        let booklets =
            matrix(600, 14, |user, question| (user % 3 != question % 3).then(|| some_score(user, question)));
        let sparse = matrix(600, 14, |user, question| {
            (some_score(question, user) < 0.5).then(|| some_score(user, question))
        });
        for (matrix, chosen) in [
            (&complete, SearchStrategy::Bound),
            (&booklets, SearchStrategy::Moments),
            (&sparse, SearchStrategy::Projection),
        ] {
            assert_eq!(planned(matrix, &BEST, None).strategy, Some(chosen));
            assert_eq!(
                planned(matrix, &BEST, Some(SearchStrategy::Projection)).strategy,
                Some(SearchStrategy::Projection)
            );
        }
        // Where no set is known to begin with, nothing is ruled out.
        let constant = matrix(600, 14, |_, _| Some(1.0));
        assert_eq!(planned(&constant, &BEST, None).strategy, Some(SearchStrategy::Moments));
        assert_eq!(planned(&complete, &Request { k: 15, ..BEST }, None).strategy, None);
    }

    #[test]
    fn sampled_sets_have_what_all_have() {
        // Every set of four is all questions: X is T.
        let whole = matrix(40, 4, |user, question| Some(some_score(user, question)));
        let sample = planned(&whole, &BEST, None).sample;
        assert_eq!(sample.typical, Some(Typical { n_users: 40.0, s: Some(1.0) }));
        assert_eq!((sample.sets, sample.enough), (SETS, SETS));

        // A question of the same variance, with as much that is not in it.
        let two = |user: u32, question: u32| f64::from(user >> question & 1);
        for scale in [1.0, 1000.0, 1e7, 0.3] {
            let half = matrix(64, 2, |user, question| Some(scale * two(user, question)));
            let Typical { n_users, s } =
                planned(&half, &Request { k: 1, ..BEST }, None).sample.typical.unwrap();
            assert_eq!(n_users, 64.0);
            assert!((s.unwrap() - 0.5f64.sqrt()).abs() < 1e-12, "{s:?}");
        }

        // Half of the questions have ten users, half have forty.
        let uneven = matrix(40, 30, |user, question| {
            (question % 2 == 0 || user < 10).then_some(two(user, question % 5))
        });
        let one = Request { k: 1, min_users: 11, ..BEST };
        let Sample { sets, enough, typical } = planned(&uneven, &one, None).sample;
        assert!((0.4..0.6).contains(&(enough as f64 / sets as f64)), "{enough} of {sets}");
        assert_eq!(typical.unwrap().n_users, 40.0);
        let none = planned(&uneven, &Request { min_users: 41, ..one }, None).sample;
        assert_eq!((none.sets, none.enough, none.typical), (SETS, 0, None));
        let constant = matrix(40, 5, |_, _| Some(1.0));
        assert_eq!(planned(&constant, &BEST, None).sample.typical.unwrap().s, None);
    }

    #[test]
    fn many_users_make_a_small_sample() {
        let many = matrix(USERS as u32 / 8, 2, |user, question| Some(some_score(user, question)));
        let sample = planned(&many, &Request { k: 1, ..BEST }, None).sample;
        assert_eq!(sample.sets, LEAST_SETS);
        assert_eq!(sample.typical.unwrap().n_users, (USERS / 8) as f64);
    }

    #[test]
    fn too_many_rows_are_no_error() {
        let wide = matrix(5, 200, |user, question| Some(some_score(user, question)));
        let every = Request { k: 6, top: None, ..BEST };
        let plan = planned(&wide, &every, None);
        assert!(matches!(plan.refusal, Some(Error::TooManyRows { .. })), "{plan:?}");
        assert_eq!((plan.seconds, plan.rows), (None, Some(82_408_626_300)));
        assert!(plan.strategy.is_some());
    }

    #[test]
    fn what_is_stopped_plans_nothing() {
        let matrix = matrix(60, 14, |user, question| Some(some_score(user, question)));
        let control = Control::default();
        control.stop();
        let blueprint = Blueprint::free(Cow::Owned(matrix), BEST);
        let stopped = plan(InstructionSet::Portable, None, &blueprint, control);
        assert_eq!(stopped, Err(Error::Interrupted));
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
