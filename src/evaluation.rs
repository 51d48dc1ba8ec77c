//! Given sets instead of a search: what the search would report of each, and Cronbach's α.
//!
//! A set's common users are the intersection of the bitsets of who answered its questions. Users who share their answer
//! pattern with many are summed up beforehand. All sums of integers are exact, so the correlations are bit for bit those of
//! the search.

use crate::bitset::{BitMatrix, WORD_BITS, ones};
use crate::error::{Error, Result};
use crate::isa::InstructionSet;
use crate::matrix::{Floats, Integers, ResponseMatrix, Table};
use crate::moments::{Correlations, IntegerSums, RankBy, SumInteger, summed_variances, sums_fit};
use crate::pair_sums::{self, PairScores, PairSums, pair_sums};
use crate::parallel;
use crate::patterns::{Pattern, patterns};
use crate::search::Control;

/// Sets × users from which several threads are faster than one: half a millisecond at most.
const PARALLEL_WORK: usize = 1 << 16;

/// Users of an answer pattern from which they are summed up: the sums of a set are as many products as it has pairs, from
/// about as many users on as that they cost less.
const USERS_OF_A_BLOCK: usize = 64;

/// Users per pattern below which patterns are not even counted to the end.
const LEAST_USERS_PER_PATTERN: usize = 4;

/// Moments of pairs that are worth their memory: 32 MiB of them, or twice that.
const MOST_PAIRS: usize = 1 << 22;

/// What is known of a set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SetStatistics {
    /// With α. None of them exists over fewer than two users.
    pub correlations: Correlations,
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
/// a second copy of who answered what, [`Error::InstructionSet`] if the environment asks for one that is not there,
/// [`Error::Interrupted`] if `control` stopped it.
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
/// assert_eq!((statistics[0].correlations.alpha, statistics[0].n_users), (Some(1.0), 3));
/// assert_eq!(statistics[1].correlations.alpha, None);
/// # Ok::<(), polars_corrset::error::Error>(())
/// ```
pub fn evaluate(matrix: &ResponseMatrix, sets: &[&[u32]], control: &Control) -> Result<Vec<SetStatistics>> {
    let mut statistics = match &matrix.table {
        Table::Binary(integers) => evaluate_integers(matrix, integers, sets, control),
        Table::Numbers(integers) => evaluate_integers(matrix, integers, sets, control),
        Table::Float(floats) => {
            let users = Users::new(matrix, (0..matrix.users() as u32).collect())?;
            try_each(matrix, sets, control, |common, set| {
                users.find_common(set, common);
                float_statistics(floats, &matrix.answered, set, common)
            })
        }
    }?;
    // The six sums give every set a correlation with T − X, also where that means nothing.
    if !matrix.has(RankBy::RRest) {
        statistics.iter_mut().for_each(|set| set.correlations.r_rest = None);
    }
    Ok(statistics)
}

/// Picks the integer that holds the sums.
fn evaluate_integers<P: PairScores<Value: Into<i64>>>(
    matrix: &ResponseMatrix,
    integers: &Integers<P>,
    sets: &[&[u32]],
    control: &Control,
) -> Result<Vec<SetStatistics>> {
    let longest = sets.iter().map(|set| set.len()).max().unwrap_or(0);
    let magnitude = integers.magnitude(longest);
    if sums_fit::<i64>(matrix.users(), magnitude) {
        evaluate_sums::<P, i64>(matrix, integers, sets, control)
    } else if sums_fit::<i128>(matrix.users(), magnitude) {
        evaluate_sums::<P, i128>(matrix, integers, sets, control)
    } else {
        Err(Error::Overflow { what: "sums of squared totals" })
    }
}

fn evaluate_sums<P: PairScores<Value: Into<i64>>, A: SumInteger + Sync>(
    matrix: &ResponseMatrix,
    integers: &Integers<P>,
    sets: &[&[u32]],
    control: &Control,
) -> Result<Vec<SetStatistics>> {
    let (blocks, others) = blocks::<P, A>(matrix, integers, sets)?;
    let users = Users::new(matrix, others)?;
    try_each(matrix, sets, control, |common, set| {
        users.find_common(set, common);
        let mut sums = SetSums::new(set);
        blocks.iter().for_each(|block| sums.add_block(block));
        sums.add_users(integers, &matrix.answered, common);
        sums.statistics()
    })
}

