//! In which lanes a database has the questions that can follow its prefix.

use std::ops::Range;

use crate::isa::PART;

use super::halves::Column;
use super::scores::Next;

/// Questions that can still be chosen, by their half: those at positions below these.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Open {
    pub low: usize,
    pub high: usize,
}

impl Open {
    fn low_parts(self) -> usize {
        self.low.div_ceil(PART)
    }

    fn high_parts(self) -> usize {
        self.high.div_ceil(PART)
    }

    pub fn has(self, column: Column) -> bool {
        match column {
            Column::Low(position) => position < self.low,
            Column::High(position) => position < self.high,
        }
    }
}

/// The lanes of the open questions of a prefix: those of one half, and behind them those of the other.
///
/// In front is the half of which all open questions stay open when the next question is chosen. So the leaves of a prefix
/// that is longer by one question are the first lanes up to some one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Layout {
    open: Open,
    is_high_first: bool,
    /// The first lane of the half behind.
    behind: usize,
}

impl Layout {
    /// Each half begins a part of its own, so that a longer prefix can take parts as they are.
    pub fn apart(open: Open, next: Next) -> Self {
        let is_high_first = !next.high;
        let front = if is_high_first { open.high } else { open.low };
        Self { open, is_high_first, behind: front.next_multiple_of(PART) }
    }

    /// No lane is left between the halves: a prefix's leaves take half a part less on average.
    pub fn joined(open: Open, next: Next) -> Self {
        let apart = Self::apart(open, next);
        Self { behind: apart.front(), ..apart }
    }

    pub fn open(self) -> Open {
        self.open
    }

    /// Questions of the half in front.
    pub fn front(self) -> usize {
        if self.is_high_first { self.open.high } else { self.open.low }
    }

    fn lanes(self) -> usize {
        self.leaf_lanes(self.open, true)
    }

    pub fn parts(self) -> usize {
        self.lanes().div_ceil(PART)
    }

    /// The lanes below which the leaves are of a prefix that is longer by one question, after which `open` can follow. `has_both`
    /// tells whether these are of both halves, or low ones only.
    pub fn leaf_lanes(self, open: Open, has_both: bool) -> usize {
        match (has_both, self.is_high_first) {
            (true, false) => self.behind + open.high,
            (true, true) => self.behind + open.low,
            (false, _) => open.low,
        }
    }

    /// The part of a column and its bit there.
    pub fn locate(self, column: Column) -> (usize, usize) {
        let lane = match column {
            Column::Low(position) if self.is_high_first => self.behind + position,
            Column::High(position) if !self.is_high_first => self.behind + position,
            Column::Low(position) | Column::High(position) => position,
        };
        (lane / PART, lane % PART)
    }

    /// The parts that have questions that can be next.
    pub fn parts_of(self, next: Next) -> Range<usize> {
        let behind = self.behind / PART..self.parts();
        let front = 0..self.front().div_ceil(PART);
        match (next.low, next.high) {
            (true, true) => 0..self.parts(),
            (false, false) => 0..0,
            (_, is_high) if is_high == self.is_high_first => front,
            _ => behind,
        }
    }

    /// For each part of the halves in this order, but apart, the part of `wider` that it is taken from, whose halves are apart.
    pub fn parts_from(self, wider: Self) -> impl Iterator<Item = usize> {
        let first = move |is_high| if is_high == wider.is_high_first { 0 } else { wider.behind / PART };
        let parts = move |is_high| if is_high { self.open.high_parts() } else { self.open.low_parts() };
        [self.is_high_first, !self.is_high_first]
            .into_iter()
            .flat_map(move |is_high| (0..parts(is_high)).map(move |part| first(is_high) + part))
    }

    /// How many parts that are.
    pub fn parts_apart(self) -> usize {
        self.open.low_parts() + self.open.high_parts()
    }

    /// The part in which the half behind begins, and the lane there; `None` where it begins a part of its own.
    pub fn seam(self) -> Option<(usize, usize)> {
        let (part, lane) = (self.behind / PART, self.behind % PART);
        (lane > 0).then_some((part, lane))
    }

    /// What the columns of a part's lanes have, a bit each, where `bits` has that of 16 columns of a half from a position on.
    #[inline(always)]
    pub fn bits(self, part: usize, bits: impl Fn(Column) -> u16) -> u16 {
        let start = part * PART;
        let of =
            |is_high, position| bits(if is_high { Column::High(position) } else { Column::Low(position) });
        let mut lanes = 0;
        if start < self.front() {
            lanes = of(self.is_high_first, start) & lanes_below(self.front(), part);
        }
        if start + PART > self.behind {
            let position = start.saturating_sub(self.behind);
            lanes |= of(!self.is_high_first, position) << self.behind.saturating_sub(start);
        }
        lanes
    }
}

/// The lanes of a part, a bit each, that are below one of all lanes.
#[inline(always)]
fn lanes_below(lane: usize, part: usize) -> u16 {
    u16::MAX.unbounded_shr(((part + 1) * PART).saturating_sub(lane) as u32)
}

/// What the lanes of a layout stand for, part by part.
#[derive(Default)]
pub struct Lanes {
    questions: Vec<[u32; PART]>,
    open: Vec<u16>,
}

