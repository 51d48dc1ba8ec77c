//! Scores that are not all 0 or 1.

use crate::bitset::BitMatrix;
use crate::isa::{Isa, TILE};
use crate::matrix::{Cells, Integers, Packed};
use crate::moments::SumInteger;

use super::{PairScores, Users};

/// Users of wider scores at once.
const NUMBERS: usize = 1024;

/// A stored score.
pub trait Number: Copy + Default + Send + Sync + Into<i64> {
    /// Σab, where neither exceeds `largest`. Must be inlined.
    fn dot<A: SumInteger>(a: &[Self], b: &[Self], largest: u64) -> A;
}

impl Number for i16 {
    #[inline(always)]
    fn dot<A: SumInteger>(a: &[Self], b: &[Self], largest: u64) -> A {
        // Products are summed in pairs of 16 to 32 bits wherever 32 bits hold the sums.
        if largest * largest * NUMBERS as u64 <= i32::MAX as u64 {
            let mut sum = 0i32;
            for i in 0..a.len().min(b.len()) {
                sum += i32::from(a[i]) * i32::from(b[i]);
            }
            A::from(i64::from(sum))
        } else {
            let mut sum = 0i64;
            for i in 0..a.len().min(b.len()) {
                sum += i64::from(i32::from(a[i]) * i32::from(b[i]));
            }
            A::from(sum)
        }
    }
}

impl Number for i64 {
    #[inline(always)]
    fn dot<A: SumInteger>(a: &[Self], b: &[Self], largest: u64) -> A {
        // Products of 32 bits are one instruction, and 64 bits hold the sums of so many.
        if largest <= i32::MAX as u64 && largest * largest <= i64::MAX as u64 / NUMBERS as u64 {
            let mut sum = 0i64;
            for i in 0..a.len().min(b.len()) {
                sum += i64::from(a[i] as i32) * i64::from(b[i] as i32);
            }
            return A::from(sum);
        }
        let mut sum = A::default();
        for i in 0..a.len().min(b.len()) {
            sum += A::from(a[i]) * A::from(b[i]);
        }
        sum
    }
}

/// The scores of some users by question.
pub struct Columns<T> {
    scores: Vec<T>,
    /// From one question to the next.
    stride: usize,
    /// How many users.
    used: usize,
}

impl<T> Columns<T> {
    fn column(&self, question: usize) -> &[T] {
        &self.scores[question * self.stride..][..self.used]
    }
}

impl<T: Number> PairScores for Packed<T> {
    const USERS_AT_ONCE: usize = NUMBERS;

    type Columns = Columns<T>;
    type Word = T;

    fn columns(questions: usize, users: usize) -> Columns<T> {
        Columns { scores: vec![T::default(); questions * users], stride: users, used: 0 }
    }

    fn memory<'a>(integers: &'a Integers<Self>, answered: &BitMatrix, users: &Users) -> &'a [T] {
        match users {
            Users::Rows(rows) => integers.points.rows_of(answered, rows.clone()),
            Users::These(_) => &[],
        }
    }

    #[inline(always)]
    fn read<I: Isa>(
        _isa: I,
        integers: &Integers<Self>,
        answered: &BitMatrix,
        users: &Users,
        columns: &mut Columns<T>,
    ) {
        let stride = columns.stride;
        for place in 0..users.len() {
            let user = users.at(place);
            let scores = integers.points.rows_of(answered, user..user + 1);
            if scores.len() == answered.columns() {
                for (question, &score) in scores.iter().enumerate() {
                    columns.scores[question * stride + place] = score;
                }
            } else {
                integers.points.for_each(answered, user, |question, score| {
                    columns.scores[question * stride + place] = score;
                });
            }
        }
        columns.used = users.len();
    }

    #[inline(always)]
    fn sum<A: SumInteger>(columns: &Columns<T>, question: usize, _square: A) -> A {
        let mut sum = A::default();
        for &score in columns.column(question) {
            sum += A::from(score.into());
        }
        sum
    }

    #[inline(always)]
    fn products<I: Isa, A: SumInteger>(
        _isa: I,
        columns: &Columns<T>,
        i: [usize; TILE],
        j: [usize; TILE],
        largest: u64,
    ) -> [[A; TILE]; TILE] {
        let mut products = [[A::default(); TILE]; TILE];
        for (i, products) in i.into_iter().zip(&mut products) {
            for (j, product) in j.into_iter().zip(products) {
                *product = T::dot::<A>(columns.column(i), columns.column(j), largest);
            }
        }
        products
    }

    #[inline(always)]
    fn add_xt<I: Isa, A: SumInteger>(
        _isa: I,
        columns: &Columns<T>,
        questions: &[u32],
        totals: &[i64],
        sums: &mut [A],
    ) {
        for &question in questions {
            for (&score, &total) in columns.column(question as usize).iter().zip(totals) {
                sums[question as usize] += A::from(score.into()) * A::from(total);
            }
        }
    }
}
