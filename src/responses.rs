//! Responses in long form: one (user, question, score) per row, users and questions as dense ids.
//!
//! Where they are held is for the [`Source`] to say: in the buffers of a frame, or in [`Responses`], which arrive batch
//! by batch and merge. The search works on the [`ResponseMatrix`] made of either.

use crate::bitset::BitMatrix;
use crate::double_double::DoubleDouble;
use crate::error::{Error, Result};
use crate::matrix::ResponseMatrix;
use crate::whole::Whole;

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
pub trait Score: Copy + PartialOrd + Send + Sync {
    /// Whether the score can be computed with.
    fn check(self) -> Result<()>;

    /// The sum of a user's responses to one question, `None` on overflow.
    fn sum(responses: &[Self]) -> Option<Self>;

    /// The matrix of each user's mean response to each question.
    fn matrix_of_means(responses: &Sorted<Self>, whole: &Whole) -> Result<ResponseMatrix>;

    /// The matrix of responses without duplicates, whose cells are `answered`.
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
                fn check(self) -> Result<()> {
                    Ok(())
                }

                fn sum(responses: &[Self]) -> Option<Self> {
                    responses.iter().try_fold(<$integer>::default(), |sum, &score| sum.checked_add(score))
                }

                fn matrix_of_means(responses: &Sorted<Self>, whole: &Whole) -> Result<ResponseMatrix> {
                    responses.integer_means(whole)
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

integer_scores!(i64, i128);

impl Score for f64 {
    fn check(self) -> Result<()> {
        if self.is_finite() { Ok(()) } else { Err(Error::NotFinite { score: self }) }
    }

    fn sum(responses: &[Self]) -> Option<Self> {
        let mut sum = DoubleDouble::default();
        responses.iter().for_each(|&score| sum += score);
        Some(sum.round()).filter(|sum| sum.is_finite())
    }

    fn matrix_of_means(responses: &Sorted<Self>, whole: &Whole) -> Result<ResponseMatrix> {
        responses.collapse(whole, |cell| {
            let n = cell.len() as f64;
            let sum_of_parts = || cell.iter().map(|score| score / n).sum();
            Ok(Self::sum(cell).map_or_else(sum_of_parts, |sum| sum / n))
        })
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
    /// [`Interner::merge`](crate::intern::Interner::merge)).
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

/// Responses that can be read from the first to the last as often as needed: a [`Responses`], or a closure that reads
/// (user, question, score) where they are, so that they need not be there twice.
///
/// ```
/// use polars_corrset::responses::{Duplicates, Source};
///
/// let (users, questions, scores) = ([0, 0, 1], [0, 1, 1], [true, false, true]);
/// let responses = || (0..users.len()).map(|row| (users[row], questions[row], i64::from(scores[row])));
/// let matrix = responses.matrix(Duplicates::Error)?;
/// assert_eq!((matrix.users(), matrix.questions()), (2, 2));
/// # Ok::<(), polars_corrset::error::Error>(())
/// ```
pub trait Source: Sized {
    type Score: Score;

    /// User, question and score of each response.
    fn read(&self) -> impl Iterator<Item = (u32, u32, Self::Score)>;

    /// Calls `visit(user, question, score)` for every response, in order.
    fn for_each(&self, mut visit: impl FnMut(usize, usize, Self::Score)) {
        self.read().for_each(|(user, question, score)| visit(user as usize, question as usize, score));
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
        let (mut users, mut questions) = (0, 0);
        for (user, question, score) in self.read() {
            score.check()?;
            users = users.max(user as usize + 1);
            questions = questions.max(question as usize + 1);
        }
        let mut answered =
            BitMatrix::try_zeros(users, questions).ok_or(Error::MatrixTooLarge { users, questions })?;
        let repeated =
            self.read().find(|&(user, question, _)| !answered.insert(user as usize, question as usize));
        let Some((user, question, _)) = repeated else {
            let whole = whole.simplest(&answered)?;
            return Self::Score::matrix(self, answered, &whole);
        };
        // Responses without duplicates make another.
        drop(answered);

        let sorted = || Sorted::new(self);
        match duplicates {
            Duplicates::Error => {
                let count = self.read().filter(|&(u, q, _)| (u, q) == (user, question)).count();
                Err(Error::Duplicate { user, question, count })
            }
            Duplicates::First => sorted().collapse(whole, |cell| Ok(cell[0])),
            Duplicates::Last => sorted().collapse(whole, |cell| Ok(cell[cell.len() - 1])),
            Duplicates::Min => {
                sorted().collapse(whole, |cell| Ok(cell.iter().copied().reduce(lesser).unwrap_or(cell[0])))
            }
            Duplicates::Max => {
                sorted().collapse(whole, |cell| Ok(cell.iter().copied().reduce(greater).unwrap_or(cell[0])))
            }
            Duplicates::Sum => sorted().collapse(whole, |cell| Self::Score::sum(cell).ok_or(DUPLICATES)),
            Duplicates::Mean => Self::Score::matrix_of_means(&sorted(), whole),
        }
    }
}

impl<S: Score> Source for Responses<S> {
    type Score = S;

    fn read(&self) -> impl Iterator<Item = (u32, u32, S)> {
        let ids = self.users.iter().zip(&self.questions);
        ids.zip(&self.scores).map(|((&user, &question), &score)| (user, question, score))
    }
}

impl<S: Score, I: Iterator<Item = (u32, u32, S)>, F: Fn() -> I> Source for F {
    type Score = S;

    fn read(&self) -> impl Iterator<Item = (u32, u32, S)> {
        self()
    }
}

/// Responses by cell, those of one cell in their order.
pub struct Sorted<S>(Vec<(u32, u32, S)>);

impl<S: Score> Sorted<S> {
    fn new(responses: &impl Source<Score = S>) -> Self {
        let mut rows: Vec<(u32, u32, S)> = responses.read().collect();
        rows.sort_by_key(|&(user, question, _)| (user, question));
        Self(rows)
    }

    /// Calls `visit(user, question, scores)` for each cell, its scores in their order.
    fn for_each_cell(&self, mut visit: impl FnMut(u32, u32, &[S]) -> Result<()>) -> Result<()> {
        let mut scores = Vec::new();
        for rows in self.0.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (user, question, _) = rows[0];
            scores.clear();
            scores.extend(rows.iter().map(|&(_, _, score)| score));
            visit(user, question, &scores)?;
        }
        Ok(())
    }

    /// The matrix in which one score, made by `one_of`, replaces the scores of each cell.
    fn collapse<T: Score>(
        &self,
        whole: &Whole,
        one_of: impl Fn(&[S]) -> Result<T>,
    ) -> Result<ResponseMatrix> {
        let mut collapsed = Responses { users: Vec::new(), questions: Vec::new(), scores: Vec::new() };
        self.for_each_cell(|user, question, scores| {
            collapsed.users.push(user);
            collapsed.questions.push(question);
            collapsed.scores.push(one_of(scores)?);
            Ok(())
        })?;
        collapsed.matrix_against(Duplicates::Error, whole)
    }

    /// The matrix of means, exact: all are multiplied by the least common multiple of the numbers of responses,
    /// which changes no correlation.
    fn integer_means(&self, whole: &Whole) -> Result<ResponseMatrix>
    where
        S: Into<i128>,
    {
        let mut multiple: i128 = 1;
        self.for_each_cell(|_, _, scores| {
            let count = scores.len() as i128;
            multiple =
                multiple.checked_mul(count / greatest_common_divisor(multiple, count)).ok_or(DUPLICATES)?;
            Ok(())
        })?;
        self.collapse(whole, |cell| {
            let sum = cell.iter().try_fold(0i128, |sum, &score| sum.checked_add(score.into()));
            sum.and_then(|sum| sum.checked_mul(multiple / cell.len() as i128)).ok_or(DUPLICATES)
        })
    }
}

const DUPLICATES: Error = Error::Overflow { what: "sum of duplicate responses" };

fn greatest_common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn lesser<S: PartialOrd>(a: S, b: S) -> S {
    if b < a { b } else { a }
}

fn greater<S: PartialOrd>(a: S, b: S) -> S {
    if b > a { b } else { a }
}
