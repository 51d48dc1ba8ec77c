//! Users summed away: the moments of one answer pattern's scores, from which follow the sums of every set that the
//! pattern contains.
//!
//! ΣX = Σ_i Σx_i, ΣX² = Σ_ij Σx_i·x_j, ΣXT = Σ_i Σx_i·t, where i and j run over the set and the inner sums over
//! the users. They are exact wherever the sums of the search are (see [`sums_fit`](crate::moments::sums_fit)): no
//! partial sum of these is larger than k times the largest score allows.

mod bits;
mod numbers;

use std::ops::Range;

use crate::bitset::BitMatrix;
use crate::isa::{InstructionSet, Isa, Kernel, TILE, prefetch};
use crate::matrix::{Cells, Integers};
use crate::moment_tree::LANES;
use crate::moments::{IntegerSums, SumInteger, comoment};
use crate::parallel;

/// Entries behind the last question, so that lanes have no tail.
const PADDING: usize = LANES;

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

    /// Σx² of a question, or of what is behind the last, and (Σx)²: rounded where n·Σx² is beyond 2⁵³.
    #[inline(always)]
    pub fn float_squares(&self, question: usize) -> [f64; 2] {
        let x = self.x[question].float();
        [self.squares[question].float(), x * x]
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
        for &t in totals {
            let t = A::from(t);
            self.t += t;
            self.tt += t * t;
        }
    }

    /// Makes the sums of grand totals from all others, where each is the sum of a user's scores on `questions`, and `more`.
    fn sum_totals(&mut self, questions: &[u32], more: i128) {
        let product = |a: i128, b: A| a.wrapping_mul(b.into());
        // Row sums may be too large for A, and then wrap even here, but the sums of totals are not.
        let [mut t, mut tt] = [0i128; 2];
        for i in questions.iter().map(|&question| question as usize) {
            let row = self.row(i);
            let mut xt = product(more, self.x[i]);
            for &j in questions {
                xt = xt.wrapping_add(row[j as usize].into());
            }
            t = t.wrapping_add(self.x[i].into());
            tt = tt.wrapping_add(xt).wrapping_add(product(more, self.x[i]));
            self.xt[i] = A::wrapping_from(xt);
        }
        let of_all = more.wrapping_mul(i128::from(self.n));
        self.t = A::wrapping_from(t.wrapping_add(of_all));
        self.tt = A::wrapping_from(tt.wrapping_add(of_all.wrapping_mul(more)));
    }

    /// Takes up Σx_i·x_j of questions at four places, each of which has a row, with those at four others.
    fn add_tile(&mut self, questions: &[u32], (first, other): (usize, usize), products: &[[A; TILE]; TILE]) {
        for (place, products) in (first..).zip(products) {
            let Some(row) = self.row_at(place) else { break };
            for (&question, &product) in questions[other..].iter().zip(products) {
                row[question as usize] += product;
            }
        }
    }

    /// Sums of pairs were made for i before j only.
    fn complete(&mut self, questions: &[u32]) {
        let width = self.questions();
        let questions = &questions[..self.rows()];
        for (row, &i) in questions.iter().enumerate() {
            self.xx[row * width + i as usize] = self.squares[i as usize];
            for (lower_row, &j) in questions.iter().enumerate().skip(row + 1) {
                self.xx[lower_row * width + i as usize] = self.xx[row * width + j as usize];
            }
        }
    }

    /// How many questions have rows.
    fn rows(&self) -> usize {
        self.xx.len() / self.questions().max(1)
    }

    /// Where the sums of the question at a place with those behind it are made, if it has a row.
    fn row_at(&mut self, place: usize) -> Option<&mut [A]> {
        let width = self.questions();
        self.xx.get_mut(place * width..)?.get_mut(..width)
    }
}

/// Some of the users.
#[derive(Clone)]
pub enum Users<'a> {
    /// Whose rows follow each other.
    Rows(Range<usize>),
    These(&'a [u32]),
}

impl Users<'_> {
    pub fn len(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::These(users) => users.len(),
        }
    }

    /// Those at some places.
    fn part(&self, places: Range<usize>) -> Self {
        match self {
            Self::Rows(rows) => Self::Rows(rows.start + places.start..rows.start + places.end),
            Self::These(users) => Self::These(&users[places]),
        }
    }

    /// So many at a time, and at last the others.
    fn chunks(&self, users: usize) -> impl Iterator<Item = Self> {
        let all = self.len();
        (0..all).step_by(users).map(move |start| self.part(start..all.min(start + users)))
    }

    /// The one at a place.
    fn at(&self, place: usize) -> usize {
        match self {
            Self::Rows(rows) => rows.start + place,
            Self::These(users) => users[place] as usize,
        }
    }
}

/// The moments of users who answered exactly `questions`, as those of a pattern did; `None` where the memory is not to be had.
pub fn pair_sums<P: PairScores, A: SumInteger>(
    isa: InstructionSet,
    integers: &Integers<P>,
    answered: &BitMatrix,
    questions: &[u32],
    users: &Users,
) -> Option<PairSums<A>> {
    let with_totals = !integers.are_sums;
    let mut sums = sums_of(isa, integers, answered, (questions, questions.len()), users, with_totals)?;
    if !with_totals {
        let mut more = 0;
        if users.len() > 0 {
            let first = users.at(0);
            more = i128::from(integers.totals[first]);
            integers.points.for_each(answered, first, |_, score| more -= i128::from(score.into()));
        }
        sums.sum_totals(questions, more);
    }
    Some(sums)
}