/// The sums of the patterns that many users have, and the users who have none of these.
///
/// There are none if there are so few sets that they would cost more than they save.
fn blocks<P: PairScores, A: SumInteger>(
    matrix: &ResponseMatrix,
    integers: &Integers<P>,
    sets: &[&[u32]],
) -> Result<(Vec<PairSums<A>>, Vec<u32>)> {
    let isa = InstructionSet::from_environment()?;
    let (users, questions) = (matrix.users(), matrix.questions());
    let members: usize = sets.iter().map(|set| set.len()).sum();
    let most =
        if members < questions.saturating_mul(questions) { 0 } else { users / LEAST_USERS_PER_PATTERN };
    let Some(patterns) = patterns(&matrix.answered, users, most) else {
        return Ok((Vec::new(), (0..users as u32).collect()));
    };
    let mut pairs_left = MOST_PAIRS;
    let is_block = |pattern: &Pattern| {
        let pairs = pattern.questions.len().saturating_mul(questions);
        let is_block = pattern.users.len() >= USERS_OF_A_BLOCK && pairs <= pairs_left;
        if is_block {
            pairs_left -= pairs;
        }
        is_block
    };
    let (large, small): (Vec<Pattern>, Vec<Pattern>) = patterns.into_iter().partition(is_block);
    let sums = large.iter().map(|Pattern { questions, users }| {
        pair_sums(isa, integers, &matrix.answered, questions, &pair_sums::Users::These(users))
    });
    let blocks = sums.collect::<Option<_>>().ok_or(Error::MatrixTooLarge { users, questions })?;
    Ok((blocks, small.into_iter().flat_map(|pattern| pattern.users).collect()))
}

/// What `evaluate` makes of each set, with a vector of users to use.
fn try_each(
    matrix: &ResponseMatrix,
    sets: &[&[u32]],
    control: &Control,
    evaluate: impl Fn(&mut Vec<u32>, &[u32]) -> SetStatistics + Sync + Send,
) -> Result<Vec<SetStatistics>> {
    parallel::try_map(is_parallel(matrix, sets.len()), sets, Vec::new, |users, set| {
        if control.is_stopped() { Err(Error::Interrupted) } else { Ok(evaluate(users, set)) }
    })
}

/// Some of the users, and who of them answered a question.
struct Users {
    users: Vec<u32>,
    answered_by: BitMatrix,
}

impl Users {
    fn new(matrix: &ResponseMatrix, users: Vec<u32>) -> Result<Self> {
        let count = users.len();
        let too_large = Error::MatrixTooLarge { users: count, questions: matrix.questions() };
        if count == matrix.users() {
            // All of them need no copy.
            let answered_by = matrix.answered.transposed(count).ok_or(too_large)?;
            return Ok(Self { users: (0..count as u32).collect(), answered_by });
        }
        let answered = matrix.answered.of_rows(&users).and_then(|answered| answered.transposed(count));
        Ok(Self { users, answered_by: answered.ok_or(too_large)? })
    }

    /// Makes `common` those who answered all of `set`.
    fn find_common(&self, set: &[u32], common: &mut Vec<u32>) {
        common.clear();
        for word in 0..self.answered_by.words_per_row() {
            let answered = |&question: &u32| self.answered_by.row(question as usize)[word];
            let bits = set.iter().map(answered).fold(u64::MAX, |all, one| all & one);
            common.extend(ones(bits).map(|bit| self.users[word * WORD_BITS + bit]));
        }
    }
}

/// The sums of a set as users are added.
struct SetSums<'a, A> {
    set: &'a [u32],
    sums: IntegerSums<A>,
    /// Σx and Σx² of each question.
    by_question: Vec<[A; 2]>,
}

impl<'a, A: SumInteger> SetSums<'a, A> {
    fn new(set: &'a [u32]) -> Self {
        Self { set, sums: IntegerSums::default(), by_question: vec![[A::default(); 2]; set.len()] }
    }

    /// Takes up the users of a pattern, if it contains the set.
    fn add_block(&mut self, block: &PairSums<A>) {
        if self.set.iter().all(|&question| block.contains[question as usize]) {
            self.sums += block.set_sums(self.set);
            for (&question, [x, xx]) in self.set.iter().zip(&mut self.by_question) {
                *x += block.x[question as usize];
                *xx += block.squares[question as usize];
            }
        }
    }

    /// Takes up users who answered the set.
    fn add_users<P: PairScores<Value: Into<i64>>>(
        &mut self,
        integers: &Integers<P>,
        answered: &BitMatrix,
        users: &[u32],
    ) {
        for user in users.iter().map(|&user| user as usize) {
            let mut total = 0;
            for (&question, [x, xx]) in self.set.iter().zip(&mut self.by_question) {
                let score: i64 = integers.points.of(answered, user, question as usize).into();
                total += score;
                *x += A::from(score);
                *xx += A::from(score) * A::from(score);
            }
            self.sums.add(total, integers.totals[user]);
        }
    }

    fn statistics(self) -> SetStatistics {
        let Self { set, sums, by_question } = self;
        let alpha = sums.alpha(set.len(), summed_variances(sums.n(), by_question));
        SetStatistics { correlations: Correlations { alpha, ..sums.correlations() }, n_users: sums.n() }
    }
}

fn float_statistics(floats: &Floats, answered: &BitMatrix, set: &[u32], users: &[u32]) -> SetStatistics {
    let alpha = floats.alpha(answered, set, users);
    let correlations = floats.correlations(answered, set, users.iter().copied());
    SetStatistics { correlations: Correlations { alpha, ..correlations }, n_users: users.len() as u32 }
}

#[cfg(test)]
mod tests;
