//! Which sets can rank at or above a threshold, where points are rounded scores.
//!
//! Let every X be off by at most ρ_x and every T by at most ρ_t, and take n² times the moments: norms a = √(n·Σx² − (Σx)²),
//! b = √(n·Σt² − (Σt)²), covariance c = n·Σxt − Σx·Σt. They are products of n·x and n·t with their means taken off. Taking
//! means off lengthens no vector, so these vectors are off by at most s_x = n·ρ_x and s_t = n·ρ_t, and by the inequalities of
//! the triangle and of Cauchy and Schwarz
//!
//! - the true norms are at least a − s_x and b − s_t,
//! - the true covariance is at most c + s_x·b + s_t·a + s_x·s_t.
//!
//! A set whose r can reach θ > 0 has the second not below θ times the product of the first. The rounding of a
//! moment by at most e moves a norm by at most √e and the covariance by no more than √e·√e: it adds to s_x and s_t.
//!
//! The same holds of any two numbers that each user has, where these are only about X and the other side.

use crate::isa::{GradedSums, Isa, PART};
use crate::moments::{CORRELATION_MARGIN, ROUNDOFF, Rounding, Side};
use crate::tree::Bar;

/// What points are of the scores.
#[derive(Clone, Copy)]
pub struct Scale {
    /// What one point of X and of T is worth.
    pub x: f64,
    pub t: f64,
    /// How far X and T in points may be from the totals of which r is reported, in worth.
    pub rounding: Rounding,
    /// For each user, what rounded moments add to that.
    pub moments: f64,
    /// The most points of a question.
    pub most: u32,
    /// How far the points of a score may be from it, in points.
    pub score: f64,
}

impl Scale {
    /// Points that are the scores themselves, at most so many of a question, in sets of `k`, and no |T| larger than that.
    pub fn exact(most: u32, k: usize, most_t: f64) -> Self {
        let rounding = Rounding { x: 0.0, t: 0.0 };
        let moments = moments(f64::from(most) * k as f64, most_t);
        Self { x: 1.0, t: 1.0, rounding, moments, most, score: 0.0 }
    }

    /// Points of worth `x` and `t`, totals up to `largest`, that are the nearest to scores of sets of `k` questions, whose
    /// sums are off by `rounding` besides.
    pub fn rounded(x: f64, t: f64, largest: u32, k: usize, rounding: Rounding) -> Self {
        let rounding = Rounding { x: rounding.x + NEAREST * x * k as f64, t: rounding.t + NEAREST * t };
        let moments = moments(f64::from(largest) * x, f64::from(largest) * t);
        Self { x, t, rounding, moments, most: most_points(largest, k), score: NEAREST }
    }
}

/// The most points of one question in sets of `k`, whose totals are up to `largest`.
pub fn most_points(largest: u32, k: usize) -> u32 {
    (largest as usize / k) as u32
}

/// No moment of n users exceeds n² times the sum of both squares, four of which make that of T − X.
fn moments(most_x: f64, most_t: f64) -> f64 {
    MOMENT_ROUNDING.sqrt() * 2.0 * most_x.hypot(most_t)
}

/// How far a score in points, up to 24 bits, may be from what it is before it is rounded to the nearest one: four roundings of
/// 2⁻⁵³ each make less than 10⁻⁸.
pub const UNROUNDED: f64 = 1e-6;

/// How far a number is from the nearest point.
pub const NEAREST: f64 = 0.5 + UNROUNDED;

/// Of a moment, relative to the largest it can be: a dozen roundings.
const MOMENT_ROUNDING: f64 = 16.0 * ROUNDOFF;

#[derive(Clone, Copy)]
pub struct Filter {
    bar: Bar,
    scale: Scale,
    /// What rounded moments add to s_x and s_t.
    moments: f64,
}

impl Filter {
    /// For the sets of a prefix with so many users.
    #[inline(always)]
    pub fn new(bar: Bar, scale: Scale, users: usize) -> Self {
        Self { bar, scale, moments: scale.moments * users as f64 }
    }

