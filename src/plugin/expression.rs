//! The expressions as Polars calls them.

use std::borrow::Cow;

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use serde::Deserialize;

use super::columns::Columns;
use super::constraints::Bounds;
use super::inputs::{Described, Inputs, named};
use super::interrupt::{unless_raised, watched};
use super::output::{output_field, output_series};
use super::progress::{Progress, shown};
use crate::error::Result;
use crate::isa::InstructionSet;
use crate::moments::RankBy;
use crate::parallel;
use crate::ranking::SetTable;
use crate::responses::Duplicates;
use crate::search::{self, Blueprint, Control, Request, Run, SearchStrategy, Shard, is_parallel};
use crate::whole::Total;

/// The keyword arguments of `corrset`, checked on the Python side.
#[derive(Deserialize)]
pub struct CorrsetKwargs {
    k: u64,
    top: Option<u64>,
    min_users: u64,
    rank_by: RankBy,
    pub duplicates: Duplicates,
    pub total: Total,
    shard: Shard,
    progress: Progress,
    pub inputs: Vec<Described>,
    pub bounds: Bounds,
}

/// Numbers beyond what a machine can count mean the same as the largest it can.
pub fn saturate<T: TryFrom<u64>>(value: u64, largest: T) -> T {
    T::try_from(value).unwrap_or(largest)
}

impl CorrsetKwargs {
    pub fn request(&self) -> Request {
        Request {
            k: saturate(self.k, usize::MAX),
            top: self.top.map(|top| saturate(top, usize::MAX)),
            min_users: saturate(self.min_users, u32::MAX),
            rank_by: self.rank_by,
        }
    }
}

impl CorrsetKwargs {
    /// The sets that are asked for, beside a bar if one is.
    pub fn search(&self, blueprint: &Blueprint, control: &Control) -> Result<SetTable> {
        let (isa, strategy) = (InstructionSet::from_environment()?, SearchStrategy::from_environment()?);
        let within = self.shard.within(blueprint.space())?;
        // A part of the sets is split among threads wherever it begins and ends.
        let worth_it = within.is_some() || is_parallel(blueprint);
        let sets = match &within {
            Some(within) => Some(within.end - within.start),
            None => blueprint.space().sets(),
        };
        let run = Run { strategy, control, within };
        shown(self.progress, sets, control, || on_pool(worth_it, || search::run(isa, blueprint, &run)))
    }
}

fn corrset_output(fields: &[Field], kwargs: CorrsetKwargs) -> PolarsResult<Field> {
    let inputs = Inputs::try_new(fields, &kwargs.inputs, Field::name)?;
    inputs.each().try_for_each(|(role, field)| role.check(field))?;
    Ok(output_field(inputs.question.dtype(), kwargs.rank_by))
}

#[polars_expr(output_type_func_with_kwargs=corrset_output)]
fn corrset(inputs: &[Series], kwargs: CorrsetKwargs) -> PolarsResult<Series> {
    let named = named(inputs, &kwargs.inputs);
    let inputs = Inputs::try_new(&named, &kwargs.inputs, |series| series.name())?;
    let columns = Columns::new(&inputs)?;
    let request = kwargs.request();
    let matrix = || columns.matrix(kwargs.duplicates, kwargs.total);
    let coded = on_pool(parallel::is_worth_it(columns.len()), matrix)?;
    let (_watch, control) = watched();
    let constraints = inputs.constraints(&coded, &kwargs.bounds)?;
    let search = || {
        let blueprint = Blueprint::new(Cow::Borrowed(&coded.matrix), request, &constraints)?;
        kwargs.search(&blueprint, &control)
    };
    let sets = unless_raised(search()).map_err(|error| columns.explain(error))?;
    output_series(sets, &request, &coded.questions)
}

/// Runs `work` on the pool that obeys `POLARS_MAX_THREADS`, or here: a small group of `group_by` costs the
/// pool nothing.
pub fn on_pool<T: Send>(worth_it: bool, work: impl FnOnce() -> T + Send) -> T {
    if worth_it { RAYON.install(work) } else { work() }
}
