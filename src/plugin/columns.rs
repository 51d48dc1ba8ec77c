//! Columns → response matrix. Every error that the data can cause is worded here.

use std::borrow::Cow;
use std::ops::Range;

use polars::prelude::*;

use super::ids::{FirstRows, Ids, ReadIds, ResponseIds, chunks};
use super::inputs::{Inputs, Role};
use super::{constraints, criterion};
use crate::chunks::Chunks;
use crate::error::Error;
use crate::matrix::ResponseMatrix;
use crate::parallel;
use crate::regular::Regular;
use crate::responses::{Duplicates, Score, Source};
use crate::whole::{Total, Whole};

/// The input columns: as long as each other, those of the responses without nulls.
pub struct Columns(Inputs<Series>);

/// A response matrix and the values of its questions, one per id; and the row in which each user appears first.
pub struct CodedMatrix {
    pub matrix: ResponseMatrix,
    pub questions: Series,
    /// The domain and the cost of each question, where they are given.
    pub domains: Option<Vec<Option<u32>>>,
    pub costs: Option<Vec<f64>>,
    user_rows: FirstRows,
}

impl Columns {
    /// Repeats inputs of length 1 and drops the rows with a null in `user`, `question` or `score`.
    pub fn new(inputs: &Inputs<&Series>) -> PolarsResult<Self> {
        inputs.each().try_for_each(|(role, column)| role.check(&column.field()))?;
        let lengths = || inputs.each().map(|(_, column)| column.len());
        let rows = lengths().find(|&rows| rows != 1).unwrap_or(1);
        polars_ensure!(
            lengths().all(|length| length == rows || length == 1),
            ComputeError: "all columns must be equally long, or of length 1: {}",
            list(inputs.each().map(|(role, column)| format!("`{role}` has {} rows", column.len()))),
        );
        let repeated = |column: &&Series| match column.len() {
            1 if rows != 1 => Ok(column.new_from_index(0, rows)),
            _ => Ok((*column).clone()),
        };
        let columns = inputs.try_map(repeated)?;

        let responses = [&columns.user, &columns.question, &columns.score];
        if responses.iter().all(|column| column.null_count() == 0) {
            return Ok(Self(columns));
        }
        let [user, question, score] = responses.map(|column| column.is_not_null());
        let answered = user & question & score;
        columns.try_map(|column| column.filter(&answered)).map(Self)
    }

    /// Their names and dtypes: enough to word errors.
    pub fn without_rows(&self) -> PolarsResult<Self> {
        self.0.try_map(|column| Ok(column.clear())).map(Self)
    }

    pub fn len(&self) -> usize {
        self.0.score.len()
    }

    /// The matrix of these responses, of users that have a criterion where there is one. Else `total` says with what sets
    /// are correlated.
    pub fn matrix(&self, duplicates: Duplicates, total: Total) -> PolarsResult<CodedMatrix> {
        let ResponseIds { users, questions, regular } = ResponseIds::of(&self.0.user, &self.0.question)?;
        let question_values = questions.first_rows.of(&self.0.question)?;

        let whole = match self.0.optional(Role::Criterion) {
            None => total.into(),
            Some(criterion) => {
                check_constant((Role::Criterion, criterion), (Role::User, &self.0.user), &users)?;
                if criterion.null_count() > 0 {
                    let has_criterion = criterion.is_not_null();
                    let others = Self(self.0.try_map(|column| column.filter(&has_criterion))?);
                    let mut coded = others.matrix(duplicates, total)?;
                    let rows = (0..has_criterion.len() as u32).collect();
                    let rows = IdxCa::from_vec(PlSmallStr::EMPTY, rows).filter(&has_criterion)?;
                    let user_rows = rows.take(&*coded.user_rows.all())?.into_no_null_iter().collect();
                    coded.user_rows = FirstRows::Listed(user_rows);
                    return Ok(coded);
                }
                criterion::of_users(&users.first_rows.of(criterion)?)?
            }
        };

        let coded = Coded {
            users: &users,
            questions: &questions,
            regular: regular.as_deref(),
            duplicates,
            whole: &whole,
        };
        let matrix = self.coded_matrix(&coded)?;
        let of_questions = |role| {
            let column = self.0.optional(role)?;
            let is_constant = check_constant((role, column), (Role::Question, &self.0.question), &questions);
            Some(is_constant.and_then(|()| questions.first_rows.of(column)))
        };
        let (domains, costs) =
            (of_questions(Role::Domain).transpose()?, of_questions(Role::Cost).transpose()?);
        Ok(CodedMatrix {
            matrix,
            domains: domains.map(|domains| constraints::domains(&domains)).transpose()?,
            costs: costs.map(|costs| constraints::costs(&costs, &question_values)).transpose()?,
            questions: question_values,
            user_rows: users.first_rows.compact(),
        })
    }

