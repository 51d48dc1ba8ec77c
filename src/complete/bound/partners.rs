//! The bound u of each candidate: what it brings with the prefix, and with the partners that are best for it alone.

use super::candidates::Candidates;
use super::groups::{CAP, Group, Groups};
use super::{Criterion, LANES, Moments};

/// Partners that are kept sorted in registers. A sum of more of the largest is bounded by counting the last of these
/// again and again.
const PARTNERS: usize = 12;

/// Makes u of each candidate.
#[inline(always)]
pub fn bounds<const CAPPED: bool>(
    candidates: Candidates,
    prefix: Moments,
    criterion: Criterion,
    partners: usize,
    groups: &Groups,
    own: &mut Vec<f64>,
    bounds: &mut Vec<f64>,
) {
    fill_own(candidates, prefix, criterion, own);
    bounds.clear();
    bounds.resize(own.len(), 0.0);
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
pub fn fill_own(candidates: Candidates, prefix: Moments, criterion: Criterion, own: &mut Vec<f64>) {
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
