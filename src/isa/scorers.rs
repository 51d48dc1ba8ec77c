//! The operations that count scorers: for each question of a part, how many of the users who answered it scored on each
//! of some other questions.

use super::PART;

/// Questions of which one word tells whether a user scored. Four, so that each has a byte, and a run of users is seldom
/// shorter than their number where time is spent.
pub const MARKED: usize = 4;

/// Users whose marks are summed up without loss.
pub const LONGEST_MARKED_RUN: usize = u8::MAX as usize;

/// On which of [`MARKED`] questions a user scored: 1 in the byte of each, else 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Marks(pub(super) u32);

impl Marks {
    /// With a bit, 0 or 1, for the question at `place`, which had none.
    #[inline(always)]
    pub fn with(self, place: usize, scored: u32) -> Self {
        Self(self.0 | scored << (place * u8::BITS as usize))
    }
}

/// For each marked question how many users scored on it, of those who answered each question of a part.
pub type Scorers = [[i32; PART]; MARKED];

/// A part of [`Isa`](super::Isa).
pub trait ScorerLanes: Copy {
    /// Parts whose scorers are counted in one pass over the users, from 1 to 6.
    const SCORER_PARTS: usize;

    /// What the marks of the users of a run sum up to.
    type MarkSums: Copy;

    fn zero_marks(self) -> Self::MarkSums;

    /// Takes up a user: bit i of `word` says that it answered question i of the part. At most [`LONGEST_MARKED_RUN`].
    fn add_marks(self, sums: &mut Self::MarkSums, word: &u32, marks: &Marks);

    /// Adds the scorers of a run, a byte in each lane for each marked question, to `found`.
    fn finish_marks(self, sums: Self::MarkSums, found: &mut Scorers);
}
