//! Rows in a regular order: whose response to what each is follows from few numbers, so that ids are neither looked up nor in
//! memory, and scores are read as they stand, without a cell to be found for each.
//!
//! Two orders are common: the rows of each user are neighbours, and many users answered the same questions in the same order; or
//! the rows of each question are, and all questions were answered by the same users in the same order (as `unpivot` leaves
//! them). That rows are in such an order is found ([`find`]) by comparing neighbours, in the time that it takes to read them.

mod find;

use std::ops::Range;

use crate::bitset::BitMatrix;
use crate::parallel;
use crate::responses::Source;
pub use find::{Column, Found, find};

/// Which user and which question each row is of.
#[derive(Debug)]
pub struct Regular {
    order: Order,
    /// What users answered.
    sequences: Vec<Sequence>,
    /// The same: the questions of each sequence.
    answered: BitMatrix,
}

#[derive(Debug)]
enum Order {
    /// The first row of each user, and behind the last the number of all; and the sequence of each.
    ByUser { starts: Vec<u32>, sequences: Vec<u32> },
    /// So many users, in the same order for each question. They all have the only sequence.
    ByQuestion { users: usize },
}

/// Different questions, in the order in which users answered them.
#[derive(Debug)]
pub struct Sequence {
    questions: Vec<u32>,
    /// The same, cut where ids are not consecutive.
    pub spans: Vec<Span>,
}

/// Questions of a [`Sequence`] with consecutive ids, one after the other.
#[derive(Debug)]
pub struct Span {
    /// Where it begins in the sequence.
    pub start: usize,
    pub length: usize,
    /// The id of its first question.
    pub question: usize,
    /// How many questions of the sequence have lower ids.
    pub rank: usize,
}

impl Span {
    /// Its part of `values`, one for each question of the sequence.
    pub fn part<'a, T>(&self, values: &'a [T]) -> &'a [T] {
        &values[self.start..][..self.length]
    }
}

impl Sequence {
    fn new(questions: &[u32]) -> Self {
        let mut start = 0;
        let mut spans: Vec<Span> = spans(questions)
            .map(|span| {
                let (question, length) = (span[0] as usize, span.len());
                start += length;
                Span { start: start - length, length, question, rank: 0 }
            })
            .collect();
        let mut by_question: Vec<&mut Span> = spans.iter_mut().collect();
        by_question.sort_unstable_by_key(|span| span.question);
        let mut rank = 0;
        for span in by_question {
            span.rank = rank;
            rank += span.length;
        }
        Self { questions: questions.to_vec(), spans }
    }

    /// Number of questions: at least one, as each is of a user who answered.
    pub fn length(&self) -> usize {
        self.questions.len()
    }
}

/// Questions, cut where ids are not consecutive.
fn spans(questions: &[u32]) -> impl Iterator<Item = &[u32]> {
    questions.chunk_by(|&a, &b| a + 1 == b)
}

/// Scores that are read together: they stay in the first-level cache.
const SCORES_AT_ONCE: usize = 1 << 11;

/// Users whose scores are read together where they stand question by question, at least: as many neighbours as a cache line
/// has of the smallest scores.
const USERS_AT_ONCE: usize = 64;

impl Regular {
    /// Number of users, and of questions.
    pub fn ids(&self) -> (usize, usize) {
        let users = match &self.order {
            Order::ByUser { sequences, .. } => sequences.len(),
            Order::ByQuestion { users } => *users,
        };
        (users, self.answered.columns())
    }

    /// Whether rows are ordered by question, and each question has all users.
    pub fn is_by_question(&self) -> bool {
        matches!(self.order, Order::ByQuestion { .. })
    }

    /// How many responses users before `user` have.
    pub fn responses_before(&self, user: usize) -> usize {
        match &self.order {
            Order::ByUser { starts, .. } => starts[user] as usize,
            Order::ByQuestion { .. } => user * self.answered.columns(),
        }
    }

    fn sequence(&self, user: usize) -> usize {
        match &self.order {
            Order::ByUser { sequences, .. } => sequences[user] as usize,
            Order::ByQuestion { .. } => 0,
        }
    }

    /// Some users, cut where they answered other questions than the one before, or in another order. Nearly always many together
    /// are alike, so that what is done with each is a short loop.
    fn alike(&self, mut users: Range<usize>) -> impl Iterator<Item = (Range<usize>, usize)> {
        std::iter::from_fn(move || {
            if users.is_empty() {
                return None;
            }
            let sequence = self.sequence(users.start);
            let length = match &self.order {
                Order::ByUser { sequences, .. } => {
                    sequences[users.clone()].iter().take_while(|&&other| other as usize == sequence).count()
                }
                Order::ByQuestion { .. } => users.len(),
            };
            let alike = users.start..users.start + length;
            users.start = alike.end;
            Some((alike, sequence))
        })
    }

    /// The users that have responses at `rows`, and the rows of each.
    fn rows_by_user(
        starts: &[u32],
        rows: Range<usize>,
    ) -> impl Iterator<Item = (usize, Range<usize>, Range<usize>)> {
        let first = starts.partition_point(|&start| start as usize <= rows.start).max(1) - 1;
        (first..).zip(starts[first..].windows(2)).map_while(move |(user, ends)| {
            let of_user = ends[0] as usize..ends[1] as usize;
            let part = of_user.start.max(rows.start)..of_user.end.min(rows.end);
            (part.start < part.end).then_some((user, of_user, part))
        })
    }

