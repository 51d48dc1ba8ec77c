//! What the sets that are searched must be made of, turned into a smaller search.
//!
//! A question that is excluded is no column of the matrix that is searched, and a user who answered less than a set of
//! the others, or not all that is included, is no row. Included questions are the first columns: every search begins
//! with them as its prefix. Grand totals stay what they were.
//!
//! Two sets of one size are in lexicographic order by the least question that one of them lacks, which is none that both
//! have. So sets with the included questions first come in the order that they have with these in their place.

use std::borrow::Cow;

use crate::combinations::binomial;
use crate::error::Result;
use crate::matrix::ResponseMatrix;
use crate::ranking::SetTable;

use super::Request;

/// What a set must be made of, in questions of a matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constraints {
    /// Different questions that every set has, no more than a set's.
    pub include: Vec<u32>,
    /// Questions that no set has, and none of them included.
    pub exclude: Vec<u32>,
}

/// The sets of `k` out of some questions that have all of the first ones.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    pub questions: usize,
    pub k: usize,
    /// How many questions every set has; fewer than k.
    pub fixed: usize,
}

impl Space {
    /// How many questions are not fixed.
    pub fn open(self) -> usize {
        self.questions - self.fixed
    }

    /// How many questions a set takes of these.
    pub fn chosen(self) -> usize {
        self.k - self.fixed
    }

    /// How many sets there are, if they can be counted.
    pub fn sets(self) -> Option<u128> {
        binomial(self.open(), self.chosen())
    }
}

/// A matrix, what is asked of it, and which sets of its questions are searched for that.
#[derive(Debug)]
pub struct Blueprint<'a> {
    matrix: Cow<'a, ResponseMatrix>,
    request: Request,
    space: Space,
    /// For each column the question that it was before questions were left out; `None` if none was.
    ids: Option<Vec<u32>>,
}

impl<'a> Blueprint<'a> {
    /// All sets.
    pub fn free(matrix: Cow<'a, ResponseMatrix>, request: Request) -> Self {
        let space = Space { questions: matrix.questions(), k: request.k, fixed: 0 };
        Self { matrix, request, space, ids: None }
    }

    /// The sets that fulfil `constraints`.
    ///
    /// # Errors
    ///
    /// [`Error::MatrixTooLarge`](crate::error::Error::MatrixTooLarge) if the memory does not hold a second matrix.
    pub fn new(matrix: Cow<'a, ResponseMatrix>, request: Request, constraints: &Constraints) -> Result<Self> {
        if constraints == &Constraints::default() {
            return Ok(Self::free(matrix, request));
        }
        let Constraints { include, exclude } = constraints;
        let k = request.k;
        let mut ids = include.clone();
        ids.sort_unstable();
        let mut fixed = ids.len();
        if fixed < k {
            let mut is_open = vec![true; matrix.questions()];
            include.iter().chain(exclude).for_each(|&question| is_open[question as usize] = false);
            ids.extend((0..).zip(is_open).filter_map(|(question, is_open)| is_open.then_some(question)));
        } else {
            // Nothing is left to be chosen: the included questions are all there is to choose from.
            fixed = 0;
        }
        let matrix = Cow::Owned(matrix.select(&ids, include.len(), k)?);
        Ok(Self { matrix, request, space: Space { questions: ids.len(), k, fixed }, ids: Some(ids) })
    }

    pub fn matrix(&self) -> &ResponseMatrix {
        &self.matrix
    }

    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The sets, whose positions are those in their lexicographic order.
    pub fn space(&self) -> Space {
        self.space
    }

    /// Sets of columns as sets of questions.
    pub(crate) fn restore(&self, mut table: SetTable) -> SetTable {
        if let Some(ids) = &self.ids {
            for set in table.questions.chunks_exact_mut(self.request.k) {
                set.iter_mut().for_each(|column| *column = ids[*column as usize]);
                set.sort_unstable();
            }
        }
        table
    }
}

#[cfg(test)]
mod tests;
