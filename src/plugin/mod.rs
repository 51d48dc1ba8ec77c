//! The only code that knows Polars and Python: columns in, the core's search, a struct column out.

mod columns;
mod expression;
mod interrupt;
mod output;

use pyo3::prelude::*;
use pyo3_polars::PolarsAllocator;

#[global_allocator]
static ALLOCATOR: PolarsAllocator = PolarsAllocator::new();

/// The extension module has no functions: Polars finds the expressions by their symbols.
#[pymodule]
fn _internal(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
