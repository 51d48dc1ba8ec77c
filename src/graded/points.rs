//! Scores as points, and the correlations that are reported.

use crate::bitset::BitMatrix;
use crate::isa::GradedSums;
use crate::matrix::{Cells, Floats, Integers};
use crate::moments::{Correlations, IntegerSums, RankBy, Rounding, Side};
use crate::whole::Rest;

use super::filter::{Scale, most_points, pairs_may_reach};

/// Scores of one kind as points: not negative, and no sum of those of k questions exceeds the largest that lanes take.
pub trait Points: Sync {
    fn users(&self) -> usize;

    fn scale(&self) -> Scale;

    /// The side of the correlation that ranks sets, if it is made of X and T.
    fn side(&self, rank_by: RankBy) -> Option<Side> {
        rank_by.side()
    }

    /// Whether points are the scores themselves, so that correlations follow from their sums alone.
    fn are_scores(&self) -> bool;

    /// The points of an answered cell.
    fn of(&self, answered: &BitMatrix, user: usize, question: usize) -> u32 {
        self.unrounded(answered, user, question).round() as u32
    }

    /// The score of an answered cell in points before it is rounded to the nearest one, off by at most
    /// [`UNROUNDED`](super::filter::UNROUNDED).
    fn unrounded(&self, answered: &BitMatrix, user: usize, question: usize) -> f64;

    /// Adds each question that `user` answered, and its points, to `row`.
    fn append(&self, answered: &BitMatrix, user: usize, row: &mut Vec<(u32, u32)>);

    /// The grand total of `user` in points, within ± the largest.
    fn total(&self, user: usize) -> i32;

    /// The correlations to report for `set`, whose common users are `users`, the sums of whose points are those at `lane`.
    fn correlations(
        &self,
        answered: &BitMatrix,
        set: &[u32],
        users: &mut dyn Iterator<Item = u32>,
        sums: &GradedSums,
        lane: usize,
    ) -> Correlations;

    /// Cronbach's α of `set`, whose common users are `users`.
    fn alpha(&self, answered: &BitMatrix, set: &[u32], users: &[u32]) -> Option<f64>;

    /// Whether `set`, whose common users are `users`, may reach `threshold` by the correlation that ranks sets where their sums
    /// say nothing about it.
    fn may_reach(&self, _threshold: f64, _answered: &BitMatrix, _set: &[u32], _users: &[u32]) -> bool {
        true
    }
}

/// The sums of one set.
pub fn integer_sums(sums: &GradedSums, lane: usize) -> IntegerSums<i64> {
    let five = [&sums.x, &sums.xx, &sums.t, &sums.tt, &sums.xt].map(|sums| sums[lane]);
    IntegerSums::of(sums.n[lane] as u32, five)
}

/// Integer scores.
pub struct IntegerPoints<'a, C> {
    integers: &'a Integers<C>,
    scale: Scale,
    is_exact: bool,
}

impl<'a, C: Cells<Value: Into<i64>>> IntegerPoints<'a, C> {
    /// The scores themselves, for sets of `k` questions, if no total exceeds `largest`.
    pub fn exact(integers: &'a Integers<C>, k: usize, largest: u32) -> Option<Self> {
        let &Integers { largest_point, largest_total, .. } = integers;
        let fits = largest_point <= u64::from(most_points(largest, k) / 2);
        if !fits || largest_total > u64::from(largest) {
            return None;
        }
        let scale = Scale::exact(2 * largest_point as u32, k, largest_total as f64);
        Some(Self { integers, scale, is_exact: true })
    }

    /// The nearest points, so that no total exceeds `largest`.
    pub fn rounded(integers: &'a Integers<C>, k: usize, largest: u32) -> Self {
        let worth = |range: f64, points: u32| (range / f64::from(points)).max(1.0);
        let x = worth(2.0 * integers.largest_point as f64, most_points(largest, k));
        let t = worth(integers.largest_total as f64, largest);
        let scale = Scale::rounded(x, t, largest, k, Rounding { x: 0.0, t: 0.0 });
        // Where grand totals alone are too large, a point of worth 1 is a score.
        let score = if x > 1.0 { scale.score } else { 0.0 };
        Self { integers, scale: Scale { score, ..scale }, is_exact: false }
    }

    fn points(&self, score: i64) -> u32 {
        if self.is_exact {
            // Not negative, and small.
            (score + self.integers.largest_point as i64) as u32
        } else {
            self.in_points(score).round() as u32
        }
    }

    fn in_points(&self, score: i64) -> f64 {
        (score as f64 + self.integers.largest_point as f64) / self.scale.x
    }
}

