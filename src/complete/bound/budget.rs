//! What is left of the budget at one prefix: a price of its own for what items cost.
//!
//! Items that bring much at the price of all sets may cost more together than this prefix leaves, or less. So each
//! candidate's bound u is charged anew, by μ·(w − b/m), where w is its cost, and b is left for m items. By any μ ≥ 0 no sum
//! of m bounds within b becomes less. A μ < 0 takes back what sets gain by leaving some of the budget, so it may be as low as
//! the multiplier of that gain. `docs/bound.md` has the proof.

use crate::search::Remaining;

use super::base::take_best;

/// Prices that are tried between one at which the best choice costs too much and one at which it does not.
const STEPS: usize = 3;

/// The price at one prefix.
#[derive(Clone, Default)]
pub struct Budget {
    /// μ.
    price: f64,
    /// What each candidate costs.
    costs: Vec<f64>,
    /// What is left, and an even share of it.
    left: f64,
    share: f64,
    /// The best candidates at a price, best first: what they are worth at it, and cost.
    chosen: Vec<(f64, f64)>,
}

/// The best choice at a price. The sum of its values is a bound for all choices that obey, and convex in the price, with
/// −`excess` for a slope.
#[derive(Clone, Copy)]
struct Choice {
    price: f64,
    sum: f64,
    /// What it costs beyond what is left.
    excess: f64,
}

impl Choice {
    /// Of these values and costs, where so much is `left`. Costs are whole numbers, and what is left is less than 2^53, up to
    /// which sums are exact. So the sign of the excess is.
    #[inline(always)]
    fn new(price: f64, chosen: &[(f64, f64)], left: f64) -> Self {
        let (sum, cost) =
            chosen.iter().fold((0.0, 0.0), |(sum, costs), (value, cost)| (sum + value, costs + cost));
        Self { price, sum, excess: cost - left }
    }

    /// What the same candidates sum up to at no price.
    fn unpriced(self) -> f64 {
        self.sum + self.excess * self.price
    }
}

impl Budget {
    /// Looks for the price at which the `missing` best of the candidates bring least. `charged` is the multiplier by which
    /// sets gain that leave some of the budget. No price moves a bound by more than `highest`. Tells whether any choice is
    /// within the budget.
    #[inline(always)]
    pub fn choose_price(
        &mut self,
        (items, bounds): (&[u32], &[f64]),
        remaining: Remaining,
        missing: usize,
        charged: f64,
        highest: f64,
    ) -> bool {
        self.price = 0.0;
        if charged == 0.0 && !remaining.limits_cost() {
            return true;
        }
        self.left = remaining.budget() as f64;
        self.share = self.left / missing as f64;
        self.costs.clear();
        self.costs.extend(items.iter().map(|&item| remaining.cost(item) as f64));
        let unpriced = self.choose(bounds, missing, 0.0);
        if unpriced.excess <= 0.0 && charged == 0.0 {
            return true;
        }
        let (mut dear, mut cheap) = if unpriced.excess > 0.0 {
            (unpriced, self.cheapest(bounds, missing))
        } else {
            (self.choose(bounds, missing, -charged), unpriced)
        };
        if cheap.excess > 0.0 {
            return false;
        }
        let mut best = if dear.sum < unpriced.sum { dear } else { unpriced };
        for _ in 0..STEPS {
            if dear.excess <= 0.0 {
                break;
            }
            // Where the lines of both meet, which rounding must not bring below what is charged.
            let price = (dear.unpriced() - cheap.unpriced()) / (dear.excess - cheap.excess);
            let choice = self.choose(bounds, missing, price.max(-charged));
            if choice.sum < best.sum {
                best = choice;
            }
            *if choice.excess > 0.0 { &mut dear } else { &mut cheap } = choice;
        }
        let dearest = self.costs.iter().fold(self.share, |most, &cost| cost.max(most));
        if best.price.abs() * dearest <= highest {
            self.price = best.price;
        }
        true
    }

