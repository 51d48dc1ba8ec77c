//! Integers that are near each other → dense ids, by a table of their range: without a hash, and without an id in memory for each
//! row: to look each up once more is faster than to write ids down and read them (`docs/reading.md`).

use std::ops::Range;

use crate::parallel;

/// The ids of integers that are near each other. These are given modulo 2⁶⁴, so that integers of any type of up to 64 bits
/// will do.
///
/// ```
/// use polars_corrset::intern::number_near_rows;
///
/// let years: Vec<i64> = [2024, 2019].repeat(20);
/// let (table, first_rows) = number_near_rows(years.len(), |rows| [&years[rows]], |year| year as u64).unwrap();
/// assert!(table.ids([2019, 2024]).eq([1, 0]));
/// assert_eq!(first_rows, [0, 1]);
/// ```
#[derive(Debug, Default)]
pub struct IdTable {
    /// The integer of the first slot.
    first: u64,
    /// For each slot the id after that of its integer, or 0.
    after: Vec<u32>,
}

impl IdTable {
    /// The ids of integers that have one.
    ///
    /// # Panics
    ///
    /// At one that is not within the range of those that have.
    #[inline]
    pub fn ids(&self, integers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = u32> {
        // Held by the loop in registers.
        let (first, after) = (self.first, &self.after[..]);
        integers.into_iter().map(move |integer| after[slot(integer, first)].wrapping_sub(1))
    }

    #[inline]
    fn has(&self, integer: u64) -> bool {
        self.after.get(slot(integer, self.first)).is_some_and(|&after| after > 0)
    }

    /// The slot of `integer`, for which the table grows if need be; `None` if it would have more than `most` slots then.
    fn make_room(&mut self, integer: u64, most: usize) -> Option<usize> {
        let slots = self.after.len();
        if slots == 0 {
            self.first = integer;
        }
        let (above, below) = (integer.wrapping_sub(self.first), self.first.wrapping_sub(integer));
        if above < slots as u64 {
            return Some(above as usize);
        }
        let missing_above = above - slots as u64 + 1;
        let missing = usize::try_from(missing_above.min(below.max(1))).ok()?;
        let room = most.checked_sub(slots).filter(|&room| missing <= room)?;
        // As many slots again, so that to copy them takes little beside what they were filled for.
        let more = missing.max(slots).min(room);
        if missing_above <= below || slots == 0 {
            self.after.resize(slots + more, 0);
        } else {
            let mut grown = vec![0; more + slots];
            grown[more..].copy_from_slice(&self.after);
            self.first = self.first.wrapping_sub(more as u64);
            self.after = grown;
        }
        Some(slot(integer, self.first))
    }
}

/// Where `integer` is in a table that begins with `first`; beyond the end of any if it is too far away.
#[inline]
fn slot(integer: u64, first: u64) -> usize {
    usize::try_from(integer.wrapping_sub(first)).unwrap_or(usize::MAX)
}

/// Numbers integers in order of first appearance.
#[derive(Default)]
struct Numbering {
    table: IdTable,
    /// For each id its integer and the row in which it appears first.
    first: Vec<(u64, u32)>,
}

impl Numbering {
    /// Takes note of integers, each of which is `modulo` 2⁶⁴ what stands there, from `row` on. `None` if that takes a table of more
    /// slots than `most`.
    fn note<K: Copy>(
        &mut self,
        mut integers: &[K],
        mut row: usize,
        most: usize,
        modulo: impl Fn(K) -> u64,
    ) -> Option<()> {
        // So many are known, and passed over without a write, so that the loop over them is short.
        while let Some(known) = integers.iter().position(|&integer| !self.table.has(modulo(integer))) {
            self.add(modulo(integers[known]), (row + known) as u32, most)?;
            row += known + 1;
            integers = &integers[known + 1..];
        }
        Some(())
    }

