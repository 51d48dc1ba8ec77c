//! Shares of the set space.

use std::ops::Range;

use crate::error::{Error, Result};

use super::Space;

/// One of several shares of all sets in lexicographic order, which differ by at most one set. In order they make the
/// whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "plugin", derive(serde::Deserialize))]
pub struct Shard {
    /// Counted from 0.
    pub index: u64,
    pub count: u64,
}

impl Shard {
    /// All sets.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// The positions of its sets.
    ///
    /// # Errors
    ///
    /// [`Error::Uncountable`] if there are too many sets for positions.
    pub fn positions(self, space: Space) -> Result<Range<u128>> {
        let uncountable = Error::Uncountable { k: space.chosen(), questions: space.open() };
        let sets = space.sets().ok_or(uncountable)?;
        let (index, count) = (u128::from(self.index), u128::from(self.count));
        // The first shares take one set more each, until the remainder is gone.
        let start = |index: u128| sets / count * index + (sets % count).min(index);
        Ok(start(index)..start(index + 1))
    }

    /// As [`positions`](Self::positions); `None` where that is all sets, however many.
    ///
    /// # Errors
    ///
    /// As [`positions`](Self::positions).
    pub fn within(self, space: Space) -> Result<Option<Range<u128>>> {
        if self == Self::WHOLE { Ok(None) } else { self.positions(space).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_follow_each_other_and_are_nearly_equal() {
        for (questions, k) in [(1, 1), (5, 2), (6, 7), (200, 5), (300, 15)] {
            let space = Space { questions, k, fixed: 0 };
            let sets = space.sets().unwrap();
            for count in [1, 2, 3, 7, 1000] {
                let mut end = 0;
                for index in 0..count {
                    let share = Shard { index, count }.positions(space).unwrap();
                    assert_eq!(share.start, end, "shard {index} of {count}, C({questions}, {k})");
                    let size = share.end - share.start;
                    assert!((sets / u128::from(count)..=sets.div_ceil(u128::from(count))).contains(&size));
                    end = share.end;
                }
                assert_eq!(end, sets, "{count} shards of C({questions}, {k})");
            }
        }
    }

    #[test]
    fn sets_that_cannot_be_counted_can_be_searched_but_not_shared_out() {
        let space = Space { questions: 1000, k: 500, fixed: 0 };
        assert_eq!(Shard::WHOLE.within(space), Ok(None));
        let refused = Error::Uncountable { k: 500, questions: 1000 };
        assert_eq!(Shard { index: 0, count: 2 }.within(space), Err(refused));
    }
}
