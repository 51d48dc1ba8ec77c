//! The correlations and Cronbach's α of several sets at once, a lane each, from comoments in doubled precision that are off by
//! a known error: to the bit those that [`float_correlation`](super::float_correlation) and
//! [`float_alpha`](super::float_alpha) make of the users, or not *settled*.
//!
//! Let V, W and C be comoments as they are here, and let those that are made of the users differ by at most e_V, e_W and e_C.
//! Where e_V < 2⁻²⁰·V and e_W < 2⁻²⁰·W, the correlations r = C/√(VW) differ by no more than
//!
//! e_C/√(VW) + ½·|r|·(e_V/V + e_W/W), and a 2⁻¹⁸th of it,
//!
//! which is doubled here. Evaluating a formula, here or there, is less than 2⁻⁹⁸ off: the proof in [`lanes`](super::lanes) allows for
//! |l| ≤ u·p, where now |l| ≤ 3u·p as V and W have something to lack themselves, so 34u² become less than 100u². [`FORMULA`] is
//! more than both. α = k/(k − 1)·(1 − w/V), with w the comoments of the questions summed, differs by no more than
//! k/(k − 1)·(e_w + w/V·e_V)/V, and as much more.
//!
//! If adding all this to a value or taking it off gives the same float, then the users give that float, too.

use super::lanes::{LaneCorrelations, by_root, settled};
use super::{Norms, Side};
use crate::double_double::DoubleDouble;
use crate::isa::Isa;

/// What evaluating a formula may be off by, relative to the largest of its terms.
const FORMULA: f64 = 1.0 / (1u128 << 95) as f64;

/// Comoments that their error exceeds by this share of them are not settled.
const LARGEST_ERROR: f64 = 1.0 / (1u64 << 20) as f64;

/// Of the sum or difference of two doubled numbers, relative to both.
const DOUBLED_ROUNDING: f64 = f64::EPSILON * f64::EPSILON;

/// A number in each lane, and what it lacks.
#[derive(Clone, Copy)]
pub struct Doubled<const N: usize> {
    pub high: [f64; N],
    pub low: [f64; N],
}

impl<const N: usize> Doubled<N> {
    #[inline(always)]
    fn at(&self, lane: usize) -> [f64; 2] {
        DoubleDouble::sum(self.high[lane], self.low[lane]).parts()
    }
}

/// Comoments over the same users of one set in each lane: of X with itself and with T, and of each of its questions with
/// itself, summed.
#[derive(Clone, Copy)]
pub struct FloatComoments<const N: usize> {
    pub xx: Doubled<N>,
    pub xt: Doubled<N>,
    pub questions: Doubled<N>,
}

/// How far comoments are off.
#[derive(Clone, Copy, Debug)]
pub struct ComomentErrors {
    pub xx: f64,
    pub xt: f64,
    pub tt: f64,
    /// Of all questions of a set.
    pub questions: f64,
}

/// The totals that [`float_correlation`](super::float_correlation) is given, and the scores on a question.
#[derive(Clone, Copy, Debug)]
pub struct UserNorms {
    pub x: Norms,
    pub t: Norms,
    pub rest: Norms,
    pub question: Norms,
}

/// How far comoments of X and of another side may be from those made of the users, and above what a variance is that of
/// totals that certainly count as different.
#[derive(Clone, Copy, Debug)]
struct SideTolerance {
    xx: f64,
    xy: f64,
    yy: f64,
    least_x: f64,
    least_y: f64,
}

/// What tells which of [`FloatComoments`] are settled.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    tt: [f64; 2],
    total: SideTolerance,
    rest: SideTolerance,
    questions: f64,
}

impl Tolerance {
    /// For sets of `k` questions and `n` users, whose grand total has the comoment `tt`: comoments are off by `errors`, and
    /// those made of the users as far as `users` tell. Totals with a range within `noise_x` and `noise_t` count as constant.
    pub fn new(
        (k, n): (usize, usize),
        tt: DoubleDouble,
        errors: ComomentErrors,
        users: UserNorms,
        (noise_x, noise_t): (f64, f64),
    ) -> Self {
        let UserNorms { x, t, rest, question } = users;
        let side = |y: Norms, ComomentErrors { xx, xt, tt, .. }| {
            let xx = xx + x.comoment_error(x, n);
            let (xy, yy) = (xt + x.comoment_error(y, n), tt + y.comoment_error(y, n));
            let least = |error: f64, noise: f64| (error / LARGEST_ERROR).max(n as f64 * noise * noise);
            SideTolerance { xx, xy, yy, least_x: least(xx, noise_x), least_y: least(yy, noise_t) }
        };
        // Of no more than four sums and differences of V, W and C, which is at most half of V + W.
        let rounding = 4.0 * DOUBLED_ROUNDING * (x.deviations.powi(2) + t.deviations.powi(2));
        let of_rest = ComomentErrors {
            xt: errors.xx + errors.xt + rounding,
            tt: errors.xx + 2.0 * errors.xt + errors.tt + rounding,
            ..errors
        };
        Self {
            tt: tt.parts(),
            total: side(t, errors),
            rest: side(rest, of_rest),
            questions: errors.questions + k as f64 * question.comoment_error(question, n) + rounding,
        }
    }

