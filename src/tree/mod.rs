//! The tree of all prefixes, and how it is cut in half.
//!
//! Sets are the paths of a tree. At a prefix only the users are kept who answered all of it, so a prefix's common users
//! are found once and not once per set (the conditional database of itemset mining: M. J. Zaki, "Scalable
//! algorithms for association mining", IEEE TKDE 12, 2000). Common users can only become fewer with depth, so a prefix
//! with fewer than `min_users` of them ends its subtree.
//!
//! A set is counted once, at one of its prefixes: the set less one question, its *leaf*. If the leaf is the last
//! question in some order, a prefix of k - 1 out of Q questions has (Q - k + 1) / k leaves on average, and what a prefix
//! costs is shared by so few sets. So the questions are cut in two halves, low and high, and the leaf is a low question
//! where a set has an odd number of low ones, else a high one; the last one of its half. Then only prefixes with an
//! *even* number of low questions have leaves, half as many, with twice as many leaves each. (That the
//! prefixes of such a parity meet every set is the construction of P. Turán's problem for hypergraphs; the only sets
//! without a leaf, those of low questions alone where k is even, get their last one.)
//!
//! Where sets are wanted in order, or those at some positions of it, all questions are high, which leaves the plain tree.

mod filter;
mod halves;
mod layout;
mod scores;
mod subtree;

use std::ops::Range;

use crate::combinations::{binomial, many};
use crate::error::{Error, Result};
use crate::isa::{InstructionSet, Isa, Kernel, PART};
use crate::moments::{Correlations, LaneCorrelations, Side};
use crate::ranking::{All, Collector, Siblings, Sink};
use crate::search::{Blueprint, Control, Request, Rules, Run, Space, Standing};

pub use filter::{AlphaBar, Bar, is_exact};
pub use halves::{Column, Questions};
pub use layout::Layout;
use layout::{Lanes, Open};
pub use scores::{Next, Scores};
use subtree::{Child, Children, Kept, Subtree};

/// A kind of scores with what every walk over its sets begins with.
pub struct Prepared<'a, S: Scores> {
    isa: InstructionSet,
    scores: &'a S,
    request: &'a Request,
    space: Space,
    questions: Questions,
    /// Of the places of `questions`.
    rules: Option<Rules>,
    /// Of the empty prefix.
    database: S::Database,
}

impl<'a, S: Scores> Prepared<'a, S> {
    /// For walks over all sets, or `in_order`, over those at any positions, too.
    pub fn new(
        isa: InstructionSet,
        scores: &'a S,
        blueprint: &'a Blueprint<'_>,
        in_order: bool,
    ) -> Result<Self> {
        let (space, request) = (blueprint.space(), blueprint.request());
        let answered = &blueprint.matrix().answered;
        let questions = Questions::of(answered, scores.users(), space.fixed, in_order);
        // With fewer users nothing is walked.
        let database = if scores.users() < request.least_users() {
            S::Database::default()
        } else {
            isa.run(Everyone { scores, questions: &questions })?
        };
        let rules = blueprint.rules(questions.by_place().map(Some));
        Ok(Self { isa, scores, request, space, questions, rules, database })
    }

    /// Walks the sets of `run` into collectors made by `empty`.
    pub fn search<C: Collector>(&self, run: &Run, empty: impl Fn() -> C + Sync) -> Result<C> {
        let is_empty = run.within.as_ref().is_some_and(Range::is_empty);
        let standing = self.rules.as_ref().map_or(Some(Standing::default()), Rules::start);
        let standing = standing.filter(|_| !is_empty && self.scores.users() >= self.request.least_users());
        let Some(standing) = standing else {
            run.control.advance(run.share);
            return Ok(empty());
        };
        let Self { isa, scores, request, space, questions, rules, database } = self;
        let rules = rules.as_ref();
        let tree = Tree { isa: *isa, scores: *scores, request, questions, rules, control: run.control };
        let subtree = Subtree { within: run.within.clone(), share: run.share };
        let prefix = Prefix { fixed: space.fixed, standing, ..Prefix::default() };
        let found = tree.explore((database, scores.users()), &prefix, 1.0, subtree, empty(), &empty);
        if run.control.is_stopped() { Err(Error::Interrupted) } else { Ok(found) }
    }
}

