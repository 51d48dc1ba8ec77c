//! What the search over complete answers reads: the covariances of the items with each other and with the grand total,
//! rounded, and the quadratic form that a set must not fall below.

use crate::moments::{CORRELATION_MARGIN, ROUNDOFF, RankBy, SumInteger};
use crate::pair_sums::PairSums;

use super::prices::Prices;

/// `f64` numbers in a 512-bit register; rows of a matrix are padded by as many, so that no loop has a tail.
pub const LANES: usize = 8;

/// What of a charge is on pairs of items where the form is about a correlation; the rest is on the items themselves.
/// Measured, see `docs/bound.md`.
const CHARGED_TO_PAIRS: f64 = 2.0 / 3.0;

/// Covariances in any common unit. As X is a sum of items, cov(X, T) and var(X) are sums of these.
#[derive(Clone, Debug)]
pub struct Covariances {
    pub items: usize,
    /// From one row of `between` to the next.
    pub stride: usize,
    /// Of each item with the grand total, padded by [`LANES`] zeros.
    pub with_total: Vec<f64>,
    /// Of each item with each, rows padded by [`LANES`] zeros.
    pub between: Vec<f64>,
    /// Variance of the grand total.
    pub total: f64,
    /// What no covariance of an item with the grand total exceeds, and none of two items.
    largest: (f64, f64),
    /// How far these may be from those of the totals that are reported: `total` of itself, the others of the largest.
    pub error: f64,
    /// By β, the multiplier of cost at which they are charged.
    pub charged_for_cost: f64,
}

impl Covariances {
    /// From the variance of the grand total, and item by item its covariances with the grand total and with each item;
    /// `None` where the memory is not to be had.
    pub fn try_new<R: Iterator<Item = f64>>(
        items: usize,
        total: f64,
        of_item: impl Fn(usize) -> (f64, R),
        error: f64,
    ) -> Option<Self> {
        let stride = items + LANES;
        let mut with_total = Vec::with_capacity(stride);
        let mut between = Vec::new();
        between.try_reserve_exact(items.checked_mul(stride)?).ok()?;
        let mut largest: (f64, f64) = (0.0, 0.0);
        for item in 0..items {
            let (covariance, row) = of_item(item);
            with_total.push(covariance);
            between.extend(row);
            largest = (largest.0.max(covariance.abs()), largest.1.max(between[item * stride + item]));
            between.extend([0.0; LANES]);
        }
        with_total.extend([0.0; LANES]);
        Some(Self { items, stride, with_total, between, total, largest, error, charged_for_cost: 0.0 })
    }

    /// Of complete answers: exact, and then rounded.
    pub fn of_sums<A: SumInteger>(sums: &PairSums<A>) -> Option<Self> {
        Self::of_items(sums, &(0..sums.questions() as u32).collect::<Vec<_>>())
    }

    /// The same of some questions, which all users answered and which become items in that order.
    pub fn of_items<A: SumInteger>(sums: &PairSums<A>, questions: &[u32]) -> Option<Self> {
        let row = |item: usize| {
            let question = questions[item] as usize;
            let comoments = sums.item_comoments(question, questions).map(|comoment| comoment as f64);
            (sums.part_whole_comoment(question) as f64, comoments)
        };
        Self::try_new(questions.len(), sums.total_comoment() as f64, row, 0.0)
    }

    /// Those of some of the items, which are numbered anew; `None` where the memory is not to be had.
    pub fn select(&self, items: &[u32]) -> Option<Self> {
        let of_item = |item: usize| {
            let row = self.row(items[item] as usize);
            let covariances = items.iter().map(|&other| row[other as usize]);
            (self.with_total[items[item] as usize], covariances)
        };
        let selected = Self::try_new(items.len(), self.total, of_item, self.error)?;
        // Those of all are none too small, and what charged covariances do not exceed is not to be seen in them.
        Some(Self { largest: self.largest, charged_for_cost: self.charged_for_cost, ..selected })
    }

    /// Of one item with each.
    pub fn row(&self, item: usize) -> &[f64] {
        &self.between[item * self.stride..][..self.stride]
    }

    /// What the form of a set is made of.
    pub fn of_set(&self, set: &[u32]) -> Moments {
        let mut moments = Moments::default();
        for &i in set {
            let row = self.row(i as usize);
            moments.c += self.with_total[i as usize];
            moments.items += row[i as usize];
            for &j in set {
                moments.v += row[j as usize];
            }
        }
        moments
    }

    /// Takes off the form of sets of `k` items what their prices exceed the most by: just that by `criterion`, and so
    /// many times that by another as its β is of this one's.
    pub fn charge(&mut self, prices: &Prices, k: usize, criterion: &Criterion) {
        // The diagonal stays as it is by α, whose form has more of it than β.
        let on_pairs = if criterion.lambda == 0.0 { CHARGED_TO_PAIRS } else { 1.0 };
        // Each item of a set meets k - 1 others, on either side of the diagonal.
        let by_pair = on_pairs / (2.0 * (k as f64 - 1.0) * criterion.beta);
        let by_item = (1.0 - on_pairs) / criterion.beta;
        self.charged_for_cost = prices.multipliers.cost / criterion.beta;
        let allowed = prices.most / k as f64;
        for (item, price) in prices.of.iter().enumerate() {
            let row = &mut self.between[item * self.stride..][..self.items];
            for (other, (covariance, other_price)) in row.iter_mut().zip(&prices.of).enumerate() {
                *covariance += if other == item {
                    (price - allowed) * by_item
                } else {
                    (price + other_price - 2.0 * allowed) * by_pair
                };
            }
        }
        let dearest = prices.of.iter().fold(0.0, |most, price: &f64| price.abs().max(most));
        self.largest.1 += (dearest + allowed.abs()) * (2.0 * by_pair.abs()).max(by_item.abs());
    }

