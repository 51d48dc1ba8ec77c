//! What can go wrong in the core. Ids are dense; the plugin turns them back into the user's values.

use std::fmt;

use crate::isa::InstructionSet;
use crate::search::SearchStrategy;

#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// Several responses of one user to one question, and no policy for them.
    Duplicate { user: u32, question: u32, count: usize },
    /// A score that is NaN or infinite.
    NotFinite { score: f64 },
    /// A user's criterion that is NaN or infinite.
    CriterionNotFinite { value: f64 },
    /// Criterion values too far apart for exact sums.
    CriterionOverflow,
    /// Sums of these scores could leave the exact integers.
    Overflow { what: &'static str },
    /// The bits of the response matrix do not fit into memory.
    MatrixTooLarge { users: usize, questions: usize },
    /// An instruction set that was asked for by `name` and does not exist, or that this CPU lacks.
    InstructionSet { name: String, exists: bool },
    /// A strategy that was asked for by `name` and does not exist, or that needs what this search has not.
    Strategy { name: String, needs: Option<&'static str> },
    /// The search was told to stop.
    Interrupted,
    /// Sets of so many questions cannot be counted in 128 bits, so they have no positions.
    Uncountable { k: usize, questions: usize },
    /// More result rows than a frame or the memory holds. `sets` is `None` beyond `u128`.
    TooManyRows { k: usize, questions: usize, sets: Option<u128>, limit: TooManyRows },
}

/// What a result with too many rows would exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TooManyRows {
    Frame,
    Memory,
}

pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate { user, question, count } => {
                write!(f, "user {user} has {count} responses to question {question}")
            }
            Self::NotFinite { score } => write!(f, "score {score} is not finite"),
            Self::CriterionNotFinite { value } => write!(f, "criterion {value} is not finite"),
            Self::CriterionOverflow => {
                write!(f, "criterion values are so far apart that exact integer arithmetic would overflow")
            }
            Self::Overflow { what } => write!(f, "the {what} would overflow exact integer arithmetic"),
            Self::MatrixTooLarge { users, questions } => {
                write!(
                    f,
                    "a response matrix of {users} users × {questions} questions does not fit into memory"
                )
            }
            Self::InstructionSet { name, exists } => {
                let variable = InstructionSet::VARIABLE;
                if *exists {
                    write!(f, "{variable} is {name}, which this CPU does not have")
                } else {
                    let names = InstructionSet::ALL.map(InstructionSet::name).join(", ");
                    write!(f, "{variable} must be one of {names}, got {name:?}")
                }
            }
            Self::Strategy { name, needs } => {
                let variable = SearchStrategy::VARIABLE;
                if let Some(needs) = needs {
                    write!(f, "{variable} is {name}, which needs {needs}")
                } else {
                    let names = SearchStrategy::ALL.map(SearchStrategy::name).join(", ");
                    write!(f, "{variable} must be one of {names}, got {name:?}")
                }
            }
            Self::Interrupted => write!(f, "the search was interrupted"),
            Self::Uncountable { k, questions } => {
                write!(
                    f,
                    "sets of {k} out of {questions} questions number 2^128 or more: too many to be counted out"
                )
            }
            Self::TooManyRows { k, questions, sets, limit } => {
                match sets {
                    Some(sets) => write!(f, "{sets} sets")?,
                    None => write!(f, "more than {} sets", u128::MAX)?,
                }
                let holder = match limit {
                    TooManyRows::Frame => "a Polars frame can hold",
                    TooManyRows::Memory => "fit into memory",
                };
                write!(f, " of {k} out of {questions} questions are more rows than {holder}")
            }
        }
    }
}

impl std::error::Error for Error {}
