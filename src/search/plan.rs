//! What a search would cost and could find, before it runs.

use std::time::Instant;

use super::probe::Outcome;
use super::way::{Way, with_way};
use super::{Control, Request, Run, SearchStrategy, check_rows, is_parallel, most_rows, row_bytes};
use crate::bitset::{BitMatrix, WORD_BITS, ones};
use crate::error::{Error, Result};
use crate::isa::InstructionSet;
use crate::matrix::{Cells, Integers, ResponseMatrix, Table};
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
    pub users: usize,
    pub questions: usize,
    /// Cells that are answered: a user's responses to one question are one.
    pub responses: usize,
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
    /// σ_X/σ_T, over the sets where T is not constant; `None` if there is none.
    pub s: Option<f64>,
}

/// Plans [`search_with`](super::search_with), which `control` can stop.
///
/// # Errors
///
/// As [`search_with`](super::search_with), but too many rows are a [`refusal`](Plan::refusal); [`Error::Interrupted`] if it
/// was stopped.
pub fn plan(
    isa: InstructionSet,
    strategy: Option<SearchStrategy>,
    matrix: &ResponseMatrix,
    request: &Request,
    control: Control,
) -> Result<Plan> {
    let (users, questions) = (matrix.users(), matrix.questions());
    let nothing = Plan {
        users,
        questions,
        responses: (0..users).map(|user| matrix.answered.count(user)).sum(),
        rows: Some(0),
        row_bytes: row_bytes(request.k.min(questions)),
        matrix_bytes: matrix.bytes(),
        sample: Sample::default(),
        strategy: None,
        threads: 1,
        seconds: Some(0.0),
        refusal: None,
    };
    if request.k == 0 || request.k > questions {
        return Ok(nothing);
    }
    let plan = Plan {
        rows: most_rows(matrix, request, None),
        sample: sample(matrix, request)?,
        threads: if is_parallel(matrix, request) { parallel::threads() } else { 1 },
        refusal: check_rows(matrix, request, None).err(),
        ..nothing
    };
    let start = Instant::now();
    with_way(isa, matrix, request, strategy, None, |way| {
        let prepared = start.elapsed();
        let searched = if plan.refusal.is_none() { seconds(way, control.probing())? } else { None };
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
fn sample(matrix: &ResponseMatrix, request: &Request) -> Result<Sample> {
    match &matrix.table {
        Table::Binary(integers) => sample_of_integers(matrix, request, integers),
        Table::Small(integers) => sample_of_integers(matrix, request, integers),
        Table::Large(integers) => sample_of_integers(matrix, request, integers),
        Table::Float(floats) => {
            let score = |user, question| floats.points.of(&matrix.answered, user, question);
            sample_of(matrix, request, score, |user| floats.centred_totals[user])
        }
    }
}

fn sample_of_integers<C: Cells<Value: Into<i64>>>(
    matrix: &ResponseMatrix,
    request: &Request,
    integers: &Integers<C>,
) -> Result<Sample> {
    let score = |user, question| integers.points.of(&matrix.answered, user, question).into() as f64;
    sample_of(matrix, request, score, |user| integers.totals[user] as f64)
}

fn sample_of(
    matrix: &ResponseMatrix,
    request: &Request,
    score: impl Fn(usize, usize) -> f64,
    total: impl Fn(usize) -> f64,
) -> Result<Sample> {
    let (users, questions) = (matrix.users(), matrix.questions());
    let by_question = matrix.answered.transposed(users).ok_or(Error::MatrixTooLarge { users, questions })?;
    let (mut random, mut sets, mut met) = (Random(1), 0, 0);
    let (mut counts, mut shares) = (Vec::new(), Vec::new());
    while sets < LEAST_SETS || sets < SETS && met < USERS {
        let set = random.set(questions, request.k);
        let common = common_users(&by_question, &set);
        sets += 1;
        met += common.len();
        if common.len() < request.least_users() {
            continue;
        }
        counts.push(common.len() as f64);
        let some = common.iter().step_by(common.len().div_ceil(USERS_OF_A_SET));
        let x = |user: usize| set.iter().map(|&question| score(user, question as usize)).sum::<f64>();
        let (x, t): (Vec<f64>, Vec<f64>) = some.map(|&user| (x(user), total(user))).unzip();
        let share = (variance(&x) / variance(&t)).sqrt();
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

fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) { (values[middle - 1] + upper) / 2.0 } else { upper })
}
