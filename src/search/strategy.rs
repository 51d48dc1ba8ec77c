//! The ways to search, by what becomes of the users.

use crate::error::{Error, Result};

/// A way to search. All give the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchStrategy {
    /// Users stay: each prefix keeps those who answered it.
    Projection,
    /// Users with the same answer pattern are summed up before the search, which looks at every set.
    Moments,
    /// The same with complete answers, few answer patterns, or few choices beside a core, but most sets are ruled out together
    /// with others.
    Bound,
}

impl SearchStrategy {
    pub const ALL: [Self; 3] = [Self::Projection, Self::Moments, Self::Bound];

    /// Forces one if it is set: `projection`, `moments` or `bound`.
    pub const VARIABLE: &str = "POLARS_CORRSET_STRATEGY";

    pub fn name(self) -> &'static str {
        match self {
            Self::Projection => "projection",
            Self::Moments => "moments",
            Self::Bound => "bound",
        }
    }

    /// The one that [`VARIABLE`](Self::VARIABLE) names, if it is set; else the data decide.
    ///
    /// # Errors
    ///
    /// [`Error::Strategy`] if there is none of that name.
    pub fn from_environment() -> Result<Option<Self>> {
        let Some(name) = std::env::var_os(Self::VARIABLE) else { return Ok(None) };
        let named = Self::ALL.into_iter().find(|strategy| name == strategy.name());
        match named {
            Some(strategy) => Ok(Some(strategy)),
            None => Err(Error::Strategy { name: name.to_string_lossy().into(), needs: None }),
        }
    }

    /// The error where this one is forced on what it cannot search.
    pub(super) fn needs(self, needs: &'static str) -> Error {
        Error::Strategy { name: self.name().into(), needs: Some(needs) }
    }
}
