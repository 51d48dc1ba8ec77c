//! The search over scores of 0 and 1, at the limit of the CPU.
//!
//! `tree` walks the sets, `database` and `extension` are the common users of a prefix, `kernel` sums over them,
//! `filter` looks at the sums. `docs/kernel.md` explains why it is done like this, and what lost.

mod database;
mod extension;
mod filter;
mod kernel;
mod tree;

pub use tree::SERIAL_WORK;

use crate::bitset::BitMatrix;
use crate::isa::{InstructionSet, LARGEST_WEIGHT};
use crate::matrix::Integers;
use crate::ranking::Collector;
use crate::search::Request;

/// Whether the lanes of the kernel hold the sums of these scores.
pub fn is_eligible(users: usize, largest_total: u64, k: usize) -> bool {
    let most = largest_total.max(k as u64);
    let sums = most.checked_mul(most).and_then(|square| square.checked_mul(users as u64));
    largest_total <= LARGEST_WEIGHT
        && kernel::is_possible(k, largest_total)
        && sums.is_some_and(|sum| sum <= i32::MAX as u64)
        && filter::is_exact(users as u64, k as u64, largest_total)
}

/// Walks all sets that `request` asks for into collectors made by `empty`, if [`is_eligible`].
pub fn search<C: Collector>(
    isa: InstructionSet,
    answered: &BitMatrix,
    integers: &Integers<BitMatrix>,
    request: &Request,
    empty: impl Fn() -> C + Sync,
) -> C {
    isa.run(tree::Search { answered, integers, request, empty })
}