/// See [`Scores::everyone`].
struct Everyone<'a, S> {
    scores: &'a S,
    questions: &'a Questions,
}

impl<S: Scores> Kernel for Everyone<'_, S> {
    type Output = Result<S::Database>;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Self::Output {
        self.scores.everyone(isa, self.questions)
    }
}

/// The questions chosen so far.
#[derive(Clone, Default)]
struct Prefix {
    questions: Vec<u32>,
    low: usize,
    /// How many questions come before all others.
    fixed: usize,
    standing: Standing,
}

impl Prefix {
    fn len(&self) -> usize {
        self.questions.len()
    }

    /// Low questions come before high ones; once a high one is chosen, the number of low ones is final.
    fn next(&self) -> Next {
        Next { low: self.fixed + self.low >= self.len(), high: self.is_even() }
    }

    fn lacks_fixed(&self) -> bool {
        self.len() < self.fixed
    }

    fn is_even(&self) -> bool {
        self.low.is_multiple_of(2)
    }
}

/// What one thread needs for each question of a prefix, allocated once.
struct Level<S: Scores> {
    extension: S::Extension,
    database: S::Database,
}

impl<S: Scores> Default for Level<S> {
    fn default() -> Self {
        Self { extension: S::Extension::default(), database: S::Database::default() }
    }
}

/// What one thread needs to look at leaves, allocated once.
struct Scratch<S: Scores> {
    lanes: Lanes,
    sums: Vec<S::Sums>,
    set: Vec<u32>,
}

impl<S: Scores> Default for Scratch<S> {
    fn default() -> Self {
        Self { lanes: Lanes::default(), sums: Vec::new(), set: Vec::new() }
    }
}

impl<S: Scores> Scratch<S> {
    /// Before leaves of prefixes of a database are looked at.
    fn lay(&mut self, questions: &Questions, layout: Layout) {
        questions.lay(layout, &mut self.lanes);
        grow(&mut self.sums, layout.parts());
    }
}

/// What one thread walks without asking for help: a few milliseconds.
pub const SERIAL_WORK: u128 = 1 << 26;

/// What a set costs is not less than that of this many users.
const LEAST_LEAF_USERS: f64 = 64.0;

struct Tree<'a, S> {
    isa: InstructionSet,
    scores: &'a S,
    request: &'a Request,
    questions: &'a Questions,
    rules: Option<&'a Rules>,
    control: &'a Control,
}