impl Lanes {
    /// Of the open questions of both halves.
    pub fn lay(&mut self, layout: Layout, low: &[u32], high: &[u32]) {
        let (front, behind) = if layout.is_high_first { (high, low) } else { (low, high) };
        let Self { questions, open } = self;
        questions.clear();
        questions.resize(layout.parts(), [0; PART]);
        questions.as_flattened_mut()[..front.len()].copy_from_slice(front);
        questions.as_flattened_mut()[layout.behind..][..behind.len()].copy_from_slice(behind);
        open.clear();
        open.extend((0..layout.parts()).map(|part| {
            let gap = lanes_below(layout.behind, part) & !lanes_below(layout.front(), part);
            lanes_below(layout.lanes(), part) & !gap
        }));
    }

    /// For each lane of a part its question; anything where it has none.
    pub fn questions(&self, part: usize) -> &[u32; PART] {
        &self.questions[part]
    }

    /// The lanes of a part, a bit each, that have a question and are below the lane `end` of all.
    #[inline(always)]
    pub fn open(&self, part: usize, end: usize) -> u16 {
        self.open[part] & lanes_below(end, part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUTS: [fn(Open, Next) -> Layout; 2] = [Layout::apart, Layout::joined];

    /// Every number of open questions around the bounds of parts, before a low question or before any.
    fn all() -> impl Iterator<Item = (Open, Next)> {
        let sizes = [0, 1, 2, 15, 16, 17, 31, 32, 33, 50];
        let opens = move || sizes.into_iter().flat_map(move |low| sizes.map(|high| Open { low, high }));
        [false, true]
            .into_iter()
            .flat_map(move |high| opens().map(move |open| (open, Next { low: true, high })))
    }

    fn columns(open: Open) -> impl Iterator<Item = Column> {
        (0..open.low).map(Column::Low).chain((0..open.high).map(Column::High))
    }

    /// By which each column is told from all others.
    fn id(column: Column) -> u32 {
        match column {
            Column::Low(position) => position as u32,
            Column::High(position) => 1000 + position as u32,
        }
    }

    fn lanes(layout: Layout) -> Lanes {
        let ids = |columns: &mut dyn Iterator<Item = Column>| columns.map(id).collect::<Vec<u32>>();
        let Open { low, high } = layout.open();
        let (low, high) = (ids(&mut (0..low).map(Column::Low)), ids(&mut (0..high).map(Column::High)));
        let mut lanes = Lanes::default();
        lanes.lay(layout, &low, &high);
        lanes
    }

    #[test]
    fn every_column_has_a_lane_of_its_own() {
        for (open, next) in all() {
            for layout in LAYOUTS.map(|layout| layout(open, next)) {
                let lanes = lanes(layout);
                let mut open_lanes = 0;
                for part in 0..layout.parts() {
                    open_lanes += lanes.open(part, usize::MAX).count_ones() as usize;
                }
                assert_eq!(open_lanes, open.low + open.high, "{layout:?}");
                for column in columns(open) {
                    let (part, bit) = layout.locate(column);
                    assert_eq!(lanes.questions(part)[bit], id(column), "{layout:?}");
                    assert_eq!(lanes.open(part, usize::MAX) >> bit & 1, 1, "{layout:?}");
                }
            }
        }
    }

    #[test]
    fn leaves_are_the_lanes_below_one() {
        for (open, next) in all() {
            for layout in LAYOUTS.map(|layout| layout(open, next)) {
                let lanes = lanes(layout);
                for column in columns(open) {
                    // After a low question as many low ones are odd if they were even, and even if they were odd. High
                    // ones follow an even number only.
                    let (after, has_both) = match column {
                        Column::Low(low) => (Open { low, ..open }, !next.high),
                        Column::High(_) if !next.high => continue,
                        Column::High(high) => (Open { high, ..open }, true),
                    };
                    let end = layout.leaf_lanes(after, has_both);
                    let mut leaves = Vec::new();
                    for part in 0..end.div_ceil(PART) {
                        let open = lanes.open(part, end);
                        leaves.extend(
                            (0..PART)
                                .filter(|lane| open >> lane & 1 == 1)
                                .map(|lane| lanes.questions(part)[lane]),
                        );
                    }
                    leaves.sort_unstable();
                    let is_leaf =
                        |leaf: &Column| after.has(*leaf) && (has_both || matches!(leaf, Column::Low(_)));
                    let expected: Vec<u32> = columns(open).filter(is_leaf).map(id).collect();
                    assert_eq!(leaves, expected, "{layout:?} after {column:?}");
                }
            }
        }
    }

    #[test]
    fn bits_of_columns_come_to_their_lanes() {
        for (open, next) in all() {
            for layout in LAYOUTS.map(|layout| layout(open, next)) {
                let has = |column| id(column).wrapping_mul(0x9e37_79b9) >> 16 & 1 == 1;
                let of_half = |column: fn(usize) -> Column, first: usize| {
                    (0..PART).map(|lane| u16::from(has(column(first + lane))) << lane).sum()
                };
                let bits = |column| match column {
                    Column::Low(first) => of_half(Column::Low, first),
                    Column::High(first) => of_half(Column::High, first),
                };
                for column in columns(open) {
                    let (part, bit) = layout.locate(column);
                    assert_eq!(
                        layout.bits(part, bits) >> bit & 1 == 1,
                        has(column),
                        "{layout:?}, {column:?}"
                    );
                }
            }
        }
    }
}
