//! Every set, one stretch of their lexicographic order after another.

use std::ops::Range;

use super::summed::{Summary, sum_up};
use super::way::{Wanted, Way, with_users};
use super::{Blueprint, Control, Run, SearchStrategy, existing, has_sets};
use crate::error::{Error, Result};
use crate::isa::InstructionSet;
use crate::moments::RankBy;
use crate::ranking::{SetTable, TableColumns};

/// A search for every set, whose users are summed up if they are to be.
pub struct Every<'a> {
    isa: InstructionSet,
    blueprint: &'a Blueprint<'a>,
    columns: TableColumns,
    /// `None` where no set can be wanted.
    wanted: Option<Wanted>,
    summed: Option<Summary<'a>>,
}

/// A search that is prepared once, and run for as many stretches as are wanted.
pub struct Stretches<'a> {
    /// `None` where no set can be wanted.
    way: Option<&'a dyn Way>,
    blueprint: &'a Blueprint<'a>,
    columns: TableColumns,
}

impl<'a> Every<'a> {
    /// For these columns of the sets of `blueprint`, whose `top` is none, without those whose
    /// [`rank_by`](super::Request::rank_by) is below `floor`.
    ///
    /// Runs on the current rayon pool if that pays.
    ///
    /// # Errors
    ///
    /// As [`run`](super::run), except that nothing is too many rows.
    pub fn new(
        isa: InstructionSet,
        blueprint: &'a Blueprint<'a>,
        strategy: Option<SearchStrategy>,
        columns: TableColumns,
        floor: Option<f64>,
    ) -> Result<Self> {
        let matrix = blueprint.matrix();
        let rank_by = blueprint.request().rank_by;
        // Neither a correlation nor α is above 1.
        let is_above_all = floor.is_some_and(|floor| floor > 1.0 || !matrix.has(rank_by));
        if !has_sets(blueprint) || is_above_all {
            return Ok(Self { isa, blueprint, columns, wanted: None, summed: None });
        }
        let made = TableColumns { r_rest: columns.r_rest && matrix.has(RankBy::RRest), ..columns };
        let wanted = Wanted { columns: made, floor: floor.map(|floor| (rank_by, floor)), is_cut: true };
        let summed = sum_up(isa, blueprint, strategy, wanted)?;
        Ok(Self { isa, blueprint, columns, wanted: Some(wanted), summed })
    }

    /// Calls `visit` with the search, ready to run.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn walk<T>(&self, visit: impl FnOnce(&Stretches) -> T) -> Result<T> {
        let &Self { isa, blueprint, columns, wanted, ref summed } = self;
        let stretches = |way| Stretches { way, blueprint, columns };
        match (wanted, summed) {
            (None, _) => Ok(visit(&stretches(None))),
            (_, Some(way)) => Ok(visit(&stretches(Some(&**way)))),
            (Some(wanted), None) => with_users(isa, blueprint, wanted, |way| {
                visit(&Stretches { way: Some(way), blueprint, columns })
            }),
        }
    }
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
