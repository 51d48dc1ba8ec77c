"""Checks of arguments that need no data: what they alone show to be wrong is an error at call time."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Literal, SupportsIndex, get_args

import polars as pl

RankBy = Literal["r", "r_rest"]
Duplicates = Literal["error", "first", "last", "sum", "mean", "min", "max"]

# Keyword arguments reach the plugin as 64-bit integers; beyond that a count means the same as this one.
_LARGEST = 2**63 - 1


def count(name: str, value: object, *, least: int) -> int:
    """`value` if it is an integer of at least `least`."""
    # bool is an int to Python; k=True is a mistake to everybody else.
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        msg = f"`{name}` must be an integer, got {value!r} of type {type(value).__name__}"
        raise TypeError(msg)
    number = operator.index(value)
    if number < least:
        msg = f"`{name}` must be at least {least}, got {value}"
        raise ValueError(msg)
    return min(number, _LARGEST)


def level(name: str, value: object) -> float:
    """`value` if it is a number between 0 and 1, neither of them."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"`{name}` must be a number, got {value!r} of type {type(value).__name__}"
        raise TypeError(msg)
    if not 0 < value < 1:
        msg = f"`{name}` must be between 0 and 1, such as 0.95, got {value}"
        raise ValueError(msg)
    return float(value)


def check_frame(name: str, value: object) -> None:
    """Refuse what is no frame."""
    if not isinstance(value, (pl.LazyFrame, pl.DataFrame)):
        msg = f"`{name}` must be a LazyFrame or a DataFrame, got {type(value).__name__}"
        raise TypeError(msg)


def choice(name: str, value: object, choices: object) -> str:
    """`value` if it is one of the literal type `choices`."""
    allowed = get_args(choices)
    if not isinstance(value, str) or value not in allowed:
        listed = ", ".join(repr(one) for one in allowed)
        msg = f"`{name}` must be one of {listed}, got {value!r}"
        raise ValueError(msg)
    return value


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
