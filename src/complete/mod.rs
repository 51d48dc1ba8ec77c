//! Complete answers: no users in the search.
//!
//! If every user answered everything, r of a set depends on item covariances alone. One pass over the users sums them
//! up (`pair_sums`); after it their number does not matter.
//!
//! 1. `covariances`: what the search reads of the sums, rounded, and the quadratic form that a set must not fall below.
//! 2. `start`: good sets by swapping, for a high threshold to begin with. Where rules are in their way, `prices` has what
//!    breaking them is worth.
//! 3. `bound`: the n best, proven without a look at most sets; or `exhaustive`: a look at each.
//!    `floor`: the same bound for all sets that reach a given number.
//!    `by_family`: the best of several searches, where answers are complete to the sets of each. `by_electives`: the same
//!    with so many searches that what each needs is made when its turn comes.
//! 4. `floats`: the same for scores that are not integers. `settled`: what their comoments tell of a set to the bit. `float_sums`: what
//!    `moment_tree` asks of them, where all sets are wanted.
//! 5. What passes is computed anew from the exact sums ([`Exact`]), so both give what every other search gives.
//!
//! `docs/bound.md` has the proofs, and what was tried and lost.

mod bound;
mod branches;
mod by_electives;
mod by_family;
mod covariances;
mod exhaustive;
mod float_sums;
mod floats;
mod floor;
mod known;
mod prices;
mod settled;
mod start;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::isa::InstructionSet;
use crate::moment_tree;
use crate::moments::{Correlations, RankBy, SumInteger, summed_variances};
use crate::pair_sums::PairSums;
use crate::ranking::{Best, Collector, SetTable, SharedThreshold, Sink};
use crate::search::{Blueprint, Control, Part, Path, Request, Rules, Run, Space, is_parallel};

pub use by_electives::ElectiveSearch;
pub use by_family::FamilySearch;
pub use covariances::Covariances;
use covariances::Criterion;
pub use float_sums::FloatSums;
pub use floats::FloatAnswers;
pub use floor::FloorSearch;
pub use settled::SettledFloats;
use start::{Among, Stretch};

/// What is reported of a set.
pub trait Exact: Send + Sync {
    fn n_users(&self) -> u32;

    /// The questions of a set, both ascending.
    fn questions(&self, set: Vec<u32>) -> Vec<u32> {
        set
    }

    /// The sets of `run`, each of which is looked at, in a collector made by `empty`; `None` where that is no faster than to ask
    /// for one after another.
    fn look_at_all<C: Collector>(
        &self,
        _isa: InstructionSet,
        _blueprint: &Blueprint,
        _run: &Run,
        _empty: impl Fn() -> C + Sync,
    ) -> Option<C> {
        None
    }

    /// `None` for a set that certainly ranks below `threshold`, or is not searched. Its items ascend.
    fn correlations(
        &self,
        set: &[u32],
        threshold: f64,
        rank_by: RankBy,
        with_alpha: bool,
    ) -> Option<Correlations>;
}

impl<A: SumInteger + Sync> Exact for PairSums<A> {
    fn n_users(&self) -> u32 {
        self.n
    }

    fn look_at_all<C: Collector>(
        &self,
        isa: InstructionSet,
        blueprint: &Blueprint,
        run: &Run,
        empty: impl Fn() -> C + Sync,
    ) -> Option<C> {
        Some(moment_tree::search(isa, std::slice::from_ref(self), blueprint, run, empty))
    }

    fn correlations(
        &self,
        set: &[u32],
        threshold: f64,
        rank_by: RankBy,
        with_alpha: bool,
    ) -> Option<Correlations> {
        let sums = self.set_sums(set);
        if sums.ranks_below(threshold, rank_by) {
            return None;
        }
        let of_question = |&question: &u32| [self.x[question as usize], self.squares[question as usize]];
        let variances = || summed_variances(self.n, set.iter().map(of_question));
        let alpha = if with_alpha { sums.alpha(set.len(), variances()) } else { None };
        Some(Correlations { alpha, ..sums.correlations() })
    }
}

