//! The common users of a prefix and their responses to the questions that can follow it.

use crate::bitset::BitMatrix;
use crate::isa::{BLOCK, Isa, PART};
use crate::tree::{Column, Layout, Next, Questions, grow};

use super::kernel::Point;
use super::points::Points;

pub enum Database<P: Point> {
    /// Of the empty prefix. Its users' responses stay where they are: laid out for the kernel they would take two or four
    /// bytes for each cell, answered or not.
    Everyone(Everyone<P>),
    Local(Local<P>),
}

impl<P: Point> Default for Database<P> {
    fn default() -> Self {
        Self::Local(Local::default())
    }
}

impl<P: Point> Database<P> {
    /// As one of a longer prefix.
    pub fn local(&mut self) -> &mut Local<P> {
        if let Self::Everyone(_) = self {
            *self = Self::default();
        }
        match self {
            Self::Local(local) => local,
            Self::Everyone(_) => unreachable!("replaced above"),
        }
    }

    /// The points by which the totals of `extension` have grown.
    #[inline(always)]
    pub fn last_points(&self, extension: &Extension, last: &mut Vec<u32>) {
        grow(last, extension.count);
        match self {
            Self::Everyone(_) => {
                for (last, &x) in last.iter_mut().zip(extension.totals()) {
                    *last = x as u32;
                }
            }
            Self::Local(local) => {
                for ((last, &x), &user) in last.iter_mut().zip(extension.totals()).zip(extension.users()) {
                    *last = (x - local.x[user as usize]) as u32;
                }
            }
        }
    }
}

pub struct Everyone<P: Point> {
    pub questions: Questions,
    /// One row per question.
    pub answered_by: BitMatrix,
    pub weights: Vec<P::Weight>,
}

/// Users of a database, each with its total on the prefix.
#[derive(Default)]
pub struct Extension {
    users: Vec<u32>,
    x: Vec<i32>,
    count: usize,
}

impl Extension {
    /// The first `users` users, with total 0.
    pub fn of_everyone(users: usize) -> Self {
        Self { users: (0..users as u32).collect(), x: vec![0; users], count: users }
    }

    pub fn users(&self) -> &[u32] {
        &self.users[..self.count]
    }

    pub fn totals(&self) -> &[i32] {
        &self.x[..self.count]
    }

    /// Becomes the users whose bits are set; their totals are to be written.
    #[inline(always)]
    pub fn become_users<I: Isa>(&mut self, isa: I, bits: &[u64]) {
        // A word's users are written as a whole block, whatever their number.
        grow(&mut self.users, (bits.len() + 1) * BLOCK);
        self.count = 0;
        for (word, &bits) in bits.iter().enumerate() {
            if let Some(room) = self.users[self.count..].first_chunk_mut::<BLOCK>() {
                isa.positions(bits, (word * BLOCK) as u32, room);
            }
            self.count += bits.count_ones() as usize;
        }
        grow(&mut self.x, self.count);
    }

    /// Each user and the place of its total.
    #[inline(always)]
    pub fn totals_mut(&mut self) -> impl Iterator<Item = (u32, &mut i32)> {
        self.users[..self.count].iter().copied().zip(&mut self.x)
    }
}

/// Responses by part, then by user, so that the kernel reads one part of some users after the other.
#[derive(Default)]
pub struct Local<P: Point> {
    layout: Layout,
    users: usize,
    /// The users' rows in the matrix.
    rows: Vec<u32>,
    weights: Vec<P::Weight>,
    /// Totals on the prefix.
    x: Vec<i32>,
    /// Who answered which questions of a part.
    answered: Vec<u16>,
    points: Vec<[P; PART]>,
    /// For each question and block of users: who answered.
    users_of: Vec<u64>,
}

impl<P: Point> Local<P> {
    pub fn layout(&self) -> Layout {
        self.layout
    }

    pub fn row(&self, user: u32) -> u32 {
        self.rows[user as usize]
    }

    pub fn weights(&self) -> &[P::Weight] {
        &self.weights[..self.users]
    }

    /// For each user the questions of `part` that it answered.
    pub fn answered(&self, part: usize) -> &[u16] {
        &self.answered[part * self.users..][..self.users]
    }

    /// For each user its points of the questions of `part`, 0 where it did not answer.
    pub fn points(&self, part: usize) -> &[[P; PART]] {
        &self.points[part * self.users..][..self.users]
    }

