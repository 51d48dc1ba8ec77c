//! What the sets that are searched must be made of, turned into a smaller search.
//!
//! A question that is excluded is no column of the matrix that is searched, and a user who answered less than a set of
//! the others, or not all that is included, is no row. Included questions are the first columns: every search begins
//! with them as its prefix. Grand totals stay what they were.
//!
//! Questions that no set can have for their domain or cost are left out as if they were excluded. What is left of these
//! rules, `rules` sees to at each prefix.
//!
//! Two sets of one size are in lexicographic order by the least question that one of them lacks, which is none that both
//! have. So sets with the included questions first come in the order that they have with these in their place.

use std::borrow::Cow;

use crate::combinations::binomial;
use crate::error::Result;
use crate::matrix::ResponseMatrix;
use crate::random::Random;
use crate::ranking::SetTable;

use super::Request;
use super::rules::{Costs, Domains, Limits, Path, Rules};

/// Random paths of which one should lead to a set: only rules of cost and of domains together lead into a dead end.
const TRIES: usize = 10;

/// What a set must be made of, in questions of a matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constraints {
    /// Different questions that every set has, no more than a set's.
    pub include: Vec<u32>,
    /// Questions that no set has, and none of them included.
    pub exclude: Vec<u32>,
    pub domains: Option<Domains>,
    pub costs: Option<Costs>,
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

    /// The questions of the set at a position of the lexicographic order; `None` behind the last.
    pub(crate) fn set_at(self, mut position: u128) -> Option<Vec<u32>> {
        let mut set: Vec<u32> = (0..self.fixed as u32).collect();
        for question in self.fixed..self.questions {
            let Some(missing) = self.k.checked_sub(set.len() + 1) else { break };
            // More than can be counted are behind any position.
            let sets = binomial(self.questions - question - 1, missing).unwrap_or(u128::MAX);
            if position < sets {
                set.push(question as u32);
            } else {
                position -= sets;
            }
        }
        (set.len() == self.k && position == 0).then_some(set)
    }

    /// A set with the questions of `begun`. Each is equally likely; but where `begun` has rules, or more than the fixed
    /// questions, one that obeys is made question by question, each any that is open, if that leads to one.
    pub(crate) fn random_set(self, begun: &Path, random: &mut Random) -> Option<Vec<u32>> {
        let first = self.fixed as u32;
        if begun.is_free() && begun.len() == self.fixed {
            let chosen = random.set(self.open(), self.chosen());
            return Some((0..first).chain(chosen.into_iter().map(|question| first + question)).collect());
        }
        (0..TRIES).find_map(|_| {
            let mut path = begun.clone();
            while path.len() < self.k {
                let is_open =
                    |question: &u32| path.is_open(*question) && !path.questions().contains(question);
                let open: Vec<u32> = (first..self.questions as u32).filter(is_open).collect();
                if open.is_empty() {
                    return None;
                }
                path.push(open[random.below(open.len())]);
            }
            Some(path.questions().to_vec())
        })
    }
}

/// A matrix, what is asked of it, and which sets of its questions are searched for that.
#[derive(Debug)]
pub struct Blueprint<'a> {
    matrix: Cow<'a, ResponseMatrix>,
    request: Request,
    space: Space,
    /// What domains and costs rule out, by column; `None` for nothing.
    limits: Option<Limits>,
    /// For each column the question that it was before questions were left out; `None` if none was.
    ids: Option<Vec<u32>>,
}

impl<'a> Blueprint<'a> {
    /// All sets.
    pub fn free(matrix: Cow<'a, ResponseMatrix>, request: Request) -> Self {
        let space = Space { questions: matrix.questions(), k: request.k, fixed: 0 };
        Self { matrix, request, space, limits: None, ids: None }
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
        let Constraints { include, exclude, domains, costs } = constraints;
        let k = request.k;
        let mut ids = include.clone();
        ids.sort_unstable();
        let mut is_open = vec![true; matrix.questions()];
        include.iter().chain(exclude).for_each(|&question| is_open[question as usize] = false);
        ids.extend((0..).zip(is_open).filter_map(|(question, is_open)| is_open.then_some(question)));

        let mut limits = Limits::new(k, domains.as_ref(), costs.as_ref(), &ids);
        let columns = match &limits {
            Some(limits) => limits.possible(include.len()),
            None => (0..ids.len()).collect(),
        };
        ids = columns.iter().map(|&column| ids[column]).collect();
        limits = limits.map(|limits| limits.select(&columns));
        let mut fixed = include.len().min(ids.len());
        if fixed == k {
            // Nothing is left to be chosen: the included questions are all there is to choose from.
            ids.truncate(k);
            (fixed, limits) = (0, None);
        }
        if fixed == 0 && (0..matrix.questions() as u32).eq(ids.iter().copied()) {
            return Ok(Self { limits, ..Self::free(matrix, request) });
        }
        let common = include.len().min(ids.len());
        let matrix = Cow::Owned(matrix.select(&ids, common, k)?);
        Ok(Self { matrix, request, space: Space { questions: ids.len(), k, fixed }, limits, ids: Some(ids) })
    }

    /// How many sets there can be among those of the space, if they can be counted.
    pub fn most_sets(&self) -> Option<u128> {
        match &self.limits {
            Some(limits) => limits.most_sets(self.space.fixed),
            None => self.space.sets(),
        }
    }

    /// What sets that are searched must not be, of places that have these columns.
    pub(crate) fn rules(&self, columns: impl Iterator<Item = Option<usize>>) -> Option<Rules> {
        let limits = self.limits.as_ref()?;
        Some(Rules::new(limits, &columns.collect::<Vec<_>>()))
    }

    /// The same of the columns themselves.
    pub(crate) fn rules_by_column(&self) -> Option<Rules> {
        self.rules((0..self.space.questions).map(Some))
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

    /// The questions, ascending, of the set at a position; `None` behind the last.
    pub fn set_at(&self, position: u128) -> Option<Vec<u32>> {
        let mut set = self.space.set_at(position)?;
        if let Some(ids) = &self.ids {
            set.iter_mut().for_each(|column| *column = ids[*column as usize]);
            set.sort_unstable();
        }
        Some(set)
    }

    /// The first position whose set is not before another in lexicographic order, be that a set of this blueprint or not;
    /// the one behind the last for `None`. `None` if there are too many sets for positions.
    pub fn position_from(&self, set: Option<&[u32]>) -> Option<u128> {
        let (mut first, mut end) = (0, self.space.sets()?);
        let Some(set) = set else { return Some(end) };
        while first < end {
            let middle = first + (end - first) / 2;
            if self.set_at(middle).is_some_and(|other| other.as_slice() < set) {
                first = middle + 1;
            } else {
                end = middle;
            }
        }
        Some(first)
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
