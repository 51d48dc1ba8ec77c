//! Users summed away: the moments of one answer pattern's scores, from which follow the sums of every set that the
//! pattern contains.
//!
//! ΣX = Σ_i Σx_i, ΣX² = Σ_ij Σx_i·x_j, ΣXT = Σ_i Σx_i·t, where i and j run over the set and the inner sums over
//! the users. They are exact wherever the sums of the search are (see [`sums_fit`](crate::moments::sums_fit)): no
//! partial sum of these is larger than k times the largest score allows.

use std::ops::Range;

use crate::bitset::{BitMatrix, WORD_BITS};
use crate::isa::{BLOCK, InstructionSet, Isa, Kernel};
use crate::matrix::{Cells, Integers, Packed};
use crate::moments::{IntegerSums, SumInteger, comoment};
use crate::parallel;
use crate::patterns::Pattern;

/// Entries behind the last question.
const PADDING: usize = 8;

/// Sums over the users of one pattern. Rows are as wide as there are questions, zero where the pattern has none, so
/// that sums over several patterns are sums of rows; and wider, so that lanes have no tail.
#[derive(Clone, Debug)]
pub struct PairSums<A> {
    pub n: u32,
    pub t: A,
    pub tt: A,
    /// By question.
    pub x: Vec<A>,
    pub xt: Vec<A>,
    /// By question: whether the pattern contains it.
    pub contains: Vec<bool>,
    /// By question: Σx².
    pub squares: Vec<A>,
    /// By question: its place among those of the pattern, if it is one.
    places: Vec<u32>,
    /// Rows of the first ones of these.
    xx: Vec<A>,
}

impl<A: SumInteger> PairSums<A> {
    /// Without users, and with rows of the first `rows` questions; `None` where the memory is not to be had.
    fn try_new(contained: &[u32], rows: usize, questions: usize) -> Option<Self> {
        let mut xx = Vec::new();
        let length = rows.checked_mul(questions)?;
        xx.try_reserve_exact(length).ok()?;
        xx.resize(length, A::default());
        let mut places = vec![0; questions];
        let mut contains = vec![false; questions + PADDING];
        for (place, &question) in (0..).zip(contained) {
            places[question as usize] = place;
            contains[question as usize] = true;
        }
        let zeros = vec![A::default(); questions + PADDING];
        Some(Self {
            n: 0,
            t: A::default(),
            tt: A::default(),
            x: zeros.clone(),
            xt: zeros.clone(),
            contains,
            squares: zeros,
            places,
            xx,
        })
    }

