//! The kernel's operations in AVX-512. The bits of a user's responses are a mask register as they are, so a masked sum
//! is one addition; what was answered and what was scored are the halves of one register.

use std::arch::asm;
use std::arch::x86_64::*;

use super::avx2::{sum_float_tile, sum_tile_products};
use super::fields::{FieldLanes, FieldSums, Fields};
use super::graded::{
    GradedSums, NarrowLanes, NarrowWeight, WideLanes, WideWeight, add_narrow_sums, add_wide_sums,
};
use super::pairs::{
    BITS_OF_NIBBLES, FloatProducts, FloatTile, NumberTile, PairLanes, Rows, Strip, TILE, Tile, TileCounts,
    TileProducts, count_tile_by_carries,
};
use super::transposed::{SQUARES_OF_LANES, SQUARES_OF_REGISTERS, Transposed};
use super::{BLOCK, COUNT_BITS, Isa, Kernel, PART, PartSums, T_BITS, Weight};

/// Evidence that the CPU has AVX-512 F, BW, DQ and VL and what comes with them, and VBMI2, VNNI and VPOPCNTDQ if `NEWER`.
#[derive(Clone, Copy)]
pub struct Avx512<const NEWER: bool> {
    _detected: (),
}

impl<const NEWER: bool> Avx512<NEWER> {
    pub fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
            && (!NEWER
                || (is_x86_feature_detected!("avx512vbmi2")
                    && is_x86_feature_detected!("avx512vnni")
                    && is_x86_feature_detected!("avx512vpopcntdq")));
        detected.then_some(Self { _detected: () })
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,lzcnt,popcnt")]
fn run<K: Kernel, I: Isa>(isa: I, kernel: K) -> K::Output {
    kernel.run(isa)
}

#[target_feature(
    enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,avx512vnni,avx512vpopcntdq,bmi1,bmi2,lzcnt,popcnt"
)]
fn run_newer<K: Kernel, I: Isa>(isa: I, kernel: K) -> K::Output {
    kernel.run(isa)
}

#[derive(Clone, Copy)]
pub struct Run {
    /// Of those who answered, then of those who scored.
    one_and_t: __m512i,
    /// Of those who answered, until it is widened.
    tt: __m256i,
}

#[derive(Clone, Copy)]
pub struct Sums {
    /// Of those who answered, then of those who scored.
    n: __m512i,
    t: __m512i,
    /// What `n` was at the steps, summed.
    xn: __m512i,
    /// What `xn` and `t` of those who answered were at the steps, summed.
    xxn: __m256i,
    xt: __m256i,
    /// What was widened.
    tt: __m512i,
}

/// A pair of 16-bit numbers as the 32 bits that are broadcast.
#[inline(always)]
fn pair(pair: [i16; 2]) -> i32 {
    i32::from(pair[0]) & 0xffff | i32::from(pair[1]) << 16
}

