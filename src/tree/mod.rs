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
mod leaves;
mod scores;
mod screen;
mod subtree;

use std::ops::Range;

use crate::combinations::{binomial, many};
use crate::error::{Error, Result};
use crate::isa::{InstructionSet, Isa, Kernel};
use crate::ranking::{Collector, Sink};
use crate::search::{Blueprint, Control, Request, Rules, Run, Space, Standing};

pub use filter::{AlphaBar, Bar, is_exact};
pub use halves::{Column, Questions};
pub use layout::{Layout, Open};
use leaves::{Leaves, Root, Scratch};
pub use scores::{Next, Scores};
pub use screen::{Before, FAR_SHARES, Near};
use screen::{Marked, Node, Screen};
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
    screen: Screen,
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
        Ok(Self { isa, scores, request, space, questions, rules, database, screen: Screen::default() })
    }

    /// Walks the sets of `run` into collectors made by `empty`.
    pub fn search<C: Collector>(&self, run: &Run, empty: impl Fn() -> C + Sync) -> Result<C> {
        let is_empty = run.within.as_ref().is_some_and(Range::is_empty);
        let standing = self.rules.as_ref().map_or(Some(Standing::default()), Rules::start);
        let standing = standing.filter(|_| !is_empty && self.scores.users() >= self.request.least_users());
        let Some(standing) = standing else {
            run.control.advance(1.0);
            return Ok(empty());
        };
        let Self { isa, scores, request, space, questions, rules, database, screen } = self;
        let rules = rules.as_ref();
        let tree =
            Tree { isa: *isa, scores: *scores, request, questions, rules, control: run.control, screen };
        let subtree = Subtree { within: run.within.clone(), share: 1.0 };
        let prefix = Prefix { fixed: space.fixed, standing, ..Prefix::default() };
        let node = Node { database, before: None };
        let found = tree.explore((node, scores.users()), &prefix, 1.0, subtree, empty(), &empty);
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
    /// What its questions close. Of prefixes that lack one question the last is not always among these, see
    /// [`Leaves::is_tracked`].
    standing: Standing,
}

impl Prefix {
    /// Chooses a question, but for `standing`.
    fn push(&mut self, question: u32, column: Column) {
        self.questions.push(question);
        self.low += usize::from(matches!(column, Column::Low(_)));
    }

    fn pop(&mut self, column: Column) {
        self.questions.pop();
        self.low -= usize::from(matches!(column, Column::Low(_)));
    }

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
    /// Of the database before it.
    marked: Marked<S>,
}

impl<S: Scores> Default for Level<S> {
    fn default() -> Self {
        Self {
            extension: S::Extension::default(),
            database: S::Database::default(),
            marked: Marked::default(),
        }
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
    screen: &'a Screen,
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
        prefix.push(self.questions.id(column), column);
        if let Some(rules) = self.rules {
            prefix.standing.push(rules, self.questions.place(column));
        }
    }

    fn pop(&self, prefix: &mut Prefix, column: Column) {
        prefix.pop(column);
        if let Some(rules) = self.rules {
            prefix.standing.pop(rules);
        }
    }

    /// Whether no set has this question beside the prefix.
    fn is_closed(&self, prefix: &Prefix, column: Column) -> bool {
        let is_closed = |rules| prefix.standing.is_closed(rules, self.questions.place(column));
        !prefix.lacks_fixed() && self.rules.is_some_and(is_closed)
    }

