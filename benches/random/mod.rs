//! The same numbers on every machine.

/// A linear congruential generator (D. E. Knuth, MMIX): benchmarks need the same data on every machine, not good
/// randomness.
pub struct Random(pub u64);

impl Random {
    /// Uniform in 0..1.
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About standard normal.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }
}
