"""Floors under a stream of every set: of complete answers they rule sets out in groups, and no row tells."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import polars as pl
import polars_corrset as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.exceptions import ComputeError
from polars.testing import assert_frame_equal
from responses import assert_sets, expected

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "POLARS_CORRSET_STRATEGY"


def complete(items: list[list[float]]) -> pl.DataFrame:
    """Responses of users who all answered everything, by item."""
    cells = [(user, item, score) for item, scores in enumerate(items) for user, score in enumerate(scores)]
    return pl.DataFrame(cells, schema=["user", "question", "score"], orient="row")


def some_test(users: int, items: int, seed: int = 1) -> pl.DataFrame:
    """Scores of 0 to 3 with a common part; three items are one."""
    draw = pl.int_range(users * items, eager=True).shuffle(seed) % 8
    ability = [(user * 7919 % users) / users for user in range(users)]
    table = [
        [int(4 * (0.2 * ability[user] + 0.1 * draw[user * items + item])) for user in range(users)]
        for item in range(items)
    ]
    table[1] = table[4] = table[items - 1]
    return complete(table)


RESPONSES = some_test(200, 12)
EVERY = pc.scan_corrsets(RESPONSES, k=4, alpha=True).collect()
BEST = {name: EVERY[name].max() for name in ("r", "r_rest", "alpha")}


def test_every_set_is_the_oracles() -> None:
    """What the others compare with."""
    few = RESPONSES.filter(pl.col("question") < 6)
    assert_sets(pc.scan_corrsets(few, k=3).collect(), expected(few, k=3, top=None))


@pytest.mark.parametrize("strategy", ["projection", "moments", "bound", None])
@pytest.mark.parametrize("column", ["r", "r_rest", "alpha"])
def test_floors(column: str, strategy: str | None, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some below the best, the best and others that sets have just so, above all, above 1."""
    if strategy is not None:
        monkeypatch.setenv(VARIABLE, strategy)
    best, value = BEST[column], pl.col(column)
    ties = EVERY[column].value_counts().filter(pl.col("count") > 1)[column].max()
    for predicate in (
        value > best - 0.02,
        value >= best,
        value > best,
        value >= ties,
        value > ties,
        value > 0.05,
        value > 1.5,
        (value > best - 0.05) & (pl.col("r") < BEST["r"]) & (pl.col("n_users") > 3),
    ):
        found = pc.scan_corrsets(RESPONSES, k=4, alpha=True).filter(predicate).collect(engine=engine)
        assert_frame_equal(found, EVERY.filter(predicate), check_exact=True)
    few = pc.scan_corrsets(RESPONSES, k=4, alpha=True).filter(value > best - 0.02).select("questions")
    wanted = EVERY.filter(value > best - 0.02).select("questions")
    assert_frame_equal(few.collect(engine=engine), wanted, check_exact=True)
    assert_frame_equal(few.head(2).collect(engine=engine), wanted.head(2), check_exact=True)


@pytest.mark.parametrize("least", [0.0, -0.3])
@pytest.mark.parametrize("strategy", ["projection", "moments", None])
def test_floors_that_are_not_positive(
    least: float, strategy: str | None, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if strategy is not None:
        monkeypatch.setenv(VARIABLE, strategy)
    predicate = pl.col("r_rest") >= least
    found = pc.scan_corrsets(RESPONSES, k=4, alpha=True).filter(predicate).collect(engine=engine)
    assert_frame_equal(found, EVERY.filter(predicate), check_exact=True)


def test_the_bound_needs_a_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "bound")
    for query in (
        pc.scan_corrsets(RESPONSES, k=4),
        pc.scan_corrsets(RESPONSES, k=4).filter(pl.col("r") > -0.2),
    ):
        with pytest.raises(ComputeError, match="needs `top` or a positive floor"):
            query.collect()


