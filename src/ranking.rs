//! What becomes of the sets that the search finds: the best n, or all of them.
//!
//! Order: rank key descending, equal keys by the set's position in lexicographic order. It is total, so the
//! best n are the same in whatever order and on however many threads the sets are met.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::moments::{Correlations, RankBy};

/// Which columns of a [`SetTable`] are made; `n_users` always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableColumns {
    pub questions: bool,
    pub r: bool,
    pub r_rest: bool,
    pub alpha: bool,
}

impl TableColumns {
    /// All but α, which is only made where it is asked for.
    pub const USUAL: Self = Self { questions: true, r: true, r_rest: true, alpha: false };

    /// With the column of what ranks.
    #[must_use]
    pub fn with(self, rank_by: RankBy) -> Self {
        match rank_by {
            RankBy::R => Self { r: true, ..self },
            RankBy::RRest => Self { r_rest: true, ..self },
            RankBy::Alpha => Self { alpha: true, ..self },
        }
    }
}

/// Correlations of one kind, of which some sets have none.
#[derive(Clone, Debug, Default)]
pub struct CorrelationColumn {
    /// NaN where there is none.
    values: Vec<f64>,
}

impl CorrelationColumn {
    /// Of so many sets that have none.
    pub(crate) fn missing(sets: usize) -> Self {
        Self { values: vec![f64::NAN; sets] }
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The correlation in a row.
    pub fn get(&self, row: usize) -> Option<f64> {
        existing(self.values[row])
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<f64>> + '_ {
        self.values.iter().map(|&value| existing(value))
    }

    /// Row by row; NaN where there is none.
    pub fn into_values(self) -> Vec<f64> {
        self.values
    }

    fn push(&mut self, correlation: Option<f64>) {
        self.values.push(correlation.unwrap_or(f64::NAN));
    }
}

/// The correlation that a value of a column is, if it is one.
fn existing(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

impl FromIterator<Option<f64>> for CorrelationColumn {
    fn from_iter<I: IntoIterator<Item = Option<f64>>>(correlations: I) -> Self {
        let mut column = Self::default();
        correlations.into_iter().for_each(|correlation| column.push(correlation));
        column
    }
}

impl PartialEq for CorrelationColumn {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Sets with their statistics, one per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetTable {
    /// Row-major, k question ids per row, ascending.
    pub questions: Vec<u32>,
    pub r: CorrelationColumn,
    pub r_rest: CorrelationColumn,
    /// Cronbach's α.
    pub alpha: CorrelationColumn,
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

    fn push(&mut self, questions: &[u32], correlations: Correlations, n_users: u32, columns: TableColumns) {
        if columns.questions {
            self.questions.extend_from_slice(questions);
        }
        if columns.r {
            self.r.push(correlations.r);
        }
        if columns.r_rest {
            self.r_rest.push(correlations.r_rest);
        }
        if columns.alpha {
            self.alpha.push(correlations.alpha);
        }
        self.n_users.push(n_users);
    }

    fn push_siblings(&mut self, siblings: &Siblings, columns: TableColumns) {
        let Siblings { prefix, last, r, r_rest, alpha, n_users } = *siblings;
        if columns.questions {
            extend_with_sets(&mut self.questions, prefix, last);
        }
        if columns.r {
            self.r.values.extend_from_slice(r);
        }
        if columns.r_rest {
            self.r_rest.values.extend_from_slice(r_rest);
        }
        if columns.alpha {
            self.alpha.values.extend_from_slice(alpha);
        }
        self.n_users.extend_from_slice(n_users);
    }

    /// The same sets of `k` questions in lexicographic order.
    #[must_use]
    pub(crate) fn sorted(self, k: usize) -> Self {
        let set = |row: u32| &self.questions[row as usize * k..][..k];
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| set(a).cmp(set(b)));
        let column = |column: &CorrelationColumn| CorrelationColumn {
            // Those that are not made have no values.
            values: order.iter().filter_map(|&row| column.values.get(row as usize).copied()).collect(),
        };
        Self {
            questions: order.iter().flat_map(|&row| set(row)).copied().collect(),
            r: column(&self.r),
            r_rest: column(&self.r_rest),
            alpha: column(&self.alpha),
            n_users: order.iter().map(|&row| self.n_users[row as usize]).collect(),
        }
    }

    pub(crate) fn append(&mut self, later: &mut Self) {
        // Most are merged into a table that has nothing yet.
        if self.is_empty() {
            return std::mem::swap(self, later);
        }
        self.questions.append(&mut later.questions);
        self.r.values.append(&mut later.r.values);
        self.r_rest.values.append(&mut later.r_rest.values);
        self.alpha.values.append(&mut later.alpha.values);
        self.n_users.append(&mut later.n_users);
    }
}

/// Appends `prefix` with each of `last`.
fn extend_with_sets(questions: &mut Vec<u32>, prefix: &[u32], last: &[u32]) {
    let (start, width) = (questions.len(), prefix.len() + 1);
    questions.resize(start + last.len() * width, 0);
    let sets = &mut questions[start..];
    // A copy of a length that is known is an instruction or two, else it is a call for each set.
    match prefix.len() {
        1 => write_sets::<1>(sets, prefix, last),
        2 => write_sets::<2>(sets, prefix, last),
        3 => write_sets::<3>(sets, prefix, last),
        4 => write_sets::<4>(sets, prefix, last),
        5 => write_sets::<5>(sets, prefix, last),
        _ => {
            for (set, &question) in sets.chunks_exact_mut(width).zip(last) {
                set[..width - 1].copy_from_slice(prefix);
                set[width - 1] = question;
            }
        }
    }
}

fn write_sets<const PREFIX: usize>(sets: &mut [u32], prefix: &[u32], last: &[u32]) {
    let Some(prefix) = prefix.first_chunk::<PREFIX>() else { return };
    for (set, &question) in sets.chunks_exact_mut(PREFIX + 1).zip(last) {
        if let Some((first, [end])) = set.split_first_chunk_mut::<PREFIX>() {
            *first = *prefix;
            *end = question;
        }
    }
}

/// Sets that differ in their last question only, in order: at least one.
#[derive(Clone, Copy)]
pub struct Siblings<'a> {
    pub prefix: &'a [u32],
    pub last: &'a [u32],
    /// Of each set, NaN where there is none; anything where the column is not made.
    pub r: &'a [f64],
    pub r_rest: &'a [f64],
    pub alpha: &'a [f64],
    pub n_users: &'a [u32],
}

impl<'a> Siblings<'a> {
    fn of(&self, rank_by: RankBy) -> &'a [f64] {
        match rank_by {
            RankBy::R => self.r,
            RankBy::RRest => self.r_rest,
            RankBy::Alpha => self.alpha,
        }
    }

