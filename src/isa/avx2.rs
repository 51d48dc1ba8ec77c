//! The kernel's operations in AVX2: a part of questions is one register.

use std::arch::x86_64::*;

use super::fields::{FieldLanes, FieldSums, Fields};
use super::graded::{
    GradedSums, NarrowLanes, NarrowWeight, WideLanes, WideWeight, add_narrow_sums, add_wide_sums,
};
use super::pairs::{
    BITS_OF_NIBBLES, ExtractedSum, FLOAT_LANES, FloatProducts, FloatTile, NumberTile, PairLanes, Rows, Strip,
    TILE, TileProducts, sum_products, transpose_by_words,
};
use super::portable::Portable;
use super::{BLOCK, COUNT_BITS, Isa, Kernel, PART, PartSums, T_BITS, Weight};

/// Evidence that the CPU has AVX2, BMI1, BMI2, FMA, LZCNT and POPCNT.
#[derive(Clone, Copy)]
pub struct Avx2 {
    _detected: (),
}

impl Avx2 {
    pub fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        detected.then_some(Self { _detected: () })
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,fma,lzcnt,popcnt")]
fn run<K: Kernel>(isa: Avx2, kernel: K) -> K::Output {
    kernel.run(isa)
}

#[derive(Clone, Copy)]
pub struct Run {
    one_and_t: __m256i,
    one_and_t_scored: __m256i,
    /// Of those who answered, until it is widened.
    tt: __m256i,
}

#[derive(Clone, Copy)]
pub struct Sums {
    n: __m256i,
    t: __m256i,
    /// Of those who scored.
    ones: __m256i,
    t_scored: __m256i,
    /// What `n`, `t` and `ones` were at the steps, summed.
    xn: __m256i,
    xt: __m256i,
    x_ones: __m256i,
    /// What `xn` was at the steps, summed.
    xxn: __m256i,
    /// What was widened.
    tt: [__m256i; 2],
}

// SAFETY of every block below: an `Avx2` exists only where the CPU has the instructions, and nothing here touches
// memory but through references.
impl Avx2 {
    /// Takes count and t of a run apart, adds them to `n` and `t`, and empties the run.
    #[inline(always)]
    fn take_apart(self, run: &mut __m256i, n: &mut __m256i, t: &mut __m256i) {
        unsafe {
            let t_of_run =
                _mm256_srai_epi16::<{ COUNT_BITS as i32 }>(_mm256_slli_epi16::<{ COUNT_BITS as i32 }>(*run));
            *n = _mm256_add_epi16(
                *n,
                _mm256_srli_epi16::<{ T_BITS as i32 }>(_mm256_sub_epi16(*run, t_of_run)),
            );
            *t = _mm256_add_epi16(*t, t_of_run);
            *run = _mm256_setzero_si256();
        }
    }
}

impl Isa for Avx2 {
    const PARTS_AT_ONCE: usize = 2;

    type Run = Run;
    type Sums = Sums;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        unsafe { run(self, kernel) }
    }

    #[inline(always)]
    fn zero(self) -> (Run, Sums) {
        let zero = unsafe { _mm256_setzero_si256() };
        let run = Run { one_and_t: zero, one_and_t_scored: zero, tt: zero };
        let sums = Sums {
            n: zero,
            t: zero,
            ones: zero,
            t_scored: zero,
            xn: zero,
            xt: zero,
            x_ones: zero,
            xxn: zero,
            tt: [zero; 2],
        };
        (run, sums)
    }

