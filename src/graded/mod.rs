//! Scores of any grades, as points: integers of 12 or 24 bits that lanes sum up.
//!
//! Integers of so many bits are points as they are, and their sums are exact. Other scores are rounded to points, whose
//! sums rule sets out with a margin for the rounding (`filter`); the sets that remain are recomputed from the scores
//! themselves. `points` makes points and correlations, `database` has the common users of a prefix, `kernel` sums over
//! them; `alpha` has Cronbach's α, too, of points of 12 bits, for which `prefix` has the points on each question, and
//! `alpha_filter` the margin.

mod alpha;
mod alpha_filter;
mod database;
mod filter;
mod kernel;
mod points;
mod prefix;

use std::marker::PhantomData;
use std::ops::Range;

use crate::bitset::{BitMatrix, ones};
use crate::error::{Error, Result};
use crate::isa::{GradedSums, Isa, PART};
use crate::moments::{Correlations, LaneComoments, LaneCorrelations, RankBy, Side};
use crate::tree::{Bar, Column, Layout, Next, Questions, Scores};

pub use alpha::GradedAlpha;
use database::{Database, Everyone, Extension, Local};
use filter::{Filter, Scale};
pub use kernel::Point;
use points::Points;
pub use points::{FloatPoints, IntegerPoints};

/// Scores as points, stored as `P`, and who answered what.
///
/// Which scores the points stand for is looked up at run time, once for a user of a first question at most: the tree
/// is compiled for each instruction set and `P`, and compiling it for each kind of scores, too, took minutes.
pub struct Graded<'a, P> {
    answered: &'a BitMatrix,
    points: &'a dyn Points,
    scale: Scale,
    with_alpha: bool,
    stored: PhantomData<fn() -> P>,
}

impl<'a, P: Point> Graded<'a, P> {
    /// No total of `points` exceeds [`Point::largest`]. `with_alpha`: Cronbach's α is reported, too.
    pub fn new(answered: &'a BitMatrix, points: &'a dyn Points, with_alpha: bool) -> Self {
        Self { answered, points, scale: points.scale(), with_alpha, stored: PhantomData }
    }
}

impl<P: Point> Graded<'_, P> {
    /// Calls `visit` with the common users of `set`, which is `leaf` with the question at a lane of a part.
    fn with_common_users<T>(
        &self,
        (database, extension): (&Database<P>, &Extension),
        (part, lane): (usize, usize),
        set: &[u32],
        visit: impl FnOnce(&mut dyn Iterator<Item = u32>) -> T,
    ) -> T {
        let users = extension.users().iter().copied();
        match database {
            Database::Everyone(_) => {
                let answered =
                    |user: &u32| set.iter().all(|&q| self.answered.contains(*user as usize, q as usize));
                visit(&mut users.filter(answered))
            }
            Database::Local(local) => visit(
                &mut users.filter(|&user| local.has_answered(user, part, lane)).map(|user| local.row(user)),
            ),
        }
    }

    /// Those of the `candidates` of a part for which `stays` holds, of their questions and common users.
    #[cold]
    pub(super) fn look_at_each(
        &self,
        leaf: (&Database<P>, &Extension),
        (part, candidates): (usize, u16),
        (prefix, last): (&[u32], &[u32; PART]),
        stays: impl Fn(&[u32], &[u32]) -> bool,
    ) -> u16 {
        let mut remaining = candidates;
        for lane in ones(candidates.into()) {
            let set: Vec<u32> = prefix.iter().chain([&last[lane]]).copied().collect();
            let users: Vec<u32> = self.with_common_users(leaf, (part, lane), &set, |users| users.collect());
            if !stays(&set, &users) {
                remaining ^= 1 << lane;
            }
        }
        remaining
    }

    /// What to report of `set`, whose common users are `users`, the sums of whose points are those at `lane`.
    fn statistics(
        &self,
        set: &[u32],
        users: &mut dyn Iterator<Item = u32>,
        sums: &GradedSums,
        lane: usize,
    ) -> Correlations {
        if !self.with_alpha {
            return self.points.correlations(self.answered, set, users, sums, lane);
        }
        let users: Vec<u32> = users.collect();
        let correlations =
            self.points.correlations(self.answered, set, &mut users.iter().copied(), sums, lane);
        Correlations { alpha: self.points.alpha(self.answered, set, &users), ..correlations }
    }
}

