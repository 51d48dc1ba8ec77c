//! The correlations of several sets at once, a lane each, to the bit those of [`IntegerSums`](super::IntegerSums).
//!
//! A lane is *settled* where floats give the correctly rounded correlation for certain. Let c be the covariance and p the
//! product of the variances, all three integers up to 2⁵³ and so exact, and u = 2⁻⁵³. The root of p and the quotient
//! are each evaluated as a float and a correction to it:
//!
//! - p = h + l exactly, with |l| ≤ u·p, by a fused multiplication. s = √h rounded. √p is s + σ with σ = (h − s² + l) / 2s,
//!   |σ| ≤ 1.52u·s. Rounding h − s², which is at most 2.01u·p, costs 5.1u²·p, adding l 3.1u²·p: together 4.1u²·s of σ;
//!   multiplying by a rounded 1/2s instead of dividing, 3.1u²·s; and the next term of the series, σ²/2s, is 1.2u²·s.
//!   In all, s + σ is off by 8.4u² of √p.
//! - q = c/s by the rounded 1/s is off by 2.01u, so the remainder c − q·s is at most 2.01u·|c|, rounded to 5.1u²·|c|;
//!   with q·σ taken off it is ρ, at most 3.53u·|c|, rounded to 7.1u²·|c|. The correction ρ/s costs 7.1u² of c/s for its two
//!   multiplications, and 5.4u² because ρ should be divided by s + σ.
//!
//! So q + ρ/s is off by less than 34u² < 2⁻¹⁰⁰ of r. (The terms allow for [`Isa::mul_add`] that is not fused: an error of twice
//! u of its result, and u² of the product.) If adding [`MARGIN`] of r, which is many times that, or taking it off gives the
//! same float, then r is in one rounding interval with room to spare, and that float is what r rounds to. [`DoubleDouble`](crate::double_double::DoubleDouble), of
//! similar precision, rounds it to the same. Nothing can underflow: p ≥ 1, and r is 0 or above 2⁻⁵³.

use super::{Comoments, Side};
use crate::isa::Isa;

/// Relative to r: what decides whether it is settled. Only one r in 2⁴² is so near the middle between two floats.
const MARGIN: f64 = 1.0 / (1u128 << 96) as f64;

/// The largest n·Σx² and n·Σt² of an exact lane: by Cauchy and Schwarz no comoment of X and T, and no part of one, is
/// larger, and none of X and T − X is more than four times as large.
const LARGEST: f64 = (1u64 << 51) as f64;

/// A number that becomes a float, rounded where it is too large.
pub trait Lane: Copy {
    fn float(self) -> f64;
}

impl Lane for i32 {
    #[inline(always)]
    fn float(self) -> f64 {
        f64::from(self)
    }
}

impl Lane for i64 {
    #[inline(always)]
    fn float(self) -> f64 {
        self as f64
    }
}

/// n² times the variances of X and T and their covariance, of one set in each lane.
#[derive(Clone, Copy)]
pub struct LaneComoments<const N: usize> {
    xx: [f64; N],
    tt: [f64; N],
    xt: [f64; N],
    /// The lanes whose comoments are exact, a bit each.
    exact: u16,
}

/// One correlation of the set in each lane.
#[derive(Clone, Copy)]
pub struct LaneCorrelations<const N: usize> {
    /// NaN where there is none. Undefined where it is not settled.
    pub values: [f64; N],
    /// The lanes that are settled, a bit each.
    pub settled: u16,
}

impl<const N: usize> LaneComoments<N> {
    /// From n, Σx, Σx², Σt, Σt² and Σxt, exact integers.
    #[inline(always)]
    pub fn of<T: Lane>([n, x, xx, t, tt, xt]: [&[T; N]; 6]) -> Self {
        let mut comoments = Self { xx: [0.0; N], tt: [0.0; N], xt: [0.0; N], exact: 0 };
        for lane in 0..N {
            let (n, x, t) = (n[lane].float(), x[lane].float(), t[lane].float());
            let (xx, tt) = (n * xx[lane].float(), n * tt[lane].float());
            comoments.xx[lane] = xx - x * x;
            comoments.tt[lane] = tt - t * t;
            comoments.xt[lane] = n * xt[lane].float() - x * t;
            comoments.exact |= u16::from((xx <= LARGEST) & (tt <= LARGEST)) << lane;
        }
        comoments
    }

    /// As [`IntegerSums::correlations`](super::IntegerSums::correlations), where settled.
    #[inline(always)]
    pub fn correlations<I: Isa>(&self, isa: I, side: Side) -> LaneCorrelations<N> {
        let mut found = LaneCorrelations { values: [0.0; N], settled: 0 };
        for lane in 0..N {
            let comoments = Comoments { xx: self.xx[lane], tt: self.tt[lane], xt: self.xt[lane] };
            let (covariance, variance) = comoments.other_side(side);
            let (value, is_settled) = rounded(isa, covariance, comoments.xx, variance);
            found.values[lane] = value;
            found.settled |= u16::from(is_settled) << lane;
        }
        found.settled &= self.exact;
        found
    }
}

/// c/√(v·w) for a covariance c and variances v and w, integers up to 2⁵³, NaN if v or w is 0; and whether it is certainly
/// correctly rounded.
#[inline(always)]
fn rounded<I: Isa>(isa: I, covariance: f64, variance_x: f64, variance_y: f64) -> (f64, bool) {
    let product = variance_x * variance_y;
    let product_low = isa.mul_add(variance_x, variance_y, -product);
    let root = product.sqrt();
    let inverse = 1.0 / root;
    let root_low = (isa.mul_add(-root, root, product) + product_low) * (0.5 * inverse);
    let quotient = covariance * inverse;
    let remainder = isa.mul_add(-quotient, root_low, isa.mul_add(-quotient, root, covariance));
    let quotient_low = remainder * inverse;
    let margin = quotient.abs() * MARGIN;
    let (least, most) = (quotient + (quotient_low - margin), quotient + (quotient_low + margin));
    let exists = product > 0.0;
    // Adding 0.0 makes -0.0 equal to 0.0 in the total order of floats, too.
    (if exists { least + 0.0 } else { f64::NAN }, !exists | (least == most))
}
