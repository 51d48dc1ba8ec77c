"""What of a predicate can prune inside the search. Polars applies all of it once more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COMPARISONS: list[tuple[Callable[[pl.Expr, pl.Expr], pl.Expr], bool]] = [
    # With the column on the left: whether it is at least the literal.
    (lambda left, right: left >= right, True),
    (lambda left, right: left > right, True),
    (lambda left, right: left == right, True),
    # With the literal on the left, the same the other way round.
    (lambda left, right: left <= right, False),
    (lambda left, right: left < right, False),
]


class Bounds(NamedTuple):
    """Least values that a predicate leaves. A row below any of them does not satisfy it."""

    r: float | None = None
    r_rest: float | None = None
    alpha: float | None = None
    n_users: float | None = None


class Membership(NamedTuple):
    """Questions without which no set satisfies a predicate, and questions with which none does."""

    contained: pl.Series | None = None
    missing: pl.Series | None = None


def bounds(predicate: pl.Expr | None) -> Bounds:
    """The bounds that the comparisons with literals in a conjunction set."""
    least: dict[str, float] = {}
    for one in _conjuncts(predicate):
        operands = one.meta.pop()
        if len(operands) != 2:
            continue
        right, left = operands
        for compare, is_column_left in _COMPARISONS:
            if one.meta.eq(compare(left, right)):
                column, literal = (left, right) if is_column_left else (right, left)
                if (name := _column(column)) and (value := _number(literal)) is not None:
                    least[name] = max(value, least.get(name, value))
    return Bounds(**least)


def membership(predicate: pl.Expr | None, dtype: pl.DataType) -> Membership:
    """What a conjunction says with `list.contains` of questions of `dtype`, each a literal."""
    contained: list[pl.Series] = []
    missing: list[pl.Series] = []
    for one in _conjuncts(predicate):
        operands = one.meta.pop()
        is_negated = len(operands) == 1 and one.meta.eq(~operands[0])
        question = _contained(operands[0] if is_negated else one, dtype)
        if question is not None:
            (missing if is_negated else contained).append(question)
    return Membership(*(pl.concat(questions) if questions else None for questions in (contained, missing)))


def _conjuncts(predicate: pl.Expr | None) -> Iterator[pl.Expr]:
    """The parts of a conjunction, however nested.

    An expression tells its operands, the last one first, but not its operator: it is the one that makes an
    equal expression of them. So it is with all that is looked for here.
    """
    conjunction = [] if predicate is None else [predicate]
    while conjunction:
        one = conjunction.pop()
        operands = one.meta.pop()
        if len(operands) == 2 and one.meta.eq(operands[1] & operands[0]):
            conjunction += operands
        else:
            yield one


def _contained(expression: pl.Expr, dtype: pl.DataType) -> pl.Series | None:
    """The question that sets contain where the expression holds."""
    operands = expression.meta.pop()
    if len(operands) != 2:
        return None
    item = operands[0]
    # Without nulls it is all the same whether these are equal.
    contains = (pl.col("questions").list.contains(item, nulls_equal=equal) for equal in (True, False))
    return _question(item, dtype) if any(expression.meta.eq(one) for one in contains) else None


def _question(expression: pl.Expr, dtype: pl.DataType) -> pl.Series | None:
    """A literal of the dtype of the questions. What others mean beside these is up to Polars."""
    # Which floats are equal (zeros, NaN) is not the same everywhere.
    if not expression.meta.is_literal(allow_aliasing=False) or dtype.is_float():
        return None
    value = pl.select(expression).to_series()
    if value.len() != 1 or value.null_count() > 0:
        return None
    if isinstance(dtype, (pl.Enum, pl.Categorical)) and value.dtype in (dtype, pl.String):
        name = value.cast(pl.String).rename("")
        # To ask for what is no category is an error, in some versions.
        is_category = isinstance(dtype, pl.Categorical) or name.item() in dtype.categories
        return name if is_category else None
    return value.rename("") if value.dtype == dtype else None


def _column(expression: pl.Expr) -> str | None:
    is_ours = any(expression.meta.eq(pl.col(name)) for name in Bounds._fields)
    return expression.meta.output_name() if is_ours else None


def _number(expression: pl.Expr) -> float | None:
    if not expression.meta.is_literal(allow_aliasing=False):
        return None
    value = pl.select(expression).item()
    # Polars counts NaN as the largest number; an infinite bound is none, or one that leaves nothing.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None
