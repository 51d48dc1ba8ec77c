//! Which sets can reach a threshold by Cronbach's α, where points are rounded scores.
//!
//! With c = 1 − θ·(k − 1)/k a set has α ≥ θ where cV ≥ W: V = n²·var(X), W = n²·Σ var(xᵢ). Take each xᵢ as a vector of its n
//! users' scores less their mean, in points. Points are pᵢ = xᵢ − eᵢ with P = Σ pᵢ and E = Σ eᵢ, no score is off by more than δ,
//! and taking means off lengthens no vector, so |eᵢ| ≤ δ√n. Then
//!
//! cX² − Σ xᵢ² = cP² − Σ pᵢ² + 2 Σ (cP − pᵢ)·eᵢ + cE² − Σ eᵢ²
//!
//! where by the inequality of Cauchy and Schwarz
//!
//! - Σ (cP − pᵢ)·eᵢ is at most δ√n · √k · √(Σ (cP − pᵢ)²), and Σ (cP − pᵢ)² = Σ pᵢ² − c(2 − kc)·P²;
//! - cE² − Σ eᵢ² is at most (kc − 1)·Σ eᵢ², which is at most (kc − 1)·kδ²n, as kc = k − θ·(k − 1) ≥ 1.
//!
//! So with s = δn√k, and V and W those of points, no set reaches θ where cV − W + 2s·√(W − c(2 − kc)·V) + (kc − 1)·s² < 0.
//!
//! Near cV = W the root is √((kc − 1)·W): the closer θ is to 1, the smaller is the margin.

use crate::bitset::BitMatrix;
use crate::isa::{Isa, PART};
use crate::moments::{CORRELATION_MARGIN, LaneVariances, ROUNDOFF};
use crate::tree::Bar;

use super::filter::UNROUNDED;
use super::points::Points;

/// What a set must reach by α.
#[derive(Clone, Copy)]
pub struct AlphaFilter {
    least_users: i64,
    /// k and c.
    k: f64,
    share: f64,
    /// s of one user.
    off: f64,
    /// How far any of these terms may be from what it stands for, as a share of n·Σx².
    rounding: f64,
}

impl AlphaFilter {
    /// For sums of points of sets of `k` questions, each of which may be so far from the score. `None` where α does not rank,
    /// or says nothing.
    pub fn new(Bar { least_users, threshold, side }: Bar, k: usize, score: f64) -> Option<Self> {
        // A threshold ≤ 0 is also that of a list that is not full, to which every set is welcome.
        let ranks = side.is_none() && threshold > 0.0;
        let k = k as f64;
        let threshold = threshold - CORRELATION_MARGIN;
        ranks.then(|| Self {
            least_users: least_users.into(),
            k,
            share: 1.0 - threshold * (k - 1.0) / k,
            off: score * k.sqrt(),
            // W has a rounding for each question, and the largest factor of a term is k.
            rounding: 2.0 * ROUNDOFF * (k + 8.0) * k,
        })
    }

    /// The sets of a part that may reach the bar, one bit each: certainly all that do.
    #[inline(always)]
    pub fn candidates<I: Isa>(self, isa: I, n: &[i64; PART], variances: &LaneVariances<PART>) -> u16 {
        let mut reaches = [false; PART];
        for (lane, reaches) in reaches.iter_mut().enumerate() {
            *reaches = (n[lane] >= self.least_users) & self.reaches(n[lane] as f64, variances, lane);
        }
        isa.bits(&reaches)
    }

    #[inline(always)]
    fn reaches<const N: usize>(self, n: f64, variances: &LaneVariances<N>, lane: usize) -> bool {
        let Self { k, share, off, rounding, .. } = self;
        let (x, questions) = (variances.x[lane], variances.questions[lane]);
        let (off, rounding) = (off * n, rounding * variances.scaled[lane]);
        let excess = k * share - 1.0;
        let distance = (questions - share * (1.0 - excess) * x).max(0.0) + rounding;
        share * x - questions + 2.0 * off * distance.sqrt() + excess * off * off + rounding >= 0.0
    }

