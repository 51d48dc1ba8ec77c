//! The response matrix: who answered what, the scores in the narrowest type that holds them, the grand
//! totals. One row per user, because the search sums over the users of a prefix.
//!
//! Scores are stored less a constant of their question, grand totals, or what stands in their place ([`Whole`]), less their
//! rounded mean: no correlation changes, and the sums stay small. Memory is 1 bit per cell for who answered; for the scores
//! 1 bit per cell (all 0 or 1), else 1, 2 or 8 bytes per *response* and 4 bytes per 64 cells.

mod cells;
mod columns;
mod floats;
mod numbers;
mod ranges;
mod select;

use crate::bitset::BitMatrix;
use crate::error::{Error, Result};
use crate::isa::{InstructionSet, Isa, Kernel};
use crate::moments::{IntegerSums, RankBy, SumInteger, summed_variances};
use crate::parallel;
use crate::responses::{Source, all};
use crate::whole::{Rest, Whole, is_exact_integer};
pub(crate) use cells::{Cells, Packed};
pub(crate) use columns::Columns;
pub(crate) use floats::Floats;
use floats::as_floats;
pub(crate) use numbers::{Numbers, with_values};
use ranges::{centres, integer_ranges};

/// Parts of a point of which float scores may be whole numbers, and then are integers: points themselves, and as partial credit is given,
/// halves and quarters. Neither a correlation nor α depends on the unit of the scores. Other fractions that floats have exactly are rare,
/// and each would be one more look at the scores.
const PARTS_OF_A_POINT: [f64; 3] = [1.0, 2.0, 4.0];

