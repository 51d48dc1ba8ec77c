//! Columns in several pieces of memory, read as one.

use std::ops::Range;

/// Runs: neighbours with the same value, as many as there are, one run after the other.
#[derive(Debug)]
pub struct Runs {
    /// The first row of each, and behind the last the row that follows it.
    starts: Vec<u32>,
    /// How long the last run is, which the next is nearly always, too.
    last_length: usize,
    /// Whether the values of runs, forgotten ones included, ascend strictly, in each of two orders. If they do in either, all runs
    /// have different values, and none needs to be hashed to find that out. The first run is compared with the row before it.
    pub are_sorted: [bool; 2],
}

impl Runs {
    /// No run; the first will begin at `row`.
    pub fn from(row: usize) -> Self {
        Self { starts: vec![row as u32], last_length: 0, are_sorted: [true; 2] }
    }

    /// Adds the run that begins at the [`end`](Self::end). `follow` is what of [`are_sorted`](Self::are_sorted) is true of it.
    #[inline]
    pub fn push(&mut self, length: usize, follow: [bool; 2]) {
        self.starts.push((self.end() + length) as u32);
        self.last_length = length;
        self.are_sorted.iter_mut().zip(follow).for_each(|(are_sorted, follows)| *are_sorted &= follows);
    }

    /// Forgets all runs; the next begins at their [`end`](Self::end).
    pub fn forget(&mut self) {
        self.starts.drain(..self.len());
    }

    /// The row behind the last run.
    pub fn end(&self) -> usize {
        // There always is one.
        self.starts.last().map_or(0, |&end| end as usize)
    }

    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first row of each, and behind the last the [`end`](Self::end).
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }
}

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
/// use polars_corrset::chunks::{Chunks, Runs};
///
/// let users: Chunks<u8> = [&[7, 7][..], &[7, 9]].into_iter().collect();
/// assert_eq!((users.get(3), users.get(4)), (Some(9), None));
/// let mut runs = Runs::from(0);
/// users.extend_runs(&mut runs, 4, 10);
/// assert_eq!((runs.starts(), runs.are_sorted), (&[0, 3, 4][..], [true, false]));
/// assert_eq!(users.repeats(&[1, 3, 4], 0..2), 1);
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

/// How many of some values, from the first on, are the same. To find that there are as many as guessed is fastest.
fn run<T: Copy + Eq>(values: &[T], guess: usize) -> usize {
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
    let blocks = values.chunks(COMPARED_AT_ONCE);
    let same = blocks.take_while(|block| are_same(block)).map(<[T]>::len).sum();
    same + values[same..].iter().take_while(|&&value| value == first).count()
}

impl<T: Copy + Ord> Chunks<'_, T> {
    /// Extends runs of this column until one ends at `end` or behind it, by `most` at most. They are compared upwards and downwards.
    pub fn extend_runs(&self, runs: &mut Runs, end: usize, most: usize) {
        let start = runs.end();
        let mut last = start.checked_sub(1).and_then(|row| self.get(row));
        let mut guess = runs.last_length;
        // What of the slice is left from the end on.
        let mut values = self.from(start);
        for _ in 0..most {
            let Some(&first) = values.first().filter(|_| runs.end() < end) else { break };
            let follow = last.map_or([true; 2], |last| [last < first, last > first]);
            let mut length = run(values, guess);
            guess = length;
            values = &values[length..];
            while values.is_empty() {
                values = self.from(runs.end() + length);
                let more = if values.first() == Some(&first) { run(values, 0) } else { break };
                values = &values[more..];
                length += more;
            }
            runs.push(length, follow);
            last = Some(first);
        }
    }

    /// The value at `row`.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T> {
        self.from(row).first().copied()
    }

    /// How many of the parts that `ends` cut rows into, from the first on, have the values of the rows `pattern`, one by one.
    pub fn repeats(&self, ends: &[u32], pattern: Range<usize>) -> usize {
        let parts = ends.array_windows().map(|&[start, end]| start as usize..end as usize);
        let (start, values) = match ends {
            [start, .., end] => (*start as usize, self.from(*start as usize).get(..(end - start) as usize)),
            _ => return 0,
        };
        let of_pattern = self.from(pattern.start).get(..pattern.len());
        // Nearly always in one slice.
        if let (Some(values), Some(of_pattern)) = (values, of_pattern) {
            parts.take_while(|part| values[part.start - start..part.end - start] == *of_pattern).count()
        } else {
            parts.take_while(|part| self.same(part.clone(), pattern.clone())).count()
        }
    }

    /// Whether the values of two ranges of rows are the same, one by one.
    fn same(&self, rows: Range<usize>, others: Range<usize>) -> bool {
        let mut start = others.start;
        rows.len() == others.len()
            && self.slices(rows).all(|values| {
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
            [row, end] in any::<[prop::sample::Index; 2]>(),
            ends in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
            pattern in (any::<prop::sample::Index>(), 0..4usize),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(values.len() + 1)).collect();
            cuts.extend([0, values.len()]);
            cuts.sort();
            let chunks: Chunks<u8> = cuts.windows(2).map(|ends| &values[ends[0]..ends[1]]).collect();
            for row in 0..values.len() + 2 {
                prop_assert_eq!(chunks.get(row), values.get(row).copied());
            }

            let (row, end) = (row.index(values.len()), end.index(values.len() + 1));
            for most in [1, 2, values.len()] {
                // Half of them without a guess.
                let mut runs = Runs::from(row);
                chunks.extend_runs(&mut runs, end, most / 2);
                let mut found = runs.starts().to_vec();
                runs.forget();
                chunks.extend_runs(&mut runs, end, most - most / 2);
                found.extend(&runs.starts()[1..]);
                let mut starts = vec![row];
                let mut are_sorted = [true; 2];
                while let start = starts[starts.len() - 1]
                    && start < end
                    && starts.len() <= most
                {
                    if start > 0 {
                        are_sorted[0] &= values[start - 1] < values[start];
                        are_sorted[1] &= values[start - 1] > values[start];
                    }
                    let is_same = |&&value: &&u8| value == values[start];
                    starts.push(start + values[start..].iter().take_while(is_same).count());
                }
                prop_assert!(found.iter().map(|&start| start as usize).eq(starts));
                prop_assert_eq!(runs.are_sorted, are_sorted);
            }

            let mut ends: Vec<u32> = ends.iter().map(|end| end.index(values.len() + 1) as u32).collect();
            ends.sort();
            let pattern = {
                let start = pattern.0.index(values.len());
                start..(start + pattern.1).min(values.len())
            };
            let parts = ends.windows(2).map(|ends| &values[ends[0] as usize..ends[1] as usize]);
            let repeats = parts.take_while(|&part| *part == values[pattern.clone()]).count();
            prop_assert_eq!(chunks.repeats(&ends, pattern), repeats);
        }
    }

    #[test]
    fn no_rows() {
        let none: Chunks<u8> = [&[][..]].into_iter().collect();
        let mut runs = Runs::from(0);
        none.extend_runs(&mut runs, 0, 1);
        assert_eq!((none.get(0), runs.starts(), none.repeats(&[0, 0], 0..0)), (None, &[0][..], 1));
    }
}
