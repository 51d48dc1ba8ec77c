"""What chance alone makes of the best of many sets."""

from __future__ import annotations

import math


def chance_r(s: float, sets: int, n_users: float) -> float:
    """The r that the best of many sets would have if no question had to do with the rest.

    A set's total that is unrelated to the rest of the grand total still correlates with the grand total, as
    it is a part of it: by `s` (Guilford 1953; Levy 1967). On a sample, atanh(r) varies around atanh(s) with a
    standard deviation of about 1/√(n − 3) (Fisher 1921), and the largest of M independent normal deviates
    is about √(2 ln M). Together: tanh(atanh(s) + √(2 ln M)/√(n − 3)).

    A rule of thumb, not a test: sets share questions and so are not independent, which makes it too high;
    it takes each set to have `n_users` common users, and the best are often among the smaller ones, which
    makes it too low.

    Parameters
    ----------
    s
        Standard deviation of the set total over that of the grand total, of a typical set.
    sets
        How many sets are looked at, at least 1. Any size.
    n_users
        Common users of a typical set. With 3 or fewer chance reaches any r.

    Returns
    -------
    float
        From `s` to 1; NaN if `s` or `n_users` is.

    Raises
    ------
    ValueError
        If `s` is negative or `sets` less than 1.

    Examples
    --------
    The best of all sets of 5 out of 200 questions, of which 19 users each answered all:

    >>> from polars_corrset._chance import chance_r
    >>> round(chance_r(0.35, 2_535_650_040, 19), 2)
    0.96
    """
    if s < 0:
        msg = f"`s` must be at least 0, got {s}"
        raise ValueError(msg)
    if sets < 1:
        msg = f"`sets` must be at least 1, got {sets}"
        raise ValueError(msg)
    if math.isnan(s) or math.isnan(n_users):
        return math.nan
    if s >= 1 or n_users <= 3:
        return 1.0
    return math.tanh(math.atanh(s) + math.sqrt(2 * math.log(sets) / (n_users - 3)))
