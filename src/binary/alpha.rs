//! Scores of 0 and 1 with Cronbach's α of their sets.

use std::ops::Range;

use crate::error::Result;
use crate::isa::{Isa, PART, in_passes};
use crate::moments::{Correlations, LaneCorrelations, LaneVariances, RankBy, Side};
use crate::tree::{AlphaBar, Bar, Column, Layout, Next, Questions, Scores};

use super::scorers::{AddSquares, Database, Extension, Sums};
use super::{Binary, kernel};

/// [`Binary`] scores with α beside what six sums tell.
pub struct BinaryAlpha<'a>(pub Binary<'a>);

/// What a set must reach.
#[derive(Clone, Copy)]
pub struct Filter {
    six: super::Filter,
    alpha: Option<AlphaBar>,
}

impl Filter {
    fn new(six: super::Filter, k: usize) -> Self {
        Self { six, alpha: AlphaBar::new(six.bar, k) }
    }
}

impl Scores for BinaryAlpha<'_> {
    type Database = Database;
    type Extension = Extension;
    type Sums = Sums;
    type Filter = Filter;
    type Far = ();

    const SCREENS: bool = false;
    const COST: u128 = 2 * Binary::COST;
    const JOINS: bool = Binary::JOINS;

    fn users(&self) -> usize {
        self.0.users()
    }

    #[inline(always)]
    fn everyone<I: Isa>(&self, isa: I, questions: &Questions) -> Result<Database> {
        Ok(Database::of_everyone(self.0.everyone(isa, questions)?))
    }

    fn layout(database: &Database) -> Layout {
        database.users.layout()
    }

    #[inline(always)]
    fn extend<I: Isa>(
        &self,
        isa: I,
        database: &Database,
        column: Column,
        extension: &mut Extension,
    ) -> usize {
        let users = self.0.extend(isa, &database.users, column, &mut extension.users);
        extension.mark(database);
        users
    }

    fn extend_by_none(&self) -> Extension {
        Extension::of_everyone(self.0.extend_by_none())
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
        self.0.project(isa, &parent.users, &extension.users, layout, next, &mut database.users);
        database.take_marks(parent, extension);
    }

    #[inline(always)]
    fn sum<I: Isa>(
        &self,
        isa: I,
        database: &Database,
        extension: &Extension,
        parts: Range<usize>,
        sums: &mut [Sums],
    ) {
        kernel::sum(isa, &database.users, &extension.users, parts.clone(), sums);
        in_passes(&AddSquares { isa, database, extension }, parts.start, sums);
    }

    fn side(&self, rank_by: RankBy) -> Option<Side> {
        self.0.side(rank_by)
    }

    #[inline(always)]
    fn filter(&self, bar: Bar, database: &Database, users: usize) -> Filter {
        Filter::new(self.0.filter(bar, &database.users, users), self.0.k)
    }

    #[inline(always)]
    fn candidates<I: Isa>(isa: I, filter: Filter, sums: &Sums) -> u16 {
        match filter.alpha {
            Some(alpha) => alpha.candidates(isa, &sums.six.n, &lane_variances(sums)),
            None => Binary::candidates(isa, filter.six, &sums.six),
        }
    }

    #[inline(always)]
    fn lane_correlations<I: Isa>(&self, isa: I, sums: &Sums, side: Side) -> LaneCorrelations<PART> {
        self.0.lane_correlations(isa, &sums.six, side)
    }

    #[inline(always)]
    fn lane_alphas<I: Isa>(&self, isa: I, sums: &Sums) -> LaneCorrelations<PART> {
        lane_variances(sums).alphas(isa, self.0.k)
    }

    #[inline(always)]
    fn lane_users(sums: &Sums) -> [u32; PART] {
        Binary::lane_users(&sums.six)
    }

    fn correlations(
        &self,
        _leaf: (&Database, &Extension),
        sums: &Sums,
        (_part, lane): (usize, usize),
        _set: &[u32],
    ) -> (Correlations, u32) {
        let exact = super::integer_sums(&sums.six, lane);
        // An integer.
        let variances = lane_variances(sums).questions[lane] as i128;
        let alpha = exact.alpha(self.0.k, variances);
        (Correlations { alpha, ..exact.correlations() }, exact.n())
    }
}

