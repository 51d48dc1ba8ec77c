//! A request in, ranked sets out: checks what the result may cost, picks the types by the data.

mod blueprint;
mod control;
mod part;
mod plan;
mod probe;
mod rules;
mod shard;
mod strategy;
mod stretches;
mod summed;
mod way;

use std::borrow::Cow;
use std::ops::Range;

use crate::binary::{self, Binary, BinaryAlpha};
use crate::combinations::binomial;
use crate::error::{Error, Result, TooManyRows};
use crate::graded::{FloatPoints, Graded, GradedAlpha, IntegerPoints, Point};
use crate::isa::InstructionSet;
use crate::matrix::{Cells, Integers, ResponseMatrix, Table};
use crate::moments::{RankBy, sums_fit};
use crate::ranking::{CorrelationColumn, SetTable, TableColumns};
use crate::tree::{self, Scores};

pub use blueprint::{Blueprint, Constraints, Space};
pub use control::Control;
pub(crate) use part::Part;
pub use plan::{Plan, Sample, Typical, plan};
#[cfg(test)]
pub(crate) use rules::Limits;
pub use rules::{Costs, Domains};
pub(crate) use rules::{Path, Remaining, Rules, Standing};
pub use shard::Shard;
pub use strategy::SearchStrategy;
pub use stretches::{Every, Stretches};
use way::{Wanted, with_way};

/// Users of a set below which r does not exist.
pub const LEAST_USERS: u32 = 2;

/// Values of a Polars column number at most this many: its indices are of 32 bits, and one of them means none.
const COLUMN_VALUES: u128 = u32::MAX as u128 - 1;

/// What to search for.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Questions per set, at least 1.
    pub k: usize,
    /// How many sets, best first; `None` for all of them in lexicographic order.
    pub top: Option<usize>,
    /// Sets with fewer common users are left out; below [`LEAST_USERS`] it has no effect.
    pub min_users: u32,
    pub rank_by: RankBy,
}

impl Request {
    pub(crate) fn least_users(&self) -> usize {
        self.min_users.max(LEAST_USERS) as usize
    }
}

/// Whether the search is large enough for several threads. A smaller one never touches the thread pool.
pub fn is_parallel(blueprint: &Blueprint) -> bool {
    let (matrix, request) = (blueprint.matrix(), blueprint.request());
    let cost = match &matrix.table {
        Table::Binary(integers) if binary::is_possible(integers, request.k) => match request.rank_by {
            RankBy::Alpha => BinaryAlpha::COST,
            RankBy::R | RankBy::RRest => Binary::COST,
        },
        _ => Graded::<u32>::COST,
    };
    let sets = blueprint.space().sets();
    let work = sets.map_or(u128::MAX, |sets| sets.saturating_mul(matrix.users() as u128 * cost));
    work > tree::SERIAL_WORK
}

/// The scores, if they are 0 and 1 and lanes for these hold the sums.
fn as_binary<'a>(matrix: &'a ResponseMatrix, request: &Request) -> Option<Binary<'a>> {
    match &matrix.table {
        Table::Binary(integers) => Binary::new(&matrix.answered, integers, request.k),
        _ => None,
    }
}

/// Finds the sets that `request` asks for.
///
/// Runs on the current rayon pool if [`is_parallel`], else on the calling thread; the result is the same.
///
/// # Errors
///
/// [`Error::Overflow`] if sums of the scores could leave 128 bits, [`Error::TooManyRows`] if the result
/// could have more rows than a frame or the memory holds, [`Error::MatrixTooLarge`] if the memory does not hold
/// a second copy of who answered what.
///
/// ```
/// use polars_corrset::{moments::RankBy, responses::*, search::*};
///
/// let responses = Responses {
///     users: vec![0, 0, 0, 1, 1, 1, 2, 2, 2],
///     questions: vec![0, 1, 2, 0, 1, 2, 0, 1, 2],
///     scores: vec![1i64, 1, 1, 1, 0, 0, 0, 1, 0],
/// };
/// let matrix = responses.into_matrix(Duplicates::Error)?;
/// let best = search(&matrix, &Request { k: 1, top: Some(1), min_users: 2, rank_by: RankBy::R })?;
/// assert_eq!((best.questions, best.r.get(0), best.n_users), (vec![2], Some(1.0), vec![3]));
/// # Ok::<(), polars_corrset::error::Error>(())
/// ```
pub fn search(matrix: &ResponseMatrix, request: &Request) -> Result<SetTable> {
    search_with(InstructionSet::from_environment()?, SearchStrategy::from_environment()?, matrix, request)
}

