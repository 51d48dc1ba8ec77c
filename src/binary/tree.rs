//! The tree of all prefixes, and how it is cut in half.
//!
//! A set is counted once, at one of its prefixes: the set less one question, its *leaf*. If the leaf is the last
//! question in some order, a prefix of k - 1 out of Q questions has (Q - k + 1) / k leaves on average, and what a prefix
//! costs is shared by so few sets. So the questions are cut in two halves, low and high, and the leaf is a low question
//! where a set has an odd number of low ones, else a high one; the last one of its half. Then only prefixes with an
//! *even* number of low questions have leaves, half as many, with twice as many leaves each. (That the
//! prefixes of such a parity meet every set is the construction of P. Turán's problem for hypergraphs; the only sets
//! without a leaf, those of low questions alone where k is even, get their last one.)
//!
//! Where every set is wanted in order, all questions are high, which leaves the plain tree.

use crate::bitset::{BitMatrix, WORD_BITS, ones};
use crate::combinations::binomial;
use crate::isa::{Isa, Kernel, PART, PartSums};
use crate::matrix::Integers;
use crate::moments::IntegerSums;
use crate::parallel;
use crate::ranking::Collector;
use crate::search::Request;

use super::database::{Column, Database, Open};
use super::extension::Extension;
use super::filter::Bar;
use super::kernel;

/// A search, to be run on an instruction set.
pub struct Search<'a, E> {
    pub answered: &'a BitMatrix,
    pub integers: &'a Integers<BitMatrix>,
    pub request: &'a Request,
    pub empty: E,
}

impl<C: Collector, E: Fn() -> C + Sync> Kernel for Search<'_, E> {
    type Output = C;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> C {
        let Self { answered, integers, request, empty } = self;
        let users = integers.totals.len();
        if users < request.least_users() {
            return empty();
        }
        let questions = Questions::of(answered, users, request);
        let tree = Tree { isa, request, questions: &questions };
        let mut database = Database::of_everyone(questions.open(), &integers.totals, |user, respond| {
            for (word, (&answered, &scored)) in
                answered.row(user).iter().zip(integers.points.row(user)).enumerate()
            {
                for bit in ones(answered) {
                    respond(questions.columns[word * WORD_BITS + bit], scored >> bit & 1 == 1);
                }
            }
        });
        let root = Prefix::default();
        if request.k > 1 {
            database.index(isa, true, true);
            return tree.explore(&database, &root, 1.0, empty(), &empty);
        }
        let mut collector = empty();
        let (extension, open) = (Extension::of_everyone(users), database.open());
        let leaves = Leaves { database: &database, extension: &extension, open, prefix: &root };
        tree.leaves(isa, leaves, &mut Scratch::new(open), &mut collector);
        collector
    }
}

/// The questions in the order of the tree.
struct Questions {
    /// For each column the question.
    low: Vec<u32>,
    high: Vec<u32>,
    /// For each question its column.
    columns: Vec<Column>,
}

impl Questions {
    fn of(answered: &BitMatrix, users: usize, request: &Request) -> Self {
        let count = answered.columns();
        // A prefix takes the highest positions first, so the rarest questions get those: its users become few early.
        let mut ids: Vec<u32> = (0..count as u32).rev().collect();
        let mut low = Vec::new();
        if request.top.is_some() {
            let mut frequency = vec![0usize; count];
            for user in 0..users {
                for (word, &bits) in answered.row(user).iter().enumerate() {
                    ones(bits).for_each(|bit| frequency[word * WORD_BITS + bit] += 1);
                }
            }
            ids.sort_by_key(|&id| std::cmp::Reverse(frequency[id as usize]));
            // Whole parts, so that a half that is still all open wastes no lane.
            low = ids.split_off(count - count / 2 / PART * PART);
        }
        let mut columns = vec![Column::Low(0); count];
        low.iter().enumerate().for_each(|(position, &id)| columns[id as usize] = Column::Low(position));
        ids.iter().enumerate().for_each(|(position, &id)| columns[id as usize] = Column::High(position));
        Self { low, high: ids, columns }
    }

    fn open(&self) -> Open {
        Open { low: self.low.len(), high: self.high.len() }
    }

    fn id(&self, column: Column) -> u32 {
        match column {
            Column::Low(position) => self.low[position],
            Column::High(position) => self.high[position],
        }
    }
}

/// The questions chosen so far.
#[derive(Clone, Default)]
struct Prefix {
    questions: Vec<u32>,
    low: usize,
}

impl Prefix {
    fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether no high question has been chosen, so that low ones may follow.
    fn is_low(&self) -> bool {
        self.low == self.len()
    }

    fn is_even(&self) -> bool {
        self.low.is_multiple_of(2)
    }
}

/// What one thread needs for each question of a prefix, allocated once.
#[derive(Default)]
struct Level {
    extension: Extension,
    database: Database,
}

