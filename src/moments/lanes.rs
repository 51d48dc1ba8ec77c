//! The correlations of several sets at once, a lane each: to the bit those of [`IntegerSums`](super::IntegerSums).
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
//! So q + ρ/s is off by less than 34u² < 2⁻¹⁰⁰ of r. (The terms allow for an [`Isa::mul_add`] that is not fused: an error of
//! twice u of its result, and u² of the product.) If adding `MARGIN` of r, which is many times that, or taking it off gives the
//! same float, then r is in one rounding interval with room to spare, and that float is what r rounds to. Doubled precision,
//! which is off by less than 2⁻⁹⁸, rounds it to the same. Nothing can underflow: p ≥ 1, and r is 0 or at least 2⁻⁵³.

use super::{Comoments, Side};
use crate::isa::Isa;

/// Relative to r: what decides whether it is settled. Only one r in 2⁴² is so near the middle between two floats.
pub(super) const MARGIN: f64 = 1.0 / (1u128 << 96) as f64;

/// The largest n·Σx² and n·Σt² of an exact lane: by Cauchy and Schwarz no comoment of X and T, and no part of one, is
/// larger, and none of X and T − X is more than four times as large.
const LARGEST: f64 = (1u64 << 51) as f64;

/// A sum as a float: rounded where it is too large, and then so large that its lane is not exact.
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

impl Lane for f64 {
    #[inline(always)]
    fn float(self) -> f64 {
        self
    }
}

impl Lane for i128 {
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
    /// Whether they are exact.
    are_exact: [bool; N],
}

/// One correlation of the set in each lane.
#[derive(Clone, Copy)]
pub struct LaneCorrelations<const N: usize> {
    /// NaN where there is none. Undefined where it is not settled.
    pub values: [f64; N],
    pub are_settled: [bool; N],
}

impl<const N: usize> LaneCorrelations<N> {
    /// Of lanes in which nothing is asked for.
    pub const NONE: Self = Self { values: [0.0; N], are_settled: [true; N] };

    /// Of lanes whose sums are not enough.
    pub const UNSETTLED: Self = Self { values: [0.0; N], are_settled: [false; N] };

    /// The lanes that are settled, a bit each.
    #[inline(always)]
    pub fn settled(&self) -> u16 {
        // Not in the loop that settles them, which would then be none of lanes.
        let mut settled = 0;
        for (lane, is_settled) in self.are_settled.into_iter().enumerate() {
            settled |= u16::from(is_settled) << lane;
        }
        settled
    }
}

impl<const N: usize> LaneComoments<N> {
    /// From n, Σx, Σx², Σt, Σt² and Σxt, exact integers.
    #[inline(always)]
    pub fn of<T: Lane>([n, x, xx, t, tt, xt]: [&[T; N]; 6]) -> Self {
        let mut comoments = Self { xx: [0.0; N], tt: [0.0; N], xt: [0.0; N], are_exact: [false; N] };
        for lane in 0..N {
            let (n, x, t) = (n[lane].float(), x[lane].float(), t[lane].float());
            let (xx, tt) = (n * xx[lane].float(), n * tt[lane].float());
            comoments.xx[lane] = xx - x * x;
            comoments.tt[lane] = tt - t * t;
            comoments.xt[lane] = n * xt[lane].float() - x * t;
            comoments.are_exact[lane] = (xx <= LARGEST) & (tt <= LARGEST);
        }
        comoments
    }

    /// As [`IntegerSums::correlations`](super::IntegerSums::correlations), where settled.
    #[inline(always)]
    pub fn correlations<I: Isa>(&self, isa: I, side: Side) -> LaneCorrelations<N> {
        let mut found = LaneCorrelations::UNSETTLED;
        for lane in 0..N {
            let comoments = Comoments { xx: self.xx[lane], tt: self.tt[lane], xt: self.xt[lane] };
            let (covariance, variance) = comoments.other_side(side);
            let (value, is_settled) = rounded(isa, covariance, comoments.xx, variance);
            found.values[lane] = value;
            found.are_settled[lane] = self.are_exact[lane] & is_settled;
        }
        found
    }
}

