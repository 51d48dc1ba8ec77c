//! Few answer patterns: one search of complete answers for each [`Family`] of them, all with one threshold.
//!
//! A set is ranked by the users of its own family. The search of another one that has its questions, too, may meet it, but
//! passes it by: what it has there are correlations among other users.

use crate::combinations::many;
use crate::error::{Error, Result};
use crate::families::Family;
use crate::isa::InstructionSet;
use crate::moments::{Correlations, RankBy, SumInteger};
use crate::pair_sums::PairSums;
use crate::ranking::{Best, Collector, SetTable, SharedThreshold};
use crate::search::{Blueprint, Control, Part, Path, Rules, Space, is_parallel};

use super::branches::Branch;
use super::covariances::Covariances;
use super::known::Known;
use super::start::{Among, start, unhindered};
use super::{Complete, Exact, bound, has_sets, prices};

/// More sets weigh no more, so that the sum of all has a share of each.
const MOST_WEIGHT: f64 = 1e300;

/// The search for the best sets of several families.
pub struct FamilySearch<'a, A> {
    isa: InstructionSet,
    blueprint: &'a Blueprint<'a>,
    n: usize,
    /// What n sets are known to reach; 0 if not so many are known.
    threshold: f64,
    patterns: Vec<PairSums<A>>,
    families: Vec<Searched>,
    /// What all families weigh.
    weight: f64,
}

/// A family that is searched.
struct Searched {
    family: Family,
    /// Sets of its own that are known, best first. Sets are of items: places among the family's questions.
    good: Vec<Vec<u32>>,
    /// Whether these obey rules that they were not held to, so that its search need not be, either.
    is_unhindered: bool,
    /// Of the best of these.
    variance: f64,
    branches: Vec<Branch>,
    /// How many sets it has, about.
    weight: f64,
}

/// The users of a family, summed up.
struct Answers<'a, A> {
    family: &'a Family,
    sums: PairSums<A>,
    covariances: Covariances,
}

/// What is reported of the sets of a branch.
struct OwnAnswers<'a, A> {
    answers: &'a Answers<'a, A>,
    items: &'a [u32],
}

impl<A: SumInteger + Sync> Exact for OwnAnswers<'_, A> {
    fn n_users(&self) -> u32 {
        self.answers.sums.n
    }

    fn questions(&self, mut set: Vec<u32>) -> Vec<u32> {
        let questions = &self.answers.family.questions;
        set.iter_mut().for_each(|item| *item = questions[self.items[*item as usize] as usize]);
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
        let set: Vec<u32> = set.iter().map(|&item| self.items[item as usize]).collect();
        let is_own = self.answers.family.own.contains(set.iter().copied());
        is_own.then(|| self.answers.sums.correlations(&set, threshold, rank_by, with_alpha))?
    }
}

impl<'a, A: SumInteger + Sync> FamilySearch<'a, A> {
    /// For the best `n` sets of at least two questions that are not fixed, of all families of patterns with these sums.
    ///
    /// # Errors
    ///
    /// [`Error::MatrixTooLarge`] if the memory does not hold the sums of a family.
    pub fn new(
        isa: InstructionSet,
        mut families: Vec<Family>,
        patterns: Vec<PairSums<A>>,
        blueprint: &'a Blueprint<'a>,
        n: usize,
    ) -> Result<Self> {
        let (space, rank_by) = (blueprint.space(), blueprint.request().rank_by);
        let sets = |family: &Family| many(family.questions.len() - space.fixed, space.chosen());
        let weight = |family: &Family| sets(family).min(MOST_WEIGHT);
        // What the largest reach is much for the others.
        families.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
        let (mut searched, mut known) = (Vec::new(), Known::new(n));
        for family in families {
            let branches = Branch::of_family(&family, space);
            if branches.is_empty() {
                continue;
            }
            let answers = Answers::new(&family, &patterns, rank_by)?;
            if !has_sets(&answers.covariances, rank_by) {
                continue;
            }
            let (good, is_unhindered) = answers.start(blueprint, n, known.threshold());
            known.add(good.iter().filter_map(|set| answers.key(set, rank_by)));
            let variance = good.first().map_or(0.0, |best| answers.covariances.of_set(best).v);
            let weight = weight(&family);
            searched.push(Searched { family, good, is_unhindered, variance, branches, weight });
        }
        let weight = searched.iter().map(|searched| searched.weight).sum();
        Ok(Self { isa, blueprint, n, threshold: known.threshold(), patterns, families: searched, weight })
    }

    /// Whether it knows sets to begin with, by which others can be ruled out. Without them a look at all sets is faster.
    pub fn can_rule_out(&self) -> bool {
        self.threshold > 0.0
    }

    /// The sums of the patterns, given back.
    pub fn into_patterns(self) -> Vec<PairSums<A>> {
        self.patterns
    }

    /// The sets.
    ///
    /// # Errors
    ///
    /// As [`CompleteSearch::search`](super::CompleteSearch::search).
    pub fn search(&self, control: &Control) -> Result<SetTable> {
        let shared = SharedThreshold::default();
        shared.raise(self.threshold);
        let empty = || Best::new(self.n, self.blueprint.request().rank_by, &shared);
        let walk =
            |found, family: usize| merged(found, || self.walk(&self.families[family], control, &empty));
        let families = 0..self.families.len();
        if !is_parallel(self.blueprint) {
            return Ok(families.fold(Ok(empty()), walk)?.into_table());
        }
        let weight = |family: usize| self.families[family].weight;
        let merge = |found, later| merged(found, || later);
        Ok(control.fold(families, weight, || Ok(empty()), walk, merge)?.into_table())
    }

