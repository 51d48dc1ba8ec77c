//! The only place that knows rayon. Everything runs on the current pool, or on the calling thread alone
//! where the work is too small to be worth a hand-over.

use std::ops::Range;

use rayon::prelude::*;

/// Rows of input from which several threads are faster than one; below it waking them costs more.
pub const PARALLEL_ROWS: usize = 1 << 16;

/// Stretches into which any number of rows may be cut. Each collects its distinct values by itself, and they are merged
/// one stretch after another: more of them cost memory and merging that their threads do not save.
const FEW_STRETCHES: usize = 4;

/// Rows that each stretch has where there are more: enough that the distinct values are few beside them.
const STRETCH_ROWS: usize = 1 << 19;

/// Whether reading `rows` rows of input is worth several threads.
pub fn is_worth_it(rows: usize) -> bool {
    rows >= PARALLEL_ROWS
}

/// Cuts `0..rows` into one stretch per thread, but not into many short ones, and maps each, in order. One stretch where
/// several threads are not worth it.
pub fn map_stretches<T: Send>(rows: usize, map: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    map_heavy_stretches(rows, 1, map)
}

/// The same where a row is as much work as so many rows of input.
pub fn map_heavy_stretches<T: Send>(
    rows: usize,
    work: usize,
    map: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let step = stretch_length(rows, work);
    if step >= rows {
        return vec![map(0..rows)];
    }
    (0..rows).into_par_iter().step_by(step).map(|start| map(start..rows.min(start + step))).collect()
}

/// Rows of each stretch but the last.
pub fn stretch_length(rows: usize, work: usize) -> usize {
    let work = rows.saturating_mul(work);
    if rows < 2 || !is_worth_it(work) {
        return rows;
    }
    rows.div_ceil(rayon::current_num_threads().min(most_stretches(work)).min(rows))
}

fn most_stretches(work: usize) -> usize {
    FEW_STRETCHES.max(work / STRETCH_ROWS)
}

/// Maps each of a few items that are much work, in order.
#[cfg(feature = "plugin")]
pub fn map_each<T: Sync, U: Send>(items: &[T], map: impl Fn(&T) -> U + Sync) -> Vec<U> {
    items.par_iter().with_max_len(1).map(&map).collect()
}

/// Changes each of a few items that are much work together, if it is worth it on several threads.
pub fn update_each<T: Send>(worth_it: bool, items: &mut [T], update: impl Fn(&mut T) + Sync) {
    if worth_it {
        items.par_iter_mut().with_max_len(1).for_each(&update);
    } else {
        items.iter_mut().for_each(update);
    }
}

/// So many zeros, written by all threads of the pool that this is called on, if that pays: memory that is new costs more than what
/// becomes of it. `None` where it is not to be had.
pub fn try_zeros<T: Copy + Default + Send + Sync>(length: usize) -> Option<Vec<T>> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(length).ok()?;
    if is_worth_it(length) && rayon::current_thread_index().is_some() {
        zeros.par_extend(rayon::iter::repeat_n(T::default(), length));
    } else {
        zeros.resize(length, T::default());
    }
    Some(zeros)
}

/// Sets each of `values` to the `value` of its position, on several threads where that pays; one value is as much work as so many
/// rows of input. Tells whether none was `None`; if one was, others may be set or not.
pub fn try_fill<T: Send>(values: &mut [T], work: usize, value: impl Fn(usize) -> Option<T> + Sync) -> bool {
    let step = stretch_length(values.len(), work).max(1);
    let fill = |(stretch, values): (usize, &mut [T])| {
        (stretch * step..)
            .zip(values)
            .all(|(position, to)| value(position).map(|value| *to = value).is_some())
    };
    if step >= values.len() { fill((0, values)) } else { values.par_chunks_mut(step).enumerate().all(fill) }
}

/// Cuts `0..items` into stretches and calls `fill` with each and its part of `values`, on several threads where that pays; one item
/// is as much work as so many rows of input. The values of an item begin at its `start`. Tells whether all calls were `true`.
pub fn fill_stretches<T: Send>(
    items: usize,
    work: usize,
    mut values: &mut [T],
    start: impl Fn(usize) -> usize,
    fill: impl Fn(Range<usize>, &mut [T]) -> bool + Sync,
) -> bool {
    let step = stretch_length(items, work).max(1);
    let stretches = (0..items).step_by(step).map(|first| {
        let items = first..items.min(first + step);
        let of_these;
        (of_these, values) = std::mem::take(&mut values).split_at_mut(start(items.end) - start(items.start));
        (items, of_these)
    });
    let stretches: Vec<_> = stretches.collect();
    if stretches.len() < 2 {
        return stretches.into_iter().all(|(items, values)| fill(items, values));
    }
    stretches.into_par_iter().with_max_len(1).all(|(items, values)| fill(items, values))
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

/// How many threads there are.
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Runs `work` on each thread, with its number.
pub fn on_each_thread<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    rayon::broadcast(|thread| work(thread.index()))
}

/// What `map` makes of each item, in order, or the error of one of them. Each thread has a `scratch` of its own.
pub fn try_map<I: Sync, S, T: Send, E: Send>(
    worth_it: bool,
    items: &[I],
    scratch: impl Fn() -> S + Sync + Send,
    map: impl Fn(&mut S, &I) -> Result<T, E> + Sync + Send,
) -> Result<Vec<T>, E> {
    if worth_it {
        items.par_iter().map_init(scratch, map).collect()
    } else {
        let mut scratch = scratch();
        items.iter().map(|item| map(&mut scratch, item)).collect()
    }
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

/// Runs `work` on a pool of one thread.
#[cfg(test)]
pub fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    on(1, work)
}

/// Runs `work` on a pool of so many threads.
#[cfg(test)]
pub fn on<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_all_rows_in_order() {
        let many = (FEW_STRETCHES + 1) * STRETCH_ROWS;
        for rows in [0, 1, PARALLEL_ROWS - 1, PARALLEL_ROWS, PARALLEL_ROWS + 1, many - 1, many, many + 1] {
            let stretches = map_stretches(rows, |stretch| stretch);
            let most = if rows < PARALLEL_ROWS { 1 } else { most_stretches(rows) };
            assert!((1..=most).contains(&stretches.len()), "{rows} rows: {stretches:?}");
            let end = stretches.into_iter().fold(0, |end, stretch| {
                assert_eq!(stretch.start, end, "{rows} rows");
                stretch.end
            });
            assert_eq!(end, rows);
        }
    }

    #[test]
    fn all_values_are_made_or_one_is_missing() {
        for length in [0, 1, 100, PARALLEL_ROWS + 1] {
            for work in [1, PARALLEL_ROWS] {
                let mut values = vec![0; length];
                assert!(try_fill(&mut values, work, |position| Some(3 * position)), "{length}");
                assert!(
                    values.iter().enumerate().all(|(position, &value)| value == 3 * position),
                    "{length}"
                );
                let is_complete =
                    try_fill(&mut values, work, |position| (position + 1 < length).then_some(0));
                assert_eq!(is_complete, length == 0, "{length}");
            }
        }
    }

    #[test]
    fn few_rows_are_cut_where_they_are_much_work() {
        let cut = |rows, work| on(3, || map_heavy_stretches(rows, work, |stretch| stretch));
        assert_eq!(cut(10, PARALLEL_ROWS / 10).len(), 1);
        assert_eq!(cut(10, PARALLEL_ROWS), [0..4, 4..8, 8..10]);
        assert_eq!(cut(1, usize::MAX).len(), 1);
    }
}