    #[inline(always)]
    fn add(self, run: &mut Run, word: &u32, weight: &Weight) {
        let bits: [u16; PART] = std::array::from_fn(|lane| 1 << lane);
        unsafe {
            let bit = std::mem::transmute::<[u16; PART], __m256i>(bits);
            let mask =
                |bits: u32| _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16(bits as i16), bit), bit);
            let add = |sum, mask, value: i16| {
                _mm256_add_epi16(sum, _mm256_and_si256(mask, _mm256_set1_epi16(value)))
            };
            let (answered, scored) = (mask(*word), mask(*word >> PART));
            run.one_and_t = add(run.one_and_t, answered, weight.one_and_t[0]);
            run.one_and_t_scored = add(run.one_and_t_scored, scored, weight.one_and_t[0]);
            run.tt = add(run.tt, answered, weight.tt[0] as i16);
        }
    }

    #[inline(always)]
    fn end_run(self, run: &mut Run, sums: &mut Sums) {
        self.take_apart(&mut run.one_and_t, &mut sums.n, &mut sums.t);
        self.take_apart(&mut run.one_and_t_scored, &mut sums.ones, &mut sums.t_scored);
    }

    #[inline(always)]
    fn widen(self, run: &mut Run, sums: &mut Sums) {
        unsafe {
            let [low, high] = [_mm256_castsi256_si128(run.tt), _mm256_extracti128_si256::<1>(run.tt)];
            sums.tt[0] = _mm256_add_epi32(sums.tt[0], _mm256_cvtepu16_epi32(low));
            sums.tt[1] = _mm256_add_epi32(sums.tt[1], _mm256_cvtepu16_epi32(high));
            run.tt = _mm256_setzero_si256();
        }
    }

    #[inline(always)]
    fn step_down(self, sums: &mut Sums) {
        unsafe {
            sums.xn = _mm256_add_epi16(sums.xn, sums.n);
            sums.xxn = _mm256_add_epi16(sums.xxn, sums.xn);
            sums.xt = _mm256_add_epi16(sums.xt, sums.t);
            sums.x_ones = _mm256_add_epi16(sums.x_ones, sums.ones);
        }
    }

    #[inline(always)]
    fn finish(self, mut run: Run, mut sums: Sums, found: &mut PartSums) {
        self.widen(&mut run, &mut sums);
        unsafe {
            let sum = |a, b| _mm256_add_epi16(a, b);
            let half = sum(sums.xxn, sums.x_ones);
            let xx = _mm256_sub_epi16(sum(sum(half, half), sums.ones), sums.xn);
            // Both are 32 plain bytes either way.
            let signed = |sums| std::mem::transmute::<__m256i, [i16; PART]>(sums).map(i32::from);
            let unsigned = |sums| std::mem::transmute::<__m256i, [u16; PART]>(sums).map(i32::from);
            found.n = unsigned(sums.n);
            found.x = unsigned(sum(sums.xn, sums.ones));
            found.xx = unsigned(xx);
            found.t = signed(sums.t);
            // 64 plain bytes either way.
            found.tt = std::mem::transmute::<[__m256i; 2], [i32; PART]>(sums.tt);
            found.xt = signed(sum(sums.xt, sums.t_scored));
        }
    }

    #[inline(always)]
    fn bits(self, lanes: &[bool; PART]) -> u16 {
        unsafe {
            // SAFETY: 16 plain bytes.
            let lanes = _mm_loadu_si128(lanes.as_ptr().cast());
            _mm_movemask_epi8(_mm_sub_epi8(_mm_setzero_si128(), lanes)) as u16
        }
    }

    #[inline(always)]
    fn sum_float_products(self, a: FloatTile, b: FloatTile, bases: &[[f64; TILE]; TILE]) -> FloatProducts {
        unsafe { sum_float_tile(self, a, b, bases) }
    }

    #[inline(always)]
    fn positions(self, bits: u64, first: u32, positions: &mut [u32; BLOCK]) {
        Portable.positions(bits, first, positions);
    }
}

/// Thirty-two bits for each question of a part.
type NarrowRegisters = [__m256i; 2];

#[derive(Clone, Copy)]
pub struct Narrow {
    one_and_t: NarrowRegisters,
    tt: NarrowRegisters,
    x: NarrowRegisters,
    xx: NarrowRegisters,
    xt: NarrowRegisters,
}

impl NarrowLanes for Avx2 {
    const NARROW_PARTS: usize = 1;