    fn walk<C: Collector>(
        &self,
        searched: &Searched,
        control: &Control,
        empty: &(impl Fn() -> C + Sync),
    ) -> Result<C> {
        let mut answers = Answers::new(&searched.family, &self.patterns, self.blueprint.request().rank_by)?;
        if !searched.is_unhindered {
            answers.charge(self.isa, self.blueprint, self.threshold, &searched.good);
        }
        let share = searched.weight / self.weight / searched.branches.len() as f64;
        searched.branches.iter().try_fold(empty(), |mut found, branch| {
            found.merge(self.walk_branch(searched, &answers, branch, share, control, empty)?);
            Ok(found)
        })
    }

    fn walk_branch<C: Collector>(
        &self,
        searched: &Searched,
        answers: &Answers<A>,
        branch: &Branch,
        share: f64,
        control: &Control,
        empty: &(impl Fn() -> C + Sync),
    ) -> Result<C> {
        let Self { isa, blueprint, .. } = *self;
        let rules = answers.rules(blueprint, &branch.items);
        let Some(held) = branch.path(rules.as_ref()) else {
            control.advance(share);
            return Ok(empty());
        };
        let (mut fixed, rules) = match branch.path(None) {
            Some(free) if searched.is_unhindered => (free, rules.as_ref()),
            _ => (held, None),
        };
        let rank_by = blueprint.request().rank_by;
        let complete = Complete {
            covariances: &answers.select(&branch.items)?,
            exact: &OwnAnswers { answers, items: &branch.items },
            rules,
            space: Space { questions: branch.items.len(), fixed: branch.fixed, ..blueprint.space() },
            rank_by,
            with_alpha: rank_by == RankBy::Alpha,
            variance: searched.variance,
            is_parallel: is_parallel(blueprint),
            control,
        };
        let missing = complete.space.chosen();
        if missing >= 2 {
            return bound::search(isa, &complete, &fixed, &Part::ALL, share, empty);
        }
        let mut found = empty();
        branch.show_each(&mut fixed, missing, |set| complete.offer(set, &mut found));
        control.advance(share);
        Ok(found)
    }
}

/// What was found, and what is found then.
pub fn merged<C: Collector>(found: Result<C>, then: impl FnOnce() -> Result<C>) -> Result<C> {
    let mut found = found?;
    found.merge(then()?);
    Ok(found)
}

impl<'a, A: SumInteger + Sync> Answers<'a, A> {
    fn new(family: &'a Family, patterns: &[PairSums<A>], rank_by: RankBy) -> Result<Self> {
        let of_family = || family.patterns.iter().map(|&pattern| &patterns[pattern]);
        let users = of_family().map(|pattern| pattern.n as usize).sum();
        let too_large = || Error::MatrixTooLarge { users, questions: family.questions.len() };
        let sums = PairSums::of_several(of_family(), &family.questions).ok_or_else(too_large)?;
        let covariances = Covariances::of_sums(&sums).ok_or_else(too_large)?;
        Ok(Self { family, sums, covariances: covariances.for_ranking(rank_by) })
    }

    /// What is ruled out among some items.
    fn rules(&self, blueprint: &Blueprint, items: &[u32]) -> Option<Rules> {
        blueprint.rules(items.iter().map(|&item| Some(self.family.questions[item as usize] as usize)))
    }

    fn all_items(&self) -> Vec<u32> {
        (0..self.family.questions.len() as u32).collect()
    }

    fn select(&self, items: &[u32]) -> Result<Covariances> {
        let too_large = Error::MatrixTooLarge { users: self.sums.n as usize, questions: items.len() };
        self.covariances.select(items).ok_or(too_large)
    }

    /// Up to `n` good sets, best first, and whether they were not held to the rules; few if none promises to reach what is `known`.
    fn start(&self, blueprint: &Blueprint, n: usize, known: f64) -> (Vec<Vec<u32>>, bool) {
        let rules = self.rules(blueprint, &self.all_items());
        let (space, rank_by) = (blueprint.space(), blueprint.request().rank_by);
        let space = Space { questions: self.family.questions.len(), ..space };
        let [held, free] = [rules.as_ref(), None].map(|rules| Path::of_fixed(rules, space.fixed));
        let Some(held) = held else { return (Vec::new(), false) };
        let own = Some(&self.family.own);
        if let (Some(rules), Some(free)) = (&rules, &free) {
            let among = Among { own, ..Among::all(space, free, None) };
            if let Some(good) = unhindered(&self.covariances, among, n, rank_by, known, rules) {
                return (good, true);
            }
        }
        let among = Among { own, ..Among::all(space, &held, rules.as_ref()) };
        (start(&self.covariances, among, n, rank_by, known), false)
    }

    fn key(&self, set: &[u32], rank_by: RankBy) -> Option<f64> {
        let with_alpha = rank_by == RankBy::Alpha;
        self.sums.correlations(set, f64::NEG_INFINITY, rank_by, with_alpha)?.rank_key(rank_by)
    }

    /// Charges sets for what they break, as far as some good ones tell.
    fn charge(&mut self, isa: InstructionSet, blueprint: &Blueprint, threshold: f64, good: &[Vec<u32>]) {
        let (space, rank_by) = (blueprint.space(), blueprint.request().rank_by);
        if let Some(rules) = self.rules(blueprint, &self.all_items())
            && let Some(fixed) = Path::of_fixed(Some(&rules), space.fixed)
            && let Some(charged) =
                prices::charged(isa, &self.covariances, (rank_by, threshold), &rules, &fixed, good)
        {
            self.covariances = charged;
        }
    }
}
