//! Every set, one stretch of their lexicographic order after another.

use super::{Blueprint, Run, Visit, with_scores};
use crate::error::Result;
use crate::isa::InstructionSet;
use crate::ranking::{All, Collector, SetTable};
use crate::tree::{Prepared, Scores};

/// A search that is prepared once, and run for as many stretches as are wanted.
pub trait Stretches: Sync {
    /// The sets of `run`, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if it was stopped.
    fn stretch(&self, run: &Run) -> Result<SetTable>;
}

/// Calls `walk` with the sets of `blueprint`, whose `top` is not looked at, without those whose
/// [`rank_by`](super::Request::rank_by) is below `floor`.
///
/// # Errors
///
/// As [`search`](super::search), except that nothing is too many rows.
pub fn with_stretches<T>(
    isa: InstructionSet,
    blueprint: &Blueprint,
    floor: Option<f64>,
    walk: impl FnOnce(&dyn Stretches) -> T,
) -> Result<T> {
    with_scores(blueprint.matrix(), blueprint.request(), Walk { isa, blueprint, floor, walk })
}

struct Walk<'a, F> {
    isa: InstructionSet,
    blueprint: &'a Blueprint<'a>,
    floor: Option<f64>,
    walk: F,
}

impl<T, F: FnOnce(&dyn Stretches) -> T> Visit for Walk<'_, F> {
    type Output = T;

    fn visit<S: Scores>(self, scores: &S) -> Result<T> {
        let Self { isa, blueprint, floor, walk } = self;
        let prepared = Prepared::new(isa, scores, blueprint, true)?;
        Ok(walk(&Every { prepared, blueprint, floor }))
    }
}

struct Every<'a, S: Scores> {
    prepared: Prepared<'a, S>,
    blueprint: &'a Blueprint<'a>,
    floor: Option<f64>,
}

impl<S: Scores> Stretches for Every<'_, S> {
    fn stretch(&self, run: &Run) -> Result<SetTable> {
        let empty = || {
            self.floor.map_or_else(All::default, |floor| All::from(self.blueprint.request().rank_by, floor))
        };
        Ok(self.blueprint.restore(self.prepared.search(run, empty)?.into_table()))
    }
}