    fn only(&self, row: usize) -> Self {
        let Self { prefix, last, r, r_rest, alpha, n_users } = *self;
        let row = row..row + 1;
        Self {
            prefix,
            last: &last[row.clone()],
            r: &r[row.clone()],
            r_rest: &r_rest[row.clone()],
            alpha: &alpha[row.clone()],
            n_users: &n_users[row],
        }
    }
}

/// Takes sets.
pub trait Sink {
    /// Sets whose rank key is below this need not be pushed.
    fn threshold(&self) -> f64;

    /// Takes a set, its questions in ascending order.
    fn push(&mut self, questions: &[u32], correlations: Correlations, n_users: u32);

    /// This, if it takes siblings at once.
    fn all(&mut self) -> Option<&mut All> {
        None
    }
}

/// Collects sets. Collectors of consecutive stretches of the set space merge, left to right.
pub trait Collector: Sink + Send {
    /// Takes up the sets of the stretch that follows.
    fn merge(&mut self, later: Self);

    fn into_table(self) -> SetTable;
}

/// Rows after which a collector draws on its quota, so that threads seldom meet there.
const QUOTA_ROWS: usize = 1 << 12;

/// So many rows may collectors keep together: a search that finds more is to be given up.
#[derive(Default)]
pub struct Quota {
    left: AtomicUsize,
    is_exceeded: AtomicBool,
}

impl Quota {
    pub fn new(rows: usize) -> Self {
        Self { left: AtomicUsize::new(rows), is_exceeded: AtomicBool::new(false) }
    }

    /// Takes so many rows down.
    pub fn take(&self, rows: usize) {
        if self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(rows)).is_err() {
            self.is_exceeded.store(true, Relaxed);
        }
    }

    /// Whether it was not enough.
    pub fn is_exceeded(&self) -> bool {
        self.is_exceeded.load(Relaxed)
    }
}

/// Keeps every set, in the order of pushing.
pub struct All {
    table: SetTable,
    columns: TableColumns,
    floor: Option<(RankBy, f64)>,
    quota: Option<Arc<Quota>>,
    /// Rows for which the quota was drawn on.
    drawn: usize,
}

impl All {
    /// Of sets for which the one is at least the other of `floor`, if there is one, these columns and that of the floor; no
    /// more than `quota` has, but for some thousands of rows.
    pub fn new(columns: TableColumns, floor: Option<(RankBy, f64)>, quota: Option<Arc<Quota>>) -> Self {
        let columns = floor.map_or(columns, |(rank_by, _)| columns.with(rank_by));
        Self { table: SetTable::default(), columns, floor, quota, drawn: 0 }
    }

    /// The columns that are made.
    pub fn columns(&self) -> TableColumns {
        self.columns
    }

