//! What becomes of the sets that the search finds: the best n, or all of them.
//!
//! Order: rank key descending, equal keys by the set's position in lexicographic order. It is total, so the
//! best n are the same in whatever order and on however many threads the sets are met.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::moments::{Correlations, RankBy};

/// Sets with their statistics, one per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetTable {
    /// Row-major, k question ids per row, ascending.
    pub questions: Vec<u32>,
    pub r: Vec<Option<f64>>,
    pub r_rest: Vec<Option<f64>>,
    pub n_users: Vec<u32>,
}

impl SetTable {
    /// Number of sets.
    pub fn len(&self) -> usize {
        self.n_users.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&mut self, questions: &[u32], correlations: Correlations, n_users: u32) {
        self.questions.extend_from_slice(questions);
        self.r.push(correlations.r);
        self.r_rest.push(correlations.r_rest);
        self.n_users.push(n_users);
    }

    pub(crate) fn append(&mut self, later: &mut Self) {
        // Most are merged into a table that has nothing yet.
        if self.is_empty() {
            return std::mem::swap(self, later);
        }
        self.questions.append(&mut later.questions);
        self.r.append(&mut later.r);
        self.r_rest.append(&mut later.r_rest);
        self.n_users.append(&mut later.n_users);
    }
}

/// Takes sets.
pub trait Sink {
    /// Sets whose rank key is below this need not be pushed.
    fn threshold(&self) -> f64;

    /// Takes a set, its questions in ascending order.
    fn push(&mut self, questions: &[u32], correlations: Correlations, n_users: u32);
}

/// Collects sets. Collectors of consecutive stretches of the set space merge, left to right.
pub trait Collector: Sink + Send {
    /// Takes up the sets of the stretch that follows.
    fn merge(&mut self, later: Self);

    fn into_table(self) -> SetTable;
}

/// Keeps every set, in the order of pushing.
#[derive(Default)]
pub struct All {
    table: SetTable,
    floor: Option<(RankBy, f64)>,
}

impl All {
    /// Of those whose correlation is at least `floor`.
    pub fn from(rank_by: RankBy, floor: f64) -> Self {
        Self { floor: Some((rank_by, floor)), ..Self::default() }
    }
}

impl Sink for All {
    fn threshold(&self) -> f64 {
        self.floor.map_or(f64::NEG_INFINITY, |(_, floor)| floor)
    }

    fn push(&mut self, questions: &[u32], correlations: Correlations, n_users: u32) {
        let reaches = |(rank_by, floor)| correlations.of(rank_by).is_some_and(|value| value >= floor);
        if self.floor.is_none_or(reaches) {
            self.table.push(questions, correlations, n_users);
        }
    }
}

impl Collector for All {
    fn merge(&mut self, mut later: Self) {
        self.table.append(&mut later.table);
    }

    fn into_table(self) -> SetTable {
        self.table
    }
}

/// The highest n-th best key that any list has reached, shared by all threads. A stale, lower value only
/// lets more sets through.
#[derive(Default)]
pub struct SharedThreshold {
    /// The bits of a float ≥ 0, whose order is that of the floats.
    bits: AtomicU64,
}

impl SharedThreshold {
    /// To be called where n sets are known to reach `key`.
    pub fn raise(&self, key: f64) {
        self.bits.fetch_max(key.max(0.0).to_bits(), Relaxed);
    }

    fn get(&self) -> f64 {
        f64::from_bits(self.bits.load(Relaxed))
    }
}

/// Keeps the best n sets.
pub struct Best<'a> {
    n: usize,
    rank_by: RankBy,
    shared: &'a SharedThreshold,
    /// The worst kept set on top.
    heap: BinaryHeap<Ranked>,
}

impl<'a> Best<'a> {
    pub fn new(n: usize, rank_by: RankBy, shared: &'a SharedThreshold) -> Self {
        Self { n, rank_by, shared, heap: BinaryHeap::new() }
    }

    fn insert(&mut self, ranked: Ranked) {
        if self.heap.len() < self.n {
            self.heap.push(ranked);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && ranked < *worst
        {
            *worst = ranked;
        }
        if self.heap.len() == self.n
            && let Some(worst) = self.heap.peek()
        {
            self.shared.raise(worst.key);
        }
    }
}

impl Sink for Best<'_> {
    fn threshold(&self) -> f64 {
        self.shared.get()
    }

    fn push(&mut self, questions: &[u32], correlations: Correlations, n_users: u32) {
        if let Some(key) = correlations.rank_key(self.rank_by)
            && key >= self.threshold_of_a_full_list()
        {
            self.insert(Ranked { key, questions: questions.into(), correlations, n_users });
        }
    }
}

impl Collector for Best<'_> {
    fn merge(&mut self, later: Self) {
        later.heap.into_iter().for_each(|ranked| self.insert(ranked));
    }

    fn into_table(self) -> SetTable {
        let mut table = SetTable::default();
        for ranked in self.heap.into_sorted_vec() {
            table.push(&ranked.questions, ranked.correlations, ranked.n_users);
        }
        table
    }
}

impl Best<'_> {
    /// Spares the allocation of sets that the list would turn away at once.
    fn threshold_of_a_full_list(&self) -> f64 {
        match self.heap.peek() {
            Some(worst) if self.heap.len() == self.n => worst.key,
            _ => f64::NEG_INFINITY,
        }
    }
}

/// A set with its rank: `a < b` when a ranks before b.
struct Ranked {
    key: f64,
    questions: Box<[u32]>,
    correlations: Correlations,
    n_users: u32,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.total_cmp(&self.key).then_with(|| self.questions.cmp(&other.questions))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}
