//! Numbers of twice the precision of `f64`, as the unevaluated sum of two.
//!
//! A correlation of exact integer sums is evaluated in these and rounded once, so two sets whose
//! correlations are equal as real numbers get the same `f64` and tie, as the ranking promises.
//! The algorithms are Dekker's and Knuth's error-free transformations (T. J. Dekker, "A floating-point
//! technique for extending the available precision", Numer. Math. 18, 1971).

use std::ops::{Add, AddAssign, Div, Mul, Sub};

use wide::f64x4;

/// `high + low` with |low| at most half a unit in the last place of `high`.
///
/// Of `f64`, or several numbers at once in a register of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct DoubleDouble<F = f64> {
    high: F,
    low: F,
}

/// Numbers that are summed up at once in a register.
pub const LANES: usize = 4;

/// The rounded sum and its rounding error (Knuth's TwoSum).
#[inline(always)]
fn two_sum<F: Copy + Add<Output = F> + Sub<Output = F>>(a: F, b: F) -> DoubleDouble<F> {
    let high = a + b;
    let b_rounded = high - a;
    DoubleDouble { high, low: (a - (high - b_rounded)) + (b - b_rounded) }
}

/// The rounded product and its rounding error.
fn two_product(a: f64, b: f64) -> DoubleDouble {
    let high = a * b;
    DoubleDouble { high, low: a.mul_add(b, -high) }
}

impl DoubleDouble {
    /// a + b, exact.
    #[inline(always)]
    pub fn sum(a: f64, b: f64) -> Self {
        two_sum(a, b)
    }

    /// The nearest `f64`, and what it lacks.
    #[inline(always)]
    pub fn parts(self) -> [f64; 2] {
        [self.high, self.low]
    }

    /// The square root of a number ≥ 0: one Newton step from the root of the high part.
    pub fn sqrt(self) -> Self {
        if self.high <= 0.0 {
            return Self::default();
        }
        let root = self.high.sqrt();
        let remainder = self - two_product(root, root);
        two_sum(root, remainder.high / (2.0 * root))
    }

    /// The nearest `f64`.
    pub fn round(self) -> f64 {
        self.high + self.low
    }
}

/// Σab of doubled numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProductSum {
    /// Of what is left when they are rounded.
    high: DoubleDouble,
    /// Of the products of one that is rounded and what the other lacks. It is so much smaller that floats do.
    low: f64,
}

impl ProductSum {
    /// Adds a·b but for the product of what both lack.
    pub fn add(&mut self, a: DoubleDouble, b: DoubleDouble) {
        self.high = self.high + two_product(a.high, b.high);
        self.low += a.high * b.low + a.low * b.high;
    }

    pub fn sum(mut self) -> DoubleDouble {
        self.high += self.low;
        self.high
    }
}

impl From<f64> for DoubleDouble {
    fn from(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }
}

impl From<i128> for DoubleDouble {
    /// Exact below 2^106, correctly rounded to that many bits beyond.
    fn from(value: i128) -> Self {
        let high = value as f64;
        Self { high, low: (value - high as i128) as f64 }
    }
}

impl Add for DoubleDouble {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let high = two_sum(self.high, other.high);
        let low = two_sum(self.low, other.low);
        let sum = two_sum(high.high, high.low + low.high);
        two_sum(sum.high, sum.low + low.low)
    }
}

impl DoubleDouble<f64x4> {
    pub fn lanes(self) -> [DoubleDouble; LANES] {
        let (high, low) = (self.high.to_array(), self.low.to_array());
        std::array::from_fn(|lane| DoubleDouble { high: high[lane], low: low[lane] })
    }
}

impl<F: Copy + Add<Output = F> + Sub<Output = F>> AddAssign<F> for DoubleDouble<F> {
    /// Of two thirds as many operations as the sum of two such numbers, with an error of at most 2⁻¹⁰⁵ of the sum (M. Joldes,
    /// J.-M. Muller, V. Popescu, "Tight and rigorous error bounds for basic building blocks of double-word arithmetic",
    /// ACM Trans. Math. Softw. 44, 2017, algorithm 4).
    fn add_assign(&mut self, value: F) {
        let sum = two_sum(self.high, value);
        *self = two_sum(sum.high, sum.low + self.low);
    }
}

impl Sub for DoubleDouble {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + Self { high: -other.high, low: -other.low }
    }
}

impl Mul for DoubleDouble {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let product = two_product(self.high, other.high);
        two_sum(product.high, product.low + (self.high * other.low + self.low * other.high))
    }
}

impl Div for DoubleDouble {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let first = self.high / other.high;
        let remainder = self - other * Self::from(first);
        let second = remainder.high / other.high;
        let remainder = remainder - other * Self::from(second);
        two_sum(first, second) + Self::from(remainder.high / other.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dd(value: i128) -> DoubleDouble {
        value.into()
    }

    /// The value as an integer, for values that are one.
    fn integer(value: DoubleDouble) -> i128 {
        value.high as i128 + value.low as i128
    }

    const LIMIT: i128 = 1 << 52;

    proptest! {
        #[test]
        fn arithmetic_is_exact_on_integers_of_104_bits(a in -LIMIT..LIMIT, b in -LIMIT..LIMIT, c in -LIMIT..LIMIT) {
            prop_assert_eq!(integer(dd(a) * dd(b)), a * b);
            prop_assert_eq!(integer(dd(a * b)), a * b);
            prop_assert_eq!(integer(dd(a * b) + dd(c)), a * b + c);
            prop_assert_eq!(integer(dd(a * b) - dd(c)), a * b - c);
        }

        #[test]
        fn roots_of_squares_and_quotients_of_products_are_exact(a in 1..LIMIT, b in 1..LIMIT) {
            prop_assert_eq!(dd(a * a).sqrt().round(), a as f64);
            prop_assert_eq!((dd(a * b) / dd(b)).round(), a as f64);
            prop_assert_eq!((dd(a * b) / dd(-a)).round(), -b as f64);
        }

        #[test]
        fn a_small_addend_survives_cancellation(values in prop::collection::vec(-1e6f64..1e6, 0..50)) {
            let mut sum = DoubleDouble::from(1e16);
            for &value in &values {
                sum += value;
            }
            for &value in values.iter().rev() {
                sum += -value;
            }
            prop_assert_eq!(sum.round(), 1e16);
        }
    }

    #[test]
    fn the_root_of_nothing_is_nothing() {
        assert_eq!(dd(0).sqrt().round(), 0.0);
    }
}
