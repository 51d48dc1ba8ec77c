//! Matrices of bits that several threads set at once.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{BitMatrix, WORD_BITS, words_for};

/// `N` equally large matrices in the making. Their bits are set together.
pub struct SharedBits<const N: usize> {
    words: [Vec<AtomicU64>; N],
    words_per_row: usize,
    columns: usize,
}

impl<const N: usize> SharedBits<N> {
    /// Matrices of zeros, or `None` where their size overflows or the memory is not to be had.
    pub fn try_zeros(rows: usize, columns: usize) -> Option<Self> {
        let words_per_row = words_for(columns);
        let length = rows.checked_mul(words_per_row)?;
        let mut words = [const { Vec::new() }; N];
        for words in &mut words {
            words.try_reserve_exact(length).ok()?;
            words.resize_with(length, AtomicU64::default);
        }
        Some(Self { words, words_per_row, columns })
    }

    /// For one thread.
    pub fn setter(&self) -> Setter<'_, N> {
        Setter { bits: self, word: 0, pending: [0; N] }
    }

    /// Once all threads are done.
    pub fn into_matrices(self) -> [BitMatrix; N] {
        let Self { words, words_per_row, columns } = self;
        words.map(|words| {
            // In place: both are words of the same size.
            let words = words.into_iter().map(AtomicU64::into_inner).collect();
            BitMatrix { words, words_per_row, columns }
        })
    }
}

/// Sets bits.
///
/// Each takes an atomic operation, so the bits of a word are set together where they come one after the other, as
/// most do where a user's responses are neighbours.
pub struct Setter<'a, const N: usize> {
    bits: &'a SharedBits<N>,
    word: usize,
    pending: [u64; N],
}

impl<const N: usize> Setter<'_, N> {
    /// Sets a bit of each matrix, or not: which of both is not to be predicted, so no branch depends on it.
    #[inline]
    pub fn set_if(&mut self, are_set: [bool; N], row: usize, column: usize) {
        debug_assert!(column < self.bits.columns, "a bit beyond the columns breaks the tail invariant");
        let word = row * self.bits.words_per_row + column / WORD_BITS;
        if word != self.word {
            self.write();
            self.word = word;
        }
        for (pending, is_set) in self.pending.iter_mut().zip(are_set) {
            *pending |= u64::from(is_set) << (column % WORD_BITS);
        }
    }

    #[inline]
    fn write(&mut self) {
        for (words, pending) in self.bits.words.iter().zip(&mut self.pending) {
            if *pending != 0 {
                // Bits are only ever set, and read when all threads are done: no order matters.
                words[self.word].fetch_or(std::mem::take(pending), Relaxed);
            }
        }
    }

    /// Writes what is left.
    pub fn finish(mut self) {
        self.write();
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
            let mut expected = [(); 2].map(|()| BitMatrix::try_zeros(5, columns).unwrap());
            for cells in cells.chunks(cells.len().div_ceil(setters).max(1)) {
                let mut setter = shared.setter();
                for &(row, column) in cells {
                    let are_set = [(row + column) % 3 > 0, (row + column) % 2 > 0];
                    setter.set_if(are_set, row, column);
                    for (expected, is_set) in expected.iter_mut().zip(are_set) {
                        if is_set {
                            expected.insert(row, column);
                        }
                    }
                }
                setter.finish();
            }
            prop_assert_eq!(shared.into_matrices(), expected);
        }
    }

    #[test]
    fn threads_lose_no_bit() {
        const COLUMNS: usize = 100;
        let rows = 4 * parallel::PARALLEL_ROWS / COLUMNS;
        // Neighbours are far apart, so that threads meet in every word.
        let cell = |i: usize| (i * 7919) % (rows * COLUMNS);
        let shared = SharedBits::try_zeros(rows, COLUMNS).unwrap();
        parallel::map_stretches(rows * COLUMNS, |stretch| {
            let mut setter = shared.setter();
            stretch.for_each(|i| setter.set_if([true], cell(i) / COLUMNS, cell(i) % COLUMNS));
            setter.finish();
        });
        assert!(shared.into_matrices().iter().all(BitMatrix::is_full));
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        assert!(SharedBits::<1>::try_zeros(usize::MAX, 65).is_none());
    }
}
