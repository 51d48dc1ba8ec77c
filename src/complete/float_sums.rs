//! Every set of complete answers with float scores: their comoments add up, in doubled precision, and what they do not settle
//! is made of the users.
//!
//! A doubled sum takes twenty operations. So comoments are cut in two at a power of two that is so much smaller than the sum
//! of all those of a set that the upper parts, its multiples, add up in floats without any rounding; and the lower parts are so small
//! that theirs does not matter. `floats` has the proof.

use crate::isa::Isa;
use crate::moment_tree::{LANES, Sums};
use crate::moments::{Correlations, Doubled, FloatComoments, LaneCorrelations, RankBy, Side, Tolerance};

use super::FloatAnswers;
use super::floats::Comoments;

/// Sums over float scores, and the users for what these do not settle.
pub struct FloatSums<'a> {
    answers: FloatAnswers<'a>,
    tolerance: Tolerance,
    items: usize,
    /// Of each item with the grand total, and with itself; padded by [`LANES`].
    with_total: Halves,
    own: Halves,
    /// Twice that of each two items, row by row.
    pairs: Halves,
}

/// Numbers that are cut in two.
#[derive(Clone, Default)]
struct Halves {
    upper: Vec<f64>,
    lower: Vec<f64>,
}

/// A number that is cut in two.
#[derive(Clone, Copy, Default)]
struct Half {
    upper: f64,
    lower: f64,
}

/// The comoments of a prefix.
#[derive(Clone, Default)]
pub struct FloatNode {
    xx: Half,
    xt: Half,
    questions: Half,
    /// What each item adds to `xx`: its own, and twice that with the prefix; padded by [`LANES`].
    added: Halves,
}

impl<'a> FloatSums<'a> {
    /// For sets of `k` questions; `None` where the memory is not to be had.
    pub fn try_new(
        answers: FloatAnswers<'a>,
        comoments: &Comoments,
        tolerance: Tolerance,
        k: usize,
    ) -> Option<Self> {
        let items = comoments.items();
        let most = |of: &dyn Fn(usize) -> f64| (0..items).map(|item| of(item).abs()).fold(0.0, f64::max);
        let variance = most(&|item| comoments.between(item, item).round());
        let covariance = most(&|item| comoments.with_total(item).round());
        let (of_pairs, of_totals) = (Cut::new(variance * (k * k) as f64), Cut::new(covariance * k as f64));
        let (mut with_total, mut own, mut pairs) = (Halves::default(), Halves::default(), Halves::default());
        pairs.try_reserve(items.checked_mul(items)?)?;
        for item in 0..items {
            with_total.push(of_totals.halves(comoments.with_total(item).parts()));
            own.push(of_pairs.halves(comoments.between(item, item).parts()));
            for other in 0..items {
                let Half { upper, lower } = of_pairs.halves(comoments.between(item, other).parts());
                pairs.push(Half { upper: 2.0 * upper, lower: 2.0 * lower });
            }
        }
        for _ in 0..LANES {
            with_total.push(Half::default());
            own.push(Half::default());
        }
        Some(Self { answers, tolerance, items, with_total, own, pairs })
    }
}

/// Where numbers are cut whose sum does not exceed a largest one.
struct Cut {
    /// A number whose last bit is worth it.
    above: f64,
}

impl Cut {
    /// `largest` has its first bit 2⁵⁰ above the cut or more: sums of halves may be twice as large, and have a bit to spare.
    fn new(largest: f64) -> Self {
        let power = if largest > 0.0 { largest.log2().floor() + 2.0 } else { 0.0 };
        Self { above: 1.5 * power.exp2() }
    }

    /// Exactly, but for the rounding of the lower one.
    fn halves(&self, [value, low]: [f64; 2]) -> Half {
        let upper = (value + self.above) - self.above;
        Half { upper, lower: (value - upper) + low }
    }
}

impl Halves {
    fn try_reserve(&mut self, numbers: usize) -> Option<()> {
        self.upper.try_reserve_exact(numbers).ok()?;
        self.lower.try_reserve_exact(numbers).ok()
    }

