//! The one place where it is decided how a search goes about it.

use std::ops::Range;

use super::{Blueprint, Request, Run, SearchStrategy, Visit, summed, with_scores};
use crate::error::Result;
use crate::isa::InstructionSet;
use crate::moments::RankBy;
use crate::ranking::{All, Best, Collector, SetTable, SharedThreshold};
use crate::tree::{Prepared, Scores};

/// A search that is ready to run.
pub trait Way {
    fn strategy(&self) -> SearchStrategy;

    /// The sets of `run`, or some of them if it was stopped.
    ///
    /// # Errors
    ///
    /// As [`run`](super::run), or none if it was stopped.
    fn search(&self, run: &Run) -> Result<SetTable>;
}

/// Calls `visit` with the search for the sets of `blueprint`, for all or for those at some positions: by the given strategy,
/// or by the one that suits the data. It finds sets of columns.
///
/// # Errors
///
/// As [`run`](super::run).
pub fn with_way<T>(
    isa: InstructionSet,
    blueprint: &Blueprint,
    strategy: Option<SearchStrategy>,
    within: Option<&Range<u128>>,
    visit: impl FnOnce(&dyn Way) -> T,
) -> Result<T> {
    if let Some(way) = summed::sum_up(isa, blueprint, strategy, within)? {
        return Ok(visit(&*way));
    }
    let request = blueprint.request();
    let in_order = request.top.is_none() || within.is_some();
    let with_alpha = request.rank_by == RankBy::Alpha;
    with_scores(blueprint.matrix(), request, with_alpha, Keep { isa, blueprint, in_order, visit })
}

/// Makes the search that keeps the users.
struct Keep<'a, F> {
    isa: InstructionSet,
    blueprint: &'a Blueprint<'a>,
    in_order: bool,
    visit: F,
}

impl<T, F: FnOnce(&dyn Way) -> T> Visit for Keep<'_, F> {
    type Output = T;

    fn visit<S: Scores>(self, scores: &S) -> Result<T> {
        let Self { isa, blueprint, in_order, visit } = self;
        let prepared = Prepared::new(isa, scores, blueprint, in_order)?;
        Ok(visit(&Kept { prepared, request: blueprint.request() }))
    }
}

struct Kept<'a, S: Scores> {
    prepared: Prepared<'a, S>,
    request: &'a Request,
}

impl<S: Scores> Way for Kept<'_, S> {
    fn strategy(&self) -> SearchStrategy {
        SearchStrategy::Projection
    }

    fn search(&self, run: &Run) -> Result<SetTable> {
        let &Self { ref prepared, request: &Request { top, rank_by, .. } } = self;
        Ok(match top {
            None => prepared.search(run, || All::ranked_by(rank_by))?.into_table(),
            Some(n) => {
                let shared = SharedThreshold::default();
                prepared.search(run, || Best::new(n, rank_by, &shared))?.into_table()
            }
        })
    }
}
