//! The questions in the order of the tree, cut in two halves.

use crate::bitset::BitMatrix;
use crate::isa::PART;

use super::layout::{Lanes, Layout, Open};
use super::scores::Next;

/// A question by its half and its position there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Column {
    Low(usize),
    High(usize),
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
                answered.ones_of(user).for_each(|question| frequency[question] += 1);
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
    pub fn lay(&self, layout: Layout, lanes: &mut Lanes) {
        let Open { low, high } = layout.open();
        lanes.lay(layout, &self.low[..low], &self.high[..high]);
    }
}