impl<S: Scores> Tree<'_, S> {
    /// The columns by which `prefix` can be extended, and what is open afterwards: low ones first, each half from the
    /// rarest question on.
    fn children(&self, open: Open, prefix: &Prefix) -> Children {
        let next = prefix.next();
        // A prefix must leave enough to choose from. After a high question only high ones follow, and one low leaf.
        let after = self.request.k - prefix.len() - 1;
        if prefix.lacks_fixed() {
            return Children { open, low: 0..0, high: open.high - 1..open.high };
        }
        let low = if next.low { after.saturating_sub(open.high)..open.low } else { 0..0 };
        let high = if next.high { after.saturating_sub(open.low.min(1))..open.high } else { 0..0 };
        Children { open, low, high }
    }

    /// The children of a prefix that lacks `missing` questions, as far as `subtree` reaches.
    fn children_within(&self, open: Open, prefix: &Prefix, missing: usize, subtree: &Subtree) -> Vec<Child> {
        let (mut sum, mut first) = (0.0, 0u128);
        let mut children: Vec<Child> = self
            .children(open, prefix)
            .filter_map(|(column, after)| {
                let sets = binomial(after.low + after.high, missing - 1);
                let (within, sets) = match (&subtree.within, sets) {
                    // Every set has the question.
                    (Some(within), _) if prefix.lacks_fixed() => {
                        (Some(within.clone()), Some(within.end - within.start))
                    }
                    // Of less than all sets, which are counted before they are cut.
                    (Some(within), Some(sets)) => {
                        let start = within.start.saturating_sub(first);
                        let end = within.end.saturating_sub(first).min(sets);
                        first += sets;
                        if start >= end {
                            return None;
                        }
                        let is_all = start == 0 && end == sets;
                        ((!is_all).then_some(start..end), Some(end - start))
                    }
                    (_, sets) => (None, sets),
                };
                // Closed questions have their positions all the same.
                if self.is_closed(prefix, column) {
                    return None;
                }
                let share = sets.map_or(f64::INFINITY, |sets| sets as f64);
                sum += share;
                Some(Child { column, open: after, subtree: Subtree { within, share } })
            })
            .collect();
        let count = children.len() as f64;
        for child in &mut children {
            let share = if sum.is_finite() { child.subtree.share / sum.max(1.0) } else { 1.0 / count };
            child.subtree.share = share * subtree.share;
        }
        children
    }

    fn push(&self, prefix: &mut Prefix, column: Column) {
        prefix.questions.push(self.questions.id(column));
        prefix.low += usize::from(matches!(column, Column::Low(_)));
        if let Some(rules) = self.rules {
            prefix.standing.push(rules, self.questions.place(column));
        }
    }

    fn pop(&self, prefix: &mut Prefix, column: Column) {
        prefix.questions.pop();
        prefix.low -= usize::from(matches!(column, Column::Low(_)));
        if let Some(rules) = self.rules {
            prefix.standing.pop(rules);
        }
    }

    /// Whether no set has this question beside the prefix.
    fn is_closed(&self, prefix: &Prefix, column: Column) -> bool {
        let is_closed = |rules| prefix.standing.is_closed(rules, self.questions.place(column));
        !prefix.lacks_fixed() && self.rules.is_some_and(is_closed)
    }

    /// The lanes of a part that no set has beside the prefix.
    #[inline(always)]
    fn closed_lanes(&self, prefix: &Prefix, layout: Layout, part: usize) -> u16 {
        let Some(rules) = self.rules else { return 0 };
        layout.bits(part, |column| prefix.standing.lanes(rules, self.questions.place(column)))
    }

    /// Takes the first of `parts` that has a leaf, and those that do behind it.
    #[inline(always)]
    fn open_stretch(
        &self,
        Leaves { database, prefix, end, .. }: Leaves<'_, S>,
        lanes: &Lanes,
        parts: &mut Range<usize>,
    ) -> Range<usize> {
        if self.rules.is_none() {
            return std::mem::take(parts);
        }
        let layout = S::layout(database);
        let is_open = |&part: &usize| lanes.open(part, end) & !self.closed_lanes(prefix, layout, part) != 0;
        let first = parts.clone().find(is_open).unwrap_or(parts.end);
        let last = (first..parts.end).find(|part| !is_open(part)).unwrap_or(parts.end);
        parts.start = last;
        first..last
    }

    /// Splits the subtree of `prefix`, whose common users are the given number in a database, into parts worth a
    /// hand-over, and walks those. `share` is that of users who answered the last question: about as many of these will
    /// have answered the next.
    fn explore<C: Collector>(
        &self,
        (database, users): (&S::Database, usize),
        prefix: &Prefix,
        share: f64,
        subtree: Subtree,
        mut collector: C,
        empty: &(impl Fn() -> C + Sync),
    ) -> C {
        let layout = S::layout(database);
        let open = layout.open();
        let missing = self.request.k - prefix.len();
        if missing == 1 {
            let extension = &self.scores.extend_by_none();
            let end = layout.leaf_lanes(open, true);
            let of = Leaves { database, extension, users, end, prefix, kept: subtree.leaves(open) };
            let mut scratch = Scratch::default();
            scratch.lay(self.questions, layout);
            self.isa.run(Root { tree: self, of, scratch: &mut scratch, sink: &mut collector });
            self.control.advance(subtree.share);
            return collector;
        }
        let leaf_users = users as f64 * share.powi(missing as i32 - 1);
        let sets = match &subtree.within {
            Some(within) => (within.end - within.start) as f64,
            None => many(open.low + open.high, missing),
        };
        let is_serial = sets * leaf_users.max(LEAST_LEAF_USERS) * S::COST as f64 <= SERIAL_WORK as f64;
        if subtree.within.is_none() && is_serial {
            let mut levels: Vec<Level<S>> = (1..missing).map(|_| Level::default()).collect();
            self.descend(database, &mut prefix.clone(), &mut levels, &mut Scratch::default(), &mut collector);
            self.control.advance(subtree.share);
            return collector;
        }
        // What is cut short is split down to where it is cut: below that, all is walked.
        let children = self.children_within(open, prefix, missing, &subtree);
        let walk = |mut collector, child: usize| {
            if self.control.is_stopped() {
                return collector;
            }
            let Child { column, open: after, ref subtree } = children[child];
            let mut level = Level::default();
            let mut prefix = prefix.clone();
            if missing == 2 {
                let (child, scratch) = (Children::only(open, column), &mut Scratch::default());
                let (kept, extension) = (subtree.leaves(after), &mut level.extension);
                self.finish(database, (child, kept), &mut prefix, extension, scratch, &mut collector);
                self.control.advance(subtree.share);
                return collector;
            }
            self.push(&mut prefix, column);
            let common = self.project(database, column, after, &prefix, &mut level);
            if common >= self.request.least_users() {
                let share = common as f64 / users as f64;
                let subtree = subtree.clone();
                collector =
                    self.explore((&level.database, common), &prefix, share, subtree, collector, empty);
            } else {
                self.control.advance(subtree.share);
            }
            collector
        };
        if is_serial {
            return (0..children.len()).fold(collector, walk);
        }
        let merge = |mut collector: C, later| {
            collector.merge(later);
            collector
        };
        let sets = |child: usize| children[child].subtree.share;
        let found = self.control.fold(0..children.len(), sets, empty, walk, merge);
        merge(collector, found)
    }

    /// Walks the subtree of `prefix` on this thread. `levels` has one entry for each question still to be chosen
    /// before the leaf.
    fn descend(
        &self,
        database: &S::Database,
        prefix: &mut Prefix,
        levels: &mut [Level<S>],
        scratch: &mut Scratch<S>,
        sink: &mut dyn Sink,
    ) {
        let children = self.children(S::layout(database).open(), prefix);
        match levels {
            [] => {}
            [last] => {
                self.finish(database, (children, Kept::ALL), prefix, &mut last.extension, scratch, sink);
            }
            [level, deeper @ ..] => {
                for (column, open) in children {
                    if self.control.is_stopped() {
                        return;
                    }
                    if self.is_closed(prefix, column) {
                        continue;
                    }
                    self.push(prefix, column);
                    if self.project(database, column, open, prefix, level) >= self.request.least_users() {
                        self.descend(&level.database, prefix, deeper, scratch, sink);
                    }
                    self.pop(prefix, column);
                }
            }
        }
    }

    /// Makes the database of `prefix`, which extends that of `database` by `column`, unless it has too few users;
    /// returns how many it has.
    fn project(
        &self,
        database: &S::Database,
        column: Column,
        open: Open,
        prefix: &Prefix,
        level: &mut Level<S>,
    ) -> usize {
        self.isa.run(Project { tree: self, database, column, open, prefix, level })
    }

    /// Looks at the `kept` leaves of the given children of `prefix`, which lacks two questions.
    fn finish(
        &self,
        database: &S::Database,
        (children, kept): (Children, Kept),
        prefix: &mut Prefix,
        extension: &mut S::Extension,
        scratch: &mut Scratch<S>,
        sink: &mut dyn Sink,
    ) {
        self.isa.run(Finish { tree: self, database, children, kept, prefix, extension, scratch, sink });
    }

    #[inline(always)]
    fn leaves<I: Isa>(&self, isa: I, of: Leaves<'_, S>, scratch: &mut Scratch<S>, sink: &mut dyn Sink) {
        let Leaves { database, extension, users, end, prefix, .. } = of;
        let layout = S::layout(database);
        let Scratch { lanes, sums, set } = scratch;
        let mut parts = 0..end.div_ceil(PART);
        while !parts.is_empty() {
            let open = self.open_stretch(of, lanes, &mut parts);
            self.scores.sum(isa, database, extension, open.clone(), &mut sums[open]);
        }
        let bar = Bar {
            least_users: i32::try_from(self.request.least_users()).unwrap_or(i32::MAX),
            threshold: sink.threshold(),
            side: self.scores.side(self.request.rank_by),
        };
        let filter = self.scores.filter(bar, database, users);
        // Looked at once for all parts, as nearly always neither shares nor constraints leave sets out.
        let is_free = self.rules.is_none() && of.kept.is_all();
        // From the last part to the first, because positions descend where the order of the sets matters.
        for part in (0..end.div_ceil(PART)).rev() {
            let mut open = lanes.open(part, end);
            if !is_free {
                open &= of.kept.lanes(part) & !self.closed_lanes(prefix, layout, part);
            }
            if open == 0 {
                continue;
            }
            let candidates = S::candidates(isa, filter, &sums[part]) & open;
            if candidates == 0 {
                continue;
            }
            let (leaf, questions) = ((database, extension), lanes.questions(part));
            let set_questions = (prefix.questions.as_slice(), questions);
            let candidates = self.scores.look_closer(filter, leaf, (part, candidates), set_questions);
            if candidates == 0 {
                continue;
            }
            let candidates = Candidates { part, questions, lanes: candidates };
            match sink.all() {
                Some(all) => isa.run(Offer { tree: self, leaf: of, candidates, sums, set, all }),
                None => self.offer(of, candidates, (sums, set), sink),
            }
        }
    }

    /// Offers the candidates of a part to the collector, the last one first.
    #[cold]
    fn offer(
        &self,
        leaf: Leaves<'_, S>,
        mut candidates: Candidates<'_>,
        (sums, set): (&[S::Sums], &mut Vec<u32>),
        sink: &mut dyn Sink,
    ) {
        while let Some(lane) = candidates.pop() {
            let (correlations, n_users) = self.correlations(leaf, &candidates, lane, sums, set);
            sink.push(set, correlations, n_users);
        }
    }

    /// What to report of a candidate, which `set` becomes, and its number of users.
    fn correlations(
        &self,
        leaf: Leaves<'_, S>,
        candidates: &Candidates<'_>,
        lane: usize,
        sums: &[S::Sums],
        set: &mut Vec<u32>,
    ) -> (Correlations, u32) {
        let Candidates { part, questions, .. } = *candidates;
        set.clear();
        set.extend_from_slice(&leaf.prefix.questions);
        set.push(questions[lane]);
        set.sort_unstable();
        self.scores.correlations((leaf.database, leaf.extension), &sums[part], (part, lane), set)
    }
}

