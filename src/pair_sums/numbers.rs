//! Scores that are not all 0 or 1.

use crate::bitset::BitMatrix;
use crate::isa::{Isa, TILE};
use crate::matrix::{Cells, Columns, Numbers, Packed, with_values};
use crate::moments::SumInteger;

use super::{PairScores, Users, prefetch_part};

/// Users of wider scores at once.
const NUMBERS: usize = 1024;

/// A score in a column.
pub trait Number: Copy + Default + Send + Sync + Into<i64> {
    /// Σxy for each column of `a` with each of `b`, where no |x| and no |y| exceeds `largest`. Must be inlined.
    fn products<I: Isa, A: SumInteger>(
        isa: I,
        a: Tile<Self>,
        b: Tile<Self>,
        largest: u64,
    ) -> [[A; TILE]; TILE];
}

/// Columns of the same users, at most [`NUMBERS`].
type Tile<'a, T> = [&'a [T]; TILE];

#[inline(always)]
fn pair_by_pair<T, A: Copy>(a: Tile<T>, b: Tile<T>, product: impl Fn(&[T], &[T]) -> A) -> [[A; TILE]; TILE] {
    a.map(|a| b.map(|b| product(a, b)))
}

impl Number for i16 {
    #[inline(always)]
    fn products<I: Isa, A: SumInteger>(
        isa: I,
        a: Tile<i16>,
        b: Tile<i16>,
        largest: u64,
    ) -> [[A; TILE]; TILE] {
        if largest * largest * NUMBERS as u64 <= i32::MAX as u64 {
            return isa.sum_products(a, b).map(|sums| sums.map(|sum| A::from(sum.into())));
        }
        pair_by_pair(a, b, |a, b| {
            let mut sum = 0i64;
            for i in 0..a.len().min(b.len()) {
                sum += i64::from(i32::from(a[i]) * i32::from(b[i]));
            }
            A::from(sum)
        })
    }
}

impl Number for i64 {
    #[inline(always)]
    fn products<I: Isa, A: SumInteger>(
        _isa: I,
        a: Tile<i64>,
        b: Tile<i64>,
        largest: u64,
    ) -> [[A; TILE]; TILE] {
        // Products of 32 bits are one instruction, and 64 bits hold the sums of so many.
        if largest <= i32::MAX as u64 && largest * largest <= i64::MAX as u64 / NUMBERS as u64 {
            return pair_by_pair(a, b, |a, b| {
                let mut sum = 0i64;
                for i in 0..a.len().min(b.len()) {
                    sum += i64::from(a[i] as i32) * i64::from(b[i] as i32);
                }
                A::from(sum)
            });
        }
        pair_by_pair(a, b, |a, b| {
            let mut sum = A::default();
            for i in 0..a.len().min(b.len()) {
                sum += A::from(a[i]) * A::from(b[i]);
            }
            sum
        })
    }
}

/// The scores of some users by question: in 16 bits if these hold all scores, and else in 64.
#[derive(Default)]
pub struct NumberColumns {
    narrow: Scores<i16>,
    wide: Scores<i64>,
    are_wide: bool,
}

#[derive(Default)]
struct Scores<T> {
    columns: Columns<T>,
}

impl<T: Number> Scores<T> {
    fn new(questions: usize, users: usize) -> Self {
        Self { columns: Columns::new(questions, users) }
    }

    #[inline(always)]
    fn read<S: Copy + Default + Sync + Into<T>>(
        &mut self,
        points: &Packed<S>,
        answered: &BitMatrix,
        users: &Users,
    ) {
        self.columns.resize(users.len());
        let questions = answered.columns();
        if let Users::Rows(rows) = users {
            let scores = points.rows_of(answered, rows.clone());
            if scores.len() == users.len() * questions {
                self.columns.set_rows(scores, |_, score| score.into());
                return;
            }
        }
        for place in 0..users.len() {
            let user = users.at(place);
            let scores = points.rows_of(answered, user..user + 1);
            if scores.len() == questions {
                for (question, &score) in scores.iter().enumerate() {
                    self.columns.set(question, place, score.into());
                }
            } else {
                points.for_each(answered, user, |question, score| {
                    self.columns.set(question, place, score.into());
                });
            }
        }
    }

    #[inline(always)]
    fn sum<A: SumInteger>(&self, question: usize) -> A {
        let mut sum = A::default();
        for &score in self.columns.column(question) {
            sum += A::from(score.into());
        }
        sum
    }

    #[inline(always)]
    fn products<I: Isa, A: SumInteger>(
        &self,
        isa: I,
        i: [usize; TILE],
        j: [usize; TILE],
        largest: u64,
    ) -> [[A; TILE]; TILE] {
        let tile = |questions: [usize; TILE]| questions.map(|question| self.columns.column(question));
        T::products(isa, tile(i), tile(j), largest)
    }

