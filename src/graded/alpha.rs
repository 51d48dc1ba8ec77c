//! Points of 12 bits with Cronbach's α of their sets: exact where the points are the scores, else what rules sets out.

use std::borrow::{Borrow, BorrowMut};
use std::ops::Range;

use crate::bitset::BitMatrix;
use crate::error::Result;
use crate::isa::{GradedSums, Isa, PART, in_passes};
use crate::moments::{Correlations, LaneCorrelations, LaneVariances, RankBy, Side};
use crate::tree::{AlphaBar, Bar, Column, Layout, Next, Questions, Scores};

use super::alpha_filter::AlphaFilter;
use super::database::Local;
use super::points::{Points, integer_sums};
use super::prefix::{AddSquares, PrefixPoints};
use super::{Graded, database, filter, kernel};

/// [`Graded`] scores with α beside what six sums tell, for sets of at least two questions.
pub struct GradedAlpha<'a> {
    graded: Graded<'a, u16>,
    k: usize,
}

impl<'a> GradedAlpha<'a> {
    /// No total of `points` exceeds [`Point::largest`](super::Point::largest).
    pub fn new(answered: &'a BitMatrix, points: &'a dyn Points, k: usize) -> Self {
        Self { graded: Graded::new(answered, points, true), k }
    }
}

/// A database with the points of its users on the questions of its prefix.
#[derive(Default)]
pub struct Database {
    users: database::Database<u16>,
    prefix: PrefixPoints,
}

/// Users of a database, with their points on the questions of the longer prefix.
#[derive(Default)]
pub struct Extension {
    users: database::Extension,
    /// Those of its last question.
    last: Vec<u32>,
    prefix: PrefixPoints,
}

/// The six sums of the sets of a part, and two of the points on each question. All are exact up to 2⁵³.
#[derive(Clone, Copy, Default)]
pub struct Sums {
    pub six: GradedSums,
    /// Over users and questions, of squared points.
    pub squared: [f64; PART],
    /// Over questions, of the squared sum of the points.
    pub squares: [f64; PART],
}

impl BorrowMut<GradedSums> for Sums {
    fn borrow_mut(&mut self) -> &mut GradedSums {
        &mut self.six
    }
}

impl Borrow<GradedSums> for Sums {
    fn borrow(&self) -> &GradedSums {
        &self.six
    }
}

/// What a set must reach.
#[derive(Clone, Copy)]
pub struct Filter {
    six: filter::Filter,
    alpha: Option<ByAlpha>,
}

#[derive(Clone, Copy)]
enum ByAlpha {
    Exact(AlphaBar),
    Rounded(AlphaFilter),
}

