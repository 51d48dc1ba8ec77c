//! Columns in several pieces of memory, read as one.

use std::ops::Range;

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

impl<'a, T> Chunks<'a, T> {
    /// The slices that make the values at `rows`.
    pub fn slices(&self, rows: Range<usize>) -> impl Iterator<Item = &'a [T]> {
        pieces(rows, |row| self.from(row).len()).map(|rows| self.slice(rows))
    }

    /// The values from `row` on that are in one slice; nothing behind the last row.
    fn from(&self, row: usize) -> &'a [T] {
        let chunks = self.starts.partition_point(|&start| start <= row);
        match (self.starts[..chunks].last(), self.chunks[..chunks].last()) {
            (Some(start), Some(chunk)) => &chunk[(row - start).min(chunk.len())..],
            _ => &[],
        }
    }

    fn slice(&self, rows: Range<usize>) -> &'a [T] {
        &self.from(rows.start)[..rows.len()]
    }
}

/// The slices, always three of equal length, that make the values of three columns at `rows`.
pub fn zip<'a, A, B, C>(
    a: &Chunks<'a, A>,
    b: &Chunks<'a, B>,
    c: &Chunks<'a, C>,
    rows: Range<usize>,
) -> impl Iterator<Item = (&'a [A], &'a [B], &'a [C])> {
    let length = |row| a.from(row).len().min(b.from(row).len()).min(c.from(row).len());
    pieces(rows, length).map(|rows| (a.slice(rows.clone()), b.slice(rows.clone()), c.slice(rows)))
}

/// Cuts `rows` where `length` says that a piece ends: of so many rows from one on.
fn pieces(mut rows: Range<usize>, length: impl Fn(usize) -> usize) -> impl Iterator<Item = Range<usize>> {
    std::iter::from_fn(move || {
        let start = rows.start;
        rows.start = start.saturating_add(length(start)).min(rows.end);
        (rows.start > start).then_some(start..rows.start)
    })
}
