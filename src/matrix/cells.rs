//! The scores of answered cells, in memory.

use std::ops::Range;
use std::sync::atomic::{AtomicI8, AtomicI16, AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::bitset::{BitMatrix, WORD_BITS, below, ones};
use crate::parallel;
use crate::regular::Regular;
use crate::responses::Source;

/// One value per answered cell, row after row, found by the cell's rank in its word of `answered`.
#[derive(Clone, Debug)]
pub(crate) struct Packed<T> {
    /// For each word of `answered` the position of its first value.
    offsets: Vec<u32>,
    values: Vec<T>,
}

/// A value that several threads write into memory that they share.
pub(crate) trait Shared: Copy + Default + Send + Sync {
    type Atomic: Default + Send + Sync;

    fn write(self, to: &Self::Atomic);

    fn read(from: Self::Atomic) -> Self;
}

macro_rules! shared_integers {
    ($($integer:ty, $atomic:ty);*) => {
        $(
            impl Shared for $integer {
                type Atomic = $atomic;

                fn write(self, to: &$atomic) {
                    // Nobody reads it, or writes something else, until all threads are done.
                    to.store(self, Relaxed);
                }

                fn read(from: $atomic) -> Self {
                    from.into_inner()
                }
            }
        )*
    };
}

shared_integers!(i8, AtomicI8; i16, AtomicI16; i64, AtomicI64; u64, AtomicU64);

/// As its bits.
impl Shared for f64 {
    type Atomic = AtomicU64;

    fn write(self, to: &AtomicU64) {
        self.to_bits().write(to);
    }

    fn read(from: AtomicU64) -> Self {
        Self::from_bits(u64::read(from))
    }
}

impl<T: Shared> Packed<T> {
    /// Stores `point(value(score), of_questions[question])` for each response. There is one for each cell of `answered`, or several with the same score.
    pub fn new<S: Source>(
        responses: &S,
        answered: &BitMatrix,
        value: impl Fn(S::Score) -> T + Sync,
        of_questions: &[T],
        point: impl Fn(T, T) -> T + Sync,
    ) -> Self {
        let (offsets, length) = offsets(answered);
        if let Some(regular) = responses.regular() {
            return Self {
                offsets,
                values: in_order(responses, regular, length, value, of_questions, point),
            };
        }
        let mut values = Vec::new();
        values.resize_with(length, T::Atomic::default);
        parallel::map_stretches(responses.rows(), |rows| {
            for piece in responses.read(rows) {
                for (user, question, score) in piece {
                    let (user, question) = (user as usize, question as usize);
                    let point = point(value(score), of_questions[question]);
                    point.write(&values[position(&offsets, answered, user, question)]);
                }
            }
        });
        // In place: both are of the same size.
        Self { offsets, values: values.into_iter().map(T::read).collect() }
    }
}

/// The values of a [`Packed`] of responses in a regular order.
fn in_order<S: Source, T: Shared>(
    responses: &S,
    regular: &Regular,
    length: usize,
    value: impl Fn(S::Score) -> T + Sync,
    of_questions: &[T],
    point: impl Fn(T, T) -> T + Sync,
) -> Vec<T> {
    let mut points = vec![T::default(); length];
    let (users, _) = regular.ids();
    let start = |user| regular.responses_before(user);
    parallel::fill_stretches(users, regular.responses_each(), &mut points, start, |users, points| {
        let mut left = points;
        regular.try_for_each_alike(responses, users, &value, |_, sequence, values| {
            let points = left.split_off_mut(..values.len()).unwrap_or_default();
            let points = points.chunks_exact_mut(sequence.length());
            for (points, values) in points.zip(values.chunks_exact(sequence.length())) {
                for span in &sequence.spans {
                    let values = span.part(values).iter().zip(&of_questions[span.question..]);
                    let points = points[span.rank..].iter_mut();
                    points
                        .zip(values)
                        .for_each(|(to, (&value, &of_question))| *to = point(value, of_question));
                }
            }
            true
        })
    });
    points
}

/// For each word of `answered` how many cells are answered in those before it; and in all.
fn offsets(answered: &BitMatrix) -> (Vec<u32>, usize) {
    let mut end = 0;
    let offset = |word: &u64| {
        let start = end;
        end += word.count_ones();
        start
    };
    (answered.words().iter().map(offset).collect(), end as usize)
}

/// Where the value of an answered cell is.
fn position(offsets: &[u32], answered: &BitMatrix, user: usize, question: usize) -> usize {
    let word = user * answered.words_per_row() + question / WORD_BITS;
    offsets[word] as usize + (answered.words()[word] & below(question)).count_ones() as usize
}

impl<T: Copy + Default> Packed<T> {
    pub fn zeros(answered: &BitMatrix) -> Self {
        let (offsets, length) = offsets(answered);
        Self { offsets, values: vec![T::default(); length] }
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
        self.values[position(&self.offsets, answered, user, question)] = value;
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&self.offsets[..]) + size_of_val(&self.values[..])
    }

    /// The rows at `rows` alone, of which `answered` has `words_per_row` words each.
    pub fn of_rows(&self, rows: &[u32], words_per_row: usize) -> Self {
        let mut part = Self { offsets: Vec::with_capacity(rows.len() * words_per_row), values: Vec::new() };
        for row in rows.iter().map(|&row| row as usize * words_per_row) {
            let offsets = &self.offsets[row..][..words_per_row];
            let start = self.offsets.get(row).map_or(self.values.len(), |&start| start as usize);
            let end = self.offsets.get(row + words_per_row).map_or(self.values.len(), |&end| end as usize);
            let shift = part.values.len() as u32;
            part.offsets.extend(offsets.iter().map(|&offset| offset - start as u32 + shift));
            part.values.extend_from_slice(&self.values[start..end]);
        }
        part
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
        self.values[position(&self.offsets, answered, user, question)]
    }

    fn for_each(&self, answered: &BitMatrix, user: usize, mut visit: impl FnMut(usize, T)) {
        let values = self.rows_of(answered, user..user + 1);
        answered.ones_of(user).zip(values).for_each(|(question, &value)| visit(question, value));
    }
}
