//! The operations that sum up a word of each user, for each question of a part over the users who answered it: what they
//! have of the questions of a prefix, of several at once where the sums of each fit into a field of the word.

use super::PART;

/// `F` numbers in the fields of a word of 32 bits, the first in the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fields<const F: usize>(pub(super) u32);

impl<const F: usize> Fields<F> {
    pub(super) const BITS: u32 = u32::BITS / F as u32;

    /// The bits of a field.
    pub(super) const MASK: i32 = (u32::MAX >> (u32::BITS - Self::BITS)) as i32;

    /// Users that are summed up without loss, where none has a number larger than `largest`.
    pub const fn longest_run(largest: u32) -> usize {
        // Sums of whole words are an `i32`, too.
        let most = if F == 1 { i32::MAX } else { Self::MASK };
        let largest = if largest == 0 { 1 } else { largest };
        most as usize / largest as usize
    }

    /// With `number` at `place`, where there was none.
    #[inline(always)]
    pub fn with(self, place: usize, number: u32) -> Self {
        Self(self.0 | number << (place as u32 * Self::BITS))
    }
}

impl Fields<1> {
    /// The sum of both.
    #[inline(always)]
    pub fn plus(self, number: u32) -> Self {
        Self(self.0 + number)
    }
}

/// The sums of each field for the questions of a part.
pub type FieldSums<const F: usize> = [[i32; PART]; F];

/// A part of [`Isa`](super::Isa). At most [`Fields::longest_run`] users are taken up before the end.
pub trait FieldLanes: Copy {
    /// Parts whose sums are made in one pass over the users, from 1 to 6.
    const FIELD_PARTS: usize;

    /// What the words of the users of a run sum up to.
    type Words: Copy;

    fn zero_words(self) -> Self::Words;

    /// Takes up a user, who answered the questions of the part whose bits are set.
    fn add_fields<const F: usize>(self, sums: &mut Self::Words, answered: u16, fields: &Fields<F>);

    /// Adds to the sums of whole words the squares of a user's points of the part, each of 12 bits.
    fn add_squares(self, sums: &mut Self::Words, points: &[u16; PART]);

    /// Adds the sums of a run to `found`.
    fn finish_fields<const F: usize>(self, sums: Self::Words, found: &mut FieldSums<F>);
}
