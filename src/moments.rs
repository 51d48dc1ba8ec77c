//! The six sums of a set, and the only formulas of the crate for correlations and for Cronbach's α.
//!
//! Over the common users of a set, with set total X and grand total T: n, ΣX, ΣX², ΣT, ΣT², ΣXT. With the
//! variances and the covariance c of X and T,
//!
//! - r = c / (σ_X σ_T), the part-whole correlation;
//! - r_rest = corr(X, T − X) = (c − σ_X²) / (σ_X √(σ_T² + σ_X² − 2c)), freed of the overlap of part and
//!   whole (J. P. Guilford, "The correlation of an item with a composite of the remaining items",
//!   Educ. Psychol. Meas. 13, 1953).
//!
//! Of one set they are evaluated in doubled precision, of several at once in `lanes`, `lane_alphas` and `lane_floats`, to the
//! same bit.
//!
//! Neither changes when a constant is subtracted from every X or every T, so both are kept small.

mod lane_alphas;
mod lane_floats;
mod lanes;

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Mul, Sub};

use crate::double_double::{DoubleDouble, ProductSum};

pub use lane_alphas::{LaneVariances, SquaredTotals};
pub use lane_floats::{ComomentErrors, Doubled, FloatComoments, Tolerance, UserNorms};
pub use lanes::{Lane, LaneComoments, LaneCorrelations};

/// Which correlation ranks the sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum RankBy {
    R,
    RRest,
    /// Cronbach's α.
    Alpha,
}

/// The other side of a set total's correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// T.
    Total,
    /// T − X.
    Rest,
}

impl RankBy {
    /// The side of the correlation that is named, if it is one.
    pub fn side(self) -> Option<Side> {
        match self {
            Self::R => Some(Side::Total),
            Self::RRest => Some(Side::Rest),
            Self::Alpha => None,
        }
    }
}

/// Both correlations of one set, `None` where a side of the correlation is constant; and Cronbach's α where it is asked for,
/// `None` also where it does not exist.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlations {
    pub r: Option<f64>,
    pub r_rest: Option<f64>,
    pub alpha: Option<f64>,
}

impl Correlations {
    /// The one that is asked for.
    pub fn of(&self, rank_by: RankBy) -> Option<f64> {
        match rank_by {
            RankBy::R => self.r,
            RankBy::RRest => self.r_rest,
            RankBy::Alpha => self.alpha,
        }
    }

    /// The value by which a set is ranked. Without r there is no r_rest, whatever the other side is; α needs neither.
    pub fn rank_key(&self, rank_by: RankBy) -> Option<f64> {
        match rank_by {
            RankBy::R | RankBy::RRest => self.r.and(self.of(rank_by)),
            RankBy::Alpha => self.alpha,
        }
    }
}

/// Pearson's correlation from a covariance and two variances in any common unit.
// Adding 0.0 makes -0.0 equal to 0.0 in the total order of floats, too.
fn correlation(covariance: DoubleDouble, variance_x: DoubleDouble, variance_y: DoubleDouble) -> Option<f64> {
    let deviations = (variance_x * variance_y).sqrt();
    (deviations.round() > 0.0).then(|| (covariance / deviations).round().clamp(-1.0, 1.0) + 0.0)
}

/// Cronbach's α of `k` questions, from the variances of their scores, summed, and the variance of the set total, in any
/// common unit: k/(k − 1) · (1 − Σ var(x_i)/var(X)) (L. J. Cronbach, "Coefficient alpha and the internal structure of
/// tests", Psychometrika 16, 1951). `None` for one question, and where the set total is constant.
///
/// It does not change when a constant is subtracted from every score on a question.
fn cronbach_alpha(k: usize, variances: DoubleDouble, variance_x: DoubleDouble) -> Option<f64> {
    let exists = k > 1 && variance_x.round() > 0.0;
    let unbounded = || {
        let [k, others] = [k, k - 1].map(|count| DoubleDouble::from(count as f64));
        // Adding 0.0 as above.
        (k * (variance_x - variances) / (others * variance_x)).round().min(1.0) + 0.0
    };
    exists.then(unbounded)
}

/// The confidence interval of a correlation `r` of `n` pairs: `deviations` standard deviations of Fisher's z on either
/// side of atanh r (R. A. Fisher, "On the probable error of a coefficient of correlation deduced from a small sample",
/// Metron 1, 1921). `None` for three pairs or fewer.
pub fn fisher_interval(r: f64, n: u32, deviations: f64) -> Option<[f64; 2]> {
    let pairs = n.checked_sub(3).filter(|&pairs| pairs > 0)?;
    let half = deviations / f64::from(pairs).sqrt();
    Some([r.atanh() - half, r.atanh() + half].map(f64::tanh))
}

