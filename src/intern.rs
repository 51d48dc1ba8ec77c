//! Values → dense ids: the first distinct value is 0, the next 1, and so on.

use std::hash::{BuildHasher, Hash};
use std::ops::Range;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::parallel;

/// Values numbered in order of first appearance.
///
/// Interners of consecutive stretches of a column merge into the interner of the whole, so a column can be
/// read in parallel or batch by batch with the same ids.
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
}

impl<K> Default for Interner<K> {
    fn default() -> Self {
        Self { ids: HashTable::new(), hasher: DefaultHashBuilder::default(), values: Vec::new() }
    }
}

impl<K: Copy + Eq + Hash> Interner<K> {
    /// The id of `value`, a new one if it was not seen before.
    pub fn intern(&mut self, value: K) -> u32 {
        let Self { ids, hasher, values } = self;
        let is_same = |&id: &u32| values[id as usize] == value;
        let rehash = |&id: &u32| hasher.hash_one(values[id as usize]);
        match ids.entry(hasher.hash_one(value), is_same, rehash) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let id = values.len() as u32;
                new.insert(id);
                values.push(value);
                id
            }
        }
    }

    /// Takes up the values of `later` in their order; returns the new id of each of its ids.
    pub fn merge(&mut self, later: Self) -> Vec<u32> {
        later.values.into_iter().map(|value| self.intern(value)).collect()
    }

    /// The distinct values; a value's position is its id.
    pub fn values(&self) -> &[K] {
        &self.values
    }
}

/// A column as dense ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interned {
    /// One id per row, in a vector for each stretch of rows. Allocators seldom give the memory of a very long vector to
    /// anything shorter later, so the memory of the search would add to that of the ids.
    stretches: Vec<Vec<u32>>,
    /// For each id the row in which it appears first.
    pub first_rows: Vec<u32>,
}

impl Interned {
    /// One id per row.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.stretches.iter().flatten().copied()
    }
}

/// Interns a column of `rows` values, of which `values_of` gives any stretch, on several threads where that
/// pays.
///
/// Rows must number at most `u32::MAX`, as in a Polars frame.
pub fn intern_rows<K, I>(rows: usize, values_of: impl Fn(Range<usize>) -> I + Sync) -> Interned
where
    K: Copy + Eq + Hash + Send,
    I: Iterator<Item = K>,
{
    let stretches = parallel::map_stretches(rows, |stretch| {
        let mut interner = Interner::default();
        let mut first_rows = Vec::new();
        let mut ids = Vec::with_capacity(stretch.len());
        for (row, value) in stretch.clone().zip(values_of(stretch)) {
            let id = interner.intern(value);
            if id as usize == first_rows.len() {
                first_rows.push(row as u32);
            }
            ids.push(id);
        }
        (interner, ids, first_rows)
    });

    let mut stretches = stretches.into_iter();
    let Some((mut interner, ids, first_rows)) = stretches.next() else { return Interned::default() };
    let mut whole = Interned { stretches: vec![ids], first_rows };
    for (later, mut ids, first_rows) in stretches {
        let new_ids = interner.merge(later);
        for (&id, &row) in new_ids.iter().zip(&first_rows) {
            if id as usize == whole.first_rows.len() {
                whole.first_rows.push(row);
            }
        }
        ids.iter_mut().for_each(|id| *id = new_ids[*id as usize]);
        whole.stretches.push(ids);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::PARALLEL_ROWS;
    use proptest::prelude::*;

    #[test]
    fn stretches_merge_to_the_ids_of_the_whole() {
        for rows in [0, 1, PARALLEL_ROWS - 1, PARALLEL_ROWS, 3 * PARALLEL_ROWS + 17] {
            let value_at = |row: usize| (row * row) % 7919;
            let mut interner = Interner::default();
            let ids: Vec<u32> = (0..rows).map(|row| interner.intern(value_at(row))).collect();
            let interned = intern_rows(rows, |stretch| stretch.map(value_at));
            assert_eq!(interned.ids().collect::<Vec<_>>(), ids, "{rows} rows");
            let firsts: Vec<usize> = interned.first_rows.iter().map(|&row| value_at(row as usize)).collect();
            assert_eq!(firsts, interner.values(), "{rows} rows");
        }
    }

    proptest! {
        #[test]
        fn ids_are_dense_and_in_order_of_first_appearance(values in prop::collection::vec(0u8..20, 0..200)) {
            let interned = intern_rows(values.len(), |stretch| values[stretch].iter().copied());
            prop_assert_eq!(interned.ids().count(), values.len());
            for (row, (id, &value)) in interned.ids().zip(&values).enumerate() {
                let first = interned.first_rows[id as usize] as usize;
                prop_assert!(first <= row);
                prop_assert_eq!(values[first], value);
                prop_assert!(!values[..first].contains(&value));
            }
            prop_assert!(interned.first_rows.is_sorted());
        }
    }
}
