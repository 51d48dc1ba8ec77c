//! Scores that are not all 0 or 1.

use crate::bitset::BitMatrix;
use crate::isa::{Isa, TILE};
use crate::matrix::{Cells, Numbers, Packed, with_values};
use crate::moments::SumInteger;

use super::{PairScores, Users, prefetch_part};

/// Users of wider scores at once.
const NUMBERS: usize = 1024;

/// A score in a column.
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

/// The scores of some users by question: in 16 bits if these hold all scores, and else in 64.
#[derive(Default)]
pub struct Columns {
    narrow: Scores<i16>,
    wide: Scores<i64>,
    are_wide: bool,
}

#[derive(Default)]
struct Scores<T> {
    scores: Vec<T>,
    /// From one question to the next.
    stride: usize,
    /// How many users.
    used: usize,
}

impl<T: Number> Scores<T> {
    fn new(questions: usize, users: usize) -> Self {
        Self { scores: vec![T::default(); questions * users], stride: users, used: 0 }
    }

    fn column(&self, question: usize) -> &[T] {
        &self.scores[question * self.stride..][..self.used]
    }

    #[inline(always)]
    fn read<S: Copy + Default + Sync + Into<T>>(
        &mut self,
        points: &Packed<S>,
        answered: &BitMatrix,
        users: &Users,
    ) {
        let stride = self.stride;
        for place in 0..users.len() {
            let user = users.at(place);
            let scores = points.rows_of(answered, user..user + 1);
            if scores.len() == answered.columns() {
                for (question, &score) in scores.iter().enumerate() {
                    self.scores[question * stride + place] = score.into();
                }
            } else {
                points.for_each(answered, user, |question, score| {
                    self.scores[question * stride + place] = score.into();
                });
            }
        }
        self.used = users.len();
    }

    #[inline(always)]
    fn sum<A: SumInteger>(&self, question: usize) -> A {
        let mut sum = A::default();
        for &score in self.column(question) {
            sum += A::from(score.into());
        }
        sum
    }

    #[inline(always)]
    fn products<A: SumInteger>(&self, i: [usize; TILE], j: [usize; TILE], largest: u64) -> [[A; TILE]; TILE] {
        let mut products = [[A::default(); TILE]; TILE];
        for (i, products) in i.into_iter().zip(&mut products) {
            for (j, product) in j.into_iter().zip(products) {
                *product = T::dot::<A>(self.column(i), self.column(j), largest);
            }
        }
        products
    }

    #[inline(always)]
    fn add_xt<A: SumInteger>(&self, questions: &[u32], totals: &[i64], sums: &mut [A]) {
        for &question in questions {
            for (&score, &total) in self.column(question as usize).iter().zip(totals) {
                sums[question as usize] += A::from(score.into()) * A::from(total);
            }
        }
    }
}

impl PairScores for Numbers {
    const USERS_AT_ONCE: usize = NUMBERS;

    type Columns = Columns;

    fn columns(&self, questions: usize, users: usize) -> Columns {
        match self {
            Self::I8(_) | Self::I16(_) => {
                Columns { narrow: Scores::new(questions, users), ..Columns::default() }
            }
            Self::I64(_) => {
                Columns { wide: Scores::new(questions, users), are_wide: true, ..Columns::default() }
            }
        }
    }

    fn prefetch(&self, answered: &BitMatrix, users: &Users, part: (usize, usize)) {
        if let Users::Rows(rows) = users {
            with_values!(self, packed => prefetch_part(packed.rows_of(answered, rows.clone()), part));
        }
    }

    #[inline(always)]
    fn read<I: Isa>(&self, _isa: I, answered: &BitMatrix, users: &Users, columns: &mut Columns) {
        match self {
            Self::I8(points) => columns.narrow.read(points, answered, users),
            Self::I16(points) => columns.narrow.read(points, answered, users),
            Self::I64(points) => columns.wide.read(points, answered, users),
        }
    }

    #[inline(always)]
    fn sum<A: SumInteger>(columns: &Columns, question: usize, _square: A) -> A {
        if columns.are_wide { columns.wide.sum(question) } else { columns.narrow.sum(question) }
    }

    #[inline(always)]
    fn products<I: Isa, A: SumInteger>(
        _isa: I,
        columns: &Columns,
        i: [usize; TILE],
        j: [usize; TILE],
        largest: u64,
    ) -> [[A; TILE]; TILE] {
        if columns.are_wide {
            columns.wide.products(i, j, largest)
        } else {
            columns.narrow.products(i, j, largest)
        }
    }

    #[inline(always)]
    fn add_xt<I: Isa, A: SumInteger>(
        _isa: I,
        columns: &Columns,
        questions: &[u32],
        totals: &[i64],
        sums: &mut [A],
    ) {
        if columns.are_wide {
            columns.wide.add_xt(questions, totals, sums);
        } else {
            columns.narrow.add_xt(questions, totals, sums);
        }
    }
}