impl<P: Point> Scores for Graded<'_, P> {
    type Database = Database<P>;
    type Extension = Extension;
    type Sums = GradedSums;
    type Filter = Filter;
    type Far = ();

    const SCREENS: bool = false;
    const COST: u128 = 4;
    const JOINS: bool = false;

    fn users(&self) -> usize {
        self.points.users()
    }

    #[inline(always)]
    fn everyone<I: Isa>(&self, _isa: I, questions: &Questions) -> Result<Database<P>> {
        let users = self.users();
        let refuse = || Error::MatrixTooLarge { users, questions: self.answered.columns() };
        Ok(Database::Everyone(Everyone {
            answered_by: self.answered.transposed(users).ok_or_else(refuse)?,
            weights: (0..users).map(|user| P::weight(self.points.total(user))).collect(),
            questions: questions.clone(),
        }))
    }

    fn layout(database: &Database<P>) -> Layout {
        match database {
            Database::Everyone(everyone) => everyone.questions.layout(),
            Database::Local(local) => local.layout(),
        }
    }

    #[inline(always)]
    fn extend<I: Isa>(
        &self,
        isa: I,
        database: &Database<P>,
        column: Column,
        extension: &mut Extension,
    ) -> usize {
        match database {
            Database::Everyone(everyone) => {
                let question = everyone.questions.id(column) as usize;
                extension.become_users(isa, everyone.answered_by.row(question));
                for (user, total) in extension.totals_mut() {
                    *total = self.points.of(self.answered, user as usize, question) as i32;
                }
            }
            Database::Local(local) => {
                extension.become_users(isa, local.users_of(column));
                local.extend_totals(column, extension);
            }
        }
        extension.users().len()
    }

    fn extend_by_none(&self) -> Extension {
        Extension::of_everyone(self.users())
    }

    #[inline(always)]
    fn project<I: Isa>(
        &self,
        isa: I,
        parent: &Database<P>,
        extension: &Extension,
        layout: Layout,
        next: Next,
        database: &mut Database<P>,
    ) {
        let local = database.local();
        match parent {
            Database::Everyone(everyone) => {
                local.become_rows(everyone, self.answered, self.points, extension.users(), layout);
            }
            Database::Local(parent) => local.become_users_of(parent, extension.users(), layout),
        }
        local.index(isa, extension.totals(), next);
    }

    #[inline(always)]
    fn sum<I: Isa>(
        &self,
        isa: I,
        database: &Database<P>,
        extension: &Extension,
        parts: Range<usize>,
        sums: &mut [GradedSums],
    ) {
        sums.fill(GradedSums::default());
        match database {
            Database::Local(local) => {
                kernel::add_sums(isa, local, extension.users(), extension.totals(), parts.start, sums);
            }
            Database::Everyone(everyone) => {
                // Users of the empty prefix have no rows to sum over yet: some at a time get them.
                let mut local = Local::default();
                let numbers: Vec<u32> = (0..ROWS_AT_ONCE as u32).collect();
                let layout = everyone.questions.layout();
                for (users, x) in
                    extension.users().chunks(ROWS_AT_ONCE).zip(extension.totals().chunks(ROWS_AT_ONCE))
                {
                    local.become_rows(everyone, self.answered, self.points, users, layout);
                    kernel::add_sums(isa, &local, &numbers[..users.len()], x, parts.start, sums);
                }
            }
        }
    }

    fn side(&self, rank_by: RankBy) -> Option<Side> {
        self.points.side(rank_by)
    }

    #[inline(always)]
    fn filter(&self, bar: Bar, _database: &Database<P>, users: usize) -> Filter {
        Filter::new(bar, self.scale, users)
    }

    #[inline(always)]
    fn candidates<I: Isa>(isa: I, filter: Filter, sums: &GradedSums) -> u16 {
        filter.candidates(isa, sums)
    }

    #[inline(always)]
    fn look_closer(
        &self,
        filter: Filter,
        leaf: (&Database<P>, &Extension),
        part_and_candidates: (usize, u16),
        questions: (&[u32], &[u32; PART]),
    ) -> u16 {
        let Some(threshold) = filter.threshold_beside_sums() else { return part_and_candidates.1 };
        self.look_at_each(leaf, part_and_candidates, questions, |set, users| {
            self.points.may_reach(threshold, self.answered, set, users)
        })
    }

    #[inline(always)]
    fn lane_correlations<I: Isa>(
        &self,
        isa: I,
        GradedSums { n, x, xx, t, tt, xt }: &GradedSums,
        side: Side,
    ) -> LaneCorrelations<PART> {
        if self.points.are_scores() {
            LaneComoments::of([n, x, xx, t, tt, xt]).correlations(isa, side)
        } else {
            LaneCorrelations::UNSETTLED
        }
    }

    #[inline(always)]
    fn lane_users(sums: &GradedSums) -> [u32; PART] {
        sums.n.map(|n| n as u32)
    }

    fn correlations(
        &self,
        (database, extension): (&Database<P>, &Extension),
        sums: &GradedSums,
        (part, lane): (usize, usize),
        set: &[u32],
    ) -> (Correlations, u32) {
        let statistics = |users: &mut dyn Iterator<Item = u32>| self.statistics(set, users, sums, lane);
        let correlations = self.with_common_users((database, extension), (part, lane), set, statistics);
        (correlations, sums.n[lane] as u32)
    }
}

/// Users of the empty prefix whose responses are laid out for the kernel at a time: a few hundred KiB.
const ROWS_AT_ONCE: usize = 1 << 10;
