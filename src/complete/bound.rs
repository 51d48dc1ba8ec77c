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
mod groups;
#[cfg(test)]
mod tests;

use std::collections::TryReserveError;

use crate::error::{Error, Result};
use crate::isa::{InstructionSet, Isa, Kernel};
use crate::ranking::Collector;
use crate::search::Remaining;

use super::covariances::{Covariances, Criterion, LANES, Moments};
use super::{Complete, Exact, Part, Path};
use base::Base;
use budget::Budget;
use groups::{CAP, Group, Groups};

/// Rounds of bounding and dropping at one prefix; the third drops little, a fourth next to nothing.
const ROUNDS: usize = 3;

/// Partners that are kept sorted in registers. A sum of more of the largest is bounded by counting the last of these
/// again and again.
const PARTNERS: usize = 12;

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

/// Items that can follow a prefix, best first or ascending, and the covariances between them: a square of a larger matrix.
#[derive(Clone, Copy)]
struct Candidates<'a> {
    items: &'a [u32],
    /// Covariances with the grand total, padded by [`LANES`].
    with_total: &'a [f64],
    /// Covariances with the prefix's total, padded by [`LANES`].
    with_prefix: &'a [f64],
    /// Row by row, as far apart as `stride`.
    between: &'a [f64],
    stride: usize,
}

/// What is left of the candidates of one prefix. Allocated once for all prefixes of a length.
#[derive(Clone, Default)]
struct Level {
    square: Square,
    /// Those that sets of the prefix may have, where not all of them are.
    open: Square,
    /// For each candidate what M(P,P) and it and its best partners sum up to at most, for sets that begin with it.
    most: Vec<f64>,
    /// The prefix's covariances with the candidates after one that is added to it.
    extended: Vec<f64>,
    scratch: Scratch,
}

/// Candidates in memory of their own.
#[derive(Clone, Default)]
struct Square {
    items: Vec<u32>,
    with_total: Vec<f64>,
    with_prefix: Vec<f64>,
    between: Vec<f64>,
    stride: usize,
}

/// Memory of one round.
#[derive(Clone, Default)]
struct Scratch {
    /// 2·M(P,q) + M_qq.
    own: Vec<f64>,
    /// u.
    bounds: Vec<f64>,
    order: Vec<usize>,
    base: Base,
    groups: Groups,
    budget: Budget,
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

impl Level {
    /// Whether a set can begin with this candidate.
    fn is_open(&self, position: usize) -> bool {
        self.most[position] >= 0.0
    }

    /// Covariances of the prefix extended by a candidate with the candidates behind that.
    fn extend(&self, position: usize, extended: &mut Vec<f64>) {
        let Square { with_prefix, between, stride, .. } = &self.square;
        extended.clear();
        let row = &between[position * stride..][..*stride];
        extended.extend(with_prefix.iter().zip(row).skip(position + 1).map(|(a, b)| a + b));
    }

    /// The prefix extended by a candidate.
    fn prefix(&self, prefix: Moments, position: usize) -> Moments {
        let Square { with_total, with_prefix, between, stride, .. } = &self.square;
        let own = between[position * stride + position];
        Moments {
            c: prefix.c + with_total[position],
            v: prefix.v + (2.0 * with_prefix[position] + own),
            items: prefix.items + own,
        }
    }

