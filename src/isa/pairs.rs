//! How many users scored on both of two questions, by columns of bits; and products of other scores, summed, by columns of numbers.

use super::{BLOCK, Isa};

/// Users whose bits of one question are a strip.
pub const STRIP: usize = 512;

/// Words of a strip.
const WORDS: usize = STRIP / BLOCK;

/// A bit for each of 512 users: one register where registers are widest.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Strip(pub [u64; WORDS]);

impl Strip {
    pub const EMPTY: Self = Self([0; WORDS]);
}

/// A word of each of 512 users: its bits of 64 questions.
pub type Rows = [[u64; WORDS]; BLOCK];

/// Questions of a tile: users are counted for each of four with each of four others, so that a strip that is loaded is
/// used four times.
pub const TILE: usize = 4;

/// The strips of four questions, of the same users, so as many of each.
pub type Tile<'a> = [&'a [Strip]; TILE];

/// Counts of users by the questions of one tile and those of another.
pub type TileCounts = [[u64; TILE]; TILE];

/// Scores of the same users on four questions, so as many of each.
pub type NumberTile<'a> = [&'a [i16]; TILE];

/// Sums of products of scores on the questions of one tile and on those of another.
pub type TileProducts = [[i32; TILE]; TILE];

/// Scores of the same users on four questions, so as many of each.
pub type FloatTile<'a> = [&'a [f64]; TILE];

/// Sums of products of scores on the questions of one tile and on those of another: a float, and what it lacks.
pub type FloatProducts = [[[f64; 2]; TILE]; TILE];

/// Users whose products are summed up side by side.
pub const FLOAT_LANES: usize = 4;

/// How many bits a number below 16 has, for instructions that look up sixteen bytes at once.
#[cfg(target_arch = "x86_64")]
pub(super) const BITS_OF_NIBBLES: [u8; 16] = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];

/// Words after which carries are counted.
const WORDS_OF_CARRIES: usize = 8;

/// Counts of pairs. Where no instruction counts the bits of a register, carries are saved ([`count_by_carries`]).
pub trait PairLanes: Copy {
    /// Bits of a strip, or of a part of it; or numbers of 64 bits.
    type Bits: Copy;

    /// Registers that hold a strip.
    const REGISTERS: usize;

    fn zero_bits(self) -> Self::Bits;

    /// The bits that both have, of one register of the strip.
    fn both(self, a: &Strip, b: &Strip, register: usize) -> Self::Bits;

    /// Makes `sum` the lower bits of the sum of all three, bit by bit, and returns the upper bits.
    fn save_carry(self, sum: &mut Self::Bits, a: Self::Bits, b: Self::Bits) -> Self::Bits;

    /// To each number the bits that are set there are added.
    fn add_count(self, numbers: Self::Bits, bits: Self::Bits) -> Self::Bits;

    /// Sums of numbers.
    fn add_numbers(self, a: Self::Bits, b: Self::Bits) -> Self::Bits;

    /// All numbers, summed.
    fn sum_up(self, numbers: Self::Bits) -> u64;

    /// How many users have the bits of both, for each question of `a` with each of `b`.
    #[inline(always)]
    fn count_tile(self, a: Tile, b: Tile) -> TileCounts {
        count_tile_by_carries(self, a, b)
    }

    /// Σab over all users, for each question of `a` with each of `b`. No sum of some of the products may leave 32 bits.
    #[inline(always)]
    fn sum_products(self, a: NumberTile, b: NumberTile) -> TileProducts {
        a.map(|a| b.map(|b| sum_products(a, b)))
    }

    /// Writes the bits of the users of `rows` for question i to `strips[i * stride]`, in the same order for all.
    fn transpose_strip(self, rows: &Rows, strips: &mut [Strip], stride: usize);
}

/// Σab.
#[inline(always)]
pub(super) fn sum_products(a: &[i16], b: &[i16]) -> i32 {
    let mut sum = 0;
    for i in 0..a.len().min(b.len()) {
        sum += i32::from(a[i]) * i32::from(b[i]);
    }
    sum
}

/// Σab with twice the bits of a float, in four operations a product, where the rounded sum and its rounding error
/// (Knuth's TwoSum) take ten.
///
/// A sum begins at a base, 1.5·2^q, so much larger than all the products together that it never leaves the floats from 2^q to 2^(q+1), which
/// are equally far apart. So what a product adds to it is a multiple of that distance, known exactly as a difference, and what the
/// product lacks is added up beside it; and sums of what lanes are above their bases are exact. (Extraction by a power of two:
/// S. M. Rump, T. Ogita, S. Oishi, "Accurate floating-point summation part I", SIAM J. Sci. Comput. 31, 2008.)
///
/// In a program of its own, 64 questions of 256 users, Zen 3: 4.3 ns a score in tiles of two by two, 4.8 in those of one by four; by TwoSum,
/// 63 questions of 128 users, 11.6.
#[derive(Clone, Copy)]
pub(super) struct ExtractedSum {
    pub sums: [f64; FLOAT_LANES],
    pub lost: [f64; FLOAT_LANES],
}

