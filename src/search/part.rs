//! What of the sets below a prefix is walked, in lexicographic order.

use std::ops::Range;

use crate::combinations::binomial;

/// Sets below a prefix by their positions, counted from the first one; `None` for all.
#[derive(Clone, Debug, PartialEq)]
pub struct Part(Option<Range<u128>>);

impl Part {
    pub const ALL: Self = Self(None);

    /// Those at some positions, of so many; `None` if there is none.
    pub fn new(within: Range<u128>, sets: Option<u128>) -> Option<Self> {
        let is_all = within.start == 0 && sets == Some(within.end);
        if within.is_empty() { None } else { Some(if is_all { Self::ALL } else { Self(Some(within)) }) }
    }

    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// How many sets that is, where below the prefix are `sets`.
    pub fn sets(&self, sets: Option<u128>) -> Option<u128> {
        match &self.0 {
            Some(within) => Some(within.end - within.start),
            None => sets,
        }
    }

    /// What it has of the sets whose next question is the one after `skipped` others, where the prefix lacks `missing` of
    /// the `open` questions behind it; `None` if nothing.
    pub fn below(&self, open: usize, missing: usize, skipped: usize) -> Option<Self> {
        let Some(within) = &self.0 else { return Some(Self::ALL) };
        // Whatever is cut is counted: these are fewer.
        let sets = binomial(open - skipped - 1, missing - 1)?;
        // Sets without the first questions are those of the others.
        let before = binomial(open, missing)? - binomial(open - skipped, missing)?;
        let below = |position: u128| position.saturating_sub(before).min(sets);
        Self::new(below(within.start)..below(within.end), Some(sets))
    }

    /// The questions that it has, of so many of which the prefix lacks one, by how many come before them.
    pub fn last(&self, open: usize) -> Range<usize> {
        let position = |position: u128| usize::try_from(position).unwrap_or(usize::MAX).min(open);
        match &self.0 {
            Some(within) => position(within.start)..position(within.end),
            None => 0..open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets of `missing` of the questions from `next` on, in lexicographic order.
    fn sets(next: usize, questions: usize, missing: usize) -> Vec<Vec<usize>> {
        if missing == 0 {
            return vec![Vec::new()];
        }
        let below = |first: usize| {
            let with = move |rest: Vec<usize>| [vec![first], rest].concat();
            sets(first + 1, questions, missing - 1).into_iter().map(with)
        };
        (next..questions).flat_map(below).collect()
    }

    fn walk(part: &Part, prefix: &[usize], questions: usize, missing: usize, found: &mut Vec<Vec<usize>>) {
        let next = prefix.last().map_or(0, |last| last + 1);
        let open = questions - next;
        if missing == 1 {
            return found.extend(part.last(open).map(|last| [prefix, &[next + last]].concat()));
        }
        for skipped in 0..open {
            if let Some(part) = part.below(open, missing, skipped) {
                walk(&part, &[prefix, &[next + skipped]].concat(), questions, missing - 1, found);
            }
        }
    }

    #[test]
    fn parts_of_parts_are_the_sets_at_their_positions() {
        for (questions, k) in [(5, 1), (6, 2), (6, 3), (7, 5), (4, 4)] {
            let all = sets(0, questions, k);
            for start in 0..=all.len() {
                for end in start..=all.len() {
                    let part = Part::new(start as u128..end as u128, Some(all.len() as u128));
                    assert_eq!(part.is_none(), start == end);
                    let mut found = Vec::new();
                    if let Some(part) = part {
                        assert_eq!(part.is_all(), end - start == all.len());
                        assert_eq!(part.sets(Some(all.len() as u128)), Some((end - start) as u128));
                        walk(&part, &[], questions, k, &mut found);
                    }
                    assert_eq!(found, all[start..end], "{start}..{end} of C({questions}, {k})");
                }
            }
        }
    }
}
