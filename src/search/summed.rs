//! Whether users are summed up before the search, and which search follows.

use crate::combinations::{binomial, many};
use crate::complete::{
    CompleteSearch, Covariances, ElectiveSearch, Exact, FamilySearch, FloatAnswers, FloatSums, FloorSearch,
    Method, SettledFloats,
};
use crate::electives::{Choice, Electives};
use crate::error::{Error, Result};
use crate::families::{Family, families};
use crate::isa::InstructionSet;
use crate::matrix::{Floats, Integers, Table};
use crate::moment_tree;
use crate::moments::{RankBy, SumInteger, sums_fit};
use crate::pair_sums::{PairScores, PairSums, Users, pair_sums};
use crate::parallel;
use crate::patterns::{Pattern, patterns};
use crate::ranking::{Best, Collector, SetTable, SharedThreshold, TableColumns};
use crate::whole::Rest;

use super::way::{Wanted, Way};
use super::{Blueprint, Request, Run, SearchStrategy, is_parallel};

/// Users of a pattern from which summing them up pays, at the last question but one of an average set. For 16,384 users of
/// 0/1 scores in booklets of half of 40 questions the search takes a tenth of the time with 16 patterns, a third with 64, and a
/// third more with 256 (`cargo bench --bench complete -- booklets`); for 1,509 users of 16 items, of which most answered all
/// and the others make 122 patterns, so that an average set of seven has 53 users in a pattern, a quarter.
const BINARY_USERS_PER_PATTERN: f64 = 50.0;

/// The same for other scores, of which a user costs 2.3 times as much (`docs/kernel.md`).
const USERS_PER_PATTERN: f64 = 20.0;

/// Users per pattern below which patterns are not even counted to the end.
const LEAST_USERS_PER_PATTERN: usize = 8;

/// Moments of pairs that are worth their memory where they are not asked for: half a gibibyte of them.
const MOST_PAIRS: usize = 1 << 26;

/// Sets × users from which summing users up pays. In groups of a frame, 120 sets of 40 users take 105 µs if users are kept and
/// 128 if not; 1,365 sets of 200 users 503 and 335.
const LEAST_WORK: u128 = 1 << 16;

/// Sets of a pattern that are looked at in the time that a family takes, by k times its questions: with forms of 70 and sets of 4, 10
/// to 20 ns for a set and 0.1 to 0.3 ms for a family (`cargo bench --bench complete -- families`).
const SETS_PER_FAMILY: f64 = 32.0;

/// Families of patterns that are searched one by one at most: some tenths of a second for good sets of each.
const MOST_FAMILIES: usize = 1 << 10;

/// Choices of electives that are searched one by one at most. To count one takes no longer than to look at a set.
const MOST_CHOICES: usize = 1 << 16;

/// Users × sets that the search that keeps users looks at in the time that a choice of electives takes, by its questions
/// squared: 110 to 130 questions took 0.5 to 1 ms where a user of a set took 0.32 ns, on a busy machine, k = 3 to 8
/// (`cargo bench --bench complete -- electives`).
const WORK_PER_PAIR: f64 = 200.0;

/// Users of a choice for whom a pair of questions takes as long as one user of a set: by the time that the pass over all users
/// takes with complete answers (`docs/bound.md`, all sets).
const USERS_PER_WORK: f64 = 50.0;

/// The same by its questions where sets take no more than one of the core: then there are no pairs of these. 110 questions took
/// 0.02 to 0.1 ms.
const WORK_PER_QUESTION: f64 = 2000.0;

/// Users of a choice below which many sets may correlate perfectly, which no bound rules out; and the work of one that is
/// looked at alone, at some tenths of a microsecond. Estimates, not measured.
const FEW_USERS: usize = 16;
const WORK_PER_SET: f64 = 2000.0;

/// Relative error of covariances beyond which users are kept: each set that passes costs a look at all of them.
const LARGEST_ERROR: f64 = 1e-9;

/// What the bound needs of a request.
const BOUND_NEEDS: &str = "`top` or a positive floor, since it leaves sets out";

/// One search, if it is to be by moments.
struct Summed<'a> {
    isa: InstructionSet,
    blueprint: &'a Blueprint<'a>,
    strategy: Option<SearchStrategy>,
    wanted: Wanted,
}

