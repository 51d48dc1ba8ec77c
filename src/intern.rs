//! Values → dense ids: the first distinct value is 0, the next 1, and so on.

mod table;

use std::hash::{BuildHasher, Hash};
use std::ops::Range;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::parallel;
pub use table::{IdTable, number_near_rows};

/// Numbers values of any kind in order of first appearance.
///
/// ```
/// use polars_corrset::intern::Interner;
///
/// let mut questions = Interner::default();
/// assert_eq!([5, 3, 5].map(|question| questions.intern(question)), [0, 1, 0]);
///
/// let mut later = Interner::default();
/// later.intern(9);
/// later.intern(3);
/// assert_eq!(questions.merge(later), [2, 1]);
/// assert_eq!(questions.values(), [5, 3, 9]);
/// ```
#[derive(Debug)]
pub struct Interner<K> {
    /// By the hash of their values, which stand in `values` only: half of the table's buckets are empty.
    ids: HashTable<u32>,
    hasher: DefaultHashBuilder,
    values: Vec<K>,
    /// The id of the value before.
    last: u32,
    /// For each id the one that came next when it was last there. Many columns are sorted, or repeat the same ids in the same
    /// order, and to look whether a guess is right takes less than to hash a value.
    next: Vec<u32>,
    /// How many guesses may be wrong, on balance, until no more are made: in a shuffled column nearly all are.
    patience: u32,
}

/// Enough for new values at the beginning, of which none can be guessed.
const PATIENCE: u32 = 1 << 10;

impl<K> Default for Interner<K> {
    fn default() -> Self {
        Self {
            ids: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            values: Vec::new(),
            last: 0,
            next: Vec::new(),
            patience: PATIENCE,
        }
    }
}

impl<K: Copy + Eq + Hash> Interner<K> {
    /// The id of `value`, a new one if it was not seen before.
    #[inline]
    pub fn intern(&mut self, value: K) -> u32 {
        if self.patience == 0 {
            return self.find(value);
        }
        let last = self.last as usize;
        if self.values.get(last) == Some(&value) {
            self.patience = self.patience.saturating_add(1);
            return self.last;
        }
        let guess = self.next.get(last).copied().unwrap_or_default();
        let id = if self.values.get(guess as usize) == Some(&value) {
            self.patience = self.patience.saturating_add(1);
            guess
        } else {
            self.patience -= 1;
            self.find(value)
        };
        if let Some(next) = self.next.get_mut(last) {
            *next = id;
        }
        self.last = id;
        id
    }

    fn find(&mut self, value: K) -> u32 {
        let Self { ids, hasher, values, next, .. } = self;
        let is_same = |&id: &u32| values[id as usize] == value;
        let rehash = |&id: &u32| hasher.hash_one(values[id as usize]);
        match ids.entry(hasher.hash_one(value), is_same, rehash) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let id = values.len() as u32;
                new.insert(id);
                values.push(value);
                next.push(id);
                id
            }
        }
    }

    /// The distinct values; a value's position is its id.
    pub fn values(&self) -> &[K] {
        &self.values
    }

    /// Takes up the values of `later` in their order; returns the new id of each of its ids.
    ///
    /// So interners of consecutive stretches of a column merge into the interner of the whole, and a column can be read in
    /// parallel or batch by batch with the same ids.
    pub fn merge(&mut self, later: Self) -> Vec<u32> {
        later.values.into_iter().map(|value| self.intern(value)).collect()
    }
}

/// A column as dense ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interned {
    /// One id per row, in a vector for each stretch of rows. Allocators seldom give the memory of a very long vector to
    /// anything shorter later, so the memory of the search would add to that of the ids.
    pub stretches: Vec<Vec<u32>>,
    /// For each id the row in which it appears first.
    pub first_rows: Vec<u32>,
}

impl Interned {
    /// One id per row.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.stretches.iter().flatten().copied()
    }
}