    /// Takes note of a new integer.
    fn add(&mut self, integer: u64, row: u32, most: usize) -> Option<()> {
        let slot = self.table.make_room(integer, most)?;
        self.first.push((integer, row));
        self.table.after[slot] = self.first.len() as u32;
        Some(())
    }
}

/// Numbers a column of `rows` integers, of which `slices_of` gives any stretch in one or several slices and `modulo` tells what
/// they are modulo 2⁶⁴, on several threads where that pays. Returns their ids, and for each id the row in which it appears first.
///
/// `None` if they are not near each other: if the tables of all stretches, or that of the whole, would take more than one byte
/// for each row. (Tables have some room to grow, so that may be said of integers within half the range that just fits.)
///
/// Rows must number at most `u32::MAX`, as in a Polars frame.
pub fn number_near_rows<'a, K, P>(
    rows: usize,
    slices_of: impl Fn(Range<usize>) -> P + Sync,
    modulo: impl Fn(K) -> u64 + Sync,
) -> Option<(IdTable, Vec<u32>)>
where
    K: Copy + 'a,
    P: IntoIterator<Item = &'a [K]>,
{
    let slots_for = |rows: usize| rows / size_of::<u32>();
    let most = slots_for(parallel::stretch_length(rows, 1));
    let stretches = parallel::map_stretches(rows, |stretch| {
        let mut numbering = Numbering::default();
        let mut row = stretch.start;
        for integers in slices_of(stretch) {
            numbering.note(integers, row, most, &modulo)?;
            row += integers.len();
        }
        Some(numbering)
    });
    let mut stretches = stretches.into_iter();
    let mut all = stretches.next().unwrap_or_default()?;
    for later in stretches {
        for (integer, row) in later?.first {
            if !all.table.has(integer) {
                all.add(integer, row, slots_for(rows))?;
            }
        }
    }
    Some((all.table, all.first.into_iter().map(|(_, row)| row).collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::intern::intern_rows;
    use crate::parallel::PARALLEL_ROWS;

    /// Integers that are numbered have the ids that they get by interning; tells whether they are.
    fn check(integers: &[i64]) -> bool {
        // In two pieces.
        let pieces = |rows: Range<usize>| {
            let (start, end) = integers[rows.clone()].split_at(rows.len() / 3);
            [start, end]
        };
        let modulo = |integer| integer as u64;
        let Some((table, first_rows)) = number_near_rows(integers.len(), pieces, modulo) else {
            return false;
        };
        let values = |rows| pieces(rows).map(|piece| piece.iter().copied()).into_iter();
        let interned = intern_rows(integers.len(), values);
        assert!(interned.ids().eq(table.ids(integers.iter().map(|&integer| modulo(integer)))));
        assert_eq!(interned.first_rows, first_rows);
        assert!(table.after.len() * size_of::<u32>() <= integers.len());
        true
    }

    #[test]
    fn sorted_shuffled_and_repeated() {
        for rows in [0, 4, 1000, PARALLEL_ROWS - 1, PARALLEL_ROWS, 3 * PARALLEL_ROWS + 17] {
            let distinct = (rows as i64 / 32).max(1);
            let columns: [fn(i64, i64) -> i64; 5] = [
                |row, _| row / 32,
                |row, _| -row / 32,
                |row, distinct| row % distinct,
                |row, distinct| row * 7919 % distinct - distinct / 2,
                // In the middle, then below and above.
                |row, distinct| distinct + row / 64 * (row % 2 * 2 - 1),
            ];
            for column in columns {
                for from in [0, -5, i64::MAX - 100_000, i64::MIN + 100_000] {
                    let integers: Vec<i64> =
                        (0..rows as i64).map(|row| from.wrapping_add(column(row, distinct))).collect();
                    assert!(check(&integers), "{rows} rows from {from}");
                }
            }
        }
    }

    #[test]
    fn what_is_far_apart_is_refused() {
        let near = vec![7; 1000];
        assert!(check(&near));
        for far in [257, -243, 1 << 40, i64::MIN, i64::MAX] {
            for at in [0, 500, 999] {
                let mut integers = near.clone();
                integers[at] = far;
                assert!(!check(&integers), "{far} in row {at}");
            }
            let mut integers = near.clone();
            integers[500] = 256;
            assert!(check(&integers));
        }
        // One for each row take four bytes each.
        assert!(!check(&Vec::from_iter(0..1000)));
    }

    proptest! {
        #[test]
        fn ids_are_those_of_interning(integers in prop::collection::vec(-9i64..9, 0..300), from in any::<i64>()) {
            let moved: Vec<i64> = integers.iter().map(|integer| from.wrapping_add(*integer)).collect();
            let range = integers.iter().max().zip(integers.iter().min()).map_or(0, |(most, least)| most - least + 1);
            let most = integers.len() / size_of::<u32>();
            prop_assert!(check(&moved) || range as usize > most / 2);
        }
    }
}