/// A search among users who are summed up.
pub type Summary<'a> = Box<dyn Way + Send + 'a>;

/// The same, or none where users are better not summed up.
type Found<'a> = Result<Option<Summary<'a>>>;

/// The search for the sets of `blueprint`, its users summed up; or `None` if they are better not summed up.
pub fn sum_up<'a>(
    isa: InstructionSet,
    blueprint: &'a Blueprint<'a>,
    strategy: Option<SearchStrategy>,
    wanted: Wanted,
) -> Found<'a> {
    let summed = Summed { isa, blueprint, strategy, wanted };
    match (strategy, &blueprint.matrix().table) {
        (Some(SearchStrategy::Projection), _) => Ok(None),
        (_, Table::Binary(integers)) => summed.by_sums(integers, BINARY_USERS_PER_PATTERN),
        (_, Table::Numbers(integers)) => summed.by_sums(integers, USERS_PER_PATTERN),
        (_, Table::Float(floats)) => summed.by_comoments(floats),
    }
}

impl<'a> Summed<'a> {
    /// Picks the integer that holds the sums. Where none does, the search that keeps the users says so.
    fn by_sums<P: PairScores>(&self, integers: &'a Integers<P>, users_per_pattern: f64) -> Found<'a> {
        let users = self.blueprint.matrix().users();
        let magnitude = integers.magnitude(self.blueprint.request().k);
        if sums_fit::<i64>(users, magnitude) {
            self.by_patterns::<P, i64>(integers, users_per_pattern)
        } else if sums_fit::<i128>(users, magnitude) {
            self.by_patterns::<P, i128>(integers, users_per_pattern)
        } else {
            Ok(None)
        }
    }

    /// Float scores of users who all answered everything: comoments rule sets out, or tell what there is to tell of each; users
    /// make what they do not.
    fn by_comoments(&self, floats: &'a Floats) -> Found<'a> {
        let Self { isa, blueprint, strategy, wanted } = *self;
        let (matrix, request) = (blueprint.matrix(), blueprint.request());
        let (users, questions) = (matrix.users(), matrix.questions());
        let refuse = |needs| strategy.map_or(Ok(None), |strategy| Err(strategy.needs(needs)));
        if strategy.is_none() && (!self.pays() || questions.saturating_mul(questions) > MOST_PAIRS) {
            return Ok(None);
        }
        let bar = self.bar();
        if bar.is_none() && request.top.is_some() {
            return refuse("sets of two and more where scores are not integers");
        }
        if bar.is_none() && strategy == Some(SearchStrategy::Bound) {
            return refuse(BOUND_NEEDS);
        }
        if !matrix.is_complete() {
            return refuse("every user to have answered every question where scores are not integers");
        }
        // What is left of a mean depends on how many questions the user answered.
        if floats.rest == Rest::Mean && (bar.is_none() || request.rank_by == RankBy::RRest) {
            return refuse("a rest that is not a mean");
        }
        if users < request.least_users() {
            return Ok(None);
        }
        let answers = FloatAnswers::new(floats, &matrix.answered, users, request.k);
        let too_large = Error::MatrixTooLarge { users, questions };
        let Some(comoments) = answers.comoments(isa) else { return Err(too_large) };
        let Some(bar) = bar else {
            let Some(tolerance) = answers.tolerance(&comoments) else {
                return refuse("grand totals that differ by more than their rounding");
            };
            let sums = FloatSums::try_new(answers, &comoments, tolerance, request.k).ok_or(too_large)?;
            return Ok(Some(Box::new(EveryFloat { isa, sums, blueprint, wanted })));
        };
        let covariances = answers.covariances(&comoments).ok_or(too_large)?;
        if covariances.error > LARGEST_ERROR {
            return refuse("scores whose spread is far above their rounding");
        }
        Ok(Some(self.in_covariances(covariances, SettledFloats::new(answers, comoments), bar)))
    }

    /// Whether there is much to search: more than the pairs of which the pass over the users makes sums. And whether a
    /// search too small for several threads does not sum up on them.
    fn pays(&self) -> bool {
        let (space, users) = (self.blueprint.space(), self.blueprint.matrix().users());
        let chosen = space.chosen();
        let (sets, pairs) = [chosen, 2].map(|k| binomial(space.open(), k).unwrap_or(u128::MAX)).into();
        // A prefix of nearly all questions costs rows for each of them and has few sets.
        chosen > 1
            && sets >= pairs.saturating_mul(chosen as u128 - 1)
            && sets.saturating_mul(users as u128) >= LEAST_WORK
            && (is_parallel(self.blueprint) || !parallel::is_worth_it(users))
    }

    /// Users per pattern at an average prefix of all but one question: large patterns contain most of these.
    fn users_per_pattern(&self, patterns: &[Pattern]) -> f64 {
        let space = self.blueprint.space();
        let (mut users, mut blocks) = (0.0, 0.0);
        for pattern in patterns {
            let open = pattern.questions.len() - space.fixed;
            let prefixes = binomial(open, space.chosen() - 1).map_or(f64::MAX, |n| n as f64);
            users += prefixes * pattern.users.len() as f64;
            blocks += prefixes;
        }
        // Neither where nothing is a prefix, nor where there are more than can be counted, does it matter.
        users / blocks
    }

    /// How many sets are wanted, if those of incomplete answers may be ruled out.
    fn best_by_bound(&self) -> Result<Option<usize>> {
        match (self.bar(), self.strategy) {
            (Some(Bar::Best(n, Method::Bound)), _) if !self.wanted.is_cut => Ok(Some(n)),
            (Some(Bar::Best(_, Method::Bound)), Some(strategy)) => {
                Err(strategy.needs("every user to have answered every question, or all sets and not a share"))
            }
            (Some(Bar::Floor), Some(strategy)) => {
                Err(strategy.needs("`top`, or every user to have answered every question"))
            }
            _ => Ok(None),
        }
    }

    /// The families of answer patterns, if these are to be searched one by one.
    fn families(&self, patterns: &[Pattern]) -> Option<Vec<Family>> {
        let Self { blueprint, strategy, .. } = *self;
        let (space, least_users) = (blueprint.space(), blueprint.request().least_users());
        let sets = |pattern: &Pattern| many(pattern.questions.len() - space.fixed, space.chosen());
        let work = patterns.iter().map(sets).sum::<f64>();
        let most = (work / (SETS_PER_FAMILY * (space.k * space.questions) as f64)) as usize;
        let most = if strategy.is_some() { MOST_FAMILIES } else { most.min(MOST_FAMILIES) };
        families(patterns, blueprint.matrix().questions(), space.k, least_users, most)
    }

    /// The choices of electives, if these are to be searched one by one: if that is faster than a look at all sets, which
    /// takes so many times as long as the search that keeps the users.
    fn choices(&self, look_at_all: f64) -> Option<(Electives, Vec<Choice>)> {
        let Self { blueprint, strategy, .. } = *self;
        let (matrix, space) = (blueprint.matrix(), blueprint.space());
        if strategy.is_none() && matrix.questions().saturating_mul(matrix.questions()) > MOST_PAIRS {
            return None;
        }
        let electives = Electives::new(&matrix.answered, matrix.users(), space.fixed + 2)?;
        let core = electives.core().len() - space.fixed;
        let least_users = blueprint.request().least_users();
        let mut choices = electives.choices(space.chosen(), least_users, MOST_CHOICES)?;
        choices.retain(|choice| choice.electives.len() + core >= space.chosen());
        // Those with most sets first: what these reach is much for the others.
        choices.sort_by_key(|choice| choice.electives.len());
        let (mut of_all, mut of_choices) = (0.0, 0.0);
        for Choice { electives, users } in &choices {
            let missing = space.chosen() - electives.len();
            let (questions, sets) = ((space.fixed + electives.len() + core) as f64, many(core, missing));
            of_all += sets * *users as f64;
            of_choices += match missing {
                0 | 1 => WORK_PER_QUESTION * questions,
                _ => (WORK_PER_PAIR + *users as f64 / USERS_PER_WORK) * questions * questions,
            };
            if *users < FEW_USERS {
                of_choices += WORK_PER_SET * sets;
            }
        }
        let pays = strategy.is_some() || of_choices < of_all * look_at_all;
        pays.then_some((electives, choices))
    }

    /// What rules sets of complete answers out, if something does.
    fn bar(&self) -> Option<Bar> {
        if self.blueprint.space().chosen() < 2 {
            return None;
        }
        let is_exhaustive = self.strategy == Some(SearchStrategy::Moments);
        match (self.blueprint.request().top, self.wanted.floor) {
            (Some(n), _) if is_exhaustive => Some(Bar::Best(n, Method::Exhaustive)),
            (Some(n), _) => Some(Bar::Best(n, Method::Bound)),
            (None, Some((_, floor))) if floor > 0.0 && !is_exhaustive => Some(Bar::Floor),
            (None, _) => None,
        }
    }

    /// The search in complete answers for sets that reach the bar.
    fn in_covariances<E: Exact + 'a>(&self, covariances: Covariances, exact: E, bar: Bar) -> Summary<'a> {
        let Self { isa, blueprint, wanted, .. } = *self;
        match bar {
            Bar::Best(n, method) => {
                Box::new(CompleteSearch::new(isa, covariances, exact, blueprint, (n, method), wanted.is_cut))
            }
            Bar::Floor => {
                let with_alpha = wanted.has_alpha(blueprint.request());
                // By questions sets are sorted.
                let columns = TableColumns { questions: true, ..wanted.columns };
                Box::new(Reaching {
                    search: FloorSearch::new(isa, covariances, exact, blueprint, with_alpha),
                    wanted: Wanted { columns, ..wanted },
                })
            }
        }
    }

    fn by_patterns<P: PairScores, A: SumInteger + Sync>(
        &self,
        integers: &'a Integers<P>,
        users_per_pattern: f64,
    ) -> Found<'a> {
        let Self { isa, blueprint, strategy, wanted } = *self;
        let (matrix, request) = (blueprint.matrix(), blueprint.request());
        let (users, questions) = (matrix.users(), matrix.questions());
        if strategy.is_none() && !self.pays() {
            return Ok(None);
        }
        let (patterns, families) = if matrix.is_complete() {
            (None, None)
        } else {
            let n = self.best_by_bound()?;
            let most = if strategy.is_some() { usize::MAX } else { users / LEAST_USERS_PER_PATTERN };
            let patterns = patterns(&matrix.answered, users, most);
            let families = n.and_then(|n| Some((self.families(patterns.as_deref()?)?, n)));
            // Moments take as long by the patterns that a set has, not by its users.
            let of_moments = patterns.as_ref().map(|all| users_per_pattern / self.users_per_pattern(all));
            if families.is_none()
                && let Some(n) = n
            {
                match (self.choices(of_moments.unwrap_or(1.0).min(1.0)), strategy) {
                    (Some((electives, choices)), _) => {
                        let search =
                            ElectiveSearch::<P, A>::new(isa, integers, electives, choices, blueprint, n)?;
                        if search.can_rule_out() {
                            return Ok(Some(Box::new(search)));
                        }
                    }
                    (None, Some(strategy)) => {
                        let needs = "users who share few answer patterns, or questions that all answered and few \
                            choices of others";
                        return Err(strategy.needs(needs));
                    }
                    (None, None) => {}
                }
            }
            let Some(patterns) = patterns else { return Ok(None) };
            let pays = families.is_some() || of_moments.is_some_and(|times| times <= 1.0);
            if strategy.is_none() && !pays {
                return Ok(None);
            }
            (Some(patterns), families)
        };
        let all: Vec<u32> = (0..questions as u32).collect();
        // Complete answers need no list of users.
        let patterns = match &patterns {
            Some(patterns) => patterns.iter().map(|of| (&of.questions, Users::These(&of.users))).collect(),
            None => vec![(&all, Users::Rows(0..users))],
        };
        let pairs: usize = patterns.iter().map(|(of, _)| of.len() * questions).sum();
        if strategy.is_none() && pairs > MOST_PAIRS {
            return Ok(None);
        }
        if users < request.least_users() {
            return Ok(None);
        }
        let answered = &matrix.answered;
        let sums = patterns.iter().map(|(of, users)| pair_sums::<P, A>(isa, integers, answered, of, users));
        let blocks: Option<Vec<PairSums<A>>> = sums.collect();
        let mut blocks = blocks.ok_or(Error::MatrixTooLarge { users, questions })?;
        if matrix.is_complete()
            && let Some(bar) = self.bar()
        {
            let block = blocks.remove(0);
            let covariances =
                Covariances::of_sums(&block).ok_or(Error::MatrixTooLarge { users, questions })?;
            return Ok(Some(self.in_covariances(covariances, block, bar)));
        }
        if let Some((families, n)) = families {
            let search = FamilySearch::new(isa, families, blocks, blueprint, n)?;
            if search.can_rule_out() {
                return Ok(Some(Box::new(search)));
            }
            blocks = search.into_patterns();
        }
        if strategy == Some(SearchStrategy::Bound) && request.top.is_none() {
            return Err(SearchStrategy::Bound.needs(BOUND_NEEDS));
        }
        Ok(Some(Box::new(Blocks { isa, blocks, blueprint, wanted })))
    }
}

/// What sets must reach.
#[derive(Clone, Copy)]
enum Bar {
    /// A place among the best n.
    Best(usize, Method),
    /// A positive number.
    Floor,
}

impl<E: Exact> Way for CompleteSearch<'_, E> {
    fn strategy(&self) -> SearchStrategy {
        match self.method() {
            Method::Exhaustive => SearchStrategy::Moments,
            Method::Bound => SearchStrategy::Bound,
        }
    }

