//! The criterion column → a value for each user.

use polars::prelude::*;

use super::columns::shown;
use super::inputs::Role;
use crate::intern::Interned;
use crate::whole::Whole;

/// Refuses a criterion that is not the same on all rows of a user. `users` are the ids of the column `user`.
pub fn check_constant(criterion: &Series, user: &Series, users: &Interned) -> PolarsResult<()> {
    let first_rows = users.ids().map(|id| users.first_rows[id as usize]).collect();
    let physical = criterion.to_storage().to_physical_repr();
    let expected = physical.take(&IdxCa::from_vec(PlSmallStr::EMPTY, first_rows))?;
    let differs = physical.not_equal_missing(&expected)?;
    let Some(row) = differs.iter().position(|differs| differs == Some(true)) else { return Ok(()) };
    let first = users.ids().nth(row).map_or(row, |id| users.first_rows[id as usize] as usize);
    polars_bail!(
        ComputeError: "{} must be the same on all rows of a user, but user {} has {} and {}",
        Role::Criterion.of(criterion.name()),
        shown(user.get(row)?), shown(criterion.get(first)?), shown(criterion.get(row)?),
    )
}

/// What sets are correlated with, by the value of each user, none of them null.
pub fn of_users(values: &Series) -> PolarsResult<Whole> {
    let physical = values.to_storage().to_physical_repr();
    if physical.dtype().is_float() {
        let floats = physical.cast(&DataType::Float64)?;
        return Ok(Whole::FloatCriterion(floats.f64()?.into_no_null_iter().collect()));
    }
    // A Decimal in its physical form, or what is narrower.
    let integers = physical.strict_cast(&DataType::Int128).map_err(|_| {
        let column = Role::Criterion.of(values.name());
        polars_err!(ComputeError: "{column} holds values beyond 2^127, which exact sums cannot take")
    })?;
    Ok(Whole::IntegerCriterion(integers.i128()?.into_no_null_iter().collect()))
}
