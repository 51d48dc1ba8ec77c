//! A core that all users answered, and electives: one search of complete answers for each choice of electives, all with one
//! threshold.
//!
//! There may be thousands of choices, so the users of one are summed up where its sets are searched, and that is forgotten
//! then. Most choices are ruled out by one look at what the bound leaves of them.

use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use crate::electives::{Choice, Electives};
use crate::error::{Error, Result};
use crate::isa::InstructionSet;
use crate::matrix::Integers;
use crate::moments::{Correlations, RankBy, SumInteger};
use crate::pair_sums::{PairScores, PairSums, sums_with_rows};
use crate::ranking::{Best, Collector, SetTable, SharedThreshold};
use crate::search::{Blueprint, Control, Part, Path, Rules, Space, is_parallel};

use super::branches::Branch;
use super::by_family::merged;
use super::covariances::Covariances;
use super::known::Known;
use super::start::{Among, start, unhindered};
use super::{Complete, Exact, bound, has_sets, offer, prices};

/// Choices in which sets to begin with are sought, at most, until there are enough.
const FIRST_CHOICES: usize = 16;

/// The search for the best sets of several choices of electives, whose sums are of type `A`.
pub struct ElectiveSearch<'a, P, A> {
    isa: InstructionSet,
    blueprint: &'a Blueprint<'a>,
    integers: &'a Integers<P>,
    electives: Electives,
    choices: Vec<Choice>,
    n: usize,
    /// Good sets of the first choices.
    good: Vec<Good>,
    sums: PhantomData<fn() -> A>,
}

/// Sets of one choice, best first, which are of items, and what they reach.
#[derive(Default)]
struct Good {
    sets: Vec<Vec<u32>>,
    keys: Vec<f64>,
    /// Whether they obey rules that they were not held to, so that the search need not be, either.
    are_unhindered: bool,
}

/// The users of a choice, summed up.
struct Answers<'a, A> {
    blueprint: &'a Blueprint<'a>,
    sums: PairSums<A>,
    /// Items are questions: first those that sets must have.
    branch: Branch,
}

impl<A: SumInteger + Sync> Exact for Answers<'_, A> {
    fn n_users(&self) -> u32 {
        self.sums.n
    }

    fn questions(&self, mut set: Vec<u32>) -> Vec<u32> {
        set.iter_mut().for_each(|item| *item = self.branch.items[*item as usize]);
        set.sort_unstable();
        set
    }

    fn correlations(
        &self,
        set: &[u32],
        threshold: f64,
        rank_by: RankBy,
        with_alpha: bool,
    ) -> Option<Correlations> {
        let set: Vec<u32> = set.iter().map(|&item| self.branch.items[item as usize]).collect();
        self.sums.correlations(&set, threshold, rank_by, with_alpha)
    }
}

impl<'a, P: PairScores, A: SumInteger + Sync> ElectiveSearch<'a, P, A> {
    /// For the best `n` sets, of at least two questions that are not fixed, of some choices.
    ///
    /// # Errors
    ///
    /// [`Error::MatrixTooLarge`] if the memory does not hold the sums of a choice.
    pub fn new(
        isa: InstructionSet,
        integers: &'a Integers<P>,
        electives: Electives,
        choices: Vec<Choice>,
        blueprint: &'a Blueprint<'a>,
        n: usize,
    ) -> Result<Self> {
        let mut search =
            Self { isa, blueprint, integers, electives, choices, n, good: Vec::new(), sums: PhantomData };
        let mut known = search.known();
        for choice in 0..search.choices.len().min(FIRST_CHOICES) {
            if known.threshold() > 0.0 {
                break;
            }
            let answers = search.answers(choice)?;
            let good = if answers.missing() < 2 {
                Good::default()
            } else {
                answers.start(&answers.covariances()?, n, known.threshold(), true)
            };
            known.add(good.keys.iter().copied());
            search.good.push(good);
        }
        Ok(search)
    }

    /// Whether the good sets of the first choices obey rules that they were not held to.
    fn is_unhindered(&self) -> bool {
        self.good.iter().all(|good| good.are_unhindered || good.sets.is_empty())
    }

    /// Whether it knows sets to begin with, by which others can be ruled out. Without them a look at all sets is faster.
    pub fn can_rule_out(&self) -> bool {
        self.known().threshold() > 0.0
    }

