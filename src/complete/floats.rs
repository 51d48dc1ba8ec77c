//! Complete answers with float scores: comoments in doubled precision, with a proven error; what is reported where that
//! does not tell is made of the scores themselves, as in every other search.

use std::ops::Range;

use crate::bitset::BitMatrix;
use crate::double_double::DoubleDouble;
use crate::isa::{InstructionSet, Isa, Kernel};
use crate::matrix::{Cells, Floats};
use crate::moments::{ComomentErrors, Correlations, Norms, ROUNDOFF, RankBy, Tolerance, UserNorms};
use crate::parallel;

use super::Exact;
use super::covariances::{Covariances, LANES};

/// Users whose columns are in the second-level cache at once, for a hundred questions.
const USERS_AT_ONCE: usize = 512;

/// Products of two columns that take as long as to read a row of input, at 1.2 ns each.
const PRODUCTS_PER_ROW: usize = 50;

/// u², where u is the unit roundoff of `f64`.
const DOUBLED: f64 = ROUNDOFF * ROUNDOFF;

/// Room for the rounding of what errors are computed from.
const ROOM: f64 = 1.001;

/// The scores of users who all answered everything.
pub struct FloatAnswers<'a> {
    floats: &'a Floats,
    answered: &'a BitMatrix,
    users: Vec<u32>,
    /// What is taken off the scores on a question, exactly: about their mean if they are all near it, else nothing.
    centres: Vec<f64>,
    /// About the mean grand total.
    centre_of_totals: DoubleDouble,
    k: usize,
}

/// Comoments over users: of the items with each other and with the grand total.
pub struct Comoments {
    products: Products,
    items: usize,
    pub total: DoubleDouble,
    n: f64,
}

/// Σab over users of each two columns: the items; the grand total, and what it lacks when it is rounded; and 1.
struct Products {
    width: usize,
    sums: Vec<DoubleDouble>,
}

