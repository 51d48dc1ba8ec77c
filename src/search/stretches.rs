//! Every set, one stretch of their lexicographic order after another.

use std::ops::Range;

use super::way::{Wanted, Way, with_way};
use super::{Blueprint, Control, Run, SearchStrategy, existing, has_sets};
use crate::error::{Error, Result};
use crate::isa::InstructionSet;
use crate::moments::RankBy;
use crate::ranking::{SetTable, TableColumns};

/// A search that is prepared once, and run for as many stretches as are wanted.
pub struct Stretches<'a> {
    /// `None` where no set can be wanted.
    way: Option<&'a dyn Way>,
    blueprint: &'a Blueprint<'a>,
    columns: TableColumns,
}

/// Calls `walk` with these columns of the sets of `blueprint`, whose `top` is none, without those whose
/// [`rank_by`](super::Request::rank_by) is below `floor`.
///
/// # Errors
///
/// As [`run`](super::run), except that nothing is too many rows.
pub fn with_stretches<T>(
    isa: InstructionSet,
    blueprint: &Blueprint,
    strategy: Option<SearchStrategy>,
    columns: TableColumns,
    floor: Option<f64>,
    walk: impl FnOnce(&Stretches) -> T,
) -> Result<T> {
    let matrix = blueprint.matrix();
    let rank_by = blueprint.request().rank_by;
    // Neither a correlation nor α is above 1.
    if !has_sets(blueprint) || floor.is_some_and(|floor| floor > 1.0 || !matrix.has(rank_by)) {
        return Ok(walk(&Stretches { way: None, blueprint, columns }));
    }
    let made = TableColumns { r_rest: columns.r_rest && matrix.has(RankBy::RRest), ..columns };
    let wanted = Wanted { columns: made, floor: floor.map(|floor| (rank_by, floor)), is_cut: true };
    with_way(isa, blueprint, strategy, wanted, |way| walk(&Stretches { way: Some(way), blueprint, columns }))
}

impl Stretches<'_> {
    /// How it searches; `None` where there is nothing to search for.
    pub fn strategy(&self) -> Option<SearchStrategy> {
        Some(self.way?.strategy())
    }

    /// The sets at the positions `within`, in order; or `None` if they are given up, because more than `most` of them are
    /// wanted.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if `control` stopped it.
    pub fn stretch(&self, within: Range<u128>, most: usize, control: &Control) -> Result<Option<SetTable>> {
        let Self { way: Some(way), blueprint, columns } = *self else {
            return Ok(Some(SetTable::default()));
        };
        let part = control.part(most);
        let found = way.search(&Run { within: Some(within), ..Run::all(&part) });
        if part.is_interrupted() {
            return Err(Error::Interrupted);
        }
        if part.is_exceeded() {
            return Ok(None);
        }
        Ok(Some(existing(blueprint.matrix(), columns, blueprint.restore(found?))))
    }
}
