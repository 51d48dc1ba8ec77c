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
    /// So many users, cut where neighbours are not alike: nothing is noted for each where all answered the same.
    ByUser { alike: Vec<Alike>, users: usize },
    /// So many users, in the same order for each question. They all have the only sequence.
    ByQuestion { users: usize },
}

/// Neighbouring users with the same sequence, up to those that come next.
#[derive(Debug)]
struct Alike {
    /// The first of them, and the first row of that one.
    user: u32,
    row: u32,
    sequence: u32,
}

impl Alike {
    /// The last of `all` for which `is_before` is true; it is of the first, and of none behind one of which it is not.
    fn last(all: &[Self], is_before: impl Fn(&Self) -> bool) -> usize {
        all.partition_point(is_before).saturating_sub(1)
    }
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
        let mut spans: Vec<Span> = questions
            .chunk_by(|&a, &b| a + 1 == b)
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

/// Scores that are read together: they stay in the first-level cache.
const SCORES_AT_ONCE: usize = 1 << 11;

/// Users whose scores are read together where they stand question by question, at least: as many neighbours as a cache line
/// has of the smallest scores.
const USERS_AT_ONCE: usize = 64;

impl Regular {
    /// Number of users, and of questions.
    pub fn ids(&self) -> (usize, usize) {
        let (Order::ByUser { users, .. } | Order::ByQuestion { users }) = self.order;
        (users, self.answered.columns())
    }

    /// Whether rows are ordered by question, and each question has all users.
    pub fn is_by_question(&self) -> bool {
        matches!(self.order, Order::ByQuestion { .. })
    }

    /// How many responses users before `user` have.
    pub fn responses_before(&self, user: usize) -> usize {
        match &self.order {
            Order::ByUser { alike, .. } => {
                let alike = &alike[Alike::last(alike, |alike| alike.user as usize <= user)];
                let length = self.sequences[alike.sequence as usize].length();
                alike.row as usize + (user - alike.user as usize) * length
            }
            Order::ByQuestion { .. } => user * self.answered.columns(),
        }
    }

    /// Some users, cut where they answered other questions than the one before, or in another order, each with the number of
    /// their sequence. Nearly always many together are alike, so that what is done with each is a short loop.
    fn alike(&self, mut users: Range<usize>) -> impl Iterator<Item = (Range<usize>, usize)> {
        let mut left = match &self.order {
            Order::ByUser { alike, .. } => {
                &alike[Alike::last(alike, |alike| alike.user as usize <= users.start)..]
            }
            Order::ByQuestion { .. } => &[Alike { user: 0, row: 0, sequence: 0 }],
        };
        std::iter::from_fn(move || {
            let (first, others) = left.split_first().filter(|_| !users.is_empty())?;
            let end = others.first().map_or(users.end, |next| users.end.min(next.user as usize));
            let alike = users.start..end;
            (left, users.start) = (others, end);
            Some((alike, first.sequence as usize))
        })
    }

    /// Whether it takes less memory than a number for each user.
    pub fn is_small(&self) -> bool {
        let Order::ByUser { alike, users } = &self.order else { return true };
        let sequences = self.sequences.iter().map(|sequence| {
            size_of::<Sequence>() + size_of_val(&sequence.questions[..]) + size_of_val(&sequence.spans[..])
        });
        let bytes = size_of_val(&alike[..]) + self.answered.bytes() + sequences.sum::<usize>();
        bytes < size_of::<u32>() * users
    }

    /// For each user the first row.
    pub fn user_rows(&self) -> Vec<u32> {
        let (users, _) = self.ids();
        if self.is_by_question() {
            return (0..users as u32).collect();
        }
        let mut rows = Vec::with_capacity(users);
        let mut end = 0;
        for (users, sequence) in self.alike(0..users) {
            let length = self.sequences[sequence].length();
            let start = end;
            end += users.len() * length;
            rows.extend((start..end).step_by(length).map(|row| row as u32));
        }
        rows
    }

    /// The users that have responses at `rows`, where each user's are neighbours: each with the number of the sequence, and with
    /// what of that is at `rows`.
    fn users_with(
        &self,
        alike: &[Alike],
        rows: Range<usize>,
    ) -> impl Iterator<Item = (usize, usize, Range<usize>)> {
        let first = &alike[Alike::last(alike, |alike| alike.row as usize <= rows.start)];
        let before = (rows.start - first.row as usize) / self.sequences[first.sequence as usize].length();
        let first = first.user as usize + before;
        let mut end = self.responses_before(first);
        let (users, _) = self.ids();
        let each =
            self.alike(first..users).flat_map(|(users, sequence)| users.map(move |user| (user, sequence)));
        each.map_while(move |(user, sequence)| {
            let start = end;
            end += self.sequences[sequence].length();
            let part = start.max(rows.start)..end.min(rows.end);
            (part.start < part.end).then(|| (user, sequence, part.start - start..part.end - start))
        })
    }

    /// The users of some rows.
    pub fn users_at(&self, rows: Range<usize>) -> Vec<u32> {
        match &self.order {
            Order::ByUser { alike, .. } => {
                let mut users = Vec::with_capacity(rows.len());
                for (user, _, part) in self.users_with(alike, rows) {
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
            Order::ByUser { alike, .. } => {
                let mut questions = Vec::with_capacity(rows.len());
                for (_, sequence, part) in self.users_with(alike, rows) {
                    questions.extend_from_slice(&self.sequences[sequence].questions[part]);
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
                Order::ByUser { .. } => {
                    let rows = self.responses_before(together.start)..self.responses_before(together.end);
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
        let mut end = users.start;
        let mut room = SCORES_AT_ONCE;
        for (alike, sequence) in self.alike(users.clone()) {
            let length = self.sequences[sequence].length();
            let fit = alike.len().min(room / length);
            end += fit;
            room -= fit * length;
            if fit < alike.len() {
                break;
            }
        }
        end.max(users.end.min(users.start + least))
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