/// c/√(v·w) for a covariance c and variances v and w, integers up to 2⁵³, NaN if v or w is 0; and whether it is certainly
/// correctly rounded.
#[inline(always)]
fn rounded<I: Isa>(isa: I, covariance: f64, variance_x: f64, variance_y: f64) -> (f64, bool) {
    let product = variance_x * variance_y;
    let product_low = isa.mul_add(variance_x, variance_y, -product);
    // -0.0 added is nothing to the compiler, 0.0 is something.
    let ([quotient, quotient_low], _) = by_root(isa, [covariance, -0.0], [product, product_low]);
    let (value, is_settled) = settled(quotient, quotient_low, quotient.abs() * MARGIN);
    let exists = product > 0.0;
    (if exists { value } else { f64::NAN }, !exists | is_settled)
}

/// c/√p, each a float and what it lacks; and 1/√p in a float.
#[inline(always)]
pub(super) fn by_root<I: Isa>(
    isa: I,
    [c, c_low]: [f64; 2],
    [product, product_low]: [f64; 2],
) -> ([f64; 2], f64) {
    let root = product.sqrt();
    let inverse = 1.0 / root;
    let root_low = (isa.mul_add(-root, root, product) + product_low) * (0.5 * inverse);
    let quotient = c * inverse;
    let remainder = isa.mul_add(-quotient, root_low, isa.mul_add(-quotient, root, c)) + c_low;
    ([quotient, remainder * inverse], inverse)
}