impl<'a> FloatAnswers<'a> {
    /// For sets of `k` questions.
    pub fn new(floats: &'a Floats, answered: &'a BitMatrix, users: usize, k: usize) -> Self {
        let items = answered.columns();
        let mut centres = vec![0.0; items];
        let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); items];
        for user in 0..users {
            floats.points.for_each(answered, user, |item, score| {
                centres[item] += score / users as f64;
                let (least, most) = &mut ranges[item];
                (*least, *most) = (least.min(score), most.max(score));
            });
        }
        for (centre, &(least, most)) in centres.iter_mut().zip(&ranges) {
            // The difference of floats within a factor of two of each other is exact (P. H. Sterbenz 1974).
            let is_exact = |score: f64| (0.51..1.99).contains(&(score / *centre));
            if !(is_exact(least) && is_exact(most)) {
                *centre = 0.0;
            }
        }
        let mut centre_of_totals = DoubleDouble::default();
        floats.totals.iter().for_each(|total| centre_of_totals += total.round() / users as f64);
        Self { floats, answered, users: (0..users as u32).collect(), centres, centre_of_totals, k }
    }

    /// `None` where the memory is not to be had.
    pub fn comoments(&self, isa: InstructionSet) -> Option<Comoments> {
        let items = self.answered.columns();
        let width = items + 3;
        // Stretches of whole blocks: the error is proven for no more of them than there are.
        let users = self.users.len();
        let work = USERS_AT_ONCE.saturating_mul(width.checked_mul(width)? / 2) / PRODUCTS_PER_ROW;
        let stretches = parallel::map_heavy_stretches(users.div_ceil(USERS_AT_ONCE), work, |blocks| {
            let mut sums = Vec::new();
            sums.try_reserve_exact(width * width).ok()?;
            sums.resize(width * width, DoubleDouble::default());
            let mut products = Products { width, sums };
            for start in blocks.map(|block| block * USERS_AT_ONCE) {
                let users = start..users.min(start + USERS_AT_ONCE);
                isa.run(AddUsers { answers: self, users, products: &mut products });
            }
            Some(products)
        });
        let mut whole: Option<Products> = None;
        for part in stretches {
            let part = part?;
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => {
                    whole.sums.iter_mut().zip(&part.sums).for_each(|(sum, &more)| *sum = *sum + more);
                }
            }
        }
        let mut comoments =
            Comoments { products: whole?, items, total: DoubleDouble::default(), n: self.users.len() as f64 };
        let [total, lacking] = [items, items + 1];
        let crossed = comoments.of_columns(total, lacking);
        comoments.total =
            comoments.of_columns(total, total) + (crossed + crossed) + comoments.of_columns(lacking, lacking);
        Some(comoments)
    }

    /// Comoments for a search that rules sets out by them; `None` where the memory is not to be had.
    pub fn covariances(&self, comoments: &Comoments) -> Option<Covariances> {
        let &Comoments { items, total, .. } = comoments;
        let of_item = |item: usize| {
            let row = (0..items).map(move |other| comoments.between(item, other).round());
            (comoments.with_total(item).round(), row)
        };
        let Accuracy { errors, users: UserNorms { x, t, .. } } = self.accuracy(comoments);
        let n = self.users.len();
        let most = |of: &dyn Fn(usize) -> f64| (0..items).map(of).fold(0.0, f64::max);
        let k = self.k as f64;
        let relative = [
            (errors.xx + x.comoment_error(x, n))
                / (k * k * most(&|item| comoments.between(item, item).round())),
            (errors.xt + x.comoment_error(t, n))
                / (k * most(&|item| comoments.with_total(item).round().abs())),
            (errors.tt + t.comoment_error(t, n)) / total.round(),
        ];
        // Infinite, too, where one of the largest is 0.
        let worst = relative.into_iter().fold(0.0, |worst, error| if error <= worst { worst } else { error });
        Covariances::try_new(items, total.round(), of_item, worst)
    }

    /// What settles comoments of sets that are added up as [`FloatSums`](super::FloatSums) does; `None` where the grand totals hardly
    /// differ, and nothing is settled.
    pub fn tolerance(&self, comoments: &Comoments) -> Option<Tolerance> {
        let Accuracy { errors, users } = self.accuracy(comoments);
        let noise = (self.floats.noise.score * self.k as f64, self.floats.noise.total);
        let tolerance = Tolerance::new((self.k, self.users.len()), comoments.total, errors, users, noise);
        tolerance.has_total().then_some(tolerance)
    }

    /// How far the comoments of sets may be off, and those that are made of the users.
    ///
    /// Let u = 2⁻⁵³, and A be the largest Σa² of an item's column, A_T that of the totals'. By Cauchy and Schwarz no partial sum of
    /// products of columns is larger in absolute value than √A·√A. A lane of a block has B = [`USERS_AT_ONCE`] / [`LANES`] products, whose
    /// rounded sum is at most u off at each, and what was lost is summed up to B²·u² + 4B·u²; their own rounding is 2u²; lanes of all blocks and
    /// threads are then added at 3u² each. A comoment is made of three such sums, at 32u² for the operations, and totals are rounded to
    /// 4u² of them when their centre is taken off. That is γ.
    ///
    /// A set adds up k² comoments of items, each cut in two at no more than 16u·k²·A (see [`Halves`](super::float_sums)): the upper parts
    /// without any rounding, the lower ones, at most k² cuts in all, with 4k roundings. Of items and the total it is less.
    fn accuracy(&self, comoments: &Comoments) -> Accuracy {
        let (k, n) = (self.k as f64, comoments.n);
        let products = &comoments.products;
        let largest = (0..comoments.items).map(|item| products.sum(item, item).round()).fold(0.0, f64::max);
        let largest_total = products.sum(comoments.items, comoments.items).round();
        let (item, total) = (ROOM * largest.sqrt(), ROOM * largest_total.sqrt());

        let at_once = (USERS_AT_ONCE / LANES) as f64;
        let in_lane = at_once * at_once + 4.0 * at_once + 2.0;
        // There are no more threads than blocks.
        let added = 3.0 * (LANES + 1) as f64 * (n / USERS_AT_ONCE as f64).ceil();
        let gamma = (3.0 * (in_lane + added) + 48.0) * DOUBLED;
        let cut = 64.0 * k.powi(3) * DOUBLED;
        let errors = ComomentErrors {
            xx: (gamma + cut) * (k * item).powi(2),
            xt: (gamma + cut) * (k * item * total),
            tt: gamma * total * total,
            questions: (gamma + k * cut) * (k * item * item),
        };

        // Means are rounded, and the scores before them: three roundings of the largest, but of a question's mean as many as there are users.
        let (score, whole) = (self.floats.largest_point, self.floats.largest_total);
        let norm = |deviations: f64, mean: f64, error: f64| Norms {
            deviations: ROOM * (deviations + n.sqrt() * mean),
            error: n.sqrt() * error * DOUBLED,
        };
        // Each of k additions to X rounds to 2u² of at most k scores, a difference to 3u².
        let summing = 2.0 * k * k * score;
        let users = UserNorms {
            x: norm(k * item, 3.0 * ROUNDOFF * k * score, summing),
            t: norm(total, 3.0 * ROUNDOFF * whole, 0.0),
            rest: norm(
                k * item + total,
                3.0 * ROUNDOFF * (k * score + whole),
                summing + 4.0 * (whole + k * score),
            ),
            question: norm(item, (n + 2.0) * ROUNDOFF * score, 0.0),
        };
        Accuracy { errors, users }
    }
}

