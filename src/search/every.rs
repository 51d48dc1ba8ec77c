//! Every set, one stretch of their lexicographic order after another.

use super::{Request, Run, Visit, existing, with_scores};
use crate::error::Result;
use crate::isa::InstructionSet;
use crate::matrix::ResponseMatrix;
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

/// Calls `walk` with the sets of `request`, whose `top` is not looked at, without those whose
/// [`rank_by`](Request::rank_by) is below `floor`.
///
/// # Errors
///
/// As [`search`](super::search), except that nothing is too many rows.
pub fn with_stretches<T>(
    isa: InstructionSet,
    matrix: &ResponseMatrix,
    request: &Request,
    floor: Option<f64>,
    walk: impl FnOnce(&dyn Stretches) -> T,
) -> Result<T> {
    with_scores(matrix, request, Walk { isa, matrix, request, floor, walk })
}

struct Walk<'a, F> {
    isa: InstructionSet,
    matrix: &'a ResponseMatrix,
    request: &'a Request,
    floor: Option<f64>,
    walk: F,
}

impl<T, F: FnOnce(&dyn Stretches) -> T> Visit for Walk<'_, F> {
    type Output = T;

    fn visit<S: Scores>(self, scores: &S) -> Result<T> {
        let Self { isa, matrix, request, floor, walk } = self;
        let prepared = Prepared::new(isa, scores, &matrix.answered, request, true)?;
        Ok(walk(&Every { prepared, matrix, request, floor }))
    }
}

struct Every<'a, S: Scores> {
    prepared: Prepared<'a, S>,
    matrix: &'a ResponseMatrix,
    request: &'a Request,
    floor: Option<f64>,
}

impl<S: Scores> Stretches for Every<'_, S> {
    fn stretch(&self, run: &Run) -> Result<SetTable> {
        let Self { prepared, matrix, request, floor } = self;
        if floor.is_some() && !matrix.has(request.rank_by) {
            run.control.advance(run.share);
            return Ok(SetTable::default());
        }
        let empty = || floor.map_or_else(All::default, |floor| All::from(request.rank_by, floor));
        Ok(existing(matrix, prepared.search(run, empty)?.into_table()))
    }
}