    /// What ranking by the one reads: α has nothing to do with the grand total, so that is as if unrelated to all items.
    #[must_use]
    pub fn for_ranking(mut self, rank_by: RankBy) -> Self {
        if rank_by == RankBy::Alpha {
            self.with_total.fill(0.0);
            self.largest.0 = 0.0;
        }
        self
    }
}

/// Of the total of some items: its covariance with the grand total, its variance, and the variances of its items, summed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moments {
    pub c: f64,
    pub v: f64,
    pub items: f64,
}

/// A condition that every set S of at least rank key θ > 0 fulfils: with c = cov(X, T), v = var(X) and the item variances v_i,
///
/// c² − βv − λ·Σv_i ≥ α, and c > 0 where it is not about Cronbach's α.
///
/// The left side is the sum of M_ij = c_i·c_j − β·Σ_ij over S × S, with λ·Σ_ii taken off where i is j: a quadratic form in who is
/// in S. How β, λ and α follow from θ is proven in `docs/bound.md`.
#[derive(Clone, Copy, Debug)]
pub struct Criterion {
    pub beta: f64,
    pub lambda: f64,
    pub alpha: f64,
    /// What no M_ij exceeds; positive.
    pub unit: f64,
    /// What a form and rounding, each of a relative error of 1, may differ by.
    amplification: f64,
    /// That of the covariances.
    error: f64,
}

/// Unit roundoff of `f32`.
const ROUNDOFF_F32: f64 = f32::EPSILON as f64 / 2.0;

impl Criterion {
    /// For sets of `k` items; one that every set fulfils where θ is not positive. `variance` is any variance: the
    /// condition for [`RankBy::RRest`] is sharpest for sets that have it.
    pub fn new(covariances: &Covariances, k: usize, rank_by: RankBy, threshold: f64, variance: f64) -> Self {
        let total = covariances.total;
        // The functions of θ below are rounded a dozen times, which is as good as another θ, and far within this.
        let threshold = threshold - CORRELATION_MARGIN;
        let (beta, lambda, alpha, terms) = match rank_by {
            _ if threshold <= 0.0 => (0.0, 0.0, f64::NEG_INFINITY, 0.0),
            // c ≥ θ·√(vt).
            RankBy::R => (threshold * threshold * total, 0.0, 0.0, 0.0),
            // v·(1 − θ·(k − 1)/k) ≥ Σv_i.
            RankBy::Alpha => (threshold * (k as f64 - 1.0) / k as f64 - 1.0, 1.0, 0.0, 0.0),
            // The tangent at `variance` of the least c² by v, see docs/bound.md.
            RankBy::RRest => {
                let angle = threshold.acos();
                let share = (variance.max(0.0) / total).sqrt();
                let lean = (share * angle.sin()).min(1.0).asin().min(angle / 2.0);
                let slope = (1.0 + (2.0 * angle - 3.0 * lean).cos() / lean.cos()) / 2.0;
                let share = lean.sin() / angle.sin();
                let part = share * (angle - lean).cos();
                let alpha = (part * part - share * share * slope) * total * total;
                (slope * total, 0.0, alpha, share * share * total * total)
            }
        };
        // A value of the form, or a bound on one, is a sum of k² products c_i·c_j and k² of β·Σ_ij, each of them rounded
        // thrice from rounded factors, or five times if it is charged, and no term passes through more than 6k
        // additions: k for c and v of the prefix or for a row of it, three for each level of the prefix's form, and
        // 2k among the items to come.
        // `error` takes at most three times itself from each of these terms.
        let k = k as f64;
        let error = covariances.error;
        let (covariance, variance) = covariances.largest;
        let unit = covariance * covariance + (beta.abs() + lambda) * variance;
        let magnitude = k * k * unit + terms;
        let amplification = 2.0 * (6.0 * k + 32.0) * magnitude;
        // Where all forms are 0, any unit will do.
        let unit = if unit > 0.0 { unit } else { 1.0 };
        Self { beta, lambda, alpha, unit, amplification, error }
    }

    /// Of a set, or of a prefix with itself.
    #[inline(always)]
    pub fn form(&self, Moments { c, v, items }: Moments) -> f64 {
        c * c - self.beta * v - self.lambda * items
    }

    /// M_ii of an item with covariance `c` and variance `v`.
    #[inline(always)]
    pub fn own(&self, c: f64, v: f64) -> f64 {
        c * c - (self.beta + self.lambda) * v
    }

    /// What a form of such a set, or a bound on it, cannot fall below when it is computed in `f64`.
    #[inline(always)]
    pub fn least(&self) -> f64 {
        self.alpha - self.amplification * (ROUNDOFF + self.error)
    }

    /// The same in `f32`, in units of `unit`.
    #[inline(always)]
    pub fn least_f32(&self) -> f64 {
        (self.alpha - self.amplification * (ROUNDOFF_F32 + self.error)) / self.unit
    }
}
