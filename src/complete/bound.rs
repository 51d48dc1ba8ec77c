//! The best n, proven: depth-first branch and bound.
//!
//! At a prefix P with m items still to be chosen from C, the form of a set S = P ∪ R is
//!
//! M(P,P) + Σ_{q∈R} [2·M(P,q) + M_qq + Σ_{j∈R∖q} M_qj],
//!
//! and no bracket is larger than u_q, in which the inner sum is that of the m − 1 largest M_qj over j in C (after
//! P. C. Gilmore 1962 and E. L. Lawler 1963, for quadratic assignment). So
//!
//! - no set is left where the m largest u_q do not reach the criterion, and
//! - an item q can be dropped from C where u_q and the m − 1 largest others do not, which lowers the u of the others.
//!
//! Where a set may have no more than so many items of a domain, neither the inner sum nor one of m of the u_q has more of it.
//!
//! By what they cost beyond an even share of what a set may still cost, the u are charged anew at each prefix.
//!
//! What makes it strong is that C is what is left at this prefix, and that items go by descending u: sets begin with
//! their best items, and what is left for the others is little.

mod base;
mod budget;
mod candidates;
mod groups;
mod pairs;
mod partners;
mod rounds;
#[cfg(test)]
mod tests;

use std::collections::TryReserveError;

use crate::error::{Error, Result};
use crate::isa::InstructionSet;
use crate::ranking::Collector;

use super::covariances::{Covariances, Criterion, LANES, Moments};
use super::{Complete, Exact, Part, Path};
use candidates::{Candidates, Square};
use pairs::Pairs;
use rounds::{Bound, Level, Scratch};

/// Levels of the tree whose branches are handed to other threads. The second has hundreds of branches or more, of very
/// different size, which is enough to even out.
const SHARED_LEVELS: usize = 2;

/// Walks a part of the sets with the `fixed` items, those that can rank, into collectors made by `empty`: in no order. They
/// are `share` of what the search's control keeps account of.
pub fn search<E: Exact, C: Collector>(
    isa: InstructionSet,
    complete: &Complete<'_, E>,
    fixed: &Path,
    part: &Part,
    share: f64,
    empty: impl Fn() -> C + Sync,
) -> Result<C> {
    let root = Root::new(complete.covariances, fixed);
    Walk { complete, empty: &empty, isa }.share(root.candidates(), root.prefix, fixed, part, share, empty())
}

/// Whether a look at the fixed items alone tells that no set of at least three more reaches `threshold`.
pub fn rules_out<E: Exact>(
    isa: InstructionSet,
    complete: &Complete<'_, E>,
    fixed: &Path,
    threshold: f64,
) -> Result<bool> {
    let root = Root::new(complete.covariances, fixed);
    let mut level = Level::default();
    let walk = Walk { complete, empty: &(), isa };
    let branches = walk.bound(root.candidates(), root.prefix, fixed, &Part::ALL, threshold, &mut level)?;
    Ok(!(0..branches).any(|position| level.is_open(position)))
}

/// How far the bound of all sets with the fixed items and `missing` others, at least three, is above what they must
/// reach; -∞ if there are none.
///
/// # Errors
///
/// If the memory does not hold the covariances between candidates.
pub fn gap(
    isa: InstructionSet,
    covariances: &Covariances,
    criterion: Criterion,
    fixed: &Path,
    missing: usize,
) -> std::result::Result<f64, TryReserveError> {
    let root = Root::new(covariances, fixed);
    let (mut open, mut level) = (Square::default(), Level::default());
    let bound = Bound {
        candidates: open.open_of(root.candidates(), fixed)?,
        prefix: root.prefix,
        criterion,
        missing,
        remaining: fixed.remaining(),
        charged: covariances.charged_for_cost * criterion.beta,
        is_sorted: true,
        level: &mut level,
    };
    let branches = bound.run_by(isa)?;
    Ok(level.most[..branches].iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

/// Where all sets with the fixed items begin.
struct Root<'a> {
    covariances: &'a Covariances,
    prefix: Moments,
    /// Those that are not fixed.
    items: Vec<u32>,
    with_prefix: Vec<f64>,
}

impl<'a> Root<'a> {
    fn new(covariances: &'a Covariances, fixed: &Path) -> Self {
        let first = fixed.len();
        let mut with_prefix = vec![0.0; covariances.stride - first];
        for &item in fixed.questions() {
            let row = &covariances.row(item as usize)[first..];
            with_prefix.iter_mut().zip(row).for_each(|(sum, covariance)| *sum += covariance);
        }
        let items = (first as u32..covariances.items as u32).collect();
        Self { covariances, prefix: covariances.of_set(fixed.questions()), items, with_prefix }
    }

    fn candidates(&self) -> Candidates<'_> {
        let &Covariances { items, stride, ref with_total, ref between, .. } = self.covariances;
        let first = items - self.items.len();
        Candidates {
            items: &self.items,
            with_total: &with_total[first..],
            with_prefix: &self.with_prefix,
            between: &between[first * stride + first..],
            stride,
        }
    }
}

struct Walk<'a, E, F> {
    complete: &'a Complete<'a, E>,
    empty: &'a F,
    isa: InstructionSet,
}