/// What one thread needs to look at leaves, allocated once.
struct Scratch {
    sums: Vec<PartSums>,
    set: Vec<u32>,
}

impl Scratch {
    fn new(open: Open) -> Self {
        Self { sums: vec![PartSums::default(); open.parts()], set: Vec::new() }
    }
}

/// Sets × users of a leaf that one thread walks without asking for help: a few milliseconds.
pub const SERIAL_WORK: u128 = 1 << 26;

/// What a set costs is not less than that of this many users.
const LEAST_LEAF_USERS: f64 = 64.0;

struct Tree<'a, I> {
    isa: I,
    request: &'a Request,
    questions: &'a Questions,
}

impl<I: Isa> Tree<'_, I> {
    /// The columns by which `prefix` can be extended, and what is open afterwards: low ones first, each half from the
    /// rarest question on.
    fn children(&self, open: Open, prefix: &Prefix) -> impl Iterator<Item = (Column, Open)> + use<I> {
        let low = if prefix.is_low() { open.low } else { 0 };
        // Once a high question is chosen, the number of low ones is final.
        let high = if prefix.is_even() { open.high } else { 0 };
        let low = (0..low).rev().map(move |position| (Column::Low(position), Open { low: position, ..open }));
        low.chain(
            (0..high).rev().map(move |position| (Column::High(position), Open { high: position, ..open })),
        )
    }

    fn push(&self, prefix: &mut Prefix, column: Column) {
        prefix.questions.push(self.questions.id(column));
        prefix.low += usize::from(matches!(column, Column::Low(_)));
    }

    fn pop(&self, prefix: &mut Prefix, column: Column) {
        prefix.questions.pop();
        prefix.low -= usize::from(matches!(column, Column::Low(_)));
    }

    /// Splits the subtree of `prefix` into parts worth a hand-over, and walks those. `share` is that of users who
    /// answered the last question: about as many of these will have answered the next.
    fn explore<C: Collector>(
        &self,
        database: &Database,
        prefix: &Prefix,
        share: f64,
        mut collector: C,
        empty: &(impl Fn() -> C + Sync),
    ) -> C {
        let open = database.open();
        let missing = self.request.k - prefix.len();
        let leaf_users = database.users() as f64 * share.powi(missing as i32 - 1);
        let sets = binomial(open.low + open.high, missing).map_or(f64::INFINITY, |sets| sets as f64);
        if sets * leaf_users.max(LEAST_LEAF_USERS) <= SERIAL_WORK as f64 {
            let mut levels: Vec<Level> = (1..missing).map(|_| Level::default()).collect();
            self.descend(database, &mut prefix.clone(), &mut levels, &mut Scratch::new(open), &mut collector);
            return collector;
        }
        let children: Vec<(Column, Open)> = self.children(open, prefix).collect();
        let found = parallel::fold_in_order(
            0..children.len(),
            empty,
            |mut collector, child| {
                let mut level = Level::default();
                let mut prefix = prefix.clone();
                if missing == 2 {
                    let (children, scratch) = (&children[child..][..1], &mut Scratch::new(open));
                    self.finish(
                        database,
                        children,
                        &mut prefix,
                        &mut level.extension,
                        scratch,
                        &mut collector,
                    );
                    return collector;
                }
                let (column, open) = children[child];
                self.push(&mut prefix, column);
                if self.project(database, column, open, &prefix, &mut level) {
                    let share = level.extension.len() as f64 / database.users() as f64;
                    collector = self.explore(&level.database, &prefix, share, collector, empty);
                }
                collector
            },
            |mut collector, later| {
                collector.merge(later);
                collector
            },
        );
        collector.merge(found);
        collector
    }

    /// Walks the subtree of `prefix` on this thread. `levels` has one entry for each question still to be chosen
    /// before the leaf.
    fn descend<C: Collector>(
        &self,
        database: &Database,
        prefix: &mut Prefix,
        levels: &mut [Level],
        scratch: &mut Scratch,
        collector: &mut C,
    ) {
        let children = self.children(database.open(), prefix);
        match levels {
            [] => {}
            [last] => {
                let children: Vec<(Column, Open)> = children.collect();
                self.finish(database, &children, prefix, &mut last.extension, scratch, collector);
            }
            [level, deeper @ ..] => {
                for (column, open) in children {
                    self.push(prefix, column);
                    if self.project(database, column, open, prefix, level) {
                        self.descend(&level.database, prefix, deeper, scratch, collector);
                    }
                    self.pop(prefix, column);
                }
            }
        }
    }

    /// Makes the database of `prefix`, which extends that of `database` by `column`, unless it has too few users.
    fn project(
        &self,
        database: &Database,
        column: Column,
        open: Open,
        prefix: &Prefix,
        level: &mut Level,
    ) -> bool {
        self.isa.run(Project {
            database,
            column,
            open,
            prefix,
            level,
            least_users: self.request.least_users(),
        })
    }

    /// Looks at all leaves of the given children of `prefix`, which lacks two questions.
    fn finish<C: Collector>(
        &self,
        database: &Database,
        children: &[(Column, Open)],
        prefix: &mut Prefix,
        extension: &mut Extension,
        scratch: &mut Scratch,
        collector: &mut C,
    ) {
        self.isa.run(Finish { tree: self, database, children, prefix, extension, scratch, collector });
    }

    #[inline(always)]
    fn leaves<C: Collector>(&self, isa: impl Isa, of: Leaves<'_>, scratch: &mut Scratch, collector: &mut C) {
        let Leaves { database, extension, open, prefix } = of;
        let first_high = database.open().low_parts();
        let low = 0..open.low_parts();
        let high = if prefix.is_even() { first_high..first_high + open.high_parts() } else { 0..0 };
        // Where no part lies between the halves, they are one stretch.
        let stretches =
            if low.end == high.start { [low.start..high.end, 0..0] } else { [low.clone(), high.clone()] };
        for parts in stretches {
            kernel::sum(isa, database, extension, parts, self.request.k, &mut scratch.sums);
        }
        let users = extension.len();
        let bar = Bar {
            least_users: i32::try_from(self.request.least_users()).unwrap_or(i32::MAX),
            threshold: collector.threshold(),
            rank_by: self.request.rank_by,
        };
        let largest_sum = database.squares().max((users * self.request.k * self.request.k) as u64);
        // From the last part to the first, because positions descend where the order of the sets matters.
        for (half, parts) in
            [(&self.questions.low[..open.low], low), (&self.questions.high[..open.high], high)]
        {
            for (part, questions) in parts.zip(half.chunks(PART)).rev() {
                let sums = &scratch.sums[part];
                let open_lanes = u16::MAX >> (PART - questions.len());
                let candidates = bar.candidates(sums, users, largest_sum) & open_lanes;
                if candidates != 0 {
                    offer(sums, candidates, questions, prefix, &mut scratch.set, collector);
                }
            }
        }
    }
}

