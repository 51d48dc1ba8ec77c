//! A core of questions that all users answered, and electives, which they answered in any number of patterns.
//!
//! A set is some electives and some of the core. Its common users are those who answered these electives: the core
//! takes none away. So for the sets of one choice of electives answers are complete, and each set has one choice.

use crate::bitset::{BitMatrix, WORD_BITS, ones};

/// Questions by whether all users answered them.
pub struct Electives {
    users: usize,
    /// Both ascending.
    core: Vec<u32>,
    electives: Vec<u32>,
    /// By question, who answered it.
    answered: BitMatrix,
}

/// Electives that some users have all answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Ascending.
    pub electives: Vec<u32>,
    /// How many users.
    pub users: usize,
}

impl Electives {
    /// `None` where the core has fewer questions than `least_core`, or the memory is not to be had.
    pub fn new(answered: &BitMatrix, users: usize, least_core: usize) -> Option<Self> {
        let mut by_all = vec![u64::MAX; answered.words_per_row()];
        for user in 0..users {
            by_all.iter_mut().zip(answered.row(user)).for_each(|(all, row)| *all &= row);
            // Of sparse data nothing is left after some users.
            if by_all.iter().all(|&word| word == 0) {
                break;
            }
        }
        let is_core = |&question: &u32| {
            let (word, bit) = (question as usize / WORD_BITS, question as usize % WORD_BITS);
            by_all[word] >> bit & 1 == 1
        };
        let (core, electives): (Vec<u32>, Vec<u32>) = (0..answered.columns() as u32).partition(is_core);
        if core.len() < least_core {
            return None;
        }
        Some(Self { users, core, electives, answered: answered.transposed(users)? })
    }

    pub fn core(&self) -> &[u32] {
        &self.core
    }

    /// The choices of at most `largest` electives that so many users answered, in lexicographic order; `None` if they are
    /// more than `most`.
    pub fn choices(&self, largest: usize, least_users: usize, most: usize) -> Option<Vec<Choice>> {
        let mut walk = Walk { of: self, largest, least_users, most, found: Vec::new() };
        let everybody = vec![u64::MAX; self.answered.words_per_row()];
        let is_whole = walk.descend(&mut Vec::new(), &everybody, self.users, 0);
        is_whole.then_some(walk.found)
    }

    /// The users who answered all of `electives`, ascending.
    pub fn users(&self, electives: &[u32]) -> Vec<u32> {
        let Some((&first, others)) = electives.split_first() else { return (0..self.users as u32).collect() };
        let others = |word: usize| others.iter().fold(u64::MAX, |bits, &other| bits & self.row(other)[word]);
        let words = self.row(first).iter().enumerate();
        let common = words.map(|(word, &bits)| (word, bits & others(word)));
        common.flat_map(|(word, bits)| ones(bits).map(move |bit| (word * WORD_BITS + bit) as u32)).collect()
    }

    fn row(&self, question: u32) -> &[u64] {
        self.answered.row(question as usize)
    }
}

/// A walk through the choices, each after the one that it goes on from.
struct Walk<'a> {
    of: &'a Electives,
    largest: usize,
    least_users: usize,
    most: usize,
    found: Vec<Choice>,
}

impl Walk<'_> {
    /// Takes up `chosen`, which these users answered, and all that go on from it with electives from the one numbered `next`
    /// on; tells whether they are no more than the most.
    fn descend(&mut self, chosen: &mut Vec<u32>, answered: &[u64], users: usize, next: usize) -> bool {
        if users < self.least_users {
            return true;
        }
        if self.found.len() == self.most {
            return false;
        }
        self.found.push(Choice { electives: chosen.clone(), users });
        if chosen.len() == self.largest {
            return true;
        }
        for (number, &question) in self.of.electives.iter().enumerate().skip(next) {
            let both = answered.iter().zip(self.of.row(question)).map(|(a, b)| a & b);
            let both: Vec<u64> = both.collect();
            let users = both.iter().map(|word| word.count_ones() as usize).sum();
            chosen.push(question);
            let is_whole = self.descend(chosen, &both, users, number + 1);
            chosen.pop();
            if !is_whole {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// They are those of the definition, in order, and so are their users.
        #[test]
        fn choices_are_the_sets_of_electives_with_enough_users(
            users in prop::collection::vec(0u32..1 << 8, 1..90),
            core in 0u32..1 << 8,
            largest in 0usize..6,
            least_users in 0usize..9,
        ) {
            let answers: Vec<u32> = users.iter().map(|answers| answers | core).collect();
            let mut answered = BitMatrix::try_zeros(users.len(), 8).unwrap();
            let has = |answers: u32, question: u32| answers >> question & 1 == 1;
            for (user, &answers) in answers.iter().enumerate() {
                (0..8).filter(|&question| has(answers, question)).for_each(|question| {
                    answered.insert(user, question as usize);
                });
            }
            let electives = Electives::new(&answered, users.len(), 0).unwrap();
            let of_all = answers.iter().fold(u32::MAX, |all, answers| all & answers);
            prop_assert_eq!(electives.core(), (0..8).filter(|&question| has(of_all, question)).collect::<Vec<_>>());

            let sets = (0u32..1 << 8).filter(|set| set & of_all == 0 && set.count_ones() as usize <= largest);
            let mut expected: Vec<(Vec<u32>, Vec<u32>)> = sets
                .map(|set| {
                    let of_set = |user: &u32| answers[*user as usize] & set == set;
                    let common = (0..users.len() as u32).filter(of_set).collect();
                    ((0..8).filter(|&question| has(set, question)).collect(), common)
                })
                .filter(|(_, common): &(_, Vec<u32>)| common.len() >= least_users)
                .collect();
            expected.sort();
            let found = electives.choices(largest, least_users, expected.len()).unwrap();
            let of = |choice: &Choice| (choice.electives.clone(), electives.users(&choice.electives));
            prop_assert_eq!(found.iter().map(of).collect::<Vec<_>>(), expected.clone());
            prop_assert!(found.iter().all(|choice| electives.users(&choice.electives).len() == choice.users));
            if let Some(fewer) = expected.len().checked_sub(1) {
                prop_assert_eq!(electives.choices(largest, least_users, fewer), None);
            }
        }
    }
}
