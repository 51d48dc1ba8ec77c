//! Families of answer patterns: the common users of a set are those of all patterns that contain it, its family.
//!
//! Within what all patterns of a family contain, their users have answered everything, so to the sets of one family these
//! are complete answers. Not every set of these questions is of the family: a further pattern may contain it, too.
//!
//! What the patterns of a family have in common is contained in no other pattern, so there are as many families as
//! different intersections of patterns. In the terms of itemset mining, with patterns as transactions, these are the closed
//! itemsets (N. Pasquier et al., "Discovering frequent closed itemsets for association rules", ICDT 1999).

use hashbrown::HashSet;

use crate::bitset::{WORD_BITS, ones, words_for};
use crate::patterns::Pattern;

/// All patterns that contain some questions.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Where its patterns are among all.
    pub patterns: Vec<usize>,
    /// What all of them contain, ascending.
    pub questions: Vec<u32>,
    pub own: OwnSets,
}

/// Which sets of a family's questions are contained in no further pattern. Questions are numbered by their place among those
/// of the family.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnSets {
    /// What further patterns lack: a set is the family's own if it has something of each. None contains another.
    lacks: Vec<Vec<u32>>,
    /// By question, which of these it is part of.
    lacks_of: Vec<u64>,
}

impl OwnSets {
    /// By what further patterns lack of `questions`, bits of question ids.
    fn new(questions: &[u32], mut lacks: Vec<Vec<u64>>) -> Self {
        lacks.sort_by_key(|lack| count(lack));
        let mut least: Vec<Vec<u64>> = Vec::new();
        for lack in lacks {
            let contains = |other: &Vec<u64>| other.iter().zip(&lack).all(|(other, lack)| other & !lack == 0);
            if !least.iter().any(contains) {
                least.push(lack);
            }
        }
        let place = |question| questions.partition_point(|&other| other < question) as u32;
        let lacks: Vec<Vec<u32>> =
            least.iter().map(|lack| members(lack).into_iter().map(place).collect()).collect();
        let words = words_for(lacks.len());
        let mut lacks_of = vec![0; questions.len() * words];
        for (number, lack) in lacks.iter().enumerate() {
            for &question in lack {
                lacks_of[question as usize * words + number / WORD_BITS] |= 1 << (number % WORD_BITS);
            }
        }
        Self { lacks, lacks_of }
    }

    /// What further patterns lack: a set is the family's own if it has something of each.
    pub fn lacks(&self) -> &[Vec<u32>] {
        &self.lacks
    }

    pub fn contains(&self, set: impl Iterator<Item = u32> + Clone) -> bool {
        let words = words_for(self.lacks.len());
        let of = |question: u32, word| self.lacks_of[question as usize * words + word];
        let met = (0..words).map(|word| set.clone().fold(0, |met, question| met | of(question, word)));
        met.map(|met| met.count_ones() as usize).sum::<usize>() == self.lacks.len()
    }
}

/// The families of at least `k` of `questions` questions and at least so many users; `None` where patterns have more than `most`
/// different intersections of so many questions.
pub fn families(
    patterns: &[Pattern],
    questions: usize,
    k: usize,
    least_users: usize,
    most: usize,
) -> Option<Vec<Family>> {
    let contained: Vec<Vec<u64>> =
        patterns.iter().map(|pattern| bits(&pattern.questions, questions)).collect();
    let family = |shared: Vec<u64>| {
        let (mut of, mut lacks, mut users) = (Vec::new(), Vec::new(), 0);
        for (position, pattern) in patterns.iter().enumerate() {
            let lack: Vec<u64> = shared.iter().zip(&contained[position]).map(|(a, b)| a & !b).collect();
            if count(&lack) > 0 {
                lacks.push(lack);
            } else {
                of.push(position);
                users += pattern.users.len();
            }
        }
        let questions = members(&shared);
        (users >= least_users).then(|| Family {
            patterns: of,
            own: OwnSets::new(&questions, lacks),
            questions,
        })
    };
    Some(intersections(&contained, k, most)?.into_iter().filter_map(family).collect())
}

