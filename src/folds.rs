//! Users dealt out into folds, so that sets can be chosen on some users and evaluated on others.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The fold, below `folds`, of each of the distinct `users`, whose ids are given as bytes.
///
/// Users are ordered by the XXH3 hash of their id, which depends on `seed`, and dealt out like cards. So a user's fold
/// does not depend on the order of the users, and the sizes of the folds differ by at most one. The hash is fixed by
/// its [specification](https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
///
/// ```
/// use polars_corrset::folds::deal;
///
/// let folds = deal(&[b"ann", b"bob", b"eve"], 2, 0);
/// assert_eq!(folds.iter().filter(|&&fold| fold == 0).count(), 2);
/// let [ann, bob, eve] = folds[..] else { panic!() };
/// assert_eq!(deal(&[b"eve", b"ann", b"bob"], 2, 0), [eve, ann, bob]);
/// ```
pub fn deal<U: AsRef<[u8]>>(users: &[U], folds: u32, seed: u64) -> Vec<u32> {
    let mut order: Vec<(u64, &[u8], u32)> = users
        .iter()
        .zip(0..)
        .map(|(user, id)| (xxh3_64_with_seed(user.as_ref(), seed), user.as_ref(), id))
        .collect();
    order.sort_unstable();
    let mut dealt = vec![0; users.len()];
    for ((_, _, user), fold) in order.into_iter().zip((0..folds).cycle()) {
        dealt[user as usize] = fold;
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(users: u32) -> Vec<[u8; 4]> {
        (0..users).map(u32::to_le_bytes).collect()
    }

    proptest! {
        #[test]
        fn folds_are_equal_and_do_not_depend_on_the_order(users in 0..200u32, folds in 1..10u32, seed: u64) {
            let ids = ids(users);
            let dealt = deal(&ids, folds, seed);
            prop_assert_eq!(dealt.len(), ids.len());
            let sizes: Vec<usize> =
                (0..folds).map(|fold| dealt.iter().filter(|&&one| one == fold).count()).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), ids.len());
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            let reversed: Vec<[u8; 4]> = ids.into_iter().rev().collect();
            prop_assert_eq!(deal(&reversed, folds, seed), dealt.into_iter().rev().collect::<Vec<_>>());
        }
    }

    #[test]
    fn another_seed_is_another_deal() {
        assert_ne!(deal(&ids(50), 5, 0), deal(&ids(50), 5, 1));
    }
}
