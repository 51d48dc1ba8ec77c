//! What users say of the sets, and predicates on them, in values → constraints on question ids.

use polars::prelude::*;
use pyo3::prelude::*;
use pyo3_polars::PySeries;
use serde::Deserialize;

use super::columns::{CodedMatrix, list as listed, shown};
use super::ids::Ids;
use super::inputs::{Inputs, Role};
use crate::search::{Constraints, Costs, Domains};

/// Numbers that go with domains and costs, checked on the Python side.
#[derive(Clone, Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub struct Bounds {
    max_per_domain: Option<u64>,
    min_per_domain: Option<u64>,
    max_cost: Option<f64>,
}

/// Questions that a predicate wants in every set, and questions it wants in none.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Membership {
    contained: Option<PySeries>,
    missing: Option<PySeries>,
}

impl Membership {
    /// The `constraints` on sets of `k` of the `questions`, and these. What no set fulfils is no error, as it is none to
    /// filter for it.
    pub fn narrow(
        &self,
        constraints: &Constraints,
        questions: &Series,
        k: usize,
    ) -> PolarsResult<Constraints> {
        let ids = |values: &Option<PySeries>| match values {
            Some(values) => known_ids(&values.0, questions),
            None => Ok(Vec::new()),
        };
        let (contained, missing) = (ids(&self.contained)?, ids(&self.missing)?);
        let Constraints { mut include, mut exclude, domains, costs } = constraints.clone();
        // A domain whose questions are all excluded is none that sets need questions from; one whose questions are all
        // filtered out still is.
        let needed = |exclude: &[u32]| -> PlHashSet<u32> {
            let of = domains.as_ref().filter(|domains| domains.least > 0).map(|domains| &domains.of);
            let is_left = |(question, _): &(u32, _)| !exclude.contains(question);
            (0..).zip(of.into_iter().flatten()).filter(is_left).filter_map(|(_, domain)| *domain).collect()
        };
        let before = needed(&exclude);
        add_new(&mut include, &contained);
        add_new(&mut exclude, &missing);
        let is_impossible = contained.contains(&None)
            || needed(&exclude) != before
            || include.len() > k
            || include.iter().any(|question| exclude.contains(question));
        if is_impossible {
            (include, exclude) = (Vec::new(), (0..questions.len() as u32).collect());
        }
        Ok(Constraints { include, exclude, domains, costs })
    }
}

/// Adds what of `found` is known and not among the `ids` yet.
fn add_new(ids: &mut Vec<u32>, found: &[Option<u32>]) {
    for id in found.iter().flatten() {
        if !ids.contains(id) {
            ids.push(*id);
        }
    }
}

impl Inputs<&Series> {
    /// The constraints that these inputs are, on the questions of `coded`.
    pub fn constraints(&self, coded: &CodedMatrix, bounds: &Bounds) -> PolarsResult<Constraints> {
        let questions = &coded.questions;
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
        let number = |bound: u64| usize::try_from(bound).unwrap_or(usize::MAX);
        let domains = coded.domains.clone().map(|of| Domains {
            of,
            least: bounds.min_per_domain.map_or(0, number),
            most: bounds.max_per_domain.map_or(usize::MAX, number),
        });
        let costs = coded.costs.clone().zip(bounds.max_cost).map(|(of, most)| Costs { of, most });
        Ok(Constraints { include, exclude, domains, costs })
    }
}

/// The number of each domain; `None` where it is null.
pub fn domains(values: &Series) -> PolarsResult<Vec<Option<u32>>> {
    let exists = values.is_not_null();
    let mut ids = Ids::of(&values.filter(&exists)?)?.all().into_iter();
    Ok(exists.iter().map(|exists| if exists == Some(true) { ids.next() } else { None }).collect())
}

/// The cost of each question.
pub fn costs(values: &Series, questions: &Series) -> PolarsResult<Vec<f64>> {
    let floats = values.to_storage().cast(&DataType::Float64)?;
    let refuse = |(row, cost): (usize, Option<f64>)| -> PolarsResult<f64> {
        match cost {
            Some(cost) if cost.is_finite() && cost >= 0.0 => Ok(cost),
            _ => polars_bail!(
                ComputeError: "{} must be a number of at least 0 for each question, but question {} has {}",
                Role::Cost.of(values.name()), shown(questions.get(row)?), shown(values.get(row)?),
            ),
        }
    };
    floats.f64()?.iter().enumerate().map(refuse).collect()
}

/// The questions that `list` has, the same in each row.
fn ids_of(role: Role, list: &Series, questions: &Series) -> PolarsResult<Vec<u32>> {
    let values = list.slice(0, 1).explode(ExplodeOptions { empty_as_null: false, keep_nulls: false })?;
    let shown = |row: usize| values.get(row).map(shown);
    let ids = match ids_by_cast(&values, questions)? {
        Ok(ids) => ids,
        Err(row) => polars_bail!(
            ComputeError: "`{role}` holds {}, which cannot be cast to {}, the dtype of {}",
            shown(row)?, questions.dtype(), Role::Question.of(questions.name()),
        ),
    };

    let unknown = (0..ids.len()).filter(|&row| ids[row] as usize >= questions.len());
    let unknown: Vec<String> = unknown.map(shown).collect::<PolarsResult<_>>()?;
    polars_ensure!(
        unknown.is_empty(),
        ComputeError: "`{role}` holds {}, but {} has no such value in any response",
        listed(unknown.into_iter()), Role::Question.of(questions.name()),
    );
    for (row, id) in ids.iter().enumerate() {
        polars_ensure!(
            !ids[..row].contains(id),
            ComputeError: "`{role}` holds question {} more than once", shown(row)?,
        );
    }
    Ok(ids)
}

/// The id of each of `values` among the `questions`; `None` for what is none of them.
fn known_ids(values: &Series, questions: &Series) -> PolarsResult<Vec<Option<u32>>> {
    let id = |row: usize| {
        // One by one, as a value that cannot be cast is just unknown.
        let ids = ids_by_cast(&values.slice(row as i64, 1), questions)?.unwrap_or_default();
        Ok(ids.first().copied().filter(|&id| (id as usize) < questions.len()))
    };
    (0..values.len()).map(id).collect()
}

/// The ids of `values` if they went on from those of the `questions`: what is none of these comes after them. Or the
/// row of the first value that their dtype cannot hold.
fn ids_by_cast(values: &Series, questions: &Series) -> PolarsResult<std::result::Result<Vec<u32>, usize>> {
    let known = questions.to_storage();
    let cast = match cast_exactly(values, known.dtype())? {
        Ok(cast) => cast,
        Err(row) => return Ok(Err(row)),
    };
    Ids::going_on(&known.to_physical_repr(), &cast.to_physical_repr()).map(Ok)
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
