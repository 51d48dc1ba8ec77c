//! Rounds of bounding and dropping at one prefix. What is dropped lowers the bounds of what is left.

use std::collections::TryReserveError;

use crate::isa::{InstructionSet, Isa, Kernel};
use crate::search::Remaining;

use super::base::Base;
use super::budget::Budget;
use super::candidates::{Candidates, Square};
use super::groups::Groups;
use super::partners;
use super::{Criterion, LANES, Moments};

/// Rounds of bounding and dropping at one prefix; the third drops little, a fourth next to nothing.
const ROUNDS: usize = 3;

/// What is left of the candidates of one prefix. Allocated once for all prefixes of a length.
#[derive(Clone, Default)]
pub struct Level {
    pub square: Square,
    /// Those that sets of the prefix may have, where not all of them are.
    pub open: Square,
    /// For each candidate what M(P,P) and it and its best partners sum up to at most, for sets that begin with it.
    pub most: Vec<f64>,
    /// The prefix's covariances with the candidates after one that is added to it.
    pub extended: Vec<f64>,
    pub scratch: Scratch,
}

/// Memory of one round.
#[derive(Clone, Default)]
pub struct Scratch {
    /// 2·M(P,q) + M_qq.
    pub own: Vec<f64>,
    /// u.
    bounds: Vec<f64>,
    pub order: Vec<usize>,
    base: Base,
    groups: Groups,
    budget: Budget,
}

impl Level {
    /// Whether a set can begin with this candidate.
    pub fn is_open(&self, position: usize) -> bool {
        self.most[position] >= 0.0
    }

    /// Covariances of the prefix extended by a candidate with the candidates behind that.
    pub fn extend(&self, position: usize, extended: &mut Vec<f64>) {
        let Square { with_prefix, between, stride, .. } = &self.square;
        extended.clear();
        let row = &between[position * stride..][..*stride];
        extended.extend(with_prefix.iter().zip(row).skip(position + 1).map(|(a, b)| a + b));
    }

    /// The prefix extended by a candidate.
    pub fn prefix(&self, prefix: Moments, position: usize) -> Moments {
        let Square { with_total, with_prefix, between, stride, .. } = &self.square;
        let own = between[position * stride + position];
        Moments {
            c: prefix.c + with_total[position],
            v: prefix.v + (2.0 * with_prefix[position] + own),
            items: prefix.items + own,
        }
    }

    /// The candidates behind one.
    pub fn after<'a>(&'a self, position: usize, extended: &'a [f64]) -> Candidates<'a> {
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

/// Fills `level` from `candidates`; its output is the number of candidates that a set can begin with.
pub struct Bound<'a> {
    pub candidates: Candidates<'a>,
    pub prefix: Moments,
    pub criterion: Criterion,
    pub missing: usize,
    pub remaining: Option<Remaining<'a>>,
    /// The multiplier of cost that is within the covariances, in units of the form.
    pub charged: f64,
    pub is_sorted: bool,
    pub level: &'a mut Level,
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
    pub fn run_by(self, isa: InstructionSet) -> std::result::Result<usize, TryReserveError> {
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
            let Scratch { own, bounds, groups, .. } = &mut scratch;
            partners::bounds::<CAPPED>(current, prefix, criterion, missing - 1, groups, own, bounds);
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