    /// The sets of a part that may reach the bar, one bit each: certainly all that do.
    #[inline(always)]
    pub fn candidates<I: Isa>(self, isa: I, sums: &GradedSums) -> u16 {
        let Self { bar, scale, moments } = self;
        let least_users = i64::from(bar.least_users);
        // A threshold ≤ 0 says nothing; no search stays there long.
        let Some(side) = bar.side.filter(|_| bar.threshold > 0.0) else {
            return isa.bits(&sums.n.map(|n| n >= least_users));
        };
        let threshold = bar.threshold - CORRELATION_MARGIN;
        let mut reaches = [false; PART];
        for (lane, reaches) in reaches.iter_mut().enumerate() {
            let sum = |sums: &[i64; PART]| sums[lane] as f64;
            let (n, x, t) = (sum(&sums.n), sum(&sums.x), sum(&sums.t));
            let xx = (n * sum(&sums.xx) - x * x) * (scale.x * scale.x);
            let tt = (n * sum(&sums.tt) - t * t) * (scale.t * scale.t);
            let xt = (n * sum(&sums.xt) - x * t) * (scale.x * scale.t);
            let (covariance, variance, rounding_t) = match side {
                Side::Total => (xt, tt, scale.rounding.t),
                Side::Rest => (xt - xx, tt + xx - xt - xt, scale.rounding.t + scale.rounding.x),
            };
            let off = [n * scale.rounding.x + moments, n * rounding_t + moments];
            *reaches = (sums.n[lane] >= least_users) & may_reach(threshold, [xx, variance, covariance], off);
        }
        isa.bits(&reaches)
    }

    /// The threshold, where the sums say nothing about what ranks sets.
    pub fn threshold_beside_sums(self) -> Option<f64> {
        let Bar { side, threshold, .. } = self.bar;
        (side.is_none() && threshold > 0.0).then_some(threshold)
    }
}

/// Whether r may reach the threshold with n² times the variances of X and T and their covariance, and s_x and s_t.
#[inline(always)]
fn may_reach(threshold: f64, [xx, tt, xt]: [f64; 3], [off_x, off_t]: [f64; 2]) -> bool {
    let (a, b) = (xx.max(0.0).sqrt(), tt.max(0.0).sqrt());
    let most = xt + off_x * b + off_t * a + off_x * off_t;
    let least = threshold * (a - off_x).max(0.0) * (b - off_t).max(0.0);
    // So that what is not a number stays in.
    let is_below = (most <= 0.0) | (most < least);
    !is_below
}

/// Whether the correlation of `pairs` of X and T may reach the threshold, each of them off by at most `rounding`.
pub fn pairs_may_reach(threshold: f64, pairs: &[[f64; 2]], rounding: f64) -> bool {
    let n = pairs.len() as f64;
    let [mean_x, mean_t] = [0, 1].map(|side: usize| pairs.iter().map(|pair| pair[side]).sum::<f64>() / n);
    let [mut x, mut t, mut xx, mut tt, mut xt] = [0.0; 5];
    for pair in pairs {
        let (dx, dt) = (pair[0] - mean_x, pair[1] - mean_t);
        x += dx;
        t += dt;
        xx += dx * dx;
        tt += dt * dt;
        xt += dx * dt;
    }
    // Each user adds its rounding to a sum.
    let off = [xx, tt].map(|squares: f64| n * rounding + n * (MOMENT_ROUNDING * n * squares).sqrt());
    may_reach(threshold - CORRELATION_MARGIN, [n * xx - x * x, n * tt - t * t, n * xt - x * t], off)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::moments::IntegerSums;

    proptest! {
        /// Whatever their rounding did to them, and they do not reach more.
        #[test]
        fn pairs_reach_their_correlation(
            pairs in prop::collection::vec((-50i64..50, -50i64..50, -0.99f64..0.99, -0.99f64..0.99), 2..30),
            rounding in prop_oneof![Just(0.0), 1e-9f64..1.0, 1.0f64..100.0],
        ) {
            let mut sums = IntegerSums::<i64>::default();
            pairs.iter().for_each(|&(x, t, ..)| sums.add(x, t));
            let Some(r) = sums.correlations().r.filter(|&r| r > 0.0) else { return Ok(()) };
            let off_by = |rounding: f64| -> Vec<[f64; 2]> {
                pairs.iter().map(|&(x, t, a, b)| [x as f64 + a * rounding, t as f64 + b * rounding]).collect()
            };
            prop_assert!(pairs_may_reach(r, &off_by(rounding), rounding), "r = {r}");
            // Each norm may be off by so much of itself, which moves what r can be by four times as much.
            let off = pairs.len() as f64 * MOMENT_ROUNDING.sqrt();
            prop_assert!(!pairs_may_reach(r + 5.0 * off, &off_by(0.0), 0.0), "more than r = {r}");
        }
    }
}