    /// The matrix of the scores, in the type that they are read as.
    fn coded_matrix(&self, coded: &Coded) -> PolarsResult<ResponseMatrix> {
        let score = self.0.score.to_storage().to_physical_repr();
        let matrix = match score.dtype() {
            DataType::Boolean => coded.matrix::<_, i64>(score.cast(&DataType::UInt8)?.u8()?),
            DataType::Int8 => coded.matrix::<_, i64>(score.i8()?),
            DataType::Int16 => coded.matrix::<_, i64>(score.i16()?),
            DataType::Int32 => coded.matrix::<_, i64>(score.i32()?),
            DataType::Int64 => coded.matrix::<_, i64>(score.i64()?),
            DataType::UInt8 => coded.matrix::<_, i64>(score.u8()?),
            DataType::UInt16 => coded.matrix::<_, i64>(score.u16()?),
            DataType::UInt32 => coded.matrix::<_, i64>(score.u32()?),
            DataType::UInt64 => coded.matrix::<_, i128>(score.u64()?),
            // A Decimal in its physical form.
            DataType::Int128 => coded.matrix::<_, i128>(score.i128()?),
            DataType::UInt128 => {
                let score = score.strict_cast(&DataType::Int128).map_err(|_| {
                    self.score_error("holds values beyond 2^127, which exact sums cannot take")
                })?;
                coded.matrix::<_, i128>(score.i128()?)
            }
            DataType::Float64 => coded.matrix::<_, f64>(score.f64()?),
            // Float32, Float16, or Null, which has lost all its rows.
            _ => coded.matrix::<_, f64>(score.cast(&DataType::Float32)?.f32()?),
        };
        matrix.map_err(|error| match error {
            Error::Duplicate { user, question, count } => {
                let user = (&self.0.user, coded.users.first_rows.all()[user as usize]);
                let question = (&self.0.question, coded.questions.first_rows.all()[question as usize]);
                duplicate(user, question, count).unwrap_or_else(|error| error)
            }
            error => self.explain(error),
        })
    }

    /// The values of the users of a matrix that these columns made, one per id.
    pub fn users(&self, coded: &CodedMatrix) -> PolarsResult<Series> {
        coded.user_rows.of(&self.0.user)
    }

    fn criterion_error(&self, what: &str) -> PolarsError {
        let column = self.0.optional(Role::Criterion).map_or("", |column| column.name());
        polars_err!(ComputeError: "{} {what}", Role::Criterion.of(column))
    }

    fn score_error(&self, what: &str) -> PolarsError {
        polars_err!(ComputeError: "{} {what}", Role::Score.of(self.0.score.name()))
    }

    /// The core's errors in the user's terms.
    pub fn explain(&self, error: Error) -> PolarsError {
        match error {
            Error::NotFinite { score } => self.score_error(&not_finite(score, "scores", self.0.score.name())),
            Error::CriterionNotFinite { value } => {
                let column = self.0.optional(Role::Criterion).map_or("", |column| column.name());
                self.criterion_error(&not_finite(value, "its values", column))
            }
            Error::CriterionOverflow => self.criterion_error(
                "holds values so far apart that exact integers would overflow; scale them down, or cast them to Float64",
            ),
            Error::Overflow { what } if self.0.score.dtype().is_float() => self
                .score_error(&format!("holds values so large that the {what} would overflow; scale the scores down")),
            Error::Overflow { what } => self.score_error(&format!(
                "holds values so large that the {what} would overflow exact integers; scale the scores down, or cast \
                them to Float64",
            )),
            error @ Error::TooManyRows { .. } => polars_err!(
                ComputeError: "{error}. Ask for fewer with `top`, leave out sets by a higher `min_users`, or stream \
                every set with scan_corrsets",
            ),
            error @ (Error::MatrixTooLarge { .. }
            | Error::Duplicate { .. }
            | Error::InstructionSet { .. }
            | Error::Strategy { .. }
            | Error::Interrupted) => {
                polars_err!(ComputeError: "{error}")
            }
            error @ Error::Uncountable { .. } => {
                polars_err!(ComputeError: "{error}; top_corrsets without `shard` can search for the best of them")
            }
        }
    }
}

/// The error for several responses of a user to a question, which are values of columns at a row; or that of reading these.
fn duplicate(
    (users, user_row): (&Series, u32),
    (questions, question_row): (&Series, u32),
    count: usize,
) -> PolarsResult<PolarsError> {
    let (user, question) = (users.get(user_row as usize)?, questions.get(question_row as usize)?);
    Ok(polars_err!(
        ComputeError: "{count} responses of user {} to question {}, but duplicates=\"error\": a user answers a question \
        once; drop the repeated rows or say what they mean with duplicates=\"first\", \"last\", \"sum\", \"mean\", \
        \"min\" or \"max\"",
        shown(user), shown(question),
    ))
}

