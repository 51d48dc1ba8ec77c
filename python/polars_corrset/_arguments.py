"""Checks of arguments that need no data: what they alone show to be wrong is an error at call time."""

from __future__ import annotations

import operator
from typing import Literal, SupportsIndex, get_args

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


def choice(name: str, value: object, choices: object) -> str:
    """`value` if it is one of the literal type `choices`."""
    allowed = get_args(choices)
    if not isinstance(value, str) or value not in allowed:
        listed = ", ".join(repr(one) for one in allowed)
        msg = f"`{name}` must be one of {listed}, got {value!r}"
        raise ValueError(msg)
    return value
