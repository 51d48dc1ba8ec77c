//! A look at each set, at a few operations per set: one addition of a row, one of a number, one comparison, in lanes.
//!
//! With M_ij and h_P(q) = 2·M(P,q) + M_qq, the form of P ∪ {i, j} is M(P,P) + h_P(i) + h_P(j) + 2·M_ij. A prefix of all
//! but two items costs one row, h_P; its pairs are a tile of the matrix 2M, of which only the largest sum is wanted.
//! Where that reaches the criterion, the tile is looked at once more, set by set. All that in `f32`, with a margin.

use std::borrow::Cow;

use crate::combinations::{binomial, many};
use crate::error::Result;
use crate::isa::{InstructionSet, Isa, Kernel};
use crate::ranking::Collector;

use super::covariances::{Covariances, Criterion};
use super::{Complete, Exact, Path};

/// `f32` numbers in a 512-bit register.
const LANES: usize = 16;

/// Rows of a tile at once, which share their loads of h.
const ROWS: usize = 4;

/// Sets below which a subtree stays on its thread: a millisecond.
const SERIAL_SETS: u128 = 1 << 22;

/// Walks all sets with the `fixed` items into collectors made by `empty`.
pub fn search<E: Exact, C: Collector>(
    isa: InstructionSet,
    complete: &Complete<'_, E>,
    fixed: &Path,
    empty: impl Fn() -> C + Sync,
) -> Result<C> {
    let threshold = empty().threshold();
    let form = Form::try_new(complete, threshold).ok_or_else(|| complete.too_large())?;
    Walk { complete, empty: &empty, isa, form: &form }.share(fixed)
}

struct Walk<'a, E, F> {
    complete: &'a Complete<'a, E>,
    empty: &'a F,
    isa: InstructionSet,
    /// At the threshold to begin with, which seldom rises much.
    form: &'a Form,
}

/// The form at a threshold, in units of [`Criterion::unit`].
#[derive(Clone)]
struct Form {
    threshold: f64,
    criterion: Criterion,
    /// M_ii, then -∞ for the padding.
    own: Vec<f32>,
    /// 2·M_ij row by row. -∞ on the diagonal, since no item is chosen twice.
    pairs: Vec<f32>,
    stride: usize,
    /// The same in the order in which a tile is read: [`ROWS`] rows at a time, their columns from the first of these rows on; and
    /// where each block of rows begins. -∞ beyond the items. To read them all where `pairs` are, with a pointer for each
    /// row, took about a tenth longer.
    tiles: Vec<[[f32; LANES]; ROWS]>,
    starts: Vec<usize>,
}

/// The rows of the form along one path of the tree.
struct Track<'a> {
    form: Cow<'a, Form>,
    /// h_P by length of P.
    rows: Vec<Vec<f32>>,
    /// M(P,P) by length of P.
    forms: Vec<f64>,
    /// Items of which the tile is looked at again.
    open: Vec<usize>,
}

