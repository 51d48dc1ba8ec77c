//! Instruction sets: the operations that the kernels are written in, once for each.
//!
//! [`InstructionSet`] is the choice, made once per search; [`Isa`] is what the kernel is generic over. To add one:
//! implement [`Isa`], name it here, and the tests run it against [`Portable`](portable::Portable).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod fields;
mod graded;
mod pairs;
mod passes;
mod portable;
mod transposed;

pub use fields::{FieldLanes, FieldSums, Fields};
pub use graded::{
    GradedSums, LARGEST_NARROW, NarrowLanes, NarrowWeight, USERS_AT_ONCE, WideLanes, WideWeight, largest_wide,
};
pub use pairs::{FLOAT_LANES, FloatProducts, FloatTile, PairLanes, Rows, STRIP, Strip, TILE};
pub use passes::{Pass, in_passes};
pub use portable::Portable;
pub use transposed::Transposed;

use crate::error::{Error, Result};

/// Questions whose sums are made at once. Sixteen, because sixteen 16-bit numbers are the least that wide registers
/// hold: a coarser grain wastes more lanes at the ends of a range of questions than wider registers save.
pub const PART: usize = 16;

/// Users whose bits make one word of a set of users.
pub const BLOCK: usize = u64::BITS as usize;

/// What one user adds to the sums of a question: 1, its grand total t, and t².
///
/// 1 and t share a 16-bit lane, because sums cost by the bit: the count takes the upper [`COUNT_BITS`]. That holds for
/// a *run* of users, as long as [`longest_run`] says; after it the two are taken apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weight {
    /// Twice the same, so that one 32-bit broadcast fills 16-bit lanes (x86 broadcasts those from memory for free).
    one_and_t: [i16; 2],
    tt: [u16; 2],
}

/// Bits for the users of a run, in the lane that they share with the sum of their grand totals. Five, because groups
/// of equal set totals are seldom longer than 31 users where the kernel's time is spent, and grand totals within ±33
/// then need no shorter runs.
const COUNT_BITS: u32 = 5;
const T_BITS: u32 = i16::BITS - COUNT_BITS;

/// The largest |t| of a [`Weight`]: t² fits into 16 bits.
pub const LARGEST_WEIGHT: u64 = u8::MAX as u64;

/// Users that are summed up in shared lanes without loss, where no |t| exceeds `largest`.
pub fn longest_run(largest: u64) -> usize {
    let most = ((1 << (T_BITS - 1)) - 1) / largest.max(1);
    most.min((1 << COUNT_BITS) - 1) as usize
}

impl Weight {
    /// `t` must be within ±[`LARGEST_WEIGHT`], so that t² fits.
    pub fn new(t: i64) -> Self {
        debug_assert!(t.unsigned_abs() <= LARGEST_WEIGHT);
        Self { one_and_t: [t as i16 + (1 << T_BITS); 2], tt: [(t * t) as u16; 2] }
    }

    pub fn t(self) -> i32 {
        i32::from(self.one_and_t[0]) - (1 << T_BITS)
    }

    /// t².
    pub fn square(self) -> u64 {
        u64::from(self.tt[0])
    }
}

/// The six sums of the sets that one prefix and each question of a part make, one lane per question.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub struct PartSums {
    pub n: [i32; PART],
    pub x: [i32; PART],
    pub xx: [i32; PART],
    pub t: [i32; PART],
    pub tt: [i32; PART],
    pub xt: [i32; PART],
}

impl PartSums {
    /// Adds a user to one lane.
    pub fn take_up(&mut self, lane: usize, x: i32, t: i32) {
        self.n[lane] += 1;
        self.x[lane] += x;
        self.xx[lane] += x * x;
        self.t[lane] += t;
        self.tt[lane] += t * t;
        self.xt[lane] += x * t;
    }

    #[inline(always)]
    pub fn add(&mut self, other: &Self) {
        let add = |sums: &mut [i32; PART], others: &[i32; PART]| {
            sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += other);
        };
        add(&mut self.n, &other.n);
        add(&mut self.x, &other.x);
        add(&mut self.xx, &other.xx);
        add(&mut self.t, &other.t);
        add(&mut self.tt, &other.tt);
        add(&mut self.xt, &other.xt);
    }
}

/// Work that is compiled once for each instruction set.
pub trait Kernel {
    type Output;

    /// Must be `#[inline(always)]`, and so must be all it calls that is to use the instruction set.
    fn run<I: Isa>(self, isa: I) -> Self::Output;
}

/// The operations of the kernels. A value of an implementing type exists only where the CPU has the instructions.
///
/// Those of [`NarrowLanes`] and [`WideLanes`] are for scores of any grades, those of [`FieldLanes`] for Cronbach's α, those of
/// [`PairLanes`] for complete answers, and those here for scores of 0 and 1:
///
/// Sums are made for one part of questions from users in order of descending running total x. Lanes are 16 bits wide
/// and wrap on the way; the kernel bounds the users so that the ends are exact.
///
/// Σx over users is summed by parts: it is the sum, over each step from one total down to the next, of the number of
/// users so far. So no user is multiplied by its x, and at each step what was summed so far is summed once more.
pub trait Isa: NarrowLanes + WideLanes + FieldLanes + PairLanes + Send + Sync {
    /// Parts whose sums are made in one pass over the users, from 1 to 5: as many as have their [`Run`](Self::Run) in
    /// registers.
    const PARTS_AT_ONCE: usize;

