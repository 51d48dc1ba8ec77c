//! Columns of ids, read as dense numbers.

use std::borrow::Cow;
use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::BinaryViewArray;
use polars::prelude::*;

use super::regular;
use crate::chunks::Chunks;
use crate::intern::{IdTable, Interned, intern_rows, number_near_rows};
use crate::parallel;
use crate::regular::{Found, Regular};

/// The values of a column without nulls, numbered in order of first appearance.
pub struct Ids {
    numbers: Box<dyn Numbers>,
    pub first_rows: FirstRows,
}

/// For each id the row in which it appears first.
pub enum FirstRows {
    Listed(Vec<u32>),
    /// Those of the users in an order, which tells them.
    OfUsers(Arc<Regular>),
}

impl FirstRows {
    /// How many ids there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Listed(rows) => rows.len(),
            Self::OfUsers(regular) => regular.ids().0,
        }
    }

    pub fn all(&self) -> Cow<'_, [u32]> {
        match self {
            Self::Listed(rows) => Cow::Borrowed(rows),
            Self::OfUsers(regular) => Cow::Owned(regular.user_rows()),
        }
    }

    /// The same in the memory of a number for each, or less.
    pub fn compact(self) -> Self {
        match self {
            Self::OfUsers(regular) if !regular.is_small() => Self::Listed(regular.user_rows()),
            rows => rows,
        }
    }

    /// The values of a column at these rows.
    pub fn of(&self, column: &Series) -> PolarsResult<Series> {
        column.take_slice(&self.all())
    }
}

/// What reads the ids at some rows.
pub type ReadIds<'a> = Box<dyn Fn(Range<usize>) -> Vec<u32> + Sync + 'a>;

/// The ids of all rows.
trait Numbers: Send {
    fn rows(&self) -> usize;

    fn reader(&self) -> ReadIds<'_>;
}

/// Written down for each row, stretch by stretch.
struct Written(Vec<Vec<u32>>);

impl Numbers for Written {
    fn rows(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    fn reader(&self) -> ReadIds<'_> {
        let ids: Chunks<u32> = self.0.iter().map(Vec::as_slice).collect();
        Box::new(move |rows| gather(&ids, rows, |ids| ids.iter().copied()))
    }
}

/// Looked up whenever they are read.
struct LookedUp<T: PolarsNumericType> {
    integers: ChunkedArray<T>,
    table: IdTable,
}

impl<T: PolarsNumericType<Native: Into<i128>>> Numbers for LookedUp<T> {
    fn rows(&self) -> usize {
        self.integers.len()
    }

    fn reader(&self) -> ReadIds<'_> {
        let integers = chunks(&self.integers);
        Box::new(move |rows| {
            // The table was made of this column, so that it has all its integers.
            gather(&integers, rows, |integers| {
                self.table.ids(integers.iter().map(|&integer| modulo(integer)))
            })
        })
    }
}

/// What an order says of users or of questions.
struct Ordered {
    regular: Arc<Regular>,
    rows: usize,
    at: fn(&Regular, Range<usize>) -> Vec<u32>,
}

impl Numbers for Ordered {
    fn rows(&self) -> usize {
        self.rows
    }

    fn reader(&self) -> ReadIds<'_> {
        Box::new(|rows| (self.at)(&self.regular, rows))
    }
}

/// The users and the questions of responses, and the order of these if it is a regular one.
pub struct ResponseIds {
    pub users: Ids,
    pub questions: Ids,
    pub regular: Option<Arc<Regular>>,
}

impl ResponseIds {
    /// Those of two equally long columns.
    pub fn of(users: &Series, questions: &Series) -> PolarsResult<Self> {
        let rows = users.len();
        if let Some(Found { regular, question_rows }) = regular::find(users, questions) {
            let regular = Arc::new(regular);
            let ids = |at, first_rows| {
                let numbers = Ordered { regular: regular.clone(), rows, at };
                Ids { numbers: Box::new(numbers), first_rows }
            };
            return Ok(Self {
                users: ids(Regular::users_at, FirstRows::OfUsers(regular.clone())),
                questions: ids(Regular::questions_at, FirstRows::Listed(question_rows)),
                regular: Some(regular),
            });
        }
        let (users, questions) =
            parallel::join(parallel::is_worth_it(rows), || Ids::of(users), || Ids::of(questions));
        Ok(Self { users: users?, questions: questions?, regular: None })
    }
}

/// Evaluates an expression with the integers of a column, of whatever type of up to 64 bits; `None` if it has none.
macro_rules! with_integers {
    ($column:expr, |$integers:ident| $made:expr) => {
        with_integers!($column, |$integers| $made,
            Int8 i8, Int16 i16, Int32 i32, Int64 i64, UInt8 u8, UInt16 u16, UInt32 u32, UInt64 u64)
    };
    ($column:expr, |$integers:ident| $made:expr, $($dtype:ident $typed:ident),*) => {
        match $column.dtype() {
            $(DataType::$dtype => {
                let $integers = $column.$typed()?;
                Some($made)
            })*
            _ => None,
        }
    };
}
pub(super) use with_integers;