    pub fn has_answered(&self, user: u32, part: usize, lane: usize) -> bool {
        self.answered(part)[user as usize] >> lane & 1 == 1
    }

    fn blocks(&self) -> usize {
        self.users.div_ceil(BLOCK)
    }

    /// The users who answered `column`, as bits. Only after [`index`](Self::index) for its half.
    pub fn users_of(&self, column: Column) -> &[u64] {
        let (part, bit) = self.layout.locate(column);
        &self.users_of[(part * PART + bit) * self.blocks()..][..self.blocks()]
    }

    /// Gives the users of `extension`, who answered `column`, their totals with it.
    #[inline(always)]
    pub fn extend_totals(&self, column: Column, extension: &mut Extension) {
        let (part, bit) = self.layout.locate(column);
        let points = self.points(part);
        for (user, total) in extension.totals_mut() {
            *total = self.x[user as usize] + points[user as usize][bit].total();
        }
    }

    /// Takes the responses of rows of the matrix.
    pub fn become_rows(
        &mut self,
        everyone: &Everyone<P>,
        answered: &BitMatrix,
        points: &dyn Points,
        rows: &[u32],
        layout: Layout,
    ) {
        self.resize(layout, rows.len());
        self.rows[..self.users].copy_from_slice(rows);
        for (weight, &row) in self.weights.iter_mut().zip(rows) {
            *weight = everyone.weights[row as usize];
        }
        let cells = layout.parts() * self.users;
        self.answered[..cells].fill(0);
        self.points[..cells].fill([P::default(); PART]);
        let open = layout.open();
        let mut responses = Vec::new();
        for (user, &row) in rows.iter().enumerate() {
            responses.clear();
            points.append(answered, row as usize, &mut responses);
            for &(question, points) in &responses {
                let column = everyone.questions.column(question as usize);
                if open.has(column) {
                    let (part, bit) = layout.locate(column);
                    let cell = part * self.users + user;
                    self.answered[cell] |= 1 << bit;
                    self.points[cell][bit] = P::new(points);
                }
            }
        }
    }

    /// Takes the responses of some users of `parent`.
    #[inline(always)]
    pub fn become_users_of(&mut self, parent: &Self, users: &[u32], layout: Layout) {
        self.resize(layout, users.len());
        copy(users, &parent.rows, &mut self.rows);
        copy(users, parent.weights(), &mut self.weights);
        for (part, parent_part) in layout.parts_from(parent.layout).enumerate() {
            let here = part * self.users;
            copy(users, parent.answered(parent_part), &mut self.answered[here..]);
            copy(users, parent.points(parent_part), &mut self.points[here..]);
        }
    }

    /// Room for the responses of so many users.
    fn resize(&mut self, layout: Layout, users: usize) {
        (self.layout, self.users) = (layout, users);
        grow(&mut self.rows, users);
        grow(&mut self.weights, users);
        grow(&mut self.x, users);
        grow(&mut self.answered, layout.parts() * users);
        grow(&mut self.points, layout.parts() * users);
    }

    /// Takes the users' totals, and finds the users of each question that can be next, for
    /// [`users_of`](Self::users_of).
    #[inline(always)]
    pub fn index<I: Isa>(&mut self, isa: I, x: &[i32], next: Next) {
        self.x[..self.users].copy_from_slice(x);
        let (parts, blocks) = (self.layout.parts_of(next), self.blocks());
        grow(&mut self.users_of, parts.end * PART * blocks);
        for first in parts.clone().step_by(PARTS_OF_SQUARE) {
            let parts = first..parts.end.min(first + PARTS_OF_SQUARE);
            for block in 0..blocks {
                let mut square = [0; BLOCK];
                for part in parts.clone() {
                    let answered = self.answered(part)[block * BLOCK..].iter();
                    for (row, &answered) in square.iter_mut().zip(answered) {
                        *row |= u64::from(answered) << ((part - first) * PART);
                    }
                }
                let square = isa.transpose(&square);
                for column in 0..parts.len() * PART {
                    self.users_of[(first * PART + column) * blocks + block] = square.row(column);
                }
            }
        }
    }
}

/// Parts whose bits make the rows of a square.
const PARTS_OF_SQUARE: usize = BLOCK / PART;

/// Copies what some users have.
#[inline(always)]
fn copy<T: Copy>(users: &[u32], from: &[T], to: &mut [T]) {
    for (to, &user) in to.iter_mut().zip(users) {
        *to = from[user as usize];
    }
}
