//! Which sets of a part can rank at or above a threshold.

use crate::isa::{Isa, PART, PartSums};
use crate::moments::Side;

/// Relative error allowed for a comparison of squares, tenfold: a dozen roundings of 2⁻²⁴ or 2⁻⁵³ each.
const MARGIN_32: f32 = 1e-5;
const MARGIN_64: f64 = 1e-14;

/// What a set must reach.
#[derive(Clone, Copy)]
pub struct Bar {
    pub least_users: i32,
    pub threshold: f64,
    /// The correlation that ranks sets, if the six sums tell it.
    pub side: Option<Side>,
}

/// The largest number up to which every integer is an f32, an f64.
const EXACT_32: u64 = 1 << 24;
const EXACT_64: u64 = 1 << 53;

/// Whether comoments of `users` users are exact in `f64`, where no |X| exceeds `most_x` and no |T| `most_t`.
pub fn is_exact(users: u64, most_x: u64, most_t: u64) -> bool {
    let most = most_x.max(most_t);
    most.checked_mul(most)
        .and_then(|square| square.checked_mul(users))
        .is_some_and(|sum| fits(users, sum, EXACT_64))
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
            self.reaching(isa, sums, side, self.threshold * self.threshold * (1.0 - MARGIN_64), f64::from)
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