impl Ids {
    /// Those of a column, read from its Arrow buffers.
    pub fn of(column: &Series) -> PolarsResult<Self> {
        let physical = column.to_storage().to_physical_repr();
        if let Some(Some(near)) = with_integers!(physical, |integers| Self::of_near(integers)) {
            return Ok(near);
        }
        let Interned { stretches, first_rows } = match physical.dtype() {
            DataType::String => intern_bytes(&physical.str()?.as_binary()),
            DataType::Binary => intern_bytes(physical.binary()?),
            DataType::BinaryOffset => intern_bytes(physical.cast(&DataType::Binary)?.binary()?),
            DataType::Int128 => intern(physical.i128()?, |integer| integer),
            DataType::UInt128 => intern(physical.u128()?, |integer| integer),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                intern(physical.cast(&DataType::Float64)?.f64()?, float_key)
            }
            DataType::Boolean => intern(physical.cast(&DataType::UInt8)?.u8()?, |bit| bit),
            DataType::Null => Interned::default(),
            dtype => match with_integers!(physical, |integers| intern(integers, |integer| integer)) {
                Some(interned) => interned,
                None => {
                    polars_bail!(ComputeError: "column {:?} cannot hold ids: dtype {dtype}", column.name())
                }
            },
        };
        let first_rows = FirstRows::Listed(first_rows);
        Ok(Self { numbers: Box::new(Written(stretches)), first_rows })
    }

    /// Those of integers that are near each other.
    fn of_near<T: PolarsNumericType<Native: Into<i128>>>(column: &ChunkedArray<T>) -> Option<Self> {
        let integers = chunks(column);
        let (table, first_rows) = number_near_rows(column.len(), |rows| integers.slices(rows), modulo)?;
        let numbers = Box::new(LookedUp { integers: column.clone(), table });
        Some(Self { numbers, first_rows: FirstRows::Listed(first_rows) })
    }

    /// The ids of the values `more` of a column that begins with the `known` ones, all different, both of one dtype. So each
    /// that is known has its position there, and all others come after these.
    pub fn going_on(known: &Series, more: &Series) -> PolarsResult<Vec<u32>> {
        let mut all = known.clone();
        all.append(more)?;
        Ok(Self::of(&all)?.all().split_off(known.len()))
    }

    pub fn reader(&self) -> ReadIds<'_> {
        self.numbers.reader()
    }

    /// The ids of all rows.
    pub fn all(&self) -> Vec<u32> {
        self.reader()(0..self.numbers.rows())
    }
}

/// A column without nulls, in its Arrow buffers.
pub fn chunks<T: PolarsNumericType>(column: &ChunkedArray<T>) -> Chunks<'_, T::Native> {
    column.downcast_iter().map(|chunk| chunk.values().as_slice()).collect()
}

/// Equal for floats that Polars groups together: all NaN, and both zeros.
pub fn float_key(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() }
}

/// An integer of up to 64 bits as [`IdTable`] takes it.
fn modulo(integer: impl Into<i128>) -> u64 {
    integer.into() as u64
}

fn gather<'a, T, I: Iterator<Item = u32>>(
    values: &Chunks<'a, T>,
    rows: Range<usize>,
    ids: impl Fn(&'a [T]) -> I,
) -> Vec<u32> {
    let mut gathered = Vec::with_capacity(rows.len());
    values.slices(rows).for_each(|values| gathered.extend(ids(values)));
    gathered
}

fn intern<T, K>(column: &ChunkedArray<T>, key: impl Fn(T::Native) -> K + Sync) -> Interned
where
    T: PolarsNumericType,
    K: Copy + Eq + Hash + Send,
{
    let values = chunks(column);
    intern_rows(column.len(), |rows| values.slices(rows).map(|values| values.iter().map(|&value| key(value))))
}

fn intern_bytes(column: &BinaryChunked) -> Interned {
    let chunks: Vec<&BinaryViewArray> = column.downcast_iter().collect();
    intern_rows(column.len(), |rows| {
        pieces(&chunks, rows).map(|(chunk, rows)| rows.map(|row| chunk.value(row)))
    })
}

/// The chunks that hold `rows`, each with the part of it that does.
fn pieces<'a>(
    chunks: &'a [&'a BinaryViewArray],
    rows: Range<usize>,
) -> impl Iterator<Item = (&'a BinaryViewArray, Range<usize>)> {
    let mut start = 0;
    chunks.iter().map(move |&chunk| {
        let from = start;
        start += chunk.len();
        let inside = |row: usize| row.clamp(from, start) - from;
        (chunk, inside(rows.start)..inside(rows.end))
    })
}