    /// The sets.
    ///
    /// # Errors
    ///
    /// As [`CompleteSearch::search`](super::CompleteSearch::search).
    pub fn search(&self, control: &Control) -> Result<SetTable> {
        let known = self.known();
        let shared = SharedThreshold::default();
        shared.raise(known.threshold());
        let walk = Walk { search: self, control, shared: &shared, known: Mutex::new(known) };
        let empty = || Best::new(self.n, self.blueprint.request().rank_by, &shared);
        let one = |found, choice| merged(found, || walk.choice(choice, &empty));
        let choices = 0..self.choices.len();
        if !is_parallel(self.blueprint) {
            return Ok(choices.fold(Ok(empty()), one)?.into_table());
        }
        let merge = |found, later| merged(found, || later);
        // Nearly all of a choice is to sum its users up and to look at what is left, however many sets it has.
        Ok(control.fold(choices, |_| 1.0, || Ok(empty()), one, merge)?.into_table())
    }

    /// By the good sets of the first choices.
    fn known(&self) -> Known {
        let mut known = Known::new(self.n);
        self.good.iter().for_each(|good| known.add(good.keys.iter().copied()));
        known
    }

    fn answers(&self, choice: usize) -> Result<Answers<'a, A>> {
        let Self { isa, blueprint, integers, ref electives, .. } = *self;
        let matrix = blueprint.matrix();
        let chosen = &self.choices[choice].electives;
        let users = electives.users(chosen);
        let space = blueprint.space();
        // What every set has is answered by all, and comes first in the core.
        let (fixed, open) = electives.core().split_at(space.fixed);
        let missing = space.chosen() - chosen.len();
        let items = [fixed, chosen, if missing > 0 { open } else { &[] }].concat();
        let branch = Branch { fixed: fixed.len() + chosen.len(), items };
        // A question that is alone with those that are fixed is in no other pair.
        let rows = if missing < 2 { branch.fixed } else { branch.items.len() };
        let too_large = Error::MatrixTooLarge { users: users.len(), questions: branch.items.len() };
        let sums = sums_with_rows(isa, integers, &matrix.answered, (&branch.items, rows), &users);
        let sums = sums.ok_or(too_large)?;
        Ok(Answers { blueprint, sums, branch })
    }
}

/// One run of the search.
struct Walk<'a, 's, P, A> {
    search: &'a ElectiveSearch<'s, P, A>,
    control: &'a Control,
    shared: &'a SharedThreshold,
    known: Mutex<Known>,
}

impl<P: PairScores, A: SumInteger + Sync> Walk<'_, '_, P, A> {
    fn choice<C: Collector>(&self, choice: usize, empty: &(impl Fn() -> C + Sync)) -> Result<C> {
        let &Self { search, control, shared, .. } = self;
        let &ElectiveSearch { isa, blueprint, n, ref choices, ref good, .. } = search;
        if control.is_stopped() {
            return Err(Error::Interrupted);
        }
        let rank_by = blueprint.request().rank_by;
        let share = 1.0 / choices.len() as f64;
        let answers = search.answers(choice)?;
        let mut found = empty();
        let done = |found| {
            control.advance(share);
            Ok(found)
        };
        let missing = answers.missing();
        if missing < 2 {
            let rules = answers.rules();
            if let Some(mut held) = answers.branch.path(rules.as_ref()) {
                let with_alpha = rank_by == RankBy::Alpha;
                let with_one = |set: &[u32]| offer(&answers, set, (rank_by, with_alpha), &mut found);
                answers.branch.show_each(&mut held, missing, with_one);
            }
            return done(found);
        }
        let mut covariances = answers.covariances()?;
        if !has_sets(&covariances, rank_by) {
            return done(found);
        }
        let threshold = found.threshold();
        let is_ruled_out = |fixed: &Path| match missing {
            2 => Ok(false),
            _ => bound::rules_out(isa, &answers.complete(&covariances, None, 0.0, control), fixed, threshold),
        };
        let is_unhindered = good.get(choice).map_or(search.is_unhindered(), |good| good.are_unhindered);
        let free = answers.branch.path(None).filter(|_| is_unhindered);
        // As most choices are, for which no rules need be made then.
        if let Some(free) = &free
            && is_ruled_out(free)?
        {
            return done(found);
        }
        let rules = answers.rules();
        let Some(held) = answers.branch.path(rules.as_ref()) else { return done(found) };
        if free.is_none() && is_ruled_out(&held)? {
            return done(found);
        }
        let (mut fixed, mut asked) = match &free {
            Some(free) => (free, rules.as_ref()),
            None => (&held, None),
        };
        let mut variance = 0.0;
        if missing > 2 {
            let begun;
            let good = match good.get(choice) {
                Some(good) => good,
                None => {
                    begun = answers.start(&covariances, n, threshold, is_unhindered);
                    shared.raise(self.take_up(&begun));
                    &begun
                }
            };
            variance = good.sets.first().map_or(0.0, |best| covariances.of_set(best).v);
            let wanted = (rank_by, found.threshold());
            if let Some(rules) = &rules
                && !good.are_unhindered
            {
                (fixed, asked) = (&held, None);
                if let Some(charged) = prices::charged(isa, &covariances, wanted, rules, fixed, &good.sets) {
                    covariances = charged;
                }
            }
        }
        bound::search(
            isa,
            &answers.complete(&covariances, asked, variance, control),
            fixed,
            &Part::ALL,
            share,
            empty,
        )
    }

