//! The scores of answered cells, in memory.

use std::ops::Range;

use crate::bitset::{BitMatrix, WORD_BITS, below, ones};
use crate::responses::Source;

/// One value per answered cell, row after row, found by the cell's rank in its word of `answered`.
#[derive(Clone, Debug)]
pub(crate) struct Packed<T> {
    /// For each word of `answered` the position of its first value.
    offsets: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy + Default> Packed<T> {
    pub fn new<S: Source>(responses: &S, answered: &BitMatrix, point: impl Fn(usize, S::Score) -> T) -> Self {
        let mut packed = Self::zeros(answered);
        responses.for_each(|user, question, score| {
            packed.set(answered, user, question, point(question, score));
        });
        packed
    }

    pub fn zeros(answered: &BitMatrix) -> Self {
        let mut end = 0;
        let offsets: Vec<u32> = answered
            .words()
            .iter()
            .map(|word| {
                let start = end;
                end += word.count_ones();
                start
            })
            .collect();
        Self { offsets, values: vec![T::default(); end as usize] }
    }

    /// The values of some rows.
    pub fn rows_of(&self, answered: &BitMatrix, rows: Range<usize>) -> &[T] {
        let start = |row: usize| {
            let word = row * answered.words_per_row();
            self.offsets.get(word).map_or(self.values.len(), |&start| start as usize)
        };
        &self.values[start(rows.start)..start(rows.end)]
    }

    /// Writes the value of a cell of `answered`.
    pub fn set(&mut self, answered: &BitMatrix, user: usize, question: usize, value: T) {
        let word = user * answered.words_per_row() + question / WORD_BITS;
        let position = self.position(word, answered.words()[word] & below(question));
        self.values[position] = value;
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&self.offsets[..]) + size_of_val(&self.values[..])
    }

    /// The rows at `rows` alone, of which `answered` has `words_per_row` words each.
    pub fn of_rows(&self, rows: &[u32], words_per_row: usize) -> Self {
        let mut part = Self { offsets: Vec::with_capacity(rows.len() * words_per_row), values: Vec::new() };
        for row in rows.iter().map(|&row| row as usize * words_per_row) {
            let offsets = &self.offsets[row..][..words_per_row];
            let start = self.position(row, 0);
            let end = self.offsets.get(row + words_per_row).map_or(self.values.len(), |&end| end as usize);
            let shift = part.values.len() as u32;
            part.offsets.extend(offsets.iter().map(|&offset| offset - start as u32 + shift));
            part.values.extend_from_slice(&self.values[start..end]);
        }
        part
    }

    /// Where the value of the first answered cell after `skipped`, the answered cells of `word` before it, is.
    fn position(&self, word: usize, skipped: u64) -> usize {
        self.offsets[word] as usize + skipped.count_ones() as usize
    }
}

/// A value for each answered cell.
pub(crate) trait Cells: Sync {
    type Value: Copy;

    fn of(&self, answered: &BitMatrix, user: usize, question: usize) -> Self::Value;

    /// Calls `visit(question, value)` for each question that `user` answered.
    fn for_each(&self, answered: &BitMatrix, user: usize, visit: impl FnMut(usize, Self::Value));
}

/// Scores of 0 or 1.
impl Cells for BitMatrix {
    type Value = u8;

    fn of(&self, _answered: &BitMatrix, user: usize, question: usize) -> u8 {
        self.contains(user, question).into()
    }

    fn for_each(&self, answered: &BitMatrix, user: usize, mut visit: impl FnMut(usize, u8)) {
        for (word, (&answered, &scored)) in answered.row(user).iter().zip(self.row(user)).enumerate() {
            ones(answered).for_each(|bit| visit(word * WORD_BITS + bit, (scored >> bit & 1) as u8));
        }
    }
}

impl<T: Copy + Default + Sync> Cells for Packed<T> {
    type Value = T;

    fn of(&self, answered: &BitMatrix, user: usize, question: usize) -> T {
        let word = user * answered.words_per_row() + question / WORD_BITS;
        self.values[self.position(word, answered.words()[word] & below(question))]
    }

    fn for_each(&self, answered: &BitMatrix, user: usize, mut visit: impl FnMut(usize, T)) {
        let values = &self.values[self.position(user * answered.words_per_row(), 0)..];
        let words = answered.row(user).iter().enumerate();
        let questions = words.flat_map(|(word, &bits)| ones(bits).map(move |bit| word * WORD_BITS + bit));
        questions.zip(values).for_each(|(question, &value)| visit(question, value));
    }
}