    /// Charges the bounds of candidates by the price.
    #[inline(always)]
    pub fn charge(&self, items: &[u32], remaining: Remaining, bounds: &mut [f64]) {
        if self.price == 0.0 {
            return;
        }
        for (bound, &item) in bounds.iter_mut().zip(items) {
            *bound -= self.price * (remaining.cost(item) as f64 - self.share);
        }
    }

    /// The best choice at a price.
    #[inline(always)]
    fn choose(&mut self, bounds: &[f64], missing: usize, price: f64) -> Choice {
        let &mut Self { ref costs, ref mut chosen, left, share, .. } = self;
        chosen.clear();
        for (bound, &cost) in bounds.iter().zip(costs) {
            take_best(chosen, missing, (bound - price * (cost - share), cost), |one, other| one.0 > other.0);
        }
        Choice::new(price, chosen, left)
    }

    /// The best choice at a price that is higher than any bound: the cheapest. Its sum is that at no price, which is on the
    /// same line.
    #[inline(always)]
    fn cheapest(&mut self, bounds: &[f64], missing: usize) -> Choice {
        let Self { costs, chosen, .. } = self;
        chosen.clear();
        for (&bound, &cost) in bounds.iter().zip(&*costs) {
            take_best(chosen, missing, (bound, cost), |one, other| one.1 < other.1);
        }
        Choice::new(0.0, chosen, self.left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::complete::tests::sets;
    use crate::search::{Costs, Limits, Path, Rules};

    const ITEMS: usize = 9;

    proptest! {
        /// No choice within the budget has less than before, but for what it gained by leaving some of that; and the best
        /// of all choices have no more.
        #[test]
        fn a_price_keeps_what_is_within_the_budget(
            bounds in prop::collection::vec(-9.0f64..9.0, ITEMS),
            of in prop::collection::vec(0u8..20, ITEMS),
            (missing, most) in (3usize..6, 1u8..60),
            gain in prop_oneof![Just(0.0), 0.0f64..2.0],
            highest in prop_oneof![Just(0.0), Just(1e9)],
        ) {
            let costs = Costs { of: of.into_iter().map(f64::from).collect(), most: most.into() };
            let ids: Vec<u32> = (0..ITEMS as u32).collect();
            let Some(limits) = Limits::new(missing, None, Some(&costs), &ids) else { return Ok(()) };
            let rules = Rules::new(&limits, &(0..ITEMS).map(Some).collect::<Vec<_>>());
            let obeying: Vec<Vec<u32>> =
                sets(ITEMS as u32, missing).into_iter().filter(|set| limits.obeys(set)).collect();
            let Some(path) = Path::of_fixed(Some(&rules), 0) else {
                prop_assert!(obeying.is_empty());
                return Ok(());
            };
            let remaining = path.remaining().unwrap();
            let charged = gain / remaining.budget() as f64;
            let cost = |set: &[u32]| set.iter().map(|&item| remaining.cost(item)).sum::<u64>();
            let exceeds = |set: &Vec<u32>| cost(set) > remaining.budget();
            prop_assert_eq!(remaining.limits_cost(), sets(ITEMS as u32, missing).iter().any(exceeds));
            let mut budget = Budget::default();
            let is_possible =
                budget.choose_price((&ids, &bounds), remaining, missing, charged, highest);
            prop_assert_eq!(is_possible, !obeying.is_empty());
            let mut repriced = bounds.clone();
            budget.charge(&ids, remaining, &mut repriced);
            prop_assert!(highest > 0.0 || repriced == bounds);
            let sum = |of: &[f64], set: &[u32]| set.iter().map(|&item| of[item as usize]).sum::<f64>();
            for set in &obeying {
                let gained = charged * (remaining.budget() - cost(set)) as f64;
                prop_assert!(sum(&repriced, set) >= sum(&bounds, set) - gained - 1e-9, "{set:?} lost");
            }
            let best = |of: &[f64]| {
                sets(ITEMS as u32, missing).iter().map(|set| sum(of, set)).fold(f64::NEG_INFINITY, f64::max)
            };
            prop_assert!(best(&repriced) <= best(&bounds) + 1e-9);
        }
    }
}
