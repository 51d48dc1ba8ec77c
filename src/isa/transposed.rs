//! A square of bits with rows and columns exchanged.

use super::BLOCK;

/// Rows that one register holds.
const LANES: usize = 8;

/// The exchanged rows, in the order in which registers are left with them.
#[repr(align(64))]
pub struct Transposed {
    /// Row 8·i + j is lane i of register j.
    pub(super) registers: [[u64; LANES]; BLOCK / LANES],
}

impl Transposed {
    /// Halves of ever smaller squares change places (H. S. Warren, "Hacker's Delight", 7-3). A square of rows is eight
    /// registers of eight lanes; when the squares fit into a register, registers and lanes change places, so that
    /// all is done between whole registers.
    #[inline(always)]
    pub(super) fn of(rows: &[u64; BLOCK]) -> Self {
        let (rows, _) = rows.as_chunks::<LANES>();
        let mut registers = std::array::from_fn(|register| rows[register]);
        for (distance, half, mask) in SQUARES_OF_REGISTERS {
            exchange(&mut registers, distance, half, mask);
        }
        let mut registers = std::array::from_fn(|lane| registers.map(|register| register[lane]));
        for (distance, half, mask) in SQUARES_OF_LANES {
            exchange(&mut registers, distance, half, mask);
        }
        Self { registers }
    }

    #[inline(always)]
    pub fn row(&self, row: usize) -> u64 {
        self.registers[row % LANES][row / LANES]
    }
}

/// For each size of squares: how many registers its halves are apart, how many bits, and the lower half of each.
pub(super) const SQUARES_OF_REGISTERS: [(usize, u32, u64); 3] =
    [(4, 32, u64::MAX / 0x1_0000_0001), (2, 16, u64::MAX / 0x1_0001), (1, 8, u64::MAX / 0x101)];

/// The same once registers and lanes have changed places.
pub(super) const SQUARES_OF_LANES: [(usize, u32, u64); 3] =
    [(4, 4, u64::MAX / 0x11), (2, 2, u64::MAX / 0x5), (1, 1, u64::MAX / 0x3)];

#[inline(always)]
fn exchange(registers: &mut [[u64; LANES]; BLOCK / LANES], distance: usize, half: u32, mask: u64) {
    for pair in registers.chunks_exact_mut(2 * distance) {
        let (upper, lower) = pair.split_at_mut(distance);
        for (upper, lower) in upper.as_flattened_mut().iter_mut().zip(lower.as_flattened_mut()) {
            let swapped = ((*upper >> half) ^ *lower) & mask;
            *upper ^= swapped << half;
            *lower ^= swapped;
        }
    }
}
