//! Responses in long form: one (user, question, score) per row, users and questions as dense ids.
//!
//! Where they are held is for the [`Source`] to say: in the buffers of a frame, or in [`Responses`], which arrive batch
//! by batch and merge. The search works on the [`ResponseMatrix`] made of either.

mod bits;
mod duplicates;

use std::ops::Range;

use crate::bitset::{BitMatrix, SharedBits};
use crate::double_double::DoubleDouble;
use crate::error::{Error, Result};
use crate::isa::InstructionSet;
use crate::matrix::ResponseMatrix;
use crate::parallel;
use crate::regular::Regular;
use crate::whole::Whole;
use bits::regular_bits;
use duplicates::{Repeated, SUMS, first_repeated};

/// What several responses of one user to one question mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Duplicates {
    Error,
    First,
    Last,
    Sum,
    Mean,
    Min,
    Max,
}

/// A type of scores: `i64`, `i128` (wider integers, and decimals as multiples of their last digit), `f64`.
pub trait Score: Copy + Default + PartialOrd + Send + Sync {
    /// No score is below that, and none above this.
    const LEAST: Self;
    const LARGEST: Self;

    /// Whether the score can be computed with.
    fn check(self) -> Result<()>;

    /// What a score of 0 or 1 is as a bit; `None` of others.
    fn bit(self) -> Option<bool>;

    /// The sum of a user's responses to one question, `None` on overflow.
    fn sum(responses: &[Self]) -> Option<Self>;

    /// The matrix of each user's mean response to each question.
    fn matrix_of_means(
        responses: &impl Source<Score = Self>,
        repeated: &Repeated<Self>,
        whole: &Whole,
    ) -> Result<ResponseMatrix>;

    /// The matrix of responses whose cells are `answered`; several for one cell are the same. `whole` is the [`simplest`](Whole::simplest) of
    /// its kind.
    fn matrix(
        responses: &impl Source<Score = Self>,
        answered: BitMatrix,
        whole: &Whole,
    ) -> Result<ResponseMatrix>;
}

/// Integers are summed exactly, or refused.
macro_rules! integer_scores {
    ($($integer:ty),*) => {
        $(
            impl Score for $integer {
                const LEAST: Self = Self::MIN;
                const LARGEST: Self = Self::MAX;

                fn check(self) -> Result<()> {
                    Ok(())
                }

                fn bit(self) -> Option<bool> {
                    (0..=1).contains(&self).then_some(self == 1)
                }

                fn sum(responses: &[Self]) -> Option<Self> {
                    responses.iter().try_fold(<$integer>::default(), |sum, &score| sum.checked_add(score))
                }

                fn matrix_of_means(
                    responses: &impl Source<Score = Self>,
                    repeated: &Repeated<Self>,
                    whole: &Whole,
                ) -> Result<ResponseMatrix> {
                    matrix_of(&repeated.integer_means(responses)?, whole)
                }

                fn matrix(
                    responses: &impl Source<Score = Self>,
                    answered: BitMatrix,
                    whole: &Whole,
                ) -> Result<ResponseMatrix> {
                    ResponseMatrix::of_integers(responses, answered, whole)
                }
            }
        )*
    };
}

integer_scores!(i16, i64, i128);

impl Score for f64 {
    const LEAST: Self = Self::NEG_INFINITY;
    const LARGEST: Self = Self::INFINITY;

    fn check(self) -> Result<()> {
        if self.is_finite() { Ok(()) } else { Err(Error::NotFinite { score: self }) }
    }

    fn bit(self) -> Option<bool> {
        let is_one = self == 1.0;
        (is_one || self == 0.0).then_some(is_one)
    }

    fn sum(responses: &[Self]) -> Option<Self> {
        let mut sum = DoubleDouble::default();
        responses.iter().for_each(|&score| sum += score);
        Some(sum.round()).filter(|sum| sum.is_finite())
    }

