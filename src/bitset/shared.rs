//! A matrix of bits that several threads set at once.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{BitMatrix, locate, words_for};

/// A [`BitMatrix`] in the making.
pub struct SharedBits {
    words: Vec<AtomicU64>,
    words_per_row: usize,
    columns: usize,
}

impl SharedBits {
    /// A matrix of zeros, or `None` where its size overflows or the memory is not to be had.
    pub fn try_zeros(rows: usize, columns: usize) -> Option<Self> {
        let words_per_row = words_for(columns);
        let length = rows.checked_mul(words_per_row)?;
        let mut words = Vec::new();
        words.try_reserve_exact(length).ok()?;
        words.resize_with(length, AtomicU64::default);
        Some(Self { words, words_per_row, columns })
    }

    /// For one thread.
    pub fn setter(&self) -> Setter<'_> {
        Setter { bits: self, word: 0, pending: 0, has_met_set_bits: false }
    }

    /// Once all threads are done.
    pub fn into_matrix(self) -> BitMatrix {
        let Self { words, words_per_row, columns } = self;
        // In place: both are words of the same size.
        BitMatrix { words: words.into_iter().map(AtomicU64::into_inner).collect(), words_per_row, columns }
    }
}

/// Sets bits, and knows whether any was set before, by whomever.
///
/// Each takes an atomic operation, so the bits of a word are set together where they come one after the other, as
/// most do where a user's responses are neighbours.
pub struct Setter<'a> {
    bits: &'a SharedBits,
    word: usize,
    pending: u64,
    has_met_set_bits: bool,
}

impl Setter<'_> {
    /// Sets a bit, or not: which of both is not to be predicted, so no branch depends on it.
    #[inline]
    pub fn set_if(&mut self, is_set: bool, row: usize, column: usize) {
        debug_assert!(column < self.bits.columns, "a bit beyond the columns breaks the tail invariant");
        let (word, mask) = locate(column);
        let mask = if is_set { mask } else { 0 };
        let word = row * self.bits.words_per_row + word;
        if word != self.word {
            self.write();
            self.word = word;
        }
        self.has_met_set_bits |= self.pending & mask != 0;
        self.pending |= mask;
    }

    #[inline]
    fn write(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if pending != 0 {
            // Bits are only ever set, and read when all threads are done: no order matters.
            let before = self.bits.words[self.word].fetch_or(pending, Relaxed);
            self.has_met_set_bits |= before & pending != 0;
        }
    }

    /// Writes what is left; tells whether a bit was set twice, by this thread or after another had set it.
    pub fn finish(mut self) -> bool {
        self.write();
        self.has_met_set_bits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parallel;

    proptest! {
        #[test]
        fn as_one_thread_would(
            columns in prop_oneof![1usize..4, 63usize..66, 127usize..130],
            cells in prop::collection::vec((0usize..5, any::<prop::sample::Index>()), 0..60),
            setters in 1usize..4,
        ) {
            let cells: Vec<(usize, usize)> =
                cells.into_iter().map(|(row, column)| (row, column.index(columns))).collect();
            let shared = SharedBits::try_zeros(5, columns).unwrap();
            let mut expected = BitMatrix::try_zeros(5, columns).unwrap();
            let mut is_repeated = false;
            for cells in cells.chunks(cells.len().div_ceil(setters).max(1)) {
                let mut setter = shared.setter();
                for &(row, column) in cells {
                    let is_set = (row + column) % 3 > 0;
                    setter.set_if(is_set, row, column);
                    is_repeated |= is_set && !expected.insert(row, column);
                }
                prop_assert_eq!(setter.finish(), is_repeated);
                // Each setter tells of its own bits only.
                is_repeated = false;
            }
            prop_assert_eq!(shared.into_matrix(), expected);
        }
    }

    #[test]
    fn threads_lose_no_bit_and_no_repetition() {
        const COLUMNS: usize = 100;
        let rows = 4 * parallel::PARALLEL_ROWS / COLUMNS;
        for repeated in [false, true] {
            // Neighbours are far apart, so that threads meet in every word.
            let cell = |i: usize| (i * 7919) % (rows * COLUMNS);
            let cells = rows * COLUMNS + usize::from(repeated);
            let shared = SharedBits::try_zeros(rows, COLUMNS).unwrap();
            let met = parallel::map_stretches(cells, |stretch| {
                let mut setter = shared.setter();
                stretch.for_each(|i| setter.set_if(true, cell(i) / COLUMNS, cell(i) % COLUMNS));
                setter.finish()
            });
            assert_eq!(met.contains(&true), repeated);
            assert!(shared.into_matrix().is_full());
        }
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        assert!(SharedBits::try_zeros(usize::MAX, 65).is_none());
    }
}
