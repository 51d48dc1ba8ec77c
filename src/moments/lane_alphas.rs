//! Cronbach's α of several sets at once, a lane each: to the bit that of [`IntegerSums::alpha`](super::IntegerSums::alpha).
//!
//! α = k·(v − w)/((k − 1)·v) with v and w, n² times the variance of X and the variances of the scores on its questions,
//! summed, is a quotient of integers. Where these are at most 2⁵³, they are exact, and with u = 2⁻⁵³ the rounded quotient
//! q is off by at most u of it. So what is left of the numerator, at most u of it, is rounded to 3u² of it (also by an
//! [`Isa::mul_add`] that is not fused), and what it adds to q to u² of q more: in all, less than 2⁻¹⁰³ of α, many times less
//! than what decides whether a lane is [settled](super::lanes::settled).

use super::lanes::{Lane, LaneCorrelations, MARGIN, settled};
use crate::isa::Isa;
use crate::whole::LARGEST_EXACT;

/// n² times the variance of X and the variances of the scores on its questions, summed, of one set in each lane.
#[derive(Clone, Copy)]
pub struct LaneVariances<const N: usize> {
    pub x: [f64; N],
    pub questions: [f64; N],
    /// What none of them exceeds.
    pub scaled: [f64; N],
}

impl<const N: usize> LaneVariances<N> {
    /// Of integers, from n, Σx, Σx², and over the questions of a set the sum of the squared scores of its users, and the sum of
    /// the squared sum of their scores. They are exact where n·Σx² and n times these squared scores are at most 2⁵³, which then
    /// none of them and of these products exceeds.
    #[inline(always)]
    pub fn of<T: Lane>([n, x, xx]: [&[T; N]; 3], squared: &[f64; N], squares: &[f64; N]) -> Self {
        let mut variances = Self { x: [0.0; N], questions: [0.0; N], scaled: [0.0; N] };
        for lane in 0..N {
            let (n, x) = (n[lane].float(), x[lane].float());
            let (of_totals, of_scores) = (n * xx[lane].float(), n * squared[lane]);
            variances.scaled[lane] = if of_scores > of_totals { of_scores } else { of_totals };
            variances.x[lane] = of_totals - x * x;
            variances.questions[lane] = of_scores - squares[lane];
        }
        variances
    }

    #[inline(always)]
    pub fn are_exact(&self, lane: usize) -> bool {
        self.scaled[lane] <= LARGEST_EXACT as f64
    }

    /// Cronbach's α of sets of `k` questions.
    #[inline(always)]
    pub fn alphas<I: Isa>(&self, isa: I, k: usize) -> LaneCorrelations<N> {
        let [k, others] = [k, k.saturating_sub(1)].map(|count| count as f64);
        let mut found = LaneCorrelations::UNSETTLED;
        for lane in 0..N {
            let exists = others * self.x[lane] > 0.0;
            let (numerator, denominator) = (k * (self.x[lane] - self.questions[lane]), others * self.x[lane]);
            let (quotient, is_settled) = rounded(isa, numerator, denominator);
            found.values[lane] = if exists { quotient } else { f64::NAN };
            found.are_settled[lane] =
                (k * self.scaled[lane] <= LARGEST_EXACT as f64) & (!exists | is_settled);
        }
        found
    }
}

/// Σ cᵢ² over the questions of sets that differ in the last one: Σx leaves its c when those of the others are taken off.
#[derive(Clone, Copy)]
pub struct SquaredTotals<const N: usize> {
    last: [f64; N],
    squares: [f64; N],
}

impl<const N: usize> SquaredTotals<N> {
    /// Before any question, of sets with these Σx.
    #[inline(always)]
    pub fn new(x: [f64; N]) -> Self {
        Self { last: x, squares: [0.0; N] }
    }

    /// Takes up a question that the sets share.
    #[inline(always)]
    pub fn take(&mut self, totals: &[f64; N]) {
        for (lane, &total) in totals.iter().enumerate() {
            self.squares[lane] += total * total;
            self.last[lane] -= total;
        }
    }

    /// With the last question.
    #[inline(always)]
    pub fn finish(mut self) -> [f64; N] {
        for lane in 0..N {
            self.squares[lane] += self.last[lane] * self.last[lane];
        }
        self.squares
    }
}

