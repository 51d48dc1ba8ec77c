"""Rungs 6 to 8 and 10: a Python loop over sets, NumPy for the users."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

Sets = Iterable[tuple[int, ...]]


def boolean_masks(
    answered: NDArray[np.bool_],
    score_of: Mapping[int, Mapping[int, int]],
    totals: NDArray[np.int64],
    sets: Sets,
) -> list[float]:
    """Common users from a boolean matrix, scores still from dictionaries."""
    found = []
    for chosen in sets:
        common = np.flatnonzero(answered[list(chosen)].all(axis=0))
        set_totals = [sum(score_of[question][user] for question in chosen) for user in common.tolist()]
        found.append(np.corrcoef(set_totals, totals[common])[0, 1])
    return found


def score_matrix(
    answered: NDArray[np.bool_], scores: NDArray[np.int8], totals: NDArray[np.int64], sets: Sets
) -> list[float]:
    """Scores from a matrix, too: no dictionary left."""
    found = []
    for chosen in sets:
        common = np.flatnonzero(answered[list(chosen)].all(axis=0))
        set_totals = scores[np.ix_(chosen, common)].sum(axis=0)
        found.append(np.corrcoef(set_totals, totals[common])[0, 1])
    return found


def correlation(x: NDArray[np.int64], t: NDArray[np.int64]) -> float:
    """Pearson's r from six sums."""
    n, sum_x, sum_t = len(x), int(x.sum()), int(t.sum())
    xx, tt, xt = int(x @ x), int(t @ t), int(x @ t)
    spread = (n * xx - sum_x * sum_x) * (n * tt - sum_t * sum_t)
    return (n * xt - sum_x * sum_t) / math.sqrt(spread) if spread else math.nan


def own_correlation(
    answered: NDArray[np.bool_], scores: NDArray[np.int8], totals: NDArray[np.int64], sets: Sets
) -> list[float]:
    """Six sums in the place of `np.corrcoef`."""
    found = []
    for chosen in sets:
        common = np.flatnonzero(answered[list(chosen)].all(axis=0))
        set_totals = scores[np.ix_(chosen, common)].sum(axis=0)
        found.append(correlation(set_totals, totals[common]))
    return found


def bitsets(
    bits: NDArray[np.uint64], scores: NDArray[np.int8], totals: NDArray[np.int64], sets: Sets
) -> list[float]:
    """Common users from bitsets: an eighth of the bytes to intersect, but bits to unpack."""
    found = []
    for chosen in sets:
        words = np.bitwise_and.reduce(bits[list(chosen)])
        common = np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little"))
        set_totals = scores[np.ix_(chosen, common)].sum(axis=0)
        found.append(correlation(set_totals, totals[common]))
    return found
