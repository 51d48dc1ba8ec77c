//! Columns of ids → their order, if it is a regular one.

use std::ops::Range;

use super::{Alike, Order, Regular, Sequence};
use crate::bitset::BitMatrix;
use crate::chunks::Runs;
use crate::parallel;

/// A column of ids of which any rows can be compared.
pub trait Column: Sync {
    /// Number of rows.
    fn rows(&self) -> usize;

    /// Extends runs of this column until one ends at `end` or behind it, by `most` at most.
    fn extend_runs(&self, runs: &mut Runs, end: usize, most: usize);

    /// How many of the parts that `ends` cut rows into, from the first on, have the values of the rows `pattern`, one by one.
    fn repeats(&self, ends: &[u32], pattern: Range<usize>) -> usize;

    /// Whether the values of two equally long ranges of rows are the same, one by one.
    fn same(&self, rows: Range<usize>, others: Range<usize>) -> bool {
        self.repeats(&[rows.start as u32, rows.end as u32], others) == 1
    }

    /// The row behind those from `row` on that have the same value as it.
    fn end_of_run(&self, row: usize) -> usize {
        let mut run = Runs::from(row);
        self.extend_runs(&mut run, self.rows(), 1);
        run.end()
    }

    /// Whether no two of the values at `rows`, which ascend, are the same.
    fn are_distinct(&self, rows: &[u32]) -> bool;

    /// Numbers the values at `rows`, which ascend, in order of first appearance there. Returns the id at each row, and for
    /// each id the row in which it appears first.
    fn number(&self, rows: Vec<u32>) -> Option<(Vec<u32>, Vec<u32>)>;
}

/// An order, and for each question the row in which it appears first: users and questions are numbered so.
pub struct Found {
    pub regular: Regular,
    pub question_rows: Vec<u32>,
}

/// The order of rows with these users and questions, equally many of both; `None` if it is not regular, or not worth it.
///
/// No user has two responses to one question in a regular order.
pub fn find(users: &dyn Column, questions: &dyn Column) -> Option<Found> {
    if users.rows() == 0 {
        return None;
    }
    by_user(users, questions).or_else(|| by_question(users, questions))
}

/// Responses that a user has on average, at least: with fewer, what is noted for each user takes as much as ids would.
pub(super) const LEAST_RESPONSES: usize = 8;

/// Of so many rows one may be of a new sequence. Where each user has another one, ids are to be looked up anyway.
const ROWS_PER_NEW: usize = 8;

/// Nothing is given up before so many users are seen, or so many new sequences, or so many rows of them beside the first.
pub(super) const PATIENCE: usize = 64;
const PATIENCE_IN_ROWS: usize = 1 << 16;

/// Sequences that a user's questions are compared with: those that came last. Twice as many made no difference for 30 booklets in
/// any order, for which these are too few (5.6 ns a row, and 5.7 by giving up).
const RECENT: usize = 16;

/// Questions of a span, on average over all responses, at least. Scores are taken by spans, which is slower than cell by cell where these
/// are shorter.
const LEAST_SPAN: usize = 4;

/// Users that are looked for together, before their questions are looked at.
const USERS_AT_ONCE: usize = 64;

/// Users whose responses are neighbours.
struct Neighbours {
    /// The runs of those that were looked for last, and whether all are sorted.
    last: Runs,
    /// All of them.
    alike: Vec<Alike>,
    users: usize,
    /// For each sequence the rows of the user who was the first to have it.
    rows: Vec<Range<usize>>,
}

fn by_user(users: &dyn Column, questions: &dyn Column) -> Option<Found> {
    let all = users.rows();
    let mut stretches =
        parallel::map_stretches(all, |stretch| neighbours(stretch, users, questions)).into_iter();
    let mut found = stretches.next()??;
    for stretch in stretches {
        found.append(stretch?);
    }

    let new_rows = found.rows.iter().flat_map(|rows| rows.start as u32..rows.end as u32);
    let (ids, question_rows) = questions.number(new_rows.collect())?;
    let mut left = &ids[..];
    let each: Vec<&[u32]> = found.rows.iter().filter_map(|rows| left.split_off(..rows.len())).collect();
    let regular = Regular {
        answered: answered(&each, question_rows.len())?,
        sequences: each.into_iter().map(Sequence::new).collect(),
        order: Order::ByUser { alike: found.alike, users: found.users },
    };
    let spans = regular
        .alike(0..found.users)
        .map(|(users, sequence)| users.len() * regular.sequences[sequence].spans.len());
    let is_worth_it = spans.sum::<usize>() * LEAST_SPAN <= all;
    let are_distinct = || found.last.are_sorted.contains(&true) || users.are_distinct(&regular.user_rows());
    (is_worth_it && are_distinct()).then_some(Found { regular, question_rows })
}

/// The questions of each sequence; `None` if one is there twice, or the memory is not to be had.
fn answered(sequences: &[&[u32]], questions: usize) -> Option<BitMatrix> {
    let mut answered = BitMatrix::try_zeros(sequences.len(), questions)?;
    let mut is_new = true;
    for (row, sequence) in sequences.iter().enumerate() {
        for &question in *sequence {
            is_new &= answered.insert(row, question as usize);
        }
    }
    is_new.then_some(answered)
}

impl Neighbours {
    /// Nobody; the first will begin at `row`.
    fn from(row: usize) -> Self {
        Self { last: Runs::from(row), alike: Vec::new(), users: 0, rows: Vec::new() }
    }

