//! Sets of small integers as bits of `u64` words, and matrices of them.
//!
//! Invariant of every bitset here: the bits of the last word beyond the set's capacity are zero, so
//! counting and iterating need no special case for the tail.

mod shared;

use std::ops::Range;

use crate::isa::{Isa, Portable};
use crate::parallel;
pub use shared::SharedBits;

/// Bits in one word.
pub const WORD_BITS: usize = u64::BITS as usize;

/// Rows that are looked at together for whether all their bits are set. A matrix that is not full is nearly always told by the
/// first of these.
const ROWS_AT_ONCE: usize = 64;

/// Words that hold `bits` bits.
pub const fn words_for(bits: usize) -> usize {
    bits.div_ceil(WORD_BITS)
}

/// The word that holds `bit`, and the bit's mask inside it.
const fn locate(bit: usize) -> (usize, u64) {
    (bit / WORD_BITS, 1 << (bit % WORD_BITS))
}

/// The mask of the bits below `bit` inside its word.
pub const fn below(bit: usize) -> u64 {
    (1 << (bit % WORD_BITS)) - 1
}

/// The set bits of one word, lowest first.
pub fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            bit
        })
    })
}

/// Sets the bits of `to` from `start` on that are set in `source` from `first` on, `count` of them.
#[inline(always)]
pub fn copy(to: &mut [u64], start: usize, source: &[u64], first: usize, count: usize) {
    let mut copied = 0;
    while copied < count {
        let into = start + copied;
        // As many as are in one word of `to`.
        let length = (WORD_BITS - into % WORD_BITS).min(count - copied);
        to[into / WORD_BITS] |= bits_from(source, first + copied, length) << (into % WORD_BITS);
        copied += length;
    }
}

/// The bits of `source` from `first` on, from 1 to 64 of them.
#[inline(always)]
fn bits_from(source: &[u64], first: usize, count: usize) -> u64 {
    let (word, shift) = (first / WORD_BITS, first % WORD_BITS);
    let next = source.get(word + 1).map_or(0, |&next| next);
    // Shifted twice, since by all its bits a word cannot be shifted: no branch, which cannot be predicted.
    let bits = source[word] >> shift | next << 1 << (WORD_BITS - 1 - shift);
    bits & (u64::MAX >> (WORD_BITS - count))
}

/// A matrix of bits, one bitset per row, rows contiguous.
#[derive(Clone, Debug, PartialEq)]
pub struct BitMatrix {
    words: Vec<u64>,
    words_per_row: usize,
    columns: usize,
}

impl BitMatrix {
    /// A matrix of zeros, or `None` where its size overflows or the memory is not to be had.
    pub fn try_zeros(rows: usize, columns: usize) -> Option<Self> {
        let words_per_row = words_for(columns);
        let words = parallel::try_zeros(rows.checked_mul(words_per_row)?)?;
        Some(Self { words, words_per_row, columns })
    }

    /// A matrix of which `fill` makes some rows of zeros, on several threads where that pays. The inner `None` if it was `false`
    /// of any; the outer as in [`try_zeros`](Self::try_zeros).
    pub fn filled(
        rows: usize,
        columns: usize,
        fill: impl Fn(Range<usize>, &mut [u64]) -> bool + Sync,
    ) -> Option<Option<Self>> {
        let mut matrix = Self::try_zeros(rows, columns)?;
        let width = matrix.words_per_row;
        let is_filled = parallel::fill_stretches(rows, columns, &mut matrix.words, |row| row * width, fill);
        Some(is_filled.then_some(matrix))
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn rows(&self) -> usize {
        self.words.len() / self.words_per_row.max(1)
    }

    pub fn words_per_row(&self) -> usize {
        self.words_per_row
    }

    /// The memory that it takes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.words[..])
    }