    /// Those of the users of several patterns, on `questions` that all of these contain, which are numbered anew; `None` where
    /// the memory is not to be had.
    pub fn of_several<'a>(patterns: impl Iterator<Item = &'a Self>, questions: &[u32]) -> Option<Self> {
        let all: Vec<u32> = (0..questions.len() as u32).collect();
        let mut whole = Self::try_new(&all, all.len(), all.len())?;
        for pattern in patterns {
            whole.n += pattern.n;
            whole.t += pattern.t;
            whole.tt += pattern.tt;
            for (i, question) in questions.iter().map(|&question| question as usize).enumerate() {
                whole.x[i] += pattern.x[question];
                whole.xt[i] += pattern.xt[question];
                whole.squares[i] += pattern.squares[question];
                let row = pattern.row(question);
                let sums = &mut whole.xx[i * questions.len()..][..questions.len()];
                sums.iter_mut().zip(questions).for_each(|(sum, &other)| *sum += row[other as usize]);
            }
        }
        Some(whole)
    }

    /// Σx_i·x_j for every j, of a question i of the pattern that has a row.
    pub fn row(&self, question: usize) -> &[A] {
        let questions = self.questions();
        &self.xx[self.places[question] as usize * questions..][..questions]
    }

    /// How many there are, in the pattern or not.
    pub fn questions(&self) -> usize {
        self.places.len()
    }

    /// The six sums of a set that the pattern contains. All of it but the last has rows.
    pub fn set_sums(&self, set: &[u32]) -> IntegerSums<A> {
        let [mut x, mut xx, mut xt] = [A::default(); 3];
        for (place, &i) in set.iter().enumerate() {
            x += self.x[i as usize];
            xt += self.xt[i as usize];
            xx += self.squares[i as usize];
            let others = &set[place + 1..];
            if !others.is_empty() {
                let row = self.row(i as usize);
                for &j in others {
                    xx += row[j as usize] + row[j as usize];
                }
            }
        }
        IntegerSums::of(self.n, [x, xx, self.t, self.tt, xt])
    }

    /// n² times the variance of the grand total.
    pub fn total_comoment(&self) -> i128 {
        comoment(self.n, self.tt, self.t, self.t)
    }

    /// n² times the covariance of a question with the grand total.
    pub fn part_whole_comoment(&self, question: usize) -> i128 {
        comoment(self.n, self.xt[question], self.x[question], self.t)
    }

    /// n² times the covariances of a question with others of the pattern.
    pub fn item_comoments(&self, question: usize, others: &[u32]) -> impl Iterator<Item = i128> {
        let (x, row) = (self.x[question], self.row(question));
        others.iter().map(move |&other| comoment(self.n, row[other as usize], x, self.x[other as usize]))
    }

    /// Takes up the users of `other`, who have the same pattern.
    fn add(&mut self, other: &Self) {
        self.n += other.n;
        self.t += other.t;
        self.tt += other.tt;
        let add = |sums: &mut [A], others: &[A]| {
            sums.iter_mut().zip(others).for_each(|(sum, &other)| *sum += other);
        };
        add(&mut self.x, &other.x);
        add(&mut self.xt, &other.xt);
        add(&mut self.squares, &other.squares);
        add(&mut self.xx, &other.xx);
    }

    /// Takes up the grand totals of some users.
    fn add_totals(&mut self, totals: &[i64]) {
        self.n += totals.len() as u32;
        for &t in totals {
            let t = A::from(t);
            self.t += t;
            self.tt += t * t;
        }
    }

    /// Sums of pairs were made for i before j only.
    fn complete(&mut self, questions: &[u32]) {
        let width = self.questions();
        let questions = &questions[..self.xx.len() / width.max(1)];
        for (row, &i) in questions.iter().enumerate() {
            self.xx[row * width + i as usize] = self.squares[i as usize];
            for (lower_row, &j) in questions.iter().enumerate().skip(row + 1) {
                self.xx[lower_row * width + i as usize] = self.xx[row * width + j as usize];
            }
        }
    }

    /// Where the sums of the question at a place with those behind it are made, if it has a row.
    fn row_at(&mut self, place: usize) -> Option<&mut [A]> {
        let width = self.questions();
        self.xx.get_mut(place * width..)?.get_mut(..width)
    }
}

/// The moments of a pattern's users; `None` where the memory is not to be had.
pub fn pair_sums<P: PairScores, A: SumInteger>(
    isa: InstructionSet,
    integers: &Integers<P>,
    answered: &BitMatrix,
    pattern: &Pattern,
) -> Option<PairSums<A>> {
    let Pattern { questions, users } = pattern;
    sums_with_rows(isa, integers, answered, (questions, questions.len()), users)
}

/// The moments of users who answered all of some questions, if not more; rows of the first so many of these. `None` where
/// the memory is not to be had.
pub fn sums_with_rows<P: PairScores, A: SumInteger>(
    isa: InstructionSet,
    integers: &Integers<P>,
    answered: &BitMatrix,
    (questions, rows): (&[u32], usize),
    users: &[u32],
) -> Option<PairSums<A>> {
    let stretches = parallel::map_stretches(users.len(), |range: Range<usize>| {
        let mut sums = PairSums::try_new(questions, rows, answered.columns())?;
        for users in users[range].chunks(P::USERS_AT_ONCE) {
            isa.run(AddUsers { integers, answered, questions, users, sums: &mut sums });
        }
        Some(sums)
    });
    let whole = stretches.into_iter().reduce(|whole, part| {
        let (mut whole, part) = (whole?, part?);
        whole.add(&part);
        Some(whole)
    });
    let mut whole = whole??;
    whole.complete(questions);
    Some(whole)
}

