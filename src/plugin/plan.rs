//! What a search would cost and could find: what `plan_corrsets` shows.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3_polars::PySeries;
use pyo3_polars::export::polars_core::runtime::RAYON;

use super::columns::Columns;
use super::constraints::Bounds;
use super::expression::saturate;
use super::inputs::Inputs;
use super::interrupt::{raised, watched};
use super::python::{by_role, named, python_error};
use crate::error::Error;
use crate::isa::InstructionSet;
use crate::matrix::ResponseMatrix;
use crate::moments::RankBy;
use crate::responses::Duplicates;
use crate::search::{self, Blueprint, Plan, Request, Sample, SearchStrategy, Space};
use crate::whole::Total;

/// What Python's `plan_corrsets` asks for, checked there.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Options {
    k: u64,
    top: Option<u64>,
    min_users: u64,
    rank_by: String,
    total: String,
    duplicates: String,
    bounds: Bounds,
}

/// [`Plan`] as a dictionary, with the responses and the [`Space`] that it is for.
#[derive(IntoPyObject)]
pub struct Planned {
    users: usize,
    questions: usize,
    /// Cells that are answered: a user's responses to one question are one.
    responses: usize,
    open: usize,
    chosen: usize,
    /// `None` if they cannot be counted.
    sets: Option<u128>,
    /// `None` if they cannot be counted.
    rows: Option<u128>,
    row_bytes: usize,
    matrix_bytes: usize,
    sampled: usize,
    enough: usize,
    n_users: Option<f64>,
    s: Option<f64>,
    strategy: Option<&'static str>,
    instruction_set: &'static str,
    threads: usize,
    seconds: Option<f64>,
    refusal: Option<String>,
}

/// Reads the responses, columns by the name of the parameter, and plans the search.
#[pyfunction]
pub fn plan(py: Python<'_>, inputs: Vec<(String, PySeries)>, options: Options) -> PyResult<Planned> {
    let request = Request {
        k: saturate(options.k, usize::MAX),
        top: options.top.map(|top| saturate(top, usize::MAX)),
        min_users: saturate(options.min_users, u32::MAX),
        rank_by: named::<RankBy>(&options.rank_by)?,
    };
    let total = named::<Total>(&options.total)?;
    let duplicates = named::<Duplicates>(&options.duplicates)?;
    let inputs = by_role(&inputs)?;
    let planned = py.detach(|| {
        let inputs = Inputs::by_role(inputs)?;
        let columns = Columns::new(&inputs)?;
        let coded = RAYON.install(|| columns.matrix(duplicates, total))?;
        let constraints = inputs.constraints(&coded, &options.bounds)?;
        let (_watch, control) = watched();
        let planned = InstructionSet::from_environment().and_then(|isa| {
            let strategy = SearchStrategy::from_environment()?;
            let blueprint = Blueprint::new(Cow::Borrowed(&coded.matrix), request, &constraints)?;
            let plan = RAYON.install(|| search::plan(isa, strategy, &blueprint, control))?;
            Ok((isa, blueprint.space(), plan))
        });
        match planned {
            Err(Error::Interrupted) => Ok(None),
            Err(error) => Err(columns.explain(error)),
            Ok((isa, space, plan)) => {
                let refusal = plan.refusal.clone().map(|error| columns.explain(error).to_string());
                Ok(Some(Planned::of(isa, &coded.matrix, space, plan, refusal)))
            }
        }
    });
    match planned.map_err(python_error)? {
        Some(planned) => Ok(planned),
        None => Err(raised(py)),
    }
}

impl Planned {
    fn of(
        isa: InstructionSet,
        matrix: &ResponseMatrix,
        space: Space,
        plan: Plan,
        refusal: Option<String>,
    ) -> Self {
        let Sample { sets, enough, typical } = plan.sample;
        Self {
            users: matrix.users(),
            questions: matrix.questions(),
            responses: matrix.responses(),
            open: space.open(),
            chosen: space.chosen(),
            sets: plan.sets,
            rows: plan.rows,
            row_bytes: plan.row_bytes,
            matrix_bytes: plan.matrix_bytes,
            sampled: sets,
            enough,
            n_users: typical.map(|typical| typical.n_users),
            s: typical.and_then(|typical| typical.s),
            strategy: plan.strategy.map(SearchStrategy::name),
            instruction_set: isa.name(),
            threads: plan.threads,
            seconds: plan.seconds,
            refusal,
        }
    }
}
