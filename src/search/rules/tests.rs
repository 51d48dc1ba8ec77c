//! What rules close, and what they say of sets, against their definition.

use proptest::prelude::*;

use super::*;

impl Limits {
    /// The definition.
    pub fn obeys(&self, set: &[u32]) -> bool {
        let of = |domain: usize| {
            let is_of = |place: &&u32| self.domain_of[**place as usize] == Some(domain as u32);
            set.iter().filter(is_of).count()
        };
        (0..self.domains).all(|domain| (self.least..=self.most).contains(&of(domain)))
            && set.iter().map(|&place| self.cost_of[place as usize]).sum::<u64>() <= self.budget
    }
}

fn sets(places: usize, k: usize) -> impl Iterator<Item = Vec<usize>> {
    let masks = (0u32..1 << places).filter(move |mask| mask.count_ones() as usize == k);
    masks.map(move |mask| (0..places).filter(|place| mask >> place & 1 == 1).collect())
}

/// All sets below a path, by what is not closed; and nothing is closed that one of `obeying` has.
fn walk(rules: &Rules, standing: &mut Standing, obeying: &[Vec<usize>], found: &mut Vec<Vec<usize>>) {
    let path = standing.path.clone();
    if path.len() == rules.k {
        found.push(path);
        return;
    }
    for set in obeying.iter().filter(|set| path.iter().all(|place| set.contains(place))) {
        let rest = set.iter().filter(|place| !path.contains(place));
        rest.for_each(|&place| {
            assert!(!standing.is_closed(rules, place), "{place} of {set:?} after {path:?}")
        });
    }
    let before = format!("{standing:?}");
    for place in path.last().map_or(0, |last| last + 1)..rules.places {
        if !standing.is_closed(rules, place) {
            assert_eq!(standing.lanes(rules, place / 16 * 16) >> (place % 16) & 1, 0);
            standing.push(rules, place);
            walk(rules, standing, obeying, found);
            standing.pop(rules);
            assert_eq!(format!("{standing:?}"), before, "pop undoes push");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_open_leads_to_the_sets_that_obey(
        of in prop::collection::vec(prop::option::of(0u32..4), 9),
        costs in prop::collection::vec(prop_oneof![Just(0.0), 0.0f64..1.0, Just(0.1), Just(0.3)], 9),
        (least, most) in (0usize..3, 1usize..4),
        (has_domains, has_costs) in (any::<bool>(), any::<bool>()),
        budget in prop_oneof![Just(0.0), 0.0f64..4.0, Just(0.4)],
        k in 1usize..6,
    ) {
        let domains = Domains { of, least, most: most.max(least) };
        let costs = Costs { of: costs, most: budget };
        let ids: Vec<u32> = (0..9).collect();
        let (domains, costs) = (has_domains.then_some(&domains), has_costs.then_some(&costs));
        let Some(limits) = Limits::new(k, domains, costs, &ids) else {
            // Every set obeys, by the numbers that were given.
            for set in sets(9, k) {
                let cost = |costs: &Costs| set.iter().map(|&place| costs.of[place]).sum::<f64>() <= costs.most * (1.0 + 1e-12);
                prop_assert!(costs.is_none_or(cost));
            }
            return Ok(());
        };
        let as_columns = |set: &[usize]| set.iter().map(|&place| place as u32).collect::<Vec<u32>>();
        let obeying: Vec<Vec<usize>> = sets(9, k).filter(|set| limits.obeys(&as_columns(set))).collect();
        for fixed in 0..k {
            let count = obeying.iter().filter(|set| (0..fixed).all(|place| set.contains(&place))).count() as u128;
            let most = limits.most_sets(fixed).unwrap();
            prop_assert!(if costs.is_none() { most == count } else { most >= count }, "{fixed} fixed: {most}, {count}");
        }
        let mut found = Vec::new();
        let rules = Rules::new(&limits, &(0..9).map(Some).collect::<Vec<_>>());
        for set in sets(9, k) {
            let obeys = obeying.contains(&set);
            prop_assert_eq!(rules.obeys(as_columns(&set).into_iter()), obeys, "{:?}", set);
            let mut tally = rules.tally(as_columns(&set).into_iter());
            for one in as_columns(&set) {
                tally.remove(one);
                for other in (0..9).filter(|&other| other == one || !set.contains(&(other as usize))) {
                    let mut swapped: Vec<usize> = set.iter().copied().filter(|&place| place != one as usize).collect();
                    swapped.push(other as usize);
                    swapped.sort();
                    prop_assert_eq!(tally.obeys_with(other), obeying.contains(&swapped), "{:?}, not {}", swapped, one);
                }
                tally.add(one);
            }
            prop_assert_eq!(tally.obeys(), obeys, "{:?}", set);
        }
        if let Some(mut standing) = rules.start() {
            walk(&rules, &mut standing, &obeying, &mut found);
        }
        found.sort();
        let mut expected = obeying;
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn decimal_fractions_add_up_to_what_they_stand_for() {
    let fits = |of: &[f64], most: f64| {
        let costs = Costs { of: of.to_vec(), most };
        let ids: Vec<u32> = (0..of.len() as u32).collect();
        Limits::new(of.len(), None, Some(&costs), &ids).is_none()
    };
    assert!(0.1 + 0.2 > 0.3 && fits(&[0.1, 0.2], 0.3));
    assert!(fits(&[0.1; 10], 1.0) && fits(&[0.0, 0.0], 0.0) && fits(&[1e300, 1e300], 2e300));
    assert!(!fits(&[0.1, 0.200_000_000_000_01], 0.3) && !fits(&[0.0, 1e-300], 0.0));
    // Whole numbers are exact.
    let large = (1u64 << 45) as f64;
    assert!(fits(&[large, large], 2.0 * large) && !fits(&[large, large], 2.0 * large - 1.0));
    assert!(!fits(&[1e300, 1e300], 1e300));
}

/// More places than there are masks, so that some bits are set one by one.
#[test]
fn the_dear_of_many_places_are_closed() {
    let count = 1000usize;
    let of: Vec<f64> = (0..count).map(|place| (place * 7919 % count) as f64).collect();
    let costs = Costs { of: of.clone(), most: 1200.0 };
    let ids: Vec<u32> = (0..count as u32).collect();
    let limits = Limits::new(3, None, Some(&costs), &ids).unwrap();
    let rules = Rules::new(&limits, &(0..count).map(Some).collect::<Vec<_>>());
    let mut standing = rules.start().unwrap();
    for (first, left) in [(0usize, 1200.0), (700, 500.0), (123, 1077.0)] {
        let place = of.iter().position(|&cost| cost == first as f64).unwrap();
        standing.push(&rules, place);
        // The cheapest other question is for nothing.
        (0..count)
            .for_each(|place| assert_eq!(standing.is_closed(&rules, place), of[place] > left, "{left}"));
        standing.pop(&rules);
    }
}