    /// The candidates behind one.
    fn after<'a>(&'a self, position: usize, extended: &'a [f64]) -> Candidates<'a> {
        let next = position + 1;
        let Square { items, with_total, between, stride, .. } = &self.square;
        let stride = *stride;
        Candidates {
            items: &items[next..],
            with_total: &with_total[next..],
            with_prefix: extended,
            between: &between[next * stride + next..],
            stride,
        }
    }
}

impl Square {
    /// Those of `candidates` that can follow the prefix `set`.
    fn open_of<'a>(
        &'a mut self,
        candidates: Candidates<'a>,
        set: &Path,
    ) -> std::result::Result<Candidates<'a>, TryReserveError> {
        if candidates.items.iter().all(|&item| set.is_open(item)) {
            return Ok(candidates);
        }
        let is_open = |&position: &usize| set.is_open(candidates.items[position]);
        let open: Vec<usize> = (0..candidates.items.len()).filter(is_open).collect();
        self.copy(candidates, &open)?;
        Ok(self.candidates())
    }

    /// Keeps the given candidates, whose positions ascend.
    #[inline(always)]
    fn retain(&mut self, order: &[usize]) {
        for (to, &from) in order.iter().enumerate() {
            self.items[to] = self.items[from];
            self.with_total[to] = self.with_total[from];
            self.with_prefix[to] = self.with_prefix[from];
            // Nothing is read that was overwritten, since `to` is nowhere beyond `from`.
            for (other_to, &other_from) in order.iter().enumerate() {
                self.between[to * self.stride + other_to] = self.between[from * self.stride + other_from];
            }
        }
        self.items.truncate(order.len());
        self.with_total.truncate(order.len() + LANES);
        self.with_prefix.truncate(order.len() + LANES);
    }

    fn candidates(&self) -> Candidates<'_> {
        Candidates {
            items: &self.items,
            with_total: &self.with_total,
            with_prefix: &self.with_prefix,
            between: &self.between,
            stride: self.stride,
        }
    }

    /// Takes the given candidates, in that order.
    #[inline(always)]
    fn copy(&mut self, from: Candidates, order: &[usize]) -> std::result::Result<(), TryReserveError> {
        self.stride = order.len() + LANES;
        self.items.clear();
        self.with_total.clear();
        self.with_prefix.clear();
        self.between.clear();
        self.between.try_reserve(order.len() * self.stride)?;
        for &position in order {
            self.items.push(from.items[position]);
            self.with_total.push(from.with_total[position]);
            self.with_prefix.push(from.with_prefix[position]);
            let row = &from.between[position * from.stride..][..from.items.len()];
            // One by one, the length would go through memory for each.
            self.between.extend(order.iter().map(|&other| row[other]));
            self.between.extend([0.0; LANES]);
        }
        self.with_total.extend([0.0; LANES]);
        self.with_prefix.extend([0.0; LANES]);
        Ok(())
    }
}

/// Fills `level` from `candidates`; its output is the number of candidates that a set can begin with.
struct Bound<'a> {
    candidates: Candidates<'a>,
    prefix: Moments,
    criterion: Criterion,
    missing: usize,
    remaining: Option<Remaining<'a>>,
    /// The multiplier of cost that is within the covariances, in units of the form.
    charged: f64,
    is_sorted: bool,
    level: &'a mut Level,
}

impl Kernel for Bound<'_> {
    type Output = std::result::Result<usize, TryReserveError>;

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) -> Self::Output {
        self.fill::<false>()
    }
}

/// The same where domains limit what can be chosen. A kernel of its own, so that the other is not slowed down by what it
/// does not need.
struct Capped<'a>(Bound<'a>);

impl Kernel for Capped<'_> {
    type Output = std::result::Result<usize, TryReserveError>;

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) -> Self::Output {
        self.0.fill::<true>()
    }
}