/// Adds users who answered all of `questions`, at most [`PairScores::USERS_AT_ONCE`] of them.
struct AddUsers<'a, P, A> {
    integers: &'a Integers<P>,
    answered: &'a BitMatrix,
    questions: &'a [u32],
    users: &'a [u32],
    sums: &'a mut PairSums<A>,
}

impl<P: PairScores, A: SumInteger> Kernel for AddUsers<'_, P, A> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { integers, answered, questions, users, sums } = self;
        let mut copied = Vec::new();
        let totals = match rows_between(users) {
            Some(rows) => &integers.totals[rows],
            None => {
                copied.extend(users.iter().map(|&user| integers.totals[user as usize]));
                &copied
            }
        };
        sums.add_totals(totals);
        P::add_users(isa, integers, answered, questions, users, totals, sums);
    }
}

/// The rows of `users`, which ascend, if no other's lies between them.
fn rows_between(users: &[u32]) -> Option<Range<usize>> {
    let (first, last) = (*users.first()? as usize, *users.last()? as usize);
    (last - first == users.len() - 1).then_some(first..last + 1)
}

/// Scores in columns, of which products are summed.
pub trait PairScores: Cells + Sized {
    /// As many as have their columns in the second-level cache, for a hundred questions.
    const USERS_AT_ONCE: usize;

    /// Adds Σx, Σx², Σxt, and Σx_i·x_j for i with a row and j behind it. Must be inlined.
    fn add_users<I: Isa, A: SumInteger>(
        isa: I,
        integers: &Integers<Self>,
        answered: &BitMatrix,
        questions: &[u32],
        users: &[u32],
        totals: &[i64],
        sums: &mut PairSums<A>,
    );
}

/// Words of a column of bits at once: 4,096 users.
const BIT_WORDS: usize = 64;

/// Scores of 0 and 1: a product is an AND, a sum a count. That of the totals of those who scored counts them by binary digit of
/// their totals, which are columns of bits, too.
impl PairScores for BitMatrix {
    const USERS_AT_ONCE: usize = BIT_WORDS * WORD_BITS;

    #[inline(always)]
    fn add_users<I: Isa, A: SumInteger>(
        isa: I,
        integers: &Integers<Self>,
        _answered: &BitMatrix,
        questions: &[u32],
        users: &[u32],
        totals: &[i64],
        sums: &mut PairSums<A>,
    ) {
        let points = &integers.points;
        let mut columns = vec![[0u64; BIT_WORDS]; points.words_per_row() * WORD_BITS];
        let words = users.len().div_ceil(WORD_BITS);
        let least = totals.iter().copied().min().unwrap_or(0);
        let above_least = |total: &i64| total.wrapping_sub(least).cast_unsigned();
        let range = totals.iter().map(above_least).max().unwrap_or(0);
        let mut digits = vec![[0u64; BIT_WORDS]; (u64::BITS - range.leading_zeros()) as usize];
        for (word, totals) in totals.chunks(BLOCK).enumerate() {
            let mut block = [0; BLOCK];
            block.iter_mut().zip(totals).for_each(|(to, total)| *to = above_least(total));
            let block = isa.transpose(&block);
            for (bit, digit) in digits.iter_mut().enumerate() {
                digit[word] = block.row(bit);
            }
        }
        for (word, users) in users.chunks(BLOCK).enumerate() {
            for part in 0..points.words_per_row() {
                let mut block = [0; BLOCK];
                for (bits, &user) in block.iter_mut().zip(users) {
                    *bits = points.word(user as usize, part);
                }
                let block = isa.transpose(&block);
                for (bit, column) in columns[part * WORD_BITS..][..WORD_BITS].iter_mut().enumerate() {
                    column[word] = block.row(bit);
                }
            }
        }
        for (place, &i) in questions.iter().enumerate() {
            let a = &columns[i as usize][..words];
            if let Some(row) = sums.row_at(place) {
                for &j in &questions[place + 1..] {
                    row[j as usize] += A::from(count_both(a, &columns[j as usize]));
                }
            }
            let scored = count_both(a, a);
            sums.x[i as usize] += A::from(scored);
            sums.squares[i as usize] += A::from(scored);
            // What wraps on the way comes back: no sum of totals is beyond an i64 (see `sums_fit`).
            let mut xt = least.wrapping_mul(scored);
            for (bit, digit) in digits.iter().enumerate() {
                xt = xt.wrapping_add(count_both(a, digit) << bit);
            }
            sums.xt[i as usize] += A::from(xt);
        }
    }
}