    /// Takes siblings.
    pub fn push_siblings(&mut self, siblings: &Siblings) {
        match self.floor {
            None => self.table.push_siblings(siblings, self.columns),
            Some((rank_by, floor)) => {
                for (row, &value) in siblings.of(rank_by).iter().enumerate() {
                    if value >= floor {
                        self.table.push_siblings(&siblings.only(row), self.columns);
                    }
                }
            }
        }
        self.draw();
    }

    /// Draws on the quota for what was kept since.
    #[inline(always)]
    fn draw(&mut self) {
        let rows = self.table.len() - self.drawn;
        if rows >= QUOTA_ROWS
            && let Some(quota) = &self.quota
        {
            quota.take(rows);
            self.drawn = self.table.len();
        }
    }
}

impl Sink for All {
    fn threshold(&self) -> f64 {
        self.floor.map_or(f64::NEG_INFINITY, |(_, floor)| floor)
    }

    fn push(&mut self, questions: &[u32], correlations: Correlations, n_users: u32) {
        let reaches = |(rank_by, floor)| correlations.of(rank_by).is_some_and(|value| value >= floor);
        if self.floor.is_none_or(reaches) {
            self.table.push(questions, correlations, n_users, self.columns);
            self.draw();
        }
    }

    fn all(&mut self) -> Option<&mut All> {
        Some(self)
    }
}

impl Collector for All {
    fn merge(&mut self, mut later: Self) {
        self.table.append(&mut later.table);
        self.drawn += later.drawn;
        self.draw();
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
            let columns = TableColumns::USUAL.with(self.rank_by);
            table.push(&ranked.questions, ranked.correlations, ranked.n_users, columns);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Siblings pushed at once are what they are one by one, with any columns and floor, whatever their number of questions.
    #[test]
    fn siblings_are_sets() {
        let (last, n_users) = ([20, 21, 25], [5, 4, 3]);
        let (r, r_rest) = ([0.5, f64::NAN, -0.25], [f64::NAN, 0.75, 0.0]);
        let alpha = [0.25, -7.0, f64::NAN];
        let few = TableColumns { r_rest: true, ..TableColumns::default() };
        let all = TableColumns::USUAL.with(RankBy::Alpha);
        for columns in [all, TableColumns::USUAL, few, TableColumns::default()] {
            let floors = [(RankBy::R, 0.0), (RankBy::RRest, 0.0), (RankBy::Alpha, 0.0), (RankBy::R, 2.0)];
            for floor in floors.into_iter().map(Some).chain([None]) {
                for prefix in (0..9).map(|length| Vec::from_iter(0..length)) {
                    let (mut at_once, mut singly) =
                        (All::new(columns, floor, None), All::new(columns, floor, None));
                    for _ in 0..2 {
                        let (last, r, r_rest, alpha, n_users) = (&last, &r, &r_rest, &alpha, &n_users);
                        at_once.push_siblings(&Siblings { prefix: &prefix, last, r, r_rest, alpha, n_users });
                        for row in 0..last.len() {
                            let set = [&prefix[..], &[last[row]]].concat();
                            let [r, r_rest, alpha] = [r[row], r_rest[row], alpha[row]].map(existing);
                            singly.push(&set, Correlations { r, r_rest, alpha }, n_users[row]);
                        }
                    }
                    assert_eq!(at_once.table, singly.table, "{columns:?}, {floor:?}, {prefix:?}");
                }
            }
        }
    }

    #[test]
    fn a_quota_is_that_of_all_collectors_together() {
        for rows in [QUOTA_ROWS, 2 * QUOTA_ROWS] {
            let quota = Arc::new(Quota::new(2 * QUOTA_ROWS));
            let mut all = All::new(TableColumns::default(), None, Some(Arc::clone(&quota)));
            for _ in 0..2 {
                let mut part = All::new(TableColumns::default(), None, Some(Arc::clone(&quota)));
                let correlations = Correlations { r: None, r_rest: None, alpha: None };
                (0..rows).for_each(|_| part.push(&[0], correlations, 2));
                all.merge(part);
            }
            // What was drawn for rows of a part is not drawn again for those of all.
            assert_eq!(quota.is_exceeded(), rows > QUOTA_ROWS);
            assert_eq!(all.into_table().len(), 2 * rows);
        }
        let quota = Arc::new(Quota::new(2 * QUOTA_ROWS));
        let of_one_row = || {
            let mut part = All::new(TableColumns::default(), None, Some(Arc::clone(&quota)));
            part.push(&[0], Correlations { r: None, r_rest: None, alpha: None }, 2);
            part
        };
        let mut all = of_one_row();
        (0..3 * QUOTA_ROWS).for_each(|_| all.merge(of_one_row()));
        assert!(quota.is_exceeded(), "rows count, however few at once");
    }
}