/// A float whose last bit is worth one. Added to a float, it brings the nearest integer to the last bits, if that has less than 52 bits:
/// every CPU does so with several floats at once, which it does not turn into integers otherwise.
const LAST_BIT_IS_ONE: f64 = 1.5 * (1u64 << 52) as f64;

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
    /// Other integers.
    Numbers(Integers<Numbers>),
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
    /// Of centred scores, and the centred grand totals that `sums` makes of them unless a criterion takes their place.
    fn new(
        points: P,
        largest_point: u64,
        criterion: Option<Vec<i64>>,
        sums: impl FnOnce(&P) -> Option<Vec<i64>>,
    ) -> Result<Self> {
        let are_sums = criterion.is_none();
        let totals = criterion.or_else(|| sums(&points)).ok_or(TOTALS)?;
        let stretches = parallel::map_stretches(totals.len(), |stretch| {
            totals[stretch].iter().fold(0, |largest, total| total.unsigned_abs().max(largest))
        });
        let largest_total = stretches.into_iter().max().unwrap_or(0);
        Ok(Self { points, totals, are_sums, largest_point, largest_total })
    }

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
        self.answered.count()
    }

    /// The memory that it takes.
    pub fn bytes(&self) -> usize {
        let table = match &self.table {
            Table::Binary(integers) => integers.points.bytes() + size_of_val(&integers.totals[..]),
            Table::Numbers(integers) => integers.points.bytes() + size_of_val(&integers.totals[..]),
            Table::Float(floats) => {
                let totals = size_of_val(&floats.totals[..]) + size_of_val(&floats.centred_totals[..]);
                let counts = size_of_val(&floats.counts[..]);
                floats.points.bytes() + size_of_val(&floats.ranges[..]) + totals + counts
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
            Table::Numbers(integers) => {
                Table::Numbers(integers.of_users(users, integers.points.of_rows(users, words_per_row)))
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

    /// Of users who answered and scored, every user something, against a [`whole`](Whole::is_integer) of integers.
    pub(crate) fn of_bits(
        isa: InstructionSet,
        answered: BitMatrix,
        scored: BitMatrix,
        whole: &Whole,
    ) -> Result<Self> {
        let users = answered.rows();
        let sums = |scored: &BitMatrix| {
            // Counted twice rather than written down and read again.
            let mean = (scored.count() / users.max(1)) as i64;
            let mut totals = vec![0; users];
            let (width, columns) = (scored.words_per_row(), scored.columns());
            parallel::fill_stretches(
                users,
                columns,
                &mut totals,
                |user| user,
                |users, totals| {
                    isa.run(Count { rows: scored.rows_of(users), width, mean, totals });
                    true
                },
            );
            Some(totals)
        };
        let table = Table::Binary(Integers::new(scored, 1, criterion(whole)?, sums)?);
        Ok(Self::new(answered, table, users, whole.rest()))
    }

    /// Every user has at least one response. `whole` is the [`simplest`](Whole::simplest) of its kind.
    pub(crate) fn of_integers<S>(responses: &S, answered: BitMatrix, whole: &Whole) -> Result<Self>
    where
        S: Source<Score: Into<i128>>,
    {
        if !whole.is_integer() {
            return Self::of_other_floats(&as_floats(responses)?, answered, whole, true);
        }
        let criterion = criterion(whole)?;
        let (centres, largest_point) = centres(integer_ranges(responses))?;
        let points = Numbers::new(responses, &answered, &centres, largest_point).ok_or(CENTRES)?;
        let sums = |points: &Numbers| summed(points, &answered, &centres);
        let table = Table::Numbers(Integers::new(points, largest_point, criterion, sums)?);
        let users = answered.rows();
        Ok(Self::new(answered, table, users, whole.rest()))
    }

    /// `whole` is the [`simplest`](Whole::simplest) of its kind.
    pub(crate) fn of_floats<S>(responses: &S, answered: BitMatrix, whole: &Whole) -> Result<Self>
    where
        S: Source<Score = f64>,
    {
        let small = |score: f64| (score + LAST_BIT_IS_ONE).to_bits() as i16;
        let are_small =
            |parts: &f64| all(responses, |score| f64::from(small(score * parts)) == score * parts);
        if let Some(parts) = PARTS_OF_A_POINT.into_iter().find(are_small) {
            return Self::of_integers(&responses.with_scores(|score| small(score * parts)), answered, whole);
        }
        let are_integers = |parts: &f64| all(responses, |score| is_exact_integer(score * parts));
        if let Some(parts) = PARTS_OF_A_POINT.into_iter().find(are_integers) {
            let in_parts = |score| (score * parts) as i64;
            return Self::of_integers(&responses.with_scores(in_parts), answered, whole);
        }
        Self::of_other_floats(responses, answered, whole, false)
    }

    /// `are_exact`: the scores are what is meant, and not what is nearest to it.
    fn of_other_floats<S>(responses: &S, answered: BitMatrix, whole: &Whole, are_exact: bool) -> Result<Self>
    where
        S: Source<Score = f64>,
    {
        let floats = Floats::new(responses, &answered, whole, are_exact)?;
        let (users, rest) = (floats.totals.len(), floats.rest);
        Ok(Self::new(answered, Table::Float(floats), users, rest))
    }
}

/// How many bits each row of so many words has, less `mean`. CPUs count them by an instruction that the compiler's baseline lacks.
struct Count<'a> {
    rows: &'a [u64],
    width: usize,
    mean: i64,
    totals: &'a mut [i64],
}

impl Kernel for Count<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        let Self { rows, width, mean, totals } = self;
        if width == 1 {
            // No loop within, so that the compiler counts several at once.
            totals
                .iter_mut()
                .zip(rows)
                .for_each(|(total, word)| *total = i64::from(word.count_ones()) - mean);
        } else {
            for (total, row) in totals.iter_mut().zip(rows.chunks_exact(width)) {
                *total = row.iter().map(|word| i64::from(word.count_ones())).sum::<i64>() - mean;
            }
        }
    }
}

/// The values of a criterion of integers, [`centred`]; `None` if `whole` is none.
fn criterion(whole: &Whole) -> Result<Option<Vec<i64>>> {
    match whole {
        Whole::IntegerCriterion(values) => {
            let value = |user: usize| Some(values[user]);
            centred(values.len(), 1, value).map(Some).ok_or(Error::CriterionOverflow)
        }
        _ => Ok(None),
    }
}

/// The users' summed scores, where `centres` were taken off the scores, and the sums [`centred`]; `None` on overflow.
fn summed(points: &Numbers, answered: &BitMatrix, centres: &[i128]) -> Option<Vec<i64>> {
    let add = |sum: i128, centre: &i128| sum.checked_add(*centre);
    let of_all = centres.iter().try_fold(0, add);
    centred(answered.rows(), answered.columns(), |user| {
        let (count, sum) = points.sum_of(answered, user);
        let of_centres = match count == centres.len() {
            true => of_all,
            false => answered.ones_of(user).map(|question| &centres[question]).try_fold(0, add),
        };
        of_centres?.checked_add(sum)
    })
}

/// The users' values less their rounded mean; `None` where one does not exist or that is beyond 64 bits, or their sum beyond 128. One is as
/// much work as so many rows of input.
fn centred(users: usize, work: usize, value: impl Fn(usize) -> Option<i128> + Sync) -> Option<Vec<i64>> {
    // Made twice rather than written down and read again.
    let mean = sum(users, work, &value)? / users.max(1) as i128;
    let mut centred = vec![0; users];
    let less_mean = |user: usize| i64::try_from(value(user)?.checked_sub(mean)?).ok();
    parallel::try_fill(&mut centred, work, less_mean).then_some(centred)
}

