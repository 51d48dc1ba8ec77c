//! The conditional database of a prefix: the responses of its common users to the questions that can follow.

use crate::isa::{BLOCK, Isa, PART, Weight};
use crate::tree::{Column, Next, Open, grow};

use super::extension::Extension;

/// The common users of a prefix, each with its responses to the open questions.
///
/// Users come by running total, highest first, the users of each total padded to whole blocks with users who answered
/// nothing. The questions of each half begin a part of their own, so that those before a position are the first parts
/// of their half and a subtree drops the rest.
#[derive(Default)]
pub struct Database {
    open: Open,
    /// Users, padding included.
    stride: usize,
    /// The running total of each block of users.
    totals: Vec<usize>,
    /// For each part the users' responses: answered in the low half of a word, scored in the high half.
    words: Vec<u32>,
    weights: Vec<Weight>,
    /// Over all users, of t².
    squares: u64,
    /// The largest |t|.
    largest_weight: u64,
    /// For each question and block of users: who answered, and who scored.
    users_of: Vec<[u64; 2]>,
}

impl Database {
    /// The database of the empty prefix. `responses` gives a user's answered and scored columns to its second
    /// argument.
    pub fn of_everyone(
        open: Open,
        totals: &[i64],
        mut responses: impl FnMut(usize, &mut dyn FnMut(Column, bool)),
    ) -> Self {
        let mut database = Self::default();
        database.resize(open, &[totals.len()]);
        let stride = database.stride;
        for (user, &t) in totals.iter().enumerate() {
            database.weights[user] = Weight::new(t);
            responses(user, &mut |column, scored| {
                let (part, bit) = open.locate(column);
                database.words[part * stride + user] |= 1 << bit | u32::from(scored) << (PART + bit);
            });
        }
        database.take_stock();
        database
    }

    pub fn open(&self) -> Open {
        self.open
    }

    /// Over all users, of t².
    pub fn squares(&self) -> u64 {
        self.squares
    }

    pub fn weights(&self) -> &[Weight] {
        &self.weights[..self.stride]
    }

    /// The largest |t|.
    pub fn largest_weight(&self) -> u64 {
        self.largest_weight
    }

    /// The responses to the questions of `part`, one word per user.
    pub fn words(&self, part: usize) -> &[u32] {
        &self.words[part * self.stride..][..self.stride]
    }

    /// For each block of users its running total.
    pub fn totals(&self) -> &[usize] {
        &self.totals
    }

    /// For each block of users: who answered `column`, and who scored. Only after
    /// [`index`](Self::index) for its half.
    pub fn users_of(&self, column: Column) -> &[[u64; 2]] {
        let (part, bit) = self.open.locate(column);
        let blocks = self.totals.len();
        &self.users_of[(part * PART + bit) * blocks..][..blocks]
    }

    /// Becomes the database of the common users `extension` of a longer prefix, after which `open` can follow.
    #[inline(always)]
    pub fn project(&mut self, parent: &Self, extension: &Extension, open: Open) {
        self.resize(open, extension.counts());
        for (part, parent_part) in open.parts_of(parent.open) {
            let from = parent.words(parent_part);
            let to = &mut self.words[part * self.stride..][..self.stride];
            copy_groups(extension, from, to);
        }
        copy_groups(extension, parent.weights(), &mut self.weights);
        self.take_stock();
    }

    #[inline(always)]
    fn take_stock(&mut self) {
        let (mut largest, mut sum) = (0, 0);
        for weight in self.weights() {
            largest = weight.square().max(largest);
            sum += weight.square();
        }
        self.largest_weight = largest.isqrt();
        self.squares = sum;
    }

    /// Room for `counts` users of each total.
    fn resize(&mut self, open: Open, counts: &[usize]) {
        self.open = open;
        self.totals.clear();
        for (total, count) in counts.iter().enumerate().rev() {
            self.totals.extend(std::iter::repeat_n(total, count.div_ceil(BLOCK)));
        }
        self.stride = self.totals.len() * BLOCK;
        grow(&mut self.words, open.parts() * self.stride);
        grow(&mut self.weights, self.stride);
    }

    /// Finds the users of each question that can be next, for [`users_of`](Self::users_of).
    #[inline(always)]
    pub fn index<I: Isa>(&mut self, isa: I, next: Next) {
        let (low_parts, parts) = (self.open.low_parts(), self.open.parts());
        let blocks = self.totals.len();
        grow(&mut self.users_of, parts * PART * blocks);
        let start = if next.low { 0 } else { low_parts };
        let end = if next.high { parts } else { low_parts };
        // The bits of two parts make the rows of one square.
        for part in (start..end).step_by(2) {
            let has_second = part + 1 < end;
            for block in 0..blocks {
                let words = |part: usize| self.words(part)[block * BLOCK..].first_chunk::<BLOCK>();
                let mut square = [0; BLOCK];
                if let Some(words) = words(part) {
                    for (row, word) in square.iter_mut().zip(words) {
                        *row = u64::from(*word);
                    }
                }
                if has_second && let Some(words) = words(part + 1) {
                    for (row, word) in square.iter_mut().zip(words) {
                        *row |= u64::from(*word) << u32::BITS;
                    }
                }
                let square = isa.transpose(&square);
                for (first_row, part) in
                    [(0, part), (2 * PART, part + 1)].into_iter().take(1 + usize::from(has_second))
                {
                    for bit in 0..PART {
                        let [answered, scored] = [0, PART].map(|half| square.row(first_row + half + bit));
                        self.users_of[(part * PART + bit) * blocks + block] = [answered, scored];
                    }
                }
            }
        }
    }
}

/// Copies what the users of `extension` have, by total, each total from a new block on.
#[inline(always)]
fn copy_groups<T: Copy + Default>(extension: &Extension, from: &[T], to: &mut [T]) {
    let mut start = 0;
    for group in extension.groups() {
        let end = start + group.len().next_multiple_of(BLOCK);
        let (to, padding) = to[start..end].split_at_mut(group.len());
        for (to, &user) in to.iter_mut().zip(group) {
            *to = from[user as usize];
        }
        padding.fill(T::default());
        start = end;
    }
}
