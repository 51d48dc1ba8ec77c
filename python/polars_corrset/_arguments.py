"""Checks of arguments that need no data: what they alone show to be wrong is an error at call time."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import Literal, SupportsIndex, get_args

import polars as pl

RankBy = Literal["r", "r_rest", "alpha"]
Total = Literal["sum", "mean"]
Duplicates = Literal["error", "first", "last", "sum", "mean", "min", "max"]

# Keyword arguments reach the plugin as 64-bit integers; beyond that a count means the same as this one.
LARGEST = 2**63 - 1


def count(name: str, value: object, *, least: int, most: int | None = None) -> int:
    """`value` if it is an integer of at least `least`, and at most `most`."""
    # bool is an int to Python; k=True is a mistake to everybody else.
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        msg = f"`{name}` must be an integer, got {value!r} of type {type(value).__name__}"
        raise TypeError(msg)
    number = operator.index(value)
    if number < least:
        msg = f"`{name}` must be at least {least}, got {value}"
        raise ValueError(msg)
    if most is not None and number > most:
        msg = f"`{name}` must be at most {most}, got {value}"
        raise ValueError(msg)
    return min(number, LARGEST)


def number(name: str, value: object) -> float:
    """`value` as a float, if it is a number that a float can be."""
    if isinstance(value, bool) or not isinstance(value, (Real, Decimal)):
        msg = f"`{name}` must be a number, got {value!r} of type {type(value).__name__}"
        raise TypeError(msg)
    try:
        return float(value)
    except OverflowError as error:
        msg = f"`{name}` must be a number in the range of floats, got {value!r:.20}…"
        raise ValueError(msg) from error


def level(name: str, value: object) -> float:
    """`value` if it is a number between 0 and 1, neither of them."""
    share = number(name, value)
    if not 0 < share < 1:
        msg = f"`{name}` must be between 0 and 1, such as 0.95, got {value}"
        raise ValueError(msg)
    return share


def check_frame(name: str, value: object) -> None:
    """Refuse what is no frame."""
    if not isinstance(value, (pl.LazyFrame, pl.DataFrame)):
        kind = type(value)
        library, *_ = kind.__module__.split(".")
        hint = "; pl.from_pandas makes one of it" if library == "pandas" else ""
        what = kind.__name__ if library in {"builtins", "polars"} else f"{library}.{kind.__name__}"
        msg = f"`{name}` must be a Polars LazyFrame or DataFrame, got {what}{hint}"
        raise TypeError(msg)


def choice(name: str, value: object, choices: object) -> str:
    """`value` if it is one of the literal type `choices`."""
    allowed = get_args(choices)
    if not isinstance(value, str) or value not in allowed:
        listed = ", ".join(repr(one) for one in allowed)
        msg = f"`{name}` must be one of {listed}, got {value!r}"
        raise ValueError(msg)
    return value


def flag(name: str, value: object) -> bool:
    """`value` if it is True or False."""
    if not isinstance(value, bool):
        msg = f"`{name}` must be True or False, got {value!r} of type {type(value).__name__}"
        raise TypeError(msg)
    return value


def total_of(value: object, *, has_criterion: bool) -> str:
    """How a grand total is made; where sets are correlated with a criterion there is none."""
    total = choice("total", value, Total)
    if has_criterion and total != "sum":
        msg = f"`total` must be 'sum' where there is a `criterion` in the total's place, got {value!r}"
        raise ValueError(msg)
    return total


def rank_of(value: object, *, has_criterion: bool) -> str:
    """What ranks the sets. A criterion has no rest."""
    rank_by = choice("rank_by", value, RankBy)
    if has_criterion and rank_by == "r_rest":
        msg = "`rank_by` cannot be 'r_rest' where there is a `criterion`: no set is part of it"
        raise ValueError(msg)
    return rank_by


def shard_of(value: object) -> dict[str, int]:
    """The pair `value` as the plugin takes it: one of several shares, counted from 0; `None` is the whole."""
    if value is None:
        return {"index": 0, "count": 1}
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)) or len(value) != 2:
        msg = f"`shard` must be a pair of integers (i, n), the i-th of n shares, got {value!r}"
        raise TypeError(msg)
    shares = count("shard[1]", value[1], least=1)
    index = count("shard[0]", value[0], least=0)
    if index >= shares:
        msg = f"`shard` must be (i, n) with i from 0 to n - 1, got {value!r}"
        raise ValueError(msg)
    return {"index": index, "count": shares}
