//! Which sets of a part can rank at or above a threshold.

use crate::isa::{Isa, PART, PartSums};
use crate::moments::{LaneVariances, SQUARES_MARGIN, Side};
use crate::whole::LARGEST_EXACT;

use super::screen::Near;

/// Relative error allowed for a comparison of squares in `f32`: a dozen roundings of 2⁻²⁴ each, tenfold.
const MARGIN_32: f32 = 1e-5;

/// What a set must reach.
#[derive(Clone, Copy)]
pub struct Bar {
    pub least_users: i32,
    pub threshold: f64,
    /// The correlation that ranks sets, if the six sums tell it.
    pub side: Option<Side>,
}

/// Up to so much, every integer is an `f32`.
const EXACT_32: u64 = 1 << f32::MANTISSA_DIGITS;

/// Whether comoments of `users` users are exact in `f64`, where no |X| exceeds `most_x` and no |T| `most_t`.
pub fn is_exact(users: u64, most_x: u64, most_t: u64) -> bool {
    let most = most_x.max(most_t);
    most.checked_mul(most)
        .and_then(|square| square.checked_mul(users))
        .is_some_and(|sum| fits(users, sum, LARGEST_EXACT))
}

/// Whether n·Σ, four of which make the largest comoment of X and T − X, stays exact.
fn fits(users: u64, largest_sum: u64, exact: u64) -> bool {
    users.checked_mul(largest_sum).is_some_and(|product| product <= exact / 4)
}

impl Bar {
    /// The sets of a part that may reach the bar, one bit each: certainly all that do. No sum over the `users` common
    /// users of their prefix exceeds `largest_sum`.
    #[inline(always)]
    pub fn candidates<I: Isa>(self, isa: I, sums: &PartSums, users: usize, largest_sum: u64) -> u16 {
        // A threshold ≤ 0 says nothing about squares; no search stays there long.
        let Some(side) = self.side.filter(|_| self.threshold > 0.0) else {
            return isa.bits(&sums.n.map(|n| n >= self.least_users));
        };
        if fits(users as u64, largest_sum, EXACT_32) {
            let threshold = self.threshold as f32;
            self.reaching(isa, sums, side, threshold * threshold * (1.0 - MARGIN_32), |sum| sum as f32)
        } else {
            self.reaching(
                isa,
                sums,
                side,
                self.threshold * self.threshold * (1.0 - SQUARES_MARGIN),
                f64::from,
            )
        }
    }

    /// The same by sums of sets of `k` questions over their far users only, by the condition of [`screen`](super::screen). `largest_sum` is that
    /// of far `users`.
    #[inline(always)]
    pub fn candidates_by_far<I: Isa>(
        self,
        isa: I,
        sums: &PartSums,
        k: usize,
        (users, largest_sum): (usize, u64),
        near: Near,
    ) -> u16 {
        let Some(side) = self.side.filter(|_| self.threshold > 0.0) else { return u16::MAX };
        // Sums of T − X are those of t − x plus half of k, since that is nearer to their mean.
        let half = k / 2;
        let near_squares = match side {
            Side::Total => near.squares as f64,
            // By the triangle inequality.
            Side::Rest => {
                let norm = (near.squares as f64).sqrt() + (k - half) as f64 * (near.users as f64).sqrt();
                norm * norm * (1.0 + SQUARES_MARGIN)
            }
        };
        let unexplained = 1.0 - self.threshold * self.threshold * (1.0 - SQUARES_MARGIN);
        if fits(users as u64, largest_sum, EXACT_32) {
            let by_far = ByFar {
                side,
                half: half as f32,
                near_squares: near_squares as f32,
                unexplained: unexplained as f32,
                margin: 1.0 - MARGIN_32,
            };
            by_far.reaching(isa, sums, |sum| sum as f32)
        } else {
            let by_far =
                ByFar { side, half: half as f64, near_squares, unexplained, margin: 1.0 - SQUARES_MARGIN };
            by_far.reaching(isa, sums, f64::from)
        }
    }

