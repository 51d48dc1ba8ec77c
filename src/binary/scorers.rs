//! How many of the common users of a set scored on each of its questions: what Cronbach's α needs beside the six sums.

use std::borrow::{Borrow, BorrowMut};

use crate::isa::{BLOCK, FieldSums, Fields, Isa, PART, PartSums, Pass};
use crate::moments::SquaredTotals;
use crate::tree::grow;

use super::{database, extension};

/// Questions of which one word tells whether a user scored. Four, so that each has a byte, and a run of users is seldom
/// shorter than their number where time is spent.
const MARKED: usize = 4;

/// On which of [`MARKED`] questions a user scored: 1 for each, else 0.
type Marks = Fields<MARKED>;

/// Users whose marks are summed up without loss.
const LONGEST_MARKED_RUN: usize = Marks::longest_run(1);

/// A database whose users are marked by the questions of its prefix on which they scored.
#[derive(Default)]
pub struct Database {
    pub users: database::Database,
    /// Questions of the prefix.
    prefix: usize,
    /// Words of the marks for [`MARKED`] questions each, those of all users, padding included, one word after another. There
    /// is room for one question more.
    marks: Vec<Marks>,
}

impl Database {
    /// That of the empty prefix.
    pub fn of_everyone(users: database::Database) -> Self {
        let marks = vec![Marks::default(); users.weights().len()];
        Self { users, prefix: 0, marks }
    }

    /// One word of the marks of each user.
    fn word(&self, word: usize) -> &[Marks] {
        let stride = self.users.weights().len();
        &self.marks[word * stride..][..stride]
    }

    /// How many words a user's marks take.
    fn words(&self) -> usize {
        self.prefix / MARKED + 1
    }

    /// Takes the marks of `extension`, once `users` are its users.
    #[inline(always)]
    pub fn take_marks(&mut self, parent: &Self, extension: &Extension) {
        self.prefix = parent.prefix + 1;
        let (stride, words) = (self.users.weights().len(), self.words());
        grow(&mut self.marks, words * stride);
        for word in 0..words {
            let mut to = &mut self.marks[word * stride..][..stride];
            if word == extension.words {
                to.fill(Marks::default());
                continue;
            }
            let mut marks = extension.word(word);
            for group in extension.users.groups() {
                let (of_group, others) = marks.split_at(group.len());
                let (to_group, to_others) = to.split_at_mut(group.len().next_multiple_of(BLOCK));
                to_group[..group.len()].copy_from_slice(of_group);
                (marks, to) = (others, to_others);
            }
        }
    }
}

/// Users of a database, marked by the questions of the longer prefix.
#[derive(Default)]
pub struct Extension {
    pub users: extension::Extension,
    /// The users, one total after another.
    in_a_row: Vec<u32>,
    /// How many words the marks of each take.
    words: usize,
    /// As those of the database.
    marks: Vec<Marks>,
}

impl Extension {
    /// The users of the database of the empty prefix.
    pub fn of_everyone(users: extension::Extension) -> Self {
        Self { users, ..Self::default() }
    }

    /// Takes the marks, once `users` are those of `database` with one question more.
    #[inline(always)]
    pub fn mark(&mut self, database: &Database) {
        let count = self.users.len();
        grow(&mut self.in_a_row, count);
        let mut places = self.in_a_row.as_mut_slice();
        for group in self.users.groups() {
            let (of_group, others) = places.split_at_mut(group.len());
            of_group.copy_from_slice(group);
            places = others;
        }
        self.words = database.words();
        let (blocks, place) = (database.users.blocks(), database.prefix % MARKED);
        grow(&mut self.marks, self.words * count);
        for word in 0..self.words {
            let of_database = database.word(word);
            let mut marks = &mut self.marks[word * count..][..count];
            let is_last = word == self.words - 1;
            let mut end = 0;
            for (total, group) in self.users.groups().rev().enumerate().rev() {
                let (of_group, others) = marks.split_at_mut(group.len());
                end += blocks.get(total).map_or(0, |count| count * BLOCK);
                for (marks, &user) in of_group.iter_mut().zip(group) {
                    let user = user as usize;
                    // Who had less before, as higher totals come first.
                    let has_scored = is_last && user >= end;
                    *marks = of_database[user].with(place, has_scored.into());
                }
                marks = others;
            }
        }
    }

    /// One word of the marks of each user.
    fn word(&self, word: usize) -> &[Marks] {
        &self.marks[word * self.users.len()..][..self.users.len()]
    }
}

/// The six sums of the sets of a part, and how many users scored.
#[derive(Clone, Copy, Default)]
pub struct Sums {
    pub six: PartSums,
    /// Over the questions of a set, of the squared number of its users who scored.
    pub squares: [f64; PART],
}

impl BorrowMut<PartSums> for Sums {
    fn borrow_mut(&mut self) -> &mut PartSums {
        &mut self.six
    }
}

impl Borrow<PartSums> for Sums {
    fn borrow(&self) -> &PartSums {
        &self.six
    }
}

/// Passes over the users of `extension`, one for each word of their marks, that add the squares to the six sums.
pub struct AddSquares<'a, I> {
    pub isa: I,
    pub database: &'a Database,
    pub extension: &'a Extension,
}

impl<I: Isa> Pass<Sums> for AddSquares<'_, I> {
    #[inline(always)]
    fn parts_at_once() -> usize {
        I::FIELD_PARTS
    }

    #[inline(always)]
    fn pass<const N: usize>(&self, first: usize, found: &mut [Sums]) {
        let Self { isa, database, extension } = *self;
        let responses: [&[u32]; N] = std::array::from_fn(|part| database.users.words(first + part));
        let stride = database.users.weights().len();
        let mut squares = [SquaredTotals::new([0.0; PART]); N];
        for (squares, found) in squares.iter_mut().zip(&*found) {
            *squares = SquaredTotals::new(found.six.x.map(f64::from));
        }
        for word in 0..extension.words {
            let (users, marks) = (&extension.in_a_row[..extension.users.len()], extension.word(word));
            let mut scorers = [FieldSums::default(); N];
            for start in (0..users.len()).step_by(LONGEST_MARKED_RUN) {
                let run = start..users.len().min(start + LONGEST_MARKED_RUN);
                let mut sums = [isa.zero_words(); N];
                for (&user, marks) in users[run.clone()].iter().zip(&marks[run]) {
                    let user = user as usize;
                    debug_assert!(user < stride);
                    for (responses, sums) in responses.iter().zip(&mut sums) {
                        // SAFETY: an extension's users are those of its database, which has twice as many words in each part,
                        // less one at most.
                        unsafe { isa.add_fields(sums, *responses.get_unchecked(2 * user) as u16, marks) };
                    }
                }
                for (sums, scorers) in sums.into_iter().zip(&mut scorers) {
                    isa.finish_fields::<MARKED>(sums, scorers);
                }
            }
            for (scorers, squares) in scorers.iter().zip(&mut squares) {
                for scorers in scorers {
                    squares.take(&scorers.map(f64::from));
                }
            }
        }
        for (squares, found) in squares.into_iter().zip(found) {
            found.squares = squares.finish();
        }
    }
}
