//! Good sets to begin with: swap search from several starts. What it finds proves nothing, but n sets that exist prove
//! that the n-th best key is at least theirs, and the bound lives by a high threshold.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use crate::families::OwnSets;
use crate::moments::{RankBy, approximate_alpha, approximate_correlation};
use crate::random::Random;

use super::covariances::{Covariances, Moments};
use super::prices::Prices;
use super::{Path, Rules, Space};

/// Random sets from which the search climbs. All of them take less than a millisecond for 100 items, far less than a
/// threshold that is a little too low costs the proof.
const STARTS: usize = 12;

/// Climbs after which more seldom lead to a much better set.
const FIRST_STARTS: usize = 3;

/// Found sets from which it climbs once more, where rules are in the way, at a charge for breaking them.
const CHARGED_STARTS: usize = 3;

/// Found sets all of whose neighbours are looked at, best first, so that more than the best are found.
const EXPANSIONS: usize = 100;

/// Sets of a stretch that are drawn for one that obeys.
const TRIES: usize = 100;

/// A gain that is not rounding.
const LEAST_GAIN: f64 = 1e-12;

/// The sets among which good ones are wanted.
#[derive(Clone, Copy)]
pub struct Among<'a> {
    pub space: Space,
    /// The path of the fixed items, which has the rules.
    pub fixed: &'a Path<'a>,
    pub rules: Option<&'a Rules>,
    /// Those of a family, if only these are searched.
    pub own: Option<&'a OwnSets>,
    /// Those of a stretch, if only these are.
    pub stretch: Option<&'a Stretch>,
}

/// The sets at some positions of their lexicographic order.
pub struct Stretch {
    positions: Range<u128>,
    first: Vec<u32>,
    /// The first set behind it, if there is one.
    end: Option<Vec<u32>>,
}

struct Start<'a> {
    covariances: &'a Covariances,
    among: Among<'a>,
    n: usize,
    rank_by: RankBy,
    random: Random,
    /// The best sets so far, the worst first. Keys are positive, so their bits have their order.
    found: BTreeSet<(u64, Vec<u32>)>,
}

/// What a set pays for the rules that it breaks, in the place of variance; one that breaks none may gain.
struct Charge {
    prices: Prices,
    /// β, by which a variance is as much of the form.
    beta: f64,
}

impl Charge {
    /// What a set seems to have.
    fn apply(&self, moments: Moments, set: impl Iterator<Item = u32>) -> Moments {
        // No set gains so much that its variance is gone.
        let v = (moments.v + self.prices.excess(set) / self.beta).max(moments.v / 2.0);
        Moments { v, ..moments }
    }
}

/// One set, and what a swap needs.
struct Current {
    set: Vec<u32>,
    is_in: Vec<bool>,
    moments: Moments,
    /// The covariance of each item with the set's total.
    with_set: Vec<f64>,
}

/// Up to `n` different sets with high, positive keys, best first; few if none promises to reach what is `known` of n others.
pub fn start(
    covariances: &Covariances,
    among: Among,
    n: usize,
    rank_by: RankBy,
    known: f64,
) -> Vec<Vec<u32>> {
    let mut start = Start::new(covariances, among, n, rank_by);
    start.climb_often(FIRST_STARTS);
    if start.best_key() < known {
        return start.best_first();
    }
    start.climb_often(STARTS - FIRST_STARTS);
    if let Some(charge) = start.charge(among.fixed) {
        for set in start.best_first().into_iter().take(CHARGED_STARTS) {
            start.climb(set, Some(&charge));
        }
    }
    start.expand();
    start.best_first()
}

/// The same of sets that are not held to the `rules`; `None` if not all of them obey these.
pub fn unhindered(
    covariances: &Covariances,
    among: Among,
    n: usize,
    rank_by: RankBy,
    known: f64,
    rules: &Rules,
) -> Option<Vec<Vec<u32>>> {
    let mut start = Start::new(covariances, among, n, rank_by);
    let obey = |start: &Start| start.found.iter().all(|(_, set)| rules.obeys(set.iter().copied()));
    // Where rules are in the way, what one climb comes by nearly always tells.
    for times in [1, FIRST_STARTS - 1, STARTS - FIRST_STARTS] {
        start.climb_often(times);
        if !obey(&start) {
            return None;
        }
        if start.best_key() < known {
            return Some(start.best_first());
        }
    }
    start.expand();
    obey(&start).then(|| start.best_first())
}