/// How far comoments may be off, and what those that are made of the users are made of.
struct Accuracy {
    errors: ComomentErrors,
    users: UserNorms,
}

impl Comoments {
    fn of_columns(&self, a: usize, b: usize) -> DoubleDouble {
        let Self { ref products, items, n, .. } = *self;
        let ones = items + 2;
        products.sum(a, b) - products.sum(a, ones) * products.sum(b, ones) / DoubleDouble::from(n)
    }

    pub fn items(&self) -> usize {
        self.items
    }

    /// Of two items.
    pub fn between(&self, a: usize, b: usize) -> DoubleDouble {
        self.of_columns(a, b)
    }

    /// Of an item and the grand total.
    pub fn with_total(&self, item: usize) -> DoubleDouble {
        self.of_columns(item, self.items) + self.of_columns(item, self.items + 1)
    }
}

impl Products {
    /// Of two columns, in either order.
    fn sum(&self, a: usize, b: usize) -> DoubleDouble {
        self.sums[a.min(b) * self.width + a.max(b)]
    }
}

impl FloatAnswers<'_> {
    /// The correlations of a set, by the users.
    pub fn correlations_of(&self, set: &[u32]) -> Correlations {
        self.floats.correlations(self.answered, set, self.users.iter().copied())
    }

    /// Its Cronbach's α.
    pub fn alpha_of(&self, set: &[u32]) -> Option<f64> {
        self.floats.alpha(self.answered, set, &self.users)
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
        let alpha = if with_alpha { self.alpha_of(set) } else { None };
        Some(Correlations { alpha, ..self.correlations_of(set) })
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
    fn run<I: Isa>(self, isa: I) {
        let Self { answers, users, products } = self;
        let FloatAnswers { floats, answered, centres, centre_of_totals, .. } = answers;
        let items = answered.columns();
        let mut columns = vec![[0.0; USERS_AT_ONCE]; products.width];
        for (i, user) in users.enumerate() {
            floats.points.for_each(answered, user, |item, score| columns[item][i] = score - centres[item]);
            [columns[items][i], columns[items + 1][i]] = (floats.totals[user] - *centre_of_totals).parts();
            columns[items + 2][i] = 1.0;
        }
        for (row, a) in columns.iter().enumerate() {
            for (column, b) in columns.iter().enumerate().skip(row) {
                let (mut sums, mut lost) = ([0.0; LANES], [0.0; LANES]);
                let (a, _) = a.as_chunks::<LANES>();
                let (b, _) = b.as_chunks::<LANES>();
                for (a, b) in a.iter().zip(b) {
                    for lane in 0..LANES {
                        let product = a[lane] * b[lane];
                        let product_low = isa.mul_add(a[lane], b[lane], -product);
                        let [sum, sum_low] = DoubleDouble::sum(sums[lane], product).parts();
                        sums[lane] = sum;
                        lost[lane] += sum_low + product_low;
                    }
                }
                // Half of the lanes to the other half, again and again: one after another they would wait for each other.
                let mut lanes: [DoubleDouble; LANES] =
                    std::array::from_fn(|lane| DoubleDouble::sum(sums[lane], lost[lane]));
                let mut left = LANES;
                while left > 1 {
                    left /= 2;
                    for lane in 0..left {
                        lanes[lane] = lanes[lane] + lanes[left + lane];
                    }
                }
                let whole = &mut products.sums[row * products.width + column];
                *whole = *whole + lanes[0];
            }
        }
    }
}

#[cfg(test)]
mod tests;