/// [`search`] on a given instruction set and by a given strategy, if any; the result is the same on each and by each.
///
/// # Errors
///
/// As [`search`]; and [`Error::Strategy`] if the strategy needs what the data or the request have not.
pub fn search_with(
    isa: InstructionSet,
    strategy: Option<SearchStrategy>,
    matrix: &ResponseMatrix,
    request: &Request,
) -> Result<SetTable> {
    let blueprint = Blueprint::free(Cow::Borrowed(matrix), *request);
    run(isa, &blueprint, &Run { strategy, ..Run::all(&Control::default()) })
}

/// What of a search is run, how, and under whose control.
pub struct Run<'a> {
    /// `None`: the data decide.
    pub strategy: Option<SearchStrategy>,
    pub control: &'a Control,
    /// Only sets at these positions of the [`Space`]; `None` for all.
    pub within: Option<Range<u128>>,
}

impl<'a> Run<'a> {
    /// Of all sets.
    pub fn all(control: &'a Control) -> Self {
        Self { strategy: None, control, within: None }
    }

    /// What of the sets of `space` is run; `None` if nothing.
    pub(crate) fn part(&self, space: Space) -> Option<Part> {
        self.within.clone().map_or(Some(Part::ALL), |within| Part::new(within, space.sets()))
    }
}

/// [`search_with`] for the sets of a blueprint, or a part of them, under control.
///
/// # Errors
///
/// As [`search_with`]; [`Error::Interrupted`] if it was stopped.
pub fn run(isa: InstructionSet, blueprint: &Blueprint, run: &Run) -> Result<SetTable> {
    if !has_sets(blueprint) {
        run.control.advance(1.0);
        return Ok(SetTable::default());
    }
    check_rows(blueprint, run.within.as_ref())?;
    let wanted = Wanted::usual(blueprint.request(), run.within.is_some());
    let found = with_way(isa, blueprint, run.strategy, wanted, |way| way.search(run))??;
    if run.control.is_stopped() {
        return Err(Error::Interrupted);
    }
    Ok(existing(blueprint.matrix(), TableColumns::USUAL, blueprint.restore(found)))
}

/// Whether there can be a row: sets of so many questions, which have what ranks them if they are ranked.
fn has_sets(blueprint: &Blueprint) -> bool {
    let (space, &Request { k, top, rank_by, .. }) = (blueprint.space(), blueprint.request());
    // One question has no α.
    let is_ranked = blueprint.matrix().has(rank_by) && (rank_by != RankBy::Alpha || k > 1);
    (1..=space.questions).contains(&space.k) && (top.is_none() || is_ranked)
}

/// The six sums give every set a correlation with T − X, also where that means nothing.
fn existing(matrix: &ResponseMatrix, columns: TableColumns, mut table: SetTable) -> SetTable {
    if columns.r_rest && !matrix.has(RankBy::RRest) {
        table.r_rest = CorrelationColumn::missing(table.len());
    }
    table
}

/// What is done with scores, of whatever kind they are.
trait Visit {
    type Output;

    fn visit<S: Scores>(self, scores: &S) -> Result<Self::Output>;
}

/// Picks the kind of scores by the data, `with_alpha` one that has Cronbach's α.
fn with_scores<V: Visit>(
    matrix: &ResponseMatrix,
    request: &Request,
    with_alpha: bool,
    visit: V,
) -> Result<V::Output> {
    if let Some(scores) = as_binary(matrix, request) {
        return if with_alpha { visit.visit(&BinaryAlpha(scores)) } else { visit.visit(&scores) };
    }
    match &matrix.table {
        Table::Binary(integers) => with_integers(matrix, integers, request, with_alpha, visit),
        Table::Numbers(integers) => with_integers(matrix, integers, request, with_alpha, visit),
        Table::Float(floats) => {
            if ranks_by_alpha(request, with_alpha) {
                let points = FloatPoints::new(floats, request.k, u16::largest(matrix.users()));
                return visit.visit(&GradedAlpha::new(&matrix.answered, &points, request.k));
            }
            let points = FloatPoints::new(floats, request.k, u32::largest(matrix.users()));
            visit.visit(&Graded::<u32>::new(&matrix.answered, &points, with_alpha))
        }
    }
}

/// Whether sets are ranked by Cronbach's α, which can rule them out by the points of narrow lanes alone.
fn ranks_by_alpha(request: &Request, with_alpha: bool) -> bool {
    // One question has no α.
    with_alpha && request.rank_by == RankBy::Alpha && request.k > 1
}

