//! Ranked sets → struct column. One list of fields feeds the declared dtype and the result.

use arrow::bitmap::Bitmap;
use polars::prelude::*;

use crate::evaluation::SetStatistics;
use crate::moments::{RankBy, fisher_interval};
use crate::ranking::{CorrelationColumn, SetTable, TableColumns};
use crate::search::Request;

/// Name of the struct column.
const NAME: PlSmallStr = PlSmallStr::from_static("corrset");

/// One field of the result.
struct OutputField {
    name: PlSmallStr,
    /// Its dtype, given that of the question column.
    dtype: fn(&DataType) -> DataType,
    /// Its values, taken from the sets, given the question of each id.
    values: fn(&mut SetTable, &Request, &Series) -> PolarsResult<Series>,
    /// Adds what its values are taken from.
    need: fn(&mut TableColumns),
}

static FIELDS: [OutputField; 5] = [
    OutputField {
        name: PlSmallStr::from_static("questions"),
        dtype: |question| DataType::List(Box::new(question.clone())),
        values: |sets, request, questions| {
            question_lists(std::mem::take(&mut sets.questions), request.k, questions)
        },
        need: |columns| columns.questions = true,
    },
    OutputField {
        name: PlSmallStr::from_static("r"),
        dtype: |_| DataType::Float64,
        values: |sets, _, _| Ok(correlations(std::mem::take(&mut sets.r))),
        need: |columns| columns.r = true,
    },
    OutputField {
        name: PlSmallStr::from_static("r_rest"),
        dtype: |_| DataType::Float64,
        values: |sets, _, _| Ok(correlations(std::mem::take(&mut sets.r_rest))),
        need: |columns| columns.r_rest = true,
    },
    OutputField {
        name: PlSmallStr::from_static("n_users"),
        dtype: |_| DataType::UInt32,
        values: |sets, _, _| {
            let n_users = std::mem::take(&mut sets.n_users);
            Ok(UInt32Chunked::from_vec(PlSmallStr::EMPTY, n_users).into_series())
        },
        need: |_| {},
    },
    OutputField {
        name: ALPHA,
        dtype: |_| DataType::Float64,
        values: |sets, _, _| Ok(correlations(std::mem::take(&mut sets.alpha))),
        need: |columns| columns.alpha = true,
    },
];

/// The field that is only there where sets are ranked by it.
const ALPHA: PlSmallStr = PlSmallStr::from_static("alpha");

/// The fields of the struct column.
fn struct_fields(rank_by: RankBy) -> impl Iterator<Item = &'static OutputField> {
    FIELDS.iter().filter(move |field| field.name != ALPHA || rank_by == RankBy::Alpha)
}

/// The struct column's name and dtype.
pub fn output_field(question: &DataType, rank_by: RankBy) -> Field {
    let fields = struct_fields(rank_by).map(|field| Field::new(field.name.clone(), (field.dtype)(question)));
    Field::new(NAME, DataType::Struct(fields.collect()))
}

/// The struct column, one row per set.
pub fn output_series(mut sets: SetTable, request: &Request, questions: &Series) -> PolarsResult<Series> {
    let rows = sets.len();
    let columns: Vec<Series> = struct_fields(request.rank_by)
        .map(|field| field.series(&mut sets, request, questions))
        .collect::<PolarsResult<_>>()?;
    Ok(StructChunked::from_series(NAME, rows, columns.iter())?.into_series())
}

/// What a frame of the fields of these names is made of.
pub fn needed(names: &[String]) -> TableColumns {
    let mut columns = TableColumns::default();
    fields(names).for_each(|field| (field.need)(&mut columns));
    columns
}

/// Fields of [`needed`] names as columns, one row per set.
pub fn output_frame(
    mut sets: SetTable,
    request: &Request,
    questions: &Series,
    names: &[String],
) -> PolarsResult<DataFrame> {
    let rows = sets.len();
    let columns = fields(names).map(|field| Ok(field.series(&mut sets, request, questions)?.into_column()));
    DataFrame::new(rows, columns.collect::<PolarsResult<_>>()?)
}

fn fields(names: &[String]) -> impl Iterator<Item = &'static OutputField> + '_ {
    names.iter().filter_map(|name| FIELDS.iter().find(|field| field.name == name.as_str()))
}

impl OutputField {
    fn series(&self, sets: &mut SetTable, request: &Request, questions: &Series) -> PolarsResult<Series> {
        Ok((self.values)(sets, request, questions)?.with_name(self.name.clone()))
    }
}

fn correlations(column: CorrelationColumn) -> Series {
    let values = column.into_values();
    let missing = values.iter().filter(|value| value.is_nan()).count();
    let exist = (missing > 0).then(|| values.iter().map(|value| !value.is_nan()).collect::<Bitmap>());
    Float64Chunked::from_vec_validity(PlSmallStr::EMPTY, values, exist).into_series()
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
        values: |sets| floats(sets.iter().map(|set| set.correlations.alpha)),
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
    for field in struct_fields(request.rank_by) {
        columns.push(field.series(&mut sets, request, questions)?);
    }
    let is_reported =
        |field: &&StatisticsField| struct_fields(request.rank_by).any(|other| other.name == field.name);
    for field in STATISTICS.iter().filter(is_reported) {
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
fn question_lists(ids: Vec<u32>, k: usize, questions: &Series) -> PolarsResult<Series> {
    let dtype = DataType::List(Box::new(questions.dtype().clone()));
    if ids.is_empty() {
        return Ok(Series::new_empty(PlSmallStr::EMPTY, &dtype));
    }
    let members = questions.take(&IdxCa::from_vec(PlSmallStr::EMPTY, ids))?;
    members.reshape_array(&[ReshapeDimension::Infer, ReshapeDimension::new(k as i64)])?.cast(&dtype)
}