OPTIONS: list[dict[str, Any]] = [
    {"shard": (1, 3)},
    {"include": [3], "exclude": [5]},
    {"include": [11, 2], "shard": (0, 2)},
    {"include": [0, 7, 9]},
    {"domain": pl.col("question") % 3, "max_per_domain": 2, "min_per_domain": 1},
    {"cost": pl.col("question") * 1.5, "max_cost": 20.0, "shard": (2, 4)},
    {"criterion": pl.col("user") % 17},
    {"total": "mean"},
    {"min_users": 201},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("strategy", ["projection", "moments", None])
def test_floors_with(
    options: dict[str, Any], strategy: str | None, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if strategy is not None and options.get("total") != "mean":
        monkeypatch.setenv(VARIABLE, strategy)
    every = pc.top_corrsets(RESPONSES, k=4, top=None, **options)
    assert_frame_equal(pc.scan_corrsets(RESPONSES, k=4, **options).collect(), every, check_exact=True)
    middle = every["r"].median() or 0.0
    for predicate in (pl.col("r") > middle, pl.col("r") >= middle, pl.col("r_rest") > 0.4):
        found = pc.scan_corrsets(RESPONSES, k=4, **options).filter(predicate).collect(engine=engine)
        assert_frame_equal(found, every.filter(predicate), check_exact=True)


SCORES = st.integers(-2, 3) | st.floats(-1, 1).map(lambda score: round(score, 3))


# Items of two to nine users, some of them twice.
ANSWERS = st.tuples(
    st.integers(2, 9).flatmap(
        lambda users: st.lists(st.lists(SCORES, min_size=users, max_size=users), min_size=2, max_size=6)
    ),
    st.lists(st.integers(0, 5), max_size=2),
).map(lambda one: complete(one[0] + [one[0][item % len(one[0])] for item in one[1]]))


@settings(max_examples=60)
@given(
    ANSWERS,
    st.integers(1, 4),
    st.sampled_from(["r", "r_rest"]),
    st.sampled_from(["in-memory", "streaming"]),
    st.integers(0, 2**16),
)
def test_any_complete_answers(frame: pl.DataFrame, k: int, column: str, engine: str, place: int) -> None:
    every = pc.scan_corrsets(frame, k=k).collect()
    floors = [0.3, -0.4, *every[column].drop_nulls()]
    least = floors[place % len(floors)]
    for predicate in (pl.col(column) > least, pl.col(column) >= least):
        found = pc.scan_corrsets(frame, k=k).filter(predicate).collect(engine=engine)
        assert_frame_equal(found, every.filter(predicate), check_exact=True)


def some_floats(users: int, items: int, scale: float, shift: float) -> pl.DataFrame:
    """The same test with scores that are no integers, some of them equal."""
    noise = (pl.int_range(pl.len()).shuffle(7) % 1024) / 4096
    return some_test(users, items).with_columns(score=(pl.col("score") + noise) * scale + shift)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.1, 3.0), (0.001, 1e6)])
def test_every_set_of_floats(
    scale: float, shift: float, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By sums, or by the users where these settle nothing: the same numbers as the users make."""
    frame = some_floats(150, 13, scale, shift)
    every = pc.scan_corrsets(frame, k=4, alpha=True)
    assert pc.plan_corrsets(frame, k=4, top=None).strategy == "moments"
    found = every.collect(engine=engine)
    for predicate in (pl.col("r_rest") >= 0.0, pl.col("alpha") > -0.1, pl.col("r") > found["r"].median()):
        assert_frame_equal(
            every.filter(predicate).collect(engine=engine), found.filter(predicate), check_exact=True
        )
    for columns in (["r"], ["questions", "r_rest"], ["alpha", "n_users"]):
        assert_frame_equal(
            every.select(columns).collect(engine=engine), found.select(columns), check_exact=True
        )
    monkeypatch.setenv(VARIABLE, "projection")
    assert_frame_equal(every.collect(engine=engine), found, check_exact=True)


def test_every_set_of_floats_is_the_oracles(engine: str) -> None:
    frame = some_floats(1000, 9, 0.1, 1.0)
    assert pc.plan_corrsets(frame, k=3, top=None).strategy == "moments"
    found = pc.scan_corrsets(frame, k=3).collect(engine=engine)
    assert_sets(found, expected(frame, k=3, top=None))


THREADS = """
import sys
import polars as pl
import polars_corrset as pc

sets = pc.scan_corrsets(pl.scan_parquet(sys.argv[1]), k=6).filter(pl.col("r") > 0.8)
sets.collect(engine="streaming").write_parquet(sys.argv[2])
"""


def test_threads(tmp_path: Path) -> None:
    responses = tmp_path / "responses.parquet"
    some_test(150, 18).write_parquet(responses)
    found = []
    for threads in ("1", "3"):
        path = tmp_path / f"{threads}.parquet"
        command = [sys.executable, "-c", THREADS, str(responses), str(path)]
        environment = {**os.environ, "POLARS_MAX_THREADS": threads}
        subprocess.run(command, env=environment, check=True, timeout=60)
        found.append(pl.read_parquet(path))
    assert found[0].height > 0
    assert_frame_equal(*found, check_exact=True)


def test_a_floor_of_billions_of_sets_comes_at_once(engine: str) -> None:
    """Sets of nine of fifty, which would be met one by one if users were kept."""
    frame = some_test(300, 50)
    best = pc.top_corrsets(frame, k=9, top=3)
    predicate = pl.col("r") >= best["r"][-1]
    found = pc.scan_corrsets(frame, k=9).filter(predicate).collect(engine=engine)
    wanted = pc.top_corrsets(frame, k=9, top=found.height)
    assert found.height >= 3
    assert_frame_equal(found.sort("r", descending=True, maintain_order=True), wanted, check_exact=True)
