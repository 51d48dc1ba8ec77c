//! Some of a matrix's questions. Grand totals stay what they are: the sums of everything that a user answered.

use crate::bitset::{BitMatrix, WORD_BITS, ones};
use crate::error::{Error, Result};

use super::{Cells, Floats, Integers, Packed, ResponseMatrix, Table};

impl ResponseMatrix {
    /// The responses to `questions`, which become columns in that order, of the users who answered at least `least` of
    /// them, the first `common` among those.
    pub(crate) fn select(&self, questions: &[u32], common: usize, least: usize) -> Result<Self> {
        let (required, wanted) = (self.mask(&questions[..common])?, self.mask(questions)?);
        let is_kept = |user: &usize| {
            let row = self.answered.row(*user).iter();
            let mut missing =
                row.clone().zip(required.row(0)).map(|(answered, required)| required & !answered);
            let answers = row.zip(wanted.row(0)).map(|(answered, wanted)| (answered & wanted).count_ones());
            missing.all(|missing| missing == 0) && answers.sum::<u32>() as usize >= least
        };
        let users: Vec<usize> = (0..self.users).filter(is_kept).collect();
        let mut columns = vec![None; self.questions()];
        questions
            .iter()
            .enumerate()
            .for_each(|(column, &question)| columns[question as usize] = Some(column));
        let selection = Selection { users: &users, columns: &columns, questions };

        let answered = selection.bits(&self.answered)?;
        let table = match &self.table {
            Table::Binary(integers) => {
                let points = selection.bits(&integers.points)?;
                Table::Binary(selection.integers(integers, points))
            }
            Table::Small(integers) => {
                let points = selection.packed(&integers.points, &self.answered, &answered);
                Table::Small(selection.integers(integers, points))
            }
            Table::Large(integers) => {
                let points = selection.packed(&integers.points, &self.answered, &answered);
                Table::Large(selection.integers(integers, points))
            }
            Table::Float(floats) => Table::Float(Floats {
                points: selection.packed(&floats.points, &self.answered, &answered),
                least: questions.iter().map(|&question| floats.least[question as usize]).collect(),
                totals: selection.of_users(&floats.totals),
                counts: selection.of_users(&floats.counts),
                centred_totals: selection.of_users(&floats.centred_totals),
                ..*floats
            }),
        };
        Ok(Self { answered, table, users: users.len(), rest: self.rest })
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
    users: &'a [usize],
    /// For each question its new column.
    columns: &'a [Option<usize>],
    questions: &'a [u32],
}

impl Selection<'_> {
    fn of_users<T: Copy>(&self, values: &[T]) -> Vec<T> {
        self.users.iter().map(|&user| values[user]).collect()
    }

    fn bits(&self, from: &BitMatrix) -> Result<BitMatrix> {
        let (users, questions) = (self.users.len(), self.questions.len());
        let mut bits =
            BitMatrix::try_zeros(users, questions).ok_or(Error::MatrixTooLarge { users, questions })?;
        for (row, &user) in self.users.iter().enumerate() {
            for (word, &set) in from.row(user).iter().enumerate() {
                for column in ones(set).filter_map(|bit| self.columns[word * WORD_BITS + bit]) {
                    bits.insert(row, column);
                }
            }
        }
        Ok(bits)
    }

    fn integers<P>(&self, integers: &Integers<P>, points: P) -> Integers<P> {
        Integers { points, totals: self.of_users(&integers.totals), ..*integers }
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
            packed.for_each(from, user, |question, value| {
                if let Some(column) = self.columns[question] {
                    selected.set(to, row, column, value);
                }
            });
        }
        selected
    }
}
