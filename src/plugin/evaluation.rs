//! Given sets: what `evaluate_corrsets` computes.

use polars::prelude::*;
use pyo3::prelude::*;
use pyo3_polars::{PyDataFrame, PySeries};

use super::columns::{Columns, shown};
use super::expression::on_pool;
use super::ids::Ids;
use super::inputs::{Inputs, Role};
use super::interrupt::{raised, watched};
use super::output::statistics_frame;
use super::python::{by_role, named, python_error};
use crate::error::Error;
use crate::evaluation::{evaluate, is_parallel};
use crate::parallel;
use crate::responses::Duplicates;
use crate::whole::Total;

/// What Python's `evaluate_corrsets` asks for, checked there.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Options {
    duplicates: String,
    total: String,
    /// Standard deviations of the normal distribution on either side of the confidence interval, if there is to be one.
    deviations: Option<f64>,
}

/// The statistics of `sets`, a column of lists of questions, one row per set.
#[pyfunction]
pub fn evaluate_sets(
    py: Python<'_>,
    inputs: Vec<(String, PySeries)>,
    sets: PySeries,
    options: Options,
) -> PyResult<PyDataFrame> {
    let (duplicates, total) = (named::<Duplicates>(&options.duplicates)?, named::<Total>(&options.total)?);
    let inputs = by_role(&inputs)?;
    let (_watch, control) = watched();
    let found = py.detach(|| {
        let columns = Columns::new(&Inputs::by_role(inputs)?)?;
        let coded = on_pool(parallel::is_worth_it(columns.len()), || columns.matrix(duplicates, total))?;
        let sets = QuestionSets::new(&sets.0, &coded.questions)?;
        let sets = sets.iter().collect::<Vec<&[u32]>>();
        let worth_it = is_parallel(&coded.matrix, sets.len());
        match on_pool(worth_it, || evaluate(&coded.matrix, &sets, &control)) {
            Ok(statistics) => statistics_frame(&statistics, options.deviations).map(Some),
            Err(Error::Interrupted) => Ok(None),
            Err(error) => Err(columns.explain(error)),
        }
    });
    match found.map_err(python_error)? {
        Some(frame) => Ok(PyDataFrame(frame)),
        None => Err(raised(py)),
    }
}

/// Sets as ids of the questions of the data.
struct QuestionSets {
    ids: Vec<u32>,
    /// Where each set begins in `ids`, and where the last ends.
    bounds: Vec<usize>,
}

impl QuestionSets {
    /// Refuses what is no set of `questions`, the values of the questions of the data by id.
    fn new(sets: &Series, questions: &Series) -> PolarsResult<Self> {
        let lists = match sets.dtype() {
            DataType::List(_) => sets.clone(),
            DataType::Array(inner, _) => sets.cast(&DataType::List(inner.clone()))?,
            dtype => {
                polars_bail!(ComputeError: "`sets` must have lists of questions, not values of dtype {dtype}")
            }
        };
        if lists.null_count() > 0 {
            let row = lists.is_null().first_true_idx().unwrap_or(0);
            polars_bail!(ComputeError: "{} is null: drop such rows, or say which questions are meant", row_of_sets(row));
        }
        let lists = lists.list()?.rechunk();
        let mut bounds: Vec<usize> = lists
            .downcast_iter()
            .flat_map(|list| list.offsets().iter().map(|&offset| offset as usize))
            .collect();
        let (start, end) = (bounds.first().copied().unwrap_or(0), bounds.last().copied().unwrap_or(0));
        bounds.iter_mut().for_each(|bound| *bound -= start);
        let members = lists.get_inner().slice(start as i64, end - start);

        let sets = Self { ids: Vec::new(), bounds };
        if members.null_count() > 0 {
            let row = sets.row(members.is_null().first_true_idx().unwrap_or(0));
            polars_bail!(ComputeError: "{} has a null among its questions", row_of_sets(row));
        }
        let sets = Self { ids: ids_by_kind(&members, questions)?, ..sets };
        sets.check(&members, questions)?;
        Ok(sets)
    }

    fn check(&self, members: &Series, questions: &Series) -> PolarsResult<()> {
        if let Some(unknown) = self.ids.iter().position(|&id| id as usize >= questions.len()) {
            polars_bail!(
                ComputeError: "{} has the question {}, which nobody in the data has answered ({})",
                row_of_sets(self.row(unknown)), shown(members.get(unknown)?), Role::Question.of(questions.name()),
            );
        }
        let mut last_row_with = vec![usize::MAX; questions.len()];
        for (row, set) in self.iter().enumerate() {
            polars_ensure!(
                !set.is_empty(),
                ComputeError: "{} is an empty list, but a set has at least one question", row_of_sets(row),
            );
            for &id in set {
                if std::mem::replace(&mut last_row_with[id as usize], row) == row {
                    let question = shown(questions.get(id as usize)?);
                    polars_bail!(ComputeError: "{} has the question {question} twice", row_of_sets(row));
                }
            }
        }
        Ok(())
    }

    /// The row of the set that has the member at this position.
    fn row(&self, position: usize) -> usize {
        self.bounds.partition_point(|&bound| bound <= position) - 1
    }

    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        self.bounds.windows(2).map(|bounds| &self.ids[bounds[0]..bounds[1]])
    }
}

/// What identifies a set in messages.
fn row_of_sets(row: usize) -> String {
    format!("the set in row {row} of `sets` (the first is row 0)")
}

/// The ids of `values` where `known` are the values of ids 0, 1, …; what is not among them gets a higher id.
///
/// Values are the same if they are of one dtype, or if both are text (String, Enum, Categorical) or integers.
fn ids_by_kind(values: &Series, known: &Series) -> PolarsResult<Vec<u32>> {
    let is_text = |series: &Series| {
        matches!(series.dtype(), DataType::String | DataType::Enum(..) | DataType::Categorical(..))
    };
    let is_integer = |series: &Series| series.dtype().is_integer();
    let both = |is: fn(&Series) -> bool| is(values) && is(known);
    let dtype = match (values.dtype(), known.dtype()) {
        (of, to) if of == to || of.is_null() => to.clone(),
        _ if both(is_text) => DataType::String,
        _ if both(is_integer) => DataType::Int128,
        (of, to) => polars_bail!(
            ComputeError: "`sets` has questions of dtype {of}, but those of the data ({}) are of dtype {to}: cast either",
            Role::Question.of(known.name()),
        ),
    };
    Ids::going_on(&known.strict_cast(&dtype)?, &values.strict_cast(&dtype)?)
}