    /// All words, row after row.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The matrix with rows and columns exchanged. `None` where the memory is not to be had.
    pub fn transposed(&self, rows: usize) -> Option<Self> {
        let mut transposed = Self::try_zeros(self.columns, rows)?;
        let width = transposed.words_per_row;
        let start = |word: usize| self.columns.min(word * WORD_BITS) * width;
        let work = rows * WORD_BITS;
        parallel::fill_stretches(self.words_per_row, work, &mut transposed.words, start, |words, to| {
            for (word, to) in words.zip(to.chunks_mut((WORD_BITS * width).max(1))) {
                for column in 0..width {
                    let mut block = [0; WORD_BITS];
                    let block_rows = (column * WORD_BITS..rows).take(WORD_BITS);
                    for (bits, row) in block.iter_mut().zip(block_rows) {
                        *bits = self.words[row * self.words_per_row + word];
                    }
                    let block = Portable.transpose(&block);
                    to.iter_mut()
                        .skip(column)
                        .step_by(width)
                        .zip(0..)
                        .for_each(|(to, row)| *to = block.row(row));
                }
            }
            true
        });
        Some(transposed)
    }

    /// The rows at `rows` alone, in that order. `None` where the memory is not to be had.
    pub fn of_rows(&self, rows: &[u32]) -> Option<Self> {
        let mut part = Self::try_zeros(rows.len(), self.columns)?;
        if self.words_per_row > 0 {
            for (words, &row) in part.words.chunks_exact_mut(self.words_per_row).zip(rows) {
                words.copy_from_slice(self.row(row as usize));
            }
        }
        Some(part)
    }

    /// The words of one row.
    pub fn row(&self, row: usize) -> &[u64] {
        &self.words[row * self.words_per_row..][..self.words_per_row]
    }

    /// The words of some rows.
    pub fn rows_of(&self, rows: Range<usize>) -> &[u64] {
        &self.words[rows.start * self.words_per_row..rows.end * self.words_per_row]
    }

    /// Copies one word of each of some rows.
    pub fn copy_words(&self, rows: Range<usize>, word: usize, to: &mut [u64]) {
        let words = self.rows_of(rows);
        if self.words_per_row == 1 {
            to[..words.len()].copy_from_slice(words);
        } else {
            to.iter_mut()
                .zip(words[word..].iter().step_by(self.words_per_row))
                .for_each(|(to, &word)| *to = word);
        }
    }

    /// Whether all bits are set.
    pub fn is_full(&self) -> bool {
        parallel::map_stretches(self.rows(), |rows| self.are_full(rows)).into_iter().all(|are_full| are_full)
    }

    /// Whether all bits of some rows are set.
    fn are_full(&self, rows: Range<usize>) -> bool {
        let width = self.words_per_row;
        let words = self.rows_of(rows);
        // Zeros are beyond the last column.
        let last = u64::MAX >> ((WORD_BITS - self.columns % WORD_BITS) % WORD_BITS);
        let full = |word: usize| if word + 1 == width { last } else { u64::MAX };
        words.chunks((width * ROWS_AT_ONCE).max(1)).all(|rows| {
            (0..width).all(|word| {
                rows[word..].iter().step_by(width).fold(u64::MAX, |all, word| all & word) == full(word)
            })
        })
    }

    /// One word of one row.
    pub fn word(&self, row: usize, word: usize) -> u64 {
        self.words[row * self.words_per_row + word]
    }

    /// The columns whose bits of one row are set, in order.
    pub fn ones_of(&self, row: usize) -> impl Iterator<Item = usize> {
        let words = self.row(row).iter().enumerate();
        words.flat_map(|(word, &bits)| ones(bits).map(move |bit| word * WORD_BITS + bit))
    }

    /// How many bits of one row are set.
    pub fn ones(&self, row: usize) -> usize {
        self.row(row).iter().map(|word| word.count_ones() as usize).sum()
    }

    /// How many bits are set.
    pub fn count(&self) -> usize {
        let count = |rows| self.rows_of(rows).iter().map(|word| word.count_ones() as usize).sum::<usize>();
        parallel::map_stretches(self.rows(), count).into_iter().sum()
    }

    /// Sets one bit; tells whether it was zero before.
    pub fn insert(&mut self, row: usize, column: usize) -> bool {
        debug_assert!(column < self.columns, "a bit beyond the columns breaks the tail invariant");
        let (word, mask) = locate(column);
        let word = &mut self.words[row * self.words_per_row + word];
        let is_new = *word & mask == 0;
        *word |= mask;
        is_new
    }

    /// [`copy`] into one row.
    pub fn copy(&mut self, row: usize, column: usize, source: &[u64], first: usize, count: usize) {
        debug_assert!(column + count <= self.columns, "bits beyond the columns break the tail invariant");
        copy(&mut self.words[row * self.words_per_row..][..self.words_per_row], column, source, first, count);
    }