    fn matrix_of_means(
        responses: &impl Source<Score = Self>,
        repeated: &Repeated<Self>,
        whole: &Whole,
    ) -> Result<ResponseMatrix> {
        let mean = |scores: &[f64]| {
            let n = scores.len() as f64;
            let sum_of_parts = || scores.iter().map(|score| score / n).sum();
            Ok(Self::sum(scores).map_or_else(sum_of_parts, |sum| sum / n))
        };
        matrix_of(&repeated.collapsed(responses, mean)?, whole)
    }

    fn matrix(
        responses: &impl Source<Score = Self>,
        answered: BitMatrix,
        whole: &Whole,
    ) -> Result<ResponseMatrix> {
        ResponseMatrix::of_floats(responses, answered, whole)
    }
}

/// Responses in long form; the i-th of each vector make the i-th response.
///
/// ```
/// use polars_corrset::responses::{Duplicates, Responses};
///
/// let mut responses = Responses { users: vec![0, 0, 1], questions: vec![0, 1, 1], scores: vec![1i64, 0, 1] };
/// // A later batch with ids of its own: its user 0 is user 1 of the whole, its question 0 is question 2.
/// let batch = Responses { users: vec![0], questions: vec![0], scores: vec![5] };
/// responses.merge(batch, &[1], &[2]);
///
/// let matrix = responses.into_matrix(Duplicates::Error)?;
/// assert_eq!((matrix.users(), matrix.questions()), (2, 3));
/// # Ok::<(), polars_corrset::error::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Responses<S> {
    pub users: Vec<u32>,
    pub questions: Vec<u32>,
    pub scores: Vec<S>,
}

impl<S: Score> Responses<S> {
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// Appends `later`, whose user and question ids `i` are `user_ids[i]` and `question_ids[i]` here (see
    /// [`Interner`](crate::intern::Interner)).
    pub fn merge(&mut self, later: Self, user_ids: &[u32], question_ids: &[u32]) {
        self.users.extend(later.users.iter().map(|&user| user_ids[user as usize]));
        self.questions.extend(later.questions.iter().map(|&question| question_ids[question as usize]));
        self.scores.extend(later.scores);
    }

    /// [`Source::matrix`], after which the responses are gone.
    pub fn into_matrix(self, duplicates: Duplicates) -> Result<ResponseMatrix> {
        self.matrix(duplicates)
    }
}

/// Responses that can be read as often as needed, on several threads: a [`Responses`], or what reads them where they are, so
/// that they need not be there twice.
pub trait Source: Sized + Sync {
    type Score: Score;

    /// How many ids users and questions have.
    fn ids(&self) -> (usize, usize);

    /// Number of responses.
    fn rows(&self) -> usize;