impl<C: Cells<Value: Into<i64>>> Points for IntegerPoints<'_, C> {
    fn users(&self) -> usize {
        self.integers.totals.len()
    }

    fn scale(&self) -> Scale {
        self.scale
    }

    fn are_scores(&self) -> bool {
        self.is_exact
    }

    fn of(&self, answered: &BitMatrix, user: usize, question: usize) -> u32 {
        self.points(self.integers.points.of(answered, user, question).into())
    }

    fn unrounded(&self, answered: &BitMatrix, user: usize, question: usize) -> f64 {
        self.in_points(self.integers.points.of(answered, user, question).into())
    }

    fn append(&self, answered: &BitMatrix, user: usize, row: &mut Vec<(u32, u32)>) {
        let append = |question, score: C::Value| row.push((question as u32, self.points(score.into())));
        self.integers.points.for_each(answered, user, append);
    }

    fn total(&self, user: usize) -> i32 {
        (self.integers.totals[user] as f64 / self.scale.t).round() as i32
    }

    fn correlations(
        &self,
        answered: &BitMatrix,
        set: &[u32],
        users: &mut dyn Iterator<Item = u32>,
        sums: &GradedSums,
        lane: usize,
    ) -> Correlations {
        if self.is_exact {
            return integer_sums(sums, lane).correlations();
        }
        let mut exact = IntegerSums::<i128>::default();
        for user in users.map(|user| user as usize) {
            let score = |&question: &u32| self.integers.points.of(answered, user, question as usize).into();
            exact.add(set.iter().map(score).sum(), self.integers.totals[user]);
        }
        exact.correlations()
    }

    fn alpha(&self, answered: &BitMatrix, set: &[u32], users: &[u32]) -> Option<f64> {
        // Points that are the scores have sums of squares that fit into 62 bits.
        if self.is_exact {
            self.integers.alpha::<i64>(answered, set, users)
        } else {
            self.integers.alpha::<i128>(answered, set, users)
        }
    }
}

/// Float scores.
pub struct FloatPoints<'a> {
    floats: &'a Floats,
    scale: Scale,
}

impl<'a> FloatPoints<'a> {
    /// For sets of `k` questions, no total above `largest`.
    pub fn new(floats: &'a Floats, k: usize, largest: u32) -> Self {
        // Scores are about 1; where all are equal, any worth will do.
        let worth = |range: f64, points: u32| if range > 0.0 { range / f64::from(points) } else { 1.0 };
        let largest_total = floats.centred_totals.iter().fold(0.0, |most: f64, total| most.max(total.abs()));
        let x = worth(floats.widest_range, most_points(largest, k));
        let t = worth(largest_total, largest);
        Self { floats, scale: Scale::rounded(x, t, largest, k, floats.rounding(k)) }
    }

    fn in_points(&self, question: usize, score: f64) -> f64 {
        (score - self.floats.ranges[question].0) / self.scale.x
    }
}

impl Points for FloatPoints<'_> {
    fn users(&self) -> usize {
        self.floats.totals.len()
    }

    fn scale(&self) -> Scale {
        self.scale
    }

    fn side(&self, rank_by: RankBy) -> Option<Side> {
        // What is left of a mean depends on how many questions the user answered.
        let is_sum = rank_by == RankBy::R || self.floats.rest == Rest::Sum;
        rank_by.side().filter(|_| is_sum)
    }

    fn are_scores(&self) -> bool {
        false
    }

    fn unrounded(&self, answered: &BitMatrix, user: usize, question: usize) -> f64 {
        self.in_points(question, self.floats.points.of(answered, user, question))
    }

    fn append(&self, answered: &BitMatrix, user: usize, row: &mut Vec<(u32, u32)>) {
        let append =
            |question, score| row.push((question as u32, self.in_points(question, score).round() as u32));
        self.floats.points.for_each(answered, user, append);
    }

    fn total(&self, user: usize) -> i32 {
        (self.floats.centred_totals[user] / self.scale.t).round() as i32
    }

    fn correlations(
        &self,
        answered: &BitMatrix,
        set: &[u32],
        users: &mut dyn Iterator<Item = u32>,
        _sums: &GradedSums,
        _lane: usize,
    ) -> Correlations {
        self.floats.correlations(answered, set, users)
    }

    fn alpha(&self, answered: &BitMatrix, set: &[u32], users: &[u32]) -> Option<f64> {
        self.floats.alpha(answered, set, users)
    }

    fn may_reach(&self, threshold: f64, answered: &BitMatrix, set: &[u32], users: &[u32]) -> bool {
        if self.floats.rest != Rest::Mean {
            return true;
        }
        let (pairs, rounding) = self.floats.approximate_rests(answered, set, users);
        pairs_may_reach(threshold, &pairs, rounding)
    }
}
