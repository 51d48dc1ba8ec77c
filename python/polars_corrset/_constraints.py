"""What users say of the sets, checked as far as that needs no data, and as the plugin takes it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from polars_corrset._arguments import count, number

if TYPE_CHECKING:
    from polars._typing import IntoExpr

Bounds = dict[str, float | int | None]

UNBOUNDED: Bounds = {"max_per_domain": None, "min_per_domain": None, "max_cost": None}


class Constraints(NamedTuple):
    """Columns by parameter, questions as lists in one row each, and the numbers that go with the columns."""

    columns: dict[str, IntoExpr | None]
    lists: dict[str, pl.Series]
    bounds: Bounds

    def expressions(self) -> dict[str, IntoExpr | None]:
        """The columns, and the lists as literals, by parameter."""
        return {**self.columns, **{name: pl.lit(questions) for name, questions in self.lists.items()}}


def constraints_of(
    *,
    k: int,
    include: object,
    exclude: object,
    domain: IntoExpr | None,
    max_per_domain: int | None,
    min_per_domain: int | None,
    cost: IntoExpr | None,
    max_cost: float | None,
) -> Constraints:
    """The constraints on sets of `k` questions, if they go together."""
    included, excluded = _questions("include", include), _questions("exclude", exclude)
    if len(included) > count("k", k, least=1):
        msg = f"`include` must hold at most k={k} questions, got {len(included)}"
        raise ValueError(msg)
    for position, question in enumerate(included):
        if question in included[:position]:
            msg = f"`include` holds question {question!r} more than once"
            raise ValueError(msg)
    both = [question for question in included if question in excluded]
    if both:
        msg = f"`include` and `exclude` both hold {', '.join(map(repr, both))}"
        raise ValueError(msg)
    most, least = (
        None if bound is None else count(name, bound, least=1)
        for name, bound in (("max_per_domain", max_per_domain), ("min_per_domain", min_per_domain))
    )
    if most is not None and least is not None and least > most:
        msg = f"`min_per_domain` must be at most `max_per_domain`, got {least} and {most}"
        raise ValueError(msg)
    if (domain is None) != (most is None and least is None):
        msg = "`domain` goes with `max_per_domain` or `min_per_domain`, got one without the other"
        raise ValueError(msg)
    if (cost is None) != (max_cost is None):
        msg = "`cost` and `max_cost` go together, got one without the other"
        raise ValueError(msg)
    return Constraints(
        {"domain": domain, "cost": cost},
        {
            name: _list(name, questions)
            for name, questions in (("include", included), ("exclude", excluded))
            if questions
        },
        {"max_per_domain": most, "min_per_domain": least, "max_cost": _amount("max_cost", max_cost)},
    )


def _questions(name: str, value: object) -> list[object]:
    """The questions that `value` holds, each of them something."""
    if value is None:
        return []
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        msg = f"`{name}` must be a list of questions, got {value!r}"
        raise TypeError(msg)
    if isinstance(value, (pl.DataFrame, pl.LazyFrame, dict)):
        msg = f"`{name}` must be a list of questions, or a Series of them, got {type(value).__name__}"
        raise TypeError(msg)
    questions = list(value)
    if any(question is None for question in questions):
        msg = f"`{name}` must be a list of questions, got None among them"
        raise ValueError(msg)
    return questions


def _list(name: str, questions: list[object]) -> pl.Series:
    """The questions as a list in one row, which goes with columns of any length."""
    try:
        values = pl.Series(name, questions)
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        msg = f"`{name}` must hold questions of one type, got {questions!r}"
        raise TypeError(msg) from error
    if values.dtype == pl.Object or values.dtype.is_nested():
        msg = f"`{name}` must hold plain values, got {questions!r}"
        raise TypeError(msg)
    return pl.Series(name, [values])


def _amount(name: str, value: object) -> float | None:
    """`value` as a float, if it is a finite number of at least 0."""
    if value is None:
        return None
    amount = number(name, value)
    if not math.isfinite(amount) or amount < 0:
        msg = f"`{name}` must be a finite number of at least 0, got {value!r}"
        raise ValueError(msg)
    return amount
