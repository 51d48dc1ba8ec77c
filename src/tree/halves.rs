//! The questions in the order of the tree, cut in two halves.

use std::ops::Range;

use crate::bitset::{BitMatrix, WORD_BITS, ones};
use crate::isa::PART;

use super::scores::Next;

/// A question by its half and its position there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Column {
    Low(usize),
    High(usize),
}

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

    pub fn open(&self) -> Open {
        self.open
    }

    /// Questions of the half in front.
    pub fn front(&self) -> usize {
        if self.is_high_first { self.open.high } else { self.open.low }
    }

    fn lanes(&self) -> usize {
        self.leaf_lanes(self.open, true)
    }

    pub fn parts(&self) -> usize {
        self.lanes().div_ceil(PART)
    }

    /// The lanes below which the leaves are of a prefix that is longer by one question, after which `open` can follow. `has_both`
    /// tells whether these are of both halves, or low ones only.
    pub fn leaf_lanes(&self, open: Open, has_both: bool) -> usize {
        match (has_both, self.is_high_first) {
            (true, false) => self.behind + open.high,
            (true, true) => self.behind + open.low,
            (false, _) => open.low,
        }
    }

    /// Of the lanes of a part, a bit each, those of a question.
    #[inline(always)]
    pub fn lanes_of(&self, part: usize) -> u16 {
        let below = |lane: usize| ((1u32 << lane.saturating_sub(part * PART).min(PART)) - 1) as u16;
        below(self.lanes()) & !(below(self.behind) & !below(self.front()))
    }

    /// The part of a column and its bit there.
    pub fn locate(&self, column: Column) -> (usize, usize) {
        let lane = match column {
            Column::Low(position) if self.is_high_first => self.behind + position,
            Column::High(position) if !self.is_high_first => self.behind + position,
            Column::Low(position) | Column::High(position) => position,
        };
        (lane / PART, lane % PART)
    }

    /// The parts that have questions that can be next.
    pub fn parts_of(&self, next: Next) -> Range<usize> {
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
    pub fn parts_from(&self, wider: &Self) -> impl Iterator<Item = usize> {
        let first = |is_high| if is_high == wider.is_high_first { 0 } else { wider.behind / PART };
        let parts = |is_high| if is_high { self.open.high_parts() } else { self.open.low_parts() };
        [self.is_high_first, !self.is_high_first]
            .into_iter()
            .flat_map(move |is_high| (0..parts(is_high)).map(move |part| first(is_high) + part))
    }

    /// Questions in front, if those behind them, moved from a part of their own, would begin within a part.
    pub fn gap(&self) -> Option<usize> {
        (self.behind % PART > 0).then_some(self.behind)
    }

    /// How many parts that are.
    pub fn parts_apart(&self) -> usize {
        self.open.low_parts() + self.open.high_parts()
    }

    /// What the columns of a part's lanes have, a bit each, where `bits` has that of 16 columns of a half from a position on.
    #[inline(always)]
    pub fn gather(&self, part: usize, bits: impl Fn(Column) -> u16) -> u16 {
        let start = part * PART;
        let of = |is_high, position| bits(if is_high { Column::High(position) } else { Column::Low(position) });
        let mut lanes = 0;
        if start < self.front() {
            let in_front = u16::MAX >> (start + PART).saturating_sub(self.front()).min(PART);
            lanes = of(self.is_high_first, start) & in_front;
        }
        if start + PART > self.behind {
            let position = start.saturating_sub(self.behind);
            lanes |= of(!self.is_high_first, position) << self.behind.saturating_sub(start);
        }
        lanes
    }
}

/// The questions in the order of the tree.
#[derive(Clone)]
pub struct Questions {
    /// For each column the question.
    low: Vec<u32>,
    high: Vec<u32>,
    /// For each question its column.
    columns: Vec<Column>,
}

impl Questions {
    /// In two halves, each from the most frequent question on, or all high from the last one on if sets are wanted in
    /// order. The first `fixed` questions are high ones behind all others.
    pub fn of(answered: &BitMatrix, users: usize, fixed: usize, in_order: bool) -> Self {
        let count = answered.columns() - fixed;
        // A prefix takes the highest positions first, so the rarest questions get those: its users become few early.
        let mut ids: Vec<u32> = (fixed as u32..answered.columns() as u32).rev().collect();
        let mut low = Vec::new();
        if !in_order {
            let mut frequency = vec![0usize; answered.columns()];
            for user in 0..users {
                for (word, &bits) in answered.row(user).iter().enumerate() {
                    ones(bits).for_each(|bit| frequency[word * WORD_BITS + bit] += 1);
                }
            }
            ids.sort_by_key(|&id| std::cmp::Reverse(frequency[id as usize]));
            // Whole parts, so that a half that is still all open wastes no lane.
            low = ids.split_off(count - count / 2 / PART * PART);
        }
        ids.extend((0..fixed as u32).rev());
        let mut columns = vec![Column::Low(0); answered.columns()];
        low.iter().enumerate().for_each(|(position, &id)| columns[id as usize] = Column::Low(position));
        ids.iter().enumerate().for_each(|(position, &id)| columns[id as usize] = Column::High(position));
        Self { low, high: ids, columns }
    }

    /// That of the empty prefix.
    pub fn layout(&self) -> Layout {
        let open = Open { low: self.low.len(), high: self.high.len() };
        Layout::apart(open, Next { low: true, high: true })
    }

    pub fn column(&self, question: usize) -> Column {
        self.columns[question]
    }

    pub fn id(&self, column: Column) -> u32 {
        match column {
            Column::Low(position) => self.low[position],
            Column::High(position) => self.high[position],
        }
    }

    /// The questions by place: those of the low half, then those of the high one, which begin a part of their own.
    pub fn by_place(&self) -> impl Iterator<Item = usize> {
        self.low.iter().chain(&self.high).map(|&id| id as usize)
    }

    pub fn place(&self, column: Column) -> usize {
        match column {
            Column::Low(position) => position,
            Column::High(position) => self.low.len() + position,
        }
    }

    /// Makes `lanes` those of `layout`.
    pub fn lay(&self, layout: &Layout, lanes: &mut Lanes) {
        let Open { low, high } = layout.open;
        let (low, high) = (&self.low[..low], &self.high[..high]);
        let (front, behind) = if layout.is_high_first { (high, low) } else { (low, high) };
        let Lanes { questions, open } = lanes;
        questions.clear();
        questions.extend_from_slice(front);
        questions.resize(layout.behind, 0);
        questions.extend_from_slice(behind);
        questions.resize(layout.parts() * PART, 0);
        open.clear();
        open.extend((0..layout.parts()).map(|part| layout.lanes_of(part)));
    }
}

/// What the lanes of a layout stand for, part by part.
#[derive(Default)]
pub struct Lanes {
    questions: Vec<u32>,
    open: Vec<u16>,
}

impl Lanes {
    /// For each lane of a part its question; anything where it has none.
    pub fn questions(&self, part: usize) -> &[u32; PART] {
        &self.questions.as_chunks().0[part]
    }

    /// The lanes of a part, a bit each, that have a question and are below the lane `end` of all.
    #[inline(always)]
    pub fn open(&self, part: usize, end: usize) -> u16 {
        self.open[part] & u16::MAX >> ((part + 1) * PART).saturating_sub(end)
    }
}