/// The moments of users who answered at least these questions. Only the first so many of the questions get rows of products.
/// `None` where the memory is not to be had.
pub fn sums_with_rows<P: PairScores, A: SumInteger>(
    isa: InstructionSet,
    integers: &Integers<P>,
    answered: &BitMatrix,
    questions: (&[u32], usize),
    users: &[u32],
) -> Option<PairSums<A>> {
    sums_of(isa, integers, answered, questions, &Users::These(users), true)
}

/// The same, grand totals left out unless they are asked for.
fn sums_of<P: PairScores, A: SumInteger>(
    isa: InstructionSet,
    integers: &Integers<P>,
    answered: &BitMatrix,
    (questions, rows): (&[u32], usize),
    users: &Users,
    with_totals: bool,
) -> Option<PairSums<A>> {
    let stretches = parallel::map_stretches(users.len(), |range: Range<usize>| {
        let mut sums = PairSums::try_new(questions, rows, answered.columns())?;
        let mut columns = integers.points.columns(answered.columns(), range.len().min(P::USERS_AT_ONCE));
        let users = users.part(range);
        let mut blocks = users.chunks(P::USERS_AT_ONCE).peekable();
        while let Some(users) = blocks.next() {
            let (next, columns, sums) = (blocks.peek(), &mut columns, &mut sums);
            isa.run(AddUsers { integers, answered, questions, users, next, with_totals, columns, sums });
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
struct AddUsers<'a, P: PairScores, A> {
    integers: &'a Integers<P>,
    answered: &'a BitMatrix,
    questions: &'a [u32],
    users: Users<'a>,
    /// Those that follow, whose scores come from memory while these are counted.
    next: Option<&'a Users<'a>>,
    with_totals: bool,
    columns: &'a mut P::Columns,
    sums: &'a mut PairSums<A>,
}

impl<P: PairScores, A: SumInteger> Kernel for AddUsers<'_, P, A> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { integers, answered, questions, users, next, with_totals, columns, sums } = self;
        integers.points.read(isa, answered, &users, columns);
        sums.n += users.len() as u32;
        let (rows, all) = (sums.rows(), questions.len());
        let tile = |first: usize| {
            // What is beyond the last is not taken up.
            std::array::from_fn(|i| questions[(first + i).min(all - 1)] as usize)
        };
        // Half of the tiles of a square are at its diagonal or above.
        let tiles = (rows.div_ceil(TILE) * all.div_ceil(TILE) / 2).max(1);
        let mut ahead = 0..tiles;
        for first in (0..all).step_by(TILE) {
            let end = if first < rows { all } else { first + 1 };
            for other in (first..end).step_by(TILE) {
                if let (Some(next), Some(part)) = (next, ahead.next()) {
                    integers.points.prefetch(answered, next, (part, tiles));
                }
                let largest = integers.largest_point;
                let products = P::products(isa, columns, tile(first), tile(other), largest);
                if other == first {
                    for (place, &question) in questions[first..].iter().take(TILE).enumerate() {
                        let square = products[place][place];
                        sums.squares[question as usize] += square;
                        sums.x[question as usize] += P::sum(columns, question as usize, square);
                    }
                }
                sums.add_tile(questions, (first, other), &products);
            }
        }
        if with_totals {
            let totals: Vec<i64> = (0..users.len()).map(|place| integers.totals[users.at(place)]).collect();
            sums.add_totals(&totals);
            P::add_xt(isa, columns, questions, &totals, &mut sums.xt);
        }
    }
}

/// Asks for one of so many parts of some memory.
#[inline(always)]
fn prefetch_part<T>(memory: &[T], (part, parts): (usize, usize)) {
    let length = memory.len() / parts + 1;
    prefetch(memory.chunks(length).nth(part).unwrap_or_default());
}

/// Scores of which products are summed.
pub trait PairScores: Cells<Value: Into<i64>> + Sized {
    /// As many as have their columns in the second-level cache, for a hundred questions.
    const USERS_AT_ONCE: usize;

    /// The scores of some users by question.
    type Columns;

    /// With room for so many questions and users.
    fn columns(&self, questions: usize, users: usize) -> Self::Columns;

    /// Asks for one of so many parts of the memory that the users' scores are in, if nothing else is between them.
    fn prefetch(&self, answered: &BitMatrix, users: &Users, part: (usize, usize));

    /// Reads the scores of users. Must be inlined, as all that follows.
    fn read<I: Isa>(&self, isa: I, answered: &BitMatrix, users: &Users, columns: &mut Self::Columns);

    /// Σx of a question, by Σx².
    fn sum<A: SumInteger>(columns: &Self::Columns, question: usize, square: A) -> A;

    /// Σx_i·x_j for each i and each j, where no |x| exceeds `largest`.
    fn products<I: Isa, A: SumInteger>(
        isa: I,
        columns: &Self::Columns,
        i: [usize; TILE],
        j: [usize; TILE],
        largest: u64,
    ) -> [[A; TILE]; TILE];

    /// Adds Σxt of each of `questions` to `sums`.
    fn add_xt<I: Isa, A: SumInteger>(
        isa: I,
        columns: &Self::Columns,
        questions: &[u32],
        totals: &[i64],
        sums: &mut [A],
    );
}