/// The different intersections of some of the patterns that have at least `k` questions; `None` if they are more than
/// `most`.
fn intersections(patterns: &[Vec<u64>], k: usize, most: usize) -> Option<Vec<Vec<u64>>> {
    let mut found: Vec<Vec<u64>> = Vec::new();
    let mut known: HashSet<Vec<u64>> = HashSet::new();
    for pattern in patterns {
        let with = |other: &Vec<u64>| pattern.iter().zip(other).map(|(a, b)| a & b).collect();
        let mut shared: Vec<Vec<u64>> = found.iter().chain([pattern]).map(with).collect();
        shared.retain(|shared| count(shared) >= k && known.insert(shared.clone()));
        found.append(&mut shared);
        if found.len() > most {
            return None;
        }
    }
    Some(found)
}

fn bits(questions: &[u32], of: usize) -> Vec<u64> {
    let mut bits = vec![0; words_for(of)];
    for question in questions.iter().map(|&question| question as usize) {
        bits[question / WORD_BITS] |= 1 << (question % WORD_BITS);
    }
    bits
}

fn members(bits: &[u64]) -> Vec<u32> {
    let words = bits.iter().enumerate();
    words.flat_map(|(word, &bits)| ones(bits).map(move |bit| (word * WORD_BITS + bit) as u32)).collect()
}

fn count(bits: &[u64]) -> usize {
    bits.iter().map(|word| word.count_ones() as usize).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::combinations::binomial;

    proptest! {
        /// Each set that some pattern contains is the own set of one family, whose patterns are those that contain it.
        #[test]
        fn every_set_has_one_family(
            patterns in prop::collection::vec(prop::collection::btree_set(0u32..9, 0..10), 1..7),
            k in 1usize..5,
            least_users in 0usize..4,
        ) {
            let patterns: Vec<Pattern> = patterns
                .into_iter()
                .map(|questions| Pattern { questions: questions.into_iter().collect(), users: vec![0] })
                .collect();
            let families = families(&patterns, 9, k, least_users, usize::MAX).unwrap();
            for set in (0u32..1 << 9).filter(|set| set.count_ones() as usize == k) {
                let set: Vec<u32> = (0..9).filter(|question| set >> question & 1 == 1).collect();
                let contains = |questions: &[u32]| set.iter().all(|question| questions.contains(question));
                let of: Vec<usize> =
                    (0..patterns.len()).filter(|&pattern| contains(&patterns[pattern].questions)).collect();
                let is_own = |family: &&Family| {
                    let place = |question| family.questions.binary_search(question).unwrap() as u32;
                    contains(&family.questions) && family.own.contains(set.iter().map(place))
                };
                let found: Vec<&Family> = families.iter().filter(is_own).collect();
                let has_users = !of.is_empty() && of.len() >= least_users;
                prop_assert_eq!(found.len(), usize::from(has_users), "{:?}", set);
                prop_assert!(found.iter().all(|family| family.patterns == of), "{:?}", set);
            }
        }
    }

    #[test]
    fn a_user_short_of_complete_makes_two_families() {
        let pattern = |questions: &[u32]| Pattern { questions: questions.to_vec(), users: vec![0] };
        let patterns = [pattern(&[0, 1, 2, 3]), pattern(&[0, 1, 3])];
        let found = families(&patterns, 4, 2, 1, 2).unwrap();
        assert_eq!((&found[0].patterns, found[0].own.lacks()), (&vec![0], &[vec![2]][..]));
        assert_eq!((&found[1].patterns, found[1].own.lacks()), (&vec![0, 1], &[][..]));
        assert_eq!(families(&patterns, 4, 2, 1, 1), None);
        assert_eq!(families(&patterns, 4, 4, 1, 1).unwrap().len(), 1, "the other has no set of four");
    }

    /// More patterns than a word has bits.
    #[test]
    fn each_user_lacks_another_question() {
        let patterns: Vec<Pattern> = (0..70)
            .map(|lacking| Pattern {
                questions: (0..70).filter(|&question| question != lacking).collect(),
                users: vec![lacking],
            })
            .collect();
        let found = families(&patterns, 70, 69, 1, 100).unwrap();
        assert_eq!(found.len(), 70);
        assert_eq!(families(&patterns, 70, 68, 1, 100), None, "C(70, 1) + C(70, 2)");
        assert_eq!(binomial(70, 2), Some(2415));
        let found = families(&patterns, 70, 68, 1, 70 + 2415).unwrap();
        let pair = found.iter().find(|family| family.patterns == [1, 66]).unwrap();
        assert_eq!((pair.questions.len(), pair.own.lacks().len()), (68, 68));
        assert!(pair.own.contains(0..68) && !pair.own.contains(0..67) && !pair.own.contains(1..68));
    }
}