impl<E: Exact, F> Walk<'_, E, F> {
    /// Leaves in `level` what can be in a set of at least `threshold`, and tells how many of it sets can begin with. They
    /// are sorted, best first, but not where a part of their sets is to be told by positions.
    fn bound(
        &self,
        candidates: Candidates,
        prefix: Moments,
        set: &Path,
        part: &Part,
        threshold: f64,
        level: &mut Level,
    ) -> Result<usize> {
        if self.complete.control.is_stopped() {
            return Err(Error::Interrupted);
        }
        let criterion = self.complete.criterion(threshold);
        let missing = self.complete.space.k - set.len();
        let mut open = std::mem::take(&mut level.open);
        let candidates = open.open_of(candidates, set).map_err(|_| self.complete.too_large())?;
        let remaining = set.remaining();
        let charged = self.complete.covariances.charged_for_cost * criterion.beta;
        let is_sorted = part.is_all();
        let bound = Bound { candidates, prefix, criterion, missing, remaining, charged, is_sorted, level };
        let branches = bound.run_by(self.isa).map_err(|_| self.complete.too_large());
        level.open = open;
        branches
    }
}

impl<E: Exact, C: Collector, F: Fn() -> C + Sync> Walk<'_, E, F> {
    /// Walks a part of the subtree of the prefix `set`, its branches on all threads. `share` is its part of the search: what is done
    /// cannot be told by sets, most of which are never met.
    fn share(
        &self,
        candidates: Candidates,
        prefix: Moments,
        set: &Path,
        part: &Part,
        share: f64,
        mut collector: C,
    ) -> Result<C> {
        let missing = self.complete.space.k - set.len();
        if set.len() == self.complete.space.fixed + SHARED_LEVELS
            || missing <= 2
            || !self.complete.is_parallel
        {
            let mut levels = vec![Level::default(); missing - 1];
            self.descend(candidates, prefix, &mut set.clone(), part, &mut levels, &mut collector)?;
            self.complete.control.advance(share);
            return Ok(collector);
        }
        let mut level = Level::default();
        let branches = self.bound(candidates, prefix, set, part, collector.threshold(), &mut level)?;
        if branches == 0 {
            self.complete.control.advance(share);
        }
        let share = share / branches as f64;
        let found = self.complete.control.fold(
            0..branches,
            // How much a branch holds shows by how far its bound is above what sets must reach, more than by its sets.
            |position| level.most[position].max(0.0).powi(2),
            || Ok((self.empty)()),
            |collector: Result<C>, position| {
                let item = level.square.items[position];
                let Some(part) = self.below(set, part, item).filter(|_| level.is_open(position)) else {
                    self.complete.control.advance(share);
                    return collector;
                };
                let mut extended = Vec::new();
                level.extend(position, &mut extended);
                let set = set.with(item);
                let (candidates, prefix) = (level.after(position, &extended), level.prefix(prefix, position));
                self.share(candidates, prefix, &set, &part, share, collector?)
            },
            |collector, later| {
                let mut collector = collector?;
                collector.merge(later?);
                Ok(collector)
            },
        )?;
        collector.merge(found);
        Ok(collector)
    }

    /// What `part` of the sets of a prefix has of those that go on with `item`.
    fn below(&self, set: &Path, part: &Part, item: u32) -> Option<Part> {
        if part.is_all() {
            return Some(Part::ALL);
        }
        let (next, space) = (set.next(), self.complete.space);
        part.below(space.questions - next, space.k - set.len(), item as usize - next)
    }

    /// Walks a part of the subtree of the prefix `set` on this thread. `levels` has one entry for each item to be chosen before
    /// the last.
    fn descend(
        &self,
        candidates: Candidates,
        prefix: Moments,
        set: &mut Path,
        part: &Part,
        levels: &mut [Level],
        collector: &mut C,
    ) -> Result<()> {
        let Some((level, deeper)) = levels.split_first_mut() else { return Ok(()) };
        if deeper.is_empty() {
            self.finish(candidates, prefix, set, part, &mut level.scratch, collector);
            return Ok(());
        }
        let branches = self.bound(candidates, prefix, set, part, collector.threshold(), level)?;
        let mut extended = std::mem::take(&mut level.extended);
        for position in (0..branches).filter(|&position| level.is_open(position)) {
            let item = level.square.items[position];
            let Some(part) = self.below(set, part, item) else { continue };
            level.extend(position, &mut extended);
            set.push(item);
            let candidates = level.after(position, &extended);
            self.descend(candidates, level.prefix(prefix, position), set, &part, deeper, collector)?;
            set.pop();
        }
        level.extended = extended;
        Ok(())
    }

    /// Offers a part of the prefix with each pair of candidates that fulfils the criterion.
    fn finish(
        &self,
        candidates: Candidates,
        prefix: Moments,
        set: &mut Path,
        part: &Part,
        scratch: &mut Scratch,
        collector: &mut C,
    ) {
        let criterion = self.complete.criterion(collector.threshold());
        let firsts = &mut scratch.order;
        firsts.clear();
        self.isa.run(Pairs { candidates, prefix, criterion, own: &mut scratch.own, firsts });
        let Candidates { items, with_total, between, stride, .. } = candidates;
        let room = criterion.least() - criterion.form(prefix);
        for &mut first in firsts {
            let part = self.below(set, part, items[first]);
            let Some(part) = part.filter(|_| set.is_open(items[first])) else { continue };
            set.push(items[first]);
            let skipped = part.last(self.complete.space.questions);
            let is_in_part =
                |item: u32| part.is_all() || skipped.contains(&((item - items[first] - 1) as usize));
            let row = &between[first * stride..];
            for second in first + 1..items.len() {
                let form = with_total[first] * with_total[second] - criterion.beta * row[second];
                let reaches = scratch.own[first] + (scratch.own[second] + 2.0 * form) >= room;
                if reaches && set.is_open(items[second]) && is_in_part(items[second]) {
                    set.show_with(items[second], |set| self.complete.offer(set, collector));
                }
            }
            set.pop();
        }
    }
}