/// Interns a column of `rows` values, of which `values_of` gives any stretch in one or several pieces, on several threads
/// where that pays.
///
/// Rows must number at most `u32::MAX`, as in a Polars frame.
pub fn intern_rows<K, I>(rows: usize, values_of: impl Fn(Range<usize>) -> I + Sync) -> Interned
where
    K: Copy + Eq + Hash + Send,
    I: Iterator<Item: Iterator<Item = K>>,
{
    let stretches = parallel::map_stretches(rows, |stretch| {
        let mut interner = Interner::default();
        let mut first_rows = Vec::new();
        let mut ids = Vec::with_capacity(stretch.len());
        let mut row = stretch.start as u32;
        for values in values_of(stretch) {
            // Not pushed one by one: with a check for room each, the loop kept its state in memory, at 2.6 ns a value, not 2.1.
            ids.extend(values.map(|value| {
                let id = interner.intern(value);
                if id as usize == first_rows.len() {
                    first_rows.push(row);
                }
                row = row.wrapping_add(1);
                id
            }));
        }
        (interner, ids, first_rows)
    });

    let mut stretches = stretches.into_iter();
    let Some((mut interner, ids, mut first_rows)) = stretches.next() else { return Interned::default() };
    let mut renumbered = vec![(ids, Vec::new())];
    for (later, ids, later_rows) in stretches {
        let new_ids = interner.merge(later);
        for (&id, &row) in new_ids.iter().zip(&later_rows) {
            if id as usize == first_rows.len() {
                first_rows.push(row);
            }
        }
        renumbered.push((ids, new_ids));
    }
    parallel::update_each(parallel::is_worth_it(rows), &mut renumbered, |(ids, new_ids)| {
        // The first stretch keeps its ids.
        if !new_ids.is_empty() {
            ids.iter_mut().for_each(|id| *id = new_ids[*id as usize]);
        }
    });
    Interned { stretches: renumbered.into_iter().map(|(ids, _)| ids).collect(), first_rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::PARALLEL_ROWS;
    use proptest::prelude::*;

    /// What interning must find of values below [`LIMIT`].
    fn check(values: &[u32]) {
        let mut ids = Vec::new();
        let mut distinct = Vec::new();
        for &value in values {
            let known = distinct.iter().position(|&other| other == value);
            ids.push(known.unwrap_or(distinct.len()) as u32);
            if known.is_none() {
                distinct.push(value);
            }
        }
        let first = |value| values.iter().position(|other| other == value).unwrap() as u32;
        let first_rows: Vec<u32> = distinct.iter().map(first).collect();
        // In two pieces.
        let stretch = |rows: Range<usize>| {
            let (start, end) = values[rows.clone()].split_at(rows.len() / 3);
            [start, end].into_iter().map(|piece| piece.iter().copied())
        };
        let interned = intern_rows(values.len(), stretch);
        assert_eq!(interned.ids().collect::<Vec<_>>(), ids);
        assert_eq!(interned.first_rows, first_rows);
    }

    const LIMIT: u32 = 211;

    #[test]
    fn stretches_merge_to_the_ids_of_the_whole() {
        for rows in [0, 1, PARALLEL_ROWS - 1, PARALLEL_ROWS, 3 * PARALLEL_ROWS + 17] {
            // Few at first, so that later stretches have values of their own.
            let value_at =
                |row: usize| (row * row + row / 7919) % 7919 % (1 + row / 1000).min(LIMIT as usize);
            check(&(0..rows).map(|row| value_at(row) as u32).collect::<Vec<_>>());
        }
    }

    /// In which a value or its successor is as guessed, or not.
    #[test]
    fn sorted_and_repeated_columns() {
        let sorted: Vec<u32> = (0..40).flat_map(|value| [value; 5]).collect();
        let repeated: Vec<u32> = (0..200).map(|row| row * 13 % 40).collect();
        let with_gaps = repeated.iter().copied().filter(|value| (value * 7) % 11 > 3).collect::<Vec<_>>();
        for column in [sorted, repeated, with_gaps] {
            check(&column);
            check(&column.iter().rev().copied().collect::<Vec<_>>());
            check(&column.repeat(3));
        }
    }

    /// And one of which the interner has given up guessing.
    #[test]
    fn shuffled_columns() {
        let shuffled = |row: usize| (row * 7919 % 10_007 * row % LIMIT as usize) as u32;
        check(&(0..4 * PATIENCE as usize).map(shuffled).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn ids_are_dense_and_in_order_of_first_appearance(values in prop::collection::vec(0u32..20, 0..200)) {
            check(&values);
        }
    }
}