/// How to find the best sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Bound,
    Exhaustive,
}

/// A search over complete answers.
struct Complete<'a, E> {
    covariances: &'a Covariances,
    exact: &'a E,
    /// Rules that sets are not held to on the way, and which those that are found may break.
    rules: Option<&'a Rules>,
    space: Space,
    rank_by: RankBy,
    with_alpha: bool,
    /// Of the best set that is known.
    variance: f64,
    is_parallel: bool,
    control: &'a Control,
}

/// The search for the best sets.
pub struct CompleteSearch<'a, E> {
    isa: InstructionSet,
    covariances: Covariances,
    exact: E,
    blueprint: &'a Blueprint<'a>,
    rules: Option<Rules>,
    n: usize,
    method: Method,
    /// Of all sets, if these are searched.
    start: Option<Start>,
}

/// What a search knows before it starts.
struct Start {
    /// Bounding is no use without a threshold.
    method: Method,
    /// What n sets are known to reach; 0 if not so many are known.
    threshold: f64,
    /// Of the best set that is known.
    variance: f64,
    /// Where rules are in the way, covariances that are charged for breaking them.
    charged: Option<Covariances>,
    /// Whether the best sets that are known obey rules that they were not held to. Then there is to prove what there were without
    /// rules, and only sets that are found need be asked whether they obey.
    is_unhindered: bool,
}

impl<'a, E: Exact> CompleteSearch<'a, E> {
    /// For the best `n` sets of at least two questions that are not fixed: all of these, or, if each search is cut, those at
    /// some positions.
    pub fn new(
        isa: InstructionSet,
        covariances: Covariances,
        exact: E,
        blueprint: &'a Blueprint<'a>,
        (n, method): (usize, Method),
        is_cut: bool,
    ) -> Self {
        let covariances = covariances.for_ranking(blueprint.request().rank_by);
        let rules = blueprint.rules_by_column();
        let mut search = Self { isa, covariances, exact, blueprint, rules, n, method, start: None };
        if !is_cut {
            search.start = Some(search.start(None));
        }
        search
    }

    /// Good sets, of a stretch or of all.
    fn start(&self, stretch: Option<&Stretch>) -> Start {
        let Self { isa, ref covariances, ref exact, blueprint, ref rules, n, .. } = *self;
        let (space, &Request { rank_by, .. }) = (blueprint.space(), blueprint.request());
        let fixed = Path::of_fixed(rules.as_ref(), space.fixed).filter(|_| has_sets(covariances, rank_by));
        let free = Path::of_fixed(None, space.fixed);
        let among = |path, rules| Among { stretch, ..Among::all(space, path, rules) };
        let unhindered = match (rules, &fixed, &free, self.method) {
            (Some(rules), Some(_), Some(free), Method::Bound) => {
                start::unhindered(covariances, among(free, None), n, rank_by, 0.0, rules)
                    .filter(|found| found.len() == n)
            }
            _ => None,
        };
        let is_unhindered = unhindered.is_some();
        let held = |fixed| start::start(covariances, among(fixed, rules.as_ref()), n, rank_by, 0.0);
        let found = unhindered.or_else(|| fixed.as_ref().map(held)).unwrap_or_default();
        let with_alpha = rank_by == RankBy::Alpha;
        let key = |set| exact.correlations(set, f64::NEG_INFINITY, rank_by, with_alpha)?.rank_key(rank_by);
        let least = found.iter().map(|set| key(set).unwrap_or(0.0)).reduce(f64::min).unwrap_or(0.0);
        let threshold = if found.len() == n { least } else { 0.0 };
        let variance = found.first().map_or(0.0, |best| covariances.of_set(best).v);
        // Without a positive threshold nothing can be pruned until the list is full.
        let method = if threshold > 0.0 { self.method } else { Method::Exhaustive };
        let charged = match (rules, &fixed, method) {
            (Some(rules), Some(fixed), Method::Bound) if !is_unhindered => {
                prices::charged(isa, covariances, (rank_by, threshold), rules, fixed, &found)
            }
            _ => None,
        };
        let is_unhindered = is_unhindered && method == Method::Bound;
        Start { method, threshold, variance, charged, is_unhindered }
    }

