//! Complete answers with float scores: comoments in doubled precision, with a proven error; what is reported where that
//! does not tell is made of the scores themselves, as in every other search.

use std::ops::Range;

use crate::bitset::BitMatrix;
use crate::double_double::DoubleDouble;
use crate::isa::{FLOAT_LANES, InstructionSet, Isa, Kernel, TILE};
use crate::matrix::{Cells, Columns, Floats};
use crate::moments::{ComomentErrors, Correlations, Norms, ROUNDOFF, Tolerance, UserNorms};
use crate::parallel;
use crate::whole::Rest;

use super::covariances::Covariances;

/// Users whose columns are in the second-level cache at once, for a hundred questions. A power of two, as bases are made of it. Fewer have
/// their sums, one for each two columns, added up more often.
const USERS_AT_ONCE: usize = 512;

/// Products of two columns that count as a row of input: half a millisecond of them, at 0.13 ns each, is worth several threads.
const PRODUCTS_PER_ROW: usize = 50;

/// Users of whom means are made, about.
const SAMPLE: usize = 1024;

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
    /// What no number in a column reaches, by column of [`Products`]: powers of two, or 0 where all are.
    powers: Vec<f64>,
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
        let step = users.div_ceil(SAMPLE).max(1);
        let sample = users.div_ceil(step) as f64;
        let mut centres = vec![0.0; items];
        let mut centre_of_totals = 0.0;
        for user in (0..users).step_by(step) {
            floats.points.for_each(answered, user, |item, score| centres[item] += score / sample);
            centre_of_totals += floats.totals[user].round() / sample;
        }
        for (centre, &(least, most)) in centres.iter_mut().zip(&floats.ranges) {
            // The difference of floats within a factor of two of each other is exact (P. H. Sterbenz 1974).
            let is_exact = |score: f64| (0.51..1.99).contains(&(score / *centre));
            if !(is_exact(least) && is_exact(most)) {
                *centre = 0.0;
            }
        }
        let centre_of_totals = DoubleDouble::from(centre_of_totals);
        let off_centre = |total: &DoubleDouble| (*total - centre_of_totals).round().abs();
        let total = power_above(floats.totals.iter().map(off_centre).fold(0.0, f64::max));
        let mut powers: Vec<f64> = (centres.iter().zip(&floats.ranges))
            .map(|(centre, (least, most))| power_above((least - centre).abs().max((most - centre).abs())))
            .collect();
        powers.extend([total, total * ROUNDOFF, power_above(1.0)]);
        Self { floats, answered, users: (0..users as u32).collect(), centres, centre_of_totals, powers, k }
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
            let mut columns = Columns::new(width, USERS_AT_ONCE);
            for start in blocks.map(|block| block * USERS_AT_ONCE) {
                let users = start..users.min(start + USERS_AT_ONCE);
                isa.run(AddUsers { answers: self, users, columns: &mut columns, products: &mut products });
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
    /// Let u = 2⁻⁵³. Of two columns whose numbers do not reach P and P', the base of a block of N = [`USERS_AT_ONCE`] users is
    /// 1.5·2^q with 2^q = 2N·P·P' (see [`Isa::sum_float_products`]); its products stay below half of 2^q, and what each lacks is at most
    /// 4u·2^q (a rounding of at most 2u of a sum below twice 2^q, where there is no instruction for it). It is rounded to 9u²·2^q. A lane
    /// sums up B = N / [`FLOAT_LANES`] of them, each addition with an error of at most 4B·u²·2^q, and the lanes are added with one of
    /// 4u²·2^q for each product and lane. A comoment is Σab less Σa·Σb/n; as the column of ones has P = 2, both factors are off by no
    /// more than twice that of Σab, P' times. That makes five times n·(4B + 4·lanes + 9)·2N·u²·P·P'.
    ///
    /// Blocks and threads are then added at 3u² of their sum each, which by Cauchy and Schwarz is no larger in absolute value than
    /// √A·√A, where A is the largest Σa² of an item's column, A_T that of the totals'. A comoment is made of three such sums,
    /// at 32u² for the operations, and totals are rounded to 4u² of them when their centre is taken off. That is γ.
    ///
    /// A set adds up k² comoments of items, each cut in two at no more than 16u·k²·A (see [`Halves`](super::float_sums)): the upper parts
    /// without any rounding, the lower ones, at most k² cuts in all, with 4k roundings. Of items and the total it is less.
    fn accuracy(&self, comoments: &Comoments) -> Accuracy {
        let (k, n) = (self.k as f64, comoments.n);
        let products = &comoments.products;
        let largest = (0..comoments.items).map(|item| products.sum(item, item).round()).fold(0.0, f64::max);
        let largest_total = products.sum(comoments.items, comoments.items).round();
        let (item, total) = (ROOM * largest.sqrt(), ROOM * largest_total.sqrt());

        let in_lane = (USERS_AT_ONCE / FLOAT_LANES) as f64;
        let of_product = (4.0 * in_lane + 4.0 * FLOAT_LANES as f64 + 9.0) * 2.0 * USERS_AT_ONCE as f64;
        let lost = ROOM * 5.0 * n * of_product * DOUBLED;
        let power = self.powers[..comoments.items].iter().copied().fold(0.0, f64::max);
        // Of the total and, so much smaller that there is room for it, what it lacks.
        let power_of_total = self.powers[comoments.items];
        // There are no more threads than blocks.
        let added = 3.0 * 2.0 * (n / USERS_AT_ONCE as f64).ceil();
        let gamma = (3.0 * added + 48.0) * DOUBLED;
        let cut = 64.0 * k.powi(3) * DOUBLED;
        let errors = ComomentErrors {
            xx: (gamma + cut) * (k * item).powi(2) + lost * (k * power).powi(2),
            xt: (gamma + cut) * (k * item * total) + lost * (k * power * power_of_total),
            tt: gamma * total * total + lost * power_of_total * power_of_total,
            questions: (gamma + k * cut) * (k * item * item) + lost * (k * power * power),
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
    pub fn n_users(&self) -> u32 {
        self.users.len() as u32
    }

    /// What is left of the grand total for the rest.
    pub fn rest(&self) -> Rest {
        self.floats.rest
    }

    /// The correlations of a set, by the users.
    pub fn correlations_of(&self, set: &[u32]) -> Correlations {
        self.floats.correlations(self.answered, set, self.users.iter().copied())
    }

    /// Its Cronbach's α.
    pub fn alpha_of(&self, set: &[u32]) -> Option<f64> {
        self.floats.alpha(self.answered, set, &self.users)
    }
}

/// Adds some users' products.
struct AddUsers<'a, 'b> {
    answers: &'a FloatAnswers<'b>,
    users: Range<usize>,
    columns: &'a mut Columns<f64>,
    products: &'a mut Products,
}

impl Kernel for AddUsers<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { answers, users, columns, products } = self;
        let FloatAnswers { floats, answered, centres, centre_of_totals, powers, .. } = answers;
        let (items, width) = (answered.columns(), products.width);
        columns.resize(users.len());
        columns.set_rows(floats.points.rows_of(answered, users.clone()), |item, score| score - centres[item]);
        for (place, total) in floats.totals[users].iter().enumerate() {
            let [total, lacking] = (*total - *centre_of_totals).parts();
            columns.set(items, place, total);
            columns.set(items + 1, place, lacking);
        }
        columns.column_mut(items + 2).fill(1.0);
        for first in (0..width).step_by(TILE) {
            for other in (first..width).step_by(TILE) {
                // What is beyond the last is not taken up.
                let tile = |first: usize| std::array::from_fn(|i| (first + i).min(width - 1));
                let (rows, others): ([usize; TILE], [usize; TILE]) = (tile(first), tile(other));
                let base =
                    |row: usize, other: usize| 1.5 * 2.0 * USERS_AT_ONCE as f64 * powers[row] * powers[other];
                let bases = rows.map(|row| others.map(|other| base(row, other)));
                let found = isa.sum_float_products(
                    rows.map(|row| columns.column(row)),
                    others.map(|other| columns.column(other)),
                    &bases,
                );
                for (row, found) in (first..width).zip(found) {
                    for (other, [sum, lacking]) in (other..width).zip(found) {
                        let whole = &mut products.sums[row * width + other];
                        *whole = *whole + DoubleDouble::sum(sum, lacking);
                    }
                }
            }
        }
    }
}

/// A power of two above a number that is not negative, of at most four times it; 0 of 0.
fn power_above(number: f64) -> f64 {
    if number > 0.0 { (number.log2().floor() + 1.0).exp2() } else { 0.0 }
}

#[cfg(test)]
mod tests;