    type Narrow = Narrow;

    #[inline(always)]
    fn zero_narrow(self) -> Narrow {
        let zero = [unsafe { _mm256_setzero_si256() }; 2];
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
        let (halves, _) = points.as_chunks::<{ PART / 2 }>();
        for (half, points) in halves.iter().enumerate() {
            let bits: [i32; PART / 2] = std::array::from_fn(|lane| 1 << (half * PART / 2 + lane));
            unsafe {
                let bit = std::mem::transmute::<[i32; PART / 2], __m256i>(bits);
                let mask =
                    _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(i32::from(*answered)), bit), bit);
                // SAFETY: 16 plain bytes.
                let points = _mm256_cvtepu16_epi32(_mm_loadu_si128(points.as_ptr().cast()));
                let x = _mm256_and_si256(mask, _mm256_add_epi32(points, _mm256_set1_epi32(*x)));
                let masked = |value| _mm256_and_si256(mask, _mm256_set1_epi32(value));
                let add = |sums: &mut NarrowRegisters, more| sums[half] = _mm256_add_epi32(sums[half], more);
                add(&mut sums.one_and_t, masked(weight.one_and_t));
                add(&mut sums.tt, masked(weight.tt));
                add(&mut sums.x, x);
                add(&mut sums.xx, _mm256_madd_epi16(x, x));
                add(&mut sums.xt, _mm256_madd_epi16(x, _mm256_set1_epi32(weight.t)));
            }
        }
    }

    #[inline(always)]
    fn finish_narrow(self, sums: Narrow, found: &mut GradedSums) {
        let Narrow { one_and_t, tt, x, xx, xt } = sums;
        // SAFETY: 64 plain bytes.
        let array = |sums| unsafe { std::mem::transmute::<NarrowRegisters, [i32; PART]>(sums) };
        add_narrow_sums(found, [x, xx, xt, tt, one_and_t].map(array));
    }
}

/// Sixty-four bits for each question of a part.
type WideRegisters = [__m256i; 4];

#[derive(Clone, Copy)]
pub struct Wide {
    n: NarrowRegisters,
    x: WideRegisters,
    xx: WideRegisters,
    xt: WideRegisters,
    t: WideRegisters,
    tt: WideRegisters,
}

impl WideLanes for Avx2 {
    const WIDE_PARTS: usize = 1;

    type Wide = Wide;

    #[inline(always)]
    fn zero_wide(self) -> Wide {
        let zero = [unsafe { _mm256_setzero_si256() }; 4];
        Wide { n: [zero[0]; 2], x: zero, xx: zero, xt: zero, t: zero, tt: zero }
    }

    #[inline(always)]
    fn add_wide(self, sums: &mut Wide, answered: &u16, points: &[u32; PART], x: &i32, weight: &WideWeight) {
        let (halves, _) = points.as_chunks::<{ PART / 2 }>();
        for (half, points) in halves.iter().enumerate() {
            let bits: [i32; PART / 2] = std::array::from_fn(|lane| 1 << (half * PART / 2 + lane));
            unsafe {
                let bit = std::mem::transmute::<[i32; PART / 2], __m256i>(bits);
                let mask =
                    _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(i32::from(*answered)), bit), bit);
                sums.n[half] = _mm256_sub_epi32(sums.n[half], mask);
                // SAFETY: 32 plain bytes.
                let points = _mm256_loadu_si256(points.as_ptr().cast());
                let x = _mm256_and_si256(mask, _mm256_add_epi32(points, _mm256_set1_epi32(*x)));
                let (t, tt) = (_mm256_set1_epi64x(weight.t), _mm256_set1_epi64x(weight.tt));
                let quarters = [
                    (_mm256_castsi256_si128(mask), _mm256_castsi256_si128(x)),
                    (_mm256_extracti128_si256::<1>(mask), _mm256_extracti128_si256::<1>(x)),
                ];
                for (quarter, (mask, x)) in quarters.into_iter().enumerate() {
                    let (mask, x) = (_mm256_cvtepi32_epi64(mask), _mm256_cvtepu32_epi64(x));
                    let place = half * 2 + quarter;
                    let add =
                        |sums: &mut WideRegisters, more| sums[place] = _mm256_add_epi64(sums[place], more);
                    add(&mut sums.x, x);
                    add(&mut sums.xx, _mm256_mul_epu32(x, x));
                    add(&mut sums.xt, _mm256_mul_epi32(x, t));
                    add(&mut sums.t, _mm256_and_si256(mask, t));
                    add(&mut sums.tt, _mm256_and_si256(mask, tt));
                }
            }
        }
    }

    #[inline(always)]
    fn finish_wide(self, sums: Wide, found: &mut GradedSums) {
        let Wide { n, x, xx, xt, t, tt } = sums;
        // SAFETY: 64 and 128 plain bytes.
        let n = unsafe { std::mem::transmute::<NarrowRegisters, [i32; PART]>(n) };
        let array = |sums| unsafe { std::mem::transmute::<WideRegisters, [i64; PART]>(sums) };
        add_wide_sums(found, n, [x, xx, xt, t, tt].map(array));
    }
}

