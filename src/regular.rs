//! Rows in a regular order: whose response to what each is follows from few numbers, so that ids are neither looked up nor in
//! memory, and scores are read as they stand, without a cell to be found for each.
//!
//! Two orders are common: the rows of each user are neighbours, and many users answered the same questions in the same order; or
//! the rows of each question are, and all questions were answered by the same users in the same order (as `unpivot` leaves
//! them). That rows are in such an order is found ([`find`]) by comparing neighbours, in the time that it takes to read them.

mod find;

use std::ops::Range;

use crate::bitset::{BitMatrix, WORD_BITS, below, words_for};
use crate::parallel;
use crate::responses::Source;
pub use find::{Column, Found, find};

/// Which user and which question each row is of.
#[derive(Debug)]
pub struct Regular {
    order: Order,
    /// What users answered.
    sequences: Vec<Sequence>,
    questions: usize,
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
    /// The same, as stretches of questions with consecutive ids.
    pub stretches: Vec<Stretch>,
    /// The same, as a bitset.
    answered: Vec<u64>,
}

/// A stretch of a [`Sequence`].
#[derive(Debug)]
pub struct Stretch {
    /// Where it begins in the sequence.
    start: usize,
    /// The id of its first question, and how many there are of the sequence with lower ids.
    pub question: usize,
    pub rank: usize,
    length: usize,
}

impl Stretch {
    /// Its part of something for each question of the sequence.
    pub fn of<'a, T>(&self, values: &'a [T]) -> &'a [T] {
        &values[self.start..][..self.length]
    }
}

impl Sequence {
    /// `None` if a question is there twice.
    fn new(questions: &[u32], of_all: usize) -> Option<Self> {
        let mut answered = vec![0u64; words_for(of_all)];
        for question in questions.iter().map(|&question| question as usize) {
            let (word, bit) = (&mut answered[question / WORD_BITS], 1 << (question % WORD_BITS));
            if *word & bit != 0 {
                return None;
            }
            *word |= bit;
        }
        let rank = |question: usize| {
            let (before, word) = (&answered[..question / WORD_BITS], answered[question / WORD_BITS]);
            let of_others: u32 = before.iter().map(|word| word.count_ones()).sum();
            (of_others + (word & below(question)).count_ones()) as usize
        };
        let mut start = 0;
        let stretches = questions.chunk_by(|&a, &b| a + 1 == b).map(|stretch| {
            let (question, length) = (stretch[0] as usize, stretch.len());
            start += length;
            Stretch { start: start - length, question, rank: rank(question), length }
        });
        Some(Self { questions: questions.to_vec(), stretches: stretches.collect(), answered })
    }
}

/// Scores that are read together: they stay in the first-level cache.
const SCORES_AT_ONCE: usize = 1 << 11;

impl Regular {
    /// Number of users, and of questions.
    pub fn ids(&self) -> (usize, usize) {
        let users = match &self.order {
            Order::ByUser { sequences, .. } => sequences.len(),
            Order::ByQuestion { users } => *users,
        };
        (users, self.questions)
    }

    /// How many responses users before `user` have.
    pub fn responses_before(&self, user: usize) -> usize {
        match &self.order {
            Order::ByUser { starts, .. } => starts[user] as usize,
            Order::ByQuestion { .. } => user * self.questions,
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
            let width = words_for(questions);
            for (user, words) in users.zip(words.chunks_exact_mut(width)) {
                words.copy_from_slice(&self.sequences[self.sequence(user)].answered);
            }
            true
        })
        .flatten()
    }

    /// Calls `visit(user, sequence, values)` for each of some users in order, as long as that is `true`; tells whether it always
    /// was. The values are what `map` makes of the user's scores of `responses`, which this is the order of, on the
    /// questions of that sequence.
    pub fn all<S: Source, T: Copy>(
        &self,
        responses: &S,
        users: Range<usize>,
        map: impl Fn(S::Score) -> T,
        mut visit: impl FnMut(usize, &Sequence, &[T]) -> bool,
    ) -> bool {
        let (mut values, mut by_question) = (Vec::new(), Vec::new());
        let mut next = users.start;
        while next < users.end {
            let first = next;
            next += 1;
            values.clear();
            match &self.order {
                Order::ByUser { starts, sequences } => {
                    let start = starts[first] as usize;
                    while next < users.end && starts[next + 1] as usize - start <= SCORES_AT_ONCE {
                        next += 1;
                    }
                    for scores in responses.scores(start..starts[next] as usize) {
                        values.extend(scores.map(&map));
                    }
                    let mut left = &values[..];
                    for user in first..next {
                        let (of_user, others) = left.split_at((starts[user + 1] - starts[user]) as usize);
                        if !visit(user, &self.sequences[sequences[user] as usize], of_user) {
                            return false;
                        }
                        left = others;
                    }
                }
                Order::ByQuestion { users: of_all } => {
                    next = (first + (SCORES_AT_ONCE / self.questions).max(1)).min(users.end);
                    by_question.clear();
                    for start in (0..self.questions).map(|question| question * of_all) {
                        for scores in responses.scores(start + first..start + next) {
                            by_question.extend(scores.map(&map));
                        }
                    }
                    values.clone_from(&by_question);
                    for (user, of_user) in values.chunks_exact_mut(self.questions).enumerate() {
                        let of_user_by_question = by_question[user..].iter().step_by(next - first);
                        of_user.iter_mut().zip(of_user_by_question).for_each(|(to, &value)| *to = value);
                    }
                    let of_users = values.chunks_exact(self.questions);
                    if !(first..next)
                        .zip(of_users)
                        .all(|(user, of_user)| visit(user, &self.sequences[0], of_user))
                    {
                        return false;
                    }
                }
            }
        }
        true
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

#[cfg(test)]
mod tests;
