//! Every set, one stretch of their lexicographic order after another.

use super::{Blueprint, Run, Visit, existing, with_scores};
use crate::error::Result;
use crate::isa::InstructionSet;
use crate::moments::RankBy;
use crate::ranking::{All, Collector, SetTable, TableColumns};
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

/// Calls `walk` with these columns of the sets of `blueprint`, whose `top` is not looked at, without those whose
/// [`rank_by`](super::Request::rank_by) is below `floor`.
///
/// # Errors
///
/// As [`search`](super::search), except that nothing is too many rows.
pub fn with_stretches<T>(
    isa: InstructionSet,
    blueprint: &Blueprint,
    columns: TableColumns,
    floor: Option<f64>,
    walk: impl FnOnce(&dyn Stretches) -> T,
) -> Result<T> {
    let request = blueprint.request();
    let with_alpha = columns.alpha || floor.is_some() && request.rank_by == RankBy::Alpha;
    with_scores(blueprint.matrix(), request, with_alpha, Walk { isa, blueprint, columns, floor, walk })
}

struct Walk<'a, F> {
    isa: InstructionSet,
    blueprint: &'a Blueprint<'a>,
    columns: TableColumns,
    floor: Option<f64>,
    walk: F,
}

impl<T, F: FnOnce(&dyn Stretches) -> T> Visit for Walk<'_, F> {
    type Output = T;

    fn visit<S: Scores>(self, scores: &S) -> Result<T> {
        let Self { isa, blueprint, columns, floor, walk } = self;
        let prepared = Prepared::new(isa, scores, blueprint, true)?;
        let floor = floor.map(|floor| (blueprint.request().rank_by, floor));
        Ok(walk(&Every { prepared, blueprint, columns, floor }))
    }
}

struct Every<'a, S: Scores> {
    prepared: Prepared<'a, S>,
    blueprint: &'a Blueprint<'a>,
    columns: TableColumns,
    floor: Option<(RankBy, f64)>,
}

impl<S: Scores> Stretches for Every<'_, S> {
    fn stretch(&self, run: &Run) -> Result<SetTable> {
        let Self { prepared, blueprint, columns, floor } = self;
        let matrix = blueprint.matrix();
        if floor.is_some_and(|(rank_by, _)| !matrix.has(rank_by)) {
            run.control.advance(run.share);
            return Ok(SetTable::default());
        }
        let made = TableColumns { r_rest: columns.r_rest && matrix.has(RankBy::RRest), ..*columns };
        let table = prepared.search(run, || All::new(made, *floor))?.into_table();
        Ok(existing(matrix, *columns, blueprint.restore(table)))
    }
}
