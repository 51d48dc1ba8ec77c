"""Shares of the sets: one after another the whole, and the best of each the best of its sets."""

from __future__ import annotations

from math import comb
from typing import Any

import polars as pl
import polars_corrset as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from test_properties import Case, cases
from test_scan_floors import some_test


@given(cases(), st.integers(1, 4), st.integers(1, 30), st.integers(2, 4))
def test_shards_make_the_whole(case: Case, k: int, shards: int, min_users: int) -> None:
    options = {"k": k, "min_users": min_users}
    parts = [
        pc.top_corrsets(case.frame, top=None, shard=(index, shards), **options) for index in range(shards)
    ]
    assert_frame_equal(pl.concat(parts), pc.top_corrsets(case.frame, top=None, **options), check_exact=True)


@given(
    cases(),
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(1, 5),
    st.sampled_from(["r", "r_rest", "alpha"]),
)
def test_best_of_the_shards_are_the_best(case: Case, k: int, shards: int, top: int, rank_by: str) -> None:
    options = {"k": k, "top": top, "rank_by": rank_by}
    parts = [pc.top_corrsets(case.frame, shard=(index, shards), **options) for index in range(shards)]
    # Shards follow the order by which ties are ranked, and the sort keeps it.
    merged = pl.concat(parts).sort(rank_by, descending=True, maintain_order=True).head(top)
    assert_frame_equal(merged, pc.top_corrsets(case.frame, **options), check_exact=True)


@pytest.mark.parametrize("scale", [1, 0.1], ids=["integers", "floats"])
@pytest.mark.parametrize("rank_by", ["r", "r_rest", "alpha"])
@pytest.mark.parametrize("options", [{}, {"include": [3], "exclude": [5]}], ids=str)
def test_best_of_a_shard_of_complete_answers(
    options: dict[str, Any], rank_by: str, scale: float, engine: str
) -> None:
    """By the bound, as filtering afterwards, with ties: three items are one."""
    frame = some_test(200, 16).with_columns(pl.col("score") * scale).lazy()
    options = {"k": 5, "rank_by": rank_by, **options}
    for shard in ((0, 2), (1, 3), (8, 9), (63, 64), (700, 1000)):
        every = pc.top_corrsets(frame, top=None, shard=shard, **options).collect(engine=engine)
        ranked = every.drop_nulls(rank_by).sort(rank_by, descending=True, maintain_order=True)
        for top in (1, 30):
            best = pc.top_corrsets(frame, top=top, shard=shard, **options).collect(engine=engine)
            assert_frame_equal(best, ranked.head(top), check_exact=True)


def test_a_shard_of_billions_comes_at_once(engine: str) -> None:
    """Sets of nine of fifty: the best of all shards are the best of all."""
    frame = some_test(300, 50).lazy()
    parts = [
        pc.top_corrsets(frame, k=9, top=5, shard=(index, 3)).collect(engine=engine) for index in range(3)
    ]
    merged = pl.concat(parts).sort("r", descending=True, maintain_order=True).head(5)
    assert_frame_equal(merged, pc.top_corrsets(frame, k=9, top=5).collect(engine=engine), check_exact=True)


@pytest.mark.parametrize("shards", [1, 2, 7, 1000])
def test_shards_are_nearly_equal(engine: str, shards: int) -> None:
    users = pl.LazyFrame({"user": range(5), "score": [3, 1, 4, 1, 5]})
    frame = users.join(pl.LazyFrame({"question": range(11)}), how="cross")
    sizes = [
        pc.top_corrsets(frame, k=4, top=None, shard=(index, shards)).collect(engine=engine).height
        for index in range(shards)
    ]
    assert sum(sizes) == comb(11, 4)
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("shard", "error", "part"),
    [
        ((3, 3), ValueError, "from 0 to n - 1"),
        ((-1, 3), ValueError, "at least 0"),
        ((0, 0), ValueError, "at least 1"),
        ((0, 2.0), TypeError, "integer"),
        ((True, 2), TypeError, "integer"),
        (2, TypeError, "pair"),
        ((1, 2, 3), TypeError, "pair"),
        ("12", TypeError, "pair"),
    ],
    ids=str,
)
def test_arguments(shard: object, error: type[Exception], part: str) -> None:
    with pytest.raises(error, match=part) as caught:
        pc.corrset(k=2, shard=shard)
    assert "`shard" in str(caught.value)
