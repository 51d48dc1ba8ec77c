//! What crosses the border to Python and is no column.

use polars::prelude::{PolarsError, Series};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_polars::PySeries;

use super::inputs::Role;

/// Columns by what they are, which Python names.
pub fn by_role(inputs: &[(String, PySeries)]) -> PyResult<Vec<(Role, &Series)>> {
    inputs.iter().map(|(role, column)| Ok((named::<Role>(role)?, &column.0))).collect()
}

/// The value of an option that has a name, as the expression gets it.
pub fn named<'a, T: serde::Deserialize<'a>>(name: &'a str) -> PyResult<T> {
    let value: serde::de::value::StrDeserializer<'a, serde::de::value::Error> =
        serde::de::IntoDeserializer::into_deserializer(name);
    T::deserialize(value).map_err(|error| PyValueError::new_err(error.to_string()))
}

pyo3::import_exception!(polars.exceptions, ComputeError);

pub fn python_error(error: PolarsError) -> PyErr {
    ComputeError::new_err(error.to_string())
}