    /// User, question and score of the responses at `rows`, in order, in one or several pieces, so that a loop over one can be
    /// a loop over slices.
    fn read(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = (u32, u32, Self::Score)>>;

    /// Their scores alone.
    fn scores(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = Self::Score>>;

    /// The order of the rows, where it is known to be regular.
    fn regular(&self) -> Option<&Regular> {
        None
    }

    /// All responses.
    fn read_all(&self) -> impl Iterator<Item = (u32, u32, Self::Score)> {
        self.read(0..self.rows()).flatten()
    }

    /// The same responses with other scores.
    fn with_scores<T: Score>(
        &self,
        score: impl Fn(Self::Score) -> T + Copy + Sync,
    ) -> impl Source<Score = T> {
        WithScores { source: self, score }
    }

    /// The matrix of these responses, several for one cell treated by `duplicates`.
    fn matrix(&self, duplicates: Duplicates) -> Result<ResponseMatrix> {
        self.matrix_against(duplicates, &Whole::Sum)
    }

    /// [`matrix`](Self::matrix) in which sets are correlated with `whole`.
    ///
    /// # Panics
    ///
    /// If `whole` is a criterion that has not one value for each user, in the order of their ids.
    fn matrix_against(&self, duplicates: Duplicates, whole: &Whole) -> Result<ResponseMatrix> {
        let bits = Bits::of(self)?;
        // In a regular order nobody answered a question twice.
        if self.regular().is_some() || bits.answered.count() == self.rows() {
            return bits.matrix(self, whole);
        }
        drop(bits);
        check_scores(self)?;
        let one_of: fn(&[Self::Score]) -> Result<Self::Score> = match duplicates {
            Duplicates::Error => return Err(first_repeated(self)),
            Duplicates::Mean => return Self::Score::matrix_of_means(self, &Repeated::of(self)?, whole),
            Duplicates::First => |scores| Ok(scores[0]),
            Duplicates::Last => |scores| Ok(scores[scores.len() - 1]),
            Duplicates::Sum => |scores| Self::Score::sum(scores).ok_or(SUMS),
            Duplicates::Min => |scores| Ok(scores.iter().copied().fold(scores[0], lesser)),
            Duplicates::Max => |scores| Ok(scores.iter().copied().fold(scores[0], greater)),
        };
        matrix_of(&Repeated::of(self)?.collapsed(self, one_of)?, whole)
    }
}

/// The matrix of responses of which those for one cell have one score.
fn matrix_of(responses: &impl Source, whole: &Whole) -> Result<ResponseMatrix> {
    Bits::of(responses)?.matrix(responses, whole)
}

/// Who answered and who scored.
struct Bits {
    isa: InstructionSet,
    /// Who answered what.
    answered: BitMatrix,
    /// Who scored, if all scores are 0 or 1.
    scored: Option<BitMatrix>,
}

impl Bits {
    fn of(responses: &impl Source) -> Result<Self> {
        let isa = InstructionSet::from_environment()?;
        let matrices = match responses.regular() {
            Some(regular) => regular_bits(isa, responses, regular),
            None if all(responses, |score| score.bit().is_some()) => {
                set_bits(responses, |score| [true, score.bit() == Some(true)])
                    .map(|[answered, scored]| (answered, Some(scored)))
            }
            None => set_bits(responses, |_| [true]).map(|[answered]| (answered, None)),
        };
        let (users, questions) = responses.ids();
        let (answered, scored) = matrices.ok_or(Error::MatrixTooLarge { users, questions })?;
        Ok(Self { isa, answered, scored })
    }

    /// The matrix of `responses`, whose bits these are.
    fn matrix<S: Source>(self, responses: &S, whole: &Whole) -> Result<ResponseMatrix> {
        let Self { isa, answered, scored } = self;
        if scored.is_none() {
            check_scores(responses)?;
        }
        let whole = whole.simplest(&answered)?;
        match scored.filter(|_| whole.is_integer()) {
            Some(scored) => ResponseMatrix::of_bits(isa, answered, scored, &whole),
            None => S::Score::matrix(responses, answered, &whole),
        }
    }
}

/// Whether all scores are such.
pub(crate) fn all<S: Source>(responses: &S, is_such: impl Fn(S::Score) -> bool + Sync) -> bool {
    let are_such = parallel::map_stretches(responses.rows(), |rows| {
        // No branch for each score.
        responses.scores(rows).all(|piece| piece.fold(true, |all, score| all & is_such(score)))
    });
    !are_such.contains(&false)
}

/// The error of the first score that cannot be computed with.
fn check_scores(responses: &impl Source) -> Result<()> {
    if all(responses, |score| score.check().is_ok()) {
        return Ok(());
    }
    responses.scores(0..responses.rows()).flatten().try_for_each(Score::check)
}

/// Matrices of users and questions. In each there is a bit for a response if `are_set` says so of its score, in the first for
/// any. `None` where the memory is not to be had.
fn set_bits<S: Source, const N: usize>(
    responses: &S,
    are_set: impl Fn(S::Score) -> [bool; N] + Sync,
) -> Option<[BitMatrix; N]> {
    let (users, questions) = responses.ids();
    let bits = SharedBits::try_zeros(users, questions)?;
    parallel::map_stretches(responses.rows(), |rows| {
        let mut setter = bits.setter();
        for piece in responses.read(rows) {
            for (user, question, score) in piece {
                setter.set_if(are_set(score), user as usize, question as usize);
            }
        }
        setter.finish();
    });
    Some(bits.into_matrices())
}

impl<S: Score> Source for Responses<S> {
    type Score = S;

    fn ids(&self) -> (usize, usize) {
        let number = |ids: &[u32]| ids.iter().max().map_or(0, |&last| last as usize + 1);
        (number(&self.users), number(&self.questions))
    }

    fn rows(&self) -> usize {
        self.len()
    }

    fn read(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = (u32, u32, S)>> {
        let ids = self.users[rows.clone()].iter().zip(&self.questions[rows.clone()]);
        std::iter::once(
            ids.zip(&self.scores[rows]).map(|((&user, &question), &score)| (user, question, score)),
        )
    }

    fn scores(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = S>> {
        std::iter::once(self.scores[rows].iter().copied())
    }
}

/// See [`Source::with_scores`].
struct WithScores<'a, S, F> {
    source: &'a S,
    score: F,
}

impl<S: Source, T: Score, F: Fn(S::Score) -> T + Copy + Sync> Source for WithScores<'_, S, F> {
    type Score = T;

    fn ids(&self) -> (usize, usize) {
        self.source.ids()
    }

    fn rows(&self) -> usize {
        self.source.rows()
    }

    fn read(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = (u32, u32, T)>> {
        let changed = |(user, question, former)| (user, question, (self.score)(former));
        self.source.read(rows).map(move |piece| piece.map(changed))
    }

    fn regular(&self) -> Option<&Regular> {
        self.source.regular()
    }

    fn scores(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = T>> {
        self.source.scores(rows).map(|piece| piece.map(self.score))
    }
}

pub(crate) fn lesser<S: PartialOrd>(a: S, b: S) -> S {
    if b < a { b } else { a }
}

pub(crate) fn greater<S: PartialOrd>(a: S, b: S) -> S {
    if b > a { b } else { a }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::matrix::Cells;
    use crate::matrix::Table;
    use crate::parallel::PARALLEL_ROWS;

    /// Enough responses for several threads, in an order in which these meet in every word.
    fn many() -> Responses<i64> {
        const QUESTIONS: usize = 70;
        let users = 3 * PARALLEL_ROWS / QUESTIONS;
        let cells =
            (0..users * QUESTIONS).map(|i| i * 7919 % (users * QUESTIONS)).filter(|cell| cell % 5 > 0);
        let (users, questions) =
            cells.clone().map(|cell| ((cell / QUESTIONS) as u32, (cell % QUESTIONS) as u32)).unzip();
        Responses {
            users,
            questions,
            scores: cells.map(|cell| (cell.wrapping_mul(0x9e37_79b9) >> 20 & 1) as i64).collect(),
        }
    }

    #[test]
    fn threads_make_the_matrix_that_one_would() {
        let responses = many();
        let cells = || responses.users.iter().zip(&responses.questions).zip(&responses.scores);
        for factor in [1, 3] {
            let scaled = responses.with_scores(|score| score * factor);
            let matrix = scaled.matrix(Duplicates::Error).unwrap();
            let mut plain = BTreeMap::<u32, i64>::new();
            let mut answered = 0;
            for ((&user, &question), &score) in cells() {
                *plain.entry(user).or_default() += score * factor;
                answered += usize::from(matrix.answered.contains(user as usize, question as usize));
                let point = match &matrix.table {
                    Table::Binary(integers) => {
                        i64::from(integers.points.of(&matrix.answered, user as usize, question as usize))
                    }
                    // Less the middle of 0 and 3, rounded.
                    Table::Numbers(integers) => {
                        1 + integers.points.of(&matrix.answered, user as usize, question as usize)
                    }
                    _ => panic!("small integers"),
                };
                assert_eq!(point, score * factor);
            }
            assert_eq!((answered, matrix.responses()), (responses.len(), responses.len()));
            let totals = match &matrix.table {
                Table::Binary(integers) => &integers.totals,
                Table::Numbers(integers) => &integers.totals,
                _ => panic!("small integers"),
            };
            let mean = plain.values().sum::<i64>() / plain.len() as i64;
            assert!(totals.iter().copied().eq(plain.values().map(|total| total - mean)));
        }
    }

    #[test]
    fn threads_tell_of_the_first_repeated_response() {
        let mut responses = many();
        let rows = responses.len();
        // The second repetition comes first.
        for (of, at) in [(5, rows - 1), (rows / 2, rows / 2 + 9), (rows / 2, rows - 3)] {
            (responses.users[at], responses.questions[at]) = (responses.users[of], responses.questions[of]);
        }
        let (user, question) = (responses.users[rows / 2], responses.questions[rows / 2]);
        let error = responses.matrix(Duplicates::Error).unwrap_err();
        assert_eq!(error, Error::Duplicate { user, question, count: 3 });
    }

    #[test]
    fn threads_collapse_repeated_responses_as_one_by_one() {
        let mut responses = many();
        let rows = responses.len();
        // Some cells of three responses, some of two, some neighbours and some not.
        for of in (0..rows / 2).step_by(997) {
            for at in [of + 1 + of % 3, rows - 1 - of].into_iter().take(1 + of % 2) {
                (responses.users[at], responses.questions[at]) =
                    (responses.users[of], responses.questions[of]);
            }
        }
        responses.scores.iter_mut().zip(0..).for_each(|(score, row)| *score = row % 5 - row % 3);
        let mut cells = BTreeMap::<(u32, u32), Vec<f64>>::new();
        for (user, question, score) in responses.read_all() {
            cells.entry((user, question)).or_default().push(score as f64);
        }
        let of_so_many = |count| cells.values().filter(|cell| cell.len() == count).count();
        assert!(of_so_many(2) > 30 && of_so_many(3) > 30 && of_so_many(4) == 0);
        for (duplicates, one_of) in [
            (Duplicates::First, (|cell| cell[0]) as fn(&[f64]) -> f64),
            (Duplicates::Last, |cell| cell[cell.len() - 1]),
            (Duplicates::Sum, |cell| cell.iter().sum()),
            (Duplicates::Min, |cell| cell.iter().copied().fold(f64::INFINITY, f64::min)),
            (Duplicates::Max, |cell| cell.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            (Duplicates::Mean, |cell| cell.iter().sum::<f64>() / cell.len() as f64),
        ] {
            // Means of up to three are multiples of a sixth.
            let multiple = if duplicates == Duplicates::Mean { 6.0 } else { 1.0 };
            let (users, questions) = cells.keys().copied().unzip();
            let scores = cells.values().map(|cell| one_of(cell)).collect();
            let expected = Responses { users, questions, scores };
            let integers = expected.with_scores(|score| (score * multiple).round() as i64);
            let made = parallel::on(3, || responses.matrix(duplicates)).unwrap();
            assert!(same(&made, &integers.matrix(Duplicates::Error).unwrap()), "{duplicates:?}");
            let eighths = responses.with_scores(|score| score as f64 / 8.0);
            let made = parallel::on(3, || eighths.matrix(duplicates)).unwrap();
            let expected = expected.with_scores(|score| score / 8.0);
            assert!(same(&made, &expected.matrix(Duplicates::Error).unwrap()), "{duplicates:?} of floats");
        }
    }

    #[test]
    fn a_mean_may_be_of_scores_of_which_no_multiple_fits() {
        const LARGE: i128 = i128::MAX / 2 + 1;
        let means = |scores: Vec<i128>| {
            let users = vec![0; scores.len() - 1].into_iter().chain([1]).collect();
            Responses { users, questions: vec![0; scores.len()], scores }.matrix(Duplicates::Mean).map(drop)
        };
        assert_eq!(means(vec![LARGE, -LARGE, 3]), Ok(()));
        assert_eq!(means(vec![2, 4, LARGE]), Err(SUMS));
        assert_eq!(means(vec![LARGE, LARGE, 3]), Err(SUMS));
    }

    fn same(a: &ResponseMatrix, b: &ResponseMatrix) -> bool {
        format!("{a:?}") == format!("{b:?}")
    }
}
