//! The only code that knows Polars and Python: columns in, the core's search, a struct column or a stream of frames out.

mod columns;
mod constraints;
mod criterion;
mod evaluation;
mod expression;
mod ids;
mod inputs;
mod interrupt;
mod output;
mod plan;
mod progress;
mod python;
mod regular;
mod scan;
mod validation;

use pyo3::prelude::*;
use pyo3_polars::PolarsAllocator;

#[global_allocator]
static ALLOCATOR: PolarsAllocator = PolarsAllocator::new();

/// Polars finds the expressions by their symbols; Python gets the rest.
#[pymodule]
fn _internal(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<scan::Scan>()?;
    module.add_function(wrap_pyfunction!(plan::plan, module)?)?;
    module.add_function(wrap_pyfunction!(evaluation::evaluate_sets, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
