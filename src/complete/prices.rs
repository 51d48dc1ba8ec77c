//! Prices of items, by which the bound knows what a set may not have together.
//!
//! A multiplier for each domain and one for the cost make a price of each item, such that sets that obey the rules have no
//! more than so much of it. What a set has beyond that is taken off its form (Lagrangian relaxation, A. M. Geoffrion 1974):
//! one that obeys loses nothing, one that breaks a rule does.
//!
//! Any multipliers do, if those of what is limited from above are not negative, and those of what is limited from below not
//! positive. Those of domains are the best ones for a linear form: what each item is worth beside good sets. A greedy choice finds
//! them, and bisection that of the cost, which is then scaled until the bound of all sets is low.

use crate::isa::InstructionSet;
use crate::moments::RankBy;
use crate::search::{Path, Rules};

use super::bound;
use super::covariances::{Covariances, Criterion};

/// Steps of the bisection for the price of cost: as sharp as the linear form deserves by far.
const STEPS: usize = 24;

/// Good sets beside which the worth of items is taken; one alone would make much of what it happens to have.
const GOOD: usize = 10;

/// Questions of a domain that a set may have at most, from which on another has a price. Below it the bound itself counts
/// them, and is sharper without (`docs/bound.md`).
const LEAST_CAP: usize = 3;

/// The multiplier of cost is sought up to so many times the best one for a linear form. In the cases of `docs/bound.md` it is
/// from 0.6 to 1.4 times.
const LARGEST_SCALE: f64 = 1.6;

/// Steps of the search for it. Each takes one bound of all sets, which is next to nothing.
const SCALE_STEPS: usize = 4;

/// A threshold below which nothing is charged. Above it β, at least θ²·t, has a sign beyond rounding.
const LEAST_THRESHOLD: f64 = 1e-6;

/// Prices of items, in units of the form.
#[derive(Debug)]
pub struct Prices {
    pub of: Vec<f64>,
    /// What the prices of a set that obeys add up to at most.
    pub most: f64,
    pub multipliers: Multipliers,
}

/// What a rule is worth.
#[derive(Clone, Debug)]
pub struct Multipliers {
    /// Of a unit of cost.
    pub cost: f64,
    /// Of each domain.
    pub of_domain: Vec<f64>,
}

/// An item that can be chosen.
#[derive(Clone, Copy)]
struct Item {
    domain: Option<u32>,
    worth: f64,
    /// Beyond the cheapest.
    cost: f64,
}

/// The best sum of items: so many of some, within the limits of domains.
struct Linear {
    items: Vec<Item>,
    missing: usize,
    /// Of each domain among what is fixed.
    taken: Vec<usize>,
    least: usize,
    most: usize,
}

/// What [`Linear`] chooses.
struct Choice {
    /// Of each domain, what the sum would gain by one more that may be taken, or lose by one more that must be.
    multipliers: Vec<f64>,
    cost: f64,
}

/// The worst value on one side of a border, and the best on the other.
#[derive(Clone, Copy)]
struct Border {
    taken: f64,
    left: f64,
}

impl Prices {
    /// For sets of at least `threshold`, of which `good` are some, the best first; `None` where no rule is in their way.
    pub fn new(
        covariances: &Covariances,
        (rank_by, threshold): (RankBy, f64),
        rules: &Rules,
        fixed: &Path,
        good: &[Vec<u32>],
    ) -> Option<(Self, Criterion)> {
        let best = good.first()?;
        let good = &good[..good.len().min(GOOD)];
        if threshold < LEAST_THRESHOLD {
            return None;
        }
        let k = best.len();
        let variance = covariances.of_set(best).v;
        let criterion = Criterion::new(covariances, k, rank_by, threshold, variance);
        let open: Vec<usize> =
            (fixed.len()..covariances.items).filter(|&item| fixed.is_open(item as u32)).collect();
        let cheapest = open.iter().map(|&item| rules.cost(item)).min()?;
        // Whole numbers below 2^53, like all that is made of costs and not of prices.
        let cost = |item: usize| rules.cost(item) as f64 - cheapest as f64;
        let budget = rules.budget() as f64 - k as f64 * cheapest as f64;

        let (least, most) = rules.per_domain();
        let mut taken = vec![0; rules.domains()];
        for domain in fixed.questions().iter().filter_map(|&item| rules.domain(item as usize)) {
            taken[domain as usize] += 1;
        }
        let item = |&item: &usize| Item {
            domain: rules.domain(item),
            worth: good.iter().map(|set| worth(covariances, &criterion, set, item)).sum::<f64>()
                / good.len() as f64,
            cost: cost(item),
        };
        let items = open.iter().map(item).collect();
        let mut linear = Linear { items, missing: k - fixed.len(), taken, least, most };
        let spent = fixed.questions().iter().map(|&item| cost(item as usize)).sum::<f64>();
        let (mut multipliers, price) = linear.solve(budget - spent);
        if most < LEAST_CAP {
            multipliers.iter_mut().for_each(|multiplier| *multiplier = multiplier.min(0.0));
        }
        if price == 0.0 && multipliers.iter().all(|&multiplier| multiplier == 0.0) {
            return None;
        }
        let multipliers = Multipliers { cost: price, of_domain: multipliers };
        Some((Self::at(multipliers, rules, k), criterion))
    }

