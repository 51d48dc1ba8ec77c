//! Every set, by moments: sets are the paths of a tree, as in `tree`, but a prefix keeps sums, and not users. The last
//! question of all sets of a prefix is one step, in lanes.
//!
//! What the sums are of, and what they tell of a set, [`Sums`] says: of integers by answer pattern (`booklets`), or of
//! complete answers with float scores (`complete`).

use std::ops::Range;

use crate::combinations::{binomial, many};
use crate::isa::{InstructionSet, Isa, Kernel};
use crate::moments::{Correlations, LaneCorrelations, RankBy, Side};
use crate::ranking::{All, Collector, Siblings};
use crate::search::{Blueprint, Control, Part, Path, Request, Run, Space, is_parallel};

/// Sets whose sums are made at once: 64-bit numbers in a 512-bit register.
pub const LANES: usize = 8;

/// Sets × [work](Sums::work) below which a subtree stays on its thread: some ten milliseconds.
const SERIAL_WORK: u128 = 1 << 22;

/// Sums that add up by question.
///
/// Where methods are generic over [`Isa`], they must be `#[inline(always)]`.
pub trait Sums: Sync {
    /// Those of a prefix, and what the next question adds to them.
    type Node: Clone + Default + Send + Sync;

    /// Those of the sets that a prefix and each of [`LANES`] questions make.
    type Lanes: Copy;

    /// Of no question.
    fn root(&self) -> Self::Node;

    /// Time for one set, 1 for the fastest.
    fn work(&self, node: &Self::Node) -> u128;

    /// The common users of a prefix.
    fn users(&self, node: &Self::Node) -> usize;

    /// Makes `child` that of `parent` with one question more, of which only those behind it will be asked for.
    fn project(&self, parent: &Self::Node, question: usize, child: &mut Self::Node);

    /// With each question from `first` on. What lanes behind the last question hold is not looked at.
    fn lanes<I: Isa>(&self, isa: I, node: &Self::Node, first: usize) -> Self::Lanes;

    fn lane_users(&self, lanes: &Self::Lanes) -> [u32; LANES];

    /// One correlation of the sets, as far as it is certain.
    fn lane_correlations<I: Isa>(&self, isa: I, lanes: &Self::Lanes, side: Side) -> LaneCorrelations<LANES>;

    /// Cronbach's α of the sets, of `k` questions, as far as it is certain. `lanes` are the [`lanes`](Self::lanes) of the others.
    fn lane_alphas<I: Isa>(
        &self,
        isa: I,
        of: (&Self::Node, usize),
        lanes: &Self::Lanes,
        k: usize,
    ) -> LaneCorrelations<LANES>;

    /// Whether the set in a lane certainly ranks below a threshold.
    fn ranks_below(&self, lanes: &Self::Lanes, lane: usize, threshold: f64, rank_by: RankBy) -> bool;

    /// Both correlations of `set`, which is that in a lane, without α.
    fn correlations(&self, lanes: &Self::Lanes, lane: usize, set: &[u32]) -> Correlations;

    /// Cronbach's α of `set`, which is that in a lane of the sets that begin with a prefix. It ends with `last`.
    fn alpha(
        &self,
        node: &Self::Node,
        lanes: &Self::Lanes,
        lane: usize,
        set: &[u32],
        last: usize,
    ) -> Option<f64>;
}

/// The tree of all sets that a request asks for.
struct Tree<'a, S: ?Sized, F> {
    sums: &'a S,
    space: Space,
    request: &'a Request,
    empty: &'a F,
    isa: InstructionSet,
    is_parallel: bool,
    control: &'a Control,
    /// What one set is of all that `control` keeps account of.
    share: f64,
}

/// Walks the sets of `run` into collectors made by `empty`, in lexicographic order.
pub fn search<S: Sums + ?Sized, C: Collector>(
    isa: InstructionSet,
    sums: &S,
    blueprint: &Blueprint,
    run: &Run,
    empty: impl Fn() -> C + Sync,
) -> C {
    let (space, request, control) = (blueprint.space(), blueprint.request(), run.control);
    let rules = blueprint.rules_by_column();
    let fixed = Path::of_fixed(rules.as_ref(), space.fixed);
    let (Some(part), Some(fixed)) = (run.part(space), fixed) else {
        control.advance(1.0);
        return empty();
    };
    let share = 1.0 / part.sets(space.sets()).unwrap_or(u128::MAX) as f64;
    let is_parallel = is_parallel(blueprint);
    let tree = Tree { sums, space, request, empty: &empty, isa, is_parallel, control, share };
    let mut node = sums.root();
    for question in 0..space.fixed {
        let mut child = S::Node::default();
        sums.project(&node, question, &mut child);
        node = child;
    }
    tree.explore(&node, &fixed, &part, empty())
}

