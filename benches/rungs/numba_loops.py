"""Rungs 9 and 11 to 15: Numba for ever larger parts of the loop.

A loop that is compiled as a whole is compiled twice, as `(serial, parallel)`: what is parallel are the sets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numba import njit, prange, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from rungs import numpy_loops

Sets = Iterable[tuple[int, ...]]


def serial_and_parallel(loop: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    return njit(loop), njit(parallel=True)(loop)


# Ingredients.


@njit
def correlation_from_sums(sums):
    """Pearson's r; the last product in floats, because it exceeds 64 bits on large samples."""
    n, x, xx, t, tt, xt = sums
    spread = float(n * xx - x * x) * float(n * tt - t * t)
    return float(n * xt - x * t) / math.sqrt(spread) if spread > 0 else math.nan


@njit
def correlation(x, t):
    sum_x = sum_xx = sum_t = sum_tt = sum_xt = 0
    for i in range(len(x)):
        sum_x += x[i]
        sum_xx += x[i] * x[i]
        sum_t += t[i]
        sum_tt += t[i] * t[i]
        sum_xt += x[i] * t[i]
    return correlation_from_sums((len(x), sum_x, sum_xx, sum_t, sum_tt, sum_xt))


# The CPU has instructions for these two, Numba has no functions.


@intrinsic
def trailing_zeros(_typing_context, _word):
    def generate(context, builder, _signature, arguments):
        return builder.cttz(arguments[0], context.get_constant(types.boolean, 1))

    return types.uint64(types.uint64), generate


