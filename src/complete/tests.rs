//! The pieces of the proof, each against exact numbers.

use std::borrow::Cow;

use proptest::prelude::*;

use super::covariances::{Criterion, Moments};
use super::*;
use crate::matrix::ResponseMatrix;
use crate::moments::summed_variances;
use crate::responses::{Duplicates, Responses, Score};
use crate::search::{Constraints, Costs, Domains, Limits, Run, SearchStrategy, run, search_with};

/// Scores by item and user.
pub type Columns = Vec<Vec<i64>>;

pub const RANKS: [RankBy; 3] = [RankBy::R, RankBy::RRest, RankBy::Alpha];

/// What there is to say of a set, from the scores themselves.
pub fn exact(columns: &Columns, set: &[u32]) -> Correlations {
    let mut sums = crate::moments::IntegerSums::<i128>::default();
    for user in 0..columns[0].len() {
        let x = set.iter().map(|&item| columns[item as usize][user]).sum();
        sums.add(x, columns.iter().map(|column| column[user]).sum());
    }
    let question_sums = |&item: &u32| {
        let column = &columns[item as usize];
        let sum = |of: fn(i128) -> i128| column.iter().map(|&x| of(i128::from(x))).sum::<i128>();
        [sum(|x| x), sum(|x| x * x)]
    };
    let variances = summed_variances(sums.n(), set.iter().map(question_sums));
    Correlations { alpha: sums.alpha(set.len(), variances), ..sums.correlations() }
}

/// What the search for the best by `rank_by` reads.
pub fn covariances_for(rank_by: RankBy, columns: &Columns) -> Covariances {
    covariances(columns).for_ranking(rank_by)
}

/// Covariances by the definition, n² times.
fn covariances(columns: &Columns) -> Covariances {
    let n = columns[0].len() as i128;
    let comoment = |a: &[i64], b: &[i64]| {
        let sum = |a: &[i64]| a.iter().map(|&a| i128::from(a)).sum::<i128>();
        let product: i128 = a.iter().zip(b).map(|(&a, &b)| i128::from(a) * i128::from(b)).sum();
        (n * product - sum(a) * sum(b)) as f64
    };
    let totals: Vec<i64> =
        (0..columns[0].len()).map(|user| columns.iter().map(|column| column[user]).sum()).collect();
    let row = |item: usize| {
        let column = &columns[item];
        (comoment(column, &totals), columns.iter().map(move |other| comoment(column, other)))
    };
    Covariances::try_new(columns.len(), comoment(&totals, &totals), row, 0.0).unwrap()
}

/// Of the answers to each question.
pub fn matrix<T: Score>(columns: &[Vec<T>]) -> ResponseMatrix {
    let mut responses = Responses { users: Vec::new(), questions: Vec::new(), scores: Vec::new() };
    for (question, column) in (0..).zip(columns) {
        for (user, &score) in (0..).zip(column) {
            responses.users.push(user);
            responses.questions.push(question);
            responses.scores.push(score);
        }
    }
    responses.into_matrix(Duplicates::Error).unwrap()
}

pub fn sets(items: u32, k: usize) -> Vec<Vec<u32>> {
    let masks = (0u32..1 << items).filter(|mask| mask.count_ones() as usize == k);
    masks.map(|mask| (0..items).filter(|item| mask >> item & 1 == 1).collect()).collect()
}

/// With every item's covariances rounded.
fn form(covariances: &Covariances, criterion: &Criterion, set: &[u32]) -> f64 {
    criterion.form(covariances.of_set(set))
}

fn columns(scales: std::ops::Range<i64>) -> impl Strategy<Value = Columns> {
    let column = prop::collection::vec(-9i64..10, 12);
    (prop::collection::vec(column, 7), scales).prop_map(|(mut columns, scale)| {
        // By large scales, items that almost cancel each other, so that rounding is large against the sums.
        let (first, others) = columns.split_at_mut(1);
        for (a, b) in first[0].iter_mut().zip(&mut others[0]) {
            *b -= scale * *a;
            *a *= scale;
        }
        columns
    })
}

/// Rules of domains or of cost or of both, for sets of `k`.
#[derive(Clone, Debug)]
pub struct Limited {
    pub k: usize,
    pub constraints: Constraints,
    pub limits: Limits,
}

