//! Which k questions predict the whole test best? Exact search over all sets of k questions.
//!
//! # The problem
//!
//! Responses come in long form: user, question, score; a user has answered some of the questions. For a set
//! S of k questions, over the users who answered all of S, r(S) is the correlation of a user's summed score
//! on S with the same user's summed score on everything the user answered. These lines are all this crate
//! does:
//!
//! ```text
//! for S in combinations(questions, k):
//!     common = [u for u in users if all(q in answers[u] for q in S)]
//!     X = [sum(answers[u][q] for q in S) for u in common]
//!     T = [sum(answers[u].values()) for u in common]
//!     if len(common) >= min_users:
//!         yield S, correlation(X, T)
//! ```
//!
//! # How it is computed
//!
//! 1. [`intern`]: users and questions become dense ids, in order of first appearance; where rows are in a [`regular`] order, that
//!    order tells the ids. Columns are read in [`chunks`].
//! 2. [`responses`]: responses in long form, read where they are or held batch by batch; what duplicates mean.
//! 3. [`matrix`]: who answered what as bits ([`bitset`]), scores in the narrowest type, grand totals, or what else sets are
//!    to be correlated with ([`whole`]).
//! 4. [`search::Blueprint`]: constraints on sets make a smaller matrix, and rules that close questions at each prefix.
//! 5. [`search`] picks what fits the scores, for all sets or a share of them, under a control that can stop it. `tree` walks the prefixes of sets and keeps the common users of each: for
//!    scores of 0 and 1 in `binary`, for others in `graded`. Both sum up all sets of a prefix at once, in lanes, on the best
//!    instruction set of the CPU ([`isa`]). What a search would cost, [`search::plan()`] tells from parts of it.
//!    Where users share few answer patterns ([`search`] decides), they are summed up beforehand: `patterns` groups them,
//!    `pair_sums` makes their moments, `complete` proves the best sets of complete answers, or those that reach a number,
//!    without a look at most sets, also one after another of the `families` of patterns that sets have users of, or of the choices of
//!    `electives`; `moment_tree` looks at every set, by the sums of one or several patterns (`booklets`), or of floats (`complete`).
//! 6. [`moments`]: six sums per set, exact for integers, and the one correlation formula.
//! 7. [`ranking`]: the best n, or all.
//! 8. [`evaluation`]: the same statistics of given sets; [`folds`] of users who do not choose the sets they are
//!    evaluated on.
//! 9. `plugin`: Polars columns in, a struct column or a stream of frames out (feature `plugin`).
//!
//! `parallel` is the only module that knows rayon, `plugin` the only one that knows Polars and Python.

mod binary;
pub mod bitset;
mod booklets;
pub mod chunks;
pub mod combinations;
mod complete;
mod double_double;
mod electives;
pub mod error;
pub mod evaluation;
mod families;
pub mod folds;
mod graded;
pub mod intern;
pub mod isa;
pub mod matrix;
mod moment_tree;
pub mod moments;
#[cfg(test)]
mod naive;
mod pair_sums;
mod parallel;
mod patterns;
#[cfg(feature = "plugin")]
mod plugin;
mod random;
pub mod ranking;
pub mod regular;
pub mod responses;
pub mod search;
mod tree;
pub mod whole;
