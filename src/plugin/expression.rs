//! The expressions as Polars calls them.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use serde::Deserialize;

use super::columns::{Columns, check_dtypes};
use super::output::{output_field, output_series};
use crate::moments::RankBy;
use crate::parallel;
use crate::responses::Duplicates;
use crate::search::{Request, is_parallel, search};

/// The keyword arguments of `corrset`, checked on the Python side.
#[derive(Deserialize)]
struct CorrsetKwargs {
    k: u64,
    top: Option<u64>,
    min_users: u64,
    rank_by: RankBy,
    duplicates: Duplicates,
}

/// Numbers beyond what a machine can count mean the same as the largest it can.
fn saturate<T: TryFrom<u64>>(value: u64, largest: T) -> T {
    T::try_from(value).unwrap_or(largest)
}

impl CorrsetKwargs {
    fn request(&self) -> Request {
        Request {
            k: saturate(self.k, usize::MAX),
            top: self.top.map(|top| saturate(top, usize::MAX)),
            min_users: saturate(self.min_users, u32::MAX),
            rank_by: self.rank_by,
        }
    }
}

fn corrset_output(fields: &[Field]) -> PolarsResult<Field> {
    let [user, question, score] = three(fields)?;
    check_dtypes(user, question, score)?;
    Ok(output_field(question.dtype()))
}

#[polars_expr(output_type_func=corrset_output)]
fn corrset(inputs: &[Series], kwargs: CorrsetKwargs) -> PolarsResult<Series> {
    let [user, question, score] = three(inputs)?;
    let columns = Columns::new(user, question, score)?;
    let request = kwargs.request();
    let coded = on_pool(parallel::is_worth_it(columns.len()), || columns.matrix(kwargs.duplicates))?;
    let sets = on_pool(is_parallel(&coded.matrix, &request), || search(&coded.matrix, &request))
        .map_err(|error| columns.explain(error))?;
    output_series(&sets, &request, &coded.questions)
}

/// Runs `work` on the pool that obeys `POLARS_MAX_THREADS`, or here: a small group of `group_by` costs the
/// pool nothing.
fn on_pool<T: Send>(worth_it: bool, work: impl FnOnce() -> T + Send) -> T {
    if worth_it { RAYON.install(work) } else { work() }
}

fn three<T>(inputs: &[T]) -> PolarsResult<&[T; 3]> {
    inputs.try_into().map_err(|_| {
        polars_err!(ComputeError: "corrset takes the columns user, question and score, got {} inputs", inputs.len())
    })
}
