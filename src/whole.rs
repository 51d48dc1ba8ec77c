//! What set totals are correlated with: the whole of which a set is a part, or a criterion outside the test.

use std::borrow::Cow;

use crate::bitset::BitMatrix;
use crate::error::{Error, Result};

/// A value T for each user, with which the totals of its sets are correlated.
///
/// ```
/// use polars_corrset::{moments::RankBy, responses::*, search::*, whole::Whole};
///
/// let responses = Responses {
///     users: vec![0, 0, 1, 1, 2, 2],
///     questions: vec![0, 1, 0, 1, 0, 1],
///     scores: vec![1i64, 5, 2, 2, 3, 7],
/// };
/// let grades = Whole::IntegerCriterion(vec![10, 20, 30]);
/// let matrix = responses.matrix_against(Duplicates::Error, &grades)?;
/// let best = search(&matrix, &Request { k: 1, top: Some(1), min_users: 2, rank_by: RankBy::R })?;
/// assert_eq!((best.questions, best.r.get(0), best.r_rest.get(0)), (vec![0], Some(1.0), None));
/// # Ok::<(), polars_corrset::error::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Whole {
    /// The sum of the user's scores. The rest of it, beside a set, is the sum of the others.
    #[default]
    Sum,
    /// The mean of the user's scores. The rest is the mean of the others, and a user without others has none.
    Mean,
    /// Something else, one integer for each user, in any unit. It has no rest.
    IntegerCriterion(Vec<i128>),
    /// The same as floats.
    FloatCriterion(Vec<f64>),
}

/// How a user's scores make a grand total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Total {
    Sum,
    Mean,
}

impl From<Total> for Whole {
    fn from(total: Total) -> Self {
        match total {
            Total::Sum => Self::Sum,
            Total::Mean => Self::Mean,
        }
    }
}

/// What is left of T beside a set with total X.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// T − X.
    Sum,
    /// The mean of the scores that X has not.
    Mean,
    None,
}

impl Whole {
    pub(crate) fn rest(&self) -> Rest {
        match self {
            Self::Sum => Rest::Sum,
            Self::Mean => Rest::Mean,
            Self::IntegerCriterion(_) | Self::FloatCriterion(_) => Rest::None,
        }
    }

    /// Whether it is made of integers alone where scores are.
    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Self::Sum | Self::IntegerCriterion(_))
    }

    /// What gives the same correlations from exact sums, where there is such: of as many scores the mean is the sum, and
    /// floats can be integers.
    ///
    /// # Errors
    ///
    /// [`Error::CriterionNotFinite`].
    ///
    /// # Panics
    ///
    /// Unless a criterion has a value for each user.
    pub(crate) fn simplest(&self, answered: &BitMatrix) -> Result<Cow<'_, Self>> {
        let users = answered.rows();
        let check = |values: usize| assert_eq!(values, users, "a criterion has a value for each user");
        let simpler = match self {
            Self::Sum => None,
            Self::Mean => {
                let are_equal = (1..users).all(|user| answered.ones(user) == answered.ones(0));
                are_equal.then_some(Self::Sum)
            }
            Self::IntegerCriterion(values) => {
                check(values.len());
                None
            }
            Self::FloatCriterion(values) => {
                check(values.len());
                if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
                    return Err(Error::CriterionNotFinite { value });
                }
                let are_integers = values.iter().all(|&value| is_exact_integer(value));
                let integers = || Self::IntegerCriterion(values.iter().map(|&value| value as i128).collect());
                are_integers.then(integers)
            }
        };
        Ok(simpler.map_or(Cow::Borrowed(self), Cow::Owned))
    }
}

/// Up to so much, every integer is a float.
pub(crate) const LARGEST_EXACT: u64 = 1 << f64::MANTISSA_DIGITS;

/// Whether a float is an integer that stands for itself. Beyond [`LARGEST_EXACT`] all floats are integers, which says nothing
/// about the data.
pub(crate) fn is_exact_integer(value: f64) -> bool {
    value.trunc() == value && value.abs() <= LARGEST_EXACT as f64
}
