//! Ruling sets out by some of their users.
//!
//! Let t be the grand total less a constant, and θ > 0. r of a set reaches θ only if some line with a slope ≥ 0 leaves at most
//! (1 − θ²)·Σ(t − c)² of its users' t unexplained, for any c, as no c makes that sum less than the mean does. Over some of
//! the users that line leaves no more than over all. So a set is out if already over the users who are *far* from the mean,
//! those of a large |t|, each such line leaves more than (1 − θ²)·Σt². Of the others, the *near* ones, only Σt² is in that
//! condition, and small because they are near: that of the near users of a shorter prefix will do.
//!
//! So a database of which leaves are taken has far users only, two thirds of all. What they do not rule out, a set in a
//! thousand, is completed by its near users, whom the database before it has.
//!
//! The fewer are far, the fewer users are summed up for each set, and the more sets have to be completed.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::Tree;
use super::halves::Column;
use super::scores::Scores;
use crate::isa::{Isa, Kernel};
use crate::ranking::Sink;

/// The shares of users who are far, step by step. Nobody is near at the first.
pub const FAR_SHARES: [f64; 11] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5];

/// Near users whom sums leave out: no set has more.
#[derive(Clone, Copy, Debug, Default)]
pub struct Near {
    pub users: usize,
    /// Σt².
    pub squares: u64,
}

/// A database, and where the near users are if it has far ones only.
pub struct Node<'a, S: Scores> {
    pub database: &'a S::Database,
    pub before: Option<Before<'a, S>>,
}

/// The database that a database of far users was made from.
pub struct Before<'a, S: Scores> {
    pub database: &'a S::Database,
    pub far: &'a S::Far,
    /// The question by which the prefix became longer.
    pub column: Column,
}

impl<S: Scores> Clone for Node<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scores> Copy for Node<'_, S> {}

impl<S: Scores> Clone for Before<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scores> Copy for Before<'_, S> {}

/// Which step of [`FAR_SHARES`] is best, learned on the way by all threads. The result of a search does not depend on it.
pub struct Screen {
    step: AtomicUsize,
    /// Since the last change: how many sets were looked at, and below these 32 bits, how many were completed.
    counts: AtomicU64,
}

/// A good step in sparse data from k = 5 on.
const FIRST_STEP: usize = 6;

/// After how many sets there may be fewer far users.
const WINDOW: u64 = 1 << 16;

/// After how many sets there may be near users again.
const PAUSE: u64 = 1 << 22;

/// Of so many sets (as powers of two) one at most is completed, or there must be more far users; and one at least, or there may
/// be fewer. On the reference benchmark a search takes as long where one in 560 is completed as where one in 2,000 is; for 100 of its
/// questions, 6 % longer at one in 140 than at one in 1,800. These are neighbouring steps.
const MOST_COMPLETED: u32 = 8;
const LEAST_COMPLETED: u32 = 13;

/// Completed sets that say nothing yet.
const FEW_COMPLETED: u64 = 64;

impl Default for Screen {
    fn default() -> Self {
        Self { step: AtomicUsize::new(FIRST_STEP), counts: AtomicU64::new(0) }
    }
}

impl Screen {
    pub fn step(&self) -> usize {
        self.step.load(Ordering::Relaxed)
    }

    /// Takes note of `sets` that were looked at, by far users only or by all, and of how many of them were completed.
    pub fn learn(&self, by_far: bool, sets: usize, completed: usize) {
        let step = self.step();
        // Nothing is learned about a step by sets to which it did not apply.
        if by_far == (step == 0) {
            return;
        }
        let more = (sets as u64) << u32::BITS | completed as u64;
        let counts = self.counts.fetch_add(more, Ordering::Relaxed).wrapping_add(more);
        let (sets, completed) = (counts >> u32::BITS, counts & u64::from(u32::MAX));
        // Threads may do this at once, or lose what others count meanwhile: it all happens again.
        let next = if completed > FEW_COMPLETED + (sets >> MOST_COMPLETED) {
            // As many steps as it is worse.
            let times = completed / (FEW_COMPLETED + (sets >> MOST_COMPLETED));
            step.saturating_sub(1 + times.ilog2() as usize / 2)
        } else if sets < if step == 0 { PAUSE } else { WINDOW } {
            return;
        } else if completed < sets >> LEAST_COMPLETED {
            (step + 1).min(FAR_SHARES.len() - 1)
        } else {
            step
        };
        self.step.store(next, Ordering::Relaxed);
        self.counts.store(0, Ordering::Relaxed);
    }
}

/// Who is far of a database's users, at a step of [`FAR_SHARES`].
pub struct Marked<S: Scores> {
    step: usize,
    far: S::Far,
}

impl<S: Scores> Default for Marked<S> {
    fn default() -> Self {
        Self { step: 0, far: S::Far::default() }
    }
}

impl<S: Scores> Marked<S> {
    /// Of the users of `database`, whose children are those of which leaves are taken.
    pub fn mark(&mut self, tree: &Tree<'_, S>, database: &S::Database, sink: &mut dyn Sink) {
        // Where any correlation is welcome, nothing is ruled out.
        let can_screen =
            S::SCREENS && sink.threshold() > 0.0 && tree.scores.side(tree.request.rank_by).is_some();
        self.step = if can_screen { tree.screen.step() } else { 0 };
        if self.step > 0 {
            tree.isa.run(Mark { scores: tree.scores, database, step: self.step, far: &mut self.far });
        }
    }

    /// That a child of `database` by `column` is to have far users only, unless too few sets were ruled out by so few meanwhile.
    pub fn before<'a>(
        &'a self,
        tree: &Tree<'_, S>,
        database: &'a S::Database,
        column: Column,
    ) -> Option<Before<'a, S>> {
        let is_screened = S::SCREENS && self.step > 0 && self.step <= tree.screen.step();
        is_screened.then_some(Before { database, far: &self.far, column })
    }
}

/// See [`Scores::mark_far`].
struct Mark<'a, S: Scores> {
    scores: &'a S,
    database: &'a S::Database,
    step: usize,
    far: &'a mut S::Far,
}

impl<S: Scores> Kernel for Mark<'_, S> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        self.scores.mark_far(isa, self.database, self.step, self.far);
    }
}