    /// How it searches: exhaustively also if it was to bound, but knows no sets to begin with.
    pub fn method(&self) -> Method {
        self.start.as_ref().map_or(self.method, |start| start.method)
    }

    /// The sets of `run`.
    ///
    /// # Errors
    ///
    /// [`Error::MatrixTooLarge`] if the memory does not hold the covariances between candidates, [`Error::Interrupted`]
    /// if `control` stopped it.
    pub fn search(&self, run: &Run) -> Result<SetTable> {
        let Self { isa, ref covariances, ref exact, blueprint, n, .. } = *self;
        let (space, &Request { rank_by, .. }) = (blueprint.space(), blueprint.request());
        let (control, is_parallel) = (run.control, is_parallel(blueprint));
        let fixed = Path::of_fixed(self.rules.as_ref(), space.fixed);
        let fixed = fixed.filter(|_| has_sets(covariances, rank_by));
        let (Some(part), Some(fixed)) = (run.part(space), fixed) else {
            control.advance(1.0);
            return Ok(SetTable::default());
        };
        let of_part;
        let start = match &self.start {
            Some(start) if part.is_all() => start,
            _ => {
                let stretch = run.within.clone().and_then(|within| Stretch::new(space, within));
                of_part = self.start(stretch.as_ref());
                &of_part
            }
        };
        let Start { method, threshold, variance, ref charged, is_unhindered } = *start;
        let (fixed, rules) = match Path::of_fixed(None, space.fixed) {
            Some(free) if is_unhindered => (free, self.rules.as_ref()),
            _ => (fixed, None),
        };
        let shared = SharedThreshold::default();
        shared.raise(threshold);
        let empty = || Best::new(n, rank_by, &shared);
        if method == Method::Exhaustive
            && !part.is_all()
            && let Some(best) = exact.look_at_all(isa, blueprint, run, empty)
        {
            return Ok(best.into_table());
        }
        let covariances = charged.as_ref().unwrap_or(covariances);
        let with_alpha = rank_by == RankBy::Alpha;
        let complete = Complete {
            covariances,
            exact,
            rules,
            space,
            rank_by,
            with_alpha,
            variance,
            is_parallel,
            control,
        };
        let best = match method {
            Method::Exhaustive if part.is_all() => exhaustive::search(isa, &complete, &fixed, empty)?,
            _ => bound::search(isa, &complete, &fixed, &part, 1.0, empty)?,
        };
        Ok(best.into_table())
    }
}

/// Whether sets can be ranked: none has an r where the grand total is constant.
fn has_sets(covariances: &Covariances, rank_by: RankBy) -> bool {
    rank_by == RankBy::Alpha || covariances.total > 0.0
}

/// Hands a set of items, in any order, on to the collector if it reaches its threshold.
fn offer<E: Exact>(exact: &E, set: &[u32], (rank_by, with_alpha): (RankBy, bool), collector: &mut impl Sink) {
    let mut set = set.to_vec();
    set.sort_unstable();
    let threshold = collector.threshold();
    if let Some(correlations) = exact.correlations(&set, threshold, rank_by, with_alpha) {
        collector.push(&exact.questions(set), correlations, exact.n_users());
    }
}

impl<E: Exact> Complete<'_, E> {
    /// What a set of at least `threshold` fulfils.
    fn criterion(&self, threshold: f64) -> Criterion {
        Criterion::new(self.covariances, self.space.k, self.rank_by, threshold, self.variance)
    }

    /// Hands a set on to the collector if it reaches its threshold.
    fn offer(&self, set: &[u32], collector: &mut impl Sink) {
        if self.rules.is_some_and(|rules| !rules.obeys(set.iter().copied())) {
            return;
        }
        offer(self.exact, set, (self.rank_by, self.with_alpha), collector);
    }

    fn too_large(&self) -> Error {
        Error::MatrixTooLarge { users: self.exact.n_users() as usize, questions: self.covariances.items }
    }
}