    /// Splits the subtree of `prefix`, whose common users are the given number in a database, into parts worth a
    /// hand-over, and walks those. `share` is that of users who answered the last question: about as many of these will
    /// have answered the next.
    fn explore<C: Collector>(
        &self,
        (node, users): (Node<'_, S>, usize),
        prefix: &Prefix,
        share: f64,
        subtree: Subtree,
        mut collector: C,
        empty: &(impl Fn() -> C + Sync),
    ) -> C {
        let database = node.database;
        let layout = S::layout(database);
        let open = layout.open();
        let missing = self.request.k - prefix.len();
        if missing == 1 {
            let extension = &self.scores.extend_by_none();
            let end = layout.leaf_lanes(open, true);
            let (kept, is_tracked) = (subtree.leaves(open), self.rules.is_some());
            let of = Leaves { node, extension, users, end, prefix, kept, is_tracked };
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
            let (mut prefix, mut scratch) = (prefix.clone(), Scratch::default());
            let mut levels: Vec<Level<S>> = (1..missing).map(|_| Level::default()).collect();
            if let [last] = &mut levels[..] {
                let leaves = (self.children(open, &prefix), Kept::ALL);
                self.finish(node, leaves, &mut prefix, &mut last.extension, &mut scratch, &mut collector);
            } else {
                self.descend(database, &mut prefix, &mut levels, &mut scratch, &mut collector);
            }
            self.control.advance(subtree.share);
            return collector;
        }
        // What is cut short is split down to where it is cut: below that, all is walked.
        let children = self.children_within(open, prefix, missing, &subtree);
        if children.is_empty() {
            self.control.advance(subtree.share);
            return collector;
        }
        let mut marked = Marked::default();
        if missing == 3 {
            marked.mark(self, database, &mut collector);
        }
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
                self.finish(node, (child, kept), &mut prefix, extension, scratch, &mut collector);
                self.control.advance(subtree.share);
                return collector;
            }
            self.push(&mut prefix, column);
            let before = marked.before(self, database, column);
            let common = self.project(database, before.as_ref(), column, after, &prefix, &mut level);
            if common >= self.request.least_users() {
                let share = common as f64 / users as f64;
                let (node, subtree) = (Node { database: &level.database, before }, subtree.clone());
                collector = self.explore((node, common), &prefix, share, subtree, collector, empty);
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

    // A walk has a place on the stack for each question of a prefix: so whatever else takes room there is a function of its own.

    /// Walks the subtree of `prefix` on this thread. `levels` has one entry for each question still to be chosen
    /// before the leaf, at least two.
    fn descend(
        &self,
        database: &S::Database,
        prefix: &mut Prefix,
        levels: &mut [Level<S>],
        scratch: &mut Scratch<S>,
        sink: &mut dyn Sink,
    ) {
        if levels.len() == 2 {
            return self.descend_to_leaves(database, prefix, levels, scratch, sink);
        }
        let [level, deeper @ ..] = levels else { return };
        for (column, open) in self.children(S::layout(database).open(), prefix) {
            if self.control.is_stopped() {
                return;
            }
            if self.is_closed(prefix, column) {
                continue;
            }
            self.push(prefix, column);
            if self.project(database, None, column, open, prefix, level) >= self.request.least_users() {
                self.descend(&level.database, prefix, deeper, scratch, sink);
            }
            self.pop(prefix, column);
        }
    }

    /// The same for a prefix that lacks three questions.
    #[inline(never)]
    fn descend_to_leaves(
        &self,
        database: &S::Database,
        prefix: &mut Prefix,
        levels: &mut [Level<S>],
        scratch: &mut Scratch<S>,
        sink: &mut dyn Sink,
    ) {
        let [level, last] = levels else { return };
        let mut marked = std::mem::take(&mut level.marked);
        marked.mark(self, database, sink);
        for (column, open) in self.children(S::layout(database).open(), prefix) {
            if self.control.is_stopped() {
                return;
            }
            if self.is_closed(prefix, column) {
                continue;
            }
            self.push(prefix, column);
            let before = marked.before(self, database, column);
            let users = self.project(database, before.as_ref(), column, open, prefix, level);
            if users >= self.request.least_users() {
                let node = Node { database: &level.database, before };
                let children = self.children(S::layout(node.database).open(), prefix);
                self.finish(node, (children, Kept::ALL), prefix, &mut last.extension, scratch, sink);
            }
            self.pop(prefix, column);
        }
        level.marked = marked;
    }

    /// Makes the database of `prefix`, which extends that of `database` by a column, unless it has too few users; returns how
    /// many it has. It is one of far users if `before` says so.
    #[inline(never)]
    fn project(
        &self,
        database: &S::Database,
        before: Option<&Before<'_, S>>,
        column: Column,
        open: Open,
        prefix: &Prefix,
        level: &mut Level<S>,
    ) -> usize {
        if S::SCREENS && before.is_some() {
            let project = Project::<S, true> { tree: self, database, before, column, open, prefix, level };
            self.isa.run(project)
        } else {
            let project = Project::<S, false> { tree: self, database, before, column, open, prefix, level };
            self.isa.run(project)
        }
    }
}

/// See [`Tree::project`]. Compiled for databases of all users and of far ones, each for itself: as a branch in one function it
/// cost the search 4 %.
struct Project<'a, 'b, S: Scores, const BY_FAR: bool> {
    tree: &'a Tree<'b, S>,
    database: &'a S::Database,
    before: Option<&'a Before<'a, S>>,
    column: Column,
    open: Open,
    prefix: &'a Prefix,
    level: &'a mut Level<S>,
}

impl<S: Scores, const BY_FAR: bool> Kernel for Project<'_, '_, S, BY_FAR> {
    type Output = usize;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> usize {
        let Self { tree, database: parent, before, column, open, prefix, level } = self;
        let Level { extension, database, .. } = level;
        let users = match before {
            Some(before) if BY_FAR => tree.scores.extend_by_far(isa, parent, column, before.far, extension),
            _ => tree.scores.extend(isa, parent, column, extension),
        };
        if users >= tree.request.least_users() {
            let missing = tree.request.k - prefix.len();
            // The near users of any set are looked for in the database before the last.
            let next =
                if S::SCREENS && missing == 3 { Next { low: true, high: true } } else { prefix.next() };
            let layout =
                if S::JOINS && missing == 2 { Layout::joined(open, next) } else { Layout::apart(open, next) };
            tree.scores.project(isa, parent, extension, layout, next, database);
        }
        users
    }
}

/// Makes `values` at least `length` long. Never shorter, so that a database used again writes only what it needs.
pub fn grow<T: Copy + Default>(values: &mut Vec<T>, length: usize) {
    if values.len() < length {
        values.resize(length, T::default());
    }
}