    pub fn contains(&self, row: usize, column: usize) -> bool {
        let (word, mask) = locate(column);
        self.words[row * self.words_per_row + word] & mask != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Sizes around the word boundaries.
    const SIZES: [usize; 10] = [0, 1, 2, 63, 64, 65, 127, 128, 129, 200];

    #[test]
    fn copied_bits_are_those_of_the_source() {
        for columns in SIZES {
            let mut source = BitMatrix::try_zeros(1, columns).unwrap();
            (0..columns).filter(|column| column * column % 7 < 3).for_each(|column| {
                source.insert(0, column);
            });
            for (first, count) in
                [(0, columns), (columns / 3, columns / 2), (columns / 2, 0), (columns.min(63), 0)]
            {
                for column in [0, 1, 62, 64, 100] {
                    let mut copy = BitMatrix::try_zeros(2, column + count).unwrap();
                    copy.copy(1, column, source.row(0), first, count);
                    let copied: Vec<bool> = (0..column + count).map(|bit| copy.contains(1, bit)).collect();
                    let expected = (0..count).map(|bit| source.contains(0, first + bit));
                    let expected: Vec<bool> = std::iter::repeat_n(false, column).chain(expected).collect();
                    assert_eq!(copied, expected, "{count} of {columns} from {first} to {column}");
                    assert!(copy.row(0).iter().all(|&word| word == 0));
                }
            }
        }
    }

    #[test]
    fn insert_contains_and_ones_agree_with_a_tree_set() {
        for columns in SIZES {
            let mut matrix = BitMatrix::try_zeros(3, columns).unwrap();
            let mut expected = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
            for step in 0..columns * 2 {
                let (row, column) = (step % 3, step * 7919 % columns);
                assert_eq!(matrix.insert(row, column), expected[row].insert(column), "{columns} columns");
            }
            for (row, expected) in expected.iter().enumerate() {
                let found: BTreeSet<usize> = matrix
                    .row(row)
                    .iter()
                    .enumerate()
                    .flat_map(|(word, &bits)| ones(bits).map(move |bit| word * WORD_BITS + bit))
                    .collect();
                assert_eq!(&found, expected, "{columns} columns, row {row}");
                for column in 0..columns {
                    assert_eq!(matrix.contains(row, column), expected.contains(&column));
                }
            }
        }
    }

    #[test]
    fn a_matrix_is_full_without_one_zero() {
        for columns in SIZES {
            let mut matrix = BitMatrix::try_zeros(ROWS_AT_ONCE + 3, columns).unwrap();
            for (row, column) in
                (0..matrix.rows()).flat_map(|row| (0..columns).map(move |column| (row, column)))
            {
                assert!(!matrix.is_full(), "({row}, {column}) is missing");
                matrix.insert(row, column);
            }
            assert!(matrix.is_full(), "{columns} columns");
        }
    }

    #[test]
    fn transposing_exchanges_rows_and_columns() {
        for rows in SIZES {
            for columns in SIZES {
                let mut matrix = BitMatrix::try_zeros(rows, columns).unwrap();
                for step in 0..rows * columns / 3 {
                    matrix.insert(step * 31 % rows, step * 7919 % columns);
                }
                let transposed = matrix.transposed(rows).unwrap();
                for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                    let context = format!("({row}, {column}) of {rows} × {columns}");
                    assert_eq!(transposed.contains(column, row), matrix.contains(row, column), "{context}");
                }
                assert_eq!(transposed.transposed(columns).unwrap(), matrix, "{rows} × {columns}");
            }
        }
    }

    #[test]
    fn below_masks_the_lower_bits() {
        assert_eq!(below(0), 0);
        assert_eq!(below(1), 1);
        assert_eq!(below(63), u64::MAX >> 1);
        assert_eq!(below(64), 0, "bit 64 is bit 0 of the next word");
        assert_eq!(below(66), 3);
    }

    #[test]
    fn a_matrix_that_cannot_exist_is_none() {
        assert!(BitMatrix::try_zeros(usize::MAX, 65).is_none());
        assert!(BitMatrix::try_zeros(usize::MAX / 1024, 65).is_none());
    }
}