/// Adds, where `word` has bits, `one_and_t` and, of the lower half, `tt`.
///
/// In assembly, because the compiler would load `word` once more for the sixteen bits of the second addition, and loads of
/// masks are what bounds the loop: 8.7 ns a set against 10.0 (reference benchmark, one thread, Zen 4).
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn add_masked(run: &mut Run, word: &u32, one_and_t: __m512i, tt: __m256i) {
    let mask = *word;
    // SAFETY: changes registers only.
    unsafe {
        asm!(
            "vpaddw {run}{{{mask}}}, {run}, {one_and_t}",
            "vpaddw {run_tt}{{{mask}}}, {run_tt}, {tt}",
            mask = in(kreg) mask,
            run = inout(zmm_reg) run.one_and_t,
            run_tt = inout(ymm_reg) run.tt,
            one_and_t = in(zmm_reg) one_and_t,
            tt = in(ymm_reg) tt,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
}

/// [`Transposed::of`] in whole registers, of which the compiler makes halves that go through memory: 7.2 ns a set
/// against 8.7 (reference benchmark, one thread, Zen 4).
#[target_feature(enable = "avx512f")]
fn transpose(rows: &[u64; BLOCK]) -> Transposed {
    // SAFETY: 512 plain bytes.
    let mut a = unsafe { std::mem::transmute::<[u64; BLOCK], [__m512i; 8]>(*rows) };
    for square in SQUARES_OF_REGISTERS {
        exchange(&mut a, square);
    }
    // Registers and lanes change places: pairs of lanes, pairs of pairs, halves.
    let low = |i: usize| _mm512_unpacklo_epi64(a[i], a[i + 1]);
    let high = |i: usize| _mm512_unpackhi_epi64(a[i], a[i + 1]);
    let b = [low(0), high(0), low(2), high(2), low(4), high(4), low(6), high(6)];
    let even = |i: usize| _mm512_shuffle_i64x2::<0x88>(b[i], b[i + 2]);
    let odd = |i: usize| _mm512_shuffle_i64x2::<0xdd>(b[i], b[i + 2]);
    let c = [even(0), even(1), odd(0), odd(1), even(4), even(5), odd(4), odd(5)];
    let even = |i: usize| _mm512_shuffle_i64x2::<0x88>(c[i], c[i + 4]);
    let odd = |i: usize| _mm512_shuffle_i64x2::<0xdd>(c[i], c[i + 4]);
    let mut d = [even(0), even(1), even(2), even(3), odd(0), odd(1), odd(2), odd(3)];
    for square in SQUARES_OF_LANES {
        exchange(&mut d, square);
    }
    // SAFETY: 512 plain bytes.
    Transposed { registers: unsafe { std::mem::transmute::<[__m512i; 8], [[u64; 8]; 8]>(d) } }
}

/// As that of [`Transposed`].
#[inline]
#[target_feature(enable = "avx512f")]
fn exchange(registers: &mut [__m512i; 8], (distance, half, mask): (usize, u32, u64)) {
    let (half, mask) = (_mm_cvtsi32_si128(half as i32), _mm512_set1_epi64(mask as i64));
    for pair in registers.chunks_exact_mut(2 * distance) {
        let (upper, lower) = pair.split_at_mut(distance);
        for (upper, lower) in upper.iter_mut().zip(lower) {
            let (right, left) = (_mm512_srl_epi64(*upper, half), _mm512_sll_epi64(*lower, half));
            // a where the mask is, else b.
            *upper = _mm512_ternarylogic_epi64::<0xca>(mask, *upper, left);
            *lower = _mm512_ternarylogic_epi64::<0xca>(mask, right, *lower);
        }
    }
}

// SAFETY of every block below: an `Avx512` exists only where the CPU has the instructions, and memory is touched only
// through references and arrays of the right size.
impl<const NEWER: bool> Isa for Avx512<NEWER> {
    const PARTS_AT_ONCE: usize = 5;

    type Run = Run;
    type Sums = Sums;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        unsafe { if NEWER { run_newer(self, kernel) } else { run(self, kernel) } }
    }

    #[inline(always)]
    fn zero(self) -> (Run, Sums) {
        let (half, full) = unsafe { (_mm256_setzero_si256(), _mm512_setzero_si512()) };
        (
            Run { one_and_t: full, tt: half },
            Sums { n: full, t: full, xn: full, xxn: half, xt: half, tt: full },
        )
    }

    #[inline(always)]
    fn add(self, run: &mut Run, word: &u32, weight: &Weight) {
        unsafe {
            let one_and_t = _mm512_set1_epi32(pair(weight.one_and_t));
            let tt = _mm256_set1_epi32(pair(weight.tt.map(|tt| tt as i16)));
            add_masked(run, word, one_and_t, tt);
        }
    }

    #[inline(always)]
    fn end_run(self, run: &mut Run, sums: &mut Sums) {
        unsafe {
            let t = _mm512_srai_epi16::<COUNT_BITS>(_mm512_slli_epi16::<COUNT_BITS>(run.one_and_t));
            let n = _mm512_srli_epi16::<T_BITS>(_mm512_sub_epi16(run.one_and_t, t));
            sums.n = _mm512_add_epi16(sums.n, n);
            sums.t = _mm512_add_epi16(sums.t, t);
            run.one_and_t = _mm512_setzero_si512();
        }
    }

    #[inline(always)]
    fn widen(self, run: &mut Run, sums: &mut Sums) {
        unsafe {
            sums.tt = _mm512_add_epi32(sums.tt, _mm512_cvtepu16_epi32(run.tt));
            run.tt = _mm256_setzero_si256();
        }
    }

    #[inline(always)]
    fn step_down(self, sums: &mut Sums) {
        unsafe {
            sums.xn = _mm512_add_epi16(sums.xn, sums.n);
            sums.xxn = _mm256_add_epi16(sums.xxn, _mm512_castsi512_si256(sums.xn));
            sums.xt = _mm256_add_epi16(sums.xt, _mm512_castsi512_si256(sums.t));
        }
    }

    #[inline(always)]
    fn finish(self, mut run: Run, mut sums: Sums, found: &mut PartSums) {
        self.widen(&mut run, &mut sums);
        unsafe {
            let answered = |sums| _mm512_castsi512_si256(sums);
            let scored = |sums| _mm512_extracti64x4_epi64::<1>(sums);
            let sum = |a, b| _mm256_add_epi16(a, b);
            let (ones, xn, x_ones) = (scored(sums.n), answered(sums.xn), scored(sums.xn));
            let half = sum(sums.xxn, x_ones);
            let xx = _mm256_sub_epi16(sum(sum(half, half), ones), xn);
            // Both are 64 plain bytes either way.
            let signed = |sums| std::mem::transmute::<__m512i, [i32; PART]>(_mm512_cvtepi16_epi32(sums));
            let unsigned = |sums| std::mem::transmute::<__m512i, [i32; PART]>(_mm512_cvtepu16_epi32(sums));
            found.n = unsigned(answered(sums.n));
            found.x = unsigned(sum(xn, ones));
            found.xx = unsigned(xx);
            found.t = signed(answered(sums.t));
            found.tt = std::mem::transmute::<__m512i, [i32; PART]>(sums.tt);
            found.xt = signed(sum(sums.xt, scored(sums.t)));
        }
    }

    #[inline(always)]
    fn bits(self, lanes: &[bool; PART]) -> u16 {
        unsafe {
            // SAFETY: 16 plain bytes.
            let lanes = _mm_loadu_si128(lanes.as_ptr().cast());
            _mm_test_epi8_mask(lanes, lanes)
        }
    }

    /// Eight at once: 1 to 2 % of a search on Emerald Rapids, no difference on Zen 4.
    #[inline(always)]
    fn gather(self, words: &[[u32; 2]], users: &[u32], to: &mut [[u32; 2]]) {
        const LANES: usize = 8;
        const WORD: i32 = size_of::<[u32; 2]>() as i32;
        let (all_users, last_users) = users.as_chunks::<LANES>();
        let (all_to, last_to) = to.split_at_mut(all_users.len() * LANES);
        let (all_to, _) = all_to.as_chunks_mut::<LANES>();
        for (to, users) in all_to.iter_mut().zip(all_users) {
            unsafe {
                // SAFETY: 32 plain bytes.
                let users = _mm256_loadu_si256(users.as_ptr().cast());
                let end = _mm256_set1_epi32(i32::try_from(words.len()).unwrap_or(i32::MAX));
                let exist = _mm256_cmplt_epu32_mask(users, end);
                debug_assert_eq!(exist, u8::MAX, "every user has a word");
                let nothing = _mm512_setzero_si512();
                // SAFETY: no lane is read that is not below `words.len()`, or that would be a negative number.
                let found = _mm512_mask_i32gather_epi64::<WORD>(nothing, exist, users, words.as_ptr().cast());
                // SAFETY: 64 plain bytes.
                _mm512_storeu_si512(to.as_mut_ptr().cast(), found);
            }
        }
        for (to, &user) in last_to.iter_mut().zip(last_users) {
            *to = words[user as usize];
        }
    }

    #[inline(always)]
    fn transpose(self, rows: &[u64; BLOCK]) -> Transposed {
        unsafe { transpose(rows) }
    }

    /// In registers of half the width, which every CPU with these has.
    #[inline(always)]
    fn sum_float_products(self, a: FloatTile, b: FloatTile, bases: &[[f64; TILE]; TILE]) -> FloatProducts {
        unsafe { sum_float_tile(self, a, b, bases) }
    }

    #[inline(always)]
    fn positions(self, bits: u64, first: u32, positions: &mut [u32; BLOCK]) {
        const LANES: usize = 16;
        unsafe {
            let start = |first: usize| _mm512_set1_epi32(first as i32);
            if NEWER {
                let ascending: [u8; BLOCK] = std::array::from_fn(|i| i as u8);
                // SAFETY: 64 plain bytes.
                let ascending = std::mem::transmute::<[u8; BLOCK], __m512i>(ascending);
                let found = _mm512_maskz_compress_epi8(bits, ascending);
                let store = |bytes, to: &mut [u32]| {
                    debug_assert!(to.len() >= LANES);
                    let positions = _mm512_add_epi32(_mm512_cvtepu8_epi32(bytes), start(first as usize));
                    // SAFETY: `to` is a quarter of `positions`.
                    _mm512_storeu_si512(to.as_mut_ptr().cast(), positions);
                };
                store(_mm512_castsi512_si128(found), &mut positions[..LANES]);
                // In sparse data a word seldom has more.
                if bits.count_ones() > LANES as u32 {
                    store(_mm512_extracti32x4_epi32::<1>(found), &mut positions[LANES..]);
                    store(_mm512_extracti32x4_epi32::<2>(found), &mut positions[2 * LANES..]);
                    store(_mm512_extracti32x4_epi32::<3>(found), &mut positions[3 * LANES..]);
                }
            } else {
                let ascending: [u32; LANES] = std::array::from_fn(|i| i as u32);
                // SAFETY: 64 plain bytes.
                let ascending = std::mem::transmute::<[u32; LANES], __m512i>(ascending);
                let mut found = 0;
                for quarter in 0..BLOCK / LANES {
                    let bits = (bits >> (quarter * LANES)) as u16;
                    let positions_here = _mm512_add_epi32(ascending, start(first as usize + quarter * LANES));
                    // SAFETY: `found` ≤ the bits before, so 16 numbers fit behind it.
                    _mm512_storeu_si512(
                        positions.as_mut_ptr().add(found).cast(),
                        _mm512_maskz_compress_epi32(bits, positions_here),
                    );
                    found += bits.count_ones() as usize;
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
pub struct Narrow {
    one_and_t: __m512i,
    tt: __m512i,
    x: __m512i,
    xx: __m512i,
    xt: __m512i,
}

/// See [`Avx512::add_products`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn add_products(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_dpwssd_epi32(sum, a, b)
}

impl<const NEWER: bool> Avx512<NEWER> {
    /// Adds the products of the low halves of the lanes, where the high halves of one are 0.
    #[inline(always)]
    fn add_products(self, sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        unsafe {
            if NEWER { add_products(sum, a, b) } else { _mm512_add_epi32(sum, _mm512_madd_epi16(a, b)) }
        }
    }
}

impl<const NEWER: bool> NarrowLanes for Avx512<NEWER> {
    const NARROW_PARTS: usize = 4;

    type Narrow = Narrow;

    #[inline(always)]
    fn zero_narrow(self) -> Narrow {
        let zero = unsafe { _mm512_setzero_si512() };
        Narrow { one_and_t: zero, tt: zero, x: zero, xx: zero, xt: zero }
    }

    #[inline(always)]
    fn add_narrow(
        self,
        sums: &mut Narrow,
        answered: &u16,
        points: &[u16; PART],
        x: &i32,
        weight: &NarrowWeight,
    ) {
        unsafe {
            // SAFETY: 32 plain bytes.
            let points = _mm512_cvtepu16_epi32(_mm256_loadu_si256(points.as_ptr().cast()));
            let x = _mm512_maskz_add_epi32(*answered, points, _mm512_set1_epi32(*x));
            let add_masked =
                |sum, value| _mm512_mask_add_epi32(sum, *answered, sum, _mm512_set1_epi32(value));
            sums.one_and_t = add_masked(sums.one_and_t, weight.one_and_t);
            sums.tt = add_masked(sums.tt, weight.tt);
            sums.x = _mm512_add_epi32(sums.x, x);
            sums.xx = self.add_products(sums.xx, x, x);
            sums.xt = self.add_products(sums.xt, x, _mm512_set1_epi32(weight.t));
        }
    }

    #[inline(always)]
    fn finish_narrow(self, sums: Narrow, found: &mut GradedSums) {
        let Narrow { one_and_t, tt, x, xx, xt } = sums;
        // SAFETY: 64 plain bytes.
        let array = |sums| unsafe { std::mem::transmute::<__m512i, [i32; PART]>(sums) };
        add_narrow_sums(found, [x, xx, xt, tt, one_and_t].map(array));
    }
}

/// Sixty-four bits for each question of a part.
type WideRegisters = [__m512i; 2];

#[derive(Clone, Copy)]
pub struct Wide {
    n: __m512i,
    x: WideRegisters,
    xx: WideRegisters,
    xt: WideRegisters,
    t: WideRegisters,
    tt: WideRegisters,
}

impl<const NEWER: bool> WideLanes for Avx512<NEWER> {
    const WIDE_PARTS: usize = 2;

    type Wide = Wide;

    #[inline(always)]
    fn zero_wide(self) -> Wide {
        let n = unsafe { _mm512_setzero_si512() };
        let zero = [n; 2];
        Wide { n, x: zero, xx: zero, xt: zero, t: zero, tt: zero }
    }

    #[inline(always)]
    fn add_wide(self, sums: &mut Wide, answered: &u16, points: &[u32; PART], x: &i32, weight: &WideWeight) {
        unsafe {
            sums.n = _mm512_mask_add_epi32(sums.n, *answered, sums.n, _mm512_set1_epi32(1));
            let (x, t, tt) =
                (_mm512_set1_epi64(i64::from(*x)), _mm512_set1_epi64(weight.t), _mm512_set1_epi64(weight.tt));
            let (halves, _) = points.as_chunks::<{ PART / 2 }>();
            for (half, points) in halves.iter().enumerate() {
                let mask = (*answered >> (half * PART / 2)) as u8;
                // SAFETY: 32 plain bytes.
                let points = _mm512_cvtepu32_epi64(_mm256_loadu_si256(points.as_ptr().cast()));
                let x = _mm512_maskz_add_epi64(mask, points, x);
                let add = |sums: &mut WideRegisters, more| sums[half] = _mm512_add_epi64(sums[half], more);
                add(&mut sums.x, x);
                add(&mut sums.xx, _mm512_mul_epu32(x, x));
                add(&mut sums.xt, _mm512_mul_epi32(x, t));
                sums.t[half] = _mm512_mask_add_epi64(sums.t[half], mask, sums.t[half], t);
                sums.tt[half] = _mm512_mask_add_epi64(sums.tt[half], mask, sums.tt[half], tt);
            }
        }
    }

    #[inline(always)]
    fn finish_wide(self, sums: Wide, found: &mut GradedSums) {
        let Wide { n, x, xx, xt, t, tt } = sums;
        // SAFETY: 64 and 128 plain bytes.
        let n = unsafe { std::mem::transmute::<__m512i, [i32; PART]>(n) };
        let array = |sums| unsafe { std::mem::transmute::<WideRegisters, [i64; PART]>(sums) };
        add_wide_sums(found, n, [x, xx, xt, t, tt].map(array));
    }
}

impl<const NEWER: bool> FieldLanes for Avx512<NEWER> {
    const FIELD_PARTS: usize = 6;

    type Words = __m512i;

    #[inline(always)]
    fn zero_words(self) -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn add_fields<const F: usize>(self, sums: &mut __m512i, answered: u16, fields: &Fields<F>) {
        unsafe {
            *sums = _mm512_mask_add_epi32(*sums, answered, *sums, _mm512_set1_epi32(fields.0 as i32));
        }
    }

    #[inline(always)]
    fn add_squares(self, sums: &mut __m512i, points: &[u16; PART]) {
        unsafe {
            // SAFETY: 32 plain bytes.
            let points = _mm512_cvtepu16_epi32(_mm256_loadu_si256(points.as_ptr().cast()));
            *sums = self.add_products(*sums, points, points);
        }
    }

    #[inline(always)]
    fn finish_fields<const F: usize>(self, sums: __m512i, found: &mut FieldSums<F>) {
        for (place, found) in found.iter_mut().enumerate() {
            unsafe {
                let shift = _mm_cvtsi32_si128((place as u32 * Fields::<F>::BITS) as i32);
                let mask = _mm512_set1_epi32(Fields::<F>::MASK);
                let field = _mm512_and_si512(_mm512_srl_epi32(sums, shift), mask);
                let found = found.as_mut_ptr().cast();
                // SAFETY: 64 plain bytes.
                _mm512_storeu_si512(found, _mm512_add_epi32(_mm512_loadu_si512(found), field));
            }
        }
    }
}

/// The numbers of each of eight registers summed, in their order: pairs of lanes, pairs of pairs, halves.
#[inline]
#[target_feature(enable = "avx512f")]
fn sum_each(a: [__m512i; 8]) -> __m512i {
    let pairs = |i: usize| {
        let (a, b) = (a[2 * i], a[2 * i + 1]);
        _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b))
    };
    let halves =
        |a, b| _mm512_add_epi64(_mm512_shuffle_i64x2::<0x88>(a, b), _mm512_shuffle_i64x2::<0xdd>(a, b));
    halves(halves(pairs(0), pairs(1)), halves(pairs(2), pairs(3)))
}

/// [`PairLanes::count_tile`] with the counts in registers.
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn count_tile(a: Tile, b: Tile) -> TileCounts {
    let mut counts = [[_mm512_setzero_si512(); TILE]; TILE];
    let strips = a[0].len();
    let (a, b) = (a.map(|strips_of| &strips_of[..strips]), b.map(|strips_of| &strips_of[..strips]));
    for strip in 0..strips {
        for (b, column) in b.iter().zip(0..TILE) {
            let b = load(&b[strip]);
            for (a, counts) in a.iter().zip(&mut counts) {
                let both = _mm512_and_si512(load(&a[strip]), b);
                counts[column] = _mm512_add_epi64(counts[column], _mm512_popcnt_epi64(both));
            }
        }
    }
    let halves = [[counts[0], counts[1]], [counts[2], counts[3]]];
    let halves = halves.map(|[first, second]| {
        sum_each([first[0], first[1], first[2], first[3], second[0], second[1], second[2], second[3]])
    });
    // SAFETY: 128 plain bytes either way.
    unsafe { std::mem::transmute::<[__m512i; 2], TileCounts>(halves) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(strip: &Strip) -> __m512i {
    // SAFETY: 64 plain bytes.
    unsafe { _mm512_loadu_si512(strip.0.as_ptr().cast()) }
}

/// [`PairLanes::transpose_strip`]: each lane of 64 registers is a square of its own, of which eight registers at a time are
/// exchanged. So no words are moved one by one.
#[target_feature(enable = "avx512f")]
fn transpose_strip(rows: &Rows, strips: &mut [Strip], stride: usize) {
    let mut halfway = [[_mm512_setzero_si512(); 8]; 8];
    for first in 0..8 {
        let mut a = [_mm512_setzero_si512(); 8];
        for (i, a) in a.iter_mut().enumerate() {
            // SAFETY: 64 plain bytes.
            *a = unsafe { _mm512_loadu_si512(rows[8 * i + first].as_ptr().cast()) };
        }
        for square in SQUARES_OF_REGISTERS {
            exchange(&mut a, square);
        }
        for (halfway, a) in halfway.iter_mut().zip(a) {
            halfway[first] = a;
        }
    }
    for (eight, mut a) in halfway.into_iter().enumerate() {
        for square in SQUARES_OF_LANES {
            exchange(&mut a, square);
        }
        for (i, a) in a.into_iter().enumerate() {
            let to = &mut strips[(8 * eight + i) * stride].0;
            // SAFETY: 64 plain bytes.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), a) };
        }
    }
}

impl<const NEWER: bool> PairLanes for Avx512<NEWER> {
    type Bits = __m512i;

    const REGISTERS: usize = 1;

    #[inline(always)]
    fn zero_bits(self) -> __m512i {
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn both(self, a: &Strip, b: &Strip, _register: usize) -> __m512i {
        unsafe { _mm512_and_si512(load(a), load(b)) }
    }

    #[inline(always)]
    fn save_carry(self, sum: &mut __m512i, a: __m512i, b: __m512i) -> __m512i {
        unsafe {
            // Two of three, and one or three.
            let carry = _mm512_ternarylogic_epi64::<0xe8>(*sum, a, b);
            *sum = _mm512_ternarylogic_epi64::<0x96>(*sum, a, b);
            carry
        }
    }

    #[inline(always)]
    fn add_count(self, numbers: __m512i, bits: __m512i) -> __m512i {
        unsafe {
            // SAFETY: 16 plain bytes.
            let counts = std::mem::transmute::<[u8; 16], __m128i>(BITS_OF_NIBBLES);
            let (counts, low) = (_mm512_broadcast_i32x4(counts), _mm512_set1_epi8(0xf));
            let of_low = _mm512_shuffle_epi8(counts, _mm512_and_si512(bits, low));
            let of_high = _mm512_shuffle_epi8(counts, _mm512_and_si512(_mm512_srli_epi16::<4>(bits), low));
            let by_byte = _mm512_add_epi8(of_low, of_high);
            _mm512_add_epi64(numbers, _mm512_sad_epu8(by_byte, _mm512_setzero_si512()))
        }
    }

    #[inline(always)]
    fn add_numbers(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi64(a, b) }
    }

    #[inline(always)]
    fn sum_up(self, numbers: __m512i) -> u64 {
        unsafe { _mm512_reduce_add_epi64(numbers) as u64 }
    }

    #[inline(always)]
    fn count_tile(self, a: Tile, b: Tile) -> TileCounts {
        if NEWER { unsafe { count_tile(a, b) } } else { count_tile_by_carries(self, a, b) }
    }

    /// In registers of half the width, which every CPU with these has.
    #[inline(always)]
    fn sum_products(self, a: NumberTile, b: NumberTile) -> TileProducts {
        unsafe { sum_tile_products(a, b) }
    }

    #[inline(always)]
    fn transpose_strip(self, rows: &Rows, strips: &mut [Strip], stride: usize) {
        unsafe { transpose_strip(rows, strips, stride) }
    }
}