/// Those of some items that rule something out.
pub fn limited(items: usize) -> impl Strategy<Value = Limited> {
    let domains = (prop::collection::vec(prop::option::weighted(0.9, 0u32..4), items), 0usize..3, 1usize..4)
        .prop_map(|(of, least, most)| Domains { of, least, most: most.max(least) });
    let costs = (prop::collection::vec(1u8..20, items), 0u8..80)
        .prop_map(|(of, most)| Costs { of: of.into_iter().map(f64::from).collect(), most: most.into() });
    let of_k = (3..7usize, prop::option::weighted(0.7, domains), prop::option::weighted(0.7, costs));
    of_k.prop_filter_map("no rule", move |(k, domains, costs)| {
        let ids: Vec<u32> = (0..items as u32).collect();
        let limits = Limits::new(k, domains.as_ref(), costs.as_ref(), &ids)?;
        Some(Limited { k, constraints: Constraints { domains, costs, ..Constraints::default() }, limits })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// The same rows in the same order, with ties: answers are few, and some items are like others.
    #[test]
    fn the_best_that_obey_are_those_of_a_look_at_all(
        mut columns in prop::collection::vec(prop::collection::vec(0i64..2, 10), 13),
        twins in prop::collection::vec((0usize..13, 0usize..13), 0..4),
        limited in limited(13),
        included in prop::option::weighted(0.3, 0u32..13),
        top in prop_oneof![Just(1usize), 2usize..30],
    ) {
        for (one, other) in twins {
            columns[one] = columns[other].clone();
        }
        let matrix = matrix(&columns);
        let Limited { k, constraints, .. } = limited;
        let constraints = Constraints { include: included.into_iter().collect(), ..constraints };
        for rank_by in RANKS {
            let request = Request { k, top: Some(top), min_users: 2, rank_by };
            let blueprint = Blueprint::new(Cow::Borrowed(&matrix), request, &constraints).unwrap();
            let isa = InstructionSet::from_environment().unwrap();
            let by = |strategy| run(isa, &blueprint, &Run { strategy: Some(strategy), ..Run::all(&Control::default()) });
            let all = by(SearchStrategy::Projection).unwrap();
            for strategy in [SearchStrategy::Bound, SearchStrategy::Moments] {
                prop_assert_eq!(&by(strategy).unwrap(), &all, "{:?} by {:?}", strategy, rank_by);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// What the whole search rests on: no set of at least θ fails the criterion for θ, whatever the tangent's point.
    #[test]
    fn every_set_of_at_least_the_threshold_fulfils_the_criterion(
        columns in columns(0..1_000_000),
        k in 1usize..7,
        share in 0.0f64..1.2,
    ) {
        for rank_by in RANKS {
            let covariances = covariances_for(rank_by, &columns);
            let key = |set: &[u32]| exact(&columns, set).rank_key(rank_by);
            let keys: Vec<(Vec<u32>, f64)> =
                sets(7, k).into_iter().filter_map(|set| Some((set.clone(), key(&set)?))).collect();
            for &(_, threshold) in keys.iter().filter(|(_, key)| *key > 0.0) {
                let variance = share * covariances.total;
                let criterion = Criterion::new(&covariances, k, rank_by, threshold, variance);
                for (set, key) in keys.iter().filter(|(_, key)| *key >= threshold) {
                    let form = form(&covariances, &criterion, set);
                    prop_assert!(form >= criterion.least(), "{set:?} of {key}, at {threshold}");
                    prop_assert!(form / criterion.unit >= criterion.least_f32(), "{set:?} of {key}, at {threshold}");
                }
            }
        }
    }

    /// And it is sharp: where the tangent touches, a set below θ fails it.
    #[test]
    fn a_set_below_the_threshold_fails_the_criterion_at_its_variance(columns in columns(0..3), k in 2usize..5) {
        for rank_by in RANKS {
            let covariances = covariances_for(rank_by, &columns);
            for set in sets(7, k) {
                let Some(key) = exact(&columns, &set).rank_key(rank_by).filter(|&key| key > 0.1) else { continue };
                let Moments { c, v, items } = covariances.of_set(&set);
                // The point of contact is as close as it may be where the set is most of the total.
                let threshold = key + 0.01;
                let lean = ((v / covariances.total).sqrt() * threshold.min(1.0).acos().sin()).asin();
                if threshold > 0.99 || (rank_by == RankBy::RRest && lean > threshold.acos() / 2.0) {
                    continue;
                }
                let criterion = Criterion::new(&covariances, k, rank_by, threshold, v);
                let rounding = 1e-6 * criterion.unit * (k * k) as f64;
                // Where items cancel each other, nothing can be told at this precision.
                prop_assume!((c * c).max(items) > 1e3 * rounding);
                prop_assert!(form(&covariances, &criterion, &set) < criterion.least(), "{set:?} of {key} by {rank_by:?}");
            }
        }
    }
}

/// The margin is not decoration: without it the best set would be pruned by its own key.
#[test]
fn rounding_would_prune_the_best_without_a_margin() {
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as i64
    };
    let mut pruned = 0;
    for _ in 0..50 {
        // Two items that cancel each other up to a trace of what the others measure. Only together are they good, and
        // then c² is a millionth of a millionth of its terms.
        let mut columns: Columns = vec![Vec::new(); 8];
        for _ in 0..30 {
            let ability = random() % 50;
            let large = random() % 1_000_000_000;
            columns[0].push(large + ability);
            columns[1].push(ability - large);
            for column in &mut columns[2..] {
                column.push(random() % 200);
            }
        }
        let matrix = matrix(&columns);
        for rank_by in RANKS {
            let covariances = covariances_for(rank_by, &columns);
            let request = Request { k: 4, top: Some(1), min_users: 2, rank_by };
            let by =
                |strategy| search_with(InstructionSet::Portable, Some(strategy), &matrix, &request).unwrap();
            let best = by(SearchStrategy::Projection);
            for strategy in [SearchStrategy::Moments, SearchStrategy::Bound] {
                assert_eq!(by(strategy), best, "{}", strategy.name());
            }
            let set = &best.questions;
            let key = exact(&columns, set).rank_key(rank_by).unwrap();
            let moments = covariances.of_set(set);
            let criterion = Criterion::new(&covariances, 4, rank_by, key, moments.v);
            assert!(form(&covariances, &criterion, set) >= criterion.least());
            pruned += usize::from(criterion.form(moments) < criterion.alpha);
        }
    }
    assert!(pruned > 0, "no case needed the margin");
}

#[test]
fn the_start_finds_different_sets_best_first() {
    let column = |item: i64| (0..40).map(|user| user * (item % 4) + user * user * item % 17).collect();
    let columns: Columns = (0..12).map(column).collect();
    for rank_by in RANKS {
        let covariances = covariances_for(rank_by, &columns);
        for k in 2..6 {
            let space = Space { questions: 12, k, fixed: 0 };
            let free = Path::of_fixed(None, 0).unwrap();
            let among = Among::all(space, &free, None);
            let found = start::start(&covariances, among, 20, rank_by, 0.0);
            let keys: Vec<f64> =
                found.iter().map(|set| exact(&columns, set).rank_key(rank_by).unwrap()).collect();
            assert_eq!(found.iter().collect::<std::collections::BTreeSet<_>>().len(), 20);
            assert!(found.iter().all(|set| set.len() == k && set.is_sorted_by(|a, b| a < b)));
            assert!(keys.is_sorted_by(|a, b| *a >= *b - 1e-12) && keys[19] > 0.0);
            let best = sets(12, k).into_iter().filter_map(|set| exact(&columns, &set).rank_key(rank_by));
            assert!((best.fold(0.0, f64::max) - keys[0]).abs() < 1e-12, "an easy case");
        }
    }
}

/// What is left of these variances is rounding, by which a swap promises more than the set that it makes keeps. A climb
/// that believed each promise would go in circles.
#[test]
fn a_climb_that_rounding_leads_astray_ends() {
    let by_r = [
        [33_554_432i64, -50_331_647, 2, 3, 50_331_649, -50_331_647],
        [-33_554_435, 50_331_648, 1, 3, -50_331_646, 50_331_648],
        [33_554_434, -50_331_650, 1, -3, 50_331_647, -50_331_649],
        [-33_554_429, 50_331_650, 0, -1, -50_331_647, 50_331_645],
    ];
    let by_r_rest = [
        [-1i64, -50_331_645, 33_554_429, 16_777_214, -16_777_215, -50_331_651],
        [-3, 50_331_647, -33_554_432, -16_777_217, 16_777_214, 50_331_645],
        [1, -50_331_645, 33_554_430, 16_777_215, -16_777_213, -50_331_649],
        [0, 50_331_651, -33_554_433, -16_777_213, 16_777_214, 50_331_649],
    ];
    for (columns, rank_by) in [(by_r, RankBy::R), (by_r_rest, RankBy::RRest)] {
        let matrix = matrix(&columns.map(Vec::from));
        let request = Request { k: 2, top: Some(3), min_users: 2, rank_by };
        let by = |strategy| search_with(InstructionSet::Portable, Some(strategy), &matrix, &request).unwrap();
        assert_eq!(by(SearchStrategy::Bound), by(SearchStrategy::Projection), "{rank_by:?}");
    }
}
