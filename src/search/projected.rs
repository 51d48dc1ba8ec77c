//! Missing answers: the prefix tree with projection.
//!
//! Sets are the paths of a tree, questions ascending. At a prefix only the users are kept who answered all
//! of it, each with its running total, so a prefix's common users are found once and not once per set (the
//! conditional database of itemset mining: M. J. Zaki, "Scalable algorithms for association mining", IEEE
//! TKDE 12, 2000). Common users can only become fewer with depth, so a prefix with fewer than `min_users`
//! of them ends its subtree. The last question of all sets of a prefix is one step.

use std::ops::Range;

use crate::database::{Database, Survivors};
use crate::parallel;
use crate::ranking::Collector;
use crate::scoring::Scoring;

use super::{Request, SERIAL_WORK, work};

/// The tree of all sets that a request asks for.
pub struct Tree<'a> {
    request: &'a Request,
    questions: usize,
}

/// What one thread needs to walk a subtree, allocated once.
struct Scratch<S: Scoring> {
    /// The prefix of the set at hand, and for a moment its last question.
    set: Vec<u32>,
    /// For each question the sums of the prefix extended by it.
    sums: Vec<S::Sums>,
}

impl<'a> Tree<'a> {
    pub fn new(request: &'a Request, questions: usize) -> Self {
        Self { request, questions }
    }

    /// Walks the whole tree into collectors made by `empty`, on the current pool where that pays.
    pub fn search<S: Scoring, C: Collector>(
        &self,
        database: &Database<'_, S>,
        empty: impl Fn() -> C + Sync,
    ) -> C {
        let everyone = database.everyone();
        if everyone.len() < self.request.least_users() {
            return empty();
        }
        self.explore(database, &everyone, &[], empty(), &empty)
    }

    /// Splits the subtree of `prefix` into parts worth a hand-over, and walks those.
    fn explore<S: Scoring, C: Collector>(
        &self,
        database: &Database<'_, S>,
        survivors: &Survivors<S::Number>,
        prefix: &[u32],
        mut collector: C,
        empty: &(impl Fn() -> C + Sync),
    ) -> C {
        let next = prefix.last().map_or(0, |&last| last as usize + 1);
        let missing = self.request.k - prefix.len();
        if missing == 1 || work(self.questions - next, missing, survivors.len()) <= SERIAL_WORK {
            let mut scratch =
                Scratch { set: prefix.to_vec(), sums: vec![S::Sums::default(); self.questions] };
            let mut levels = vec![Survivors::default(); missing - 1];
            self.descend(database, survivors, next, &mut levels, &mut scratch, &mut collector);
            return collector;
        }
        let found = parallel::fold_in_order(
            self.extensions(next, missing),
            empty,
            |collector, question| {
                let mut child = Survivors::default();
                database.project(survivors, question, &mut child);
                if child.len() < self.request.least_users() {
                    return collector;
                }
                // Rows that are read only once more are not worth a copy.
                let local = if missing == 2 { None } else { database.compact(&mut child, question + 1) };
                let prefix = [prefix, &[question as u32]].concat();
                self.explore(local.as_ref().unwrap_or(database), &child, &prefix, collector, empty)
            },
            |mut collector, later| {
                collector.merge(later);
                collector
            },
        );
        collector.merge(found);
        collector
    }

    /// The questions that can follow where `missing` are to be chosen from `next` on.
    fn extensions(&self, next: usize, missing: usize) -> Range<usize> {
        next..(self.questions + 1).saturating_sub(missing)
    }

    /// Walks the subtree of the prefix in `scratch` on this thread. `levels` has one entry for each question
    /// still to be chosen before the last.
    fn descend<S: Scoring, C: Collector>(
        &self,
        database: &Database<'_, S>,
        survivors: &Survivors<S::Number>,
        next: usize,
        levels: &mut [Survivors<S::Number>],
        scratch: &mut Scratch<S>,
        collector: &mut C,
    ) {
        let missing = levels.len() + 1;
        let Some((child, deeper)) = levels.split_first_mut() else {
            return self.finish(database, survivors, next, scratch, collector);
        };
        for question in self.extensions(next, missing) {
            database.project(survivors, question, child);
            if child.len() < self.request.least_users() {
                continue;
            }
            let local = if deeper.is_empty() { None } else { database.compact(child, question + 1) };
            let database = local.as_ref().unwrap_or(database);
            scratch.set.push(question as u32);
            self.descend(database, child, question + 1, deeper, scratch, collector);
            scratch.set.pop();
        }
    }

    /// Offers the prefix with each possible last question to the collector.
    fn finish<S: Scoring, C: Collector>(
        &self,
        database: &Database<'_, S>,
        survivors: &Survivors<S::Number>,
        next: usize,
        scratch: &mut Scratch<S>,
        collector: &mut C,
    ) {
        let Scratch { set, sums } = scratch;
        let scoring = database.scoring();
        let last = self.extensions(next, 1);
        sums[last.clone()].fill(S::Sums::default());
        database.extend_by_each(survivors, next, sums);
        let threshold = collector.threshold();
        for question in last {
            let sums = &sums[question];
            let n_users = S::n(sums);
            if (n_users as usize) < self.request.least_users()
                || scoring.ranks_below(sums, threshold, self.request.rank_by)
            {
                continue;
            }
            set.push(question as u32);
            let correlations = scoring.correlations(database.answered(), sums, set, survivors.users());
            collector.push(set, correlations, n_users);
            set.pop();
        }
    }
}
