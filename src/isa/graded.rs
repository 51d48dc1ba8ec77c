//! The operations for scores of more grades than 0 and 1.

use super::{PART, PartSums};

/// The largest set total x, which is not negative, and the largest |t| that lanes take: 12 bits, so that products of two
/// leave room for the sum of [`USERS_AT_ONCE`] in 32.
pub const LARGEST: u16 = (1 << 12) - 1;

/// Users that are summed up in 32-bit lanes without loss.
pub const USERS_AT_ONCE: usize = i32::MAX as usize / (LARGEST as usize * LARGEST as usize);

/// Bits for the sum of t, in the lane that it shares with the number of users.
const T_BITS: u32 = 20;

const _: () = assert!(USERS_AT_ONCE * (LARGEST as usize) < 1 << (T_BITS - 1));
const _: () = assert!(USERS_AT_ONCE < 1 << (i32::BITS - T_BITS - 1));

/// What a user adds to the sums of each question it answered: 1 and its grand total t in one lane, t², and t by which
/// its set total is multiplied.
#[derive(Clone, Copy, Debug, Default)]
pub struct GradedWeight {
    pub(super) one_and_t: i32,
    pub(super) tt: i32,
    /// In the low half of a lane, whose high half is 0: products are of halves.
    pub(super) t: i32,
}

impl GradedWeight {
    /// `t` must be within ±[`LARGEST`].
    pub fn new(t: i16) -> Self {
        debug_assert!(t.unsigned_abs() <= LARGEST);
        let wide = i32::from(t);
        Self { one_and_t: (1 << T_BITS) + wide, tt: wide * wide, t: i32::from(t as u16) }
    }

    pub(super) fn t(self) -> i16 {
        self.t as i16
    }
}

/// A part of [`Isa`](super::Isa). Lanes are 32 bits wide; at most [`USERS_AT_ONCE`] users are taken up before the end.
pub trait GradedLanes: Copy {
    /// Parts whose sums are made in one pass over the users, from 1 to 4: as many as have their sums in registers.
    const GRADED_PARTS_AT_ONCE: usize;

    type GradedSums: Copy;

    fn zero_graded(self) -> Self::GradedSums;

    /// Takes up a user with total `x` on the prefix, and the bits of the questions of the part that it answered. `points`
    /// are its scores of these, 0 of the others; no sum of `x` and points exceeds [`LARGEST`].
    fn add_graded(self, sums: &mut Self::GradedSums, answered: &u16, points: &[u16; PART], x: &i32, weight: &GradedWeight);

    /// Makes `found` the sums.
    fn finish_graded(self, sums: Self::GradedSums, found: &mut PartSums);
}

/// Makes `found` the sums of x, x², xt, t², and of 1 and t in one lane.
#[inline(always)]
pub(super) fn store(found: &mut PartSums, [x, xx, xt, tt, one_and_t]: [[i32; PART]; 5]) {
    const COUNT_BITS: u32 = i32::BITS - T_BITS;
    for lane in 0..PART {
        let t = one_and_t[lane] << COUNT_BITS >> COUNT_BITS;
        found.n[lane] = (one_and_t[lane] - t) >> T_BITS;
        found.t[lane] = t;
    }
    (found.x, found.xx, found.xt, found.tt) = (x, xx, xt, tt);
}