    /// r ≥ θ where its sign is right and c² ≥ θ²·σ_x²·σ_t²: no root, no division.
    #[inline(always)]
    fn reaching<I: Isa, F: Float>(
        self,
        isa: I,
        sums: &PartSums,
        side: Side,
        squared: F,
        float: impl Fn(i32) -> F,
    ) -> u16 {
        let mut reaches = [false; PART];
        for (lane, reaches) in reaches.iter_mut().enumerate() {
            let sum = |sums: &[i32; PART]| float(sums[lane]);
            let (n, x, t) = (sum(&sums.n), sum(&sums.x), sum(&sums.t));
            let xx = n * sum(&sums.xx) - x * x;
            let tt = n * sum(&sums.tt) - t * t;
            let xt = n * sum(&sums.xt) - x * t;
            let (covariance, variance) = match side {
                Side::Total => (xt, tt),
                Side::Rest => (xt - xx, tt + xx - xt - xt),
            };
            *reaches = (covariance > F::default())
                & (covariance * covariance >= squared * (xx * variance))
                & (sums.n[lane] >= self.least_users);
        }
        isa.bits(&reaches)
    }
}

/// What sums over far users must fulfil.
struct ByFar<F> {
    side: Side,
    /// What is added to T − X, as an integer.
    half: F,
    /// Of near users.
    near_squares: F,
    /// 1 − θ².
    unexplained: F,
    margin: F,
}

impl<F: Float> ByFar<F> {
    /// The best line with a slope ≥ 0 leaves σ_t² − max(c_xt, 0)²/σ_x².
    #[inline(always)]
    fn reaching<I: Isa>(&self, isa: I, sums: &PartSums, float: impl Fn(i32) -> F) -> u16 {
        let Self { side, half, near_squares, unexplained, margin } = *self;
        let mut reaches = [false; PART];
        for (lane, reaches) in reaches.iter_mut().enumerate() {
            let sum = |sums: &[i32; PART]| float(sums[lane]);
            let (n, x, t) = (sum(&sums.n), sum(&sums.x), sum(&sums.t));
            let (sum_xx, sum_tt, sum_xt) = (sum(&sums.xx), sum(&sums.tt), sum(&sums.xt));
            let xx = n * sum_xx - x * x;
            let tt = n * sum_tt - t * t;
            let xt = n * sum_xt - x * t;
            let (covariance, variance, squares) = match side {
                Side::Total => (xt, tt, sum_tt),
                Side::Rest => {
                    let shift = half * (t - x + t - x + n * half);
                    (xt - xx, tt + xx - xt - xt, sum_tt + sum_xx - sum_xt - sum_xt + shift)
                }
            };
            let rising = if covariance > F::default() { covariance } else { F::default() };
            // All terms are at most n·Σ(y − c)² where it matters, so that the margin is above their roundings.
            let least = variance * margin - unexplained * (n * (squares + near_squares));
            *reaches = rising * rising >= xx * least;
        }
        isa.bits(&reaches)
    }
}

/// What sets must reach by Cronbach's α.
#[derive(Clone, Copy)]
pub struct AlphaBar {
    least_users: i32,
    /// What v_questions/v_x must not exceed.
    largest_share: f64,
}

/// Allowed beside the largest share, tenfold: half a dozen roundings of 2⁻⁵³ each, none of more than 1.
const SHARE_MARGIN: f64 = 1e-14;

impl AlphaBar {
    /// α = k/(k − 1)·(1 − v_questions/v_x) reaches θ where v_questions/v_x ≤ 1 − θ·(k − 1)/k. `None` where α does not rank, or
    /// says nothing.
    pub fn new(Bar { least_users, threshold, side }: Bar, k: usize) -> Option<Self> {
        // A threshold ≤ 0 is also that of a list that is not full, to which every set is welcome.
        let ranks = side.is_none() && threshold > 0.0;
        let k = k as f64;
        ranks.then(|| Self { least_users, largest_share: 1.0 - threshold * (k - 1.0) / k + SHARE_MARGIN })
    }

    /// The sets of a part that may reach the bar, one bit each: certainly all that do, and all whose variances are not exact.
    #[inline(always)]
    pub fn candidates<I: Isa, T: Copy + PartialOrd + From<i32>>(
        self,
        isa: I,
        n: &[T; PART],
        variances: &LaneVariances<PART>,
    ) -> u16 {
        let Self { least_users, largest_share } = self;
        let mut reaches = [false; PART];
        for (lane, reaches) in reaches.iter_mut().enumerate() {
            let (x, questions) = (variances.x[lane], variances.questions[lane]);
            *reaches = (((x > 0.0) & (questions <= largest_share * x)) | !variances.are_exact(lane))
                & (n[lane] >= T::from(least_users));
        }
        isa.bits(&reaches)
    }
}

trait Float:
    Copy
    + Default
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
{
}

impl Float for f32 {}
impl Float for f64 {}