    /// The users of some rows.
    pub fn users_at(&self, rows: Range<usize>) -> Vec<u32> {
        match &self.order {
            Order::ByUser { starts, .. } => {
                let mut users = Vec::with_capacity(rows.len());
                for (user, _, part) in Self::rows_by_user(starts, rows) {
                    users.extend(std::iter::repeat_n(user as u32, part.len()));
                }
                users
            }
            Order::ByQuestion { users } => rows.map(|row| (row % users) as u32).collect(),
        }
    }

    /// The questions of some rows.
    pub fn questions_at(&self, rows: Range<usize>) -> Vec<u32> {
        match &self.order {
            Order::ByUser { starts, sequences } => {
                let mut questions = Vec::with_capacity(rows.len());
                for (user, of_user, part) in Self::rows_by_user(starts, rows) {
                    let sequence = &self.sequences[sequences[user] as usize].questions;
                    let part = part.start - of_user.start..part.end - of_user.start;
                    questions.extend_from_slice(&sequence[part]);
                }
                questions
            }
            Order::ByQuestion { users } => rows.map(|row| (row / users) as u32).collect(),
        }
    }

    /// Who answered what; `None` where the memory is not to be had.
    pub fn answered(&self) -> Option<BitMatrix> {
        let (users, questions) = self.ids();
        BitMatrix::filled(users, questions, |users, words| {
            let mut left = words;
            for (users, sequence) in self.alike(users) {
                let row = self.answered.row(sequence);
                let rows = left.split_off_mut(..users.len() * row.len()).unwrap_or_default();
                match row {
                    // As memory is filled.
                    [word] => rows.fill(*word),
                    _ => rows.chunks_exact_mut(row.len()).for_each(|words| words.copy_from_slice(row)),
                }
            }
            true
        })
        .flatten()
    }

    /// Calls `visit(users, sequence, values)` for one run of these users after another that share a sequence, until a call is `false`;
    /// tells whether none was. The values are what `map` makes of the users' scores: as many for each user as the
    /// sequence is long, in its order. The rows of `responses` are in this order.
    pub fn try_for_each_alike<S: Source, T: Copy>(
        &self,
        responses: &S,
        mut users: Range<usize>,
        map: impl Fn(S::Score) -> T,
        mut visit: impl FnMut(Range<usize>, &Sequence, &[T]) -> bool,
    ) -> bool {
        let mut values = Vec::new();
        let mut scratch = Vec::new();
        while !users.is_empty() {
            let together = users.start..self.end_of_block(&users);
            users.start = together.end;
            values.clear();
            match &self.order {
                Order::ByUser { starts, .. } => {
                    let rows = starts[together.start] as usize..starts[together.end] as usize;
                    responses.scores(rows).for_each(|scores| values.extend(scores.map(&map)));
                }
                Order::ByQuestion { users: of_all } => {
                    scratch.clear();
                    for first in (0..responses.rows()).step_by(*of_all) {
                        let rows = first + together.start..first + together.end;
                        responses.scores(rows).for_each(|scores| scratch.extend(scores.map(&map)));
                    }
                    transpose(&scratch, together.len(), &mut values);
                }
            }
            let mut left = &values[..];
            for (alike, sequence) in self.alike(together) {
                let sequence = &self.sequences[sequence];
                let values = left.split_off(..alike.len() * sequence.length()).unwrap_or_default();
                if !visit(alike, sequence, values) {
                    return false;
                }
            }
        }
        true
    }

    /// The end of those of `users`, from the first on, whose scores are read together.
    fn end_of_block(&self, users: &Range<usize>) -> usize {
        let least = match &self.order {
            Order::ByUser { .. } => 1,
            Order::ByQuestion { .. } => USERS_AT_ONCE,
        };
        let before = self.responses_before(users.start);
        let is_within = |&end: &usize| self.responses_before(end) - before <= SCORES_AT_ONCE;
        let least = users.end.min(users.start + least);
        (least + 1..=users.end).take_while(is_within).last().unwrap_or(least)
    }

    /// What `map` makes of stretches of users, on several threads where that pays.
    pub fn map_stretches<T: Send>(&self, map: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
        let (users, _) = self.ids();
        parallel::map_heavy_stretches(users, self.responses_each(), map)
    }

    /// How many responses a user has, rounded up.
    pub fn responses_each(&self) -> usize {
        let (users, _) = self.ids();
        self.responses_before(users).div_ceil(users.max(1))
    }
}

/// The columns of a matrix of `columns`, whose rows are one after the other, one after the other.
fn transpose<T: Copy>(rows: &[T], columns: usize, transposed: &mut Vec<T>) {
    transposed.extend_from_slice(rows);
    let length = rows.len() / columns.max(1);
    for (column, to) in transposed.chunks_exact_mut(length.max(1)).enumerate() {
        let values = rows[column..].iter().step_by(columns);
        to.iter_mut().zip(values).for_each(|(to, &value)| *to = value);
    }
}

#[cfg(test)]
mod tests;