/// A prefix whose common users are `extension`, users of `database`, and what can follow it.
struct Leaves<'a> {
    database: &'a Database,
    extension: &'a Extension,
    open: Open,
    prefix: &'a Prefix,
}

/// Offers the candidates of a part to the collector, the last one first.
#[cold]
fn offer<C: Collector>(
    sums: &PartSums,
    mut candidates: u16,
    questions: &[u32],
    prefix: &Prefix,
    set: &mut Vec<u32>,
    collector: &mut C,
) {
    while candidates != 0 {
        let lane = candidates.ilog2() as usize;
        candidates ^= 1 << lane;
        let sum = |sums: &[i32; PART]| i64::from(sums[lane]);
        let mut exact = IntegerSums::<i64>::default();
        let five = [sum(&sums.x), sum(&sums.xx), sum(&sums.t), sum(&sums.tt), sum(&sums.xt)];
        exact.add_sums(sums.n[lane] as u32, five);
        set.clear();
        set.extend_from_slice(&prefix.questions);
        set.push(questions[lane]);
        set.sort_unstable();
        collector.push(set, exact.correlations(), exact.n());
    }
}

/// See [`Tree::project`].
struct Project<'a> {
    database: &'a Database,
    column: Column,
    open: Open,
    prefix: &'a Prefix,
    level: &'a mut Level,
    least_users: usize,
}

impl Kernel for Project<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> bool {
        let Level { extension, database } = self.level;
        extension.extend(isa, self.database, self.column);
        let is_supported = extension.len() >= self.least_users;
        if is_supported {
            database.project(self.database, extension, self.open);
            database.index(isa, self.prefix.is_low(), self.prefix.is_even());
        }
        is_supported
    }
}

/// See [`Tree::finish`].
struct Finish<'a, 'b, I, C> {
    tree: &'a Tree<'b, I>,
    database: &'a Database,
    children: &'a [(Column, Open)],
    prefix: &'a mut Prefix,
    extension: &'a mut Extension,
    scratch: &'a mut Scratch,
    collector: &'a mut C,
}

impl<I: Isa, C: Collector> Kernel for Finish<'_, '_, I, C> {
    type Output = ();

    #[inline(always)]
    fn run<J: Isa>(self, isa: J) {
        let Self { tree, database, children, prefix, extension, scratch, collector } = self;
        for &(column, open) in children {
            extension.extend(isa, database, column);
            if extension.len() < tree.request.least_users() {
                continue;
            }
            tree.push(prefix, column);
            tree.leaves(isa, Leaves { database, extension, open, prefix }, scratch, collector);
            tree.pop(prefix, column);
        }
    }
}