impl Bound<'_> {
    fn run_by(self, isa: InstructionSet) -> std::result::Result<usize, TryReserveError> {
        let groups = &mut self.level.scratch.groups;
        groups.fill(self.candidates.items, self.remaining, self.missing);
        if groups.is_capped() { isa.run(Capped(self)) } else { isa.run(self) }
    }

    #[inline(always)]
    fn fill<const CAPPED: bool>(self) -> std::result::Result<usize, TryReserveError> {
        let Self { candidates, prefix, criterion, missing, remaining, charged, is_sorted, level } = self;
        let room = criterion.least() - criterion.form(prefix);
        let mut scratch = std::mem::take(&mut level.scratch);
        for round in 0..ROUNDS {
            let current = if round == 0 { candidates } else { level.square.candidates() };
            let count = current.items.len();
            if count < missing {
                level.scratch = scratch;
                return Ok(0);
            }
            if CAPPED && round > 0 {
                scratch.groups.fill(current.items, remaining, missing);
            }
            bounds::<CAPPED>(current, prefix, criterion, missing - 1, &mut scratch);
            if let Some(remaining) = remaining {
                let Scratch { budget, bounds, .. } = &mut scratch;
                let bounds = &mut bounds[..count];
                // Prices that move no sum by more than the form of a set can be are within the margin for rounding.
                let highest = missing as f64 * criterion.unit;
                if round == 0
                    && !budget.choose_price((current.items, bounds), remaining, missing, charged, highest)
                {
                    level.scratch = scratch;
                    return Ok(0);
                }
                budget.charge(current.items, remaining, bounds);
            }
            keep_possible::<CAPPED>(missing, room, &mut scratch);
            if round == 0 {
                let Scratch { order, bounds, .. } = &mut scratch;
                if is_sorted {
                    order.sort_unstable_by(|&a, &b| bounds[b].total_cmp(&bounds[a]));
                }
                level.square.copy(candidates, order)?;
            } else {
                level.square.retain(&scratch.order);
            }
            let Scratch { order, own, bounds, .. } = &mut scratch;
            // `own` has served its purpose.
            own.clear();
            own.extend(order.iter().map(|&position| bounds[position]));
            std::mem::swap(own, bounds);
            if round > 0 && order.len() == count {
                break;
            }
        }
        let branches = (level.square.items.len() + 1).saturating_sub(missing);
        if CAPPED {
            scratch.groups.fill(&level.square.items, remaining, missing);
        }
        most::<CAPPED>(missing, room, &mut scratch, &mut level.most);
        level.scratch = scratch;
        Ok(branches)
    }
}

/// Makes u of each candidate.
#[inline(always)]
fn bounds<const CAPPED: bool>(
    candidates: Candidates,
    prefix: Moments,
    criterion: Criterion,
    partners: usize,
    scratch: &mut Scratch,
) {
    own(candidates, prefix, criterion, &mut scratch.own);
    scratch.bounds.clear();
    scratch.bounds.resize(scratch.own.len(), 0.0);
    let Scratch { own, bounds, groups, .. } = scratch;
    if !CAPPED {
        match partners {
            2 => add_partners::<2>(candidates, criterion, partners, own, bounds),
            3 => add_partners::<3>(candidates, criterion, partners, own, bounds),
            4 => add_partners::<4>(candidates, criterion, partners, own, bounds),
            5 => add_partners::<5>(candidates, criterion, partners, own, bounds),
            6 => add_partners::<6>(candidates, criterion, partners, own, bounds),
            7 => add_partners::<7>(candidates, criterion, partners, own, bounds),
            8 => add_partners::<8>(candidates, criterion, partners, own, bounds),
            9 => add_partners::<9>(candidates, criterion, partners, own, bounds),
            10 => add_partners::<10>(candidates, criterion, partners, own, bounds),
            11 => add_partners::<11>(candidates, criterion, partners, own, bounds),
            _ => add_partners::<PARTNERS>(candidates, criterion, partners, own, bounds),
        }
    } else {
        match partners {
            2..=4 => add_capped_partners::<4>(candidates, criterion, partners, groups, own, bounds),
            5..=8 => add_capped_partners::<8>(candidates, criterion, partners, groups, own, bounds),
            _ => add_capped_partners::<PARTNERS>(candidates, criterion, partners, groups, own, bounds),
        }
    }
}

/// 2·M(P,q) + M_qq for each candidate q, and -∞ for the padding.
#[inline(always)]
fn own(candidates: Candidates, prefix: Moments, criterion: Criterion, own: &mut Vec<f64>) {
    let Candidates { items, with_total, with_prefix, between, stride } = candidates;
    own.clear();
    for position in 0..items.len() {
        let c = with_total[position];
        let with_prefix = prefix.c * c - criterion.beta * with_prefix[position];
        own.push(2.0 * with_prefix + criterion.own(c, between[position * stride + position]));
    }
    own.resize(items.len() + LANES, f64::NEG_INFINITY);
}

