//! Ruling sets out by some of their users.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Common users of a prefix that its sums leave out.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeftOut {
    pub count: usize,
    /// Their Σt².
    pub squares: u64,
}

#[derive(Default)]
pub struct Far {
    pub step: usize,
    pub blocks: Vec<u64>,
    pub left_out: Vec<crate::isa::PartSums>,
}

pub struct Near<'a, D> {
    pub database: &'a D,
    pub far: &'a Far,
    pub column: super::Column,
}

impl<D> Clone for Near<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Near<'_, D> {}

/// The shares of users by whom sets are looked at.
pub const SHARES: [f64; 11] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5];

const WINDOW: u64 = 1 << 16;
const REST: usize = 32;

#[derive(Default)]
pub struct Screen {
    step: AtomicUsize,
    rest: AtomicUsize,
    counts: AtomicU64,
}

impl Screen {
    pub fn step(&self) -> usize {
        static STEP: std::sync::LazyLock<Option<usize>> = std::sync::LazyLock::new(|| std::env::var("STEP").ok().map(|s| s.parse().unwrap()));
        if let Some(s) = *STEP { return s; }
        self.step.load(Ordering::Relaxed)
    }

    pub fn learn(&self, sets: usize, survivors: usize) {
        let more = (sets as u64) << 32 | survivors as u64;
        let counts = self.counts.fetch_add(more, Ordering::Relaxed) + more;
        if counts >> 32 < WINDOW {
            return;
        }
        self.counts.store(0, Ordering::Relaxed);
        let (sets, survivors) = ((counts >> 32) as f64, (counts as u32) as f64);
        let step = self.step.load(Ordering::Relaxed);
        if std::env::var("LOG").is_ok() { eprintln!("{step} {survivors} {sets}"); }
        let rest = self.rest.load(Ordering::Relaxed);
        if rest > 0 {
            self.rest.store(rest - 1, Ordering::Relaxed);
        } else if survivors > sets / 300.0 {
            self.step.store(step.saturating_sub(1), Ordering::Relaxed);
            self.rest.store(if step <= 1 { REST } else { 0 }, Ordering::Relaxed);
        } else if survivors < sets / 8000.0 && step + 1 < SHARES.len() {
            self.step.store(step + 1, Ordering::Relaxed);
        }
    }
}
