//! The points of a prefix's users on each of its questions: what Cronbach's α needs beside the six sums.

use crate::isa::{FieldSums, Fields, Isa, LARGEST_NARROW, PART, Pass};
use crate::moments::SquaredTotals;
use crate::tree::grow;

use super::alpha::Sums;
use super::database::Local;

/// Questions whose points share a word. Two, so that it holds the sums of at least 16 users, and of thousands where points
/// are as few as in most questionnaires.
const PAIR: usize = 2;

/// Squared points, summed.
type Square = Fields<1>;

/// Users whose squared points are summed up without loss: those of a user are at most its squared total.
const SQUARES_RUN: usize = Square::longest_run(LARGEST_NARROW * LARGEST_NARROW);

/// The points of some users on the questions of a prefix.
#[derive(Default)]
pub struct PrefixPoints {
    users: usize,
    questions: usize,
    /// Of each user its squared points, summed.
    squares: Vec<Square>,
    /// The points on a pair of questions of all users, and then those on the next.
    pairs: Vec<Fields<PAIR>>,
}

impl PrefixPoints {
    /// On the empty prefix.
    pub fn of_everyone(users: usize) -> Self {
        Self { users, squares: vec![Square::default(); users], ..Self::default() }
    }

    fn pairs(&self) -> usize {
        self.questions.div_ceil(PAIR)
    }

    /// The points of each user on a pair of questions.
    fn pair(&self, pair: usize) -> &[Fields<PAIR>] {
        &self.pairs[pair * self.users..][..self.users]
    }

    fn squares(&self) -> &[Square] {
        &self.squares[..self.users]
    }

    fn resize(&mut self, users: usize, questions: usize) {
        (self.users, self.questions) = (users, questions);
        grow(&mut self.squares, users);
        let words = self.pairs() * users;
        grow(&mut self.pairs, words);
    }

    /// Takes those of some `users` of a prefix that lacks one question, on which they have the points `last`.
    #[inline(always)]
    pub fn extend(&mut self, shorter: &Self, users: &[u32], last: &[u32]) {
        let count = users.len();
        self.resize(count, shorter.questions + 1);
        for ((square, &user), &points) in self.squares.iter_mut().zip(users).zip(last) {
            *square = shorter.squares[user as usize].plus(points * points);
        }
        let (last_pair, place) = (shorter.questions / PAIR, shorter.questions % PAIR);
        for pair in 0..shorter.pairs() {
            let from = shorter.pair(pair);
            for (to, &user) in self.pairs[pair * count..].iter_mut().zip(users) {
                *to = from[user as usize];
            }
        }
        let words = &mut self.pairs[last_pair * count..][..count];
        if place == 0 {
            words.fill(Fields::default());
        }
        for (word, &points) in words.iter_mut().zip(last) {
            *word = word.with(place, points);
        }
    }

    /// Becomes the same.
    #[inline(always)]
    pub fn copy(&mut self, other: &Self) {
        self.resize(other.users, other.questions);
        self.squares[..other.users].copy_from_slice(other.squares());
        let words = other.pairs() * other.users;
        self.pairs[..words].copy_from_slice(&other.pairs[..words]);
    }
}

/// Passes over `users` of `database` with the points `prefix`, none larger than `most`: one for the squares of their points,
/// and one for each pair of questions. They add to the six sums those of the points on each question.
pub struct AddSquares<'a, I> {
    pub isa: I,
    pub database: &'a Local<u16>,
    pub users: &'a [u32],
    pub prefix: &'a PrefixPoints,
    pub most: u32,
}

impl<I: Isa> Pass<Sums> for AddSquares<'_, I> {
    #[inline(always)]
    fn parts_at_once() -> usize {
        I::FIELD_PARTS
    }

    #[inline(always)]
    fn pass<const N: usize>(&self, first: usize, found: &mut [Sums]) {
        let Self { isa, database, users, prefix, most } = *self;
        let answered: [&[u16]; N] = std::array::from_fn(|part| database.answered(first + part));
        let points: [&[[u16; PART]]; N] = std::array::from_fn(|part| database.points(first + part));
        let count = database.weights().len();
        for (users, squares) in users.chunks(SQUARES_RUN).zip(prefix.squares().chunks(SQUARES_RUN)) {
            let mut sums = [isa.zero_words(); N];
            for (&user, square) in users.iter().zip(squares) {
                let user = user as usize;
                debug_assert!(user < count);
                for part in 0..N {
                    // SAFETY: an extension's users are those of its database, which has, in each part, responses for every
                    // user.
                    unsafe {
                        isa.add_fields(&mut sums[part], *answered[part].get_unchecked(user), square);
                        isa.add_squares(&mut sums[part], points[part].get_unchecked(user));
                    }
                }
            }
            for (sums, found) in sums.into_iter().zip(&mut *found) {
                let mut of_run = FieldSums::<1>::default();
                isa.finish_fields(sums, &mut of_run);
                add(&of_run[0], &mut found.squared);
            }
        }
        let mut squares = [SquaredTotals::new([0.0; PART]); N];
        for (squares, found) in squares.iter_mut().zip(&*found) {
            *squares = SquaredTotals::new(found.six.x.map(|x| x as f64));
        }
        let run = Fields::<PAIR>::longest_run(most);
        for pair in 0..prefix.pairs() {
            let mut totals = [[[0.0; PART]; PAIR]; N];
            for (users, words) in users.chunks(run).zip(prefix.pair(pair).chunks(run)) {
                let mut sums = [isa.zero_words(); N];
                for (&user, word) in users.iter().zip(words) {
                    let user = user as usize;
                    debug_assert!(user < count);
                    for (answered, sums) in answered.iter().zip(&mut sums) {
                        // SAFETY: as above.
                        unsafe { isa.add_fields(sums, *answered.get_unchecked(user), word) };
                    }
                }
                for (sums, totals) in sums.into_iter().zip(&mut totals) {
                    let mut of_run = FieldSums::<PAIR>::default();
                    isa.finish_fields(sums, &mut of_run);
                    for (of_run, totals) in of_run.iter().zip(totals) {
                        add(of_run, totals);
                    }
                }
            }
            for (totals, squares) in totals.iter().zip(&mut squares) {
                for totals in totals {
                    squares.take(totals);
                }
            }
        }
        for (squares, found) in squares.into_iter().zip(found) {
            found.squares = squares.finish();
        }
    }
}

#[inline(always)]
fn add(sums: &[i32; PART], totals: &mut [f64; PART]) {
    for (total, &sum) in totals.iter_mut().zip(sums) {
        *total += f64::from(sum);
    }
}
