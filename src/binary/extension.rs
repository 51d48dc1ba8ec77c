//! The common users of a prefix extended by one question, by their total on it.

use crate::isa::{BLOCK, Isa};
use crate::tree::{Column, Near, grow};

use super::database::Database;
use super::far::Far;

/// Users of a database, by set total.
#[derive(Default)]
pub struct Extension {
    /// For each total a stretch of `stride` entries, with the users at its front.
    users: Vec<u32>,
    stride: usize,
    /// For each total the number of its users, and of all.
    counts: Vec<usize>,
    count: usize,
    /// Common users who are none of these.
    near: Near,
}

impl Extension {
    /// The first `users` users of a database, all with total 0.
    pub fn of_everyone(users: usize) -> Self {
        let count = users;
        let users = (0..users as u32).collect();
        Self { users, stride: count, counts: vec![count], count, near: Near::default() }
    }

    /// The users that blocks of a database's users have bits for, all with total 0.
    #[inline(always)]
    pub fn of_one_total<I: Isa>(isa: I, blocks: impl ExactSizeIterator<Item = u64>) -> Self {
        let stride = (blocks.len() + 1) * BLOCK;
        let mut extension = Self { users: vec![0; stride], stride, ..Self::default() };
        for (first, bits) in (0..).step_by(BLOCK).zip(blocks) {
            extension.count = extension.push(isa, 0, extension.count, bits, first);
        }
        extension.counts = vec![extension.count];
        extension
    }

    /// Becomes the users of `database` who also answered `column`.
    #[inline(always)]
    pub fn extend<I: Isa>(&mut self, isa: I, database: &Database, column: Column) {
        self.extend_among(isa, database, column, std::iter::repeat(u64::MAX));
        self.near = database.near();
    }

    /// Becomes those of these who are far.
    #[inline(always)]
    pub fn extend_by_far<I: Isa>(&mut self, isa: I, database: &Database, column: Column, far: &Far) {
        self.extend_among(isa, database, column, far.blocks().iter().copied());
        self.near = far.near(database, column);
    }

    /// Becomes those who answered `column` of the users that blocks have bits for.
    #[inline(always)]
    fn extend_among<I: Isa>(
        &mut self,
        isa: I,
        database: &Database,
        column: Column,
        among: impl Iterator<Item = u64>,
    ) {
        let (counts, words) = (database.blocks(), database.users_of(column));
        // A word's users are written as a whole block, whatever their number.
        self.stride = (words.len() + 1) * BLOCK;
        grow(&mut self.users, (counts.len() + 1) * self.stride);
        self.counts.resize(counts.len() + 1, 0);
        self.count = 0;
        // Users of a total are counted in variables, as each count is the place of the next user: those who stay at the
        // total of their block, and those who rise above it, behind those who stayed there.
        let (mut staying, mut blocks) = (0, (0..).step_by(BLOCK).zip(words).zip(among));
        for (total, &count) in counts.iter().enumerate().rev() {
            let mut rising = std::mem::take(&mut staying);
            for ((first, &[answered, scored]), among) in blocks.by_ref().take(count) {
                staying = self.push(isa, total, staying, answered & !scored & among, first);
                rising = self.push(isa, total + 1, rising, scored & among, first);
            }
            self.counts[total + 1] = rising;
            self.count += rising;
        }
        self.counts[0] = staying;
        self.count += staying;
    }

    /// Adds the users of one word of bits, counted from `first`, behind the first `count` of a total; returns how many it has then.
    #[inline(always)]
    fn push<I: Isa>(&mut self, isa: I, total: usize, count: usize, bits: u64, first: u32) -> usize {
        if let Some(room) = self.users[total * self.stride + count..].first_chunk_mut::<BLOCK>() {
            isa.positions(bits, first, room);
        }
        count + bits.count_ones() as usize
    }

    /// Common users who are none of these.
    pub fn near(&self) -> Near {
        self.near
    }

    /// Number of users.
    pub fn len(&self) -> usize {
        self.count
    }

    /// For each total the number of its users.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// The users of each total, highest first. The last group is that of total 0.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &[u32]> + DoubleEndedIterator + Clone {
        self.counts
            .iter()
            .enumerate()
            .rev()
            .map(|(total, &count)| &self.users[total * self.stride..][..count])
    }
}
