//! How the search reads scores and judges sums, for each kind of scores.
//!
//! The tree walk and the kernel are written once, over [`Scoring`].

use std::borrow::Cow;
use std::marker::PhantomData;

use crate::bitset::{BitMatrix, WORD_BITS, below};
use crate::double_double::DoubleDouble;
use crate::matrix::{Floats, Integers, Packed};
use crate::moments::{
    Correlations, FloatSums, IntegerSums, RankBy, Rounding, SumInteger, Totals, float_correlations,
};

/// Scores, grand totals and sums of one kind.
pub trait Scoring: Send + Sync + Sized {
    /// A set total or a grand total.
    type Number: Copy + Default + Send + Sync + std::ops::Add<Output = Self::Number>;
    /// The six sums of one set.
    type Sums: Copy + Default;
    /// A place in the scores, from which those of one word of `answered` are read in order.
    type Cursor;

    /// The same of the given users, in their order. `answered` is who answered what here.
    fn gather(&self, users: &[u32], answered: &BitMatrix) -> Self;

    /// The grand total of `user`.
    fn total(&self, user: usize) -> Self::Number;

    /// The place of the first answered cell of `word` after `skipped`, the answered cells before it.
    fn cursor(&self, word: usize, skipped: u64) -> Self::Cursor;

    /// The score at the cursor, which is one for `question`; the cursor moves on.
    fn next(&self, cursor: &mut Self::Cursor, question: usize) -> Self::Number;

    fn add(sums: &mut Self::Sums, x: Self::Number, t: Self::Number);

    /// The number of users summed up.
    fn n(sums: &Self::Sums) -> u32;

    /// Whether a set with these sums certainly ranks below `threshold`. May be false for one that does.
    fn ranks_below(&self, sums: &Self::Sums, threshold: f64, rank_by: RankBy) -> bool;

    /// The correlations to report for `set`, all of whose common users are among `users`.
    fn correlations(
        &self,
        answered: &BitMatrix,
        sums: &Self::Sums,
        set: &[u32],
        users: &[u32],
    ) -> Correlations;
}

/// The scores of integer kinds, by how they are stored.
pub trait Points: Clone + Send + Sync {
    type Cursor;

    fn gather(&self, users: &[u32], answered: &BitMatrix) -> Self;

    fn cursor(&self, word: usize, skipped: u64) -> Self::Cursor;

    fn next(&self, cursor: &mut Self::Cursor, question: usize) -> i64;
}

/// Scores of 0 or 1: the cursor is the word of the ones.
impl Points for BitMatrix {
    type Cursor = u64;

    fn gather(&self, users: &[u32], _answered: &BitMatrix) -> Self {
        Self::gather(self, users)
    }

    fn cursor(&self, word: usize, _skipped: u64) -> u64 {
        self.words()[word]
    }

    fn next(&self, cursor: &mut u64, question: usize) -> i64 {
        (*cursor >> (question % WORD_BITS) & 1) as i64
    }
}

impl<T: Copy + Default + Send + Sync + Into<i64>> Points for Packed<T> {
    type Cursor = usize;

    fn gather(&self, users: &[u32], answered: &BitMatrix) -> Self {
        Self::gather(self, users, answered)
    }

    fn cursor(&self, word: usize, skipped: u64) -> usize {
        self.position(word, skipped)
    }

    fn next(&self, cursor: &mut usize, _question: usize) -> i64 {
        let value = self.value(*cursor);
        *cursor += 1;
        value.into()
    }
}

/// Integer scores, summed in `A`.
pub struct IntegerScoring<'a, P: Points, A> {
    integers: Cow<'a, Integers<P>>,
    sums: PhantomData<fn() -> A>,
}

impl<'a, P: Points, A: SumInteger> IntegerScoring<'a, P, A> {
    /// Sums must fit into `A`: see [`sums_fit`](crate::moments::sums_fit).
    pub fn new(integers: &'a Integers<P>) -> Self {
        Self { integers: Cow::Borrowed(integers), sums: PhantomData }
    }
}

