//! Ranked sets → struct column. One list of fields feeds the declared dtype and the result.

use polars::prelude::*;

use crate::ranking::SetTable;
use crate::search::Request;

/// Name of the struct column.
const NAME: PlSmallStr = PlSmallStr::from_static("corrset");

/// One field of the result.
struct OutputField {
    name: PlSmallStr,
    /// Its dtype, given that of the question column.
    dtype: fn(&DataType) -> DataType,
    /// Its values, given the question of each id.
    values: fn(&SetTable, &Request, &Series) -> PolarsResult<Series>,
}

static FIELDS: [OutputField; 4] = [
    OutputField {
        name: PlSmallStr::from_static("questions"),
        dtype: |question| DataType::List(Box::new(question.clone())),
        values: |sets, request, questions| question_lists(&sets.questions, request.k, questions),
    },
    OutputField {
        name: PlSmallStr::from_static("r"),
        dtype: |_| DataType::Float64,
        values: |sets, _, _| Ok(sets.r.iter().copied().collect::<Float64Chunked>().into_series()),
    },
    OutputField {
        name: PlSmallStr::from_static("r_rest"),
        dtype: |_| DataType::Float64,
        values: |sets, _, _| Ok(sets.r_rest.iter().copied().collect::<Float64Chunked>().into_series()),
    },
    OutputField {
        name: PlSmallStr::from_static("n_users"),
        dtype: |_| DataType::UInt32,
        values: |sets, _, _| Ok(UInt32Chunked::from_slice(PlSmallStr::EMPTY, &sets.n_users).into_series()),
    },
];

/// The struct column's name and dtype.
pub fn output_field(question: &DataType) -> Field {
    let fields = FIELDS.iter().map(|field| Field::new(field.name.clone(), (field.dtype)(question))).collect();
    Field::new(NAME, DataType::Struct(fields))
}

/// The struct column, one row per set.
pub fn output_series(sets: &SetTable, request: &Request, questions: &Series) -> PolarsResult<Series> {
    let columns: Vec<Series> =
        FIELDS.iter().map(|field| field.series(sets, request, questions)).collect::<PolarsResult<_>>()?;
    Ok(StructChunked::from_series(NAME, sets.len(), columns.iter())?.into_series())
}

/// Some of the fields as columns, one row per set.
pub fn output_frame(
    sets: &SetTable,
    request: &Request,
    questions: &Series,
    columns: &[String],
) -> PolarsResult<DataFrame> {
    let fields = columns.iter().filter_map(|name| FIELDS.iter().find(|field| field.name == name.as_str()));
    let columns = fields.map(|field| Ok(field.series(sets, request, questions)?.into_column()));
    DataFrame::new(sets.len(), columns.collect::<PolarsResult<_>>()?)
}

impl OutputField {
    fn series(&self, sets: &SetTable, request: &Request, questions: &Series) -> PolarsResult<Series> {
        Ok((self.values)(sets, request, questions)?.with_name(self.name.clone()))
    }
}

/// Lists of `k` questions each.
fn question_lists(ids: &[u32], k: usize, questions: &Series) -> PolarsResult<Series> {
    let dtype = DataType::List(Box::new(questions.dtype().clone()));
    if ids.is_empty() {
        return Ok(Series::new_empty(PlSmallStr::EMPTY, &dtype));
    }
    let members = questions.take(&IdxCa::from_slice(PlSmallStr::EMPTY, ids))?;
    members.reshape_array(&[ReshapeDimension::Infer, ReshapeDimension::new(k as i64)])?.cast(&dtype)
}