impl Stretch {
    /// `None` if there is none.
    pub fn new(space: Space, positions: Range<u128>) -> Option<Self> {
        let (first, end) = (space.set_at(positions.start)?, space.set_at(positions.end));
        Some(Self { positions, first, end })
    }

    fn contains(&self, set: impl Iterator<Item = u32>) -> bool {
        let mut set: Vec<u32> = set.collect();
        set.sort_unstable();
        set >= self.first && self.end.as_ref().is_none_or(|end| set < *end)
    }

    fn random_set(&self, space: Space, random: &mut Random) -> Option<Vec<u32>> {
        let Range { start, end } = self.positions;
        let offset = (random.share() * (end - start) as f64) as u128;
        space.set_at(start + offset.min(end - start - 1))
    }
}

impl<'a> Among<'a> {
    /// All that have the fixed items and obey the rules.
    pub fn all(space: Space, fixed: &'a Path<'a>, rules: Option<&'a Rules>) -> Self {
        Self { space, fixed, rules, own: None, stretch: None }
    }

    /// A set that obeys, unless chance leads into a dead end.
    fn random_set(&self, random: &mut Random) -> Option<Vec<u32>> {
        if let Some(stretch) = self.stretch {
            let mut drawn = (0..TRIES).filter_map(|_| stretch.random_set(self.space, random));
            return drawn.find(|set| self.contains(set.iter().copied()));
        }
        let mut path = self.fixed.clone();
        for lack in self.own.map_or(&[][..], OwnSets::lacks) {
            if path.len() == self.space.k || lack.iter().any(|item| path.questions().contains(item)) {
                continue;
            }
            let open: Vec<u32> = lack.iter().copied().filter(|&item| path.is_open(item)).collect();
            if open.is_empty() {
                return None;
            }
            path.push(open[random.below(open.len())]);
        }
        self.space.random_set(&path, random)
    }

    /// Whether a set with the fixed items is one of them.
    fn contains(&self, set: impl Iterator<Item = u32> + Clone) -> bool {
        self.rules.is_none_or(|rules| rules.obeys(set.clone())) && self.contains_obeying(set)
    }

    /// The same of one that breaks no rule.
    fn contains_obeying(&self, set: impl Iterator<Item = u32> + Clone) -> bool {
        self.own.is_none_or(|own| own.contains(set.clone()))
            && self.stretch.is_none_or(|stretch| stretch.contains(set))
    }
}

impl<'a> Start<'a> {
    fn new(covariances: &'a Covariances, among: Among<'a>, n: usize, rank_by: RankBy) -> Self {
        Self { covariances, among, n, rank_by, random: Random(1), found: BTreeSet::new() }
    }

    /// Climbs from so many random sets.
    fn climb_often(&mut self, times: usize) {
        for _ in 0..times {
            if let Some(set) = self.among.random_set(&mut self.random) {
                self.climb(set, None);
            }
        }
    }

    /// Looks at all neighbours of the best sets.
    fn expand(&mut self) {
        let mut expanded = HashSet::new();
        while expanded.len() < EXPANSIONS {
            let next = self.found.iter().rev().map(|(_, set)| set).find(|&set| !expanded.contains(set));
            let Some(set) = next.cloned() else { break };
            self.best_swap(&self.current(set.clone()), None);
            expanded.insert(set);
        }
    }

    fn best_first(&self) -> Vec<Vec<u32>> {
        self.found.iter().rev().map(|(_, set)| set.clone()).collect()
    }

    /// 0 where nothing is found.
    fn best_key(&self) -> f64 {
        self.found.last().map_or(0.0, |&(bits, _)| f64::from_bits(bits))
    }

    /// Prices for sets like those found so far.
    fn charge(&self, fixed: &Path) -> Option<Charge> {
        let wanted = (self.rank_by, f64::from_bits(self.found.first()?.0));
        let (prices, criterion) =
            Prices::new(self.covariances, wanted, self.among.rules?, fixed, &self.best_first())?;
        Some(Charge { prices, beta: criterion.beta })
    }

