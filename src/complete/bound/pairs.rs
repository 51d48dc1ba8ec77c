//! The last two items of a set.

use crate::isa::{Isa, Kernel};

use super::candidates::Candidates;
use super::partners::fill_own;
use super::{Criterion, LANES, Moments};

/// Puts into `firsts` the candidates that fulfil the criterion together with one behind them.
pub struct Pairs<'a> {
    pub candidates: Candidates<'a>,
    pub prefix: Moments,
    pub criterion: Criterion,
    pub own: &'a mut Vec<f64>,
    pub firsts: &'a mut Vec<usize>,
}

impl Kernel for Pairs<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { candidates, prefix, criterion, own: sums, firsts } = self;
        fill_own(candidates, prefix, criterion, sums);
        let Candidates { items, with_total, between, stride, .. } = candidates;
        let room = criterion.least() - criterion.form(prefix);
        for first in 0..items.len() {
            let row = &between[first * stride..];
            let c = with_total[first];
            let mut best = [f64::NEG_INFINITY; LANES];
            for second in (first + 1..items.len()).step_by(LANES) {
                let row = &row[second..][..LANES];
                let with_total = &with_total[second..][..LANES];
                let sums = &sums[second..][..LANES];
                for lane in 0..LANES {
                    let form = c * with_total[lane] - criterion.beta * row[lane];
                    let sum = sums[lane] + 2.0 * form;
                    best[lane] = if best[lane] > sum { best[lane] } else { sum };
                }
            }
            let mut most = f64::NEG_INFINITY;
            for best in best {
                most = if most > best { most } else { best };
            }
            if sums[first] + most >= room {
                firsts.push(first);
            }
        }
    }
}