fn with_integers<C: Cells<Value: Into<i64>>, V: Visit>(
    matrix: &ResponseMatrix,
    integers: &Integers<C>,
    request: &Request,
    with_alpha: bool,
    visit: V,
) -> Result<V::Output> {
    if !sums_fit::<i128>(matrix.users(), integers.magnitude(request.k)) {
        let of_sets = request.k as u128 * u128::from(integers.largest_point);
        let is_by_criterion = !matrix.has(RankBy::RRest) && u128::from(integers.largest_total) > of_sets;
        let what = "sums of squared totals";
        return Err(if is_by_criterion { Error::CriterionOverflow } else { Error::Overflow { what } });
    }
    let (narrow, wide) = (u16::largest(matrix.users()), u32::largest(matrix.users()));
    if let Some(points) = IntegerPoints::exact(integers, request.k, narrow) {
        // One question has no α.
        if with_alpha && request.k > 1 {
            return visit.visit(&GradedAlpha::new(&matrix.answered, &points, request.k));
        }
        return visit.visit(&Graded::<u16>::new(&matrix.answered, &points, with_alpha));
    }
    if ranks_by_alpha(request, with_alpha) {
        let points = IntegerPoints::rounded(integers, request.k, narrow);
        return visit.visit(&GradedAlpha::new(&matrix.answered, &points, request.k));
    }
    let points = IntegerPoints::exact(integers, request.k, wide)
        .unwrap_or_else(|| IntegerPoints::rounded(integers, request.k, wide));
    visit.visit(&Graded::<u32>::new(&matrix.answered, &points, with_alpha))
}

/// Refuses a result that could have more rows than a frame or the memory holds (see [`most_rows`]).
fn check_rows(blueprint: &Blueprint, within: Option<&Range<u128>>) -> Result<()> {
    let space = blueprint.space();
    let row_bytes = row_bytes(space.k, blueprint.request().rank_by);
    let exceeded = |rows: Option<u128>| {
        // The questions of all sets are one column, too, inside that of the lists.
        let rows = rows.filter(|&rows| rows.saturating_mul(space.k as u128) <= COLUMN_VALUES);
        let Some(rows) = rows else { return Some(TooManyRows::Frame) };
        let bytes = usize::try_from(rows).ok().and_then(|rows| rows.checked_mul(row_bytes));
        let fits = |bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok();
        (!bytes.is_some_and(fits)).then_some(TooManyRows::Memory)
    };
    // Users are looked at only where it depends on them.
    if exceeded(most_rows_of_any_users(blueprint, within)).is_none() {
        return Ok(());
    }
    match exceeded(most_rows(blueprint, within)) {
        Some(limit) => {
            let sets = blueprint.most_sets();
            Err(Error::TooManyRows { k: space.chosen(), questions: space.open(), sets, limit })
        }
        None => Ok(()),
    }
}

/// More rows than this cannot be found, whoever answered what: there are at most as many as there are sets, or positions in
/// `within`, or as are asked for. `None` beyond `u128`.
fn most_rows_of_any_users(blueprint: &Blueprint, within: Option<&Range<u128>>) -> Option<u128> {
    let part = within.map(|within| within.end - within.start);
    let bounds = [blueprint.most_sets(), part, blueprint.request().top.map(|top| top as u128)];
    bounds.into_iter().flatten().min()
}

/// More rows than this cannot be found; `None` beyond `u128`.
///
/// Every row is a set that at least `min_users` users answered, and a user who answered a questions answered C(a, k) sets, so
/// Σ C(a, k) / min_users bounds them, beside [what does so anyway](most_rows_of_any_users): that is what lets sparse data
/// through. Fixed questions, which everybody answered, count neither here nor there.
fn most_rows(blueprint: &Blueprint, within: Option<&Range<u128>>) -> Option<u128> {
    let (matrix, space, request) = (blueprint.matrix(), blueprint.space(), blueprint.request());
    // Users by how many questions they answered, as there are far fewer such numbers than users.
    let mut users_by_count = vec![0u128; matrix.questions() + 1];
    (0..matrix.users()).for_each(|user| users_by_count[matrix.answered.ones(user)] += 1);
    let supported = (space.fixed..)
        .zip(&users_by_count[space.fixed..])
        .filter(|&(_, &users)| users > 0)
        .try_fold(0u128, |sum, (count, &users)| {
            sum.checked_add(binomial(count - space.fixed, space.chosen())?.checked_mul(users)?)
        })
        .map(|sum| sum / request.least_users() as u128);
    [most_rows_of_any_users(blueprint, within), supported].into_iter().flatten().min()
}

/// Two correlations, α where it ranks, the count and the ids of sets of k, once as found and once as a frame.
fn row_bytes(k: usize, rank_by: RankBy) -> usize {
    let numbers = 2 + usize::from(rank_by == RankBy::Alpha);
    2 * (numbers * size_of::<f64>() + size_of::<u32>() * (1 + k))
}

#[cfg(test)]
mod tests;
