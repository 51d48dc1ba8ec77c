//! Sets chosen on some users and evaluated on others: the expression of `validate_corrsets`.

use std::borrow::Cow;

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use super::columns::Columns;
use super::expression::{CorrsetKwargs, on_pool, saturate};
use super::ids::float_key;
use super::inputs::Inputs;
use super::interrupt::{unless_raised, watched};
use super::output::{ValidatedFold, validation_field, validation_series};
use crate::error::Result;
use crate::evaluation::{evaluate, is_parallel};
use crate::folds::deal;
use crate::matrix::ResponseMatrix;
use crate::parallel;
use crate::search::{Blueprint, Constraints, Control};

/// The keyword arguments of the expression, checked on the Python side.
#[derive(Deserialize)]
struct ValidateKwargs {
    folds: u64,
    seed: u64,
    search: CorrsetKwargs,
}

fn validation_output(fields: &[Field], kwargs: ValidateKwargs) -> PolarsResult<Field> {
    let inputs = Inputs::try_new(fields, &kwargs.search.inputs, Field::name)?;
    inputs.each().try_for_each(|(role, field)| role.check(field))?;
    validation_field(&kwargs.search.request(), inputs.question.dtype())
}

#[polars_expr(output_type_func_with_kwargs=validation_output)]
fn validate_corrsets(inputs: &[Series], kwargs: ValidateKwargs) -> PolarsResult<Series> {
    let search = &kwargs.search;
    let inputs = Inputs::try_new(inputs, &search.inputs, |series| series.name())?;
    let columns = Columns::new(&inputs)?;
    let matrix = || columns.matrix(search.duplicates, search.total);
    let coded = on_pool(parallel::is_worth_it(columns.len()), matrix)?;
    let constraints = inputs.constraints(&coded, &search.bounds)?;
    let users = coded.matrix.users();
    polars_ensure!(
        users == 0 || kwargs.folds <= users as u64,
        ComputeError: "`folds` must be at most the number of users with a response, so that each fold has one: got {} \
        folds for {users} users", kwargs.folds,
    );
    let folds = saturate(kwargs.folds, u32::MAX);
    let fold_of_users = folds_of(&columns.users(&coded)?, folds, kwargs.seed)?;
    let (_watch, control) = watched();
    let validated = (0..if users == 0 { 0 } else { folds })
        .map(|fold| validate_fold(search, &constraints, &coded.matrix, &fold_of_users, fold, &control))
        .collect::<Result<Vec<_>>>();
    let validated = unless_raised(validated).map_err(|error| columns.explain(error))?;
    validation_series(validated, &search.request(), &coded.questions)
}

/// The best sets on the users outside `fold`, evaluated on those inside.
fn validate_fold(
    search: &CorrsetKwargs,
    constraints: &Constraints,
    matrix: &ResponseMatrix,
    fold_of_users: &[u32],
    fold: u32,
    control: &Control,
) -> Result<ValidatedFold> {
    let (test, training): (Vec<u32>, Vec<u32>) =
        (0..matrix.users() as u32).partition(|&user| fold_of_users[user as usize] == fold);
    let request = search.request();
    let training = Blueprint::new(Cow::Owned(matrix.of_users(&training)?), request, constraints)?;
    // A bar for each fold.
    let sets = search.search(&training, &control.anew())?;
    let test = matrix.of_users(&test)?;
    let chosen: Vec<&[u32]> = sets.questions.chunks_exact(request.k).collect();
    let test = on_pool(is_parallel(&test, chosen.len()), || evaluate(&test, &chosen, control))?;
    Ok(ValidatedFold { sets, test })
}

/// The fold of each of the distinct `users`, who stay in it whatever their order and however wide their integers are.
fn folds_of(users: &Series, folds: u32, seed: u64) -> PolarsResult<Vec<u32>> {
    let storage = users.to_storage();
    let bytes = |column: &BinaryChunked| {
        let users: Vec<&[u8]> = column.iter().flatten().collect();
        deal(&users, folds, seed)
    };
    Ok(match storage.dtype() {
        // By name: the number of a category depends on what came before it.
        DataType::String | DataType::Enum(..) | DataType::Categorical(..) => {
            bytes(&storage.cast(&DataType::String)?.str()?.as_binary())
        }
        DataType::Binary | DataType::BinaryOffset => bytes(storage.cast(&DataType::Binary)?.binary()?),
        dtype if dtype.is_float() => {
            let floats = storage.cast(&DataType::Float64)?;
            let users: Vec<[u8; 8]> =
                floats.f64()?.into_no_null_iter().map(|value| float_key(value).to_le_bytes()).collect();
            deal(&users, folds, seed)
        }
        DataType::UInt128 => {
            let users: Vec<[u8; 16]> = storage.u128()?.into_no_null_iter().map(u128::to_le_bytes).collect();
            deal(&users, folds, seed)
        }
        _ => {
            let integers = storage.to_physical_repr().cast(&DataType::Int128)?;
            let users: Vec<[u8; 16]> = integers.i128()?.into_no_null_iter().map(i128::to_le_bytes).collect();
            deal(&users, folds, seed)
        }
    })
}
