//! The leaf of the search: the sums of one prefix with *every* open question at once.

use std::borrow::BorrowMut;
use std::ops::Range;

use crate::isa::{Isa, PartSums, Pass, in_passes, longest_run};

use super::database::Database;
use super::extension::Extension;

/// The largest Σt² of users whose t² are summed up in 16-bit lanes.
const LARGEST_SQUARES: u64 = u16::MAX as u64;

/// How many users can be summed up in 16-bit lanes.
#[derive(Clone, Copy, Default)]
pub struct Limits {
    /// Whether Σt² is moved to 32 bits at the end of each run.
    is_wide: bool,
    run: usize,
    users: usize,
}

impl Limits {
    /// For sets of `k` questions of users whose Σt² is `squares` and whose largest |t| is `largest`.
    pub fn new(k: usize, squares: u64, largest: u64) -> Self {
        let k = k.max(1) as u64;
        let largest = largest.max(1);
        // Σx² ≤ n·k².
        let by_squares = u64::from(u16::MAX) / (k * k);
        let run = longest_run(largest);
        if squares <= LARGEST_SQUARES {
            // By Cauchy and Schwarz |Σxt| ≤ k·√(n·Σt²), and |Σt| is not larger.
            let by_products = (i16::MAX as u64 / k).pow(2) / LARGEST_SQUARES;
            return Self { is_wide: false, run, users: by_squares.min(by_products) as usize };
        }
        // |Σxt| ≤ n·k·|t|.
        let by_products = i16::MAX as u64 / (k * largest);
        let run = run.min((LARGEST_SQUARES / (largest * largest)) as usize);
        Self { is_wide: true, run, users: by_squares.min(by_products) as usize }
    }
}

/// Whether lanes can sum up sets of `k` questions at all where no |t| exceeds `largest`.
pub fn is_possible(k: usize, largest: u64) -> bool {
    let possible = |squares| {
        let limits = Limits::new(k, squares, largest);
        limits.run > 0 && limits.users > 0
    };
    k <= usize::from(u8::MAX) && possible(0) && possible(u64::MAX)
}

/// Makes `sums`, one for each of the given parts, those of the prefix whose common users are `extension` with each
/// question of the part.
#[inline(always)]
pub fn sum<I: Isa>(
    isa: I,
    database: &Database,
    extension: &Extension,
    parts: Range<usize>,
    sums: &mut [impl BorrowMut<PartSums>],
) {
    let limits = database.limits();
    let first = parts.start;
    if extension.len() <= limits.users {
        return sum_groups(isa, database, limits, extension.groups(), first, sums);
    }
    let mut found = vec![PartSums::default(); sums.len()];
    for sums in &mut *sums {
        *sums.borrow_mut() = PartSums::default();
    }
    for (above, group) in extension.groups().enumerate() {
        let below = extension.counts().len() - 1 - above;
        for users in group.chunks(limits.users) {
            // The users of one total, and then the steps down to 0.
            let groups = std::iter::once(users).chain(std::iter::repeat_n(&[][..], below));
            sum_groups(isa, database, limits, groups, first, &mut found);
            for (sums, found) in sums.iter_mut().zip(&found) {
                sums.borrow_mut().add(found);
            }
        }
    }
}

/// Makes `sums` those of the parts from `first` on, of users by total, highest first.
#[inline(always)]
fn sum_groups<'a, I: Isa>(
    isa: I,
    database: &Database,
    limits: Limits,
    groups: impl Iterator<Item = &'a [u32]> + Clone,
    first: usize,
    sums: &mut [impl BorrowMut<PartSums>],
) {
    let longest_run = limits.run;
    if limits.is_wide {
        in_passes(&SixSums::<_, _, true> { isa, database, longest_run, groups }, first, sums);
    } else {
        in_passes(&SixSums::<_, _, false> { isa, database, longest_run, groups }, first, sums);
    }
}

/// Passes over users by total, highest first, that make the six sums.
struct SixSums<'a, I, G, const IS_WIDE: bool> {
    isa: I,
    database: &'a Database,
    longest_run: usize,
    groups: G,
}

impl<'u, I, G, S, const IS_WIDE: bool> Pass<S> for SixSums<'_, I, G, IS_WIDE>
where
    I: Isa,
    G: Iterator<Item = &'u [u32]> + Clone,
    S: BorrowMut<PartSums>,
{
    #[inline(always)]
    fn parts_at_once() -> usize {
        I::PARTS_AT_ONCE
    }

    #[inline(always)]
    fn pass<const N: usize>(&self, first: usize, found: &mut [S]) {
        let Self { isa, database, longest_run, ref groups } = *self;
        let words: [&[u32]; N] = std::array::from_fn(|part| database.words(first + part));
        let weights = database.weights();
        let (run, sums) = isa.zero();
        let (mut run, mut sums) = ([run; N], [sums; N]);
        let mut is_first = true;
        for users in groups.clone() {
            if !is_first {
                for sums in &mut sums {
                    isa.step_down(sums);
                }
            }
            is_first = false;
            for users in users.chunks(longest_run) {
                for &user in users {
                    let user = user as usize;
                    debug_assert!(user < weights.len());
                    // SAFETY: an extension's users are those of its database, which has a weight for every user,
                    // and twice as many words in each part, less one at most.
                    unsafe {
                        let weight = weights.get_unchecked(user);
                        for (words, run) in words.iter().zip(&mut run) {
                            isa.add(run, words.get_unchecked(2 * user), weight);
                        }
                    }
                }
                for (run, sums) in run.iter_mut().zip(&mut sums) {
                    isa.end_run(run, sums);
                    if IS_WIDE {
                        isa.widen(run, sums);
                    }
                }
            }
        }
        for ((run, sums), found) in run.into_iter().zip(sums).zip(found) {
            isa.finish(run, sums, found.borrow_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the lanes must hold at the limits, in the worst case.
    #[test]
    fn no_sum_exceeds_its_lane() {
        for k in [1, 2, 5, 8, 50, 100, 128] {
            for largest in [0, 1, 10, 33, 34, 63, 64, 100, 181, 255] {
                if !is_possible(k, largest) {
                    assert!(k > 100 || k as u64 * largest > i16::MAX as u64, "k = {k}, |t| ≤ {largest}");
                    continue;
                }
                let (x, t) = (k as u64, largest);
                let wide = Limits::new(k, u64::MAX, largest);
                let (n, run) = (wide.users as u64, wide.run as u64);
                assert!(n * x * x <= u64::from(u16::MAX) && n * x * t <= i16::MAX as u64);
                assert!(run <= 31 && run * t <= 1023 && run * t * t <= u64::from(u16::MAX));

                let narrow = Limits::new(k, LARGEST_SQUARES, largest);
                let n = narrow.users as u64;
                assert!(
                    n * x * x <= u64::from(u16::MAX) && x * (n * LARGEST_SQUARES).isqrt() <= i16::MAX as u64
                );
                assert!(narrow.run <= 31 && narrow.run as u64 * t <= 1023);
            }
        }
        assert!(is_possible(5, 255) && !is_possible(5, 10_000) && !is_possible(256, 1));
    }
}
