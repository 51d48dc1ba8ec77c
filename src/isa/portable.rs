//! The kernel's operations in what every compiler target has: 128-bit registers, which [`wide`] maps to SSE2, NEON
//! or simd128.

use wide::{i16x8, i32x8, u64x2};

use super::fields::{FieldLanes, FieldSums, Fields};
use super::graded::{
    GradedSums, NarrowLanes, NarrowWeight, WideLanes, WideWeight, add_narrow_sums, add_wide_sums,
};
use super::pairs::{PairLanes, Rows, Strip, transpose_by_words};
use super::{BLOCK, COUNT_BITS, Isa, Kernel, PART, PartSums, T_BITS, Weight};

#[derive(Clone, Copy)]
pub struct Portable;

/// Sixteen 16-bit lanes.
type Lanes = [i16x8; 2];

/// For each byte of bits the lanes: -1 where the bit is set.
static MASKS: [i16x8; 256] = {
    let mut masks = [i16x8::ZERO; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut lanes = [0; 8];
        let mut lane = 0;
        while lane < 8 {
            lanes[lane] = -((byte >> lane & 1) as i16);
            lane += 1;
        }
        masks[byte] = i16x8::new(lanes);
        byte += 1;
    }
    masks
};

#[inline(always)]
fn mask(bits: u32) -> Lanes {
    [0, 8].map(|shift| MASKS[(bits >> shift) as u8 as usize])
}

#[inline(always)]
fn each(a: Lanes, b: Lanes, f: impl Fn(i16x8, i16x8) -> i16x8) -> Lanes {
    [f(a[0], b[0]), f(a[1], b[1])]
}

#[inline(always)]
fn sum(a: Lanes, b: Lanes) -> Lanes {
    each(a, b, |a, b| a + b)
}

#[inline(always)]
fn signed(lanes: Lanes) -> [i32; PART] {
    let [low, high] = lanes.map(i16x8::to_array);
    std::array::from_fn(|i| i32::from(if i < 8 { low[i] } else { high[i - 8] }))
}

#[inline(always)]
fn unsigned(lanes: Lanes) -> [i32; PART] {
    signed(lanes).map(|lane| lane & i32::from(u16::MAX))
}

/// The upper and the lower half of a float's digits (T. J. Dekker, "A floating-point technique for extending the available
/// precision", Numer. Math. 18, 1971): products of halves are exact.
#[inline(always)]
fn halves(value: f64) -> (f64, f64) {
    const SPLITTER: f64 = ((1 << 27) + 1) as f64;
    let scaled = SPLITTER * value;
    let high = scaled - (scaled - value);
    (high, value - high)
}

#[derive(Clone, Copy, Default)]
pub struct Run {
    one_and_t: Lanes,
    one_and_t_scored: Lanes,
    /// Of those who answered, until it is widened.
    tt: Lanes,
}

#[derive(Clone, Copy, Default)]
pub struct Sums {
    n: Lanes,
    t: Lanes,
    /// Of those who scored.
    ones: Lanes,
    t_scored: Lanes,
    /// What `n`, `t` and `ones` were at the steps, summed.
    xn: Lanes,
    xt: Lanes,
    x_ones: Lanes,
    /// What `xn` was at the steps, summed.
    xxn: Lanes,
    /// What was widened.
    tt: [i32; PART],
}

/// Takes count and t of a run apart, adds them to `n` and `t`, and empties the run.
#[inline(always)]
fn take_apart(run: &mut Lanes, n: &mut Lanes, t: &mut Lanes) {
    for ((run, n), t) in run.iter_mut().zip(n).zip(t) {
        let t_of_run: i16x8 = (*run << COUNT_BITS) >> COUNT_BITS;
        *n += ((*run - t_of_run) >> T_BITS) & i16x8::splat((1 << COUNT_BITS) - 1);
        *t += t_of_run;
        *run = i16x8::ZERO;
    }
}

impl Isa for Portable {
    const PARTS_AT_ONCE: usize = 1;

    type Run = Run;
    type Sums = Sums;

    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn zero(self) -> (Run, Sums) {
        Default::default()
    }

