//! Several responses of one user to one question → one.

use std::ops::Range;

use super::{Score, Source, all};
use crate::bitset::BitMatrix;
use crate::error::{Error, Result};
use crate::matrix::{Cells, Packed};

pub const SUMS: Error = Error::Overflow { what: "sum of duplicate responses" };

/// The cells that have several responses, and these. Nearly always they are few, so that all other responses stay where they
/// are.
pub struct Repeated<S> {
    cells: BitMatrix,
    /// By cell, those of one cell in their order.
    responses: Vec<(u32, u32, S)>,
}

impl<S: Score> Repeated<S> {
    /// Those of `responses`.
    ///
    /// # Errors
    ///
    /// [`Error::MatrixTooLarge`] if the memory does not hold a bit for each cell, twice.
    pub fn of(responses: &impl Source<Score = S>) -> Result<Self> {
        let [mut seen, mut cells] = [no_cells(responses)?, no_cells(responses)?];
        // In pieces: what tells where one ends takes longer than the rest.
        for piece in responses.read(0..responses.rows()) {
            for (user, question, _) in piece {
                let (user, question) = (user as usize, question as usize);
                if !seen.insert(user, question) {
                    cells.insert(user, question);
                }
            }
        }
        drop(seen);
        let is_repeated =
            |&(user, question, _): &(u32, u32, S)| cells.contains(user as usize, question as usize);
        let mut repeated = Vec::new();
        responses.read(0..responses.rows()).for_each(|piece| repeated.extend(piece.filter(is_repeated)));
        repeated.sort_by_key(|&(user, question, _)| (user, question));
        Ok(Self { cells, responses: repeated })
    }

    /// The scores of each cell.
    fn by_cell(&self) -> impl Iterator<Item = &[(u32, u32, S)]> {
        self.responses.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
    }

    /// `responses`, of which these are, with one score for each cell: `one_of` several, or the only one.
    pub fn collapsed<'a>(
        &'a self,
        responses: &'a impl Source<Score = S>,
        one_of: impl Fn(&[S]) -> Result<S>,
    ) -> Result<Collapsed<'a, S>>
    where
        S: 'a,
    {
        self.collapse_to(responses, |score| score, one_of)
    }

    /// The same, of another type: what `single` makes of the only one.
    fn collapse_to<'a, T: Score + 'a>(
        &'a self,
        responses: &'a impl Source<Score = S>,
        single: impl Fn(S) -> T + Sync + 'a,
        one_of: impl Fn(&[S]) -> Result<T>,
    ) -> Result<Collapsed<'a, T>>
    where
        S: 'a,
    {
        let cells = &self.cells;
        let mut replaced = Packed::zeros(cells);
        let mut scores = Vec::new();
        for of_cell in self.by_cell() {
            let (user, question, _) = of_cell[0];
            scores.clear();
            scores.extend(of_cell.iter().map(|&(_, _, score)| score));
            replaced.set(cells, user as usize, question as usize, one_of(&scores)?);
        }
        let read = move |rows: Range<usize>| {
            let replace = |(user, question, score): (u32, u32, S)| {
                let cell = (user as usize, question as usize);
                let is_repeated = cells.contains(cell.0, cell.1);
                (user, question, if is_repeated { replaced.of(cells, cell.0, cell.1) } else { single(score) })
            };
            let mut collapsed = Vec::with_capacity(rows.len());
            responses.read(rows).for_each(|piece| collapsed.extend(piece.map(replace)));
            collapsed
        };
        Ok(Collapsed { ids: responses.ids(), rows: responses.rows(), read: Box::new(read) })
    }

    /// Means as multiples of a number that is the same for all, which changes no correlation: exact.
    ///
    /// # Errors
    ///
    /// [`Error::Overflow`] if one is too large.
    pub fn integer_means<'a>(&'a self, responses: &'a impl Source<Score = S>) -> Result<Collapsed<'a, i128>>
    where
        S: Into<i128> + 'a,
    {
        // The least common multiple of how many responses cells have.
        let multiple = self.by_cell().try_fold(1i128, |multiple, of_cell| {
            let count = of_cell.len() as i128;
            multiple.checked_mul(count / greatest_common_divisor(multiple, count))
        });
        let multiple = multiple.ok_or(SUMS)?;
        // Of repeated responses it is the sum that has to fit.
        let singles = self.collapsed(responses, |_| Ok(S::default()))?;
        if !all(&singles, |score| score.into().checked_mul(multiple).is_some()) {
            return Err(SUMS);
        }
        self.collapse_to(
            responses,
            move |score| score.into() * multiple,
            |scores| {
                let sum = scores.iter().try_fold(0i128, |sum, &score| sum.checked_add(score.into()));
                sum.and_then(|sum| sum.checked_mul(multiple / scores.len() as i128)).ok_or(SUMS)
            },
        )
    }
}

fn greatest_common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

fn no_cells(responses: &impl Source) -> Result<BitMatrix> {
    let (users, questions) = responses.ids();
    BitMatrix::try_zeros(users, questions).ok_or(Error::MatrixTooLarge { users, questions })
}

/// The error that shows the first repeated response of some that have one.
#[cold]
pub fn first_repeated(responses: &impl Source) -> Error {
    let mut seen = match no_cells(responses) {
        Ok(seen) => seen,
        Err(error) => return error,
    };
    let cell = |(user, question, _)| (user, question);
    let is_repeated = |&(user, question): &(u32, u32)| !seen.insert(user as usize, question as usize);
    let (user, question) = responses.read_all().map(cell).find(is_repeated).unwrap_or_default();
    let count = responses.read_all().filter(|&response| cell(response) == (user, question)).count();
    Error::Duplicate { user, question, count }
}

/// What reads responses.
type Read<'a, T> = Box<dyn Fn(Range<usize>) -> Vec<(u32, u32, T)> + Sync + 'a>;

/// Responses, several of one cell all with the score that stands for these: to read a cell twice then changes nothing.
pub struct Collapsed<'a, T> {
    ids: (usize, usize),
    rows: usize,
    /// Behind a pointer, so that matrices are made by one function, not by one for each source.
    read: Read<'a, T>,
}

/// Responses that are read together: they stay in the first-level cache.
const ROWS_AT_ONCE: usize = 1 << 10;

impl<T: Score> Source for Collapsed<'_, T> {
    type Score = T;

    fn ids(&self) -> (usize, usize) {
        self.ids
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn read(
        &self,
        Range { start, end }: Range<usize>,
    ) -> impl Iterator<Item: Iterator<Item = (u32, u32, T)>> {
        let starts = (start..end).step_by(ROWS_AT_ONCE);
        starts.map(move |start| (self.read)(start..end.min(start + ROWS_AT_ONCE)).into_iter())
    }

    fn scores(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = T>> {
        self.read(rows).map(|piece| piece.map(|(_, _, score)| score))
    }
}