/// Adds to `own` the `partners` largest M_qj of each candidate q.
#[inline(always)]
fn add_partners<const SORTED: usize>(
    candidates: Candidates,
    criterion: Criterion,
    partners: usize,
    own: &[f64],
    bounds: &mut [f64],
) {
    let count = candidates.items.len();
    for first in (0..count).step_by(LANES) {
        let largest = largest::<SORTED>(candidates, criterion, first, 0..count);
        add_largest(&largest, partners, &own[first..][..LANES], &mut bounds[first..][..LANES]);
    }
}

/// The same with no more partners of a group than there may be: of each group its largest, then of all these.
#[inline(always)]
fn add_capped_partners<const SORTED: usize>(
    candidates: Candidates,
    criterion: Criterion,
    partners: usize,
    groups: &Groups,
    own: &[f64],
    bounds: &mut [f64],
) {
    for first in (0..candidates.items.len()).step_by(LANES) {
        let mut all = largest::<SORTED>(candidates, criterion, first, groups.free.iter().copied());
        let mut start = 0;
        for (group, &Group { end, left }) in (0..).zip(&groups.capped) {
            let members = Members { positions: &groups.members[start..end], left, group };
            let of = &groups.of[first..][..LANES];
            match left {
                1 => members.add_to::<1, SORTED>(&mut all, candidates, criterion, (first, of)),
                2 => members.add_to::<2, SORTED>(&mut all, candidates, criterion, (first, of)),
                _ => members.add_to::<CAP, SORTED>(&mut all, candidates, criterion, (first, of)),
            }
            start = end;
        }
        add_largest(&all, partners, &own[first..][..LANES], &mut bounds[first..][..LANES]);
    }
}

/// Candidates of one group, of which no more than `left` can be chosen.
struct Members<'a> {
    positions: &'a [usize],
    left: usize,
    group: u32,
}

impl Members<'_> {
    /// Brings the largest of the group, at most `MOST`, among the largest of all. `of` are the groups of the candidates from
    /// `first` on.
    #[inline(always)]
    fn add_to<const MOST: usize, const SORTED: usize>(
        &self,
        all: &mut [[f64; LANES]; SORTED],
        candidates: Candidates,
        criterion: Criterion,
        (first, of): (usize, &[u32]),
    ) {
        let mut of_group = largest::<MOST>(candidates, criterion, first, self.positions.iter().copied());
        // A candidate that is of the group itself leaves room for one less.
        for lane in 0..LANES {
            if of[lane] == self.group {
                of_group[self.left - 1][lane] = f64::NEG_INFINITY;
            }
        }
        for mut form in of_group.into_iter().take(self.left) {
            for sorted in &mut *all {
                (*sorted, form) = exchange(*sorted, form);
            }
        }
    }
}

/// The largest M_qj with the candidates j at the positions `others`, in descending order. One lane per candidate q from
/// `first` on, whose largest so far are sorted down the registers: a new one sinks to its place.
#[inline(always)]
fn largest<const SORTED: usize>(
    candidates: Candidates,
    criterion: Criterion,
    first: usize,
    others: impl Iterator<Item = usize>,
) -> [[f64; LANES]; SORTED] {
    let Candidates { with_total, between, stride, .. } = candidates;
    let beta = criterion.beta;
    let mut c = [0.0; LANES];
    c.copy_from_slice(&with_total[first..][..LANES]);
    let mut largest = [[f64::NEG_INFINITY; LANES]; SORTED];
    for other in others {
        let row = &between[other * stride + first..][..LANES];
        let c_other = with_total[other];
        let mut form = [0.0; LANES];
        for lane in 0..LANES {
            form[lane] = c[lane] * c_other - beta * row[lane];
        }
        // No item is its own partner.
        if other.wrapping_sub(first) < LANES {
            form[other - first] = f64::NEG_INFINITY;
        }
        for sorted in &mut largest {
            (*sorted, form) = exchange(*sorted, form);
        }
    }
    largest
}