/// How many users have both bits, where one column may be longer.
#[inline(always)]
fn count_both(a: &[u64], b: &[u64]) -> i64 {
    let mut count = 0;
    for (a, b) in a.iter().zip(b) {
        count += i64::from((a & b).count_ones());
    }
    count
}

/// Users of wider scores at once.
const NUMBERS: usize = 1024;

/// A stored score.
pub trait Number: Copy + Default + Send + Sync + Into<i64> {
    /// Σab, where neither exceeds `largest`. Must be inlined.
    fn dot<A: SumInteger>(a: &[Self], b: &[Self], largest: u64) -> A;
}

impl Number for i16 {
    #[inline(always)]
    fn dot<A: SumInteger>(a: &[Self], b: &[Self], largest: u64) -> A {
        // Products are summed in pairs of 16 to 32 bits wherever 32 bits hold the sums.
        if largest * largest * NUMBERS as u64 <= i32::MAX as u64 {
            let mut sum = 0i32;
            for i in 0..a.len().min(b.len()) {
                sum += i32::from(a[i]) * i32::from(b[i]);
            }
            A::from(i64::from(sum))
        } else {
            let mut sum = 0i64;
            for i in 0..a.len().min(b.len()) {
                sum += i64::from(i32::from(a[i]) * i32::from(b[i]));
            }
            A::from(sum)
        }
    }
}

impl Number for i64 {
    #[inline(always)]
    fn dot<A: SumInteger>(a: &[Self], b: &[Self], _largest: u64) -> A {
        let mut sum = A::default();
        for i in 0..a.len().min(b.len()) {
            sum += A::from(a[i]) * A::from(b[i]);
        }
        sum
    }
}

impl<T: Number> PairScores for Packed<T> {
    const USERS_AT_ONCE: usize = NUMBERS;

    #[inline(always)]
    fn add_users<I: Isa, A: SumInteger>(
        _isa: I,
        integers: &Integers<Self>,
        answered: &BitMatrix,
        questions: &[u32],
        users: &[u32],
        totals: &[i64],
        sums: &mut PairSums<A>,
    ) {
        let mut columns = vec![[T::default(); NUMBERS]; questions.len()];
        for (i, &user) in users.iter().enumerate() {
            integers.points.for_each(answered, user as usize, |question, score| {
                if sums.contains[question] {
                    columns[sums.places[question] as usize][i] = score;
                }
            });
        }
        for (place, &i) in questions.iter().enumerate() {
            let a = &columns[place][..users.len()];
            let (mut x, mut xt) = (A::default(), A::default());
            for (&score, &t) in a.iter().zip(totals) {
                let score = A::from(score.into());
                x += score;
                xt += score * A::from(t);
            }
            sums.x[i as usize] += x;
            sums.xt[i as usize] += xt;
            sums.squares[i as usize] += T::dot::<A>(a, a, integers.largest_point);
            if let Some(row) = sums.row_at(place) {
                for (b, &j) in columns[place + 1..].iter().zip(&questions[place + 1..]) {
                    row[j as usize] += T::dot::<A>(a, &b[..users.len()], integers.largest_point);
                }
            }
        }
    }
}
