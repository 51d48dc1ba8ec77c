//! Good sets to begin with: swap search from several starts. What it finds proves nothing, but n sets that exist prove
//! that the n-th best key is at least theirs, and the bound lives by a high threshold.

use std::collections::{BTreeSet, HashSet};

use crate::moments::{RankBy, approximate_alpha, approximate_correlation};
use crate::random::Random;

use super::covariances::{Covariances, Moments};
use super::{Path, Space};

/// Random sets from which the search climbs. All of them take less than a millisecond for 100 items, far less than a
/// threshold that is a little too low costs the proof.
const STARTS: usize = 12;

/// Found sets all of whose neighbours are looked at, best first, so that more than the best are found.
const EXPANSIONS: usize = 100;

/// A gain that is not rounding.
const LEAST_GAIN: f64 = 1e-12;

struct Start<'a> {
    covariances: &'a Covariances,
    space: Space,
    /// That of the items that every set has.
    path: Path<'a>,
    n: usize,
    rank_by: RankBy,
    /// The best sets so far, the worst first. Keys are positive, so their bits have their order.
    found: BTreeSet<(u64, Vec<u32>)>,
}

/// One set, and what a swap needs.
struct Current {
    set: Vec<u32>,
    is_in: Vec<bool>,
    moments: Moments,
    /// The covariance of each item with the set's total.
    with_set: Vec<f64>,
}

/// Up to `n` different sets with high, positive keys, best first.
pub fn start(
    covariances: &Covariances,
    space: Space,
    fixed: &Path,
    n: usize,
    rank_by: RankBy,
) -> Vec<Vec<u32>> {
    let mut start = Start { covariances, space, path: fixed.clone(), n, rank_by, found: BTreeSet::new() };
    let mut random = Random(1);
    for _ in 0..STARTS {
        if let Some(set) = space.random_set(fixed, &mut random) {
            start.climb(set);
        }
    }
    let mut expanded = HashSet::new();
    while expanded.len() < EXPANSIONS {
        let next = start.found.iter().rev().map(|(_, set)| set).find(|&set| !expanded.contains(set));
        let Some(set) = next.cloned() else { break };
        start.best_swap(&start.current(set.clone()));
        expanded.insert(set);
    }
    start.found.into_iter().rev().map(|(_, set)| set).collect()
}

impl Start<'_> {
    /// Whether a set with the fixed items is one that is searched.
    fn obeys(&mut self, set: &[u32]) -> bool {
        let path = &mut self.path;
        let obeys = path.is_free()
            || set.iter().filter(|&&item| item as usize >= self.space.fixed).all(|&item| {
                let is_open = path.is_open(item);
                if is_open {
                    path.push(item);
                }
                is_open
            });
        while path.len() > self.space.fixed {
            path.pop();
        }
        obeys
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
            None => approximate_alpha(self.space.k, items, v),
        }
    }

    /// Takes the best swap again and again until none is better.
    fn climb(&mut self, set: Vec<u32>) {
        let mut set = set;
        let mut reached = f64::NEG_INFINITY;
        loop {
            let current = self.current(set);
            self.offer(current.set.clone());
            let key = self.key(current.moments);
            // The key of a swap is made of differences. Where little is left of a variance it promises what the set does
            // not keep, and the climb would go in circles.
            if key <= reached + LEAST_GAIN {
                return;
            }
            reached = key;
            match self.best_swap(&current) {
                Some((better, position, item)) if better > key + LEAST_GAIN => {
                    set = current.set;
                    set[position] = item;
                }
                _ => return,
            }
        }
    }

    /// The best neighbour: its key, the position that it changes, and to what. All of them are offered.
    fn best_swap(&mut self, current: &Current) -> Option<(f64, usize, u32)> {
        let mut best: Option<(f64, usize, u32)> = None;
        for (position, &old) in current.set.iter().enumerate() {
            let old = old as usize;
            if old < self.space.fixed {
                continue;
            }
            let row = self.covariances.row(old);
            let c = current.moments.c - self.covariances.with_total[old];
            let v = current.moments.v - 2.0 * current.with_set[old] + row[old];
            let items = current.moments.items - row[old];
            for new in (self.space.fixed..self.covariances.items).filter(|&new| !current.is_in[new]) {
                let c = c + self.covariances.with_total[new];
                let own = self.covariances.row(new)[new];
                let v = v + 2.0 * (current.with_set[new] - row[new]) + own;
                let key = self.key(Moments { c, v, items: items + own });
                let (is_best, is_wanted) = (best.is_none_or(|(best, ..)| key > best), self.is_wanted(key));
                if !is_best && !is_wanted {
                    continue;
                }
                let mut set = current.set.clone();
                set[position] = new as u32;
                if !self.obeys(&set) {
                    continue;
                }
                if is_best {
                    best = Some((key, position, new as u32));
                }
                if is_wanted {
                    self.offer(set);
                }
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
