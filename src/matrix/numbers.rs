//! Integer scores in as few bytes as hold them all.
//!
//! One type for every width, so that a search is compiled once for all of them: how wide a score is is asked where it is read.

use crate::bitset::BitMatrix;
use crate::responses::Source;

use super::cells::{Cells, Packed, Shared};

/// Scores less the centre of their question.
#[derive(Clone, Debug)]
pub(crate) enum Numbers {
    I8(Packed<i8>),
    I16(Packed<i16>),
    I64(Packed<i64>),
}

/// Does the same with values of each width.
macro_rules! with_values {
    ($numbers:expr, $packed:ident => $output:expr) => {
        match $numbers {
            Numbers::I8($packed) => $output,
            Numbers::I16($packed) => $output,
            Numbers::I64($packed) => $output,
        }
    };
}

/// Makes values of the same width of them.
macro_rules! map_values {
    ($numbers:expr, $packed:ident => $output:expr) => {
        match $numbers {
            Numbers::I8($packed) => Numbers::I8($output),
            Numbers::I16($packed) => Numbers::I16($output),
            Numbers::I64($packed) => Numbers::I64($output),
        }
    };
}

pub(super) use map_values;
pub(crate) use with_values;

/// Integers of one width.
trait Integer: Shared + Into<i64> {
    /// The lowest bits of an integer.
    fn lowest(wide: i128) -> Self;

    /// The lowest bits of a difference.
    fn less(self, other: Self) -> Self;

    /// Their exact sum.
    fn sum(values: &[Self]) -> i128;
}

/// Values that are summed up in an integer of twice their bits, which the sum of so many does not leave.
const SUMMED_AT_ONCE: usize = 1 << 7;

macro_rules! integers {
    ($($integer:ty, $sum:ty);*) => {
        $(
            impl Integer for $integer {
                fn lowest(wide: i128) -> Self {
                    wide as Self
                }

                fn less(self, other: Self) -> Self {
                    self.wrapping_sub(other)
                }

                fn sum(values: &[Self]) -> i128 {
                    let sum = |values: &[Self]| values.iter().map(|&value| <$sum>::from(value)).sum::<$sum>();
                    values.chunks(SUMMED_AT_ONCE).map(|values| i128::from(sum(values))).sum()
                }
            }
        )*
    };
}

integers!(i8, i16; i16, i32; i64, i128);

impl Numbers {
    /// The responses' scores less the centre of their question, none of which is more than `largest` from it; `None` if that is beyond
    /// 64 bits. There is one for each cell of `answered`, or several with the same score.
    pub fn new<S>(responses: &S, answered: &BitMatrix, centres: &[i128], largest: u64) -> Option<Self>
    where
        S: Source<Score: Into<i128>>,
    {
        Some(if largest <= i8::MAX as u64 {
            Self::I8(packed(responses, answered, centres))
        } else if largest <= i16::MAX as u64 {
            Self::I16(packed(responses, answered, centres))
        } else if largest <= i64::MAX as u64 {
            Self::I64(packed(responses, answered, centres))
        } else {
            return None;
        })
    }

    /// How many questions the user answered, and the sum of the values.
    pub fn sum_of(&self, answered: &BitMatrix, user: usize) -> (usize, i128) {
        with_values!(self, packed => {
            let values = packed.rows_of(answered, user..user + 1);
            (values.len(), Integer::sum(values))
        })
    }

    pub fn bytes(&self) -> usize {
        with_values!(self, packed => packed.bytes())
    }

    /// The rows at `rows` alone, of which `answered` has `words_per_row` words each.
    pub fn of_rows(&self, rows: &[u32], words_per_row: usize) -> Self {
        map_values!(self, packed => packed.of_rows(rows, words_per_row))
    }
}

/// No difference exceeds what an integer of this width holds, so its lowest bits tell it, and they are those of the lowest bits
/// of both.
fn packed<S, T: Integer>(responses: &S, answered: &BitMatrix, centres: &[i128]) -> Packed<T>
where
    S: Source<Score: Into<i128>>,
{
    let centres: Vec<T> = centres.iter().copied().map(T::lowest).collect();
    Packed::new(responses, answered, |score: S::Score| T::lowest(score.into()), &centres, T::less)
}

impl Cells for Numbers {
    type Value = i64;

    fn of(&self, answered: &BitMatrix, user: usize, question: usize) -> i64 {
        fn wide<T: Integer>(value: T) -> i64 {
            value.into()
        }
        with_values!(self, packed => wide(packed.of(answered, user, question)))
    }

    fn for_each(&self, answered: &BitMatrix, user: usize, visit: impl FnMut(usize, i64)) {
        fn wide<T: Integer>(mut visit: impl FnMut(usize, i64)) -> impl FnMut(usize, T) {
            move |question, value| visit(question, value.into())
        }
        with_values!(self, packed => packed.for_each(answered, user, wide(visit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Table;
    use crate::responses::{Duplicates, Responses};

    /// How many bits a score takes where the least and the largest are so far apart, and half of that goes to neither side.
    #[test]
    fn scores_take_as_few_bits_as_hold_them() {
        for (range, bits) in [
            (2, 8),
            (2 * i64::from(i8::MAX), 8),
            (2 * i64::from(i8::MAX) + 1, 16),
            (2 * i64::from(i16::MAX), 16),
            (2 * i64::from(i16::MAX) + 1, 64),
            (i64::MAX / 4, 64),
        ] {
            for least in [0, -7, 1 << 40] {
                // Of both questions the least and the largest are there.
                let scores = vec![least, least + range, least + range, least + 1, least, least + range / 2];
                let responses =
                    Responses { users: vec![0, 0, 1, 1, 2, 2], questions: vec![0, 1, 0, 1, 1, 0], scores };
                let matrix = responses.clone().into_matrix(Duplicates::Error).unwrap();
                let Table::Numbers(integers) = &matrix.table else { panic!("integers that are not 0 and 1") };
                let stored = match &integers.points {
                    Numbers::I8(_) => 8,
                    Numbers::I16(_) => 16,
                    Numbers::I64(_) => 64,
                };
                let scores: Vec<i64> = (0..6).map(|row| responses.scores[row]).collect();
                let of = |row: usize| {
                    let (user, question) = (responses.users[row] as usize, responses.questions[row] as usize);
                    integers.points.of(&matrix.answered, user, question)
                };
                assert_eq!(stored, bits, "{range} from {least}");
                for (row, other) in [(0, 2), (0, 5), (1, 3), (1, 4)] {
                    assert_eq!(of(row) - of(other), scores[row] - scores[other], "{range} from {least}");
                }
            }
        }
    }
}
