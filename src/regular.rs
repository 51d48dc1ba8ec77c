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
    start: usize,
    length: usize,
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
            for (user, words) in users.zip(words.chunks_exact_mut(self.answered.words_per_row())) {
                words.copy_from_slice(self.answered.row(self.sequence(user)));
            }
            true
        })
        .flatten()
    }

    /// Calls `visit(user, sequence, values)` for each of some users in order, as long as that is `true`; tells whether it always
    /// was. The values are what `map` makes of the user's scores of `responses`, which this is the order of, on the
    /// questions of that sequence.
    pub fn try_for_each_user<S: Source, T: Copy>(
        &self,
        responses: &S,
        mut users: Range<usize>,
        map: impl Fn(S::Score) -> T,
        mut visit: impl FnMut(usize, &Sequence, &[T]) -> bool,
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
            for user in together {
                let responses = self.responses_before(user + 1) - self.responses_before(user);
                let (of_user, others) = left.split_at(responses);
                if !visit(user, &self.sequences[self.sequence(user)], of_user) {
                    return false;
                }
                left = others;
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
