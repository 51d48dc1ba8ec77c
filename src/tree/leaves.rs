//! What is done at the prefixes that lack one question: all their leaves are looked at together.

use std::ops::Range;

use crate::isa::{Isa, Kernel, PART};
use crate::moments::{Correlations, LaneCorrelations, Side};
use crate::ranking::{All, Siblings, Sink};
use crate::search::{Rules, Standing};

use super::filter::Bar;
use super::halves::Questions;
use super::layout::{Lanes, Layout};
use super::scores::Scores;
use super::screen::{Before, Node};
use super::subtree::{Children, Kept};
use super::{Prefix, Tree, grow};

/// What one thread needs to look at leaves, allocated once.
pub struct Scratch<S: Scores> {
    lanes: Lanes,
    /// For each part its lanes that are leaves of the prefix, a bit each, with some that rules leave out.
    open: Vec<u16>,
    sums: Vec<S::Sums>,
    set: Vec<u32>,
    /// How many sets of far users had to be completed.
    completed: usize,
    /// Behind the last question of a prefix, where that is not taken into account before something is found.
    standing: Standing,
}

impl<S: Scores> Default for Scratch<S> {
    fn default() -> Self {
        Self {
            lanes: Lanes::default(),
            open: Vec::new(),
            sums: Vec::new(),
            set: Vec::new(),
            completed: 0,
            standing: Standing::default(),
        }
    }
}

impl<S: Scores> Scratch<S> {
    /// Before leaves of prefixes of a database are looked at.
    pub fn lay(&mut self, questions: &Questions, layout: Layout) {
        questions.lay(layout, &mut self.lanes);
        grow(&mut self.sums, layout.parts());
    }
}

impl<S: Scores> Tree<'_, S> {
    /// Looks at the `kept` leaves of the given children of `prefix`, which lacks two questions.
    pub fn finish(
        &self,
        node: Node<'_, S>,
        (children, kept): (Children, Kept),
        prefix: &mut Prefix,
        extension: &mut S::Extension,
        scratch: &mut Scratch<S>,
        sink: &mut dyn Sink,
    ) {
        if S::SCREENS && node.before.is_some() {
            let tree = self;
            let finish = Finish::<S, true> { tree, node, children, kept, prefix, extension, scratch, sink };
            self.isa.run(finish);
        } else {
            let tree = self;
            let finish = Finish::<S, false> { tree, node, children, kept, prefix, extension, scratch, sink };
            self.isa.run(finish);
        }
    }

    /// The lanes of a part that are closed.
    #[inline(always)]
    fn closed_lanes(&self, rules: &Rules, standing: &Standing, layout: Layout, part: usize) -> u16 {
        layout.bits(part, |column| standing.lanes(rules, self.questions.place(column)))
    }

    #[inline(always)]
    fn leaves<I: Isa, const BY_FAR: bool>(
        &self,
        isa: I,
        of: Leaves<'_, S>,
        scratch: &mut Scratch<S>,
        sink: &mut dyn Sink,
    ) {
        let Leaves { node: Node { database, before }, extension, users, end, prefix, .. } = of;
        let layout = S::layout(database);
        let Scratch { lanes, open, sums, set, completed, standing } = scratch;
        let parts = 0..end.div_ceil(PART);
        open.clear();
        open.extend(parts.clone().map(|part| lanes.open(part, end)));
        if let Some(rules) = self.rules
            && of.is_tracked
        {
            for (part, open) in open.iter_mut().enumerate() {
                *open &= !self.closed_lanes(rules, &prefix.standing, layout, part);
            }
            let mut parts = parts.clone();
            while let Some(first) = parts.find(|&part| open[part] != 0) {
                let last = parts.find(|&part| open[part] == 0).unwrap_or(parts.end);
                self.scores.sum(isa, database, extension, first..last, &mut sums[first..last]);
            }
        } else {
            self.scores.sum(isa, database, extension, parts.clone(), &mut sums[parts.clone()]);
        }
        let bar = Bar {
            least_users: i32::try_from(self.request.least_users()).unwrap_or(i32::MAX),
            threshold: sink.threshold(),
            side: self.scores.side(self.request.rank_by),
        };
        let filter = self.scores.filter(bar, database, users);
        // Whether `standing` is that behind the last question of the prefix.
        let mut is_known = false;
        // From the last part to the first, because positions descend where the order of the sets matters.
        for part in parts.rev() {
            let open = open[part];
            if open == 0 {
                continue;
            }
            let candidates = if BY_FAR {
                S::candidates_by_far(isa, filter, &sums[part])
            } else {
                S::candidates(isa, filter, &sums[part])
            };
            let mut candidates = candidates & open & of.kept.lanes(part);
            if candidates == 0 {
                continue;
            }
            if let Some(rules) = self.rules
                && !of.is_tracked
            {
                if !is_known {
                    let place = |&id: &u32| self.questions.place(self.questions.column(id as usize));
                    standing.become_longer(&prefix.standing, rules, prefix.questions.last().map(place));
                    is_known = true;
                }
                candidates &= !self.closed_lanes(rules, standing, layout, part);
                if candidates == 0 {
                    continue;
                }
            }
            let questions = lanes.questions(part);
            let (leaf, of_sets) = ((database, extension), (&prefix.questions[..], questions));
            let candidates = self.scores.look_closer(filter, leaf, (part, candidates), of_sets);
            if candidates == 0 {
                continue;
            }
            let mut candidates = Candidates { part, questions, lanes: candidates };
            if BY_FAR && let Some(before) = before {
                *completed += candidates.lanes.count_ones() as usize;
                let (least_users, sums) = (bar.least_users, &mut sums[part]);
                candidates.lanes &=
                    isa.run(Complete { tree: self, before, prefix, candidates, least_users, filter, sums });
                if candidates.lanes == 0 {
                    continue;
                }
            }
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
        self.scores.correlations((leaf.node.database, leaf.extension), &sums[part], (part, lane), set)
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
pub struct Leaves<'a, S: Scores> {
    pub node: Node<'a, S>,
    pub extension: &'a S::Extension,
    pub users: usize,
    /// The lanes below which the leaves are.
    pub end: usize,
    pub prefix: &'a Prefix,
    /// The leaves that are asked for, where all questions are high.
    pub kept: Kept,
    /// Whether it is known what all questions of the prefix close.
    pub is_tracked: bool,
}

impl<S: Scores> Clone for Leaves<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Scores> Copy for Leaves<'_, S> {}

/// Completes the sums of candidates by their near users, and tells which still are candidates.
struct Complete<'a, 'b, S: Scores> {
    tree: &'a Tree<'b, S>,
    before: Before<'a, S>,
    prefix: &'a Prefix,
    candidates: Candidates<'a>,
    least_users: i32,
    filter: S::Filter,
    sums: &'a mut S::Sums,
}

impl<S: Scores> Kernel for Complete<'_, '_, S> {
    type Output = u16;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> u16 {
        let Self { tree, before, prefix, mut candidates, least_users, filter, sums } = self;
        let column = |&question: &u32| tree.questions.column(question as usize);
        let Some(last) = prefix.questions.last().map(column) else { return 0 };
        let mut completed = 0;
        while let Some(lane) = candidates.pop() {
            let leaf = column(&candidates.questions[lane]);
            let is_complete = tree.scores.add_near(before, [last, leaf], least_users, (lane, sums));
            completed |= u16::from(is_complete) << lane;
        }
        if completed == 0 {
            return 0;
        }
        S::candidates(isa, filter, sums) & completed
    }
}

/// See [`Tree::leaves`], of the empty prefix.
pub struct Root<'a, 'b, S: Scores> {
    pub tree: &'a Tree<'b, S>,
    pub of: Leaves<'a, S>,
    pub scratch: &'a mut Scratch<S>,
    pub sink: &'a mut dyn Sink,
}

impl<S: Scores> Kernel for Root<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        self.tree.leaves::<I, false>(isa, self.of, self.scratch, self.sink);
    }
}