/// An integer wide enough for the sums of a search (see [`sums_fit`]).
pub trait SumInteger:
    Copy
    + Default
    + Send
    + Add<Output = Self>
    + AddAssign
    + Mul<Output = Self>
    + From<i64>
    + Into<i128>
    + Lane
    + 'static
{
    /// Bits that a sum may take, one less than the integer has beside its sign: a sum of two still fits.
    const SUM_BITS: u32;

    /// The lower bits of an integer.
    fn wrapping_from(value: i128) -> Self;
}

impl SumInteger for i64 {
    const SUM_BITS: u32 = 62;

    fn wrapping_from(value: i128) -> Self {
        value as i64
    }
}

impl SumInteger for i128 {
    const SUM_BITS: u32 = 126;

    fn wrapping_from(value: i128) -> Self {
        value
    }
}

/// Whether the sums of at most `users` products fit into `A` where no |X|, |T| or |T − X| exceeds
/// `magnitude`, and everything [`IntegerSums::correlations`] derives from them fits into `i128`.
pub fn sums_fit<A: SumInteger>(users: usize, magnitude: u128) -> bool {
    let users = users as u128;
    let fits = |value: Option<u128>, bits: u32| value.is_some_and(|value| value <= 1 << bits);
    let sum = magnitude.checked_mul(magnitude).and_then(|square| square.checked_mul(users));
    fits(sum, A::SUM_BITS) && fits(sum.and_then(|sum| sum.checked_mul(users)), <i128 as SumInteger>::SUM_BITS)
}

/// n² times the covariance of two scores by their sums over n users, exact if [`sums_fit`].
pub fn comoment<A: SumInteger>(n: u32, xy: A, x: A, y: A) -> i128 {
    i128::from(n) * xy.into() - x.into() * y.into()
}

/// The six sums of integer scores, exact.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IntegerSums<A> {
    n: u32,
    x: A,
    xx: A,
    t: A,
    tt: A,
    xt: A,
}

impl<A: SumInteger> AddAssign for IntegerSums<A> {
    /// Takes up the users of `other`.
    fn add_assign(&mut self, other: Self) {
        self.n += other.n;
        self.x += other.x;
        self.xx += other.xx;
        self.t += other.t;
        self.tt += other.tt;
        self.xt += other.xt;
    }
}

/// n² times the variances of the scores on the questions of a set, summed, by Σx and Σx² of each over n users. Exact
/// wherever the six sums of the set are: Σ_i x_i² of a user is at most (k · largest score)².
pub fn summed_variances<A: SumInteger>(n: u32, questions: impl IntoIterator<Item = [A; 2]>) -> i128 {
    questions.into_iter().map(|[x, xx]| comoment(n, xx, x, x)).sum()
}

/// n² times the variances of X and T and their covariance, exact.
#[derive(Clone, Copy)]
struct Comoments<I> {
    xx: I,
    tt: I,
    xt: I,
}

impl<I: Copy + Add<Output = I> + Sub<Output = I>> Comoments<I> {
    /// Covariance with X, and variance, of the other side of the correlation.
    fn other_side(self, side: Side) -> (I, I) {
        let Self { xx, tt, xt } = self;
        match side {
            Side::Total => (xt, tt),
            Side::Rest => (xt - xx, tt + xx - xt - xt),
        }
    }
}

/// α of a set of `k` questions, about; 0 where there is none.
pub fn approximate_alpha(k: usize, variances: f64, variance_x: f64) -> f64 {
    let k = k as f64;
    if variance_x > 0.0 { k / (k - 1.0) * (1.0 - variances / variance_x) } else { 0.0 }
}

/// The correlation from n² times cov(X, T), var(X) and var(T), about; 0 where there is none.
pub fn approximate_correlation(xt: f64, xx: f64, tt: f64, side: Side) -> f64 {
    let (covariance, variance) = Comoments { xx, tt, xt }.other_side(side);
    let squares = xx * variance;
    if squares > 0.0 { covariance / squares.sqrt() } else { 0.0 }
}

/// Relative error allowed for a comparison of squares in `f64`: a dozen roundings of 2⁻⁵³ each, tenfold.
pub const SQUARES_MARGIN: f64 = 1e-14;

impl<A: SumInteger> IntegerSums<A> {
    /// Takes up one more user.
    pub fn add(&mut self, x: i64, t: i64) {
        let (x, t) = (A::from(x), A::from(t));
        self.n += 1;
        self.x += x;
        self.xx += x * x;
        self.t += t;
        self.tt += t * t;
        self.xt += x * t;
    }

