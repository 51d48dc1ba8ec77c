//! Float scores and grand totals, and what rounding leaves uncertain of them.

use wide::f64x4;

use crate::bitset::BitMatrix;
use crate::double_double::{DoubleDouble, LANES};
use crate::error::Result;
use crate::moments::{Correlations, ROUNDOFF, Rounding, Totals, float_alpha, float_correlation};
use crate::parallel;
use crate::responses::Source;
use crate::whole::{LARGEST_EXACT, Rest, Whole};

use super::ranges::{integer_ranges, ranges};
use super::{CENTRES, Cells, Packed, at, criterion};

/// Float scores, scaled by a power of two so that the largest is about 1.
#[derive(Clone, Debug)]
pub(crate) struct Floats {
    pub points: Packed<f64>,
    /// The least score of each question, and the largest.
    pub ranges: Vec<(f64, f64)>,
    /// The largest difference between two scores of one question.
    pub widest_range: f64,
    /// T, in the unit of the scores where it is made of them.
    pub totals: Vec<DoubleDouble>,
    /// How many questions each user answered, of those that make T.
    pub counts: Vec<u32>,
    /// T less its mean, rounded.
    pub centred_totals: Vec<f64>,
    pub largest_point: f64,
    pub largest_total: f64,
    pub rest: Rest,
    pub noise: Noise,
}

/// The spread up to which values count as constant, see [`Totals`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise {
    /// For each score that is summed up.
    pub score: f64,
    pub total: f64,
}

impl Floats {
    /// Of responses whose cells are `answered`; `are_exact`: the scores are what is meant, and not what is nearest to it.
    pub fn new<S>(responses: &S, answered: &BitMatrix, whole: &Whole, are_exact: bool) -> Result<Self>
    where
        S: Source<Score = f64>,
    {
        let mut ranges: Vec<(f64, f64)> =
            ranges(responses).into_iter().map(Option::unwrap_or_default).collect();
        let largest_score = largest(ranges.iter().flat_map(|&(least, most)| [least, most]));
        let scale = power_of_two_scale(largest_score);
        ranges.iter_mut().for_each(|(least, most)| (*least, *most) = (*least * scale, *most * scale));
        let scales = vec![scale; answered.columns()];
        let points = Packed::new(responses, answered, |score| score, &scales, |score, scale| score * scale);
        let largest_point = largest_score * scale;
        // The nearest floats to two values that are the same differ by so much at most.
        let rounding = 2.0 * ROUNDOFF * largest_point;
        let score_noise = if are_exact { 0.0 } else { rounding };
        let counts: Vec<u32> = (0..answered.rows()).map(|user| answered.ones(user) as u32).collect();
        let (totals, total_noise) = match whole {
            Whole::Sum => (summed(&points, answered), score_noise * answered.columns() as f64),
            Whole::Mean => {
                let sums = summed(&points, answered).into_iter();
                let means = sums.zip(&counts).map(|(sum, &n)| sum / f64::from(n).into());
                (means.collect(), score_noise + rounding)
            }
            Whole::IntegerCriterion(_) => {
                let values = criterion(whole)?.unwrap_or_default();
                (values.into_iter().map(|value| i128::from(value).into()).collect(), 0.0)
            }
            Whole::FloatCriterion(values) => {
                let scale = power_of_two_scale(largest(values.iter().copied()));
                (values.iter().map(|value| DoubleDouble::from(value * scale)).collect(), 0.0)
            }
        };
        let rounded: Vec<f64> = totals.iter().map(|total: &DoubleDouble| total.round()).collect();
        let mean = rounded.iter().sum::<f64>() / rounded.len().max(1) as f64;
        Ok(Self {
            points,
            widest_range: largest(ranges.iter().map(|(least, most)| most - least)),
            ranges,
            centred_totals: rounded.iter().map(|total| total - mean).collect(),
            largest_point,
            largest_total: largest(rounded.iter().copied()),
            totals,
            counts,
            rest: whole.rest(),
            noise: Noise { score: score_noise, total: total_noise },
        })
    }