impl<E: Exact, C: Collector, F: Fn() -> C + Sync> Walk<'_, E, F> {
    /// Walks the subtree of `prefix`, on all threads where that pays.
    fn share(&self, prefix: &Path) -> Result<C> {
        let Complete { space, covariances: &Covariances { items, .. }, is_parallel, .. } = *self.complete;
        let missing = space.k - prefix.len();
        let next = prefix.next();
        let sets = binomial(items - next, missing).unwrap_or(u128::MAX);
        if missing <= 3 || sets <= SERIAL_SETS || !is_parallel {
            let mut collector = (self.empty)();
            let mut track = Track::new(self.form, space.k, prefix.questions());
            self.descend(&mut prefix.clone(), &mut track, &mut collector);
            self.advance(sets);
            return Ok(collector);
        }
        self.complete.control.fold(
            next..items + 1 - missing,
            |item| many(items - item - 1, missing - 1),
            || Ok((self.empty)()),
            |collector: Result<C>, item| {
                let mut collector = collector?;
                if prefix.is_open(item as u32) {
                    collector.merge(self.share(&prefix.with(item as u32))?);
                } else {
                    let sets = binomial(items - item - 1, missing - 1).unwrap_or(u128::MAX);
                    self.advance(sets);
                }
                Ok(collector)
            },
            |collector, later| {
                let mut collector = collector?;
                collector.merge(later?);
                Ok(collector)
            },
        )
    }

    /// Takes down that so many more sets are done.
    fn advance(&self, sets: u128) {
        let all = self.complete.space.sets().unwrap_or(u128::MAX);
        self.complete.control.advance(sets as f64 / all as f64);
    }

    fn descend(&self, prefix: &mut Path, track: &mut Track, collector: &mut C) {
        let Complete { space, covariances: &Covariances { items, .. }, .. } = *self.complete;
        let missing = space.k - prefix.len();
        let next = prefix.next();
        if missing == 2 {
            self.look_again(prefix, track, collector);
            return;
        }
        if self.complete.control.is_stopped() {
            return;
        }
        if missing == 3 {
            if collector.threshold() > track.form.threshold {
                track.raise(self.complete, prefix.questions(), collector.threshold());
            }
            self.isa.run(Tiles { track, prefix, next, items });
            let open = std::mem::take(&mut track.open);
            for &item in &open {
                track.extend(prefix.len(), item);
                prefix.push(item as u32);
                self.look_again(prefix, track, collector);
                prefix.pop();
            }
            track.open = open;
            return;
        }
        for item in
            (next..items + 1 - missing).filter(|&item| prefix.is_open(item as u32)).collect::<Vec<_>>()
        {
            track.extend(prefix.len(), item);
            prefix.push(item as u32);
            self.descend(prefix, track, collector);
            prefix.pop();
        }
    }

    /// Offers the prefix with each pair of items that fulfils the criterion.
    fn look_again(&self, prefix: &mut Path, track: &Track, collector: &mut C) {
        let form = &track.form;
        let row = &track.rows[prefix.len()];
        let room = form.room(track.forms[prefix.len()]);
        let items = self.complete.covariances.items;
        for i in prefix.next()..items {
            if !prefix.is_open(i as u32) {
                continue;
            }
            let reaches = |&j: &usize| row[i] + (row[j] + form.pairs[i * form.stride + j]) >= room;
            let mut seconds = (i + 1..items).filter(reaches).peekable();
            if seconds.peek().is_none() {
                continue;
            }
            prefix.push(i as u32);
            for j in seconds {
                if prefix.is_open(j as u32) {
                    prefix.show_with(j as u32, |set| self.complete.offer(set, collector));
                }
            }
            prefix.pop();
        }
    }
}

impl Form {
    /// `None` where the memory is not to be had.
    fn try_new<E: Exact>(complete: &Complete<E>, threshold: f64) -> Option<Self> {
        let items = complete.covariances.items;
        let stride = items + LANES;
        let mut pairs = Vec::new();
        pairs.try_reserve_exact(items.checked_mul(stride)?).ok()?;
        pairs.resize(items * stride, 0.0);
        let own = vec![f32::NEG_INFINITY; stride];
        let criterion = complete.criterion(threshold);
        let (tiles, starts) = (Vec::new(), Vec::new());
        let mut form = Self { threshold, criterion, own, pairs, stride, tiles, starts };
        form.raise(complete, threshold);
        Some(form)
    }

    /// Makes everything anew for another threshold.
    fn raise<E: Exact>(&mut self, complete: &Complete<E>, threshold: f64) {
        let Covariances { items, ref with_total, .. } = *complete.covariances;
        self.threshold = threshold;
        self.criterion = complete.criterion(threshold);
        let criterion @ Criterion { beta, unit, .. } = self.criterion;
        for i in 0..items {
            let covariances = complete.covariances.row(i);
            let pairs = &mut self.pairs[i * self.stride..][..items];
            for (j, pair) in pairs.iter_mut().enumerate() {
                *pair = (2.0 * ((with_total[i] * with_total[j] - beta * covariances[j]) / unit)) as f32;
            }
            self.own[i] = (criterion.own(with_total[i], covariances[i]) / unit) as f32;
            pairs[i] = f32::NEG_INFINITY;
        }
        self.lay_tiles(items);
    }

    /// Copies the pairs into the order of tiles.
    fn lay_tiles(&mut self, items: usize) {
        let Self { pairs, stride, tiles, starts, .. } = self;
        tiles.clear();
        starts.clear();
        for first in (0..items).step_by(ROWS) {
            starts.push(tiles.len());
            for column in (first..items).step_by(LANES) {
                let mut lanes = [[f32::NEG_INFINITY; LANES]; ROWS];
                for (row, lanes) in (first..items).zip(&mut lanes) {
                    let pairs = &pairs[row * *stride..][column..items];
                    lanes.iter_mut().zip(pairs).for_each(|(lane, &pair)| *lane = pair);
                }
                tiles.push(lanes);
            }
        }
    }

    /// Makes `longer` the row of a prefix with one more `item`, from that on, of its row without.
    #[inline(always)]
    fn extend(&self, shorter: &[f32], longer: &mut [f32], item: usize) {
        let (shorter, longer) = (&shorter[item..], &mut longer[item..]);
        let pairs = &self.pairs[item * self.stride + item..][..longer.len()];
        for i in 0..longer.len().min(shorter.len()).min(pairs.len()) {
            longer[i] = shorter[i] + pairs[i];
        }
    }

