//! What of a subtree is walked, and in what order its branches come.

use std::ops::Range;

use crate::isa::PART;

use super::halves::Column;
use super::layout::Open;

/// What is to be walked of the sets below a prefix.
#[derive(Clone)]
pub struct Subtree {
    /// Their positions in lexicographic order, counted from the first one below the prefix; `None` for all.
    pub within: Option<Range<u128>>,
    /// Their share of the whole search, of which its [`Control`](crate::search::Control) keeps account.
    pub share: f64,
}

impl Subtree {
    /// What of the questions at positions below `open` can be the leaf, if the prefix lacks just that.
    pub fn leaves(&self, open: Open) -> Kept {
        let position = |rank: u128| open.high.saturating_sub(usize::try_from(rank).unwrap_or(usize::MAX));
        match &self.within {
            Some(within) => Kept { from: position(within.end), below: position(within.start) },
            None => Kept::ALL,
        }
    }
}

/// Positions from the one on and below the other.
#[derive(Clone, Copy)]
pub struct Kept {
    pub from: usize,
    pub below: usize,
}

impl Kept {
    pub const ALL: Self = Self { from: 0, below: usize::MAX };

    /// Those of the lanes of a part that are kept, a bit each.
    pub fn lanes(self, part: usize) -> u16 {
        let lane = |position: usize| position.saturating_sub(part * PART).min(PART);
        let below = |lane: usize| (1u32 << lane) - 1;
        (below(lane(self.below)) & !below(lane(self.from))) as u16
    }
}

/// A way on from a prefix.
pub struct Child {
    pub column: Column,
    /// What can follow.
    pub open: Open,
    pub subtree: Subtree,
}

/// Columns by which a prefix can be extended, and what is open after each. Small, since a walk has one for each question of
/// a prefix on its stack.
pub struct Children {
    pub open: Open,
    pub low: Range<usize>,
    pub high: Range<usize>,
}

impl Children {
    /// One of those columns.
    pub fn only(open: Open, column: Column) -> Self {
        let one = |position| position..position + 1;
        match column {
            Column::Low(position) => Self { open, low: one(position), high: 0..0 },
            Column::High(position) => Self { open, low: 0..0, high: one(position) },
        }
    }
}

impl Iterator for Children {
    type Item = (Column, Open);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(low) = self.low.next_back() {
            return Some((Column::Low(low), Open { low, ..self.open }));
        }
        let high = self.high.next_back()?;
        Some((Column::High(high), Open { high, ..self.open }))
    }
}
