//! All sets that reach a number, by the [`bound`](super::bound) of the search for the best.
//!
//! They are wanted in lexicographic order, but candidates that are sorted anew at each prefix, best first, are what
//! makes the bound strong. So sets are met as they are in the search for the best, and sorted in the end. There are not many
//! of them, or else the search is given up (see [`Quota`](crate::ranking::Quota)) and run for a shorter stretch.

use crate::error::Result;
use crate::isa::InstructionSet;
use crate::ranking::{All, Collector, SetTable};
use crate::search::{Blueprint, Path, Rules, Run, is_parallel};

use super::bound;
use super::covariances::Covariances;
use super::start::{Among, start, unhindered};
use super::{Complete, Exact, has_sets};

/// The search for the sets that reach a number.
pub struct FloorSearch<'a, E> {
    isa: InstructionSet,
    covariances: Covariances,
    exact: E,
    blueprint: &'a Blueprint<'a>,
    rules: Option<Rules>,
    /// Whether a good set obeys these without being held to them.
    is_unhindered: bool,
    with_alpha: bool,
    /// Of a good set.
    variance: f64,
}

impl<'a, E: Exact> FloorSearch<'a, E> {
    /// For sets of at least two questions that are not fixed.
    pub fn new(
        isa: InstructionSet,
        covariances: Covariances,
        exact: E,
        blueprint: &'a Blueprint<'a>,
        with_alpha: bool,
    ) -> Self {
        let (space, rank_by) = (blueprint.space(), blueprint.request().rank_by);
        let covariances = covariances.for_ranking(rank_by);
        let rules = blueprint.rules_by_column();
        let free = Path::of_fixed(None, space.fixed);
        let unhindered = match (&rules, &free) {
            (Some(rules), Some(free)) if has_sets(&covariances, rank_by) => {
                unhindered(&covariances, Among::all(space, free, None), 1, rank_by, 0.0, rules)
            }
            _ => None,
        };
        let is_unhindered = unhindered.is_some();
        let held = || match Path::of_fixed(rules.as_ref(), space.fixed) {
            Some(fixed) if has_sets(&covariances, rank_by) => {
                start(&covariances, Among::all(space, &fixed, rules.as_ref()), 1, rank_by, 0.0)
            }
            _ => Vec::new(),
        };
        let good = unhindered.unwrap_or_else(held);
        let variance = good.first().map_or(0.0, |set| covariances.of_set(set).v);
        Self { isa, covariances, exact, blueprint, rules, is_unhindered, with_alpha, variance }
    }

    /// The sets of `run` that reach the threshold of the collectors made by `empty`, which is positive, in order. They must
    /// keep the questions.
    ///
    /// # Errors
    ///
    /// As [`CompleteSearch::search`](super::CompleteSearch::search).
    pub fn search(&self, run: &Run, empty: impl Fn() -> All + Sync) -> Result<SetTable> {
        let &Self {
            isa,
            ref covariances,
            ref exact,
            blueprint,
            ref rules,
            is_unhindered,
            with_alpha,
            variance,
        } = self;
        let (space, rank_by, control) = (blueprint.space(), blueprint.request().rank_by, run.control);
        let fixed = Path::of_fixed(rules.as_ref(), space.fixed);
        let fixed = fixed.filter(|_| has_sets(covariances, rank_by));
        let (Some(part), Some(fixed)) = (run.part(space), fixed) else {
            control.advance(1.0);
            return Ok(SetTable::default());
        };
        let (fixed, rules) = match Path::of_fixed(None, space.fixed) {
            Some(free) if is_unhindered => (free, rules.as_ref()),
            _ => (fixed, None),
        };
        let is_parallel = is_parallel(blueprint);
        let complete = Complete {
            covariances,
            exact,
            rules,
            space,
            rank_by,
            with_alpha,
            variance,
            is_parallel,
            control,
        };
        let found = bound::search(isa, &complete, &fixed, &part, 1.0, empty)?.into_table();
        Ok(if control.is_stopped() { found } else { found.sorted(space.k) })
    }
}