/// What is wrong with `value`, one of `all` in `column`, and what helps.
fn not_finite(value: f64, all: &str, column: &str) -> String {
    let or_null = if value.is_nan() { ", or make them null with .fill_nan(None)" } else { "" };
    let by_filter = match column {
        "" => String::new(),
        _ => format!(
            " with .filter(pl.col({column:?}).is_finite()), or the same of the expression that was given"
        ),
    };
    format!("holds {value}, but {all} must be finite; drop such rows{by_filter}{or_null}")
}

/// Rows whose values are compared together: what is made of them stays in the second-level cache.
const COMPARED_AT_ONCE: usize = 1 << 14;

/// Refuses a column that is not the same on all rows of one user or question, whose column and ids are given.
fn check_constant(
    (role, column): (Role, &Series),
    (owner, owners): (Role, &Series),
    ids: &Ids,
) -> PolarsResult<()> {
    let of_ids = ids.first_rows.of(column)?;
    let [mut physical, expected] = [column, &of_ids].map(|values| values.to_storage().to_physical_repr());
    if physical.n_chunks() > column.len() / COMPARED_AT_ONCE {
        // To find some rows goes through all chunks.
        physical = Cow::Owned(physical.rechunk());
    }
    let read = ids.reader();
    // The first row that differs from the first one of its user or question.
    let first_other = |Range { start, end }: Range<usize>| {
        for start in (start..end).step_by(COMPARED_AT_ONCE) {
            let rows = start..end.min(start + COMPARED_AT_ONCE);
            let values = physical.slice(start as i64, rows.len());
            let differ = values.not_equal_missing(&expected.take_slice(&read(rows))?)?;
            if differ.any() {
                return Ok(differ.iter().position(|differs| differs == Some(true)).map(|row| start + row));
            }
        }
        Ok(None)
    };
    let stretches = parallel::map_stretches(column.len(), first_other);
    let others: Vec<Option<usize>> = stretches.into_iter().collect::<PolarsResult<_>>()?;
    let Some(row) = others.into_iter().flatten().next() else { return Ok(()) };
    let id = read(row..row + 1)[0] as usize;
    polars_bail!(
        ComputeError: "{} must be the same on all rows of a {owner}, but {owner} {} has {} and {}",
        role.of(column.name()), shown(owners.get(row)?), shown(of_ids.get(id)?), shown(column.get(row)?),
    )
}

/// As messages list things.
pub fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// A value as messages show it. No message may hold a NUL: it crosses the border as a C string.
pub fn shown(value: AnyValue) -> String {
    match value.get_str() {
        Some(text) => format!("{text:?}"),
        None => value.to_string().replace('\0', "\\0"),
    }
}

/// Users and questions as ids, what several rows for the same mean, and what sets are correlated with.
struct Coded<'a> {
    users: &'a Ids,
    questions: &'a Ids,
    regular: Option<&'a Regular>,
    duplicates: Duplicates,
    whole: &'a Whole,
}

impl Coded<'_> {
    /// The matrix of these and `scores`, a column without nulls that is read from its Arrow buffers.
    fn matrix<T, S>(&self, scores: &ChunkedArray<T>) -> crate::error::Result<ResponseMatrix>
    where
        T: PolarsNumericType<Native: Into<S>>,
        S: Score,
    {
        let rows = Rows {
            ids: (self.users.first_rows.len(), self.questions.first_rows.len()),
            users: self.users.reader(),
            questions: self.questions.reader(),
            scores: chunks(scores),
            rows: scores.len(),
            regular: self.regular,
            score: T::Native::into,
        };
        rows.matrix_against(self.duplicates, self.whole)
    }
}

/// The responses, read from where they are.
struct Rows<'a, T, F> {
    /// How many users and questions have.
    ids: (usize, usize),
    users: ReadIds<'a>,
    questions: ReadIds<'a>,
    scores: Chunks<'a, T>,
    rows: usize,
    regular: Option<&'a Regular>,
    score: F,
}

/// Rows that are read together: their ids stay in the first-level cache.
const ROWS_AT_ONCE: usize = 1 << 11;

impl<T: Copy + Sync, S: Score, F: Fn(T) -> S + Sync> Source for Rows<'_, T, F> {
    type Score = S;

    fn ids(&self) -> (usize, usize) {
        self.ids
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn regular(&self) -> Option<&Regular> {
        self.regular
    }

    fn read(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = (u32, u32, S)>> {
        self.scores.pieces(rows, ROWS_AT_ONCE).map(|(rows, scores)| {
            let ids = (self.users)(rows.clone()).into_iter().zip((self.questions)(rows));
            ids.zip(scores).map(|((user, question), &score)| (user, question, (self.score)(score)))
        })
    }

    fn scores(&self, rows: Range<usize>) -> impl Iterator<Item: Iterator<Item = S>> {
        self.scores
            .pieces(rows, ROWS_AT_ONCE)
            .map(|(_, scores)| scores.iter().map(|&score| (self.score)(score)))
    }
}