    /// The largest h_P(i) + h_P(j) + 2·M_ij of two items from `next` on, where `row` is h_P. What it is before `next` is forgotten.
    #[inline(always)]
    fn largest(&self, row: &mut [f32], next: usize, items: usize) -> f32 {
        let first = next / ROWS * ROWS;
        row[first..next].fill(f32::NEG_INFINITY);
        let mut best = [f32::NEG_INFINITY; LANES];
        let mut tiles = &self.tiles[self.starts[next / ROWS]..];
        // All rows of a block begin where the first does: what the others meet there, pairs (j, i) for (i, j) and -∞ on the
        // diagonal, does no harm. Nor does a row before `next` or beyond the last, whose own h is -∞.
        for first in (first..items).step_by(ROWS) {
            let width = (items - first).div_ceil(LANES);
            let (of_block, others) = tiles.split_at(width);
            tiles = others;
            let (columns, _) = row[first..].as_chunks::<LANES>();
            let [own_a, own_b, own_c, own_d] = [row[first], row[first + 1], row[first + 2], row[first + 3]];
            for (other, [a, b, c, d]) in columns.iter().zip(of_block) {
                for lane in 0..LANES {
                    let (a, b) = (own_a + a[lane], own_b + b[lane]);
                    let (c, d) = (own_c + c[lane], own_d + d[lane]);
                    let sum = other[lane] + larger(larger(a, b), larger(c, d));
                    best[lane] = larger(best[lane], sum);
                }
            }
        }
        let mut most = f32::NEG_INFINITY;
        for best in best {
            most = larger(most, best);
        }
        most
    }

    /// What h_P(i) + h_P(j) + 2·M_ij must reach, for a prefix whose form is M(P,P).
    #[inline(always)]
    fn room(&self, of_prefix: f64) -> f32 {
        // One more rounding to f32, of a number no larger than those that the margin allows for.
        (self.criterion.least_f32() - of_prefix) as f32
    }
}

impl<'a> Track<'a> {
    fn new(form: &'a Form, k: usize, prefix: &[u32]) -> Self {
        let mut track = Self {
            form: Cow::Borrowed(form),
            rows: vec![form.own.clone(); k - 1],
            forms: vec![0.0; k - 1],
            open: Vec::new(),
        };
        track.follow(prefix);
        track
    }

    fn follow(&mut self, prefix: &[u32]) {
        for (length, &item) in prefix.iter().enumerate() {
            self.extend(length, item as usize);
        }
    }

    /// Makes everything anew for a higher threshold.
    fn raise<E: Exact>(&mut self, complete: &Complete<E>, prefix: &[u32], threshold: f64) {
        let form = self.form.to_mut();
        form.raise(complete, threshold);
        self.rows[0].copy_from_slice(&form.own);
        self.follow(prefix);
    }

    /// Adds `item` to a prefix of `length` items.
    fn extend(&mut self, length: usize, item: usize) {
        self.forms[length + 1] = self.forms[length] + f64::from(self.rows[length][item]);
        let (shorter, longer) = self.rows.split_at_mut(length + 1);
        self.form.extend(&shorter[length], &mut longer[0], item);
    }
}

/// Finds the items from `next` on that can follow a prefix of all but three.
struct Tiles<'a, 'b, 'c> {
    track: &'a mut Track<'b>,
    prefix: &'a mut Path<'c>,
    next: usize,
    items: usize,
}

impl Kernel for Tiles<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _isa: I) {
        let Self { track, prefix, next, items } = self;
        let Track { form, rows, forms, open } = track;
        let form: &Form = form;
        let length = prefix.len();
        let (shorter, longer) = rows.split_at_mut(length + 1);
        let (shorter, longer) = (&shorter[length][..], &mut longer[0][..]);
        open.clear();
        for item in next..items - 2 {
            if !prefix.is_open(item as u32) {
                continue;
            }
            form.extend(shorter, longer, item);
            if !prefix.is_free() {
                prefix.push(item as u32);
                close(longer, prefix, item + 1, items);
                prefix.pop();
            }
            let room = form.room(forms[length] + f64::from(shorter[item]));
            if form.largest(longer, item + 1, items) >= room {
                open.push(item);
            }
        }
    }
}

/// Leaves no set to the items from `next` on that cannot follow the prefix of this row.
fn close(row: &mut [f32], prefix: &Path, next: usize, items: usize) {
    for (_, form) in (next as u32..).zip(&mut row[next..items]).filter(|(item, _)| !prefix.is_open(*item)) {
        *form = f32::NEG_INFINITY;
    }
}

/// One instruction, unlike `f32::max`, which looks for NaN.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}