impl ExtractedSum {
    #[inline(always)]
    pub fn new(base: f64) -> Self {
        Self { sums: [base; FLOAT_LANES], lost: [0.0; FLOAT_LANES] }
    }

    /// Takes up the products of the first numbers, one for each lane.
    #[inline(always)]
    pub fn add<I: Isa>(&mut self, isa: I, a: &[f64], b: &[f64]) {
        let lanes = self.sums.iter_mut().zip(&mut self.lost);
        for ((sum, lost), (&a, &b)) in lanes.zip(a.iter().zip(b)) {
            let added = isa.mul_add(a, b, *sum);
            *lost += isa.mul_add(a, b, *sum - added);
            *sum = added;
        }
    }

    /// The sum of all lanes, which begun at `base`.
    #[inline(always)]
    pub fn parts(self, base: f64) -> [f64; 2] {
        [self.sums.map(|sum| sum - base).into_iter().sum(), self.lost.into_iter().sum()]
    }
}

/// [`Isa::sum_float_products`], pair by pair.
#[inline(always)]
pub(super) fn sum_float_products<I: Isa>(
    isa: I,
    a: FloatTile,
    b: FloatTile,
    bases: &[[f64; TILE]; TILE],
) -> FloatProducts {
    let mut products = FloatProducts::default();
    for ((a, bases), products) in a.into_iter().zip(bases).zip(&mut products) {
        for ((b, &base), product) in b.into_iter().zip(bases).zip(products) {
            let mut sum = ExtractedSum::new(base);
            for (a, b) in a.chunks(FLOAT_LANES).zip(b.chunks(FLOAT_LANES)) {
                sum.add(isa, a, b);
            }
            *product = sum.parts(base);
        }
    }
    products
}

/// [`PairLanes::count_tile`], pair by pair.
#[inline(always)]
pub(super) fn count_tile_by_carries<L: PairLanes>(lanes: L, a: Tile, b: Tile) -> TileCounts {
    let mut counts = TileCounts::default();
    for (a, counts) in a.into_iter().zip(&mut counts) {
        for (b, count) in b.into_iter().zip(counts) {
            *count = count_by_carries(lanes, a, b);
        }
    }
    counts
}

/// How many bits both columns have. Of eight words the bits are added up to binary digits, and only the uppermost are counted
/// then (Harley and Seal; see H. S. Warren, "Hacker's Delight", 5-1).
#[inline(always)]
fn count_by_carries<L: PairLanes>(lanes: L, a: &[Strip], b: &[Strip]) -> u64 {
    let strips = WORDS_OF_CARRIES / L::REGISTERS;
    let (mut ones, mut twos, mut fours, mut count) =
        (lanes.zero_bits(), lanes.zero_bits(), lanes.zero_bits(), lanes.zero_bits());
    let (a, b) = (a.chunks_exact(strips), b.chunks_exact(strips));
    let (last_a, last_b) = (a.remainder(), b.remainder());
    for (a, b) in a.zip(b) {
        let both = |word: usize| {
            let (strip, register) = (word / L::REGISTERS, word % L::REGISTERS);
            lanes.both(&a[strip], &b[strip], register)
        };
        let twos_0 = lanes.save_carry(&mut ones, both(0), both(1));
        let twos_1 = lanes.save_carry(&mut ones, both(2), both(3));
        let fours_0 = lanes.save_carry(&mut twos, twos_0, twos_1);
        let twos_0 = lanes.save_carry(&mut ones, both(4), both(5));
        let twos_1 = lanes.save_carry(&mut ones, both(6), both(7));
        let fours_1 = lanes.save_carry(&mut twos, twos_0, twos_1);
        let eights = lanes.save_carry(&mut fours, fours_0, fours_1);
        count = lanes.add_count(count, eights);
    }
    for digit in [fours, twos, ones] {
        count = lanes.add_count(lanes.add_numbers(count, count), digit);
    }
    for (a, b) in last_a.iter().zip(last_b) {
        for register in 0..L::REGISTERS {
            count = lanes.add_count(count, lanes.both(a, b, register));
        }
    }
    lanes.sum_up(count)
}

/// [`PairLanes::transpose_strip`] by squares of words.
#[inline(always)]
pub(super) fn transpose_by_words<I: Isa>(isa: I, rows: &Rows, strips: &mut [Strip], stride: usize) {
    let (squares, _) = rows.as_flattened().as_chunks::<BLOCK>();
    for (word, square) in squares.iter().enumerate() {
        let square = isa.transpose(square);
        for question in 0..BLOCK {
            strips[question * stride].0[word] = square.row(question);
        }
    }
}
