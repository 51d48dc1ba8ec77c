//! Columns whose rows can be compared, to find out in what order they are.

use std::ops::Range;

use arrow::array::BinaryViewArray;
use polars::prelude::*;

use super::ids::{Ids, chunks, with_integers};
use crate::chunks::{Chunks, Runs, Starts};
use crate::regular::{self, Column, Found};

/// [`regular::find`] of columns without nulls: of integers of up to 64 bits, as which dates and categories count, and of text.
pub fn find(users: &Series, questions: &Series) -> Option<Found> {
    let [users, questions] = [users, questions].map(|column| column.to_storage().to_physical_repr());
    let column = |physical| Some(Comparable { physical, values: values(physical).ok()?? });
    regular::find(&column(&users)?, &column(&questions)?)
}

struct Comparable<'a> {
    physical: &'a Series,
    values: Box<dyn Values + 'a>,
}

impl Column for Comparable<'_> {
    fn rows(&self) -> usize {
        self.physical.len()
    }

    fn extend_runs(&self, runs: &mut Runs, end: usize, most: usize) {
        self.values.extend_runs(runs, end, most);
    }

    fn repeats(&self, ends: &[u32], pattern: Range<usize>) -> usize {
        self.values.repeats(ends, pattern)
    }

    fn are_distinct(&self, rows: &[u32]) -> bool {
        let ids = self.physical.take_slice(rows).and_then(|values| Ids::of(&values));
        ids.is_ok_and(|ids| ids.first_rows.len() == rows.len())
    }

    fn number(&self, rows: Vec<u32>) -> Option<(Vec<u32>, Vec<u32>)> {
        let ids = Ids::of(&self.physical.take_slice(&rows).ok()?).ok()?;
        let first_rows = ids.first_rows.all().iter().map(|&row| rows[row as usize]).collect();
        Some((ids.all(), first_rows))
    }
}

/// The values of a column, as [`Column`] compares them.
trait Values: Sync {
    fn extend_runs(&self, runs: &mut Runs, end: usize, most: usize);

    fn repeats(&self, ends: &[u32], pattern: Range<usize>) -> usize;
}

fn values(physical: &Series) -> PolarsResult<Option<Box<dyn Values + '_>>> {
    Ok(match physical.dtype() {
        DataType::String => Some(Box::new(Texts::of(&physical.str()?.as_binary()))),
        DataType::Binary => Some(Box::new(Texts::of(physical.binary()?))),
        _ => with_integers!(physical, |integers| Box::new(chunks(integers))),
    })
}

impl<T: Copy + Ord + Sync> Values for Chunks<'_, T> {
    fn extend_runs(&self, runs: &mut Runs, end: usize, most: usize) {
        self.extend_runs(runs, end, most);
    }

    fn repeats(&self, ends: &[u32], pattern: Range<usize>) -> usize {
        self.repeats(ends, pattern)
    }
}

/// A column of text.
struct Texts {
    chunks: Vec<BinaryViewArray>,
    starts: Starts,
}

impl Texts {
    fn of(column: &BinaryChunked) -> Self {
        let chunks: Vec<BinaryViewArray> =
            column.downcast_iter().filter(|chunk| chunk.len() > 0).cloned().collect();
        Self { starts: Starts::of(chunks.iter().map(|chunk| chunk.len())), chunks }
    }

    fn get(&self, row: usize) -> Option<&[u8]> {
        self.starts.locate(row).map(|(chunk, place)| self.chunks[chunk].value(place))
    }

    /// How many of the rows from `row` and from `other` on are the same, one by one, before two differ or one is the last;
    /// or `most`.
    fn common(&self, row: usize, other: usize, most: usize) -> usize {
        let mut common = 0;
        while common < most
            && let Some((chunk, place)) = self.starts.locate(row + common)
            && let Some((other_chunk, other_place)) = self.starts.locate(other + common)
        {
            let [a, b] = [chunk, other_chunk].map(|chunk| &self.chunks[chunk]);
            let views = a.views()[place..].iter().zip(&b.views()[other_place..]).take(most - common);
            let length = views.len();
            let same = views.zip(0..).take_while(|((view, other), i)| {
                // The same view means the same text if it holds the text, or points into the same memory.
                let is_same_view = view.as_u128() == other.as_u128();
                is_same_view && (view.is_inline() || chunk == other_chunk)
                    || a.value(place + i) == b.value(other_place + i)
            });
            let same = same.count();
            common += same;
            if same < length {
                break;
            }
        }
        common
    }
}

impl Values for Texts {
    /// They are compared as sorted text, and as text that ends with a counter: by length first.
    fn extend_runs(&self, runs: &mut Runs, end: usize, most: usize) {
        for _ in 0..most {
            let row = runs.end();
            let Some(text) = self.get(row).filter(|_| row < end) else { break };
            let last = row.checked_sub(1).and_then(|row| self.get(row));
            let follow =
                last.map_or([true; 2], |last| [last < text, (last.len(), last) < (text.len(), text)]);
            // Each is compared with the next.
            runs.push(1 + self.common(row, row + 1, usize::MAX), follow);
        }
    }

    fn repeats(&self, ends: &[u32], pattern: Range<usize>) -> usize {
        let parts = ends.array_windows().map(|&[start, end]| start as usize..end as usize);
        let is_same = |part: &Range<usize>| {
            part.len() == pattern.len()
                && self.common(part.start, pattern.start, pattern.len()) == pattern.len()
        };
        parts.take_while(is_same).count()
    }
}