    /// Whether `set` may reach the bar by its `points` before they are rounded. That takes ten times as long as by sums of
    /// lanes, and a seventh of what is done in doubled precision.
    pub fn may_reach_unrounded(
        self,
        points: &dyn Points,
        answered: &BitMatrix,
        set: &[u32],
        users: &[u32],
    ) -> bool {
        let mut x = vec![0.0; users.len()];
        let (mut squared, mut squares) = (0.0, 0.0);
        for &question in set {
            let mut sum = 0.0;
            for (&user, x) in users.iter().zip(&mut x) {
                let score = points.unrounded(answered, user as usize, question as usize);
                *x += score;
                sum += score;
                squared += score * score;
            }
            squares += sum * sum;
        }
        let n = users.len() as f64;
        let (sum, xx) = x.iter().fold((0.0, 0.0), |(sum, xx), x| (sum + x, xx + x * x));
        let variances = LaneVariances::of([&[n], &[sum], &[xx]], &[squared], &[squares]);
        // These sums are rounded for each user.
        let (off, rounding) = (UNROUNDED * self.k.sqrt(), self.rounding * n);
        Self { off, rounding, ..self }.reaches(n, &variances, 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::filter::NEAREST;
    use super::*;
    use crate::isa::{InstructionSet, Kernel};

    /// Scores of one question each, of the same users.
    type Scores = Vec<Vec<f64>>;

    fn alpha(scores: &Scores) -> f64 {
        let variance = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>()
        };
        let totals: Vec<f64> =
            (0..scores[0].len()).map(|user| scores.iter().map(|of| of[user]).sum()).collect();
        let k = scores.len() as f64;
        k / (k - 1.0) * (1.0 - scores.iter().map(|of| variance(of)).sum::<f64>() / variance(&totals))
    }

    struct Candidates(AlphaFilter, i64, LaneVariances<PART>);

    impl Kernel for Candidates {
        type Output = u16;

        #[inline(always)]
        fn run<I: Isa>(self, isa: I) -> u16 {
            self.0.candidates(isa, &[self.1; PART], &self.2)
        }
    }

    /// Whether a set may reach `threshold` by its scores rounded to points, on each instruction set.
    fn may_reach(scores: &Scores, threshold: f64, score: f64) -> bool {
        let users = scores[0].len();
        let points: Vec<Vec<i64>> =
            scores.iter().map(|of| of.iter().map(|score| score.round() as i64).collect()).collect();
        let totals: Vec<i64> = (0..users).map(|user| points.iter().map(|of| of[user]).sum()).collect();
        let squared = |values: &[i64]| values.iter().map(|value| value * value).sum::<i64>();
        let three = [users as i64, totals.iter().sum(), squared(&totals)].map(|sum| [sum; PART]);
        let sums: Vec<i64> = points.iter().map(|of| of.iter().sum()).collect();
        let variances = LaneVariances::of(
            three.each_ref(),
            &[points.iter().map(|of| squared(of)).sum::<i64>() as f64; PART],
            &[squared(&sums) as f64; PART],
        );
        let bar = Bar { least_users: 2, threshold, side: None };
        let filter = AlphaFilter::new(bar, scores.len(), score).expect("a threshold above 0");
        let found: Vec<u16> = InstructionSet::ALL
            .into_iter()
            .filter(|isa| isa.is_available())
            .map(|isa| isa.run(Candidates(filter, users as i64, variances)))
            .collect();
        assert!(found.iter().all(|&lanes| lanes == 0) || found.iter().all(|&lanes| lanes == u16::MAX));
        found[0] != 0
    }

    /// Scores of a few points that agree more or less.
    fn scores() -> impl Strategy<Value = Scores> {
        (2usize..9, 2usize..12, 1.0f64..60.0, 0.1f64..1.0).prop_flat_map(|(k, users, range, share)| {
            let common = prop::collection::vec(0.0..range, users);
            let own = prop::collection::vec(prop::collection::vec(0.0..range, users), k);
            (common, own).prop_map(move |(common, own)| {
                let agree = |own: Vec<f64>| {
                    let both = own.into_iter().zip(&common);
                    both.map(|(own, common)| (1.0 - share) * own + share * common).collect()
                };
                own.into_iter().map(agree).collect()
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_reaches_stays_in(scores in scores()) {
            let alpha = alpha(&scores);
            prop_assume!(alpha > 1e-6);
            prop_assert!(may_reach(&scores, alpha - 1e-9, NEAREST));
            prop_assert!(may_reach(&scores, 0.9 * alpha, NEAREST));
        }
    }

    /// Two users, whose scores differ by as much on either question, and by less in points on one of them.
    #[test]
    fn the_margin_is_needed() {
        let scores = vec![vec![0.4, 3.6], vec![0.6, 3.8]];
        assert!((alpha(&scores) - 1.0).abs() < 1e-12);
        assert!(may_reach(&scores, 1.0, NEAREST));
        assert!(!may_reach(&scores, 1.0, 0.0));
    }

    /// What a few thousandths in α are below the bar is ruled out by points of 9 bits, and closer to 1 by points of fewer.
    #[test]
    fn what_is_clearly_below_is_out() {
        let of = |user: u32, question: u32, noise: f64, range: f64| {
            let own = f64::from((user * 7919 + question * 104_729) % 997) / 997.0;
            range * ((1.0 - noise) * f64::from(user % 50) / 50.0 + noise * own)
        };
        for (noise, range, below) in [(0.6, 500.0, 0.01), (0.1, 500.0, 0.001), (0.1, 100.0, 0.005)] {
            let scores: Scores = (0..5)
                .map(|question| (0..200).map(|user| of(user, question, noise, range)).collect())
                .collect();
            let alpha = alpha(&scores);
            assert!(may_reach(&scores, alpha, NEAREST));
            assert!(!may_reach(&scores, alpha + below, NEAREST), "{alpha}");
        }
    }
}
