//! Few answer patterns: booklets of a test, planned missingness, a user short of complete. Users with the same pattern
//! are summed up once (`pair_sums`); the sums of a set are those of the patterns that contain it.
//!
//! Sets are the paths of a tree, as in `tree`; at a prefix the patterns are kept that contain it, each with
//! its sums so far. The last question of all sets of a prefix is one step, in lanes.

use std::ops::Range;

use crate::combinations::{binomial, many};
use crate::isa::{InstructionSet, Isa, Kernel};
use crate::moments::{
    Correlations, IntegerSums, LaneComoments, LaneCorrelations, RankBy, Side, SumInteger, summed_variances,
};
use crate::pair_sums::PairSums;
use crate::ranking::{All, Collector, Siblings};
use crate::search::{Blueprint, Control, Part, Path, Request, Run, Space, is_parallel};

/// Sets whose sums are made at once: 64-bit numbers in a 512-bit register.
const LANES: usize = 8;

/// Sets × patterns below which a subtree stays on its thread: some ten milliseconds.
const SERIAL_WORK: u128 = 1 << 22;

/// The tree of all sets that a request asks for.
struct Tree<'a, A, F> {
    blocks: &'a [PairSums<A>],
    space: Space,
    request: &'a Request,
    empty: &'a F,
    isa: InstructionSet,
    is_parallel: bool,
    control: &'a Control,
    /// What one set is of all that `control` keeps account of.
    share: f64,
}

/// A pattern that contains the prefix: the sums of its users' totals on the prefix.
#[derive(Clone, Copy)]
struct Block<A> {
    pattern: usize,
    x: A,
    xx: A,
    xt: A,
}

/// The patterns that contain a prefix.
#[derive(Clone)]
struct Survivors<A> {
    blocks: Vec<Block<A>>,
    /// For each of them, for each question q: twice Σ X·x_q, padded by [`LANES`].
    products: Vec<A>,
}

/// The six sums of the sets that a prefix and each of some questions make, a lane each.
#[derive(Clone, Copy)]
struct Lanes<A> {
    n: [u32; LANES],
    x: [A; LANES],
    xx: [A; LANES],
    t: [A; LANES],
    tt: [A; LANES],
    xt: [A; LANES],
}

/// Walks the sets of `run` into collectors made by `empty`, in lexicographic order.
pub fn search<A: SumInteger + Sync, C: Collector>(
    isa: InstructionSet,
    blocks: &[PairSums<A>],
    blueprint: &Blueprint,
    run: &Run,
    empty: impl Fn() -> C + Sync,
) -> C {
    let (space, request, control) = (blueprint.space(), blueprint.request(), run.control);
    let rules = blueprint.rules_by_column();
    let fixed = Path::of_fixed(rules.as_ref(), space.fixed);
    let (Some(part), Some(fixed)) = (run.part(space), fixed) else {
        control.advance(run.share);
        return empty();
    };
    let share = run.share / part.sets(space.sets()).unwrap_or(u128::MAX) as f64;
    let is_parallel = is_parallel(blueprint);
    let tree = Tree { blocks, space, request, empty: &empty, isa, is_parallel, control, share };
    let block = |pattern| Block { pattern, x: A::default(), xx: A::default(), xt: A::default() };
    let products = vec![A::default(); blocks.len() * (space.questions + LANES)];
    let mut survivors = Survivors { blocks: (0..blocks.len()).map(block).collect(), products };
    for question in 0..space.fixed {
        let mut child = Survivors { blocks: Vec::new(), products: Vec::new() };
        tree.project(&survivors, question, &mut child);
        survivors = child;
    }
    tree.explore(&survivors, &fixed, &part, empty())
}

