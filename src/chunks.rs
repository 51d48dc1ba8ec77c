//! Columns in several pieces of memory, read as one.

use std::ops::Range;

/// Where the chunks of a column begin.
pub struct Starts {
    /// The first row of each chunk, and behind the last the number of all.
    starts: Vec<usize>,
    /// Chunks per row, in 2⁻³². Most chunks are about equally long, which tells where a row is.
    density: u64,
}

/// Bits behind the point of [`Starts::density`]: a row is less than 2³², and so is a chunk.
const FRACTION_BITS: u32 = 32;

impl Starts {
    /// Those of chunks of which none is empty.
    pub fn of(lengths: impl Iterator<Item = usize>) -> Self {
        let mut starts = vec![0];
        let mut end = 0;
        starts.extend(lengths.map(|length| {
            end += length;
            end
        }));
        let chunks = (starts.len() - 1) as u64;
        Self { density: (chunks << FRACTION_BITS) / end.max(1) as u64, starts }
    }

    /// The chunk that holds `row` and its place there; `None` behind the last row.
    #[inline]
    pub fn locate(&self, row: usize) -> Option<(usize, usize)> {
        // Whatever it is, it is checked.
        let guess = ((row as u64).wrapping_mul(self.density) >> FRACTION_BITS) as usize;
        let holds = |&chunk: &usize| {
            self.starts.get(chunk + 1).is_some_and(|&end| self.starts[chunk] <= row && row < end)
        };
        let near = [guess, guess + 1, guess.saturating_sub(1)].into_iter().find(holds);
        let chunk = near.unwrap_or_else(|| self.starts.partition_point(|&start| start <= row) - 1);
        (chunk + 1 < self.starts.len()).then(|| (chunk, row - self.starts[chunk]))
    }
}

/// A column in several slices.
///
/// ```
/// use polars_corrset::chunks::Chunks;
///
/// let users: Chunks<u8> = [&[7, 7][..], &[7, 9]].into_iter().collect();
/// assert_eq!((users.get(3), users.get(4)), (Some(9), None));
/// assert_eq!(users.run(0, 2), 3);
/// assert!(users.same(0..2, 1..3));
/// ```
pub struct Chunks<'a, T> {
    chunks: Vec<&'a [T]>,
    starts: Starts,
}

impl<'a, T> FromIterator<&'a [T]> for Chunks<'a, T> {
    fn from_iter<I: IntoIterator<Item = &'a [T]>>(chunks: I) -> Self {
        let chunks: Vec<&[T]> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        Self { starts: Starts::of(chunks.iter().map(|chunk| chunk.len())), chunks }
    }
}

impl<'a, T> Chunks<'a, T> {
    /// The slices that make the values at `rows`.
    pub fn slices(&self, rows: Range<usize>) -> impl Iterator<Item = &'a [T]> {
        self.pieces(rows, usize::MAX).map(|(_, values)| values)
    }

    /// The same, but none longer than `most`, each with its rows.
    pub fn pieces(
        &self,
        mut rows: Range<usize>,
        most: usize,
    ) -> impl Iterator<Item = (Range<usize>, &'a [T])> {
        std::iter::from_fn(move || {
            if rows.is_empty() {
                return None;
            }
            let values = self.from(rows.start);
            let values = &values[..values.len().min(most).min(rows.len())];
            let start = rows.start;
            rows.start += values.len();
            (!values.is_empty()).then_some((start..rows.start, values))
        })
    }

    /// The values from `row` on that are in one slice; nothing behind the last row.
    #[inline]
    pub fn from(&self, row: usize) -> &'a [T] {
        self.starts.locate(row).map_or(&[], |(chunk, place)| &self.chunks[chunk][place..])
    }
}

/// Values that are compared together.
const COMPARED_AT_ONCE: usize = 32;

impl<T: Copy + Eq> Chunks<'_, T> {
    /// How many rows from `row` on have the same value as it. To find that there are as many as guessed is fastest.
    pub fn run(&self, row: usize, guess: usize) -> usize {
        let values = self.from(row);
        let Some(&first) = values.first() else { return 0 };
        // Each as the one before: a comparison of memory, which no loop over values is as fast as.
        let are_same = |values: &[T]| {
            values
                .split_first()
                .is_none_or(|(&value, others)| value == first && *others == values[..others.len()])
        };
        if values.get(guess).is_some_and(|&next| next != first) && are_same(&values[..guess]) {
            return guess;
        }
        let mut length = 0;
        loop {
            let values = self.from(row + length);
            let blocks = values.chunks(COMPARED_AT_ONCE);
            let same = blocks.take_while(|block| are_same(block)).map(<[T]>::len).sum();
            let rest = &values[same..];
            length += same + rest.iter().take_while(|&&value| value == first).count();
            if values.is_empty() || !rest.is_empty() {
                return length;
            }
        }
    }

    /// The value at `row`.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T> {
        self.from(row).first().copied()
    }

    /// Whether the values of two equally long ranges of rows are the same, one by one.
    pub fn same(&self, rows: Range<usize>, others: Range<usize>) -> bool {
        let (values, other_values) = (self.from(rows.start), self.from(others.start));
        if let (Some(values), Some(others)) = (values.get(..rows.len()), other_values.get(..rows.len())) {
            return values == others;
        }
        let mut start = others.start;
        self.slices(rows).all(|values| {
            let mut left = values;
            while !left.is_empty() {
                let others = self.from(start);
                let length = left.len().min(others.len());
                if length == 0 || left[..length] != others[..length] {
                    return false;
                }
                start += length;
                left = &left[length..];
            }
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_and_comparisons_do_not_see_where_chunks_end(
            values in prop::collection::vec(prop_oneof![8 => Just(0u8), 1 => 0u8..3], 1..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
            [row, other, length] in any::<[prop::sample::Index; 3]>(),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(values.len() + 1)).collect();
            cuts.extend([0, values.len()]);
            cuts.sort();
            let chunks: Chunks<u8> = cuts.windows(2).map(|ends| &values[ends[0]..ends[1]]).collect();
            for row in 0..values.len() + 2 {
                prop_assert_eq!(chunks.get(row), values.get(row).copied());
            }

            let (row, other) = (row.index(values.len()), other.index(values.len()));
            let run = values[row..].iter().take_while(|&&value| value == values[row]).count();
            for guess in [run, 0, run - 1, run + 1, values.len()] {
                prop_assert_eq!(chunks.run(row, guess), run);
            }

            let length = length.index(values.len() - row.max(other) + 1);
            let [rows, others] = [row..row + length, other..other + length];
            prop_assert_eq!(
                chunks.same(rows.clone(), others.clone()),
                values[rows] == values[others]
            );
        }
    }

    #[test]
    fn no_rows() {
        let none: Chunks<u8> = [&[][..]].into_iter().collect();
        assert_eq!((none.get(0), none.run(0, 0), none.same(0..0, 0..0)), (None, 0, true));
    }
}
