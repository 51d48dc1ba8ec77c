//! The response matrix: who answered what, the scores in the narrowest type that holds them, the grand
//! totals. One row per user, because the search sums over the users of a prefix.
//!
//! Scores are stored less a constant of their question, grand totals, or what stands in their place ([`Whole`]), less their
//! rounded mean: no correlation changes, and the sums stay small. Memory is 1 bit per cell for who answered; for the scores
//! 1 bit per cell (all 0 or 1), else 2 or 8 bytes per *response* and 4 bytes per 64 cells.

mod select;

use std::ops::Range;

use crate::bitset::{BitMatrix, WORD_BITS, below, ones};
use crate::double_double::DoubleDouble;
use crate::error::{Error, Result};
use crate::moments::{
    Correlations, IntegerSums, ROUNDOFF, RankBy, Rounding, SumInteger, Totals, float_alpha,
    float_correlation, summed_variances,
};
use crate::responses::Source;
use crate::whole::{LARGEST_EXACT, Rest, Whole, is_exact_integer};

/// Responses of users (rows) to questions (columns), ready to be searched.
#[derive(Clone, Debug)]
pub struct ResponseMatrix {
    pub(crate) answered: BitMatrix,
    pub(crate) table: Table,
    users: usize,
    rest: Rest,
    is_complete: bool,
}

/// Scores and grand totals by the kind of the scores.
#[derive(Clone, Debug)]
pub(crate) enum Table {
    /// All 0 or 1.
    Binary(Integers<BitMatrix>),
    /// Centred scores fit into 16 bits.
    Small(Integers<Packed<i16>>),
    Large(Integers<Packed<i64>>),
    Float(Floats),
}

/// Integer scores, less an integer per question, and grand totals, less an integer.
#[derive(Clone, Debug)]
pub(crate) struct Integers<P> {
    pub points: P,
    pub totals: Vec<i64>,
    /// Whether each total is the sum of the user's points, but for a number that users who answered the same questions share.
    pub are_sums: bool,
    pub largest_point: u64,
    pub largest_total: u64,
}

impl<P> Integers<P> {
    /// No |X|, |T| or |T − X| of a set of `k` questions exceeds this.
    pub fn magnitude(&self, k: usize) -> u128 {
        k as u128 * u128::from(self.largest_point) + u128::from(self.largest_total)
    }

    /// These of the given users, whose `points` are given.
    fn of_users(&self, users: &[u32], points: P) -> Self {
        Self { points, totals: at(&self.totals, users), ..*self }
    }

    /// The same of some questions, or of all.
    fn of_questions(&self, are_all: bool, users: &[u32], points: P) -> Self {
        Self { are_sums: self.are_sums && are_all, ..self.of_users(users, points) }
    }
}

impl<P: Cells<Value: Into<i64>>> Integers<P> {
    /// Cronbach's α of `set`, whose common users are `users`, where `A` holds the sums of its scores.
    pub fn alpha<A: SumInteger>(&self, answered: &BitMatrix, set: &[u32], users: &[u32]) -> Option<f64> {
        let mut sums = IntegerSums::<A>::default();
        let mut questions = vec![[A::default(); 2]; set.len()];
        for &user in users {
            let mut total = 0;
            for (&question, [x, xx]) in set.iter().zip(&mut questions) {
                let score = self.points.of(answered, user as usize, question as usize).into();
                total += score;
                let score = A::from(score);
                *x += score;
                *xx += score * score;
            }
            sums.add(total, 0);
        }
        sums.alpha(set.len(), summed_variances(users.len() as u32, questions))
    }
}

