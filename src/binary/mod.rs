//! Scores of 0 and 1, at the limit of the CPU.
//!
//! `database` and `extension` are the common users of a prefix, `kernel` sums over them; `alpha` and `scorers` add Cronbach's
//! α. `docs/kernel.md` explains why it is done like this, and what lost.

mod alpha;
mod database;
mod extension;
mod far;
mod kernel;
mod scorers;

use std::ops::Range;

use crate::bitset::{BitMatrix, WORD_BITS, ones};
use crate::error::Result;
use crate::isa::{Isa, LARGEST_WEIGHT, PART, PartSums};
use crate::matrix::Integers;
use crate::moments::{Correlations, IntegerSums, LaneComoments, LaneCorrelations, RankBy, Side};
use crate::tree::{Bar, Before, Column, FAR_SHARES, Layout, Near, Next, Questions, Scores, is_exact};

pub use alpha::BinaryAlpha;
use database::Database;
use extension::Extension;
use far::Far;

/// Scores of 0 and 1 in sets of k questions, which the lanes hold.
pub struct Binary<'a> {
    answered: &'a BitMatrix,
    integers: &'a Integers<BitMatrix>,
    k: usize,
    /// For each of the [`FAR_SHARES`] the least t² of users who are far.
    far_squares: [u64; FAR_SHARES.len()],
}

impl<'a> Binary<'a> {
    /// `None` where the lanes of the kernel do not hold the sums.
    pub fn new(answered: &'a BitMatrix, integers: &'a Integers<BitMatrix>, k: usize) -> Option<Self> {
        is_possible(integers, k).then(|| {
            let far_squares = far::far_squares(&integers.totals);
            Self { answered, integers, k, far_squares }
        })
    }
}

/// Whether the kernel's lanes hold the sums of sets of `k` questions.
pub fn is_possible(integers: &Integers<BitMatrix>, k: usize) -> bool {
    let (users, largest_total) = (integers.totals.len() as u64, integers.largest_total);
    let most = largest_total.max(k as u64);
    let sums = most.checked_mul(most).and_then(|square| square.checked_mul(users));
    largest_total <= LARGEST_WEIGHT
        && kernel::is_possible(k, largest_total)
        && sums.is_some_and(|sum| sum <= i32::MAX as u64)
        && is_exact(users, k as u64, largest_total)
}

/// What a set must reach, and what limits the sums over its prefix's users.
#[derive(Clone, Copy)]
pub struct Filter {
    bar: Bar,
    k: usize,
    /// Users of the prefix, and the Σt² of all users of its database.
    users: usize,
    squares: u64,
    /// Those whom the database leaves out.
    near: Near,
}

impl Filter {
    /// A number of users, and what no sum over them exceeds.
    fn limits(self, users: usize, squares: u64) -> (usize, u64) {
        (users, squares.max((users * self.k * self.k) as u64))
    }
}