impl<S: Sums + ?Sized, C: Collector, F: Fn() -> C + Sync> Tree<'_, S, F> {
    /// Splits a part of the subtree of `prefix` into parts worth a hand-over, and walks those.
    fn explore(&self, node: &S::Node, prefix: &Path, part: &Part, mut collector: C) -> C {
        let open = self.space.questions - prefix.next();
        let missing = self.request.k - prefix.len();
        let sets = part.sets(binomial(open, missing)).unwrap_or(u128::MAX);
        let work = sets.saturating_mul(self.sums.work(node));
        if missing == 1 || !self.is_parallel || work <= SERIAL_WORK {
            let mut levels = vec![S::Node::default(); missing - 1];
            self.descend(node, part, &mut levels, &mut prefix.clone(), &mut collector);
            self.advance(sets);
            return collector;
        }
        let found = self.control.fold(
            0..(open + 1).saturating_sub(missing),
            |skipped| many(open - skipped - 1, missing - 1),
            self.empty,
            |collector, skipped| {
                let Some(part) = part.below(open, missing, skipped) else { return collector };
                let question = prefix.next() + skipped;
                let mut child = S::Node::default();
                let is_open = prefix.is_open(question as u32);
                if is_open {
                    self.sums.project(node, question, &mut child);
                }
                if !is_open || !self.has_enough_users(&child) {
                    let sets = part.sets(binomial(open - skipped - 1, missing - 1));
                    self.advance(sets.unwrap_or(u128::MAX));
                    return collector;
                }
                self.explore(&child, &prefix.with(question as u32), &part, collector)
            },
            |mut collector, later| {
                collector.merge(later);
                collector
            },
        );
        collector.merge(found);
        collector
    }

    /// Takes down that so many more sets are done.
    fn advance(&self, sets: u128) {
        self.control.advance(sets as f64 * self.share);
    }

    /// Walks a part of the subtree of `prefix` on this thread. `levels` has one entry for each question to be chosen before
    /// the last.
    fn descend(
        &self,
        node: &S::Node,
        part: &Part,
        levels: &mut [S::Node],
        prefix: &mut Path,
        collector: &mut C,
    ) {
        let missing = levels.len() + 1;
        let next = prefix.next();
        let open = self.space.questions - next;
        let Some((child, deeper)) = levels.split_first_mut() else {
            return self.finish(node, &part.last(open), prefix, collector);
        };
        for skipped in 0..(open + 1).saturating_sub(missing) {
            if self.control.is_stopped() {
                return;
            }
            let question = next + skipped;
            if !prefix.is_open(question as u32) {
                continue;
            }
            let Some(part) = part.below(open, missing, skipped) else { continue };
            self.sums.project(node, question, child);
            if self.has_enough_users(child) {
                prefix.push(question as u32);
                self.descend(child, &part, deeper, prefix, collector);
                prefix.pop();
            }
        }
    }

    fn has_enough_users(&self, node: &S::Node) -> bool {
        self.sums.users(node) >= self.request.least_users()
    }

    /// Offers the prefix with each possible last question to the collector, of those that come after `skipped` others.
    fn finish(&self, node: &S::Node, skipped: &Range<usize>, prefix: &mut Path, collector: &mut C) {
        let questions = prefix.next() + skipped.start..prefix.next() + skipped.end;
        let least_users = u32::try_from(self.request.least_users()).unwrap_or(u32::MAX);
        let Self { sums, isa, .. } = *self;
        if let Some(all) = collector.all() {
            isa.run(Rows { sums, node, questions, least_users, prefix, all });
            return;
        }
        let threshold = collector.threshold();
        let rank_by = self.request.rank_by;
        for first in questions.clone().step_by(LANES) {
            let questions = first..questions.end.min(first + LANES);
            if !questions.clone().any(|question| prefix.is_open(question as u32)) {
                continue;
            }
            let lanes = self.isa.run(Leaf { sums, node, first });
            let n_users = sums.lane_users(&lanes);
            for question in questions {
                let lane = question - first;
                if !prefix.is_open(question as u32)
                    || n_users[lane] < least_users
                    || sums.ranks_below(&lanes, lane, threshold, rank_by)
                {
                    continue;
                }
                prefix.show_with(question as u32, |set| {
                    let alpha = if rank_by == RankBy::Alpha {
                        sums.alpha(node, &lanes, lane, set, question)
                    } else {
                        None
                    };
                    // As for correlations, a threshold ≤ 0 says nothing.
                    if threshold <= 0.0 || alpha.is_none_or(|alpha| alpha >= threshold) {
                        let correlations = sums.correlations(&lanes, lane, set);
                        collector.push(set, Correlations { alpha, ..correlations }, n_users[lane]);
                    }
                });
            }
        }
    }
}