/// The sum of all values; `None` if one does not exist, or if it is beyond 128 bits, however they are ordered.
fn sum(users: usize, work: usize, value: impl Fn(usize) -> Option<i128> + Sync) -> Option<i128> {
    // Neither the upper halves nor the lower ones overflow, each with room for as many bits again.
    const HALF: u32 = i128::BITS / 2;
    let halves = |value: i128| [value >> HALF, value & i128::from(u64::MAX)];
    let add = |sums: [i128; 2], value: [i128; 2]| [sums[0] + value[0], sums[1] + value[1]];
    let stretches = parallel::map_heavy_stretches(users, work, |mut stretch| {
        stretch.try_fold([0; 2], |sums, user| Some(add(sums, halves(value(user)?))))
    });
    let sums = stretches.into_iter().try_fold([0; 2], |sums, stretch| Some(add(sums, stretch?)));
    let [upper, lower] = sums?;
    let [carry, lower] = halves(lower);
    (upper + carry).checked_mul(1 << HALF)?.checked_add(lower)
}

/// The values of the given users.
fn at<T: Copy>(values: &[T], users: &[u32]) -> Vec<T> {
    users.iter().map(|&user| values[user as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responses::{Duplicates, Responses};

    #[test]
    fn sums_are_refused_beyond_128_bits_only() {
        const MOST: i128 = i128::MAX;
        for (values, expected) in [
            (&[][..], Some(0)),
            (&[MOST, MOST, -MOST, -MOST, 7], Some(7)),
            (&[i128::MIN, 1], Some(1 - MOST - 1)),
            (&[i128::MIN, -1], None),
            (&[MOST, 1, -1], Some(MOST)),
            (&[MOST, 1], None),
            (&[-1; 100], Some(-100)),
            (&[i128::MIN; 100], None),
        ] {
            assert_eq!(sum(values.len(), 1, |user| Some(values[user])), expected, "{values:?}");
        }
        let many: Vec<i64> = (0..3 * parallel::PARALLEL_ROWS as i64).map(|i| i * i - (1 << 32)).collect();
        let expected = many.iter().map(|&value| i128::from(value)).sum();
        let value = |user: usize| Some(i128::from(many[user]));
        assert_eq!(parallel::on(3, || sum(many.len(), 1, value)), Some(expected));
        let one_missing = |user: usize| value(user).filter(|_| user != many.len() - 1);
        assert_eq!(parallel::on(3, || sum(many.len(), 1, one_missing)), None);
    }

    #[test]
    fn floats_in_few_parts_of_a_point_are_integers() {
        for (parts, are_integers) in
            [(1.0, true), (2.0, true), (4.0, true), (3.0, false), (8.0, false), (10.0, false)]
        {
            // In 16 bits, just so, and not.
            for shift in [0.0, 32_767.0 - 7.0, -32_768.0 + 2.0, 32_768.0 - 7.0, -32_769.0 + 2.0, 1e12] {
                let numbers = [0, 1, 3, 7, -2, 5];
                let scores = numbers.map(|number| (f64::from(number) + shift) / parts).to_vec();
                let responses =
                    Responses { users: vec![0, 0, 1, 1, 2, 2], questions: vec![0, 1, 0, 1, 1, 0], scores };
                let matrix = responses.into_matrix(Duplicates::Error).unwrap();
                match &matrix.table {
                    Table::Numbers(integers) if are_integers => {
                        let of = |user, question| integers.points.of(&matrix.answered, user, question);
                        assert_eq!(of(1, 0) - of(0, 0), 3, "{shift}, parts of {parts}");
                        assert_eq!(of(1, 1) - of(2, 1), 9, "{shift}, parts of {parts}");
                    }
                    Table::Float(_) if !are_integers => {}
                    _ => panic!("{shift}, parts of {parts}"),
                }
            }
        }
    }

    #[test]
    fn centred_values_are_refused_beyond_64_bits_only() {
        let most = i128::from(i64::MAX);
        let centred = |values: &[i128]| centred(values.len(), 1, |user| Some(values[user]));
        assert_eq!(centred(&[most, -most]), Some(vec![i64::MAX, -i64::MAX]));
        assert_eq!(centred(&[2 * most, 0]), Some(vec![i64::MAX, -i64::MAX]));
        assert_eq!(centred(&[3 * most, 0, 0]), None);
        assert_eq!(centred(&[5, 6]), Some(vec![0, 1]));
    }
}
