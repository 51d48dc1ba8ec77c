//! What users say of the sets, in their values → constraints on question ids.

use polars::prelude::*;

use super::columns::{intern, list, shown};
use super::inputs::{Inputs, Role};
use crate::search::Constraints;

impl Inputs<&Series> {
    /// The constraints that these inputs are, on `questions`, one per id.
    pub fn constraints(&self, questions: &Series) -> PolarsResult<Constraints> {
        // Without responses there is nothing to be known or unknown.
        if questions.is_empty() {
            return Ok(Constraints::default());
        }
        let ids = |role| self.literal(role).map_or(Ok(Vec::new()), |values| ids_of(role, values, questions));
        let (include, exclude) = (ids(Role::Include)?, ids(Role::Exclude)?);
        // Values that differ to Python can be the same question.
        if let Some(&both) = include.iter().find(|question| exclude.contains(question)) {
            let question = shown(questions.get(both as usize)?);
            polars_bail!(ComputeError: "`include` and `exclude` both hold question {question}");
        }
        Ok(Constraints { include, exclude })
    }
}

/// The questions that `values` are, a list in the only row.
fn ids_of(role: Role, values: &Series, questions: &Series) -> PolarsResult<Vec<u32>> {
    let Some(values) = values.list()?.get_as_series(0) else { return Ok(Vec::new()) };
    let shown = |row: usize| values.get(row).map(shown);
    let known = questions.to_storage();
    let cast = match cast_exactly(&values, known.dtype())? {
        Ok(cast) => cast,
        Err(row) => polars_bail!(
            ComputeError: "`{role}` holds {}, which cannot be cast to {}, the dtype of {}",
            shown(row)?, questions.dtype(), Role::Question.of(questions.name()),
        ),
    };
    let mut all = known.to_physical_repr().into_owned();
    all.append(&cast.to_physical_repr())?;
    let ids: Vec<u32> = intern(&all)?.ids().skip(questions.len()).collect();

    let unknown = (0..ids.len()).filter(|&row| ids[row] as usize >= questions.len());
    let unknown: Vec<String> = unknown.map(shown).collect::<PolarsResult<_>>()?;
    polars_ensure!(
        unknown.is_empty(),
        ComputeError: "`{role}` holds {}, but {} has no such value in any response",
        list(unknown.into_iter()), Role::Question.of(questions.name()),
    );
    for (row, id) in ids.iter().enumerate() {
        polars_ensure!(
            !ids[..row].contains(id),
            ComputeError: "`{role}` holds question {} more than once", shown(row)?,
        );
    }
    Ok(ids)
}

/// `values` as `dtype`, or the row of the first that it cannot hold as it is.
fn cast_exactly(values: &Series, dtype: &DataType) -> PolarsResult<std::result::Result<Series, usize>> {
    if values.dtype() == dtype {
        return Ok(Ok(values.clone()));
    }
    // A cast that fails makes a null, or an error where the dtypes have nothing to do with each other.
    let Ok(cast) = values.cast(dtype) else { return Ok(Err(0)) };
    let Ok(back) = cast.cast(values.dtype()) else { return Ok(Err(0)) };
    let changed = cast.is_null() | back.not_equal_missing(values)?;
    Ok(changed.iter().position(|changed| changed == Some(true)).map_or(Ok(cast), Err))
}