impl FieldLanes for Avx2 {
    const FIELD_PARTS: usize = 4;

    type Words = NarrowRegisters;

    #[inline(always)]
    fn zero_words(self) -> NarrowRegisters {
        [unsafe { _mm256_setzero_si256() }; 2]
    }

    #[inline(always)]
    fn add_fields<const F: usize>(self, sums: &mut NarrowRegisters, answered: u16, fields: &Fields<F>) {
        for (half, sum) in sums.iter_mut().enumerate() {
            let bits: [i32; PART / 2] = std::array::from_fn(|lane| 1 << (half * PART / 2 + lane));
            unsafe {
                // SAFETY: 32 plain bytes either way.
                let bit = std::mem::transmute::<[i32; PART / 2], __m256i>(bits);
                let mask =
                    _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(i32::from(answered)), bit), bit);
                *sum = _mm256_add_epi32(*sum, _mm256_and_si256(mask, _mm256_set1_epi32(fields.0 as i32)));
            }
        }
    }

    #[inline(always)]
    fn add_squares(self, sums: &mut NarrowRegisters, points: &[u16; PART]) {
        let (halves, _) = points.as_chunks::<{ PART / 2 }>();
        for (sum, points) in sums.iter_mut().zip(halves) {
            unsafe {
                // SAFETY: 16 plain bytes.
                let points = _mm256_cvtepu16_epi32(_mm_loadu_si128(points.as_ptr().cast()));
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(points, points));
            }
        }
    }

    #[inline(always)]
    fn finish_fields<const F: usize>(self, sums: NarrowRegisters, found: &mut FieldSums<F>) {
        for (place, found) in found.iter_mut().enumerate() {
            let (halves, _) = found.as_chunks_mut::<{ PART / 2 }>();
            for (found, sum) in halves.iter_mut().zip(sums) {
                unsafe {
                    let shift = _mm_cvtsi32_si128((place as u32 * Fields::<F>::BITS) as i32);
                    let mask = _mm256_set1_epi32(Fields::<F>::MASK);
                    let field = _mm256_and_si256(_mm256_srl_epi32(sum, shift), mask);
                    let found: *mut __m256i = found.as_mut_ptr().cast();
                    // SAFETY: 32 plain bytes.
                    _mm256_storeu_si256(found, _mm256_add_epi32(_mm256_loadu_si256(found), field));
                }
            }
        }
    }
}

/// Questions of the second tile whose sums are made at once: with four there would be as many sums as there are registers. What the
/// compiler makes of a loop over pairs loads two vectors for each product and uses half of their width. Sixty questions of 1,024
/// users: 0.70 ns a score, with four at once 0.82, with one 0.99, by that loop 1.3 (Zen 3).
const COLUMNS_AT_ONCE: usize = 2;