/// Float scores, scaled by a power of two so that the largest is about 1.
#[derive(Clone, Debug)]
pub(crate) struct Floats {
    pub points: Packed<f64>,
    /// The least score of each question.
    pub least: Vec<f64>,
    /// The largest difference between two scores of one question.
    pub widest_range: f64,
    /// T, in the unit of the scores where it is made of them.
    pub totals: Vec<DoubleDouble>,
    /// How many questions each user answered, of those that make T.
    counts: Vec<u32>,
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
                x += score - self.least[question];
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
    fn of_users(&self, users: &[u32], words_per_row: usize) -> Self {
        Self {
            points: self.points.of_rows(users, words_per_row),
            totals: at(&self.totals, users),
            counts: at(&self.counts, users),
            centred_totals: at(&self.centred_totals, users),
            least: self.least.clone(),
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

/// One value per answered cell, row after row, found by the cell's rank in its word of `answered`.
#[derive(Clone, Debug)]
pub(crate) struct Packed<T> {
    /// For each word of `answered` the position of its first value.
    offsets: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy + Default> Packed<T> {
    fn new<S: Source>(responses: &S, answered: &BitMatrix, point: impl Fn(usize, S::Score) -> T) -> Self {
        let mut packed = Self::zeros(answered);
        responses.for_each(|user, question, score| {
            packed.set(answered, user, question, point(question, score));
        });
        packed
    }

    fn zeros(answered: &BitMatrix) -> Self {
        let mut end = 0;
        let offsets: Vec<u32> = answered
            .words()
            .iter()
            .map(|word| {
                let start = end;
                end += word.count_ones();
                start
            })
            .collect();
        Self { offsets, values: vec![T::default(); end as usize] }
    }

    /// The values of some rows.
    pub fn rows_of(&self, answered: &BitMatrix, rows: Range<usize>) -> &[T] {
        let start = |row: usize| {
            let word = row * answered.words_per_row();
            self.offsets.get(word).map_or(self.values.len(), |&start| start as usize)
        };
        &self.values[start(rows.start)..start(rows.end)]
    }

    /// Writes the value of a cell of `answered`.
    fn set(&mut self, answered: &BitMatrix, user: usize, question: usize, value: T) {
        let word = user * answered.words_per_row() + question / WORD_BITS;
        let position = self.position(word, answered.words()[word] & below(question));
        self.values[position] = value;
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.offsets[..]) + size_of_val(&self.values[..])
    }

    /// The rows at `rows` alone, of which `answered` has `words_per_row` words each.
    fn of_rows(&self, rows: &[u32], words_per_row: usize) -> Self {
        let mut part = Self { offsets: Vec::with_capacity(rows.len() * words_per_row), values: Vec::new() };
        for row in rows.iter().map(|&row| row as usize * words_per_row) {
            let offsets = &self.offsets[row..][..words_per_row];
            let start = self.position(row, 0);
            let end = self.offsets.get(row + words_per_row).map_or(self.values.len(), |&end| end as usize);
            let shift = part.values.len() as u32;
            part.offsets.extend(offsets.iter().map(|&offset| offset - start as u32 + shift));
            part.values.extend_from_slice(&self.values[start..end]);
        }
        part
    }

    /// Where the value of the first answered cell after `skipped`, the answered cells of `word` before it, is.
    fn position(&self, word: usize, skipped: u64) -> usize {
        self.offsets[word] as usize + skipped.count_ones() as usize
    }
}

/// A value for each answered cell.
pub(crate) trait Cells: Sync {
    type Value: Copy;

    fn of(&self, answered: &BitMatrix, user: usize, question: usize) -> Self::Value;

    /// Calls `visit(question, value)` for each question that `user` answered.
    fn for_each(&self, answered: &BitMatrix, user: usize, visit: impl FnMut(usize, Self::Value));
}

/// Scores of 0 or 1.
impl Cells for BitMatrix {
    type Value = u8;

    fn of(&self, _answered: &BitMatrix, user: usize, question: usize) -> u8 {
        self.contains(user, question).into()
    }

    fn for_each(&self, answered: &BitMatrix, user: usize, mut visit: impl FnMut(usize, u8)) {
        for (word, (&answered, &scored)) in answered.row(user).iter().zip(self.row(user)).enumerate() {
            ones(answered).for_each(|bit| visit(word * WORD_BITS + bit, (scored >> bit & 1) as u8));
        }
    }
}

impl<T: Copy + Default + Sync> Cells for Packed<T> {
    type Value = T;

    fn of(&self, answered: &BitMatrix, user: usize, question: usize) -> T {
        let word = user * answered.words_per_row() + question / WORD_BITS;
        self.values[self.position(word, answered.words()[word] & below(question))]
    }

    fn for_each(&self, answered: &BitMatrix, user: usize, mut visit: impl FnMut(usize, T)) {
        let values = &self.values[self.position(user * answered.words_per_row(), 0)..];
        let words = answered.row(user).iter().enumerate();
        let questions = words.flat_map(|(word, &bits)| ones(bits).map(move |bit| word * WORD_BITS + bit));
        questions.zip(values).for_each(|(question, &value)| visit(question, value));
    }
}

const TOTALS: Error = Error::Overflow { what: "users' grand totals" };
const CENTRES: Error = Error::Overflow { what: "differences of scores" };

impl ResponseMatrix {
    fn new(answered: BitMatrix, table: Table, users: usize, rest: Rest) -> Self {
        let is_complete = answered.is_full();
        Self { answered, table, users, rest, is_complete }
    }

    pub fn users(&self) -> usize {
        self.users
    }

    pub fn questions(&self) -> usize {
        self.answered.columns()
    }

    /// Whether every user answered every question.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// How many cells are answered.
    pub fn responses(&self) -> usize {
        (0..self.users).map(|user| self.answered.ones(user)).sum()
    }

    /// The memory that it takes.
    pub fn bytes(&self) -> usize {
        let table = match &self.table {
            Table::Binary(integers) => integers.points.bytes() + size_of_val(&integers.totals[..]),
            Table::Small(integers) => integers.points.bytes() + size_of_val(&integers.totals[..]),
            Table::Large(integers) => integers.points.bytes() + size_of_val(&integers.totals[..]),
            Table::Float(floats) => {
                let totals = size_of_val(&floats.totals[..]) + size_of_val(&floats.centred_totals[..]);
                let counts = size_of_val(&floats.counts[..]);
                floats.points.bytes() + size_of_val(&floats.least[..]) + totals + counts
            }
        };
        self.answered.bytes() + table
    }

    /// The responses of the given users alone, who become the rows in this order. Questions keep their ids, also those
    /// that none of these users answered.
    ///
    /// # Errors
    ///
    /// [`Error::MatrixTooLarge`] if the memory does not hold it.
    pub fn of_users(&self, users: &[u32]) -> Result<Self> {
        let refuse = || Error::MatrixTooLarge { users: users.len(), questions: self.questions() };
        let answered = self.answered.of_rows(users).ok_or_else(refuse)?;
        let words_per_row = answered.words_per_row();
        let table = match &self.table {
            Table::Binary(integers) => {
                Table::Binary(integers.of_users(users, integers.points.of_rows(users).ok_or_else(refuse)?))
            }
            Table::Small(integers) => {
                Table::Small(integers.of_users(users, integers.points.of_rows(users, words_per_row)))
            }
            Table::Large(integers) => {
                Table::Large(integers.of_users(users, integers.points.of_rows(users, words_per_row)))
            }
            Table::Float(floats) => Table::Float(floats.of_users(users, words_per_row)),
        };
        Ok(Self::new(answered, table, users.len(), self.rest))
    }

    /// What a score of the user adds to the user's grand total.
    pub(crate) fn weight(&self, user: usize) -> f64 {
        match (self.rest, &self.table) {
            (Rest::None, _) => 0.0,
            (Rest::Mean, Table::Float(floats)) => 1.0 / f64::from(floats.counts[user]),
            // A mean that is exact is stored as a sum.
            (Rest::Sum | Rest::Mean, _) => 1.0,
        }
    }

    /// Whether sets can have what `rank_by` names.
    pub(crate) fn has(&self, rank_by: RankBy) -> bool {
        match rank_by {
            RankBy::R => true,
            RankBy::RRest => self.rest != Rest::None,
            RankBy::Alpha => true,
        }
    }

    /// Every user has at least one response. `whole` is the [`simplest`](Whole::simplest) of its kind.
    pub(crate) fn of_integers<S>(responses: &S, answered: BitMatrix, whole: &Whole) -> Result<Self>
    where
        S: Source<Score: Into<i128>>,
    {
        let totals = match whole {
            Whole::Sum => centred(&integer_totals(responses, answered.rows())?).ok_or(TOTALS)?,
            Whole::IntegerCriterion(values) => centred(values).ok_or(Error::CriterionOverflow)?,
            Whole::Mean | Whole::FloatCriterion(_) => {
                return Self::of_other_floats(&as_floats(responses)?, answered, whole, true);
            }
        };
        let are_sums = *whole == Whole::Sum;
        let users = totals.len();
        let largest_total = totals.iter().map(|total| total.unsigned_abs()).max().unwrap_or(0);

        let mut ranges: Vec<Option<(i128, i128)>> = vec![None; answered.columns()];
        responses.for_each(|_, question, score| {
            let score = score.into();
            let (least, most) = ranges[question].unwrap_or((score, score));
            ranges[question] = Some((least.min(score), most.max(score)));
        });

        let table = if ranges.iter().flatten().all(|&(least, most)| least >= 0 && most <= 1) {
            let mut points = BitMatrix::try_zeros(users, answered.columns())
                .ok_or(Error::MatrixTooLarge { users, questions: answered.columns() })?;
            responses.for_each(|user, question, score| {
                if score.into() == 1 {
                    points.insert(user, question);
                }
            });
            Table::Binary(Integers { points, totals, are_sums, largest_point: 1, largest_total })
        } else {
            let mut centres = Vec::with_capacity(ranges.len());
            let mut largest_point = 0;
            for (least, most) in ranges.into_iter().map(Option::unwrap_or_default) {
                let half = most.checked_sub(least).ok_or(CENTRES)? / 2;
                let centre = least + half;
                let farthest = u64::try_from(most - centre).map_err(|_| CENTRES)?;
                largest_point = farthest.max(largest_point);
                centres.push(centre);
            }
            let centred = |question: usize, score: S::Score| score.into() - centres[question];
            // Truncation cannot happen: no |centred| exceeds `largest_point`.
            if largest_point <= i16::MAX as u64 {
                let points =
                    Packed::new(responses, &answered, |question, score| centred(question, score) as i16);
                Table::Small(Integers { points, totals, are_sums, largest_point, largest_total })
            } else if largest_point <= i64::MAX as u64 {
                let points =
                    Packed::new(responses, &answered, |question, score| centred(question, score) as i64);
                Table::Large(Integers { points, totals, are_sums, largest_point, largest_total })
            } else {
                return Err(CENTRES);
            }
        };
        Ok(Self::new(answered, table, users, whole.rest()))
    }

    /// `whole` is the [`simplest`](Whole::simplest) of its kind.
    pub(crate) fn of_floats<S>(responses: &S, answered: BitMatrix, whole: &Whole) -> Result<Self>
    where
        S: Source<Score = f64>,
    {
        if responses.read().all(|(_, _, score)| is_exact_integer(score)) {
            let integers = || responses.read().map(|(user, question, score)| (user, question, score as i64));
            return Self::of_integers(&integers, answered, whole);
        }
        Self::of_other_floats(responses, answered, whole, false)
    }

    /// `are_exact`: the scores are what is meant, and not what is nearest to it.
    fn of_other_floats<S>(responses: &S, answered: BitMatrix, whole: &Whole, are_exact: bool) -> Result<Self>
    where
        S: Source<Score = f64>,
    {
        let largest_score = largest(responses.read().map(|(_, _, score)| score));
        let scale = power_of_two_scale(largest_score);
        let mut sums = vec![DoubleDouble::default(); answered.rows()];
        let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); answered.columns()];
        responses.for_each(|user, question, score| {
            let score = score * scale;
            sums[user] += score;
            let (least, most) = &mut ranges[question];
            (*least, *most) = (least.min(score), most.max(score));
        });
        let largest_point = largest_score * scale;
        // The nearest floats to two values that are the same differ by so much at most.
        let rounding = 2.0 * ROUNDOFF * largest_point;
        let score_noise = if are_exact { 0.0 } else { rounding };
        let counts: Vec<u32> = (0..answered.rows()).map(|user| answered.ones(user) as u32).collect();
        let (totals, total_noise) = match whole {
            Whole::Sum => (sums, score_noise * answered.columns() as f64),
            Whole::Mean => {
                let means = sums.into_iter().zip(&counts).map(|(sum, &n)| sum / f64::from(n).into());
                (means.collect(), score_noise + rounding)
            }
            Whole::IntegerCriterion(values) => {
                let values = centred(values).ok_or(Error::CriterionOverflow)?;
                (values.into_iter().map(|value| i128::from(value).into()).collect(), 0.0)
            }
            Whole::FloatCriterion(values) => {
                let scale = power_of_two_scale(largest(values.iter().copied()));
                (values.iter().map(|value| DoubleDouble::from(value * scale)).collect(), 0.0)
            }
        };
        let rounded: Vec<f64> = totals.iter().map(|total: &DoubleDouble| total.round()).collect();
        let mean = rounded.iter().sum::<f64>() / rounded.len().max(1) as f64;
        let floats = Floats {
            points: Packed::new(responses, &answered, |_, score| score * scale),
            widest_range: largest(ranges.iter().map(|(least, most)| most - least)),
            least: ranges.into_iter().map(|(least, _)| least).collect(),
            centred_totals: rounded.iter().map(|total| total - mean).collect(),
            largest_point,
            largest_total: largest(rounded.iter().copied()),
            totals,
            counts,
            rest: whole.rest(),
            noise: Noise { score: score_noise, total: total_noise },
        };
        let (users, rest) = (floats.totals.len(), floats.rest);
        Ok(Self::new(answered, Table::Float(floats), users, rest))
    }
}

/// Every user's summed score.
fn integer_totals(responses: &impl Source<Score: Into<i128>>, users: usize) -> Result<Vec<i128>> {
    let mut totals = vec![0i128; users];
    let mut overflow = false;
    responses.for_each(|user, _, score| {
        let (total, overflowed) = totals[user].overflowing_add(score.into());
        totals[user] = total;
        overflow |= overflowed;
    });
    if overflow { Err(TOTALS) } else { Ok(totals) }
}

/// The values less their rounded mean; `None` where that is beyond 64 bits, or their sum beyond 128.
fn centred(values: &[i128]) -> Option<Vec<i64>> {
    let sum = values.iter().try_fold(0i128, |sum, &value| sum.checked_add(value))?;
    let mean = sum / (values.len() as i128).max(1);
    values.iter().map(|value| i64::try_from(value.checked_sub(mean)?).ok()).collect()
}

/// Integer scores as floats, exactly: less the middle of all, which neither a correlation with a mean notices nor one with a
/// criterion.
fn as_floats<S>(responses: &S) -> Result<impl Source<Score = f64>>
where
    S: Source<Score: Into<i128>>,
{
    let scores = || responses.read().map(|(_, _, score)| score.into());
    let (least, most) = scores()
        .fold((i128::MAX, i128::MIN), |(least, most), score: i128| (least.min(score), most.max(score)));
    let range =
        most.checked_sub(least).filter(|&range| range <= i128::from(2 * LARGEST_EXACT)).ok_or(CENTRES)?;
    let middle = least + range / 2;
    Ok(move || {
        responses.read().map(move |(user, question, score)| (user, question, (score.into() - middle) as f64))
    })
}

/// The values of the given users.
fn at<T: Copy>(values: &[T], users: &[u32]) -> Vec<T> {
    users.iter().map(|&user| values[user as usize]).collect()
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
