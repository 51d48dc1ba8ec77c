//! Scores of 0 and 1: a product is an AND, a sum a count.

use crate::bitset::{BitMatrix, WORD_BITS, words_for};
use crate::isa::{BLOCK, Isa, Rows, STRIP, Strip, TILE};
use crate::moments::SumInteger;

use super::{PairScores, Users, prefetch_part};

/// Strips of a column that are in use at once.
const STRIPS: usize = 32;

/// A bit for some users in each of some columns.
#[derive(Debug)]
pub struct Columns {
    strips: Vec<Strip>,
    /// From one column to the next.
    stride: usize,
    /// Of a column, in use.
    used: usize,
}

impl Columns {
    /// With room for `users` in `words` times 64 columns.
    fn new(words: usize, users: usize) -> Self {
        // Odd, for else strips of the same users are all in few sets of the first-level cache: to transpose them takes 920 cycles
        // instead of 755 (Zen 4, 32 strips in a column).
        let stride = users.div_ceil(STRIP) | 1;
        Self { strips: vec![Strip::EMPTY; words * BLOCK * stride], stride, used: 0 }
    }

    /// Reads the bits of the next strip of users in 64 columns.
    #[inline(always)]
    fn set<I: Isa>(&mut self, isa: I, word: usize, strip: usize, rows: &Rows) {
        let first = word * BLOCK * self.stride + strip;
        isa.transpose_strip(rows, &mut self.strips[first..], self.stride);
        self.used = strip + 1;
    }

    fn column(&self, column: usize) -> &[Strip] {
        &self.strips[column * self.stride..][..self.used]
    }

    fn tile(&self, columns: [usize; TILE]) -> [&[Strip]; TILE] {
        columns.map(|column| self.column(column))
    }
}

impl PairScores for BitMatrix {
    const USERS_AT_ONCE: usize = STRIPS * STRIP;

    type Columns = Columns;

    fn columns(&self, questions: usize, users: usize) -> Columns {
        Columns::new(words_for(questions), users)
    }

    fn prefetch(&self, _answered: &BitMatrix, users: &Users, part: (usize, usize)) {
        if let Users::Rows(rows) = users {
            prefetch_part(self.rows_of(rows.clone()), part);
        }
    }

    #[inline(always)]
    fn read<I: Isa>(&self, isa: I, _answered: &BitMatrix, users: &Users, columns: &mut Columns) {
        for (strip, users) in users.chunks(STRIP).enumerate() {
            // Rows of one word are as they are to be transposed; where they are, they need not be copied first.
            if let Users::Rows(of) = &users
                && self.words_per_row() == 1
                && let Some(rows) = self.rows_of(of.clone()).as_chunks().0.first_chunk()
            {
                columns.set(isa, 0, strip, rows);
                continue;
            }
            for word in 0..self.words_per_row() {
                let mut rows: Rows = [[0; _]; _];
                let words = rows.as_flattened_mut();
                match &users {
                    Users::Rows(of) => self.copy_words(of.clone(), word, words),
                    Users::These(of) => {
                        for (to, &user) in words.iter_mut().zip(*of) {
                            *to = self.word(user as usize, word);
                        }
                    }
                }
                columns.set(isa, word, strip, &rows);
            }
        }
    }

    /// 1² = 1.
    #[inline(always)]
    fn sum<A: SumInteger>(_columns: &Columns, _question: usize, square: A) -> A {
        square
    }

    #[inline(always)]
    fn products<I: Isa, A: SumInteger>(
        isa: I,
        columns: &Columns,
        i: [usize; TILE],
        j: [usize; TILE],
        _largest: u64,
    ) -> [[A; TILE]; TILE] {
        isa.count_tile(columns.tile(i), columns.tile(j))
            .map(|row| row.map(|count| A::from(count.cast_signed())))
    }

    /// Counts those who scored by binary digit of their totals, which are columns of bits, too.
    #[inline(always)]
    fn add_xt<I: Isa, A: SumInteger>(
        isa: I,
        columns: &Columns,
        questions: &[u32],
        totals: &[i64],
        sums: &mut [A],
    ) {
        let least = totals.iter().copied().min().unwrap_or(0);
        let above_least = |total: i64| total.wrapping_sub(least).cast_unsigned();
        let range = totals.iter().map(|&total| above_least(total)).max().unwrap_or(0);
        let used = WORD_BITS - range.leading_zeros() as usize;
        let mut digits = Columns::new(1, totals.len());
        for (strip, totals) in totals.chunks(STRIP).enumerate() {
            let mut rows: Rows = [[0; _]; _];
            for (row, &total) in rows.as_flattened_mut().iter_mut().zip(totals) {
                *row = above_least(total);
            }
            digits.set(isa, 0, strip, &rows);
        }
        for questions in questions.chunks(TILE) {
            let mut tile = [questions[0] as usize; TILE];
            for (to, &question) in tile.iter_mut().zip(questions) {
                *to = question as usize;
            }
            // What wraps on the way comes back: no sum of totals is beyond an i64 (see `sums_fit`).
            let scored = isa.count_tile(columns.tile(tile), columns.tile(tile));
            let mut xt: [i64; TILE] = std::array::from_fn(|i| least.wrapping_mul(scored[i][i].cast_signed()));
            for first in (0..used).step_by(TILE) {
                let counts =
                    isa.count_tile(columns.tile(tile), digits.tile(std::array::from_fn(|i| first + i)));
                for (xt, counts) in xt.iter_mut().zip(counts) {
                    for (digit, count) in (first..).zip(counts) {
                        *xt = xt.wrapping_add(count.cast_signed() << digit);
                    }
                }
            }
            for (&question, xt) in questions.iter().zip(xt) {
                sums[question as usize] += A::from(xt);
            }
        }
    }
}