    #[inline(always)]
    fn add_xt<A: SumInteger>(&self, questions: &[u32], totals: &[i64], sums: &mut [A]) {
        for &question in questions {
            for (&score, &total) in self.columns.column(question as usize).iter().zip(totals) {
                sums[question as usize] += A::from(score.into()) * A::from(total);
            }
        }
    }
}

impl PairScores for Numbers {
    const USERS_AT_ONCE: usize = NUMBERS;

    type Columns = NumberColumns;

    fn columns(&self, questions: usize, users: usize) -> NumberColumns {
        match self {
            Self::I8(_) | Self::I16(_) => {
                NumberColumns { narrow: Scores::new(questions, users), ..NumberColumns::default() }
            }
            Self::I64(_) => NumberColumns {
                wide: Scores::new(questions, users),
                are_wide: true,
                ..NumberColumns::default()
            },
        }
    }

    fn prefetch(&self, answered: &BitMatrix, users: &Users, part: (usize, usize)) {
        if let Users::Rows(rows) = users {
            with_values!(self, packed => prefetch_part(packed.rows_of(answered, rows.clone()), part));
        }
    }

    #[inline(always)]
    fn read<I: Isa>(&self, _isa: I, answered: &BitMatrix, users: &Users, columns: &mut NumberColumns) {
        match self {
            Self::I8(points) => columns.narrow.read(points, answered, users),
            Self::I16(points) => columns.narrow.read(points, answered, users),
            Self::I64(points) => columns.wide.read(points, answered, users),
        }
    }

    #[inline(always)]
    fn sum<A: SumInteger>(columns: &NumberColumns, question: usize, _square: A) -> A {
        if columns.are_wide { columns.wide.sum(question) } else { columns.narrow.sum(question) }
    }

    #[inline(always)]
    fn products<I: Isa, A: SumInteger>(
        isa: I,
        columns: &NumberColumns,
        i: [usize; TILE],
        j: [usize; TILE],
        largest: u64,
    ) -> [[A; TILE]; TILE] {
        if columns.are_wide {
            columns.wide.products(isa, i, j, largest)
        } else {
            columns.narrow.products(isa, i, j, largest)
        }
    }

    #[inline(always)]
    fn add_xt<I: Isa, A: SumInteger>(
        _isa: I,
        columns: &NumberColumns,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::InstructionSet;
    use crate::matrix::Table;
    use crate::pair_sums::pair_sums;
    use crate::responses::{Duplicates, Responses};

    const QUESTIONS: u32 = 6;

    /// Scores of every width, with products of every width, of as many users as blocks of all kinds end with.
    #[test]
    fn sums_are_those_of_the_users_one_by_one() {
        for users in [1, 15, 16, 17, 63, 64, 65, 127, 129, 1023, 1024, 1025, 2200] {
            for unit in [1, 50, 700, 7000, 1 << 20, 1 << 40] {
                check(users, unit);
            }
        }
    }

    fn check(users: u32, unit: i64) {
        let cells = || (0..users * QUESTIONS).map(|cell| (cell / QUESTIONS, cell % QUESTIONS));
        let score = |(user, question)| i64::from((user * 7919 + question * 104_729) % 1009 % 5 + 2) * unit;
        let (of_users, questions) = cells().unzip();
        let responses = Responses { users: of_users, questions, scores: cells().map(score).collect() };
        let matrix = responses.into_matrix(Duplicates::Error).unwrap();
        let Table::Numbers(integers) = &matrix.table else { panic!("integers, not all 0 or 1") };
        let all: Vec<u32> = (0..QUESTIONS).collect();
        let some: Vec<u32> = (0..users).filter(|user| user % 3 > 0 || users == 1).collect();
        for (of, ids) in [
            (Users::Rows(0..users as usize), (0..users).collect()),
            (Users::Rows(users as usize / 3..users as usize), (users / 3..users).collect()),
            (Users::These(&some), some.clone()),
        ] {
            let context = format!("{} of {users} users, scores in units of {unit}", ids.len());
            let point = |user: u32, question: u32| {
                i128::from(integers.points.of(&matrix.answered, user as usize, question as usize))
            };
            let isa = InstructionSet::from_environment().unwrap();
            let sums = pair_sums::<_, i128>(isa, integers, &matrix.answered, &all, &of).unwrap();
            assert_eq!(sums.n as usize, ids.len(), "{context}");
            for i in 0..QUESTIONS {
                let x: i128 = ids.iter().map(|&user| point(user, i)).sum();
                assert_eq!(sums.x[i as usize], x, "{context}, question {i}");
                for j in 0..QUESTIONS {
                    let product: i128 = ids.iter().map(|&user| point(user, i) * point(user, j)).sum();
                    assert_eq!(sums.row(i as usize)[j as usize], product, "{context}, questions {i} and {j}");
                }
            }
        }
    }
}