/// The sets of a prefix and some questions of a part, at least one.
#[derive(Clone, Copy)]
struct Candidates<'a> {
    part: usize,
    /// Of the lanes of the part.
    questions: &'a [u32; PART],
    /// Which of them are meant, a bit each.
    lanes: u16,
}

impl Candidates<'_> {
    /// Takes the last lane out.
    fn pop(&mut self) -> Option<usize> {
        let last = self.lanes.checked_ilog2()?;
        self.lanes ^= 1 << last;
        Some(last as usize)
    }
}

/// The candidates of a part to a collector that takes siblings at once. Where it does, all questions are high, so that a
/// prefix and each of its leaves ascend, and leaves do from the last lane to the first.
struct Offer<'a, 'b, S: Scores> {
    tree: &'a Tree<'b, S>,
    leaf: Leaves<'a, S>,
    candidates: Candidates<'a>,
    sums: &'a [S::Sums],
    set: &'a mut Vec<u32>,
    all: &'a mut All,
}

impl<S: Scores> Kernel for Offer<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { tree, leaf, candidates, sums, set, all } = self;
        let sums_of_part = &sums[candidates.part];
        let columns = all.columns();
        let of_lanes = |is_made, side| {
            if is_made {
                tree.scores.lane_correlations(isa, sums_of_part, side)
            } else {
                LaneCorrelations::NONE
            }
        };
        // Not in a loop, so that each is compiled for itself.
        let (r, r_rest) = (of_lanes(columns.r, Side::Total), of_lanes(columns.r_rest, Side::Rest));
        let alpha =
            if columns.alpha { tree.scores.lane_alphas(isa, sums_of_part) } else { LaneCorrelations::NONE };
        let settled = r.settled() & r_rest.settled() & alpha.settled();
        let (mut r, mut r_rest, mut alpha) = (r.values, r_rest.values, alpha.values);
        let mut unsettled = Candidates { lanes: candidates.lanes & !settled, ..candidates };
        while let Some(lane) = unsettled.pop() {
            let (correlations, _) = tree.correlations(leaf, &candidates, lane, sums, set);
            r[lane] = correlations.r.unwrap_or(f64::NAN);
            r_rest[lane] = correlations.r_rest.unwrap_or(f64::NAN);
            alpha[lane] = correlations.alpha.unwrap_or(f64::NAN);
        }
        let mut last = *candidates.questions;
        let mut n_users = S::lane_users(&sums[candidates.part]);
        let lanes = candidates.lanes;
        let rows = ascending(&mut last, lanes);
        ascending(&mut n_users, lanes);
        ascending(&mut r, lanes);
        ascending(&mut r_rest, lanes);
        ascending(&mut alpha, lanes);
        all.push_siblings(&Siblings {
            prefix: &leaf.prefix.questions,
            last: &last[rows.clone()],
            r: &r[rows.clone()],
            r_rest: &r_rest[rows.clone()],
            alpha: &alpha[rows.clone()],
            n_users: &n_users[rows],
        });
    }
}