    #[inline(always)]
    fn add(self, run: &mut Run, word: &u32, weight: &Weight) {
        let (answered, scored) = (mask(*word), mask(*word >> PART));
        let (one_and_t, tt) = (i16x8::splat(weight.one_and_t[0]), i16x8::splat(weight.tt[0] as i16));
        run.one_and_t = each(run.one_and_t, answered, |sum, mask| sum + (mask & one_and_t));
        run.one_and_t_scored = each(run.one_and_t_scored, scored, |sum, mask| sum + (mask & one_and_t));
        run.tt = each(run.tt, answered, |sum, mask| sum + (mask & tt));
    }

    #[inline(always)]
    fn end_run(self, run: &mut Run, sums: &mut Sums) {
        take_apart(&mut run.one_and_t, &mut sums.n, &mut sums.t);
        take_apart(&mut run.one_and_t_scored, &mut sums.ones, &mut sums.t_scored);
    }

    #[inline(always)]
    fn widen(self, run: &mut Run, sums: &mut Sums) {
        for (sum, more) in sums.tt.iter_mut().zip(unsigned(run.tt)) {
            *sum += more;
        }
        run.tt = Lanes::default();
    }

    #[inline(always)]
    fn step_down(self, sums: &mut Sums) {
        sums.xn = sum(sums.xn, sums.n);
        sums.xxn = sum(sums.xxn, sums.xn);
        sums.xt = sum(sums.xt, sums.t);
        sums.x_ones = sum(sums.x_ones, sums.ones);
    }

    #[inline(always)]
    fn finish(self, mut run: Run, mut sums: Sums, found: &mut PartSums) {
        self.widen(&mut run, &mut sums);
        let half = sum(sums.xxn, sums.x_ones);
        let xx = each(sum(sum(half, half), sums.ones), sums.xn, |a, b| a - b);
        found.n = unsigned(sums.n);
        found.x = unsigned(sum(sums.xn, sums.ones));
        found.xx = unsigned(xx);
        found.t = signed(sums.t);
        found.tt = sums.tt;
        found.xt = signed(sum(sums.xt, sums.t_scored));
    }

    #[inline(always)]
    fn mul_add(self, a: f64, b: f64, c: f64) -> f64 {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            return a.mul_add(b, c);
        }
        let product = a * b;
        let ((a, a_low), (b, b_low)) = (halves(a), halves(b));
        let product_low = a_low * b_low - (((product - a * b) - a_low * b) - a * b_low);
        (product + c) + product_low
    }

    #[inline(always)]
    fn positions(self, mut bits: u64, first: u32, positions: &mut [u32; BLOCK]) {
        // Four at a time, whether there are four left or not: the end of a loop by the bit is mispredicted nearly
        // always.
        for four in positions.chunks_exact_mut(4) {
            if bits == 0 {
                break;
            }
            for position in four {
                *position = first + bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
            }
        }
    }
}

#[derive(Clone, Copy, Default)]
pub struct Narrow {
    one_and_t: [i32x8; 2],
    tt: [i32x8; 2],
    x: [i32x8; 2],
    xx: [i32x8; 2],
    xt: [i32x8; 2],
}

impl NarrowLanes for Portable {
    const NARROW_PARTS: usize = 1;

    type Narrow = Narrow;

    #[inline(always)]
    fn zero_narrow(self) -> Narrow {
        Narrow::default()
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
        for ((half, points), mask) in halves.iter().enumerate().zip(mask(u32::from(*answered))) {
            // Both are within 12 bits.
            let points = i16x8::new(points.map(|points| points as i16));
            let x = mask & (points + i16x8::splat(*x as i16));
            let wide = i32x8::from_i16x8(mask);
            sums.one_and_t[half] += wide & i32x8::splat(weight.one_and_t);
            sums.tt[half] += wide & i32x8::splat(weight.tt);
            sums.x[half] += i32x8::from_i16x8(x);
            sums.xx[half] += x.widening_mul(x);
            sums.xt[half] += x.widening_mul(i16x8::splat(weight.t as i16));
        }
    }

    #[inline(always)]
    fn finish_narrow(self, sums: Narrow, found: &mut GradedSums) {
        let Narrow { one_and_t, tt, x, xx, xt } = sums;
        let array = |sums: [i32x8; 2]| {
            let [low, high] = sums.map(i32x8::to_array);
            std::array::from_fn(|lane| if lane < 8 { low[lane] } else { high[lane - 8] })
        };
        add_narrow_sums(found, [x, xx, xt, tt, one_and_t].map(array));
    }
}