/// See [`Tree::finish`].
struct Finish<'a, 'b, S: Scores, const BY_FAR: bool> {
    tree: &'a Tree<'b, S>,
    node: Node<'a, S>,
    children: Children,
    kept: Kept,
    prefix: &'a mut Prefix,
    extension: &'a mut S::Extension,
    scratch: &'a mut Scratch<S>,
    sink: &'a mut dyn Sink,
}

impl<S: Scores, const BY_FAR: bool> Kernel for Finish<'_, '_, S, BY_FAR> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { tree, node, children, kept, prefix, extension, scratch, sink } = self;
        let database = node.database;
        let layout = S::layout(database);
        scratch.lay(tree.questions, layout);
        scratch.completed = 0;
        let mut looked_at = 0;
        // A part is left out where all its lanes are closed, for which, but in a last part of few, it takes as many closed
        // questions. Until then what the last one closes is only looked up where something is found, unless that is every set:
        // looked up at each prefix, rules that leave nearly all sets made a search of sets with six users each 7 to 15 % slower.
        let is_tracked =
            tree.rules.is_some_and(|rules| prefix.standing.closed(rules) >= PART || sink.all().is_some());
        for (column, open) in children {
            if tree.is_closed(prefix, column) {
                continue;
            }
            let users = tree.scores.extend(isa, database, column, extension);
            if users < tree.request.least_users() {
                continue;
            }
            if is_tracked {
                tree.push(prefix, column);
            } else {
                prefix.push(tree.questions.id(column), column);
            }
            let end = layout.leaf_lanes(open, prefix.is_even());
            let leaves = Leaves { node, extension, users, end, prefix, kept, is_tracked };
            tree.leaves::<I, BY_FAR>(isa, leaves, scratch, sink);
            if is_tracked {
                tree.pop(prefix, column);
            } else {
                prefix.pop(column);
            }
            looked_at += end;
        }
        if S::SCREENS {
            tree.screen.learn(BY_FAR, looked_at, scratch.completed);
        }
    }
}
