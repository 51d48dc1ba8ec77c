//! Columns whose rows can be compared, to find out in what order they are.

use std::ops::Range;

use arrow::array::BinaryViewArray;
use polars::prelude::*;

use super::ids::{Ids, chunks, with_integers};
use crate::chunks::{Chunks, Starts};
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

    fn run(&self, row: usize, guess: usize) -> usize {
        self.values.run(row, guess)
    }

    fn same(&self, rows: Range<usize>, others: Range<usize>) -> bool {
        self.values.same(rows, others)
    }

    fn precedes(&self, row: usize, other: usize) -> [bool; 2] {
        self.values.precedes(row, other)
    }

    fn are_distinct(&self, rows: &[u32]) -> bool {
        let ids = self.physical.take_slice(rows).and_then(|values| Ids::of(&values));
        ids.is_ok_and(|ids| ids.first_rows.len() == rows.len())
    }

    fn number(&self, rows: Vec<u32>) -> Option<(Vec<u32>, Vec<u32>)> {
        let mut ids = Ids::of(&self.physical.take_slice(&rows).ok()?).ok()?;
        ids.first_rows.iter_mut().for_each(|row| *row = rows[*row as usize]);
        Some((ids.all(), ids.first_rows))
    }
}

/// The values of a column, as [`Column`] compares them.
trait Values: Sync {
    fn run(&self, row: usize, guess: usize) -> usize;

    fn same(&self, rows: Range<usize>, others: Range<usize>) -> bool;

    fn precedes(&self, row: usize, other: usize) -> [bool; 2];
}

fn values(physical: &Series) -> PolarsResult<Option<Box<dyn Values + '_>>> {
    Ok(match physical.dtype() {
        DataType::String => Some(Box::new(Texts::of(&physical.str()?.as_binary()))),
        DataType::Binary => Some(Box::new(Texts::of(physical.binary()?))),
        _ => with_integers!(physical, |integers| Box::new(chunks(integers))),
    })
}

impl<T: Copy + Ord + Sync> Values for Chunks<'_, T> {
    fn run(&self, row: usize, guess: usize) -> usize {
        self.run(row, guess)
    }

    fn same(&self, rows: Range<usize>, others: Range<usize>) -> bool {
        self.same(rows, others)
    }

    /// Upwards and downwards.
    fn precedes(&self, row: usize, other: usize) -> [bool; 2] {
        let (value, other) = (self.get(row), self.get(other));
        [value < other, value > other]
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
    fn run(&self, row: usize, _guess: usize) -> usize {
        // Each is compared with the next.
        1 + self.common(row, row + 1, usize::MAX)
    }

    fn same(&self, rows: Range<usize>, others: Range<usize>) -> bool {
        self.common(rows.start, others.start, rows.len()) == rows.len()
    }

    /// As sorted text, and as text that ends with a counter: by length first.
    fn precedes(&self, row: usize, other: usize) -> [bool; 2] {
        let (text, other) = (self.get(row), self.get(other));
        let length = |text: Option<&[u8]>| text.map(<[u8]>::len);
        [text < other, (length(text), text) < (length(other), other)]
    }
}