    /// The sums over the users of a run, of those who answered and of those who scored.
    type Run: Copy;

    /// The sums over all users so far.
    type Sums: Copy;

    /// Runs `kernel` in a function whose target features are those of this instruction set.
    fn run<K: Kernel>(self, kernel: K) -> K::Output;

    fn zero(self) -> (Self::Run, Self::Sums);

    /// Takes up a user: bit i of `word` says that it answered question i of the part, bit `PART` + i that it scored.
    fn add(self, run: &mut Self::Run, word: &u32, weight: &Weight);

    /// To be called at the end of a run: takes count and t apart, and begins the next run.
    fn end_run(self, run: &mut Self::Run, sums: &mut Self::Sums);

    /// Moves Σt² to 32 bits, after the end of a run.
    fn widen(self, run: &mut Self::Run, sums: &mut Self::Sums);

    /// To be called when x steps down by one, after the end of a run.
    fn step_down(self, sums: &mut Self::Sums);

    /// Makes `found` the sums, when x has arrived at 0 and a run has ended.
    fn finish(self, run: Self::Run, sums: Self::Sums, found: &mut PartSums);

    /// a·b + c, rounded once; or, where that takes a call, at most twice 2⁻⁵³ of it and 2⁻¹⁰⁶ of a·b off.
    #[inline(always)]
    fn mul_add(self, a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }

    /// Σab over all users, for each question of `a` with each of `b`, as a float and what it lacks, by [`ExtractedSum`](pairs::ExtractedSum)
    /// with the `bases`.
    #[inline(always)]
    fn sum_float_products(self, a: FloatTile, b: FloatTile, bases: &[[f64; TILE]; TILE]) -> FloatProducts {
        pairs::sum_float_products(self, a, b, bases)
    }

    /// A bit for each lane.
    #[inline(always)]
    fn bits(self, lanes: &[bool; PART]) -> u16 {
        let (halves, _) = lanes.as_chunks::<{ PART / 2 }>();
        halves.iter().rev().fold(0, |bits, half| {
            let word = u64::from_le_bytes(half.map(u8::from));
            // The product has the lowest bit of byte i at 56 + i, beside others that do not meet.
            bits << (PART / 2) | (word.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u16
        })
    }

    /// Copies the words of some users, one behind the other, to the front of `to`, which has room for them.
    #[inline(always)]
    fn gather(self, words: &[[u32; 2]], users: &[u32], to: &mut [[u32; 2]]) {
        for (to, &user) in to.iter_mut().zip(users) {
            *to = words[user as usize];
        }
    }

    /// Exchanges rows and columns of a square of bits.
    #[inline(always)]
    fn transpose(self, rows: &[u64; BLOCK]) -> Transposed {
        Transposed::of(rows)
    }

    /// Writes the positions of the set bits of `bits`, each plus `first`, to the front of `positions`. What stands
    /// behind them there is undefined afterwards.
    fn positions(self, bits: u64, first: u32, positions: &mut [u32; BLOCK]);
}

/// Asks for what will be read soon to be brought to the second-level cache.
#[inline(always)]
pub fn prefetch<T>(memory: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        const LINE: usize = 64;
        for item in memory.iter().step_by((LINE / size_of::<T>().max(1)).max(1)) {
            // SAFETY: every x86-64 CPU has it, and it changes nothing that a program sees.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(item).cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = memory;
}

/// The instruction sets that the kernel is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// What the compiler's baseline has: SSE2, NEON.
    Portable,
    Avx2,
    /// AVX-512 F, BW, DQ and VL; faster still with VBMI2, VNNI and VPOPCNTDQ.
    Avx512,
}

impl InstructionSet {
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Forces one if it is set: `portable`, `avx2` or `avx512`.
    pub const VARIABLE: &str = "POLARS_CORRSET_ISA";

    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Whether this CPU has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::Avx512::<false>::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The fastest that this CPU has.
    pub fn fastest() -> Self {
        Self::ALL.into_iter().rev().find(|isa| isa.is_available()).unwrap_or(Self::Portable)
    }

    /// The one that [`VARIABLE`](Self::VARIABLE) names, else the fastest this CPU has.
    ///
    /// # Errors
    ///
    /// [`Error::InstructionSet`] if there is none of that name, or the CPU lacks it.
    pub fn from_environment() -> Result<Self> {
        let Some(name) = std::env::var_os(Self::VARIABLE) else {
            return Ok(Self::fastest());
        };
        let named = Self::ALL.into_iter().find(|isa| name == isa.name());
        let refuse =
            || Error::InstructionSet { name: name.to_string_lossy().into(), exists: named.is_some() };
        named.filter(|isa| isa.is_available()).ok_or_else(refuse)
    }

    /// Runs `kernel` on this instruction set, or on the portable one where the CPU lacks it.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                if let Some(isa) = avx512::Avx512::<true>::detect() {
                    return isa.run(kernel);
                }
                if let Some(isa) = avx512::Avx512::<false>::detect() {
                    return isa.run(kernel);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                if let Some(isa) = avx2::Avx2::detect() {
                    return isa.run(kernel);
                }
            }
            _ => {}
        }
        Portable.run(kernel)
    }
}

#[cfg(test)]
mod tests;