/// A float and its correction, rounded, and whether that is certainly the nearest float to what they are less than `margin`
/// off.
#[inline(always)]
pub(super) fn settled(value: f64, correction: f64, margin: f64) -> (f64, bool) {
    let (least, most) = (value + (correction - margin), value + (correction + margin));
    // Adding 0.0 makes -0.0 equal to 0.0 in the total order of floats, too.
    (least + 0.0, least == most)
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;
    use proptest::prelude::*;

    use super::*;
    use crate::isa::{InstructionSet, Kernel, PART};
    use crate::moments::{IntegerSums, correlation};

    struct Correlate<'a>(&'a LaneComoments<PART>, Side);

    impl Kernel for Correlate<'_> {
        type Output = LaneCorrelations<PART>;

        #[inline(always)]
        fn run<I: Isa>(self, isa: I) -> LaneCorrelations<PART> {
            self.0.correlations(isa, self.1)
        }
    }

    fn on_each(comoments: &LaneComoments<PART>, side: Side) -> Vec<LaneCorrelations<PART>> {
        let available = InstructionSet::ALL.into_iter().filter(|isa| isa.is_available());
        available.map(|isa| isa.run(Correlate(comoments, side))).collect()
    }

    /// A variance of any size, another, and a covariance that they allow: any, the largest, or the smallest.
    fn comoments() -> impl Strategy<Value = [i64; 3]> {
        let variance = || (0..1i64 << 53, 0..=53u32).prop_map(|(variance, bits)| variance >> bits);
        (variance(), variance(), -1.0..1.0, 0..8u8).prop_map(|(xx, tt, share, kind)| {
            let largest = (xx as u128 * tt as u128).isqrt() as i64;
            let covariance = match kind {
                0 => largest,
                1 => -largest,
                2 => largest.min(1),
                3 => 0,
                _ => ((largest as f64 * share) as i64).clamp(-largest, largest),
            };
            [xx, tt, covariance]
        })
    }

    /// As many lanes as there are, with comoments that are exact whatever they are.
    fn lanes(cases: &[[i64; 3]]) -> LaneComoments<PART> {
        let lane = |comoment: usize| std::array::from_fn(|lane| cases[lane % cases.len()][comoment] as f64);
        LaneComoments { xx: lane(0), tt: lane(1), xt: lane(2), are_exact: [true; PART] }
    }

    /// `value` times 2²⁰⁰, for values from 2⁻⁵⁴ on.
    fn scaled(value: f64) -> BigUint {
        let (mantissa, exponent) = (value.to_bits() % (1 << 52) + (1 << 52), value.to_bits() >> 52);
        BigUint::from(mantissa) << (exponent + 200 - 1075)
    }

    /// No float is nearer to |c|/√(v·w) than |r|: it is between the middles to its neighbours.
    fn assert_nearest(r: f64, [xx, tt, xt]: [i64; 3]) {
        if xt == 0 {
            return assert_eq!(r.to_bits(), 0);
        }
        assert_eq!(r > 0.0, xt > 0);
        let r = r.abs();
        let square =
            |twice_the_middle: BigUint| &twice_the_middle * &twice_the_middle * xx as u64 * tt as u64;
        let exact = BigUint::from(xt.unsigned_abs()).pow(2) << 402;
        let (below, above) = (scaled(r) + scaled(r.next_down()), scaled(r) + scaled(r.next_up()));
        assert!(square(below) <= exact && exact <= square(above), "{xx}, {tt}, {xt}: {r:e}");
    }

    proptest! {
        #[test]
        fn lanes_round_as_doubled_precision_and_exactly(cases in prop::collection::vec(comoments(), PART)) {
            for found in on_each(&lanes(&cases), Side::Total) {
                prop_assert_eq!(found.settled(), u16::MAX);
                for (&case, r) in cases.iter().zip(found.values) {
                    let [xx, tt, xt] = case.map(|comoment| i128::from(comoment).into());
                    if let Some(expected) = correlation(xt, xx, tt) {
                        prop_assert_eq!(r.to_bits(), expected.to_bits(), "{:?}", case);
                        assert_nearest(r, case);
                    } else {
                        prop_assert!(r.is_nan(), "{:?}: {}", case, r);
                    }
                }
            }
        }

        #[test]
        fn lanes_are_integer_sums(
            users in prop::collection::vec((0..1i64 << 27, -(1i64 << 27)..1 << 27), 2..50),
            bits in (0..28u32, 0..28u32),
        ) {
            let mut sums = IntegerSums::<i64>::default();
            users.iter().for_each(|&(x, t)| sums.add(x >> bits.0, t >> bits.1));
            let six = [i64::from(sums.n), sums.x, sums.xx, sums.t, sums.tt, sums.xt].map(|sum| [sum; PART]);
            let comoments = LaneComoments::of(six.each_ref());
            let is_small = |sum: i64| i128::from(sum) * i128::from(sums.n) <= 1 << 51;
            let expected = sums.correlations();
            for (side, expected) in [(Side::Total, expected.r), (Side::Rest, expected.r_rest)] {
                for found in on_each(&comoments, side) {
                    prop_assert_eq!(found.settled() != 0, is_small(sums.xx) && is_small(sums.tt));
                    if found.settled() != 0 {
                        prop_assert_eq!(found.settled(), u16::MAX);
                        let r = expected.unwrap_or(f64::NAN).to_bits();
                        prop_assert_eq!(found.values.map(f64::to_bits), [r; PART]);
                    }
                }
            }
        }
    }

    /// v·w = 2¹⁰⁴ + 2⁵¹ and c = 2⁵² make r = 1 − 2⁻⁵⁴ + about 2⁻¹⁰⁷, next to the middle between 1 and the float below it.
    #[test]
    fn what_is_next_to_the_middle_is_not_settled() {
        let hard = [3 << 51, ((1 << 53) + 1) / 3, 1 << 52];
        for found in on_each(&lanes(&[hard, [4, 4, 2]]), Side::Total) {
            assert_eq!(found.settled(), 0xAAAA);
            assert_eq!(found.values[1], 0.5);
        }
    }
}