    /// Whether the grand total certainly differs among the users.
    pub fn has_total(&self) -> bool {
        self.tt[0] > self.total.least_y
    }
}

/// The sum of two doubled numbers, rounded a little more than [`DoubleDouble`] does.
#[inline(always)]
fn sum([a, a_low]: [f64; 2], [b, b_low]: [f64; 2]) -> [f64; 2] {
    let [high, low] = DoubleDouble::sum(a, b).parts();
    DoubleDouble::sum(high, low + (a_low + b_low)).parts()
}

/// ± a power of two, times a doubled number.
#[inline(always)]
fn times(factor: f64, [a, a_low]: [f64; 2]) -> [f64; 2] {
    [factor * a, factor * a_low]
}

impl<const N: usize> FloatComoments<N> {
    /// As [`float_correlation`](super::float_correlation), where settled.
    #[inline(always)]
    pub fn correlations<I: Isa>(&self, isa: I, tolerance: &Tolerance, side: Side) -> LaneCorrelations<N> {
        let mut found = LaneCorrelations::UNSETTLED;
        for lane in 0..N {
            let (xx, xt) = (self.xx.at(lane), self.xt.at(lane));
            let (xy, yy, off) = match side {
                Side::Total => (xt, tolerance.tt, &tolerance.total),
                Side::Rest => {
                    let yy = sum(sum(tolerance.tt, xx), times(-2.0, xt));
                    (sum(xt, times(-1.0, xx)), yy, &tolerance.rest)
                }
            };
            let product = xx[0] * yy[0];
            let lacking = xx[0] * yy[1] + xx[1] * yy[0];
            let product_low = isa.mul_add(xx[0], yy[0], -product) + lacking;
            let ([quotient, quotient_low], inverse) = by_root(isa, xy, [product, product_low]);
            let of_r = quotient.abs() * inverse * (off.xx * yy[0] + off.yy * xx[0]);
            let margin = inverse * (2.0 * off.xy + of_r) + quotient.abs() * FORMULA;
            let (value, is_settled) = settled(quotient, quotient_low, margin);
            found.values[lane] = value;
            found.are_settled[lane] = is_settled & (xx[0] > off.least_x) & (yy[0] > off.least_y);
        }
        found
    }

    /// As [`float_alpha`](super::float_alpha), where settled, of sets of `k` questions.
    #[inline(always)]
    pub fn alphas<I: Isa>(&self, isa: I, tolerance: &Tolerance, k: usize) -> LaneCorrelations<N> {
        let mut found = LaneCorrelations::UNSETTLED;
        if k < 2 {
            found.values = [f64::NAN; N];
            found.are_settled = [true; N];
            return found;
        }
        let [k, others] = [k, k - 1].map(|count| count as f64);
        let off = &tolerance.total;
        for lane in 0..N {
            let (xx, questions) = (self.xx.at(lane), self.questions.at(lane));
            let [difference, difference_low] = sum(xx, times(-1.0, questions));
            let (numerator, denominator) = (k * difference, others * xx[0]);
            let numerator_low = isa.mul_add(k, difference, -numerator) + k * difference_low;
            let denominator_low = isa.mul_add(others, xx[0], -denominator) + others * xx[1];
            let inverse = 1.0 / denominator;
            let quotient = numerator * inverse;
            let remainder =
                isa.mul_add(-quotient, denominator, numerator) + (numerator_low - quotient * denominator_low);
            let share = others * questions[0] * inverse;
            let margin =
                2.0 * k * (inverse * (tolerance.questions + share * off.xx) + (1.0 + share) * FORMULA);
            let (value, is_settled) = settled(quotient, remainder * inverse, margin);
            found.values[lane] = value;
            found.are_settled[lane] = is_settled & (xx[0] > off.least_x);
        }
        found
    }
}