    fn push(&mut self, Half { upper, lower }: Half) {
        self.upper.push(upper);
        self.lower.push(lower);
    }

    fn at(&self, place: usize) -> Half {
        Half { upper: self.upper[place], lower: self.lower[place] }
    }

    /// Those from a place on, each with `other` added.
    #[inline(always)]
    fn lanes_from(&self, first: usize, other: Half) -> Doubled<LANES> {
        let (upper, lower) = (&self.upper[first..][..LANES], &self.lower[first..][..LANES]);
        let mut lanes = Doubled { high: [0.0; LANES], low: [0.0; LANES] };
        for lane in 0..LANES {
            lanes.high[lane] = other.upper + upper[lane];
            lanes.low[lane] = other.lower + lower[lane];
        }
        lanes
    }
}

impl Half {
    fn add(self, other: Self) -> Self {
        Self { upper: self.upper + other.upper, lower: self.lower + other.lower }
    }
}

impl Sums for FloatSums<'_> {
    type Node = FloatNode;
    type Lanes = FloatComoments<LANES>;

    fn root(&self) -> FloatNode {
        FloatNode { added: self.own.clone(), ..FloatNode::default() }
    }

    fn work(&self, _node: &FloatNode) -> u128 {
        1
    }

    fn users(&self, _node: &FloatNode) -> usize {
        self.answers.n_users() as usize
    }

    fn project(&self, parent: &FloatNode, question: usize, child: &mut FloatNode) {
        child.xx = parent.xx.add(parent.added.at(question));
        child.xt = parent.xt.add(self.with_total.at(question));
        child.questions = parent.questions.add(self.own.at(question));
        let behind = question + 1;
        let row = question * self.items..(question + 1) * self.items;
        let extend = |child: &mut Vec<f64>, parent: &[f64], row: &[f64]| {
            child.resize(parent.len(), 0.0);
            let added = child[behind..].iter_mut().zip(&parent[behind..]).zip(&row[behind..]);
            added.for_each(|((child, parent), pair)| *child = parent + pair);
        };
        extend(&mut child.added.upper, &parent.added.upper, &self.pairs.upper[row.clone()]);
        extend(&mut child.added.lower, &parent.added.lower, &self.pairs.lower[row]);
    }

    #[inline(always)]
    fn lanes<I: Isa>(&self, _isa: I, node: &FloatNode, first: usize) -> FloatComoments<LANES> {
        FloatComoments {
            xx: node.added.lanes_from(first, node.xx),
            xt: self.with_total.lanes_from(first, node.xt),
            questions: self.own.lanes_from(first, node.questions),
        }
    }

    fn lane_users(&self, _lanes: &FloatComoments<LANES>) -> [u32; LANES] {
        [self.answers.n_users(); LANES]
    }

    #[inline(always)]
    fn lane_correlations<I: Isa>(
        &self,
        isa: I,
        lanes: &FloatComoments<LANES>,
        side: Side,
    ) -> LaneCorrelations<LANES> {
        lanes.correlations(isa, &self.tolerance, side)
    }

    #[inline(always)]
    fn lane_alphas<I: Isa>(
        &self,
        isa: I,
        _of: (&FloatNode, usize),
        lanes: &FloatComoments<LANES>,
        k: usize,
    ) -> LaneCorrelations<LANES> {
        lanes.alphas(isa, &self.tolerance, k)
    }

    fn ranks_below(&self, _: &FloatComoments<LANES>, _lane: usize, _threshold: f64, _: RankBy) -> bool {
        false
    }

    fn correlations(&self, _lanes: &FloatComoments<LANES>, _lane: usize, set: &[u32]) -> Correlations {
        self.answers.correlations_of(set)
    }

    fn alpha(
        &self,
        _node: &FloatNode,
        _lanes: &FloatComoments<LANES>,
        _lane: usize,
        set: &[u32],
        _last: usize,
    ) -> Option<f64> {
        self.answers.alpha_of(set)
    }
}
