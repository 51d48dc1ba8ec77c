//! The one place where it is decided how a search goes about it.

use super::{Blueprint, Control, Request, Run, SearchStrategy, Visit, summed, with_scores};
use crate::error::Result;
use crate::isa::InstructionSet;
use crate::moments::RankBy;
use crate::ranking::{All, Best, Collector, SetTable, SharedThreshold, TableColumns};
use crate::tree::{Prepared, Scores};

/// What is to be found, beside the request.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// Without `top`: what is made of sets.
    pub columns: TableColumns,
    /// Without `top`: what ranks, where only sets are wanted of which it is at least so much.
    pub floor: Option<(RankBy, f64)>,
    /// Whether each run is of the sets at some positions.
    pub is_cut: bool,
}

impl Wanted {
    /// What a search is usually for.
    pub fn usual(request: &Request, is_cut: bool) -> Self {
        Self { columns: TableColumns::USUAL.with(request.rank_by), floor: None, is_cut }
    }

    /// Whether Cronbach's α is needed.
    pub fn has_alpha(&self, request: &Request) -> bool {
        let is_ranking = request.top.is_some() || self.floor.is_some();
        self.columns.alpha || is_ranking && request.rank_by == RankBy::Alpha
    }

    /// The collector of all sets that are wanted, under a control.
    pub fn all(&self, control: &Control) -> All {
        All::new(self.columns, self.floor, control.quota())
    }
}

/// A search that is ready to run.
pub trait Way: Sync {
    fn strategy(&self) -> SearchStrategy;

    /// The sets of `run`, or some of them if it was stopped.
    ///
    /// # Errors
    ///
    /// As [`run`](super::run), or none if it was stopped.
    fn search(&self, run: &Run) -> Result<SetTable>;
}

/// Calls `visit` with the search for what is `wanted` of the sets of `blueprint`: by the given strategy, or by the one that
/// suits the data. It finds sets of columns.
///
/// # Errors
///
/// As [`run`](super::run).
pub fn with_way<T>(
    isa: InstructionSet,
    blueprint: &Blueprint,
    strategy: Option<SearchStrategy>,
    wanted: Wanted,
    visit: impl FnOnce(&dyn Way) -> T,
) -> Result<T> {
    if let Some(way) = summed::sum_up(isa, blueprint, strategy, wanted)? {
        return Ok(visit(&*way));
    }
    with_users(isa, blueprint, wanted, visit)
}

/// The same, with the search that keeps the users.
///
/// # Errors
///
/// As [`with_way`].
pub fn with_users<T>(
    isa: InstructionSet,
    blueprint: &Blueprint,
    wanted: Wanted,
    visit: impl FnOnce(&dyn Way) -> T,
) -> Result<T> {
    let request = blueprint.request();
    let with_alpha = wanted.has_alpha(request);
    with_scores(blueprint.matrix(), request, with_alpha, Keep { isa, blueprint, wanted, visit })
}

/// Makes the search that keeps the users.
struct Keep<'a, F> {
    isa: InstructionSet,
    blueprint: &'a Blueprint<'a>,
    wanted: Wanted,
    visit: F,
}

impl<T, F: FnOnce(&dyn Way) -> T> Visit for Keep<'_, F> {
    type Output = T;

    fn visit<S: Scores>(self, scores: &S) -> Result<T> {
        let Self { isa, blueprint, wanted, visit } = self;
        let request = blueprint.request();
        let in_order = request.top.is_none() || wanted.is_cut;
        let prepared = Prepared::new(isa, scores, blueprint, in_order)?;
        Ok(visit(&Kept { prepared, request, wanted }))
    }
}

struct Kept<'a, S: Scores> {
    prepared: Prepared<'a, S>,
    request: &'a Request,
    wanted: Wanted,
}

impl<S: Scores> Way for Kept<'_, S> {
    fn strategy(&self) -> SearchStrategy {
        SearchStrategy::Projection
    }

    fn search(&self, run: &Run) -> Result<SetTable> {
        let &Self { ref prepared, request: &Request { top, rank_by, .. }, wanted } = self;
        Ok(match top {
            None => prepared.search(run, || wanted.all(run.control))?.into_table(),
            Some(n) => {
                let shared = SharedThreshold::default();
                prepared.search(run, || Best::new(n, rank_by, &shared))?.into_table()
            }
        })
    }
}
