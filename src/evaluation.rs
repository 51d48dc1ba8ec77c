//! Given sets instead of a search: what the search would report of each, and Cronbach's α.
//!
//! A set's common users are the intersection of the bitsets of who answered its questions. Their sums are exact, so the
//! correlations are bit for bit those of the search.

use crate::bitset::{BitMatrix, WORD_BITS, ones};
use crate::error::{Error, Result};
use crate::matrix::{Cells, Floats, Integers, ResponseMatrix, Table};
use crate::moments::{Correlations, IntegerSums, SumInteger, summed_variances, sums_fit};
use crate::parallel;
use crate::search::Control;

/// Sets × users from which several threads are faster than one: half a millisecond at most.
const PARALLEL_WORK: usize = 1 << 16;

/// What is known of a set. `None` where it does not exist, as over fewer than two users.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SetStatistics {
    pub correlations: Correlations,
    /// Cronbach's α, which one question has not.
    pub alpha: Option<f64>,
    pub n_users: u32,
}

/// Whether evaluating so many `sets` is worth several threads.
pub fn is_parallel(matrix: &ResponseMatrix, sets: usize) -> bool {
    sets.saturating_mul(matrix.users()) >= PARALLEL_WORK
}

/// The statistics of each of `sets`, each of one or more distinct question ids.
///
/// Runs on the current rayon pool if [`is_parallel`], else on the calling thread; the result is the same.
///
/// # Errors
///
/// [`Error::Overflow`] if sums of the scores could leave 128 bits, [`Error::MatrixTooLarge`] if the memory does not hold
/// a second copy of who answered what, [`Error::Interrupted`] if `control` stopped it.
///
/// ```
/// use polars_corrset::{evaluation::evaluate, responses::*, search::Control};
///
/// let responses = Responses {
///     users: vec![0, 0, 0, 1, 1, 1, 2, 2, 2],
///     questions: vec![0, 1, 2, 0, 1, 2, 0, 1, 2],
///     scores: vec![1i64, 1, 1, 1, 0, 0, 0, 0, 0],
/// };
/// let matrix = responses.into_matrix(Duplicates::Error)?;
/// let statistics = evaluate(&matrix, &[&[1, 2], &[0]], &Control::default())?;
/// assert_eq!((statistics[0].alpha, statistics[0].n_users), (Some(1.0), 3));
/// assert_eq!(statistics[1].alpha, None);
/// # Ok::<(), polars_corrset::error::Error>(())
/// ```
pub fn evaluate(matrix: &ResponseMatrix, sets: &[&[u32]], control: &Control) -> Result<Vec<SetStatistics>> {
    match &matrix.table {
        Table::Binary(integers) => evaluate_integers(matrix, integers, sets, control),
        Table::Small(integers) => evaluate_integers(matrix, integers, sets, control),
        Table::Large(integers) => evaluate_integers(matrix, integers, sets, control),
        Table::Float(floats) => evaluate_each(matrix, sets, control, |set, users| {
            float_statistics(floats, &matrix.answered, set, users)
        }),
    }
}

/// Picks the integer that holds the sums.
fn evaluate_integers<C: Cells<Value: Into<i64>>>(
    matrix: &ResponseMatrix,
    integers: &Integers<C>,
    sets: &[&[u32]],
    control: &Control,
) -> Result<Vec<SetStatistics>> {
    let longest = sets.iter().map(|set| set.len()).max().unwrap_or(0);
    let magnitude = integers.magnitude(longest);
    let answered = &matrix.answered;
    if sums_fit::<i64>(matrix.users(), magnitude) {
        evaluate_each(matrix, sets, control, |set, users| {
            integer_statistics::<_, i64>(integers, answered, set, users)
        })
    } else if sums_fit::<i128>(matrix.users(), magnitude) {
        evaluate_each(matrix, sets, control, |set, users| {
            integer_statistics::<_, i128>(integers, answered, set, users)
        })
    } else {
        Err(Error::Overflow { what: "sums of squared totals" })
    }
}

/// What `statistics` makes of each set and its common users.
fn evaluate_each(
    matrix: &ResponseMatrix,
    sets: &[&[u32]],
    control: &Control,
    statistics: impl Fn(&[u32], &[u32]) -> SetStatistics + Sync,
) -> Result<Vec<SetStatistics>> {
    let refuse = || Error::MatrixTooLarge { users: matrix.users(), questions: matrix.questions() };
    let answered_by = matrix.answered.transposed(matrix.users()).ok_or_else(refuse)?;
    parallel::try_map(is_parallel(matrix, sets.len()), sets, Vec::new, |users, set| {
        if control.is_stopped() {
            return Err(Error::Interrupted);
        }
        find_common_users(&answered_by, set, users);
        Ok(statistics(set, users))
    })
}

/// Makes `users` those who answered all of `set`.
fn find_common_users(answered_by: &BitMatrix, set: &[u32], users: &mut Vec<u32>) {
    users.clear();
    for word in 0..answered_by.words_per_row() {
        let common =
            set.iter().fold(u64::MAX, |common, &question| common & answered_by.row(question as usize)[word]);
        users.extend(ones(common).map(|bit| (word * WORD_BITS + bit) as u32));
    }
}

fn integer_statistics<C: Cells<Value: Into<i64>>, A: SumInteger>(
    integers: &Integers<C>,
    answered: &BitMatrix,
    set: &[u32],
    users: &[u32],
) -> SetStatistics {
    let mut sums = IntegerSums::<A>::default();
    let mut by_question = vec![[A::default(); 2]; set.len()];
    for user in users.iter().map(|&user| user as usize) {
        let mut total = 0;
        for (&question, [x, xx]) in set.iter().zip(&mut by_question) {
            let score: i64 = integers.points.of(answered, user, question as usize).into();
            total += score;
            *x += A::from(score);
            *xx += A::from(score) * A::from(score);
        }
        sums.add(total, integers.totals[user]);
    }
    SetStatistics {
        correlations: sums.correlations(),
        alpha: sums.alpha(set.len(), summed_variances(sums.n(), by_question)),
        n_users: sums.n(),
    }
}

fn float_statistics(floats: &Floats, answered: &BitMatrix, set: &[u32], users: &[u32]) -> SetStatistics {
    SetStatistics {
        correlations: floats.correlations(answered, set, users.iter().copied()),
        alpha: floats.alpha(answered, set, users),
        n_users: users.len() as u32,
    }
}

#[cfg(test)]
mod tests;
