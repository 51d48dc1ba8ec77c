//! The leaf of the search: the sums of one prefix with *every* open question at once.

use std::ops::Range;

use crate::isa::{Isa, PartSums};

use super::database::Database;
use super::extension::Extension;

/// The largest Σt² of users that are summed up in 16-bit lanes.
const LARGEST_SQUARES: u64 = u16::MAX as u64;

/// The number of users that can be summed up in 16-bit lanes, if their Σt² does not exceed
/// [`LARGEST_SQUARES`]: Σx² ≤ n·k² and, by Cauchy and Schwarz, |Σxt| ≤ k·√(n·Σt²) stay in range. 0 for a k that is too
/// large for lanes.
pub fn most_users(k: usize) -> usize {
    let by_squares = usize::from(u16::MAX) / k.saturating_mul(k).max(1);
    let by_products = (i16::MAX as usize / k.max(1)).pow(2) / LARGEST_SQUARES as usize;
    by_squares.min(by_products)
}

/// Makes `sums[part]`, for each of the given parts, those of the prefix whose common users are `extension` with each
/// question of the part, where sets have `k` questions.
#[inline(always)]
pub fn sum<I: Isa>(
    isa: I,
    database: &Database,
    extension: &Extension,
    parts: Range<usize>,
    k: usize,
    sums: &mut [PartSums],
) {
    let most_users = most_users(k);
    let square = |user: &u32| database.weights()[*user as usize].square();
    let fits = || extension.groups().flatten().map(square).sum::<u64>() <= LARGEST_SQUARES;
    if extension.len() <= most_users && (database.squares() <= LARGEST_SQUARES || fits()) {
        return sum_groups(isa, database, extension.groups(), parts.start, &mut sums[parts]);
    }
    let first = parts.start;
    let sums = &mut sums[parts];
    sums.fill(PartSums::default());
    let mut found = sums.to_vec();
    for (above, mut group) in extension.groups().enumerate() {
        let below = extension.counts().len() - 1 - above;
        while !group.is_empty() {
            let mut squares = 0;
            let fits = |user: &&u32| {
                squares += square(user);
                squares <= LARGEST_SQUARES
            };
            let count = group.iter().take(most_users).take_while(fits).count();
            let users;
            (users, group) = group.split_at(count);
            // The users of one total, and then the steps down to 0.
            let groups = std::iter::once(users).chain(std::iter::repeat_n(&[][..], below));
            sum_groups(isa, database, groups, first, &mut found);
            sums.iter_mut().zip(&found).for_each(|(sums, found)| sums.add(found));
        }
    }
}

/// Makes `sums` those of the parts from `first` on, of users by total, highest first.
#[inline(always)]
fn sum_groups<'a, I: Isa>(
    isa: I,
    database: &Database,
    groups: impl Iterator<Item = &'a [u32]> + Clone,
    mut first: usize,
    mut sums: &mut [PartSums],
) {
    while !sums.is_empty() {
        let groups = groups.clone();
        let (these, others) = sums.split_at_mut(sums.len().min(I::PARTS_AT_ONCE));
        match these.len() {
            1 => pass::<I, 1>(isa, database, groups, first, these),
            2 => pass::<I, 2>(isa, database, groups, first, these),
            3 => pass::<I, 3>(isa, database, groups, first, these),
            4 => pass::<I, 4>(isa, database, groups, first, these),
            _ => pass::<I, 5>(isa, database, groups, first, these),
        }
        first += these.len();
        sums = others;
    }
}

/// One pass over the users, for `N` parts from `first` on.
#[inline(always)]
fn pass<'a, I: Isa, const N: usize>(
    isa: I,
    database: &Database,
    groups: impl Iterator<Item = &'a [u32]>,
    first: usize,
    found: &mut [PartSums],
) {
    let words: [&[u32]; N] = std::array::from_fn(|part| database.words(first + part));
    let weights = database.weights();
    let longest_run = database.longest_run();
    let (run, sums) = isa.zero();
    let (mut run, mut sums) = ([run; N], [sums; N]);
    let mut is_first = true;
    for users in groups {
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
                // SAFETY: an extension's users are those of its database, which has a weight and a word in each part
                // for every user.
                unsafe {
                    let weight = weights.get_unchecked(user);
                    for (words, run) in words.iter().zip(&mut run) {
                        isa.add(run, words.get_unchecked(user), weight);
                    }
                }
            }
            for (run, sums) in run.iter_mut().zip(&mut sums) {
                isa.end_run(run, sums);
            }
        }
    }
    for ((run, sums), found) in run.iter().zip(&sums).zip(found) {
        isa.finish(run, sums, found);
    }
}