/// Exact, as the [`comoments`](crate::tree::is_exact) of these sums are.
#[inline(always)]
fn lane_variances(Sums { six, squares }: &Sums) -> LaneVariances<PART> {
    // Σ x_i² = Σ x_i of each question, all of which make x.
    LaneVariances::of([&six.n, &six.x, &six.xx], &six.x.map(f64::from), squares)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::isa::{InstructionSet, Kernel};
    use crate::tree::Near;

    struct Candidates<'a>(Filter, &'a Sums);

    impl Kernel for Candidates<'_> {
        type Output = u16;

        #[inline(always)]
        fn run<I: Isa>(self, isa: I) -> u16 {
            BinaryAlpha::candidates(isa, self.0, self.1)
        }
    }

    /// Of users who scored on the questions whose bits are set, in each lane.
    fn sums(lanes: &[Vec<u8>], k: usize) -> Sums {
        let mut sums = Sums::default();
        for (lane, users) in lanes.iter().enumerate() {
            let totals = || users.iter().map(|user| (user & ((1 << k) - 1)).count_ones() as i32);
            sums.six.n[lane] = users.len() as i32;
            sums.six.x[lane] = totals().sum();
            sums.six.xx[lane] = totals().map(|x| x * x).sum();
            let scorers = |question: usize| users.iter().filter(|&user| user >> question & 1 == 1).count();
            sums.squares[lane] = (0..k).map(|question| scorers(question).pow(2) as f64).sum();
        }
        sums
    }

    proptest! {
        #[test]
        fn candidates_are_those_that_reach_the_bar(
            lanes in prop::collection::vec(prop::collection::vec(any::<u8>(), 2..12), PART),
            k in 2usize..7,
            least_users in 2..5,
        ) {
            let sums = sums(&lanes, k);
            let variances = lane_variances(&sums).questions;
            let alpha = |lane: usize| crate::binary::integer_sums(&sums.six, lane).alpha(k, variances[lane] as i128);
            let reaches = |lane: usize, threshold: f64| {
                sums.six.n[lane] >= least_users && alpha(lane).is_some_and(|alpha| alpha >= threshold)
            };
            let bits = |threshold: f64| (0..PART).map(|lane| u16::from(reaches(lane, threshold)) << lane).sum();
            let thresholds = (0..PART).filter_map(alpha).filter(|&alpha| alpha > 0.0);
            for threshold in thresholds.chain([f64::MIN_POSITIVE, 1.0, 1.5, f64::INFINITY]) {
                let bar = Bar { least_users, threshold, side: None };
                let filter = Filter::new(super::super::Filter { bar, k, users: 12, squares: 12 * 36, near: Near::default() }, k);
                let (least, most): (u16, u16) = (bits(threshold), bits(threshold - 1e-12));
                for isa in InstructionSet::ALL.into_iter().filter(|isa| isa.is_available()) {
                    let found = isa.run(Candidates(filter, &sums));
                    prop_assert_eq!(found & least, least, "{} loses a set from {}", isa.name(), threshold);
                    prop_assert_eq!(found & !most, 0, "{} keeps too much from {}", isa.name(), threshold);
                }
            }
        }
    }

    /// What is said of a threshold that is not positive: nothing, but that users are too few.
    #[test]
    fn a_list_that_is_not_full_takes_every_set() {
        let sums = sums(&vec![vec![0b01, 0b10]; PART], 2);
        for (threshold, least_users, expected) in [(0.0, 2, u16::MAX), (-3.0, 2, u16::MAX), (0.0, 3, 0)] {
            let bar = Bar { least_users, threshold, side: None };
            let filter = Filter::new(
                super::super::Filter { bar, k: 2, users: 2, squares: 8, near: Near::default() },
                2,
            );
            assert_eq!(InstructionSet::Portable.run(Candidates(filter, &sums)), expected);
        }
    }
}