/// [`PairLanes::sum_products`], sixteen users at once.
#[target_feature(enable = "avx2")]
pub(super) fn sum_tile_products(a: NumberTile, b: NumberTile) -> TileProducts {
    let users = a[0].len();
    let (a, b) = (a.map(|column| column[..users].as_chunks()), b.map(|column| column[..users].as_chunks()));
    let mut products = TileProducts::default();
    for first in (0..TILE).step_by(COLUMNS_AT_ONCE) {
        let b: [_; COLUMNS_AT_ONCE] = std::array::from_fn(|column| b[first + column]);
        let mut sums = [[_mm256_setzero_si256(); COLUMNS_AT_ONCE]; TILE];
        for vector in 0..users / VECTOR {
            let b = b.map(|(vectors, _)| load_numbers(&vectors[vector]));
            for ((vectors, _), sums) in a.iter().zip(&mut sums) {
                let a = load_numbers(&vectors[vector]);
                for (sum, b) in sums.iter_mut().zip(b) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(a, b));
                }
            }
        }
        for (((_, last_a), sums), products) in a.iter().zip(sums).zip(&mut products) {
            for (((_, last_b), sum), product) in b.iter().zip(sums).zip(&mut products[first..]) {
                // SAFETY: 32 plain bytes.
                let lanes = unsafe { std::mem::transmute::<__m256i, [i32; 8]>(sum) };
                *product = lanes.into_iter().sum::<i32>() + sum_products(last_a, last_b);
            }
        }
    }
    products
}

/// Questions of each tile whose float products are summed up at once: as many as there are registers for.
const FLOATS_AT_ONCE: usize = 2;

/// Of each of some questions with each of some others.
type OfFloats<T> = [[T; FLOATS_AT_ONCE]; FLOATS_AT_ONCE];

/// [`Isa::sum_float_products`], four users at once.
#[target_feature(enable = "avx2,fma")]
pub(super) fn sum_float_tile<I: Isa>(
    isa: I,
    a: FloatTile,
    b: FloatTile,
    bases: &[[f64; TILE]; TILE],
) -> FloatProducts {
    let mut products = FloatProducts::default();
    for i in (0..TILE).step_by(FLOATS_AT_ONCE) {
        for j in (0..TILE).step_by(FLOATS_AT_ONCE) {
            let (a, b) = (part(&a, i), part(&b, j));
            let bases = part(bases, i).map(|bases| part(&bases, j));
            let mut sums = sum_whole_vectors(a, b, bases);
            for ((sums, a), (bases, products)) in
                sums.iter_mut().zip(a).zip(bases.into_iter().zip(&mut products[i..]))
            {
                for ((sum, b), (base, product)) in
                    sums.iter_mut().zip(b).zip(bases.into_iter().zip(&mut products[j..]))
                {
                    let rest = a.len() / FLOAT_LANES * FLOAT_LANES;
                    sum.add(isa, &a[rest..], &b[rest..]);
                    *product = sum.parts(base);
                }
            }
        }
    }
    products
}

fn part<T: Copy>(tile: &[T; TILE], first: usize) -> [T; FLOATS_AT_ONCE] {
    std::array::from_fn(|place| tile[first + place])
}