    /// By any multipliers of the right sign, for sets of `k` items.
    pub fn at(multipliers: Multipliers, rules: &Rules, k: usize) -> Self {
        let Multipliers { cost: price, ref of_domain } = multipliers;
        let items = rules.places();
        let cheapest = (0..items).map(|item| rules.cost(item)).min().unwrap_or_default();
        let cost = |item: usize| rules.cost(item) as f64 - cheapest as f64;
        let budget = rules.budget() as f64 - k as f64 * cheapest as f64;
        let (least, most) = rules.per_domain();

        let multiplier = |domain: u32| of_domain[domain as usize];
        let of = |item| rules.domain(item).map_or(0.0, multiplier) + price * cost(item);
        let of: Vec<f64> = (0..items).map(of).collect();
        let limit = |&multiplier: &f64| multiplier * if multiplier > 0.0 { most } else { least } as f64;
        let limits = || of_domain.iter().map(limit).chain([price * budget]);
        // Rounded up, by more than the prices of a set and the limits can lose in all operations.
        let dearest = of.iter().fold(0.0, |most, price: &f64| price.abs().max(most));
        let magnitude = limits().map(f64::abs).sum::<f64>() + 2.0 * k as f64 * dearest;
        let operations = (of_domain.len() + k + 8) as f64;
        let most = limits().sum::<f64>() + operations * f64::EPSILON * magnitude;
        Self { of, most, multipliers }
    }

    /// What a set's prices exceed the most by.
    pub fn excess(&self, set: impl Iterator<Item = u32>) -> f64 {
        set.map(|item| self.of[item as usize]).sum::<f64>() - self.most
    }
}

/// Covariances that charge sets for what they break, as far as `good` ones tell, the best first, of those of at least `threshold`;
/// `None` where no rule is in their way, or where the memory is not to be had.
///
/// The multiplier of cost is not that of the linear form but one at which the bound of all sets is low.
pub fn charged(
    isa: InstructionSet,
    covariances: &Covariances,
    (rank_by, threshold): (RankBy, f64),
    rules: &Rules,
    fixed: &Path,
    good: &[Vec<u32>],
) -> Option<Covariances> {
    let (prices, criterion) = Prices::new(covariances, (rank_by, threshold), rules, fixed, good)?;
    let best = good.first()?;
    let k = best.len();
    let missing = k - fixed.len();
    let variance = covariances.of_set(best).v;
    let all: Vec<u32> = (0..covariances.items as u32).collect();
    let charged = |scale: f64| {
        let cost = scale * prices.multipliers.cost;
        let prices = Prices::at(Multipliers { cost, ..prices.multipliers.clone() }, rules, k);
        let mut charged = covariances.select(&all)?;
        charged.charge(&prices, k, &criterion);
        Some(charged)
    };
    let gap = |scale: f64| {
        let charged = charged(scale)?;
        let criterion = Criterion::new(&charged, k, rank_by, threshold, variance);
        bound::gap(isa, &charged, criterion, fixed, missing).ok()
    };
    // With two items to be chosen there is no bound.
    let scale = if prices.multipliers.cost > 0.0 && missing > 2 { best_scale(gap) } else { None };
    charged(scale.unwrap_or(1.0))
}

