//! Complete answers with float scores: covariances good enough to rule sets out, with a proven error; what is reported is
//! made of the scores themselves, as in every other search.

use std::ops::Range;

use crate::bitset::BitMatrix;
use crate::isa::{InstructionSet, Isa, Kernel};
use crate::matrix::{Cells, Floats};
use crate::moments::{Correlations, ROUNDOFF, RankBy};
use crate::parallel;

use super::Exact;
use super::covariances::{Covariances, LANES};

/// Users whose columns are in the second-level cache at once, for a hundred questions.
const USERS_AT_ONCE: usize = 512;

/// The scores of users who all answered everything.
pub struct FloatAnswers<'a> {
    floats: &'a Floats,
    answered: &'a BitMatrix,
    users: Vec<u32>,
    /// About the mean score of each question: taking it off keeps products small.
    centres: Vec<f64>,
    k: usize,
}

/// Σab over users of each two columns: the items, the grand total, and 1.
struct Products {
    width: usize,
    sums: Vec<f64>,
}

impl<'a> FloatAnswers<'a> {
    /// For sets of `k` questions.
    pub fn new(floats: &'a Floats, answered: &'a BitMatrix, users: usize, k: usize) -> Self {
        let mut centres = vec![0.0; answered.columns()];
        for user in 0..users {
            floats.points.for_each(answered, user, |item, score| centres[item] += score / users as f64);
        }
        Self { floats, answered, users: (0..users as u32).collect(), centres, k }
    }

    /// `None` where the memory is not to be had.
    pub fn covariances(&self, isa: InstructionSet) -> Option<Covariances> {
        let items = self.answered.columns();
        let width = items + 2;
        let stretches = parallel::map_stretches(self.users.len(), |users: Range<usize>| {
            let mut sums = Vec::new();
            sums.try_reserve_exact(width.checked_mul(width)?).ok()?;
            sums.resize(width * width, 0.0);
            let mut products = Products { width, sums };
            for start in users.clone().step_by(USERS_AT_ONCE) {
                let users = start..users.end.min(start + USERS_AT_ONCE);
                isa.run(AddUsers { answers: self, users, products: &mut products });
            }
            Some(products)
        });
        let mut whole: Option<Products> = None;
        for part in stretches {
            let part = part?;
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => whole.sums.iter_mut().zip(&part.sums).for_each(|(sum, more)| *sum += more),
            }
        }
        let products = whole?;
        let n = self.users.len() as f64;
        let comoment = |a: usize, b: usize| {
            n * products.sum(a, b) - products.sum(a, items + 1) * products.sum(b, items + 1)
        };
        let of_item =
            |item: usize| (comoment(item, items), (0..items).map(move |other| comoment(item, other)));
        Covariances::try_new(items, comoment(items, items), of_item, self.error(&products, &comoment))
    }

    /// How far the covariances of a set, made of these, may be from those of the totals that are reported: of its variance
    /// relative to k² times the largest item variance, of its covariance with the grand total relative to k times the
    /// largest such covariance of an item, of the grand total's variance relative to itself.
    fn error(&self, products: &Products, comoment: &impl Fn(usize, usize) -> f64) -> f64 {
        let items = self.answered.columns();
        let (n, k) = (self.users.len() as f64, self.k as f64);
        let most = |of: &dyn Fn(usize) -> f64| (0..items).map(of).fold(0.0, f64::max);
        let variance = most(&|item| comoment(item, item));
        let covariance = most(&|item| comoment(item, items).abs());
        let total = comoment(items, items);

        // A sum of products passes through the additions of its lane, of the lanes, and of the blocks, once within a
        // thread and once across; n·Σab − Σa·Σb is off by four times that of n·√(Σa²·Σb²) (Cauchy and Schwarz).
        let blocks = self.users.len().div_ceil(USERS_AT_ONCE);
        let additions = (USERS_AT_ONCE / LANES + LANES + 2 * blocks) as f64;
        let gamma = (4.0 * additions + 8.0) * ROUNDOFF;
        let raw = n * most(&|item| products.sum(item, item));
        let raw_total = n * products.sum(items, items);
        let sums = [raw / variance, (raw * raw_total).sqrt() / covariance, raw_total / total];

        // Reported totals are rounded user by user, which moves a norm √(n²·variance) by no more than n times as much.
        // T is the sum of X and T − X, each of them rounded.
        let rounding = self.floats.rounding(self.k);
        let (x, t) = (n * rounding.x, n * (2.0 * rounding.x + 3.0 * rounding.t));
        let (norm_x, norm_t) = (k * variance.sqrt(), total.sqrt());
        let totals = [
            (2.0 * norm_x * x + x * x) / (norm_x * norm_x),
            (x * norm_t + t * norm_x + x * t) / (k * covariance),
            (2.0 * norm_t * t + t * t) / total,
        ];
        // Infinite, too, where one of the largest is 0.
        let worst = |errors: [f64; 3]| {
            errors.into_iter().fold(0.0, |worst, error| if error <= worst { worst } else { error })
        };
        gamma * worst(sums) + worst(totals)
    }
}

impl Products {
    /// Of two columns, in either order.
    fn sum(&self, a: usize, b: usize) -> f64 {
        self.sums[a.min(b) * self.width + a.max(b)]
    }
}

impl Exact for FloatAnswers<'_> {
    fn n_users(&self) -> u32 {
        self.users.len() as u32
    }

    fn correlations(
        &self,
        set: &[u32],
        _threshold: f64,
        _rank_by: RankBy,
        with_alpha: bool,
    ) -> Option<Correlations> {
        let Self { floats, answered, users, .. } = self;
        let alpha = if with_alpha { floats.alpha(answered, set, users) } else { None };
        Some(Correlations { alpha, ..floats.correlations(answered, set, users.iter().copied()) })
    }
}

/// Adds some users' products.
struct AddUsers<'a, 'b> {
    answers: &'a FloatAnswers<'b>,
    users: Range<usize>,
    products: &'a mut Products,
}

impl Kernel for AddUsers<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { answers: FloatAnswers { floats, answered, centres, .. }, users, products } = self;
        let items = answered.columns();
        let mut columns = vec![[0.0; USERS_AT_ONCE]; products.width];
        for (i, user) in users.enumerate() {
            floats.points.for_each(answered, user, |item, score| columns[item][i] = score - centres[item]);
            columns[items][i] = floats.centred_totals[user];
            columns[items + 1][i] = 1.0;
        }
        for (row, a) in columns.iter().enumerate() {
            for (column, b) in columns.iter().enumerate().skip(row) {
                let mut lanes = [0.0; LANES];
                let (a, _) = a.as_chunks::<LANES>();
                let (b, _) = b.as_chunks::<LANES>();
                for (a, b) in a.iter().zip(b) {
                    for lane in 0..LANES {
                        lanes[lane] += a[lane] * b[lane];
                    }
                }
                let mut sum = 0.0;
                for lane in lanes {
                    sum += lane;
                }
                products.sums[row * products.width + column] += sum;
            }
        }
    }
}