    /// The correlations to report for `set`, whose common users are `users`: X, T and T − X are the exact sums of the
    /// scores.
    pub fn correlations(
        &self,
        answered: &BitMatrix,
        set: &[u32],
        users: impl Iterator<Item = u32>,
    ) -> Correlations {
        let empty = |noise| Totals { values: Vec::new(), noise };
        let noise = self.noise.score * set.len() as f64;
        let (mut xs, mut ts) = (empty(noise), empty(self.noise.total));
        // Beside the rest, if not all users have one.
        let (mut xs_of_rests, mut rests) = (empty(noise), empty(self.noise.total));
        for user in users.map(|user| user as usize) {
            let x = self.set_total(answered, set, user);
            let t = self.totals[user];
            xs.values.push(x);
            ts.values.push(t);
            match self.rest {
                Rest::Sum => rests.values.push(t - x),
                Rest::Mean => {
                    let count = self.counts[user] as usize;
                    let [all, others] = [count, count - set.len()].map(|n| DoubleDouble::from(n as f64));
                    if count > set.len() {
                        xs_of_rests.values.push(x);
                        rests.values.push((t * all - x) / others);
                    }
                }
                Rest::None => {}
            }
        }
        let r_rest = match self.rest {
            Rest::Sum => float_correlation(&xs, &rests),
            Rest::Mean => float_correlation(&xs_of_rests, &rests),
            Rest::None => None,
        };
        Correlations { r: float_correlation(&xs, &ts), r_rest, alpha: None }
    }

    /// Cronbach's α of `set`, whose common users are `users`.
    pub fn alpha(&self, answered: &BitMatrix, set: &[u32], users: &[u32]) -> Option<f64> {
        let users = || users.iter().map(|&user| user as usize);
        let x = Totals {
            values: users().map(|user| self.set_total(answered, set, user)).collect(),
            noise: self.noise.score * set.len() as f64,
        };
        let scores_on = |&question: &u32| {
            users().map(|user| self.points.of(answered, user, question as usize)).collect::<Vec<f64>>()
        };
        let scores: Vec<Vec<f64>> = set.iter().map(scores_on).collect();
        float_alpha(&scores, &x)
    }

    /// X less a constant, and the mean of the other scores, of those of `users` who have others than those on `set`: about, and
    /// how far each may be from what it is, and from what is left of it when their mean is taken off.
    pub fn approximate_rests(
        &self,
        answered: &BitMatrix,
        set: &[u32],
        users: &[u32],
    ) -> (Vec<[f64; 2]>, f64) {
        let mut rests = Vec::with_capacity(users.len());
        for user in users.iter().map(|&user| user as usize) {
            let count = self.counts[user] as usize;
            if count == set.len() {
                continue;
            }
            let (mut total, mut x) = (0.0, 0.0);
            for question in set.iter().map(|&question| question as usize) {
                let score = self.points.of(answered, user, question);
                total += score;
                x += score - self.ranges[question].0;
            }
            let others = (count - set.len()) as f64;
            rests.push([x, (self.totals[user].round() * count as f64 - total) / others]);
        }
        // In roundings of the largest score: of X 2k² + 4k, as below; of the rest k² + 2k + 6, as no count is more than 1 + k
        // times that of the others.
        let roundings = 4.0 * (set.len() as f64 + 2.0).powi(2);
        (rests, ROUNDOFF * self.largest_point * roundings)
    }

    /// The exact set total of `user`.
    fn set_total(&self, answered: &BitMatrix, set: &[u32], user: usize) -> DoubleDouble {
        let mut x = DoubleDouble::default();
        set.iter().for_each(|&question| x += self.points.of(answered, user, question as usize));
        x
    }

    /// These of the given users. Scale and bounds stay those of all.
    pub fn of_users(&self, users: &[u32], words_per_row: usize) -> Self {
        Self {
            points: self.points.of_rows(users, words_per_row),
            totals: at(&self.totals, users),
            counts: at(&self.counts, users),
            centred_totals: at(&self.centred_totals, users),
            ranges: self.ranges.clone(),
            ..*self
        }
    }