    fn current(&self, set: Vec<u32>) -> Current {
        let Covariances { items, .. } = *self.covariances;
        let moments = self.covariances.of_set(&set);
        let mut is_in = vec![false; items];
        let mut with_set = vec![0.0; items];
        for &item in &set {
            is_in[item as usize] = true;
            for (sum, covariance) in with_set.iter_mut().zip(self.covariances.row(item as usize)) {
                *sum += covariance;
            }
        }
        Current { set, is_in, moments, with_set }
    }

    fn key(&self, Moments { c, v, items }: Moments) -> f64 {
        match self.rank_by.side() {
            Some(side) => approximate_correlation(c, v, self.covariances.total, side),
            None => approximate_alpha(self.among.space.k, items, v),
        }
    }

    /// Takes the best swap again and again until none is better. With a charge it may break rules on its way, and comes
    /// by sets that swaps within the rules do not lead to.
    fn climb(&mut self, set: Vec<u32>, charge: Option<&Charge>) {
        let mut set = set;
        let mut reached = f64::NEG_INFINITY;
        loop {
            let current = self.current(set);
            if self.among.contains(current.set.iter().copied()) {
                self.offer(current.set.clone());
            }
            let items = current.set.iter().copied();
            let key = self.key(charge.map_or(current.moments, |charge| charge.apply(current.moments, items)));
            // The key of a swap is made of differences. Where little is left of a variance it promises what the set does
            // not keep, and the climb would go in circles.
            if key <= reached + LEAST_GAIN {
                return;
            }
            reached = key;
            match self.best_swap(&current, charge) {
                Some((better, position, item)) if better > key + LEAST_GAIN => {
                    set = current.set;
                    set[position] = item;
                }
                _ => return,
            }
        }
    }

    /// The best neighbour: its key, the position that it changes, and to what. All that obey are offered.
    fn best_swap(&mut self, current: &Current, charge: Option<&Charge>) -> Option<(f64, usize, u32)> {
        let mut best: Option<(f64, usize, u32)> = None;
        let mut tally = self.among.rules.map(|rules| rules.tally(current.set.iter().copied()));
        for (position, &old) in current.set.iter().enumerate() {
            let old = old as usize;
            if old < self.among.space.fixed {
                continue;
            }
            let row = self.covariances.row(old);
            let c = current.moments.c - self.covariances.with_total[old];
            let v = current.moments.v - 2.0 * current.with_set[old] + row[old];
            let items = current.moments.items - row[old];
            if let Some(tally) = &mut tally {
                tally.remove(old as u32);
            }
            for new in (self.among.space.fixed..self.covariances.items).filter(|&new| !current.is_in[new]) {
                let c = c + self.covariances.with_total[new];
                let own = self.covariances.row(new)[new];
                let v = v + 2.0 * (current.with_set[new] - row[new]) + own;
                let moments = Moments { c, v, items: items + own };
                let swapped =
                    current.set.iter().map(|&item| if item as usize == old { new as u32 } else { item });
                let key = self.key(moments);
                let is_wanted = self.is_wanted(key);
                let key = charge.map_or(key, |charge| self.key(charge.apply(moments, swapped.clone())));
                let is_best = best.is_none_or(|(best, ..)| key > best);
                if !is_best && !is_wanted {
                    continue;
                }
                let obeys = tally.as_mut().is_none_or(|tally| tally.obeys_with(new as u32))
                    && self.among.contains_obeying(swapped.clone());
                if is_best && (obeys || charge.is_some()) {
                    best = Some((key, position, new as u32));
                }
                if is_wanted && obeys {
                    self.offer(swapped.collect());
                }
            }
            if let Some(tally) = &mut tally {
                tally.add(old as u32);
            }
        }
        best
    }

    fn is_wanted(&self, key: f64) -> bool {
        let worst = self.found.first().map_or(0.0, |&(bits, _)| f64::from_bits(bits));
        key > if self.found.len() < self.n { 0.0 } else { worst }
    }

    fn offer(&mut self, mut set: Vec<u32>) {
        // In this order, so that a set has one key, however it was met.
        set.sort_unstable();
        let key = self.key(self.covariances.of_set(&set));
        if self.is_wanted(key) {
            self.found.insert((key.to_bits(), set));
            if self.found.len() > self.n {
                self.found.pop_first();
            }
        }
    }
}