@intrinsic
def ones(_typing_context, _word):
    def generate(_context, builder, _signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@njit
def decode(words):
    """The positions of the set bits."""
    length = np.uint64(0)
    for word in words:
        length += ones(word)
    positions = np.empty(length, np.int64)
    count = 0
    for i in range(len(words)):
        word = words[i]
        while word:
            positions[count] = 64 * i + trailing_zeros(word)
            count += 1
            word &= word - np.uint64(1)
    return positions


@njit
def intersection(bits, chosen):
    words = bits[chosen[0]].copy()
    for question in chosen[1:]:
        words &= bits[question]
    return words


@njit
def set_totals(scores, chosen, users):
    x = np.zeros(len(users), np.int64)
    for question in chosen:
        for i in range(len(users)):
            x[i] += scores[question, users[i]]
    return x


# Rung 9.


def _boolean_masks(answered, scores, totals, sets):
    """The loop with boolean masks, score matrix and own correlation, as it is."""
    r = np.empty(len(sets))
    for i in prange(len(sets)):
        chosen = sets[i]
        mask = answered[chosen[0]].copy()
        for question in chosen[1:]:
            mask &= answered[question]
        common = np.flatnonzero(mask)
        r[i] = correlation(set_totals(scores, chosen, common), totals[common])
    return r


boolean_masks = serial_and_parallel(_boolean_masks)

# Rungs 11 to 13: a Python loop that calls compiled parts.


def with_decoding(
    bits: NDArray[np.uint64], scores: NDArray[np.int8], totals: NDArray[np.int64], sets: Sets
) -> list[float]:
    """Numba decodes the bits, NumPy does the rest."""
    found = []
    for chosen in sets:
        common = decode(np.bitwise_and.reduce(bits[list(chosen)]))
        x = scores[np.ix_(chosen, common)].sum(axis=0)
        found.append(numpy_loops.correlation(x, totals[common]))
    return found


def with_correlation(
    bits: NDArray[np.uint64], scores: NDArray[np.int8], totals: NDArray[np.int64], sets: Sets
) -> list[float]:
    """Numba decodes and correlates."""
    found = []
    for chosen in sets:
        common = decode(np.bitwise_and.reduce(bits[list(chosen)]))
        x = scores[np.ix_(chosen, common)].sum(axis=0)
        found.append(correlation(x, totals[common]))
    return found


def with_intersection(
    bits: NDArray[np.uint64], scores: NDArray[np.int8], totals: NDArray[np.int64], sets: Sets
) -> list[float]:
    """Numba intersects, decodes and correlates."""
    found = []
    for chosen in sets:
        common = decode(intersection(bits, chosen))
        x = scores[np.ix_(chosen, common)].sum(axis=0)
        found.append(correlation(x, totals[common]))
    return found


# Rung 14.


def _whole_loop(bits, scores, totals, sets):
    """The same steps, each with its own array, all compiled."""
    r = np.empty(len(sets))
    for i in prange(len(sets)):
        chosen = sets[i]
        common = decode(intersection(bits, chosen))
        r[i] = correlation(set_totals(scores, chosen, common), totals[common])
    return r


whole_loop = serial_and_parallel(_whole_loop)

# Rung 15.


@njit
def sums_of_set(bits, scores, totals, chosen):
    """Each common user is added to six running sums as soon as it is decoded: no arrays of users."""
    words = intersection(bits, chosen)
    n = sum_x = sum_xx = sum_t = sum_tt = sum_xt = 0
    for i in range(len(words)):
        word = words[i]
        while word:
            user = 64 * i + np.int64(trailing_zeros(word))
            word &= word - np.uint64(1)
            x = 0
            for question in chosen:
                x += scores[question, user]
            t = totals[user]
            n += 1
            sum_x += x
            sum_xx += x * x
            sum_t += t
            sum_tt += t * t
            sum_xt += x * t
    return n, sum_x, sum_xx, sum_t, sum_tt, sum_xt


def _running_sums(bits, scores, totals, sets):
    """One pass over each set's bits."""
    r = np.empty(len(sets))
    for i in prange(len(sets)):
        r[i] = correlation_from_sums(sums_of_set(bits, scores, totals, sets[i]))
    return r


running_sums = serial_and_parallel(_running_sums)


@njit
def answerers(bits, scores, question, common):
    """Of the common users those who answered `question`, too, with their totals on the set and on all."""
    users, x, t = common
    users_left, x_left, t_left = np.empty_like(users), np.empty_like(x), np.empty_like(t)
    count = 0
    for i in range(len(users)):
        user = users[i]
        if bits[question, user >> 6] >> np.uint64(user & 63) & np.uint64(1):
            users_left[count] = user
            x_left[count] = x[i] + scores[question, user]
            t_left[count] = t[i]
            count += 1
    return users_left[:count], x_left[:count], t_left[:count]


@njit
def below_prefix(bits, scores, totals, prefix, r):
    """Fills `r` for all sets of the prefix and two later questions, in order."""
    users = decode(intersection(bits, prefix))
    common = users, set_totals(scores, prefix, users), totals[users]
    questions = len(bits)
    found = 0
    for fourth in range(prefix[-1] + 1, questions):
        users_4, x_4, t_4 = answerers(bits, scores, fourth, common)
        for fifth in range(fourth + 1, questions):
            n = sum_x = sum_xx = sum_t = sum_tt = sum_xt = 0
            for i in range(len(users_4)):
                user = users_4[i]
                if bits[fifth, user >> 6] >> np.uint64(user & 63) & np.uint64(1):
                    x_5 = x_4[i] + scores[fifth, user]
                    n += 1
                    sum_x += x_5
                    sum_xx += x_5 * x_5
                    sum_t += t_4[i]
                    sum_tt += t_4[i] * t_4[i]
                    sum_xt += x_5 * t_4[i]
            r[found] = correlation_from_sums((n, sum_x, sum_xx, sum_t, sum_tt, sum_xt))
            found += 1


def _prefix_reuse(bits, scores, totals, prefixes):
    """Running sums along the tree of sets: a prefix's users are decoded once and keep their totals so far."""
    later = len(bits) - 1 - prefixes[:, 2]
    ends = np.cumsum(later * (later - 1) // 2)
    r = np.empty(ends[-1])
    for i in prange(len(prefixes)):
        start = ends[i - 1] if i else 0
        below_prefix(bits, scores, totals, prefixes[i], r[start : ends[i]])
    return r


prefix_reuse = serial_and_parallel(_prefix_reuse)