    /// How far X and T of the search, made of centred scores for sets of `k` questions, may be from the
    /// exact sums of the scores themselves.
    pub fn rounding(&self, k: usize) -> Rounding {
        let k = k as f64;
        Rounding {
            // k subtractions of at most 2m, k additions of at most 2km.
            x: ROUNDOFF * self.largest_point * (2.0 * k + 2.0 * k * k),
            // One rounding of at most T, one subtraction of a mean.
            t: ROUNDOFF * self.largest_total * 3.0,
        }
    }
}

/// Integer scores as floats, exactly: less the middle of all, which neither a correlation with a mean notices nor one with a
/// criterion.
pub fn as_floats<S>(responses: &S) -> Result<impl Source<Score = f64>>
where
    S: Source<Score: Into<i128>>,
{
    let (least, most) = integer_ranges(responses)
        .into_iter()
        .flatten()
        .fold((i128::MAX, i128::MIN), |all, range| (all.0.min(range.0), all.1.max(range.1)));
    let range =
        most.checked_sub(least).filter(|&range| range <= i128::from(2 * LARGEST_EXACT)).ok_or(CENTRES)?;
    let middle = least + range / 2;
    Ok(responses.with_scores(move |score| (score.into() - middle) as f64))
}

/// Users whose scores are summed up at once, in two registers: each sum waits for the one before, but not for those of others.
const SUMS_AT_ONCE: usize = 2 * LANES;

/// Every user's summed score.
fn summed(points: &Packed<f64>, answered: &BitMatrix) -> Vec<DoubleDouble> {
    let mut sums = vec![DoubleDouble::default(); answered.rows()];
    let (users, work) = (answered.rows(), answered.columns());
    parallel::fill_stretches(
        users,
        work,
        &mut sums,
        |user| user,
        |users, sums| {
            for (first, sums) in users.step_by(SUMS_AT_ONCE).zip(sums.chunks_mut(SUMS_AT_ONCE)) {
                let mut rows = [&[][..]; SUMS_AT_ONCE];
                for (row, user) in rows.iter_mut().zip(first..first + sums.len()) {
                    *row = points.rows_of(answered, user..user + 1);
                }
                sums.iter_mut().zip(sums_of(rows)).for_each(|(to, sum)| *to = sum);
            }
            true
        },
    );
    sums
}

/// The sum of each row, made in its order.
fn sums_of(rows: [&[f64]; SUMS_AT_ONCE]) -> impl Iterator<Item = DoubleDouble> {
    // As far as all go.
    let common = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    let heads = rows.map(|row| &row[..common]);
    let mut lanes = [DoubleDouble::<f64x4>::default(); SUMS_AT_ONCE / LANES];
    for at in 0..common {
        for (sum, heads) in lanes.iter_mut().zip(heads.as_chunks::<LANES>().0) {
            *sum += f64x4::from(heads.map(|head| head[at]));
        }
    }
    lanes.into_iter().flat_map(DoubleDouble::lanes).zip(rows).map(move |(mut sum, row)| {
        row[common..].iter().for_each(|&point| sum += point);
        sum
    })
}

/// The largest |value|.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |most, value| most.max(value.abs()))
}

/// The power of two that brings the largest |score| near 1, so that no square overflows or vanishes.
fn power_of_two_scale(largest: f64) -> f64 {
    // 2^±1000 is far inside the range of f64 and far beyond any score that is not there by mistake.
    let exponent = largest.log2().floor().clamp(-1000.0, 1000.0);
    2f64.powi(-exponent as i32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_of_several_rows_are_those_of_each(
            rows in prop::array::uniform8(prop::collection::vec(-1e3f64..1e3, 0..40)),
        ) {
            let found: Vec<[f64; 2]> = sums_of(rows.each_ref().map(Vec::as_slice)).map(DoubleDouble::parts).collect();
            let expected = rows.map(|row| {
                let mut sum = DoubleDouble::default();
                row.iter().for_each(|&point| sum += point);
                sum.parts()
            });
            prop_assert_eq!(found, expected);
        }
    }
}
