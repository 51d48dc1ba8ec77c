//! Few answer patterns: booklets of a test, planned missingness, a user short of complete. Users with the same pattern
//! are summed up once (`pair_sums`); the sums of a set are those of the patterns that contain it.
//!
//! Sets are the paths of a tree, as in `tree`; at a prefix the patterns are kept that contain it, each with
//! its sums so far. The last question of all sets of a prefix is one step, in lanes.

use crate::combinations::{binomial, many};
use crate::isa::{InstructionSet, Isa, Kernel};
use crate::moments::{IntegerSums, SumInteger};
use crate::pair_sums::PairSums;
use crate::ranking::Collector;
use crate::search::{Control, Request};

/// Sets whose sums are made at once: 64-bit numbers in a 512-bit register.
const LANES: usize = 8;

/// Sets × patterns below which a subtree stays on its thread: some ten milliseconds.
const SERIAL_WORK: u128 = 1 << 22;

/// The tree of all sets that a request asks for.
struct Tree<'a, A, F> {
    blocks: &'a [PairSums<A>],
    questions: usize,
    request: &'a Request,
    empty: &'a F,
    isa: InstructionSet,
    is_parallel: bool,
    control: &'a Control,
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

/// Walks all sets that `request` asks for into collectors made by `empty`.
pub fn search<A: SumInteger + Sync, C: Collector>(
    isa: InstructionSet,
    blocks: &[PairSums<A>],
    questions: usize,
    request: &Request,
    is_parallel: bool,
    control: &Control,
    empty: impl Fn() -> C + Sync,
) -> C {
    let tree = Tree { blocks, questions, request, empty: &empty, isa, is_parallel, control };
    let block = |pattern| Block { pattern, x: A::default(), xx: A::default(), xt: A::default() };
    let products = vec![A::default(); blocks.len() * (questions + LANES)];
    let everything = Survivors { blocks: (0..blocks.len()).map(block).collect(), products };
    tree.explore(&everything, &[], empty())
}

impl<A: SumInteger + Sync, C: Collector, F: Fn() -> C + Sync> Tree<'_, A, F> {
    /// Splits the subtree of `prefix` into parts worth a hand-over, and walks those.
    fn explore(&self, survivors: &Survivors<A>, prefix: &[u32], mut collector: C) -> C {
        let next = prefix.last().map_or(0, |&last| last as usize + 1);
        let missing = self.request.k - prefix.len();
        let sets = binomial(self.questions - next, missing).unwrap_or(u128::MAX);
        let work = sets.saturating_mul(survivors.blocks.len() as u128);
        if missing == 1 || !self.is_parallel || work <= SERIAL_WORK {
            let mut levels = vec![Survivors { blocks: Vec::new(), products: Vec::new() }; missing - 1];
            self.descend(survivors, next, &mut levels, &mut prefix.to_vec(), &mut collector);
            self.advance(sets);
            return collector;
        }
        let found = self.control.fold(
            next..self.questions + 1 - missing,
            |question| many(self.questions - question - 1, missing - 1),
            self.empty,
            |collector, question| {
                let mut child = Survivors { blocks: Vec::new(), products: Vec::new() };
                self.project(survivors, question, &mut child);
                if !self.has_enough_users(&child) {
                    self.advance(binomial(self.questions - question - 1, missing - 1).unwrap_or(u128::MAX));
                    return collector;
                }
                self.explore(&child, &[prefix, &[question as u32]].concat(), collector)
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
        let all = binomial(self.questions, self.request.k).unwrap_or(u128::MAX);
        self.control.advance(sets as f64 / all as f64);
    }

    /// Walks the subtree of the prefix `set` on this thread. `levels` has one entry for each question to be chosen before
    /// the last.
    fn descend(
        &self,
        survivors: &Survivors<A>,
        next: usize,
        levels: &mut [Survivors<A>],
        set: &mut Vec<u32>,
        collector: &mut C,
    ) {
        let missing = levels.len() + 1;
        let Some((child, deeper)) = levels.split_first_mut() else {
            return self.finish(survivors, next, set, collector);
        };
        for question in next..(self.questions + 1).saturating_sub(missing) {
            if self.control.is_stopped() {
                return;
            }
            self.project(survivors, question, child);
            if self.has_enough_users(child) {
                set.push(question as u32);
                self.descend(child, question + 1, deeper, set, collector);
                set.pop();
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
        let width = self.questions + LANES;
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

    /// Offers the prefix with each possible last question to the collector.
    fn finish(&self, survivors: &Survivors<A>, next: usize, set: &mut Vec<u32>, collector: &mut C) {
        let threshold = collector.threshold();
        for first in (next..self.questions).step_by(LANES) {
            let lanes =
                self.isa.run(Leaf { blocks: self.blocks, survivors, width: self.questions + LANES, first });
            for question in first..self.questions.min(first + LANES) {
                let lane = question - first;
                let Lanes { n, x, xx, t, tt, xt } = &lanes;
                let sums = IntegerSums::of(n[lane], [x[lane], xx[lane], t[lane], tt[lane], xt[lane]]);
                if (sums.n() as usize) < self.request.least_users()
                    || sums.ranks_below(threshold, self.request.rank_by)
                {
                    continue;
                }
                set.push(question as u32);
                collector.push(set, sums.correlations(), sums.n());
                set.pop();
            }
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