    fn search(&self, run: &Run) -> Result<SetTable> {
        self.search(run)
    }
}

impl<A: SumInteger + Sync> Way for FamilySearch<'_, A> {
    fn strategy(&self) -> SearchStrategy {
        SearchStrategy::Bound
    }

    fn search(&self, run: &Run) -> Result<SetTable> {
        self.search(run.control)
    }
}

impl<P: PairScores, A: SumInteger + Sync> Way for ElectiveSearch<'_, P, A> {
    fn strategy(&self) -> SearchStrategy {
        SearchStrategy::Bound
    }

    fn search(&self, run: &Run) -> Result<SetTable> {
        self.search(run.control)
    }
}

/// The sets that reach a floor.
struct Reaching<'a, E> {
    search: FloorSearch<'a, E>,
    wanted: Wanted,
}

impl<E: Exact> Way for Reaching<'_, E> {
    fn strategy(&self) -> SearchStrategy {
        SearchStrategy::Bound
    }

    fn search(&self, run: &Run) -> Result<SetTable> {
        self.search.search(run, || self.wanted.all(run.control))
    }
}

/// Users summed up by their answer patterns.
struct Blocks<'a, A> {
    isa: InstructionSet,
    blocks: Vec<PairSums<A>>,
    blueprint: &'a Blueprint<'a>,
    wanted: Wanted,
}