#[derive(Clone, Copy, Default)]
pub struct Wide {
    n: [i32; PART],
    x: [i64; PART],
    xx: [i64; PART],
    xt: [i64; PART],
    t: [i64; PART],
    tt: [i64; PART],
}

impl WideLanes for Portable {
    const WIDE_PARTS: usize = 1;

    type Wide = Wide;

    #[inline(always)]
    fn zero_wide(self) -> Wide {
        Wide::default()
    }

    #[inline(always)]
    fn add_wide(self, sums: &mut Wide, answered: &u16, points: &[u32; PART], x: &i32, weight: &WideWeight) {
        for (lane, points) in points.iter().enumerate() {
            let one = i32::from(*answered >> lane & 1);
            let mask = -i64::from(one);
            let x = (i64::from(*points) + i64::from(*x)) & mask;
            sums.n[lane] += one;
            sums.x[lane] += x;
            sums.xx[lane] += x * x;
            sums.xt[lane] += x * weight.t;
            sums.t[lane] += weight.t & mask;
            sums.tt[lane] += weight.tt & mask;
        }
    }

    #[inline(always)]
    fn finish_wide(self, sums: Wide, found: &mut GradedSums) {
        let Wide { n, x, xx, xt, t, tt } = sums;
        add_wide_sums(found, n, [x, xx, xt, t, tt]);
    }
}

impl FieldLanes for Portable {
    const FIELD_PARTS: usize = 2;

    type Words = [i32x8; 2];

    #[inline(always)]
    fn zero_words(self) -> [i32x8; 2] {
        Default::default()
    }

    #[inline(always)]
    fn add_fields<const F: usize>(self, sums: &mut [i32x8; 2], answered: u16, fields: &Fields<F>) {
        let word = i32x8::splat(fields.0 as i32);
        for (sum, mask) in sums.iter_mut().zip(mask(answered.into())) {
            *sum += i32x8::from_i16x8(mask) & word;
        }
    }

    #[inline(always)]
    fn add_squares(self, sums: &mut [i32x8; 2], points: &[u16; PART]) {
        let (halves, _) = points.as_chunks::<{ PART / 2 }>();
        for (sum, points) in sums.iter_mut().zip(halves) {
            let points = i16x8::new(points.map(|points| points as i16));
            *sum += points.widening_mul(points);
        }
    }

    #[inline(always)]
    fn finish_fields<const F: usize>(self, sums: [i32x8; 2], found: &mut FieldSums<F>) {
        for (place, found) in found.iter_mut().enumerate() {
            let (halves, _) = found.as_chunks_mut::<{ PART / 2 }>();
            for (found, sum) in halves.iter_mut().zip(sums) {
                let field = (sum >> (place as u32 * Fields::<F>::BITS)) & i32x8::splat(Fields::<F>::MASK);
                *found = (i32x8::new(*found) + field).to_array();
            }
        }
    }
}

impl PairLanes for Portable {
    type Bits = u64x2;

    const REGISTERS: usize = 4;

    #[inline(always)]
    fn zero_bits(self) -> u64x2 {
        u64x2::ZERO
    }

    #[inline(always)]
    fn both(self, a: &Strip, b: &Strip, register: usize) -> u64x2 {
        let of = |strip: &Strip| u64x2::new([strip.0[2 * register], strip.0[2 * register + 1]]);
        of(a) & of(b)
    }

    #[inline(always)]
    fn save_carry(self, sum: &mut u64x2, a: u64x2, b: u64x2) -> u64x2 {
        let either = *sum ^ a;
        let carry = (*sum & a) | (either & b);
        *sum = either ^ b;
        carry
    }

    #[inline(always)]
    fn add_count(self, numbers: u64x2, bits: u64x2) -> u64x2 {
        numbers + u64x2::new(bits.to_array().map(|word| u64::from(word.count_ones())))
    }

    #[inline(always)]
    fn add_numbers(self, a: u64x2, b: u64x2) -> u64x2 {
        a + b
    }

    #[inline(always)]
    fn sum_up(self, numbers: u64x2) -> u64 {
        numbers.to_array().into_iter().sum()
    }

    #[inline(always)]
    fn transpose_strip(self, rows: &Rows, strips: &mut [Strip], stride: usize) {
        transpose_by_words(self, rows, strips, stride);
    }
}
