//! Answer patterns: users who answered the same questions. Moments of their scores add up, so they are one block to
//! the search, however many they are.

use hashbrown::HashMap;

use crate::bitset::BitMatrix;

/// The users who answered exactly `questions`, both in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    pub questions: Vec<u32>,
    pub users: Vec<u32>,
}

/// The patterns in order of their first user, or `None` where there are more than `most`.
pub fn patterns(answered: &BitMatrix, users: usize, most: usize) -> Option<Vec<Pattern>> {
    let mut found: Vec<Pattern> = Vec::new();
    let mut ids: HashMap<&[u64], usize> = HashMap::new();
    for user in 0..users {
        let row = answered.row(user);
        let id = *ids.entry(row).or_insert(found.len());
        if id == found.len() {
            if id == most {
                return None;
            }
            let questions = answered.ones_of(user).map(|question| question as u32).collect();
            found.push(Pattern { questions, users: Vec::new() });
        }
        found[id].users.push(user as u32);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_grouped_by_what_they_answered() {
        for columns in [1, 3, 63, 64, 65, 128, 130] {
            let mut answered = BitMatrix::try_zeros(5, columns).unwrap();
            for user in [0, 1, 2, 4] {
                (0..columns).for_each(|column| assert!(answered.insert(user, column)));
            }
            (1..columns).for_each(|column| assert!(answered.insert(3, column)));
            let all: Vec<u32> = (0..columns as u32).collect();
            let found = patterns(&answered, 5, 2).unwrap();
            assert_eq!(found[0], Pattern { questions: all.clone(), users: vec![0, 1, 2, 4] });
            assert_eq!(found[1], Pattern { questions: all[1..].to_vec(), users: vec![3] });
            assert_eq!(patterns(&answered, 5, 1), None);
        }
    }
}
