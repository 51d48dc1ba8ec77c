"""What chance makes of the best of many sets, against draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from polars_corrset._chance import chance_r


@pytest.mark.parametrize(("s", "n_users", "sets"), [(0.2, 30, 3000), (0.5, 12, 1000), (0.4, 100, 10_000)])
def test_is_about_the_best_of_totals_unrelated_to_the_rest(s: float, n_users: int, sets: int) -> None:
    rng = np.random.default_rng(5)
    best = []
    for _ in range(20):
        totals = s * rng.normal(size=(sets, n_users))
        grand = totals + math.sqrt(1 - s * s) * rng.normal(size=(sets, n_users))
        x, t = (values - values.mean(axis=1, keepdims=True) for values in (totals, grand))
        best.append(((x * t).sum(axis=1) / np.sqrt((x * x).sum(axis=1) * (t * t).sum(axis=1))).max())
    # The rule of thumb errs on the side of chance.
    assert 0 <= chance_r(s, sets, n_users) - np.mean(best) < 0.06


def test_one_set_is_as_good_as_its_overlap_and_more_sets_are_better() -> None:
    assert chance_r(0.3, 1, 50) == pytest.approx(0.3)
    levels = [chance_r(0.3, sets, 50) for sets in (1, 10, 10**6, math.comb(1000, 500))]
    assert levels == sorted(set(levels))
    assert levels[-1] < 1


@pytest.mark.parametrize(("s", "n_users"), [(1.0, 50), (1.2, 50), (0.3, 3), (0.3, 2.5)])
def test_nothing_is_beyond_chance_for_very_few_users_or_if_the_set_is_the_total(
    s: float, n_users: float
) -> None:
    assert chance_r(s, 10, n_users) == 1.0


@pytest.mark.parametrize(("s", "n_users"), [(math.nan, 50), (0.3, math.nan), (math.nan, 2)])
def test_of_the_unknown_nothing_is_known(s: float, n_users: float) -> None:
    assert math.isnan(chance_r(s, 10, n_users))


@pytest.mark.parametrize(
    ("s", "sets", "message"), [(-0.1, 10, "`s` must be at least 0"), (0.3, 0, "`sets` must be at least 1")]
)
def test_refuses_what_cannot_be(s: float, sets: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chance_r(s, sets, 50)
