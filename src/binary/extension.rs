//! The common users of a prefix extended by one question, by their total on it.

use crate::isa::{BLOCK, Isa};

use crate::tree::Column;

use super::database::Database;

/// Users of a database, by set total.
#[derive(Default)]
pub struct Extension {
    /// For each total a stretch of `stride` entries, with the users at its front.
    users: Vec<u32>,
    stride: usize,
    /// For each total the number of its users, and of all.
    counts: Vec<usize>,
    count: usize,
}

impl Extension {
    /// The first `users` users of a database, all with total 0.
    pub fn of_everyone(users: usize) -> Self {
        Self { users: (0..users as u32).collect(), stride: users, counts: vec![users], count: users }
    }

    /// Becomes the users of `database` who also answered `column`.
    #[inline(always)]
    pub fn extend<I: Isa>(&mut self, isa: I, database: &Database, column: Column) {
        let totals = database.totals();
        let most = totals.first().map_or(0, |most| most + 1);
        // A word's users are written as a whole block, whatever their number.
        self.stride = (totals.len() + 1) * BLOCK;
        self.counts.clear();
        self.counts.resize(most + 1, 0);
        if self.users.len() < (most + 1) * self.stride {
            self.users.resize((most + 1) * self.stride, 0);
        }
        for (block, (&[answered, scored], &total)) in database.users_of(column).iter().zip(totals).enumerate()
        {
            let first = (block * BLOCK) as u32;
            self.push(isa, total, answered & !scored, first);
            self.push(isa, total + 1, scored, first);
        }
        self.count = self.counts.iter().sum();
    }

    /// Adds the users of one word of bits, counted from `first`.
    #[inline(always)]
    fn push<I: Isa>(&mut self, isa: I, total: usize, bits: u64, first: u32) {
        let count = &mut self.counts[total];
        let room = &mut self.users[total * self.stride + *count..];
        if let Some(room) = room.first_chunk_mut::<BLOCK>() {
            isa.positions(bits, first, room);
        }
        *count += bits.count_ones() as usize;
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