/// The quotient of integers up to 2⁵³, and whether it is certainly correctly rounded.
#[inline(always)]
fn rounded<I: Isa>(isa: I, numerator: f64, denominator: f64) -> (f64, bool) {
    let quotient = numerator / denominator;
    let correction = isa.mul_add(-quotient, denominator, numerator) / denominator;
    settled(quotient, correction, quotient.abs() * MARGIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::isa::{InstructionSet, Kernel, PART};
    use crate::moments::{IntegerSums, summed_variances};

    struct Alphas(LaneVariances<PART>, usize);

    impl Kernel for Alphas {
        type Output = LaneCorrelations<PART>;

        #[inline(always)]
        fn run<I: Isa>(self, isa: I) -> LaneCorrelations<PART> {
            self.0.alphas(isa, self.1)
        }
    }

    fn on_each(variances: LaneVariances<PART>, k: usize) -> Vec<LaneCorrelations<PART>> {
        let available = InstructionSet::ALL.into_iter().filter(|isa| isa.is_available());
        available.map(|isa| isa.run(Alphas(variances, k))).collect()
    }

    struct Quotient(f64, f64);

    impl Kernel for Quotient {
        type Output = (f64, bool);

        #[inline(always)]
        fn run<I: Isa>(self, isa: I) -> (f64, bool) {
            rounded(isa, self.0, self.1)
        }
    }

    proptest! {
        #[test]
        fn lanes_are_integer_sums(
            patterns in prop::collection::vec((any::<u16>(), 1..1i64 << 22), 1..20),
            k in 1usize..9,
            bits in 0..22u32,
        ) {
            // So many users with these scores from 0 to 3.
            let patterns: Vec<(u16, i64)> =
                patterns.into_iter().map(|(scores, users)| (scores, (users >> bits).max(1))).collect();
            let mut sums = IntegerSums::<i64>::default();
            let mut questions = vec![[0i64; 2]; k];
            for &(scores, users) in &patterns {
                let of = |question: usize| i64::from(scores >> (2 * question) & 3);
                let x: i64 = (0..k).map(of).sum();
                sums.add_sums(users as u32, [x, x * x, 0, 0, 0].map(|sum| sum * users));
                for (question, [sum, squared]) in questions.iter_mut().enumerate() {
                    *sum += of(question) * users;
                    *squared += of(question).pow(2) * users;
                }
            }
            let expected = sums.alpha(k, summed_variances(sums.n, questions.iter().copied()));
            let three = [i64::from(sums.n), sums.x, sums.xx].map(|sum| [sum; PART]);
            let squared = questions.iter().map(|&[_, squared]| squared as f64).sum();
            let squares = questions.iter().map(|&[sum, _]| sum as f64 * sum as f64).sum();
            let is_small = k as i64 * i64::from(sums.n) * sums.xx <= 1 << 53;
            for found in on_each(LaneVariances::of(three.each_ref(), &[squared; PART], &[squares; PART]), k) {
                prop_assert_eq!(found.settled() != 0, is_small);
                if is_small {
                    prop_assert_eq!(found.settled(), u16::MAX);
                    let alpha = expected.unwrap_or(f64::NAN).to_bits();
                    prop_assert_eq!(found.values.map(f64::to_bits), [alpha; PART]);
                }
            }
        }

        /// Of integers that are small enough for it, no quotient is in the middle between two floats.
        #[test]
        fn quotients_are_rounded(numerator in -(1i64 << 53)..1 << 53, denominator in 1..1i64 << 53) {
            for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
                let (numerator, denominator) = (numerator as f64, denominator as f64);
                let found = isa.run(Quotient(numerator, denominator));
                prop_assert_eq!(found, (numerator / denominator, true));
            }
        }
    }

    /// a·b = 2⁵³·c + 1 with an odd a of 54 bits: c/b is by 2⁻¹⁰⁵ of it below the middle a/2⁵³ between two floats.
    #[test]
    fn what_is_next_to_the_middle_is_not_settled() {
        let a = (1u64 << 53) + 12_345;
        // The inverse of a modulo 2⁵³ (H. S. Warren, "Hacker's Delight", 10-16).
        let inverse = (0..6).fold(a, |b, _| b.wrapping_mul(2u64.wrapping_sub(a.wrapping_mul(b))));
        let b = inverse % (1 << 53);
        let c = (u128::from(a) * u128::from(b)) >> 53;
        assert!(c <= 1 << 53 && u128::from(a) * u128::from(b) - (c << 53) == 1);
        for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
            assert!(!isa.run(Quotient(c as f64, b as f64)).1);
            assert_eq!(isa.run(Quotient(3.0, 4.0)), (0.75, true));
            assert_eq!(isa.run(Quotient(0.0, 4.0)), (0.0, true));
        }
    }
}
