//! The criterion column → a value for each user.

use polars::prelude::*;

use super::inputs::Role;
use crate::whole::Whole;

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