impl Scores for Binary<'_> {
    type Database = Database;
    type Extension = Extension;
    type Sums = PartSums;
    type Filter = Filter;
    type Far = Far;

    const SCREENS: bool = true;
    const COST: u128 = 1;
    const JOINS: bool = true;

    fn users(&self) -> usize {
        self.integers.totals.len()
    }

    #[inline(always)]
    fn everyone<I: Isa>(&self, isa: I, questions: &Questions) -> Result<Database> {
        let mut database =
            Database::of_everyone(questions.layout(), &self.integers.totals, self.k, |user, respond| {
                for (word, (&answered, &scored)) in
                    self.answered.row(user).iter().zip(self.integers.points.row(user)).enumerate()
                {
                    for bit in ones(answered) {
                        respond(questions.column(word * WORD_BITS + bit), scored >> bit & 1 == 1);
                    }
                }
            });
        database.index(isa, Next { low: true, high: true });
        Ok(database)
    }

    fn layout(database: &Database) -> Layout {
        database.layout()
    }

    #[inline(always)]
    fn extend<I: Isa>(
        &self,
        isa: I,
        database: &Database,
        column: Column,
        extension: &mut Extension,
    ) -> usize {
        extension.extend(isa, database, column);
        extension.len() + extension.near().users
    }

    #[inline(always)]
    fn mark_far<I: Isa>(&self, isa: I, database: &Database, step: usize, far: &mut Far) {
        far.mark(isa, database, self.far_squares[step]);
    }

    #[inline(always)]
    fn extend_by_far<I: Isa>(
        &self,
        isa: I,
        database: &Database,
        column: Column,
        far: &Far,
        extension: &mut Extension,
    ) -> usize {
        extension.extend_by_far(isa, database, column, far);
        extension.len() + extension.near().users
    }

    fn extend_by_none(&self) -> Extension {
        Extension::of_everyone(self.users())
    }

    #[inline(always)]
    fn project<I: Isa>(
        &self,
        isa: I,
        parent: &Database,
        extension: &Extension,
        layout: Layout,
        next: Next,
        database: &mut Database,
    ) {
        database.project(isa, parent, extension, layout, self.k);
        database.index(isa, next);
    }

    #[inline(always)]
    fn sum<I: Isa>(
        &self,
        isa: I,
        database: &Database,
        extension: &Extension,
        parts: Range<usize>,
        sums: &mut [PartSums],
    ) {
        kernel::sum(isa, database, extension, parts, sums);
    }

    fn side(&self, rank_by: RankBy) -> Option<Side> {
        rank_by.side()
    }

    #[inline(always)]
    fn filter(&self, bar: Bar, database: &Database, users: usize) -> Filter {
        let near = database.near();
        Filter { bar, k: self.k, users: users - near.users, squares: database.squares(), near }
    }

    #[inline(always)]
    fn candidates<I: Isa>(isa: I, filter: Filter, sums: &PartSums) -> u16 {
        let Filter { bar, users, squares, near, .. } = filter;
        let (users, largest_sum) = filter.limits(users + near.users, squares + near.squares);
        bar.candidates(isa, sums, users, largest_sum)
    }

    #[inline(always)]
    fn candidates_by_far<I: Isa>(isa: I, filter: Filter, sums: &PartSums) -> u16 {
        let Filter { bar, k, users, squares, near } = filter;
        bar.candidates_by_far(isa, sums, k, filter.limits(users, squares), near)
    }

    #[inline(always)]
    fn add_near(
        &self,
        before: Before<'_, Self>,
        columns: [Column; 2],
        least_users: i32,
        lane_of_sums: (usize, &mut PartSums),
    ) -> bool {
        let Before { database, far, column } = before;
        let [first, second] = columns;
        far.add_near(database, [column, first, second], least_users, lane_of_sums)
    }

    #[inline(always)]
    fn lane_correlations<I: Isa>(
        &self,
        isa: I,
        PartSums { n, x, xx, t, tt, xt }: &PartSums,
        side: Side,
    ) -> LaneCorrelations<PART> {
        LaneComoments::of([n, x, xx, t, tt, xt]).correlations(isa, side)
    }

    #[inline(always)]
    fn lane_users(sums: &PartSums) -> [u32; PART] {
        sums.n.map(|n| n as u32)
    }

    fn correlations(
        &self,
        _leaf: (&Database, &Extension),
        sums: &PartSums,
        (_part, lane): (usize, usize),
        _set: &[u32],
    ) -> (Correlations, u32) {
        let exact = integer_sums(sums, lane);
        (exact.correlations(), exact.n())
    }
}

/// The sums of one set.
fn integer_sums(sums: &PartSums, lane: usize) -> IntegerSums<i64> {
    let five = [&sums.x, &sums.xx, &sums.t, &sums.tt, &sums.xt].map(|sums| i64::from(sums[lane]));
    IntegerSums::of(sums.n[lane] as u32, five)
}