impl<P: Points, A: SumInteger> Scoring for IntegerScoring<'_, P, A> {
    type Number = i64;
    type Sums = IntegerSums<A>;
    type Cursor = P::Cursor;

    fn gather(&self, users: &[u32], answered: &BitMatrix) -> Self {
        Self { integers: Cow::Owned(self.integers.gather(users, answered)), sums: PhantomData }
    }

    fn total(&self, user: usize) -> i64 {
        self.integers.totals[user]
    }

    fn cursor(&self, word: usize, skipped: u64) -> P::Cursor {
        self.integers.points.cursor(word, skipped)
    }

    fn next(&self, cursor: &mut P::Cursor, question: usize) -> i64 {
        self.integers.points.next(cursor, question)
    }

    fn add(sums: &mut IntegerSums<A>, x: i64, t: i64) {
        sums.add(x, t);
    }

    fn n(sums: &IntegerSums<A>) -> u32 {
        sums.n()
    }

    fn ranks_below(&self, sums: &IntegerSums<A>, threshold: f64, rank_by: RankBy) -> bool {
        sums.ranks_below(threshold, rank_by)
    }

    fn correlations(
        &self,
        _answered: &BitMatrix,
        sums: &IntegerSums<A>,
        _set: &[u32],
        _users: &[u32],
    ) -> Correlations {
        sums.correlations()
    }
}

/// Float scores: sums of centred values rule sets out, the values themselves make what is reported.
pub struct FloatScoring<'a> {
    floats: Cow<'a, Floats>,
    rounding: Rounding,
}

impl<'a> FloatScoring<'a> {
    /// For sets of `k` questions.
    pub fn new(floats: &'a Floats, k: usize) -> Self {
        Self { floats: Cow::Borrowed(floats), rounding: floats.rounding(k) }
    }

    /// The score of an answered cell.
    fn score(&self, answered: &BitMatrix, user: usize, question: usize) -> f64 {
        let word = user * answered.words_per_row() + question / WORD_BITS;
        let skipped = answered.words()[word] & below(question);
        self.floats.points.value(self.floats.points.position(word, skipped))
    }
}

impl Scoring for FloatScoring<'_> {
    type Number = f64;
    type Sums = FloatSums;
    type Cursor = usize;

    fn gather(&self, users: &[u32], answered: &BitMatrix) -> Self {
        Self { floats: Cow::Owned(self.floats.gather(users, answered)), rounding: self.rounding }
    }

    fn total(&self, user: usize) -> f64 {
        self.floats.centred_totals[user]
    }

    fn cursor(&self, word: usize, skipped: u64) -> usize {
        self.floats.points.position(word, skipped)
    }

    fn next(&self, cursor: &mut usize, question: usize) -> f64 {
        let value = self.floats.points.value(*cursor);
        *cursor += 1;
        value - self.floats.centres[question]
    }

    fn add(sums: &mut FloatSums, x: f64, t: f64) {
        sums.add(x, t);
    }

    fn n(sums: &FloatSums) -> u32 {
        sums.n()
    }

    fn ranks_below(&self, sums: &FloatSums, threshold: f64, rank_by: RankBy) -> bool {
        sums.ranks_below(threshold, rank_by, self.rounding)
    }

    /// X, T and T − X are the exact sums of the scores, each rounded once.
    fn correlations(
        &self,
        answered: &BitMatrix,
        _sums: &FloatSums,
        set: &[u32],
        users: &[u32],
    ) -> Correlations {
        let empty = |noise| Totals { values: Vec::new(), noise };
        let noise = self.floats.noise(answered.columns());
        let (mut xs, mut ts, mut rests) = (empty(self.floats.noise(set.len())), empty(noise), empty(noise));
        for user in users.iter().map(|&user| user as usize) {
            if !set.iter().all(|&question| answered.contains(user, question as usize)) {
                continue;
            }
            let mut x = DoubleDouble::default();
            set.iter().for_each(|&question| x += self.score(answered, user, question as usize));
            let t = self.floats.totals[user];
            xs.values.push(x.round());
            ts.values.push(t.round());
            rests.values.push((t - x).round());
        }
        float_correlations(&xs, &ts, &rests)
    }
}
