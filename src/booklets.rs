//! Few answer patterns: booklets of a test, planned missingness, a user short of complete. Users with the same pattern
//! are summed up once (`pair_sums`); the sums of a set are those of the patterns that contain it.
//!
//! At a prefix of the tree of sets (`moment_tree`) the patterns are kept that contain it, each with its sums so far.

use crate::isa::Isa;
use crate::moment_tree::{LANES, Sums};
use crate::moments::{
    Correlations, IntegerSums, LaneComoments, LaneCorrelations, LaneVariances, RankBy, Side, SumInteger,
    summed_variances,
};
use crate::pair_sums::PairSums;

/// A pattern that contains the prefix: the sums of its users' totals on the prefix.
#[derive(Clone, Copy)]
pub struct Block<A> {
    pattern: usize,
    x: A,
    xx: A,
    xt: A,
}

/// The patterns that contain a prefix.
#[derive(Clone, Default)]
pub struct Survivors<A> {
    blocks: Vec<Block<A>>,
    /// For each of them, for each question q: twice Σ X·x_q, padded by [`LANES`].
    products: Vec<A>,
    /// Where there is one pattern: Σx² and (Σx)² of its users, summed over the questions of the prefix.
    squared: f64,
    squares: f64,
}

/// The six sums of the sets that a prefix and each of some questions make, a lane each.
#[derive(Clone, Copy)]
pub struct Lanes<A> {
    n: [u32; LANES],
    x: [A; LANES],
    xx: [A; LANES],
    t: [A; LANES],
    tt: [A; LANES],
    xt: [A; LANES],
}

impl<A: SumInteger> Lanes<A> {
    /// The sums of one set.
    #[inline(always)]
    fn of(&self, lane: usize) -> IntegerSums<A> {
        let Self { n, x, xx, t, tt, xt } = self;
        IntegerSums::of(n[lane], [x[lane], xx[lane], t[lane], tt[lane], xt[lane]])
    }
}

/// From one pattern's products to the next's.
fn width<A: SumInteger>(blocks: &[PairSums<A>]) -> usize {
    blocks.first().map_or(0, PairSums::questions) + LANES
}

impl<A: SumInteger + Sync> Sums for [PairSums<A>] {
    type Node = Survivors<A>;
    type Lanes = Lanes<A>;

    fn root(&self) -> Survivors<A> {
        let block = |pattern| Block { pattern, x: A::default(), xx: A::default(), xt: A::default() };
        let products = vec![A::default(); self.len() * width(self)];
        Survivors { blocks: (0..self.len()).map(block).collect(), products, ..Survivors::default() }
    }

    fn work(&self, node: &Survivors<A>) -> u128 {
        node.blocks.len() as u128
    }

    fn users(&self, node: &Survivors<A>) -> usize {
        node.blocks.iter().map(|block| self[block.pattern].n as usize).sum()
    }

    fn project(&self, parent: &Survivors<A>, question: usize, child: &mut Survivors<A>) {
        child.blocks.clear();
        child.products.clear();
        if let [pattern] = self {
            let [squared, squares] = pattern.float_squares(question);
            child.squared = parent.squared + squared;
            child.squares = parent.squares + squares;
        }
        for (block, products) in parent.blocks.iter().zip(parent.products.chunks_exact(width(self))) {
            let sums = &self[block.pattern];
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

    #[inline(always)]
    fn lanes<I: Isa>(&self, _isa: I, node: &Survivors<A>, first: usize) -> Lanes<A> {
        let width = width(self);
        let zeros = [A::default(); LANES];
        let mut lanes = Lanes { n: [0; LANES], x: zeros, xx: zeros, t: zeros, tt: zeros, xt: zeros };
        for (position, block) in node.blocks.iter().enumerate() {
            let sums = &self[block.pattern];
            let products = &node.products[position * width + first..][..LANES];
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

    fn lane_users(&self, lanes: &Lanes<A>) -> [u32; LANES] {
        lanes.n
    }

    #[inline(always)]
    fn lane_correlations<I: Isa>(&self, isa: I, lanes: &Lanes<A>, side: Side) -> LaneCorrelations<LANES> {
        let Lanes { n, x, xx, t, tt, xt } = lanes;
        let n = n.map(|n| A::from(i64::from(n)));
        LaneComoments::of([&n, x, xx, t, tt, xt]).correlations(isa, side)
    }

    /// Of one pattern. The variances of the users of several are no sums of theirs.
    #[inline(always)]
    fn lane_alphas<I: Isa>(
        &self,
        isa: I,
        (node, first): (&Survivors<A>, usize),
        lanes: &Lanes<A>,
        k: usize,
    ) -> LaneCorrelations<LANES> {
        let [pattern] = self else { return LaneCorrelations::UNSETTLED };
        let (mut squared, mut squares) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            let of_last = pattern.float_squares(first + lane);
            squared[lane] = node.squared + of_last[0];
            squares[lane] = node.squares + of_last[1];
        }
        let n = lanes.n.map(|n| A::from(i64::from(n)));
        LaneVariances::of([&n, &lanes.x, &lanes.xx], &squared, &squares).alphas(isa, k)
    }

    fn ranks_below(&self, lanes: &Lanes<A>, lane: usize, threshold: f64, rank_by: RankBy) -> bool {
        lanes.of(lane).ranks_below(threshold, rank_by)
    }

    fn correlations(&self, lanes: &Lanes<A>, lane: usize, _set: &[u32]) -> Correlations {
        lanes.of(lane).correlations()
    }

    fn alpha(
        &self,
        node: &Survivors<A>,
        lanes: &Lanes<A>,
        lane: usize,
        set: &[u32],
        last: usize,
    ) -> Option<f64> {
        let question_sums = |&question: &u32| {
            let mut found = [A::default(); 2];
            for block in &node.blocks {
                let block = &self[block.pattern];
                if block.contains[last] {
                    found[0] += block.x[question as usize];
                    found[1] += block.squares[question as usize];
                }
            }
            found
        };
        let sums = lanes.of(lane);
        sums.alpha(set.len(), summed_variances(sums.n(), set.iter().map(question_sums)))
    }
}