    /// Adds to what is known; its output is what n sets are known to reach.
    fn take_up(&self, good: &Good) -> f64 {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.add(good.keys.iter().copied());
        known.threshold()
    }
}

impl<A: SumInteger + Sync> Answers<'_, A> {
    fn space(&self) -> Space {
        let Branch { ref items, fixed } = self.branch;
        Space { questions: items.len(), fixed, ..self.blueprint.space() }
    }

    /// How many questions of the core a set takes that are not fixed.
    fn missing(&self) -> usize {
        self.space().chosen()
    }

    fn covariances(&self) -> Result<Covariances> {
        let items = &self.branch.items;
        let too_large = Error::MatrixTooLarge { users: self.sums.n as usize, questions: items.len() };
        let covariances = Covariances::of_items(&self.sums, items).ok_or(too_large)?;
        Ok(covariances.for_ranking(self.blueprint.request().rank_by))
    }

    /// The search of its sets, of which only those that are found are asked whether they obey `rules`.
    fn complete<'c>(
        &'c self,
        covariances: &'c Covariances,
        rules: Option<&'c Rules>,
        variance: f64,
        control: &'c Control,
    ) -> Complete<'c, Self> {
        let rank_by = self.blueprint.request().rank_by;
        Complete {
            covariances,
            exact: self,
            rules,
            space: self.space(),
            rank_by,
            with_alpha: rank_by == RankBy::Alpha,
            variance,
            is_parallel: is_parallel(self.blueprint),
            control,
        }
    }

    fn rules(&self) -> Option<Rules> {
        self.blueprint.rules(self.branch.items.iter().map(|&question| Some(question as usize)))
    }

    /// Up to `n` good sets; few if none promises to reach what is `known`. They are held to the rules if not all of the best would obey
    /// these, or if that is not to be tried.
    fn start(&self, covariances: &Covariances, n: usize, known: f64, is_unhindered: bool) -> Good {
        let rank_by = self.blueprint.request().rank_by;
        let rules = self.rules();
        let Some(held) = self.branch.path(rules.as_ref()).filter(|_| has_sets(covariances, rank_by)) else {
            return Good::default();
        };
        let unhindered = match (self.branch.path(None), &rules) {
            (Some(free), Some(rules)) if is_unhindered => {
                let among = Among::all(self.space(), &free, None);
                unhindered(covariances, among, n, rank_by, known, rules)
            }
            _ => None,
        };
        let are_unhindered = unhindered.is_some();
        let among = Among::all(self.space(), &held, rules.as_ref());
        let sets = unhindered.unwrap_or_else(|| start(covariances, among, n, rank_by, known));
        let key = |set: &Vec<u32>| {
            let with_alpha = rank_by == RankBy::Alpha;
            self.correlations(set, f64::NEG_INFINITY, rank_by, with_alpha)?.rank_key(rank_by)
        };
        Good { keys: sets.iter().filter_map(key).collect(), sets, are_unhindered }
    }
}
