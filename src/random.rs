//! Numbers at random, the same on every run.

use std::collections::BTreeSet;

/// A linear congruential generator (D. E. Knuth, MMIX).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0
    }

    /// A number from 0 up to but not including `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> u64::BITS) as usize
    }

    /// A number from 0 up to but not including 1.
    pub fn share(&mut self) -> f64 {
        // As many bits as a float has, so that nothing is rounded up to 1.
        (self.next() >> (u64::BITS - f64::MANTISSA_DIGITS)) as f64 / (1u64 << f64::MANTISSA_DIGITS) as f64
    }

    /// A set of `k` of `count` things, ascending; each is equally likely (R. Floyd's sample).
    pub fn set(&mut self, count: usize, k: usize) -> Vec<u32> {
        let mut set = BTreeSet::new();
        for most in count - k..count {
            let one = self.below(most + 1) as u32;
            if !set.insert(one) {
                set.insert(most as u32);
            }
        }
        set.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_equally_likely() {
        let (mut random, mut met) = (Random(1), std::collections::BTreeMap::new());
        for _ in 0..10_000 {
            *met.entry(random.set(5, 3)).or_insert(0) += 1;
        }
        assert_eq!(met.len(), 10, "C(5, 3)");
        assert!(met.values().all(|&times| (850..1150).contains(&times)), "{met:?}");
    }

    #[test]
    fn shares_fill_the_interval() {
        let mut random = Random(2);
        let shares: Vec<f64> = (0..10_000).map(|_| random.share()).collect();
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
        assert!((shares.iter().sum::<f64>() / 1e4 - 0.5).abs() < 0.02);
    }
}
