//! Some of a matrix's questions. Grand totals stay what they are: the sums of everything that a user answered.

use crate::bitset::BitMatrix;
use crate::error::{Error, Result};

use super::numbers::map_values;
use super::{Cells, Floats, Numbers, Packed, ResponseMatrix, Table, at};

impl ResponseMatrix {
    /// The responses to `questions`, which become columns in that order, of the users who answered at least `least` of
    /// them, the first `common` among those.
    pub(crate) fn select(&self, questions: &[u32], common: usize, least: usize) -> Result<Self> {
        let (required, wanted) = (self.mask(&questions[..common])?, self.mask(questions)?);
        let is_kept = |user: &u32| {
            let row = self.answered.row(*user as usize).iter();
            let mut missing =
                row.clone().zip(required.row(0)).map(|(answered, required)| required & !answered);
            let answers = row.zip(wanted.row(0)).map(|(answered, wanted)| (answered & wanted).count_ones());
            missing.all(|missing| missing == 0) && answers.sum::<u32>() as usize >= least
        };
        let users: Vec<u32> = (0..self.users as u32).filter(is_kept).collect();
        let mut columns = vec![None; self.questions()];
        questions
            .iter()
            .enumerate()
            .for_each(|(column, &question)| columns[question as usize] = Some(column));
        let selection = Selection { users: &users, columns: &columns, questions };

        let answered = selection.bits(&self.answered)?;
        let are_all = questions.len() == self.questions();
        let table = match &self.table {
            Table::Binary(integers) => {
                let points = selection.bits(&integers.points)?;
                Table::Binary(integers.of_questions(are_all, &users, points))
            }
            Table::Numbers(integers) => {
                let points = map_values!(&integers.points, packed => selection.packed(packed, &self.answered, &answered));
                Table::Numbers(integers.of_questions(are_all, &users, points))
            }
            Table::Float(floats) => Table::Float(Floats {
                points: selection.packed(&floats.points, &self.answered, &answered),
                ranges: at(&floats.ranges, questions),
                totals: at(&floats.totals, &users),
                counts: at(&floats.counts, &users),
                centred_totals: at(&floats.centred_totals, &users),
                ..*floats
            }),
        };
        Ok(Self::new(answered, table, users.len(), self.rest))
    }

    /// A row of ones for the given questions.
    fn mask(&self, questions: &[u32]) -> Result<BitMatrix> {
        let mut mask = BitMatrix::try_zeros(1, self.questions())
            .ok_or(Error::MatrixTooLarge { users: 1, questions: self.questions() })?;
        questions.iter().for_each(|&question| {
            mask.insert(0, question as usize);
        });
        Ok(mask)
    }
}

/// Rows and columns of a matrix.
struct Selection<'a> {
    users: &'a [u32],
    /// For each question its new column.
    columns: &'a [Option<usize>],
    questions: &'a [u32],
}

impl Selection<'_> {
    /// Columns by columns that came one after another before, which are copied by words.
    fn bits(&self, from: &BitMatrix) -> Result<BitMatrix> {
        let (users, questions) = (self.users.len(), self.questions.len());
        let mut bits =
            BitMatrix::try_zeros(users, questions).ok_or(Error::MatrixTooLarge { users, questions })?;
        let mut start = 0;
        for run in self.questions.chunk_by(|question, next| question + 1 == *next) {
            for (row, &user) in self.users.iter().enumerate() {
                bits.copy(row, start, from.row(user as usize), run[0] as usize, run.len());
            }
            start += run.len();
        }
        Ok(bits)
    }

    /// The values of `packed`, whose cells were those of `from`, in the cells of `to`.
    fn packed<T: Copy + Default + Sync>(
        &self,
        packed: &Packed<T>,
        from: &BitMatrix,
        to: &BitMatrix,
    ) -> Packed<T> {
        let mut selected = Packed::zeros(to);
        for (row, &user) in self.users.iter().enumerate() {
            packed.for_each(from, user as usize, |question, value| {
                if let Some(column) = self.columns[question] {
                    selected.set(to, row, column, value);
                }
            });
        }
        selected
    }
}
