//! The tree down to its pairs: no set that is wanted is ruled out on its way.

use proptest::prelude::*;

use super::*;
use crate::complete::prices::{Multipliers, Prices};
use crate::complete::tests::{Columns, Limited, RANKS, covariances_for, exact, limited, sets};
use crate::moments::{Correlations, RankBy};
use crate::ranking::{Best, SharedThreshold};
use crate::search::{Control, Rules, Space};

const ITEMS: u32 = 9;

/// Nothing is offered to it.
struct Nothing;

impl Exact for Nothing {
    fn n_users(&self) -> u32 {
        0
    }

    fn correlations(&self, _: &[u32], _: f64, _: RankBy, _: bool) -> Option<Correlations> {
        None
    }
}

impl<E: Exact, C: Collector, F: Fn() -> C + Sync> Walk<'_, E, F> {
    /// Follows each of the `wanted` sets to its last two items.
    fn follow(
        &self,
        candidates: Candidates,
        prefix: Moments,
        path: &mut Path,
        threshold: f64,
        wanted: &[Vec<u32>],
    ) {
        if path.len() + 2 >= self.complete.space.k || wanted.is_empty() {
            return;
        }
        let mut level = Level::default();
        let branches = self.bound(candidates, prefix, path, &Part::ALL, threshold, &mut level).unwrap();
        let order = level.square.items.clone();
        let first = |set: &Vec<u32>| {
            let rest = set.iter().filter(|item| !path.questions().contains(item));
            let positions = rest.map(|item| order.iter().position(|other| other == item));
            let positions: Option<Vec<usize>> = positions.collect();
            assert!(positions.is_some(), "{set:?} lost an item after {:?}: {order:?}", path.questions());
            positions.unwrap().into_iter().min().unwrap()
        };
        let firsts: Vec<usize> = wanted.iter().map(first).collect();
        for (position, &item) in order.iter().enumerate() {
            let begun: Vec<Vec<u32>> = (wanted.iter().zip(&firsts))
                .filter(|(_, first)| **first == position)
                .map(|(set, _)| set.clone())
                .collect();
            if begun.is_empty() {
                continue;
            }
            assert!(position < branches && level.is_open(position), "{begun:?} after {:?}", path.questions());
            let mut extended = Vec::new();
            level.extend(position, &mut extended);
            path.push(item);
            let candidates = level.after(position, &extended);
            self.follow(candidates, level.prefix(prefix, position), path, threshold, &begun);
            path.pop();
        }
    }
}

/// By each ranking, with and without prices, which are those of what was `known` before, `scale` times.
fn check(
    columns: &Columns,
    Limited { limits, k, .. }: &Limited,
    (threshold, known): (usize, usize),
    scale: f64,
    is_free: bool,
) {
    let (k, ids) = (*k, (0..ITEMS as usize).map(Some).collect::<Vec<_>>());
    let rules = Rules::new(limits, &ids);
    let (rules, obeying) = if is_free {
        (None, sets(ITEMS, k))
    } else {
        (Some(&rules), sets(ITEMS, k).into_iter().filter(|set| limits.obeys(set)).collect())
    };
    let Some(path) = Path::of_fixed(rules, 0) else { return };
    for rank_by in RANKS {
        let key = |set: &Vec<u32>| Some((exact(columns, set).rank_key(rank_by)?, set.clone()));
        let mut keys: Vec<(f64, Vec<u32>)> =
            obeying.iter().filter_map(key).filter(|(key, _)| *key > 0.0).collect();
        keys.sort_by(|a, b| b.0.total_cmp(&a.0));
        let Some((_, best)) = keys.first() else { continue };
        let threshold = keys[threshold % keys.len()].0;
        let known = threshold.min(keys[known % keys.len()].0);
        let wanted: Vec<Vec<u32>> =
            keys.iter().filter(|(key, _)| *key >= threshold).map(|(_, set)| set.clone()).collect();
        let free = covariances_for(rank_by, columns);
        let mut all = vec![free.clone()];
        if let Some((prices, criterion)) = rules
            .and_then(|rules| Prices::new(&free, (rank_by, known), rules, &path, std::slice::from_ref(best)))
            && let Some(rules) = rules
        {
            let Multipliers { cost, of_domain } = prices.multipliers;
            let of_domain = of_domain.into_iter().map(|multiplier| scale * multiplier).collect();
            let prices = Prices::at(Multipliers { cost: scale * cost, of_domain }, rules, k);
            for set in &obeying {
                assert!(prices.excess(set.iter().copied()) <= 0.0, "{set:?} pays");
            }
            let mut charged = free.clone();
            charged.charge(&prices, k, &criterion);
            let variance = free.of_set(best).v;
            let by_charged = Criterion::new(&charged, k, rank_by, known, variance);
            let margin = by_charged.alpha - by_charged.least();
            for set in sets(ITEMS, k) {
                let expected = criterion.form(free.of_set(&set)) - prices.excess(set.iter().copied());
                let form = by_charged.form(charged.of_set(&set));
                assert!((form - expected).abs() <= margin, "{set:?}: {form} instead of {expected}");
            }
            all.push(charged);
        }
        for covariances in &all {
            let complete = Complete {
                covariances,
                exact: &Nothing,
                rules: None,
                space: Space { questions: ITEMS as usize, k, fixed: 0 },
                rank_by,
                with_alpha: false,
                variance: free.of_set(best).v,
                is_parallel: false,
                control: &Control::default(),
            };
            let shared = SharedThreshold::default();
            let empty = || Best::new(1, rank_by, &shared);
            let items: Vec<u32> = (0..ITEMS).collect();
            let candidates = Candidates {
                items: &items,
                with_total: &covariances.with_total,
                with_prefix: &vec![0.0; covariances.stride],
                between: &covariances.between,
                stride: covariances.stride,
            };
            let isa = InstructionSet::from_environment().unwrap();
            let walk = Walk { complete: &complete, empty: &empty, isa };
            walk.follow(candidates, Moments::default(), &mut path.clone(), threshold, &wanted);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_set_that_is_wanted_is_ruled_out(
        columns in prop::collection::vec(prop::collection::vec(0i64..4, 14), ITEMS as usize),
        limited in limited(ITEMS as usize),
        thresholds in (0usize..20, 0usize..40),
        scale in 0.0f64..3.0,
        is_free in prop::bool::weighted(0.1),
    ) {
        check(&columns, &limited, thresholds, scale, is_free);
    }
}
