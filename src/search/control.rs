//! What a search that runs shares with whoever waits for it: an order to stop, and how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::probe::{Outcome, Probe};
use crate::ranking::Quota;

/// The whole of a search in the units of [`Control::done`]: small enough that no block of work rounds to nothing, large
/// enough that the rounding of a billion blocks cannot reach another search's worth.
const WHOLE: f64 = (1u64 << 60) as f64;

/// Looked at and kept once per block of work, which is a projection or more; never once per set.
#[derive(Default)]
pub struct Control {
    stopped: Arc<AtomicBool>,
    interrupts: Option<Interrupts>,
    done: AtomicU64,
    probe: Option<Probe>,
    quota: Option<Arc<Quota>>,
}

/// A count of interrupts that something outside keeps, and what it was at the start: no search has to reset it, and one
/// interrupt stops all searches that run.
#[derive(Clone, Copy)]
struct Interrupts {
    count: &'static AtomicUsize,
    at_start: usize,
}

impl Control {
    /// Stops also when `count` changes.
    pub fn interrupted_by(count: &'static AtomicUsize) -> Self {
        let interrupts = Interrupts { count, at_start: count.load(Relaxed) };
        Self { interrupts: Some(interrupts), ..Self::default() }
    }

    /// One that stops with it, and has an account of its own of what is done.
    pub fn anew(&self) -> Self {
        Self { stopped: Arc::clone(&self.stopped), interrupts: self.interrupts, ..Self::default() }
    }

    /// The same for a part of the search, which stops also where it has found more than `most` rows.
    pub(super) fn part(&self, most: usize) -> Self {
        Self { quota: Some(Arc::new(Quota::new(most))), ..self.anew() }
    }

    /// How many rows may be found, if not any number.
    pub(super) fn quota(&self) -> Option<Arc<Quota>> {
        self.quota.clone()
    }

    /// Whether more rows were found.
    pub(super) fn is_exceeded(&self) -> bool {
        self.quota.as_ref().is_some_and(|quota| quota.is_exceeded())
    }

    /// Lets a search find out how long it would take, instead of what it would find.
    pub(super) fn probing(self, probe: Probe) -> Self {
        Self { probe: Some(probe), ..self }
    }

    pub(super) fn probe(&self) -> Option<&Probe> {
        self.probe.as_ref()
    }

    /// What was found out, if the search was too long to be run to its end.
    pub(super) fn probed(&self) -> Option<Outcome> {
        self.probe.as_ref()?.outcome()
    }

    /// Makes the search end with [`Error::Interrupted`](crate::error::Error::Interrupted).
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    pub fn is_stopped(&self) -> bool {
        self.is_interrupted() || self.is_exceeded() || self.probe.as_ref().is_some_and(Probe::is_over)
    }

    /// Whether it was stopped from outside, and not because a probe needs no more, or rows are too many.
    pub(super) fn is_interrupted(&self) -> bool {
        let is_interrupted = |interrupts: &Interrupts| interrupts.count.load(Relaxed) != interrupts.at_start;
        self.stopped.load(Relaxed) || self.interrupts.as_ref().is_some_and(is_interrupted)
    }

    /// The share of the sets that is done. It only grows, and is 1 when all are.
    pub fn done(&self) -> f64 {
        (self.done.load(Relaxed) as f64 / WHOLE).min(1.0)
    }

    /// Takes down that one more `share` of the sets is done.
    pub(crate) fn advance(&self, share: f64) {
        self.done.fetch_add((share * WHOLE) as u64, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_by_order_or_by_a_new_interrupt() {
        static COUNT: AtomicUsize = AtomicUsize::new(7);
        let (ordered, interrupted) = (Control::default(), Control::interrupted_by(&COUNT));
        assert!(!ordered.is_stopped() && !interrupted.is_stopped());
        ordered.stop();
        assert!(ordered.is_stopped() && !interrupted.is_stopped());
        COUNT.fetch_add(1, Relaxed);
        assert!(interrupted.is_stopped());
        assert!(!Control::interrupted_by(&COUNT).is_stopped(), "an interrupt before the start is none");
    }

    #[test]
    fn a_part_stops_with_the_whole_and_by_itself() {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let whole = Control::interrupted_by(&COUNT);
        let (part, other, none) = (whole.part(10), whole.part(10), whole.part(0));
        part.quota().unwrap().take(10);
        assert!(!part.is_stopped() && !none.is_stopped());
        part.quota().unwrap().take(1);
        assert!(part.is_exceeded() && part.is_stopped() && !part.is_interrupted());
        assert!(!whole.is_stopped() && !other.is_stopped());
        COUNT.fetch_add(1, Relaxed);
        assert!(whole.is_interrupted() && other.is_interrupted() && !other.is_exceeded());
        let whole = Control::default();
        let part = whole.part(10);
        whole.stop();
        assert!(part.is_interrupted());
        part.advance(1.0);
        assert_eq!((part.done(), whole.done()), (1.0, 0.0));
    }
}