impl<A: SumInteger + Sync> Way for Blocks<'_, A> {
    fn strategy(&self) -> SearchStrategy {
        SearchStrategy::Moments
    }

    fn search(&self, run: &Run) -> Result<SetTable> {
        let Self { isa, ref blocks, blueprint, wanted } = *self;
        let Request { top, rank_by, .. } = *blueprint.request();
        Ok(match top {
            None => {
                let empty = || wanted.all(run.control);
                moment_tree::search(isa, &blocks[..], blueprint, run, empty).into_table()
            }
            Some(n) => {
                let shared = SharedThreshold::default();
                let empty = || Best::new(n, rank_by, &shared);
                moment_tree::search(isa, &blocks[..], blueprint, run, empty).into_table()
            }
        })
    }
}

/// All sets of complete answers with float scores.
struct EveryFloat<'a> {
    isa: InstructionSet,
    sums: FloatSums<'a>,
    blueprint: &'a Blueprint<'a>,
    wanted: Wanted,
}

impl Way for EveryFloat<'_> {
    fn strategy(&self) -> SearchStrategy {
        SearchStrategy::Moments
    }

    fn search(&self, run: &Run) -> Result<SetTable> {
        let Self { isa, ref sums, blueprint, wanted } = *self;
        Ok(moment_tree::search(isa, sums, blueprint, run, || wanted.all(run.control)).into_table())
    }
}

#[cfg(test)]
mod tests;
