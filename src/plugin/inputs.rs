//! Which input column is what. Python says it in the order in which the columns come.

use std::fmt::{self, Display};

use polars::prelude::*;
use serde::Deserialize;

/// What an input column is: the parameter that it was given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    User,
    Question,
    Score,
    /// A value of each user.
    Criterion,
    /// What a question is about.
    Domain,
    /// What asking a question costs.
    Cost,
    /// Questions that every set has: not a column, but a list in one row.
    Include,
    /// Questions that no set has, likewise.
    Exclude,
}

impl Role {
    /// Refuses dtypes that cannot be this.
    pub fn check(self, field: &Field) -> PolarsResult<()> {
        let fits = match self {
            Self::User | Self::Question | Self::Domain => is_id,
            Self::Score | Self::Criterion | Self::Cost => is_number,
            Self::Include | Self::Exclude => DataType::is_list,
        };
        if fits(storage(field.dtype())) { Ok(()) } else { Err(self.dtype_error(field.name(), field.dtype())) }
    }

    /// The error for a column of a dtype that cannot be this.
    pub fn dtype_error(self, column: &str, dtype: impl Display) -> PolarsError {
        let rule = match self {
            Self::User | Self::Question | Self::Domain => {
                "it must identify something by a plain value such as String, an integer, Enum, Categorical or Date"
            }
            Self::Score => "scores must be Boolean, integer, Decimal or float; cast the column first",
            Self::Criterion | Self::Cost => {
                "its values must be Boolean, integer, Decimal or float; cast the column first"
            }
            Self::Include | Self::Exclude => "it must be a list of questions",
        };
        polars_err!(ComputeError: "{} cannot be of dtype {dtype}: {rule}", self.of(column))
    }

    /// What identifies an input in messages: the parameter, and the column it was given if that has a name.
    pub fn of(self, column: &str) -> String {
        if column.is_empty() { format!("`{self}`") } else { format!("`{self}` (column {column:?})") }
    }
}

impl Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::Question => "question",
            Self::Score => "score",
            Self::Criterion => "criterion",
            Self::Domain => "domain",
            Self::Cost => "cost",
            Self::Include => "include",
            Self::Exclude => "exclude",
        })
    }
}

/// Whether values of this dtype can be told apart by their physical value.
fn is_id(dtype: &DataType) -> bool {
    let is_other = matches!(dtype, DataType::Object(_) | DataType::Unknown(_));
    !dtype.is_nested() && !is_other
}

fn is_number(dtype: &DataType) -> bool {
    dtype.is_bool() || dtype.is_integer() || dtype.is_float() || dtype.is_decimal() || dtype.is_null()
}

/// The dtype in which the values of an extension dtype are stored; any other dtype itself.
fn storage(dtype: &DataType) -> &DataType {
    match dtype {
        DataType::Extension(_, storage) => storage,
        dtype => dtype,
    }
}

/// What Python says of an input.
#[derive(Deserialize)]
pub struct Described {
    pub role: Role,
    /// The name of the column, if that is known.
    pub column: Option<String>,
}

/// The columns that arrived for the `described`, with the names that Python says they have where Polars took theirs away, as it
/// does in a `group_by`.
pub fn named(arrived: &[Series], described: &[Described]) -> Vec<Series> {
    let mut named = arrived.to_vec();
    for (column, described) in named.iter_mut().zip(described) {
        if let Some(name) = described.column.as_deref().filter(|_| column.name().is_empty()) {
            column.rename(name.into());
        }
    }
    named
}

/// The inputs by what they are: columns, or their names and dtypes.
pub struct Inputs<T> {
    pub user: T,
    pub question: T,
    pub score: T,
    optional: Vec<(Role, T)>,
    /// What is no column.
    literals: Vec<(Role, T)>,
}

impl<'a, T> Inputs<&'a T> {
    /// The inputs that arrived for the `described`. An Object column is left out on the Python side, since it would arrive
    /// as Binary.
    pub fn try_new(
        arrived: &'a [T],
        described: &[Described],
        name: fn(&T) -> &PlSmallStr,
    ) -> PolarsResult<Self> {
        if arrived.len() == described.len() {
            return Self::by_role(described.iter().map(|input| input.role).zip(arrived));
        }
        let arrived: Vec<&str> = arrived.iter().map(|input| name(input).as_str()).collect();
        let columns = described.iter().filter_map(|input| Some((input.role, input.column.as_deref()?)));
        match columns.into_iter().find(|(_, column)| !arrived.contains(column)) {
            Some((role, column)) => Err(role.dtype_error(column, "object")),
            None => {
                let roles: Vec<String> = described.iter().map(|input| format!("`{}`", input.role)).collect();
                polars_bail!(
                    ComputeError: "{} must be one column each, got {}: {arrived:?}",
                    roles.join(", "), arrived.len(),
                )
            }
        }
    }
}

impl<T> Inputs<T> {
    pub fn by_role(inputs: impl IntoIterator<Item = (Role, T)>) -> PolarsResult<Self> {
        let (mut user, mut question, mut score) = (None, None, None);
        let (mut optional, mut literals) = (Vec::new(), Vec::new());
        for (role, input) in inputs {
            match role {
                Role::User => user = Some(input),
                Role::Question => question = Some(input),
                Role::Score => score = Some(input),
                Role::Include | Role::Exclude => literals.push((role, input)),
                role => optional.push((role, input)),
            }
        }
        match (user, question, score) {
            (Some(user), Some(question), Some(score)) => {
                Ok(Self { user, question, score, optional, literals })
            }
            _ => polars_bail!(ComputeError: "`user`, `question` and `score` must be given"),
        }
    }

    /// An input that need not be there.
    pub fn optional(&self, role: Role) -> Option<&T> {
        self.optional.iter().find(|(other, _)| *other == role).map(|(_, input)| input)
    }

    /// An input that is no column.
    pub fn literal(&self, role: Role) -> Option<&T> {
        self.literals.iter().find(|(other, _)| *other == role).map(|(_, input)| input)
    }

    /// The columns.
    pub fn each(&self) -> impl Iterator<Item = (Role, &T)> {
        let required =
            [(Role::User, &self.user), (Role::Question, &self.question), (Role::Score, &self.score)];
        required.into_iter().chain(self.optional.iter().map(|(role, input)| (*role, input)))
    }

    /// The same columns, as what `make` makes of each.
    pub fn try_map<U>(&self, mut make: impl FnMut(&T) -> PolarsResult<U>) -> PolarsResult<Inputs<U>> {
        let optional = self.optional.iter().map(|(role, input)| Ok((*role, make(input)?)));
        let optional = optional.collect::<PolarsResult<_>>()?;
        Ok(Inputs {
            user: make(&self.user)?,
            question: make(&self.question)?,
            score: make(&self.score)?,
            optional,
            literals: Vec::new(),
        })
    }
}
