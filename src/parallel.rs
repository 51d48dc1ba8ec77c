//! The only place that knows rayon. Everything runs on the current pool, or on the calling thread alone
//! where the work is too small to be worth a hand-over.

use std::ops::Range;

use rayon::prelude::*;

/// Rows of input from which several threads are faster than one; below it waking them costs more.
pub const PARALLEL_ROWS: usize = 1 << 16;

/// Whether reading `rows` rows of input is worth several threads.
pub fn is_worth_it(rows: usize) -> bool {
    rows >= PARALLEL_ROWS
}

/// Cuts `0..length` into one stretch per thread and maps each, in order. One stretch where that
/// is not worth it.
pub fn map_stretches<T: Send>(length: usize, map: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    if !is_worth_it(length) {
        return vec![map(0..length)];
    }
    let step = length.div_ceil(rayon::current_num_threads()).max(1);
    (0..length).into_par_iter().step_by(step).map(|start| map(start..length.min(start + step))).collect()
}

/// Folds `items` in their order: neighbouring items share an accumulator, neighbouring accumulators are
/// merged left to right, so the result does not depend on the number of threads if `merge` is associative
/// with `fold`.
pub fn fold_in_order<S: Send>(
    items: Range<usize>,
    identity: impl Fn() -> S + Sync,
    fold: impl Fn(S, usize) -> S + Sync,
    merge: impl Fn(S, S) -> S + Sync,
) -> S {
    items.into_par_iter().with_max_len(1).fold(&identity, &fold).reduce(&identity, &merge)
}

/// Runs both at once where that is worth it, else one after the other on this thread.
#[cfg(feature = "plugin")]
pub fn join<A: Send, B: Send>(
    worth_it: bool,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    if worth_it { rayon::join(a, b) } else { (a(), b()) }
}
