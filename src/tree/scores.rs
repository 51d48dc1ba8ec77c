//! What the tree asks of a kind of scores.

use std::ops::Range;

use crate::error::Result;
use crate::isa::{Isa, PART};
use crate::moments::{Correlations, LaneCorrelations, RankBy, Side};

use super::filter::Bar;
use super::halves::{Column, Questions};
use super::layout::Layout;
use super::screen::Before;

/// A kind of scores: how the common users of a prefix are stored, and what their responses sum up to.
///
/// Where methods are generic over [`Isa`], they must be `#[inline(always)]`.
pub trait Scores: Sync {
    /// The common users of a prefix and their responses to the questions that can follow.
    type Database: Default + Send + Sync;

    /// The common users of a prefix with one question more, as users of the prefix's database.
    type Extension: Default;

    /// The sums of the sets that a prefix and each question of a part make.
    type Sums: Copy + Default;

    /// Decides which of these sets can reach a bar.
    type Filter: Copy;

    /// Who of a database's users is far from the mean, and what the others sum up to.
    type Far: Default + Send + Sync;

    /// Whether sets can be ruled out by [far users](super::screen) alone. Where they cannot, nothing is asked about
    /// those, so that all of this has defaults.
    const SCREENS: bool;

    /// Time for one set and user of a leaf, of which there can be [`SERIAL_WORK`](super::SERIAL_WORK) on one thread; 1 for
    /// the fastest kind.
    const COST: u128;

    /// Whether [`project`](Self::project) makes layouts that are [joined](Layout::joined).
    const JOINS: bool;

    fn users(&self) -> usize;

    /// The database of the empty prefix.
    fn everyone<I: Isa>(&self, isa: I, questions: &Questions) -> Result<Self::Database>;

    /// The lanes of the questions that can follow.
    fn layout(database: &Self::Database) -> Layout;

    /// Finds who is far at a step of [`FAR_SHARES`](super::screen::FAR_SHARES).
    #[inline(always)]
    fn mark_far<I: Isa>(&self, _isa: I, _database: &Self::Database, _step: usize, _far: &mut Self::Far) {}

    /// Makes `extension` the users of `database` who answered `column`; returns their number.
    fn extend<I: Isa>(
        &self,
        isa: I,
        database: &Self::Database,
        column: Column,
        extension: &mut Self::Extension,
    ) -> usize;

    /// As [`extend`](Self::extend), but `extension` has only those who are `far`, and knows what is left out. The number is
    /// that of all.
    #[inline(always)]
    fn extend_by_far<I: Isa>(
        &self,
        isa: I,
        database: &Self::Database,
        column: Column,
        _far: &Self::Far,
        extension: &mut Self::Extension,
    ) -> usize {
        self.extend(isa, database, column, extension)
    }

    /// All users of the database of the empty prefix.
    fn extend_by_none(&self) -> Self::Extension;

    /// Makes `database` that of `extension`, users of `parent`, with the responses that `layout` has, and ready to
    /// [`extend`](Self::extend) by `next`.
    fn project<I: Isa>(
        &self,
        isa: I,
        parent: &Self::Database,
        extension: &Self::Extension,
        layout: Layout,
        next: Next,
        database: &mut Self::Database,
    );

    /// Makes `sums` those of `extension`, users of `database`, with each question of the given parts.
    fn sum<I: Isa>(
        &self,
        isa: I,
        database: &Self::Database,
        extension: &Self::Extension,
        parts: Range<usize>,
        sums: &mut [Self::Sums],
    );

    /// The side of the correlation that ranks sets, if six sums tell that correlation.
    fn side(&self, rank_by: RankBy) -> Option<Side>;

    /// The filter for sums of `users` users of `database`.
    fn filter(&self, bar: Bar, database: &Self::Database, users: usize) -> Self::Filter;

    /// The sets of a part that may reach the bar, one bit each: certainly all that do.
    fn candidates<I: Isa>(isa: I, filter: Self::Filter, sums: &Self::Sums) -> u16;

    /// The same by sums over far users only.
    #[inline(always)]
    fn candidates_by_far<I: Isa>(isa: I, filter: Self::Filter, sums: &Self::Sums) -> u16 {
        Self::candidates(isa, filter, sums)
    }

    /// Adds the near users to one lane of `sums`, that of a set of a prefix that `before` was made from, and `columns`; or
    /// says that the set has fewer than `least_users` even so.
    #[inline(always)]
    fn add_near(
        &self,
        _before: Before<'_, Self>,
        _columns: [Column; 2],
        _least_users: i32,
        (_lane, _sums): (usize, &mut Self::Sums),
    ) -> bool
    where
        Self: Sized,
    {
        true
    }

    /// Those of the `candidates` of a part that a closer look does not rule out: its lanes have the questions `last`, which
    /// make sets with `prefix`.
    #[inline(always)]
    fn look_closer(
        &self,
        _filter: Self::Filter,
        _leaf: (&Self::Database, &Self::Extension),
        (_part, candidates): (usize, u16),
        (_prefix, _last): (&[u32], &[u32; PART]),
    ) -> u16 {
        candidates
    }

    /// One correlation of the sets of a part, as far as their sums settle it.
    fn lane_correlations<I: Isa>(&self, isa: I, sums: &Self::Sums, side: Side) -> LaneCorrelations<PART>;

    /// Cronbach's α of the sets of a part, as far as their sums settle it.
    #[inline(always)]
    fn lane_alphas<I: Isa>(&self, _isa: I, _sums: &Self::Sums) -> LaneCorrelations<PART> {
        LaneCorrelations::UNSETTLED
    }

    /// How many users the sets of a part have.
    fn lane_users(sums: &Self::Sums) -> [u32; PART];

    /// What to report of `set`, which is `leaf` with the question at a lane of a part, and its number of users.
    fn correlations(
        &self,
        leaf: (&Self::Database, &Self::Extension),
        sums: &Self::Sums,
        part_and_lane: (usize, usize),
        set: &[u32],
    ) -> (Correlations, u32);
}

/// The halves whose questions can be the next of a prefix that is not a leaf's.
#[derive(Clone, Copy)]
pub struct Next {
    pub low: bool,
    pub high: bool,
}