/// Adds so many of the largest, the last again and again where there are fewer.
#[inline(always)]
fn add_largest<const SORTED: usize>(
    largest: &[[f64; LANES]; SORTED],
    partners: usize,
    own: &[f64],
    bounds: &mut [f64],
) {
    for lane in 0..LANES {
        let mut sum = own[lane];
        for place in 0..partners {
            sum += largest[place.min(SORTED - 1)][lane];
        }
        bounds[lane] = sum;
    }
}

/// The larger and the smaller of each two lanes. Two loops from whole registers to whole registers: of one loop that
/// exchanges lanes in place the compiler makes permutations, which take thrice the time.
#[inline(always)]
fn exchange(a: [f64; LANES], b: [f64; LANES]) -> ([f64; LANES], [f64; LANES]) {
    let mut larger = [0.0; LANES];
    for lane in 0..LANES {
        larger[lane] = if a[lane] > b[lane] { a[lane] } else { b[lane] };
    }
    let mut smaller = [0.0; LANES];
    for lane in 0..LANES {
        smaller[lane] = if a[lane] < b[lane] { a[lane] } else { b[lane] };
    }
    (larger, smaller)
}

/// Puts into `order` the candidates that can be in a set whose form beside M(P,P) is at least `room`.
#[inline(always)]
fn keep_possible<const CAPPED: bool>(missing: usize, room: f64, scratch: &mut Scratch) {
    let Scratch { own, bounds, order, base, groups, .. } = scratch;
    let count = own.len() - LANES;
    base.clear(groups);
    for (position, &bound) in bounds[..count].iter().enumerate() {
        base.take(missing, bound, groups.group::<CAPPED>(position));
    }
    order.clear();
    if base.len() < missing {
        return;
    }
    let all = base.sum();
    for (position, &bound) in bounds[..count].iter().enumerate() {
        if all - base.loss(bound, groups.group::<CAPPED>(position)) >= room {
            order.push(position);
        }
    }
}

/// For each candidate what it and its best successors sum up to at most, less `room`.
#[inline(always)]
fn most<const CAPPED: bool>(missing: usize, room: f64, scratch: &mut Scratch, most: &mut Vec<f64>) {
    let Scratch { bounds, base, groups, .. } = scratch;
    base.clear(groups);
    most.clear();
    most.resize(bounds.len(), f64::NEG_INFINITY);
    for position in (0..bounds.len()).rev() {
        let group = groups.group::<CAPPED>(position);
        base.take(missing, bounds[position], group);
        if base.len() == missing {
            most[position] = base.sum() - base.loss(bounds[position], group) - room;
        }
    }
}

/// Puts into `firsts` the candidates that fulfil the criterion together with one behind them.
struct Pairs<'a> {
    candidates: Candidates<'a>,
    prefix: Moments,
    criterion: Criterion,
    own: &'a mut Vec<f64>,
    firsts: &'a mut Vec<usize>,
}

impl Kernel for Pairs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { candidates, prefix, criterion, own: sums, firsts } = self;
        own(candidates, prefix, criterion, sums);
        let Candidates { items, with_total, between, stride, .. } = candidates;
        let room = criterion.least() - criterion.form(prefix);
        for first in 0..items.len() {
            let row = &between[first * stride..];
            let c = with_total[first];
            let mut best = [f64::NEG_INFINITY; LANES];
            for second in (first + 1..items.len()).step_by(LANES) {
                let row = &row[second..][..LANES];
                let with_total = &with_total[second..][..LANES];
                let sums = &sums[second..][..LANES];
                for lane in 0..LANES {
                    let form = c * with_total[lane] - criterion.beta * row[lane];
                    let sum = sums[lane] + 2.0 * form;
                    best[lane] = if best[lane] > sum { best[lane] } else { sum };
                }
            }
            let mut most = f64::NEG_INFINITY;
            for best in best {
                most = if most > best { most } else { best };
            }
            if sums[first] + most >= room {
                firsts.push(first);
            }
        }
    }
}