impl Scores for GradedAlpha<'_> {
    type Database = Database;
    type Extension = Extension;
    type Sums = Sums;
    type Filter = Filter;
    type Far = ();

    const SCREENS: bool = false;
    const COST: u128 = Graded::<u16>::COST;
    const JOINS: bool = false;

    fn users(&self) -> usize {
        self.graded.users()
    }

    #[inline(always)]
    fn everyone<I: Isa>(&self, isa: I, questions: &Questions) -> Result<Database> {
        let prefix = PrefixPoints::of_everyone(self.users());
        Ok(Database { users: self.graded.everyone(isa, questions)?, prefix })
    }

    fn layout(database: &Database) -> Layout {
        Graded::layout(&database.users)
    }

    #[inline(always)]
    fn extend<I: Isa>(
        &self,
        isa: I,
        database: &Database,
        column: Column,
        extension: &mut Extension,
    ) -> usize {
        let Extension { users, last, prefix } = extension;
        let count = self.graded.extend(isa, &database.users, column, users);
        database.users.last_points(users, last);
        prefix.extend(&database.prefix, users.users(), last);
        count
    }

    fn extend_by_none(&self) -> Extension {
        let prefix = PrefixPoints::of_everyone(self.users());
        Extension { users: self.graded.extend_by_none(), prefix, ..Extension::default() }
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
        self.graded.project(isa, &parent.users, &extension.users, layout, next, &mut database.users);
        database.prefix.copy(&extension.prefix);
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
        sums.fill(Sums::default());
        let (users, x) = (extension.users.users(), extension.users.totals());
        let laid_out: (Local<u16>, Vec<u32>);
        let (local, users) = match &database.users {
            database::Database::Local(local) => (local, users),
            database::Database::Everyone(everyone) => {
                // Not some at a time: points are squared once those of all users are summed up. In larger sets the
                // users of a first question are laid out at once, too.
                let mut local = Local::default();
                let Graded { answered, points, .. } = self.graded;
                local.become_rows(everyone, answered, points, users, everyone.questions.layout());
                laid_out = (local, (0..users.len() as u32).collect());
                (&laid_out.0, laid_out.1.as_slice())
            }
        };
        kernel::add_sums(isa, local, users, x, parts.start, sums);
        let most = self.graded.scale.most;
        let squares = AddSquares { isa, database: local, users, prefix: &extension.prefix, most };
        in_passes(&squares, parts.start, sums);
    }

    fn side(&self, rank_by: RankBy) -> Option<Side> {
        self.graded.side(rank_by)
    }

    #[inline(always)]
    fn filter(&self, bar: Bar, database: &Database, users: usize) -> Filter {
        let score = self.graded.scale.score;
        let alpha = if score > 0.0 {
            AlphaFilter::new(bar, self.k, score).map(ByAlpha::Rounded)
        } else {
            AlphaBar::new(bar, self.k).map(ByAlpha::Exact)
        };
        Filter { six: self.graded.filter(bar, &database.users, users), alpha }
    }

    #[inline(always)]
    fn candidates<I: Isa>(isa: I, filter: Filter, sums: &Sums) -> u16 {
        match filter.alpha {
            Some(ByAlpha::Exact(alpha)) => alpha.candidates(isa, &sums.six.n, &lane_variances(sums)),
            Some(ByAlpha::Rounded(alpha)) => alpha.candidates(isa, &sums.six.n, &lane_variances(sums)),
            None => Graded::<u16>::candidates(isa, filter.six, &sums.six),
        }
    }

    #[inline(always)]
    fn look_closer(
        &self,
        filter: Filter,
        (database, extension): (&Database, &Extension),
        part_and_candidates: (usize, u16),
        questions: (&[u32], &[u32; PART]),
    ) -> u16 {
        let Some(ByAlpha::Rounded(filter)) = filter.alpha else { return part_and_candidates.1 };
        let leaf = (&database.users, &extension.users);
        let Graded { answered, points, .. } = self.graded;
        self.graded.look_at_each(leaf, part_and_candidates, questions, |set, users| {
            filter.may_reach_unrounded(points, answered, set, users)
        })
    }

    #[inline(always)]
    fn lane_correlations<I: Isa>(&self, isa: I, sums: &Sums, side: Side) -> LaneCorrelations<PART> {
        self.graded.lane_correlations(isa, &sums.six, side)
    }

    #[inline(always)]
    fn lane_alphas<I: Isa>(&self, isa: I, sums: &Sums) -> LaneCorrelations<PART> {
        if self.graded.points.are_scores() {
            lane_variances(sums).alphas(isa, self.k)
        } else {
            LaneCorrelations::UNSETTLED
        }
    }

    #[inline(always)]
    fn lane_users(sums: &Sums) -> [u32; PART] {
        Graded::<u16>::lane_users(&sums.six)
    }

    fn correlations(
        &self,
        (database, extension): (&Database, &Extension),
        sums: &Sums,
        (part, lane): (usize, usize),
        set: &[u32],
    ) -> (Correlations, u32) {
        let variances = lane_variances(sums);
        if !self.graded.points.are_scores() || !variances.are_exact(lane) {
            let leaf = (&database.users, &extension.users);
            return self.graded.correlations(leaf, &sums.six, (part, lane), set);
        }
        let exact = integer_sums(&sums.six, lane);
        // An integer.
        let alpha = exact.alpha(self.k, variances.questions[lane] as i128);
        (Correlations { alpha, ..exact.correlations() }, exact.n())
    }
}

#[inline(always)]
fn lane_variances(Sums { six, squared, squares }: &Sums) -> LaneVariances<PART> {
    LaneVariances::of([&six.n, &six.x, &six.xx], squared, squares)
}
