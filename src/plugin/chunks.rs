//! Columns in several pieces of memory, read as one.

use std::ops::Range;

use arrow::types::NativeType;
use polars::prelude::*;

/// A column in several slices.
pub struct Chunks<'a, T> {
    chunks: Vec<&'a [T]>,
    /// The first row of each chunk.
    starts: Vec<usize>,
}

impl<'a, T> FromIterator<&'a [T]> for Chunks<'a, T> {
    fn from_iter<I: IntoIterator<Item = &'a [T]>>(chunks: I) -> Self {
        let mut end = 0;
        let (chunks, starts) = chunks
            .into_iter()
            .filter(|chunk| !chunk.is_empty())
            .map(|chunk| {
                let start = end;
                end += chunk.len();
                (chunk, start)
            })
            .unzip();
        Self { chunks, starts }
    }
}

impl<'a, T: NativeType> Chunks<'a, T> {
    /// A column without nulls, in its Arrow buffers.
    pub fn of(column: &'a ChunkedArray<impl PolarsNumericType<Native = T>>) -> Self {
        column.downcast_iter().map(|chunk| chunk.values().as_slice()).collect()
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
            let values = self.from(rows.start);
            let values = &values[..values.len().min(most).min(rows.len())];
            let start = rows.start;
            rows.start += values.len();
            (!values.is_empty()).then_some((start..rows.start, values))
        })
    }

    /// The values from `row` on that are in one slice; nothing behind the last row.
    fn from(&self, row: usize) -> &'a [T] {
        let chunks = self.starts.partition_point(|&start| start <= row);
        match (self.starts[..chunks].last(), self.chunks[..chunks].last()) {
            (Some(start), Some(chunk)) => &chunk[(row - start).min(chunk.len())..],
            _ => &[],
        }
    }
}