/// The sums of a prefix extended by each of [`LANES`] questions.
struct Leaf<'a, S: Sums + ?Sized> {
    sums: &'a S,
    node: &'a S::Node,
    first: usize,
}

impl<S: Sums + ?Sized> Kernel for Leaf<'_, S> {
    type Output = S::Lanes;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> S::Lanes {
        self.sums.lanes(isa, self.node, self.first)
    }
}

/// Hands a prefix with each of some last questions on to a collector that takes siblings at once.
struct Rows<'a, 'p, S: Sums + ?Sized> {
    sums: &'a S,
    node: &'a S::Node,
    questions: Range<usize>,
    least_users: u32,
    prefix: &'a mut Path<'p>,
    all: &'a mut All,
}

impl<S: Sums + ?Sized> Kernel for Rows<'_, '_, S> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { sums, node, questions, least_users, prefix, all } = self;
        let columns = all.columns();
        let k = prefix.len() + 1;
        for first in questions.clone().step_by(LANES) {
            let end = questions.end.min(first + LANES);
            let lanes = sums.lanes(isa, node, first);
            let users_of = sums.lane_users(&lanes);
            let (mut last, mut n_users, mut lane_of, mut count) = ([0; LANES], [0; LANES], [0; LANES], 0);
            for (lane, &users) in users_of[..end - first].iter().enumerate() {
                let question = (first + lane) as u32;
                if prefix.is_open(question) && users >= least_users {
                    (last[count], n_users[count], lane_of[count]) = (question, users, lane);
                    count += 1;
                }
            }
            if count == 0 {
                continue;
            }
            let of_lanes = |is_made, side| {
                if is_made { sums.lane_correlations(isa, &lanes, side) } else { LaneCorrelations::NONE }
            };
            // Not in a loop, so that each is compiled for itself.
            let by_lane = (of_lanes(columns.r, Side::Total), of_lanes(columns.r_rest, Side::Rest));
            let settled = by_lane.0.settled() & by_lane.1.settled();
            let alphas = if columns.alpha {
                sums.lane_alphas(isa, (node, first), &lanes, k)
            } else {
                LaneCorrelations::NONE
            };
            let settled_alphas = alphas.settled();
            let (mut r, mut r_rest, mut alpha) = ([f64::NAN; LANES], [f64::NAN; LANES], [f64::NAN; LANES]);
            for row in 0..count {
                let lane = lane_of[row];
                (r[row], r_rest[row]) = (by_lane.0.values[lane], by_lane.1.values[lane]);
                alpha[row] = alphas.values[lane];
                if settled >> lane & 1 == 0 {
                    let correlations =
                        prefix.show_with(last[row], |set| sums.correlations(&lanes, lane, set));
                    r[row] = correlations.r.unwrap_or(f64::NAN);
                    r_rest[row] = correlations.r_rest.unwrap_or(f64::NAN);
                }
                if settled_alphas >> lane & 1 == 0 {
                    let question = last[row] as usize;
                    let found =
                        prefix.show_with(last[row], |set| sums.alpha(node, &lanes, lane, set, question));
                    alpha[row] = found.unwrap_or(f64::NAN);
                }
            }
            all.push_siblings(&Siblings {
                prefix: prefix.questions(),
                last: &last[..count],
                r: &r[..count],
                r_rest: &r_rest[..count],
                alpha: &alpha[..count],
                n_users: &n_users[..count],
            });
        }
    }
}
