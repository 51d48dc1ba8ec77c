//! The sets of a family in parts, by what they must have.
//!
//! A family's own set has something of what each other pattern lacks: the first of it, or the second without the first, and
//! so on. Where that is little, each is fixed in a branch of its own, which may have branches again.

use crate::families::Family;
use crate::search::{Path, Rules, Space};

/// Items one of which a set must have that are tried one by one. With as many as a form has beside another most sets have one
/// anyway; but where 8 users of 2,000 lack two questions each, trying those takes 0.2 s for sets of 8 of 110 instead of 1.2.
const MOST_TRIED: usize = 2;

/// Branches of a family from which on no more are made of them.
const MOST_BRANCHES: usize = 1 << 8;

/// Some of the sets of a family.
pub struct Branch {
    /// Those that sets may have; first those that they must have.
    pub items: Vec<u32>,
    pub fixed: usize,
}

impl Branch {
    /// Branches that have all of a family's own sets.
    pub fn of_family(family: &Family, space: Space) -> Vec<Self> {
        let mut found = Vec::new();
        let mut open = vec![((0..space.fixed as u32).collect::<Vec<u32>>(), Vec::<u32>::new())];
        while let Some((fixed, excluded)) = open.pop() {
            let unmet =
                family.own.lacks().iter().filter(|lack| !lack.iter().any(|item| fixed.contains(item)));
            let left = |lack: &Vec<u32>| -> Vec<u32> {
                lack.iter().copied().filter(|item| !excluded.contains(item)).collect()
            };
            let least = unmet.map(left).min_by_key(Vec::len);
            match least {
                Some(_) if fixed.len() == space.k => {}
                Some(least) if least.len() <= MOST_TRIED && open.len() + found.len() < MOST_BRANCHES => {
                    for (number, &item) in least.iter().enumerate() {
                        let fixed = fixed.iter().copied().chain([item]).collect();
                        open.push((fixed, excluded.iter().chain(&least[..number]).copied().collect()));
                    }
                }
                _ => found.extend(Self::new(family, space, fixed, &excluded)),
            }
        }
        found
    }

    /// `None` if there are too few items.
    fn new(family: &Family, space: Space, fixed: Vec<u32>, excluded: &[u32]) -> Option<Self> {
        let others = 0..family.questions.len() as u32;
        let others = others.filter(|item| !fixed.contains(item) && !excluded.contains(item));
        let items: Vec<u32> = fixed.iter().copied().chain(others).collect();
        (items.len() >= space.k).then_some(Self { items, fixed: fixed.len() })
    }

    /// That of the fixed items, if sets may follow it.
    pub fn path<'r>(&self, rules: Option<&'r Rules>) -> Option<Path<'r>> {
        let mut path = Path::of_fixed(rules, 0)?;
        for item in 0..self.fixed as u32 {
            if !path.is_open(item) {
                return None;
            }
            path.push(item);
        }
        Some(path)
    }

    /// Shows each set that goes on from the path of the fixed items with `missing` more, 0 or 1.
    pub fn show_each(&self, fixed: &mut Path, missing: usize, mut show: impl FnMut(&[u32])) {
        if missing == 0 {
            return show(fixed.questions());
        }
        for item in self.fixed as u32..self.items.len() as u32 {
            if fixed.is_open(item) {
                fixed.show_with(item, &mut show);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::families::families;
    use crate::patterns::Pattern;

    proptest! {
        /// Each own set is in one branch: it has what is fixed there, and nothing that is left out.
        #[test]
        fn branches_share_out_the_own_sets(
            lacking in prop::collection::vec(prop::collection::btree_set(1u32..9, 0..4), 1..7),
            (k, fixed) in (2usize..6, 0usize..2),
        ) {
            let lacks = |lacking: std::collections::BTreeSet<u32>| Pattern {
                questions: (0..9).filter(|question| !lacking.contains(question)).collect(),
                users: vec![0],
            };
            let patterns: Vec<Pattern> = lacking.into_iter().map(lacks).collect();
            for family in families(&patterns, 9, k, 1, usize::MAX).unwrap() {
                let questions = family.questions.len();
                let branches = Branch::of_family(&family, Space { questions, k, fixed });
                for set in (0u32..1 << questions).filter(|set| set.count_ones() as usize == k) {
                    let set: Vec<u32> = (0..questions as u32).filter(|item| set >> item & 1 == 1).collect();
                    let is_own = family.own.contains(set.iter().copied()) && (fixed == 0 || set[0] == 0);
                    let has = |branch: &&Branch| {
                        branch.items[..branch.fixed].iter().all(|item| set.contains(item))
                            && set.iter().all(|item| branch.items.contains(item))
                    };
                    let count = branches.iter().filter(has).count();
                    prop_assert!(count <= 1 && count >= usize::from(is_own), "{set:?} in {count} branches");
                }
                for branch in &branches {
                    let items = branch.items.iter().collect::<std::collections::BTreeSet<_>>();
                    prop_assert!(items.len() == branch.items.len() && items.len() >= k && branch.fixed <= k);
                }
            }
        }
    }
}