    /// Takes up so many more users, whose first response is at `row`.
    fn push(&mut self, users: usize, row: u32, sequence: u32) {
        if self.alike.last().is_none_or(|alike| alike.sequence != sequence) {
            self.alike.push(Alike { user: self.users as u32, row, sequence });
        }
        self.users += users;
    }

    /// Takes up those who come after these. Sequences that both have are there twice then, which changes nothing.
    fn append(&mut self, later: Self) {
        let sequences = self.rows.len() as u32;
        let users = self.users as u32;
        self.alike.extend(later.alike.into_iter().map(|Alike { user, row, sequence }| Alike {
            user: users + user,
            row,
            sequence: sequences + sequence,
        }));
        self.users += later.users;
        self.last.are_sorted = and(self.last.are_sorted, later.last.are_sorted);
        self.rows.extend(later.rows);
    }
}

/// The users whose first response is in `stretch`; `None` if the order is not regular, or not worth it.
fn neighbours(stretch: Range<usize>, users: &dyn Column, questions: &dyn Column) -> Option<Neighbours> {
    // Who began before it is of the stretch before.
    let first = stretch.start.checked_sub(1).map_or(0, |before| users.end_of_run(before));
    let mut found = Neighbours::from(first);
    let mut recent = Vec::<u32>::with_capacity(RECENT);
    let mut new = 0;
    while found.last.end() < stretch.end {
        found.last.forget();
        users.extend_runs(&mut found.last, stretch.end, USERS_AT_ONCE);
        let mut known = 0;
        while let starts = &found.last.starts()[known..]
            && let &[start, end, ..] = starts
        {
            // Nearly all are of the sequence before.
            if let Some(&sequence) = recent.first()
                && let repeats = questions.repeats(starts, found.rows[sequence as usize].clone())
                && repeats > 0
            {
                found.push(repeats, start, sequence);
                known += repeats;
                continue;
            }
            let rows = start as usize..end as usize;
            let is_known = |&sequence: &u32| {
                let others = found.rows[sequence as usize].clone();
                // Sequences that begin alike may end so, too, but most do not.
                others.len() == rows.len()
                    && questions.same(rows.end - 1..rows.end, others.end - 1..others.end)
                    && questions.same(rows.clone(), others)
            };
            if let Some(position) = recent.iter().skip(1).position(is_known) {
                recent[..=1 + position].rotate_right(1);
            } else {
                new += rows.len();
                recent.truncate(RECENT - 1);
                recent.insert(0, found.rows.len() as u32);
                found.rows.push(rows);
                let seen = end as usize - stretch.start;
                let are_many = found.rows.len() > PATIENCE || new - found.rows[0].len() > PATIENCE_IN_ROWS;
                if are_many && new * ROWS_PER_NEW > seen {
                    return None;
                }
            }
            found.push(1, start, recent[0]);
            known += 1;
        }
        let seen = found.last.end() - stretch.start;
        if found.users > PATIENCE && found.users * LEAST_RESPONSES > seen {
            return None;
        }
    }
    Some(found)
}

/// Rows of a question that are compared together: beside so many a call takes nothing.
const PIECE: usize = 1 << 12;

fn by_question(users: &dyn Column, questions: &dyn Column) -> Option<Found> {
    let all = users.rows();
    let of_each = questions.end_of_run(0);
    // What has one response to each question is of one user, and was not regular.
    if of_each < 2 || !all.is_multiple_of(of_each) {
        return None;
    }
    let are_regular = parallel::map_stretches(all, |stretch| {
        let mut row = stretch.start;
        while row < stretch.end {
            let of_first = row % of_each;
            let end = stretch.end.min(row - of_first + of_each).min(row + PIECE);
            // Each row but the first of a question is compared with the one before.
            let others = row.max(row - of_first + 1);
            let is_one_question = questions.same(others..end, others - 1..end - 1);
            let are_same_users = row < of_each || users.same(row..end, of_first..of_first + end - row);
            if !(are_same_users && is_one_question) {
                return false;
            }
            row = end;
        }
        true
    });
    if are_regular.contains(&false) {
        return None;
    }
    let question_rows = Vec::from_iter((0..all as u32).step_by(of_each));
    let sequence = Vec::from_iter(0..question_rows.len() as u32);
    let regular = Regular {
        order: Order::ByQuestion { users: of_each },
        answered: answered(&[&sequence], question_rows.len())?,
        sequences: vec![Sequence::new(&sequence)],
    };
    let are_distinct = questions.are_distinct(&question_rows)
        && (are_sorted(users, of_each) || users.are_distinct(&regular.user_rows()));
    are_distinct.then_some(Found { regular, question_rows })
}

/// Whether no two of the first rows have the same value because they are sorted.
fn are_sorted(column: &dyn Column, rows: usize) -> bool {
    let stretches = parallel::map_stretches(rows, |stretch| {
        let mut runs = Runs::from(stretch.start);
        let mut are_single = true;
        while runs.end() < stretch.end && are_single && runs.are_sorted.contains(&true) {
            let row = runs.end();
            runs.forget();
            column.extend_runs(&mut runs, stretch.end, USERS_AT_ONCE);
            are_single = runs.end() - row == runs.len();
        }
        runs.are_sorted.map(|is_sorted| is_sorted && are_single)
    });
    stretches.into_iter().fold([true; 2], and).contains(&true)
}

fn and([a, b]: [bool; 2], [c, d]: [bool; 2]) -> [bool; 2] {
    [a && c, b && d]
}
