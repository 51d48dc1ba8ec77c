"""What of a predicate can prune inside the search. Polars applies all of it once more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

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


def bounds(predicate: pl.Expr | None) -> Bounds:
    """The bounds that the comparisons with literals in a conjunction set.

    An expression tells its operands, but not its operator: it is the one that makes an equal expression of
    them.
    """
    least: dict[str, float] = {}
    conjunction = [] if predicate is None else [predicate]
    while conjunction:
        one = conjunction.pop()
        # The last operand comes first.
        operands = one.meta.pop()
        if len(operands) != 2:
            continue
        right, left = operands
        if one.meta.eq(left & right):
            conjunction += (left, right)
            continue
        for compare, is_column_left in _COMPARISONS:
            if one.meta.eq(compare(left, right)):
                column, literal = (left, right) if is_column_left else (right, left)
                if (name := _column(column)) and (value := _number(literal)) is not None:
                    least[name] = max(value, least.get(name, value))
    return Bounds(**least)


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
