"""Rung 16: the sums of all sets of a prefix of three under `jax.jit`.

XLA wants arrays of a fixed shape and no loops over bits. So the users of a prefix are gathered into a table
of a fixed size, and the sums of the sets of the prefix and any two more questions are products of matrices,
questions × users × questions. Each pair of questions is thus computed twice, and those before the end of the
prefix for nothing: to leave them out would make another shape of each prefix.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

jax.config.update("jax_enable_x64", True)

# Integers up to here are exact in the 32-bit floats in which matrices are multiplied.
EXACT = 1 << 24


@partial(jax.jit, static_argnames="capacity")
def prefix_matrix(
    answered: jax.Array, scores: jax.Array, totals: jax.Array, prefix: jax.Array, capacity: int
) -> jax.Array:
    """r of the prefix with each pair of questions."""
    common = answered[prefix].all(axis=0)
    (users,) = jnp.nonzero(common, size=capacity)
    there = jnp.arange(capacity) < common.sum()
    a = (answered[:, users] & there).astype(jnp.float32)
    s = scores[:, users].astype(jnp.float32) * a
    p = s[prefix].sum(axis=0)
    t = totals[users].astype(jnp.float32)

    def once(weight: jax.Array) -> jax.Array:
        return (a * weight) @ a.T

    def each(left: jax.Array) -> jax.Array:
        product = left @ a.T
        return product + product.T

    # x = p + s of one question + s of the other, so Σx² has a term for each product of two of the three.
    sums = (
        once(jnp.ones_like(t)),
        once(p) + each(s),
        once(p * p) + each(s * (2 * p + s)) + 2 * s @ s.T,
        once(t),
        once(t * t),
        once(p * t) + each(s * t),
    )
    n, x, xx, t, tt, xt = (total.astype(jnp.float64) for total in sums)
    spread = (n * xx - x * x) * (n * tt - t * t)
    return jnp.where(spread > 0, (n * xt - x * t) / jnp.sqrt(spread), jnp.nan)


def walker(
    answered: NDArray[np.bool_],
    scores: NDArray[np.int8],
    totals: NDArray[np.int64],
    prefixes: NDArray[np.int64],
) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """The rung, for prefixes out of `prefixes`: they decide how large the table of users must be."""
    capacity = max(int(answered[prefix].all(axis=0).sum()) for prefix in prefixes)
    largest = max(int(totals.max()), 5 * int(scores.max()))
    if capacity * largest**2 >= EXACT:
        message = f"sums over {capacity} users of totals up to {largest} are not exact in 32-bit floats"
        raise OverflowError(message)
    on_device = jnp.asarray(answered), jnp.asarray(scores), jnp.asarray(totals)
    questions = np.arange(len(answered))
    pairs = questions[:, None] < questions

    def walk(prefixes: NDArray[np.int64]) -> NDArray[np.float64]:
        found = []
        for prefix in prefixes:
            r = np.asarray(prefix_matrix(*on_device, prefix, capacity))
            found.append(r[pairs & (questions[:, None] > prefix[-1])])
        return np.concatenate(found)

    return walk