/// Where a function of the scale is least, by golden section; `None` if it is not to be told.
fn best_scale(gap: impl Fn(f64) -> Option<f64>) -> Option<f64> {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut lower, mut upper) = (0.0, LARGEST_SCALE);
    let place = |lower: f64, upper: f64, share: f64| lower + share * (upper - lower);
    let at = |scale: f64| Some((scale, gap(scale)?));
    let (mut left, mut right) = (at(place(lower, upper, 1.0 - ratio))?, at(place(lower, upper, ratio))?);
    for _ in 0..SCALE_STEPS {
        if left.1 < right.1 {
            (upper, right) = (right.0, left);
            left = at(place(lower, upper, 1.0 - ratio))?;
        } else {
            (lower, left) = (left.0, right);
            right = at(place(lower, upper, ratio))?;
        }
    }
    Some(if left.1 < right.1 { left.0 } else { right.0 })
}

/// What an item adds to the form of a set like `good`: itself, and its average partner as often as it meets one.
fn worth(covariances: &Covariances, criterion: &Criterion, good: &[u32], item: usize) -> f64 {
    let row = covariances.row(item);
    let c = covariances.with_total[item];
    let form = |&other: &usize| c * covariances.with_total[other] - criterion.beta * row[other];
    let others = || good.iter().map(|&other| other as usize).filter(|&other| other != item);
    let mean = others().map(|other| form(&other)).sum::<f64>() / others().count() as f64;
    criterion.own(c, row[item]) + 2.0 * (good.len() - 1) as f64 * mean
}

impl Linear {
    /// The multipliers of domains, and the price of cost at which the best choice just costs no more than `budget`.
    fn solve(&mut self, budget: f64) -> (Vec<f64>, f64) {
        let free = self.choose(0.0);
        if free.cost <= budget {
            return (free.multipliers, 0.0);
        }
        let worths = self.items.iter().map(|item| item.worth.abs()).fold(0.0, f64::max);
        let dearest = self.items.iter().map(|item| item.cost).fold(0.0, f64::max);
        // At the upper end, the dearest is not worth its price.
        let (mut lower, mut upper) = (0.0, 4.0 * worths / dearest);
        for _ in 0..STEPS {
            let price = (lower + upper) / 2.0;
            *if self.choose(price).cost > budget { &mut lower } else { &mut upper } = price;
        }
        let price = (lower + upper) / 2.0;
        (self.choose(price).multipliers, price)
    }

    fn choose(&mut self, price: f64) -> Choice {
        let &mut Self { ref mut items, missing, ref taken, least, most } = self;
        let value = |item: &Item| item.worth - price * item.cost;
        items.sort_by(|a, b| value(b).total_cmp(&value(a)));
        let mut counts = taken.clone();
        let lacking: usize = counts.iter().map(|&count| least.saturating_sub(count)).sum();
        let mut free = missing.saturating_sub(lacking);
        let mut borders = vec![Border::NONE; counts.len()];
        // Of what any domain may have, and none must.
        let mut border = Border::NONE;
        let mut cost = 0.0;
        for item in items.iter() {
            let count = item.domain.map(|domain| counts[domain as usize]);
            let is_needed = count.is_some_and(|count| count < least);
            let is_allowed = !is_needed && count.is_none_or(|count| count < most);
            let is_taken = is_needed || (is_allowed && free > 0);
            if is_taken {
                cost += item.cost;
            }
            if is_allowed {
                free -= usize::from(is_taken);
                border.add(value(item), is_taken);
            }
            if let Some(domain) = item.domain {
                counts[domain as usize] += usize::from(is_taken);
                borders[domain as usize].add(value(item), is_taken);
            }
        }
        let level = border.middle();
        let multiplier = |(&count, of_domain): (&usize, &Border)| {
            let gain = of_domain.middle() - level;
            let (lower, upper) =
                (if count <= least { gain } else { 0.0 }, if count == most { gain } else { 0.0 });
            // NaN is none.
            lower.min(0.0) + upper.max(0.0)
        };
        Choice { multipliers: counts.iter().zip(&borders).map(multiplier).collect(), cost }
    }
}

impl Border {
    const NONE: Self = Self { taken: f64::NAN, left: f64::NAN };

    /// Values come in descending order.
    fn add(&mut self, value: f64, is_taken: bool) {
        if is_taken {
            self.taken = value;
        } else if self.left.is_nan() {
            self.left = value;
        }
    }

    /// NaN where there is nothing on one of its sides.
    fn middle(self) -> f64 {
        (self.taken + self.left) / 2.0
    }
}