    /// Takes up `n` more users by their sums Σx, Σx², Σt, Σt², Σxt.
    pub fn add_sums(&mut self, n: u32, sums: [i64; 5]) {
        let [x, xx, t, tt, xt] = sums.map(A::from);
        self.n += n;
        self.x += x;
        self.xx += xx;
        self.t += t;
        self.tt += tt;
        self.xt += xt;
    }

    /// The sums of `n` users: Σx, Σx², Σt, Σt², Σxt.
    pub fn of(n: u32, [x, xx, t, tt, xt]: [A; 5]) -> Self {
        Self { n, x, xx, t, tt, xt }
    }

    pub fn n(&self) -> u32 {
        self.n
    }

    fn comoments(&self) -> Comoments<i128> {
        Comoments {
            xx: comoment(self.n, self.xx, self.x, self.x),
            tt: comoment(self.n, self.tt, self.t, self.t),
            xt: comoment(self.n, self.xt, self.x, self.t),
        }
    }

    /// The same in 64 bits, if n·Σx² and n·Σt² leave two of them free: by Cauchy and Schwarz no other term
    /// is larger. It is asked of each set that passes a filter, and products of 128 bits take longer.
    fn narrow_comoments(&self) -> Option<Comoments<i64>> {
        let narrow = |sum: A| i64::try_from(sum.into()).ok();
        let n = i64::from(self.n);
        let scaled = |sum: A| n.checked_mul(narrow(sum)?).filter(|&scaled| scaled < i64::MAX / 4);
        let (xx, tt) = (scaled(self.xx)?, scaled(self.tt)?);
        let (x, t, xt) = (narrow(self.x)?, narrow(self.t)?, narrow(self.xt)?);
        Some(Comoments { xx: xx - x * x, tt: tt - t * t, xt: n * xt - x * t })
    }

    /// Whether the rank key is certainly below `threshold`, without a root or a division.
    ///
    /// Never true for a threshold ≤ 0: there the squares lose the sign, and no search stays there long. Nor for α, which does
    /// not follow from these sums.
    pub fn ranks_below(&self, threshold: f64, rank_by: RankBy) -> bool {
        let Some(side) = rank_by.side().filter(|_| threshold > 0.0) else { return false };
        let below = |variance_x: f64, covariance: f64, variance: f64| {
            let squared = threshold * threshold * (variance_x * variance) * (1.0 - SQUARES_MARGIN);
            covariance <= 0.0 || covariance * covariance < squared
        };
        if let Some(comoments) = self.narrow_comoments() {
            let (covariance, variance) = comoments.other_side(side);
            below(comoments.xx as f64, covariance as f64, variance as f64)
        } else {
            let comoments = self.comoments();
            let (covariance, variance) = comoments.other_side(side);
            below(comoments.xx as f64, covariance as f64, variance as f64)
        }
    }

    /// Both correlations, correctly rounded from the exact sums.
    pub fn correlations(&self) -> Correlations {
        let comoments = self.comoments();
        let [r, r_rest] = [Side::Total, Side::Rest].map(|side| {
            let (covariance, variance) = comoments.other_side(side);
            correlation(covariance.into(), comoments.xx.into(), variance.into())
        });
        Correlations { r, r_rest, alpha: None }
    }

    /// Cronbach's α of a set of `k` questions with these sums, correctly rounded from the exact sums: equal α are equal
    /// floats. The [`summed_variances`] are over the same users.
    pub fn alpha(&self, k: usize, summed_variances: i128) -> Option<f64> {
        cronbach_alpha(k, summed_variances.into(), comoment(self.n, self.xx, self.x, self.x).into())
    }
}

/// How far one user's X and T in the search may be from the values that are reported.
#[derive(Clone, Copy, Debug)]
pub struct Rounding {
    pub x: f64,
    pub t: f64,
}

/// Rounding of the reported correlation itself and of the comparison with the threshold, generously.
pub const CORRELATION_MARGIN: f64 = 1e-12;

/// Unit roundoff of `f64`.
pub const ROUNDOFF: f64 = f64::EPSILON / 2.0;

/// Totals over the same users, where scores or a mean are floats, and the spread up to which they count as constant: that of
/// the rounding of the scores themselves, since 0.1 + 0.7 and 0.3 + 0.5 are the same total to a user.
///
/// They are not rounded to `f64` before their mean is gone: of a criterion that is far from zero on the users of a set,
/// nothing might be left.
pub struct Totals {
    pub values: Vec<DoubleDouble>,
    pub noise: f64,
}