impl<A: SumInteger + Sync, C: Collector, F: Fn() -> C + Sync> Tree<'_, A, F> {
    /// Splits a part of the subtree of `prefix` into parts worth a hand-over, and walks those.
    fn explore(&self, survivors: &Survivors<A>, prefix: &Path, part: &Part, mut collector: C) -> C {
        let open = self.space.questions - prefix.next();
        let missing = self.request.k - prefix.len();
        let sets = part.sets(binomial(open, missing)).unwrap_or(u128::MAX);
        let work = sets.saturating_mul(survivors.blocks.len() as u128);
        if missing == 1 || !self.is_parallel || work <= SERIAL_WORK {
            let mut levels = vec![Survivors { blocks: Vec::new(), products: Vec::new() }; missing - 1];
            self.descend(survivors, part, &mut levels, &mut prefix.clone(), &mut collector);
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
                let mut child = Survivors { blocks: Vec::new(), products: Vec::new() };
                let is_open = prefix.is_open(question as u32);
                if is_open {
                    self.project(survivors, question, &mut child);
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
        survivors: &Survivors<A>,
        part: &Part,
        levels: &mut [Survivors<A>],
        prefix: &mut Path,
        collector: &mut C,
    ) {
        let missing = levels.len() + 1;
        let next = prefix.next();
        let open = self.space.questions - next;
        let Some((child, deeper)) = levels.split_first_mut() else {
            return self.finish(survivors, &part.last(open), prefix, collector);
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
            self.project(survivors, question, child);
            if self.has_enough_users(child) {
                prefix.push(question as u32);
                self.descend(child, &part, deeper, prefix, collector);
                prefix.pop();
            }
        }
    }

    fn has_enough_users(&self, survivors: &Survivors<A>) -> bool {
        let users = survivors.blocks.iter().map(|block| self.blocks[block.pattern].n as usize);
        users.sum::<usize>() >= self.request.least_users()
    }

    /// Those of `parent` that contain `question`, too.
    fn project(&self, parent: &Survivors<A>, question: usize, child: &mut Survivors<A>) {
        child.blocks.clear();
        child.products.clear();
        let width = self.space.questions + LANES;
        for (block, products) in parent.blocks.iter().zip(parent.products.chunks_exact(width)) {
            let sums = &self.blocks[block.pattern];
            if !sums.contains[question] {
                continue;
            }
            let row = sums.row(question);
            let mut block = *block;
            block.x += sums.x[question];
            block.xt += sums.xt[question];
            block.xx += products[question];
            block.xx += row[question];
            child.blocks.push(block);
            let start = child.products.len();
            child.products.extend_from_slice(products);
            for (product, &more) in child.products[start..].iter_mut().zip(row) {
                *product += more;
                *product += more;
            }
        }
    }

    /// Offers the prefix with each possible last question to the collector, of those that come after `skipped` others.
    fn finish(&self, survivors: &Survivors<A>, skipped: &Range<usize>, prefix: &mut Path, collector: &mut C) {
        let questions = prefix.next() + skipped.start..prefix.next() + skipped.end;
        let least_users = u32::try_from(self.request.least_users()).unwrap_or(u32::MAX);
        if let Some(all) = collector.all() {
            let alpha = |last, sums: &IntegerSums<A>, set: &[u32]| self.alpha(survivors, set, last, sums);
            let Self { blocks, isa, .. } = *self;
            let width = self.space.questions + LANES;
            isa.run(Rows { blocks, survivors, width, questions, least_users, prefix, alpha, all });
            return;
        }
        let threshold = collector.threshold();
        let rank_by = self.request.rank_by;
        for first in questions.clone().step_by(LANES) {
            let questions = first..questions.end.min(first + LANES);
            if !questions.clone().any(|question| prefix.is_open(question as u32)) {
                continue;
            }
            let lanes = self.isa.run(Leaf {
                blocks: self.blocks,
                survivors,
                width: self.space.questions + LANES,
                first,
            });
            for question in questions {
                let sums = lanes.of(question - first);
                if !prefix.is_open(question as u32)
                    || sums.n() < least_users
                    || sums.ranks_below(threshold, rank_by)
                {
                    continue;
                }
                prefix.show_with(question as u32, |set| {
                    let alpha = if rank_by == RankBy::Alpha {
                        self.alpha(survivors, set, question, &sums)
                    } else {
                        None
                    };
                    // As for correlations, a threshold ≤ 0 says nothing.
                    if threshold <= 0.0 || alpha.is_none_or(|alpha| alpha >= threshold) {
                        collector.push(set, Correlations { alpha, ..sums.correlations() }, sums.n());
                    }
                });
            }
        }
    }

    /// Cronbach's α of `set`, which has `last` beside the prefix of `survivors`, and these sums.
    fn alpha(
        &self,
        survivors: &Survivors<A>,
        set: &[u32],
        last: usize,
        sums: &IntegerSums<A>,
    ) -> Option<f64> {
        let question_sums = |&question: &u32| {
            let mut found = [A::default(); 2];
            for block in &survivors.blocks {
                let block = &self.blocks[block.pattern];
                if block.contains[last] {
                    found[0] += block.x[question as usize];
                    found[1] += block.squares[question as usize];
                }
            }
            found
        };
        sums.alpha(set.len(), summed_variances(sums.n(), set.iter().map(question_sums)))
    }
}

impl<A: SumInteger> Lanes<A> {
    /// The sums of one set.
    #[inline(always)]
    fn of(&self, lane: usize) -> IntegerSums<A> {
        let Self { n, x, xx, t, tt, xt } = self;
        IntegerSums::of(n[lane], [x[lane], xx[lane], t[lane], tt[lane], xt[lane]])
    }
}

/// Hands a prefix with each of some last questions on to a collector that takes siblings at once.
struct Rows<'a, 'p, A, F> {
    blocks: &'a [PairSums<A>],
    survivors: &'a Survivors<A>,
    width: usize,
    questions: Range<usize>,
    least_users: u32,
    prefix: &'a mut Path<'p>,
    /// Cronbach's α of a set by its last question, its sums and itself.
    alpha: F,
    all: &'a mut All,
}

impl<A: SumInteger, F: Fn(usize, &IntegerSums<A>, &[u32]) -> Option<f64>> Kernel for Rows<'_, '_, A, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { blocks, survivors, width, questions, least_users, prefix, alpha: alpha_of, all } = self;
        let columns = all.columns();
        for first in questions.clone().step_by(LANES) {
            let end = questions.end.min(first + LANES);
            let lanes = Leaf { blocks, survivors, width, first }.run(isa);
            let (mut last, mut n_users, mut lane_of, mut count) = ([0; LANES], [0; LANES], [0; LANES], 0);
            for lane in 0..end - first {
                let question = (first + lane) as u32;
                if prefix.is_open(question) && lanes.n[lane] >= least_users {
                    (last[count], n_users[count], lane_of[count]) = (question, lanes.n[lane], lane);
                    count += 1;
                }
            }
            if count == 0 {
                continue;
            }
            let n = lanes.n.map(|n| A::from(i64::from(n)));
            let comoments = LaneComoments::of([&n, &lanes.x, &lanes.xx, &lanes.t, &lanes.tt, &lanes.xt]);
            let of_lanes = |is_made, side| {
                if is_made { comoments.correlations(isa, side) } else { LaneCorrelations::NONE }
            };
            // Not in a loop, so that each is compiled for itself.
            let by_lane = (of_lanes(columns.r, Side::Total), of_lanes(columns.r_rest, Side::Rest));
            let settled = by_lane.0.settled() & by_lane.1.settled();
            let (mut r, mut r_rest, mut alpha) = ([f64::NAN; LANES], [f64::NAN; LANES], [f64::NAN; LANES]);
            for row in 0..count {
                let lane = lane_of[row];
                (r[row], r_rest[row]) = (by_lane.0.values[lane], by_lane.1.values[lane]);
                if settled >> lane & 1 == 0 {
                    let correlations = lanes.of(lane).correlations();
                    r[row] = correlations.r.unwrap_or(f64::NAN);
                    r_rest[row] = correlations.r_rest.unwrap_or(f64::NAN);
                }
                if columns.alpha {
                    let sums = lanes.of(lane);
                    let found = prefix.show_with(last[row], |set| alpha_of(last[row] as usize, &sums, set));
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

/// The sums of a prefix extended by each of [`LANES`] questions.
struct Leaf<'a, A> {
    blocks: &'a [PairSums<A>],
    survivors: &'a Survivors<A>,
    width: usize,
    first: usize,
}

impl<A: SumInteger> Kernel for Leaf<'_, A> {
    type Output = Lanes<A>;

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) -> Lanes<A> {
        let Self { blocks, survivors, width, first } = self;
        let zeros = [A::default(); LANES];
        let mut lanes = Lanes { n: [0; LANES], x: zeros, xx: zeros, t: zeros, tt: zeros, xt: zeros };
        for (position, block) in survivors.blocks.iter().enumerate() {
            let sums = &blocks[block.pattern];
            let products = &survivors.products[position * width + first..][..LANES];
            let contains = &sums.contains[first..][..LANES];
            let (x, xt, squares) =
                (&sums.x[first..][..LANES], &sums.xt[first..][..LANES], &sums.squares[first..][..LANES]);
            for lane in 0..LANES {
                // What the pattern has none of is zero in `x`, `xt`, `squares` and `products`, but not in these.
                let (mut n, mut part) = (0, [A::default(); 5]);
                if contains[lane] {
                    n = sums.n;
                    part = [block.x, block.xx, sums.t, sums.tt, block.xt];
                }
                lanes.n[lane] += n;
                lanes.x[lane] += part[0] + x[lane];
                lanes.xx[lane] += part[1] + products[lane] + squares[lane];
                lanes.t[lane] += part[2];
                lanes.tt[lane] += part[3];
                lanes.xt[lane] += part[4] + xt[lane];
            }
        }
        lanes
    }
}
