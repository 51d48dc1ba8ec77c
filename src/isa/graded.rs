//! The operations for scores of more grades than 0 and 1: sums over users of non-negative integers, the *points* that
//! stand for scores.
//!
//! [`NarrowLanes`] take points of 12 bits into lanes of 32, [`WideLanes`] those of up to 24 bits into lanes of 64, at
//! about half the speed.

use super::PART;

/// The six sums of the sets that one prefix and each question of a part make, one lane per question.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub struct GradedSums {
    pub n: [i64; PART],
    pub x: [i64; PART],
    pub xx: [i64; PART],
    pub t: [i64; PART],
    pub tt: [i64; PART],
    pub xt: [i64; PART],
}

/// The largest set total x and the largest |t| of narrow lanes: 12 bits, so that products of two leave room for the
/// sum of [`USERS_AT_ONCE`] in 32.
pub const LARGEST_NARROW: u32 = (1 << 12) - 1;

/// Users that are summed up in narrow lanes without loss.
pub const USERS_AT_ONCE: usize = i32::MAX as usize / (LARGEST_NARROW as usize).pow(2);

/// Bits for the sum of t, in the narrow lane that it shares with the number of users.
const T_BITS: u32 = 20;

const _: () = assert!(USERS_AT_ONCE * (LARGEST_NARROW as usize) < 1 << (T_BITS - 1));
const _: () = assert!(USERS_AT_ONCE < 1 << (i32::BITS - T_BITS - 1));

/// The largest set total x and the largest |t| of wide lanes for so many users, the sum of whose squares then fits into
/// 62 bits. Never more than 24 bits, beyond which nothing is gained: sums are compared in `f64`.
pub fn largest_wide(users: usize) -> u32 {
    let square = (1u64 << 62) / (users as u64).max(1);
    square.isqrt().min((1 << 24) - 1) as u32
}

/// What a user adds to the sums of each question it answered: 1 and its grand total t in one lane, t², and t by which
/// its set total is multiplied.
#[derive(Clone, Copy, Debug, Default)]
pub struct NarrowWeight {
    pub(super) one_and_t: i32,
    pub(super) tt: i32,
    /// In the low half of a lane, whose high half is 0: products are of halves.
    pub(super) t: i32,
}

impl NarrowWeight {
    /// `t` must be within ±[`LARGEST_NARROW`].
    pub fn new(t: i32) -> Self {
        debug_assert!(t.unsigned_abs() <= LARGEST_NARROW);
        Self { one_and_t: (1 << T_BITS) + t, tt: t * t, t: t & i32::from(u16::MAX) }
    }
}

/// What a user adds to the sums of each question it answered: t, t², and t by which its set total is multiplied.
#[derive(Clone, Copy, Debug, Default)]
pub struct WideWeight {
    pub(super) t: i64,
    pub(super) tt: i64,
}

impl WideWeight {
    /// `t` must be within ±[`largest_wide`].
    pub fn new(t: i32) -> Self {
        let t = i64::from(t);
        Self { t, tt: t * t }
    }
}

/// A part of [`Isa`](super::Isa). At most [`USERS_AT_ONCE`] users are taken up before the end.
pub trait NarrowLanes: Copy {
    /// Parts whose sums are made in one pass over the users, from 1 to 4: as many as have their sums in registers.
    const NARROW_PARTS: usize;

    type Narrow: Copy;

    fn zero_narrow(self) -> Self::Narrow;

    /// Takes up a user with total `x` on the prefix, and the bits of the questions of the part that it answered. `points`
    /// are its scores of these, 0 of the others; no sum of `x` and points exceeds [`LARGEST_NARROW`].
    fn add_narrow(
        self,
        sums: &mut Self::Narrow,
        answered: &u16,
        points: &[u16; PART],
        x: &i32,
        weight: &NarrowWeight,
    );

    fn finish_narrow(self, sums: Self::Narrow, found: &mut GradedSums);
}

/// A part of [`Isa`](super::Isa).
pub trait WideLanes: Copy {
    /// As [`NARROW_PARTS`](NarrowLanes::NARROW_PARTS).
    const WIDE_PARTS: usize;

    type Wide: Copy;

    fn zero_wide(self) -> Self::Wide;

    /// As [`add_narrow`](NarrowLanes::add_narrow), up to [`largest_wide`].
    fn add_wide(
        self,
        sums: &mut Self::Wide,
        answered: &u16,
        points: &[u32; PART],
        x: &i32,
        weight: &WideWeight,
    );

    fn finish_wide(self, sums: Self::Wide, found: &mut GradedSums);
}

/// Adds the sums of x, x², xt, t², and of 1 and t in one lane, to `found`.
#[inline(always)]
pub(super) fn add_narrow_sums(found: &mut GradedSums, sums: [[i32; PART]; 5]) {
    const COUNT_BITS: u32 = i32::BITS - T_BITS;
    let [x, xx, xt, tt, one_and_t] = sums;
    for lane in 0..PART {
        let t = one_and_t[lane] << COUNT_BITS >> COUNT_BITS;
        found.n[lane] += i64::from((one_and_t[lane] - t) >> T_BITS);
        found.x[lane] += i64::from(x[lane]);
        found.xx[lane] += i64::from(xx[lane]);
        found.t[lane] += i64::from(t);
        found.tt[lane] += i64::from(tt[lane]);
        found.xt[lane] += i64::from(xt[lane]);
    }
}

/// Adds the sums of x, x², xt, t and t², and of 1, to `found`.
#[inline(always)]
pub(super) fn add_wide_sums(found: &mut GradedSums, n: [i32; PART], sums: [[i64; PART]; 5]) {
    let [x, xx, xt, t, tt] = sums;
    for lane in 0..PART {
        found.n[lane] += i64::from(n[lane]);
        found.x[lane] += x[lane];
        found.xx[lane] += xx[lane];
        found.xt[lane] += xt[lane];
        found.t[lane] += t[lane];
        found.tt[lane] += tt[lane];
    }
}