impl Totals {
    fn is_constant(&self) -> bool {
        let Some(&first) = self.values.first() else { return true };
        let (mut least, mut most) = (0.0f64, 0.0f64);
        for difference in self.values.iter().map(|&value| (value - first).round()) {
            (least, most) = (least.min(difference), most.max(difference));
        }
        most - least <= self.noise
    }

    /// The values less their rounded mean, which is the same in all of them.
    fn deviations(&self) -> impl Iterator<Item = DoubleDouble> {
        let mut sum = DoubleDouble::default();
        self.values.iter().for_each(|value| sum += value.round());
        let mean = DoubleDouble::from(sum.round() / self.values.len() as f64);
        self.values.iter().map(move |&value| value - mean)
    }
}

/// How totals from which [`float_correlation`] and [`float_alpha`] are computed are off.
#[derive(Clone, Copy, Debug)]
pub struct Norms {
    /// What the norm of their deviations from their rounded mean is at most.
    pub deviations: f64,
    /// The norm of what they are off by.
    pub error: f64,
}

impl Norms {
    /// How far the comoment of `n` totals and others is off, as it is computed there.
    ///
    /// With u = 2⁻⁵³ and N = |a|·|b|, which by Cauchy and Schwarz no partial sum of products exceeds in absolute value: a
    /// deviation is rounded to 4u² of itself, in both 8u²·N. Each addition of an exact product is off by 3u²·N; what products lack
    /// is at most 2u·N in all, and summed in floats to n + 3 roundings of that, without their u²·N. Sums of deviations are at
    /// most √n times their norm, and each of their additions is off by 3u² of that, so their product over n is off by 6n·u²·N,
    /// and 20u²·N for the three operations behind it. The totals' own errors come in by their norms.
    pub fn comoment_error(self, other: Self, n: usize) -> f64 {
        let roundings = (11.0 * n as f64 + 60.0) * (ROUNDOFF * ROUNDOFF);
        roundings * self.deviations * other.deviations
            + self.error * other.deviations
            + other.error * self.deviations
            + self.error * other.error
    }
}

/// Cronbach's α of float scores, as accurate as [`float_correlation`]: `scores[i]` are those of the common users on the
/// i-th question of a set, `x` the users' exact set totals.
pub fn float_alpha(scores: &[Vec<f64>], x: &Totals) -> Option<f64> {
    if x.is_constant() {
        return None;
    }
    let n = DoubleDouble::from(x.values.len() as f64);
    // In an order that is that of the scores, not of the columns, which included questions come first in: a set has one α,
    // also one near 0, where even doubled precision shows how it was summed up.
    let mut in_order: Vec<&Vec<f64>> = scores.iter().collect();
    in_order.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    // The mean of a question need not be accurate.
    let mut variances = DoubleDouble::default();
    for scores in in_order {
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        variances =
            variances + sum_of_squares(scores.iter().map(|&score| DoubleDouble::sum(score, -mean)), n);
    }
    cronbach_alpha(scores.len(), variances, sum_of_squares(x.deviations(), n))
}

/// Σd² less the square of what Σd has in common, over n.
fn sum_of_squares(deviations: impl Iterator<Item = DoubleDouble>, n: DoubleDouble) -> DoubleDouble {
    let (mut sum, mut squares) = (DoubleDouble::default(), ProductSum::default());
    for deviation in deviations {
        sum = sum + deviation;
        squares.add(deviation, deviation);
    }
    squares.sum() - sum * sum / n
}

/// The correlation of given totals, correctly rounded but where it is within [`Norms::comoment_error`] of the middle between two
/// floats; `None` where one side is constant, or has less than two values.
///
/// The two-pass formula in doubled precision: deviations from the mean, with the mean's own rounding
/// corrected (T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance",
/// Am. Stat. 37, 1983).
pub fn float_correlation(x: &Totals, y: &Totals) -> Option<f64> {
    if x.is_constant() || y.is_constant() {
        return None;
    }
    let [mut dx, mut dy] = [DoubleDouble::default(); 2];
    let [mut xx, mut yy, mut xy] = [ProductSum::default(); 3];
    for (x, y) in x.deviations().zip(y.deviations()) {
        dx = dx + x;
        dy = dy + y;
        xx.add(x, x);
        yy.add(y, y);
        xy.add(x, y);
    }
    let n = DoubleDouble::from(x.values.len() as f64);
    correlation(xy.sum() - dx * dy / n, xx.sum() - dx * dx / n, yy.sum() - dy * dy / n)
}

#[cfg(test)]
mod tests;