/// Brings the values of `lanes` into the order from the last lane to the first; returns where they stand then.
#[inline(always)]
fn ascending<T: Copy>(values: &mut [T; PART], lanes: u16) -> Range<usize> {
    values.reverse();
    let lanes = lanes.reverse_bits();
    let (start, count) = (lanes.trailing_zeros() as usize, lanes.count_ones() as usize);
    if (lanes.unbounded_shr(start as u32) as usize) + 1 == 1 << count {
        return start..start + count;
    }
    let mut end = 0;
    for lane in 0..PART {
        // Written whether it is one of them or not: which one is, is not to be predicted.
        values[end % PART] = values[lane];
        end += usize::from(lanes >> lane & 1);
    }
    0..count
}

/// A prefix whose common users are `extension`, so many users of `database`, and what can follow it.
struct Leaves<'a, S: Scores> {
    database: &'a S::Database,
    extension: &'a S::Extension,
    users: usize,
    /// The lanes below which the leaves are.
    end: usize,
    prefix: &'a Prefix,
    /// The leaves that are asked for, where all questions are high.
    kept: Kept,
}

impl<S: Scores> Clone for Leaves<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scores> Copy for Leaves<'_, S> {}

/// See [`Tree::leaves`], of the empty prefix.
struct Root<'a, 'b, S: Scores> {
    tree: &'a Tree<'b, S>,
    of: Leaves<'a, S>,
    scratch: &'a mut Scratch<S>,
    sink: &'a mut dyn Sink,
}

