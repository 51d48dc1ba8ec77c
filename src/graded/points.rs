//! Scores as points, and the correlations that are reported.

use crate::bitset::BitMatrix;
use crate::double_double::DoubleDouble;
use crate::isa::LARGEST;
use crate::matrix::{Cells, Floats, Integers};
use crate::moments::{Correlations, IntegerSums, Rounding, Totals, float_correlations};

use super::filter::Scale;
use super::kernel::{MOST_USERS, SetSums};

/// Scores of one kind as points: not negative, and no sum of those of k questions exceeds [`LARGEST`].
pub trait Points: Sync {
    fn users(&self) -> usize;

    fn scale(&self) -> Scale;

    /// The points of an answered cell.
    fn of(&self, answered: &BitMatrix, user: usize, question: usize) -> u16;

    /// Calls `visit(question, points)` for each question that `user` answered.
    fn for_each(&self, answered: &BitMatrix, user: usize, visit: impl FnMut(usize, u16));

    /// The grand total of `user` in points, within ±[`LARGEST`].
    fn total(&self, user: usize) -> i16;

    /// The correlations to report for `set`, whose common users are `users`, and the sums of their points `sums`.
    fn correlations(
        &self,
        answered: &BitMatrix,
        set: &[u32],
        users: impl Iterator<Item = u32>,
        sums: SetSums,
    ) -> Correlations;
}

/// The most points of one question in sets of `k`.
fn most_points(k: usize) -> f64 {
    (usize::from(LARGEST) / k) as f64
}

/// Integer scores.
pub struct IntegerPoints<'a, C> {
    integers: &'a Integers<C>,
    scale: Scale,
    is_exact: bool,
}

impl<'a, C: Cells<Value: Into<i64>>> IntegerPoints<'a, C> {
    /// For sets of `k` questions.
    pub fn new(integers: &'a Integers<C>, k: usize) -> Self {
        let range = 2.0 * integers.largest_point as f64;
        let largest_total = integers.largest_total as f64;
        let is_exact = range <= most_points(k)
            && largest_total <= f64::from(LARGEST)
            && integers.totals.len() <= MOST_USERS;
        let scale = if is_exact {
            Scale::exact(range * k as f64, largest_total)
        } else {
            let worth = |range: f64, points: f64| (range / points).max(1.0);
            let (x, t) = (worth(range, most_points(k)), worth(largest_total, f64::from(LARGEST)));
            Scale::rounded(x, t, k, Rounding { x: 0.0, t: 0.0 })
        };
        Self { integers, scale, is_exact }
    }

    fn points(&self, score: i64) -> u16 {
        if self.is_exact {
            // Not negative, and small.
            (score + self.integers.largest_point as i64) as u16
        } else {
            ((score as f64 + self.integers.largest_point as f64) / self.scale.x).round() as u16
        }
    }
}

impl<C: Cells<Value: Into<i64>>> Points for IntegerPoints<'_, C> {
    fn users(&self) -> usize {
        self.integers.totals.len()
    }

    fn scale(&self) -> Scale {
        self.scale
    }

    fn of(&self, answered: &BitMatrix, user: usize, question: usize) -> u16 {
        self.points(self.integers.points.of(answered, user, question).into())
    }

    fn for_each(&self, answered: &BitMatrix, user: usize, mut visit: impl FnMut(usize, u16)) {
        let visit = |question, score: C::Value| visit(question, self.points(score.into()));
        self.integers.points.for_each(answered, user, visit);
    }

    fn total(&self, user: usize) -> i16 {
        (self.integers.totals[user] as f64 / self.scale.t).round() as i16
    }

    fn correlations(
        &self,
        answered: &BitMatrix,
        set: &[u32],
        users: impl Iterator<Item = u32>,
        sums: SetSums,
    ) -> Correlations {
        if self.is_exact {
            let mut exact = IntegerSums::<i64>::default();
            exact.add_sums(sums.n, sums.others);
            return exact.correlations();
        }
        let mut exact = IntegerSums::<i128>::default();
        for user in users.map(|user| user as usize) {
            let score = |&question: &u32| self.integers.points.of(answered, user, question as usize).into();
            exact.add(set.iter().map(score).sum(), self.integers.totals[user]);
        }
        exact.correlations()
    }
}

/// Float scores.
pub struct FloatPoints<'a> {
    floats: &'a Floats,
    scale: Scale,
}

impl<'a> FloatPoints<'a> {
    /// For sets of `k` questions.
    pub fn new(floats: &'a Floats, k: usize) -> Self {
        // Scores are about 1; where all are equal, any worth will do.
        let worth = |range: f64, points: f64| if range > 0.0 { range / points } else { 1.0 };
        let largest_total = floats.centred_totals.iter().fold(0.0, |most: f64, total| most.max(total.abs()));
        let (x, t) =
            (worth(floats.widest_range, most_points(k)), worth(largest_total, f64::from(LARGEST)));
        Self { floats, scale: Scale::rounded(x, t, k, floats.rounding(k)) }
    }

    fn points(&self, question: usize, score: f64) -> u16 {
        ((score - self.floats.least[question]) / self.scale.x).round() as u16
    }
}

impl Points for FloatPoints<'_> {
    fn users(&self) -> usize {
        self.floats.totals.len()
    }

    fn scale(&self) -> Scale {
        self.scale
    }

    fn of(&self, answered: &BitMatrix, user: usize, question: usize) -> u16 {
        self.points(question, self.floats.points.of(answered, user, question))
    }

    fn for_each(&self, answered: &BitMatrix, user: usize, mut visit: impl FnMut(usize, u16)) {
        let visit = |question, score| visit(question, self.points(question, score));
        self.floats.points.for_each(answered, user, visit);
    }

    fn total(&self, user: usize) -> i16 {
        (self.floats.centred_totals[user] / self.scale.t).round() as i16
    }

    /// X, T and T − X are the exact sums of the scores, each rounded once.
    fn correlations(
        &self,
        answered: &BitMatrix,
        set: &[u32],
        users: impl Iterator<Item = u32>,
        _sums: SetSums,
    ) -> Correlations {
        let empty = |noise| Totals { values: Vec::new(), noise };
        let noise = self.floats.noise(answered.columns());
        let (mut xs, mut ts, mut rests) = (empty(self.floats.noise(set.len())), empty(noise), empty(noise));
        for user in users.map(|user| user as usize) {
            let mut x = DoubleDouble::default();
            set.iter().for_each(|&question| x += self.floats.points.of(answered, user, question as usize));
            let t = self.floats.totals[user];
            xs.values.push(x.round());
            ts.values.push(t.round());
            rests.values.push((t - x).round());
        }
        float_correlations(&xs, &ts, &rests)
    }
}