/// Of the first users, as many as there are whole registers of them.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn sum_whole_vectors(
    a: [&[f64]; FLOATS_AT_ONCE],
    b: [&[f64]; FLOATS_AT_ONCE],
    bases: OfFloats<f64>,
) -> OfFloats<ExtractedSum> {
    // As in `ExtractedSum::add`. Nothing is indexed, so that all of them are registers.
    let mut sums: OfFloats<_> = [[(_mm256_setzero_pd(), _mm256_setzero_pd()); _]; _];
    for ((sum, _), base) in sums.as_flattened_mut().iter_mut().zip(bases.as_flattened()) {
        *sum = _mm256_set1_pd(*base);
    }
    let users = a[0].len();
    let (a, b) = (a.map(|column| column[..users].as_chunks()), b.map(|column| column[..users].as_chunks()));
    for vector in 0..users / FLOAT_LANES {
        let b = b.map(|(vectors, _)| load_floats(&vectors[vector]));
        for ((vectors, _), sums) in a.iter().zip(&mut sums) {
            let a = load_floats(&vectors[vector]);
            for ((sum, lost), b) in sums.iter_mut().zip(b) {
                let added = _mm256_fmadd_pd(a, b, *sum);
                *lost = _mm256_add_pd(*lost, _mm256_fmadd_pd(a, b, _mm256_sub_pd(*sum, added)));
                *sum = added;
            }
        }
    }
    let mut found = [[ExtractedSum::new(0.0); _]; _];
    for (found, (sum, lost)) in found.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
        // SAFETY: 32 plain bytes.
        let lanes = |register| unsafe { std::mem::transmute::<__m256d, [f64; FLOAT_LANES]>(register) };
        *found = ExtractedSum { sums: lanes(*sum), lost: lanes(*lost) };
    }
    found
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_floats(numbers: &[f64; FLOAT_LANES]) -> __m256d {
    // SAFETY: 32 plain bytes.
    unsafe { _mm256_loadu_pd(numbers.as_ptr()) }
}

/// Numbers of 16 bits in a register.
const VECTOR: usize = 16;

#[inline]
#[target_feature(enable = "avx2")]
fn load_numbers(numbers: &[i16; VECTOR]) -> __m256i {
    // SAFETY: 32 plain bytes.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}

impl PairLanes for Avx2 {
    type Bits = __m256i;

    const REGISTERS: usize = 2;

    #[inline(always)]
    fn zero_bits(self) -> __m256i {
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    fn both(self, a: &Strip, b: &Strip, register: usize) -> __m256i {
        let (a, b) = (a.0.as_chunks::<4>().0, b.0.as_chunks::<4>().0);
        // SAFETY: 32 plain bytes each.
        let load = |words: &[u64; 4]| unsafe { _mm256_loadu_si256(words.as_ptr().cast()) };
        unsafe { _mm256_and_si256(load(&a[register]), load(&b[register])) }
    }

    #[inline(always)]
    fn save_carry(self, sum: &mut __m256i, a: __m256i, b: __m256i) -> __m256i {
        unsafe {
            let either = _mm256_xor_si256(*sum, a);
            let carry = _mm256_or_si256(_mm256_and_si256(*sum, a), _mm256_and_si256(either, b));
            *sum = _mm256_xor_si256(either, b);
            carry
        }
    }

    #[inline(always)]
    fn add_count(self, numbers: __m256i, bits: __m256i) -> __m256i {
        unsafe {
            // SAFETY: 16 plain bytes.
            let counts = std::mem::transmute::<[u8; 16], __m128i>(BITS_OF_NIBBLES);
            let (counts, low) = (_mm256_broadcastsi128_si256(counts), _mm256_set1_epi8(0xf));
            let of_low = _mm256_shuffle_epi8(counts, _mm256_and_si256(bits, low));
            let of_high = _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16::<4>(bits), low));
            let by_byte = _mm256_add_epi8(of_low, of_high);
            _mm256_add_epi64(numbers, _mm256_sad_epu8(by_byte, _mm256_setzero_si256()))
        }
    }

    #[inline(always)]
    fn add_numbers(self, a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_add_epi64(a, b) }
    }

    #[inline(always)]
    fn sum_up(self, numbers: __m256i) -> u64 {
        // SAFETY: 32 plain bytes.
        unsafe { std::mem::transmute::<__m256i, [u64; 4]>(numbers) }.into_iter().sum()
    }

    #[inline(always)]
    fn sum_products(self, a: NumberTile, b: NumberTile) -> TileProducts {
        unsafe { sum_tile_products(a, b) }
    }

    #[inline(always)]
    fn transpose_strip(self, rows: &Rows, strips: &mut [Strip], stride: usize) {
        transpose_by_words(self, rows, strips, stride);
    }
}