impl<S: Scores> Kernel for Root<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        self.tree.leaves(isa, self.of, self.scratch, self.sink);
    }
}

/// See [`Tree::project`].
struct Project<'a, 'b, S: Scores> {
    tree: &'a Tree<'b, S>,
    database: &'a S::Database,
    column: Column,
    open: Open,
    prefix: &'a Prefix,
    level: &'a mut Level<S>,
}

impl<S: Scores> Kernel for Project<'_, '_, S> {
    type Output = usize;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> usize {
        let Self { tree, database: parent, column, open, prefix, level } = self;
        let Level { extension, database } = level;
        let users = tree.scores.extend(isa, parent, column, extension);
        if users >= tree.request.least_users() {
            let is_last = prefix.len() + 2 == tree.request.k;
            let next = prefix.next();
            let layout =
                if S::JOINS && is_last { Layout::joined(open, next) } else { Layout::apart(open, next) };
            tree.scores.project(isa, parent, extension, layout, next, database);
        }
        users
    }
}

/// See [`Tree::finish`].
struct Finish<'a, 'b, S: Scores> {
    tree: &'a Tree<'b, S>,
    database: &'a S::Database,
    children: Children,
    kept: Kept,
    prefix: &'a mut Prefix,
    extension: &'a mut S::Extension,
    scratch: &'a mut Scratch<S>,
    sink: &'a mut dyn Sink,
}

impl<S: Scores> Kernel for Finish<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { tree, database, children, kept, prefix, extension, scratch, sink } = self;
        let layout = S::layout(database);
        scratch.lay(tree.questions, layout);
        for (column, open) in children {
            if tree.is_closed(prefix, column) {
                continue;
            }
            let users = tree.scores.extend(isa, database, column, extension);
            if users < tree.request.least_users() {
                continue;
            }
            tree.push(prefix, column);
            let end = layout.leaf_lanes(open, prefix.is_even());
            tree.leaves(isa, Leaves { database, extension, users, end, prefix, kept }, scratch, sink);
            tree.pop(prefix, column);
        }
    }
}

/// Makes `values` at least `length` long. Never shorter, so that a database used again writes only what it needs.
pub fn grow<T: Copy + Default>(values: &mut Vec<T>, length: usize) {
    if values.len() < length {
        values.resize(length, T::default());
    }
}
