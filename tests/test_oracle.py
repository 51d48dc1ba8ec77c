"""The oracle against other people's correlations and an example done by hand."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import combinations

import numpy as np
import oracle
import pandas as pd
import polars as pl
import pytest
from oracle import CorrSet, corrsets
from responses import sparse

# Totals:      x  y  z   T
#        ann   1  0  3   4
#        bob   2  2  1   5
#        cleo  3  .  4   7
BY_HAND = [
    ("ann", "x", 1),
    ("ann", "y", 0),
    ("ann", "z", 3),
    ("bob", "x", 2),
    ("bob", "y", 2),
    ("bob", "z", 1),
    ("cleo", "x", 3),
    ("cleo", "z", 4),
]


def test_by_hand() -> None:
    # x: X = 1 2 3, T = 4 5 7, T - X = 3 3 4. Deviations of X: -1 0 1, of T: -4/3 -1/3 5/3 -> c = 3,
    # r = 3/sqrt(2 * 42/9); rest: -1/3 -1/3 2/3 -> c = 1, r_rest = 1/sqrt(2 * 6/9).
    # y: only ann and bob, who have T = 4 5 and T - X = 4 3.
    # z: X = 3 1 4, T - X = 1 4 3. Deviations 1/3 -5/3 4/3 and of T as above -> c = 7/3;
    # of the rest -5/3 4/3 1/3 -> c = -7/3; both sums of squares of X and of T, and of the rest, are 42/9.
    x = CorrSet(("x",), 3 / math.sqrt(28 / 3), math.sqrt(3) / 2, 3)
    y = CorrSet(("y",), 1.0, -1.0, 2)
    z = CorrSet(("z",), 0.5, -0.5, 3)
    found = corrsets(BY_HAND, k=1, top=None)
    assert [one.questions for one in found] == [("x",), ("y",), ("z",)]
    for one, wanted in zip(found, (x, y, z), strict=True):
        assert one.n_users == wanted.n_users
        assert (one.r, one.r_rest) == pytest.approx((wanted.r, wanted.r_rest), abs=1e-15)


def test_options_by_hand() -> None:
    def questions(**options: object) -> list[str]:
        return ["".join(one.questions) for one in corrsets(BY_HAND, k=1, **options)]

    assert questions() == ["y", "x", "z"]
    assert questions(top=2) == ["y", "x"]
    assert questions(rank_by="r_rest") == ["x", "z", "y"]
    assert questions(min_users=3) == ["x", "z"]
    assert questions(min_users=3, top=None) == ["x", "z"]
    assert corrsets(BY_HAND, k=4) == []


def test_constant_totals_have_no_r() -> None:
    responses = [("a", "x", 1), ("b", "x", 2), ("a", "y", 2), ("b", "y", 1), ("a", "z", 5), ("b", "z", 5)]
    # T is 8 for both; with z left out it is 3.
    assert corrsets(responses, k=1) == []
    assert [one.r for one in corrsets(responses, k=1, top=None)] == [None, None, None]
    # A set of all questions has a rest of 0: r is 1, r_rest does not exist, so it is not ranked by that.
    whole = [("a", "x", 1), ("b", "x", 2), ("a", "y", 2), ("b", "y", 3)]
    assert corrsets(whole, k=2) == [CorrSet(("x", "y"), 1.0, None, 2)]
    assert corrsets(whole, k=2, rank_by="r_rest") == []


@pytest.mark.parametrize(
    ("policy", "score"),
    [("first", 3), ("last", 4), ("sum", 8), ("mean", Decimal(8) / 3), ("min", 1), ("max", 4)],
)
def test_duplicates(policy: str, score: object) -> None:
    others = [("b", "x", 0), ("b", "y", 7), ("c", "x", 2), ("c", "y", 2), ("a", "y", 1)]
    several = [("a", "x", 3), ("a", "x", 1), ("a", "x", 4)]
    found = corrsets([*several, *others], k=1, duplicates=policy, top=None)
    wanted = corrsets([("a", "x", score), *others], k=1, top=None)
    assert [one.questions for one in found] == [one.questions for one in wanted]
    assert [one.r for one in found] == pytest.approx([one.r for one in wanted])
    with pytest.raises(ValueError, match="3 responses"):
        corrsets([*several, *others], k=1)


def test_nulls_are_no_response() -> None:
    nulls = [(None, "x", 1), ("ann", None, 1), ("ann", "unanswered", None)]
    assert corrsets([*nulls, *BY_HAND], k=2) == corrsets(BY_HAND, k=2)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("scores", [(0, 1), (-2, 0, 5), (0.1, 0.25, -3.7)])
def test_against_pandas_and_numpy(k: int, scores: tuple[float, ...]) -> None:
    """The way such tables are worked on today: pivot, drop users with gaps, correlate."""
    frame = sparse(30, 6, 0.8, seed=k, scores=scores)
    order = frame["question"].unique(maintain_order=True).to_list()
    wide = pd.DataFrame(frame.to_dict(as_series=False)).pivot(
        index="user", columns="question", values="score"
    )
    grand = wide.sum(axis=1)
    found = corrsets(frame.rows(), k=k, top=None)
    assert [one.questions for one in found] == list(combinations(order, k))
    for one in found:
        answers = wide[list(one.questions)].dropna()
        x, t = answers.sum(axis=1), grand[answers.index]
        assert one.n_users == len(answers)
        assert one.r == pytest.approx(x.corr(t), abs=1e-13), one
        assert one.r_rest == pytest.approx(np.corrcoef(x, t - x)[0, 1], abs=1e-13), one


def test_equal_correlations_are_equal_floats() -> None:
    # (1 2 4) against (1 3 4) and multiples of both: the same r from other sums.
    reference = oracle.correlation([1, 2, 4], [1, 3, 4])
    for x_unit in range(1, 50):
        assert oracle.correlation([x_unit, 2 * x_unit, 4 * x_unit], [7, 21, 28]) == reference, x_unit


def test_sparse_frames_are_sparse() -> None:
    frame = sparse(100, 10, 0.3, seed=0)
    assert 200 < frame.height < 400
    assert not frame.select(pl.struct("user", "question").is_duplicated().any()).item()
