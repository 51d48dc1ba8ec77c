//! Ranked sets → struct column. One list of fields feeds the declared dtype and the result.

use polars::prelude::*;

use crate::evaluation::SetStatistics;
use crate::moments::fisher_interval;
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
        values: |sets, _, _| Ok(floats(sets.r.iter().copied())),
    },
    OutputField {
        name: PlSmallStr::from_static("r_rest"),
        dtype: |_| DataType::Float64,
        values: |sets, _, _| Ok(floats(sets.r_rest.iter().copied())),
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

/// One column of the statistics of given sets.
struct StatisticsField {
    name: PlSmallStr,
    values: fn(&[SetStatistics]) -> Series,
}

static STATISTICS: [StatisticsField; 4] = [
    StatisticsField {
        name: PlSmallStr::from_static("r"),
        values: |sets| floats(sets.iter().map(|set| set.correlations.r)),
    },
    StatisticsField {
        name: PlSmallStr::from_static("r_rest"),
        values: |sets| floats(sets.iter().map(|set| set.correlations.r_rest)),
    },
    StatisticsField {
        name: PlSmallStr::from_static("alpha"),
        values: |sets| floats(sets.iter().map(|set| set.alpha)),
    },
    StatisticsField {
        name: PlSmallStr::from_static("n_users"),
        values: |sets| {
            let n_users = sets.iter().map(|set| set.n_users);
            UInt32Chunked::from_iter_values(PlSmallStr::EMPTY, n_users).into_series()
        },
    },
];

impl StatisticsField {
    fn series(&self, sets: &[SetStatistics]) -> Series {
        (self.values)(sets).with_name(self.name.clone())
    }
}

/// The statistics of given sets as columns, one row per set, with a confidence interval of r of so many standard
/// `deviations` of Fisher's z.
pub fn statistics_frame(sets: &[SetStatistics], deviations: Option<f64>) -> PolarsResult<DataFrame> {
    let mut columns: Vec<Column> = STATISTICS.iter().map(|field| field.series(sets).into_column()).collect();
    if let Some(deviations) = deviations {
        let intervals: Vec<Option<[f64; 2]>> =
            sets.iter().map(|set| fisher_interval(set.correlations.r?, set.n_users, deviations)).collect();
        for (end, name) in ["r_low", "r_high"].into_iter().enumerate() {
            let ends = floats(intervals.iter().map(|interval| Some((*interval)?[end])));
            columns.push(ends.with_name(name.into()).into_column());
        }
    }
    DataFrame::new(sets.len(), columns)
}

/// Name of the struct column of a validation.
const VALIDATION_NAME: PlSmallStr = PlSmallStr::from_static("validation");

/// Ends the names of what is computed on the users of the fold.
const TEST_SUFFIX: &str = "_test";

/// The best sets on the users outside a fold, and the same sets on the users inside.
pub struct ValidatedFold {
    pub sets: SetTable,
    pub test: Vec<SetStatistics>,
}

/// The struct column of a validation, one row per fold and set: what the search reports, and as much of it about the users
/// of the fold.
pub fn validation_series(
    folds: Vec<ValidatedFold>,
    request: &Request,
    questions: &Series,
) -> PolarsResult<Series> {
    let (mut fold, mut rank) = (Vec::new(), Vec::new());
    let (mut sets, mut test) = (SetTable::default(), Vec::new());
    for (number, mut one) in (0..).zip(folds) {
        fold.extend(one.test.iter().map(|_| number));
        rank.extend(1..=one.test.len() as u32);
        sets.append(&mut one.sets);
        test.append(&mut one.test);
    }
    let mut columns = vec![
        UInt32Chunked::from_vec("fold".into(), fold).into_series(),
        UInt32Chunked::from_vec("rank".into(), rank).into_series(),
    ];
    for field in &FIELDS {
        columns.push(field.series(&sets, request, questions)?);
    }
    for field in STATISTICS.iter().filter(|field| FIELDS.iter().any(|other| other.name == field.name)) {
        columns.push(field.series(&test).with_name(format!("{}{TEST_SUFFIX}", field.name).into()));
    }
    Ok(StructChunked::from_series(VALIDATION_NAME, test.len(), columns.iter())?.into_series())
}

/// The struct column's name and dtype.
pub fn validation_field(request: &Request, question: &DataType) -> PolarsResult<Field> {
    let empty = Series::new_empty(PlSmallStr::EMPTY, question);
    Ok(validation_series(Vec::new(), request, &empty)?.field().into_owned())
}

fn floats(values: impl Iterator<Item = Option<f64>>) -> Series {
    values.collect::<Float64Chunked>().into_series()
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
