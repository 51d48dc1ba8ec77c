"""The stream of every set: the rows of `top_corrsets` with `top=None`, whatever the query does with them."""

from __future__ import annotations

import inspect
import math
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from math import comb
from pathlib import Path
from typing import Any

import polars as pl
import polars_corrset as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.io.plugins import register_io_source
from polars.testing import assert_frame_equal
from polars_corrset._internal import Scan
from polars_corrset._pushdown import Bounds, bounds
from responses import SCHEMA, assert_sets, expected, sparse

RESPONSES = sparse(30, 9, 0.6, seed=1, scores=(0, 1, 2))
EVERY = pc.top_corrsets(RESPONSES, k=3, top=None)


def scan(**options: Any) -> pl.LazyFrame:
    """All sets of three of the responses."""
    return pc.scan_corrsets(RESPONSES.lazy(), **{"k": 3, **options})


def test_is_lazy_and_gives_every_set(engine: str) -> None:
    assert scan().collect_schema() == SCHEMA
    result = scan().collect(engine=engine)
    assert result.schema == SCHEMA
    assert_sets(result, expected(RESPONSES, k=3, top=None))
    assert_frame_equal(result, EVERY, check_exact=True)


@pytest.mark.parametrize(
    "options",
    [
        {"k": 1},
        {"k": 9, "min_users": 2},
        {"min_users": 8},
        {"user": pl.col("user").str.to_uppercase(), "score": pl.col("score") * 3},
        {"question": pl.col("question").cast(pl.Categorical)},
        {"score": pl.col("score") / 7, "k": 4},
        {"shard": (1, 3)},
        {"user": "question", "question": "user", "k": 2},
    ],
    ids=str,
)
def test_takes_what_the_expression_takes(engine: str, options: dict[str, Any]) -> None:
    options = {"k": 3, **options}
    wanted = pc.top_corrsets(RESPONSES, top=None, **options)
    assert_frame_equal(
        pc.scan_corrsets(RESPONSES, **options).collect(engine=engine), wanted, check_exact=True
    )


def test_duplicates(engine: str) -> None:
    twice = pl.concat([RESPONSES, RESPONSES])
    result = pc.scan_corrsets(twice, k=3, duplicates="first").collect(engine=engine)
    assert_frame_equal(result, EVERY, check_exact=True)


# --- what reaches the search -----------------------------------------------------------------------------

PREDICATES = {
    "r": pl.col("r") >= 0.8,
    "r, above": pl.col("r") > EVERY["r"].max(),
    "r, below zero": pl.col("r") > -0.2,
    "r, from the left": pl.lit(0.8) <= pl.col("r"),
    "r_rest": pl.col("r_rest") > 0.3,
    "n_users": pl.col("n_users") > 8,
    "n_users as a fraction": pl.col("n_users") >= 7.5,
    "all": (pl.col("r") > 0.5)
    & (pl.col("r_rest") >= 0.1)
    & (pl.col("n_users") >= 6)
    & (pl.col("n_users") < 9),
    "equal": pl.col("n_users") == 8,
    "or": (pl.col("r") > 0.9) | (pl.col("n_users") > 9),
    "not": ~(pl.col("r") > 0.6),
    "less": pl.col("r") < 0.6,
    "two columns": pl.col("r") > pl.col("r_rest") + 0.5,
    "between": pl.col("r").is_between(0.4, 0.6),
    "contains": pl.col("questions").list.contains("q3"),
    "null": pl.col("r").is_null(),
    "not a number": pl.col("r").ge(math.nan),
    "infinite": pl.col("r") > float("-inf"),
    "no row": pl.col("n_users") > 2**40,
    "no column": pl.lit(value=True),
    "of a user": pl.col("r").map_batches(lambda r: r > 0.7, return_dtype=pl.Boolean),
}


@pytest.mark.parametrize("name", PREDICATES)
def test_predicate(engine: str, name: str) -> None:
    predicate = PREDICATES[name]
    assert_frame_equal(
        scan().filter(predicate).collect(engine=engine), EVERY.filter(predicate), check_exact=True
    )


ENGINES = st.sampled_from(["in-memory", "streaming"])
BOUND = st.sampled_from([-1.0, -0.3, 0.0, 0.2, 0.5, 0.7, 0.95]) | st.sampled_from(
    EVERY["r"].drop_nulls().to_list()
)
COMPARISON = st.sampled_from(["ge", "gt", "le", "lt", "eq"])
PREDICATE = st.builds(
    lambda column, comparison, bound: getattr(pl.col(column), comparison)(bound),
    st.sampled_from(["r", "r_rest"]),
    COMPARISON,
    BOUND,
) | st.builds(
    lambda comparison, bound: getattr(pl.col("n_users"), comparison)(bound), COMPARISON, st.integers(0, 12)
)


@given(st.lists(PREDICATE, min_size=1, max_size=4), ENGINES, st.booleans())
def test_any_conjunction(predicates: list[pl.Expr], engine: str, at_once: bool) -> None:
    query, wanted = scan(), EVERY
    if at_once:
        query = query.filter(*predicates)
    for predicate in predicates:
        query = query if at_once else query.filter(predicate)
        wanted = wanted.filter(predicate)
    assert_frame_equal(query.collect(engine=engine), wanted, check_exact=True)


@pytest.mark.parametrize("floor", [None, ("r", 0.5), ("r_rest", 0.2), ("r", -0.2)])
def test_bounds_prune_inside_the_search(floor: tuple[str, float] | None) -> None:
    """Before Polars sees a row, none is below."""
    options = {"k": 3, "min_users": 7, "duplicates": "error", "total": "sum", "shard": (0, 1)}
    options |= {"columns": EVERY.columns, "floor": floor}
    options |= {"bounds": dict.fromkeys(["max_per_domain", "min_per_domain", "max_cost"])}
    search = Scan([(name, RESPONSES[name]) for name in ("user", "question", "score")], options)
    batches = []
    while (batch := search.next()) is not None:
        batches.append(batch)
    assert search.done == 1
    name, least = floor or ("n_users", 0)
    wanted = EVERY.filter(pl.col("n_users") >= 7, pl.col(name) >= least)
    assert_frame_equal(pl.concat(batches), wanted, check_exact=True)


@pytest.mark.parametrize(
    ("predicate", "wanted"),
    [
        (None, Bounds()),
        (pl.col("r") > 0.5, Bounds(r=0.5)),
        (pl.lit(0.5) <= pl.col("r"), Bounds(r=0.5)),
        ((pl.col("r") > 0.5) & (pl.col("r") > 0.7) & (pl.col("n_users") == 9), Bounds(r=0.7, n_users=9)),
        ((pl.col("r_rest") >= -1) & (pl.col("r") < pl.col("r_rest")), Bounds(r_rest=-1)),
        ((pl.col("r") > 0.5) | (pl.col("n_users") > 9), Bounds()),
        (~(pl.col("r") > 0.5), Bounds()),
        (pl.lit(0.5) > pl.col("r"), Bounds()),
        (pl.col("r") > math.inf, Bounds()),
        (pl.col("r") > pl.lit("a"), Bounds()),
        (pl.col("r") > pl.lit(value=True), Bounds()),
        (pl.col("r") * 2 > 0.5, Bounds()),
        (pl.col("questions").list.len() > 2, Bounds()),
    ],
    ids=str,
)
def test_bounds(predicate: pl.Expr | None, wanted: Bounds) -> None:
    assert bounds(predicate) == wanted


@pytest.mark.parametrize(
    "columns", [["r"], ["questions"], ["n_users", "questions"], ["r_rest", "r"], ["r", "r_rest", "n_users"]]
)
def test_columns(engine: str, columns: list[str]) -> None:
    assert_frame_equal(scan().select(columns).collect(engine=engine), EVERY.select(columns), check_exact=True)
    filtered = scan().filter(pl.col("n_users") > 7).select(columns)
    assert_frame_equal(
        filtered.collect(engine=engine), EVERY.filter(pl.col("n_users") > 7).select(columns), check_exact=True
    )


def test_number_of_rows(engine: str) -> None:
    assert scan().select(pl.len()).collect(engine=engine).item() == EVERY.height
    assert scan().filter(pl.col("r") > 0.5).select(pl.len()).collect(engine=engine).item() == len(
        EVERY.filter(pl.col("r") > 0.5)
    )


@pytest.mark.parametrize("rows", [0, 1, 5, 84, 1000])
def test_head(engine: str, rows: int) -> None:
    assert_frame_equal(scan().head(rows).collect(engine=engine), EVERY.head(rows), check_exact=True)
    assert_frame_equal(scan().slice(3, rows).collect(engine=engine), EVERY.slice(3, rows), check_exact=True)


def test_first_sets_of_billions_come_at_once(engine: str) -> None:
    """All of them would take minutes, and more memory than there is."""
    frame = sparse(100, 200, 0.9, seed=2)
    first = pc.scan_corrsets(frame, k=5).head(5).collect(engine=engine)
    questions = frame["question"].unique(maintain_order=True).to_list()
    assert first["questions"].to_list() == [[*questions[:4], questions[last]] for last in range(4, 9)]


def test_no_set(engine: str) -> None:
    for result in (scan(k=10), scan(min_users=31), pc.scan_corrsets(RESPONSES.clear(), k=1)):
        assert result.collect(engine=engine).height == 0
        assert result.collect(engine=engine).schema == SCHEMA


def test_explain(engine: str) -> None:
    """What it is where Polars lets it say so, and what was pushed down."""
    query = scan(min_users=5, shard=(0, 2)).filter(pl.col("r") >= 0.5).select("questions", "r_rest")
    plan = query.explain(engine=engine)
    if "explain_name" in inspect.signature(register_io_source).parameters:
        assert "PYTHON[corrsets] SCAN" in plan
        assert "k=3, min_users=5, duplicates=error, total=sum, shard=(0, 2)" in plan
    else:
        assert "PYTHON SCAN" in plan
    assert "PROJECT 3/4 COLUMNS" in plan
    # Older Polars puts every operand in brackets.
    assert 'SELECTION: col"r" >= 0.5' in re.sub(r"[\[\]()]", "", plan)
    assert "FILTER" not in plan


# --- sets in many batches ----------------------------------------------------------------------------------

WIDE = sparse(40, 45, 0.9, seed=3)


def test_batches(tmp_path: Path) -> None:
    """More sets than go into one batch, by every way out of a query."""
    every = pc.top_corrsets(WIDE, k=4, top=None)
    assert every.height > 100_000
    query = pc.scan_corrsets(WIDE, k=4)
    assert_frame_equal(query.collect(engine="streaming"), every, check_exact=True)
    query.sink_parquet(tmp_path / "sets.parquet")
    assert_frame_equal(pl.read_parquet(tmp_path / "sets.parquet"), every, check_exact=True)
    bar = pl.col("r") > 0.7
    assert_frame_equal(query.filter(bar).collect(), every.filter(bar), check_exact=True)


@pytest.mark.skipif(
    not hasattr(pl.LazyFrame, "collect_batches"), reason=f"Polars {pl.__version__} has no collect_batches"
)
@pytest.mark.parametrize("lazy", [True, False])
def test_collect_batches(engine: str, lazy: bool) -> None:
    """In order, of the size asked for, and without those that are not wanted."""
    query = scan().filter(pl.col("n_users") > 7)
    batches = list(query.collect_batches(chunk_size=10, lazy=lazy, engine=engine))
    assert len(batches) > 1
    assert all(batch.height == 10 for batch in batches[:-1])
    assert_frame_equal(pl.concat(batches), EVERY.filter(pl.col("n_users") > 7), check_exact=True)


def test_join_and_group_by(engine: str) -> None:
    notes = pl.LazyFrame(
        {"n_users": [7, 8], "note": ["few", "more"]}, schema_overrides={"n_users": pl.UInt32}
    )
    query = scan().join(notes, on="n_users", maintain_order="left").group_by("note").len().sort("note")
    wanted = EVERY.join(notes.collect(), on="n_users").group_by("note").len().sort("note")
    assert_frame_equal(query.collect(engine=engine), wanted)


ONE_THREAD = """
import sys
import polars as pl
import polars_corrset as pc

responses = pl.scan_parquet(sys.argv[1])
one, other = (pc.scan_corrsets(responses.filter(pl.col("user") != user), k=2) for user in ("u1", "u2"))
print(one.join(other, on="questions").collect(engine=sys.argv[2]).height)
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_few_threads_do_not_wait_for_each_other(engine: str, threads: str, tmp_path: Path) -> None:
    RESPONSES.write_parquet(tmp_path / "responses.parquet")
    command = [sys.executable, "-c", ONE_THREAD, str(tmp_path / "responses.parquet"), engine]
    environment = {**os.environ, "POLARS_MAX_THREADS": threads}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert run.stdout.strip() == str(comb(9, 2)), run.stderr


def test_a_sink_that_fails_leaves_no_thread(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        pc.scan_corrsets(WIDE, k=6).sink_parquet(tmp_path / "missing" / "sets.parquet")
    assert_no_scan_runs()


def test_a_query_that_is_dropped_leaves_no_thread() -> None:
    pc.scan_corrsets(WIDE, k=6).head(3).collect(engine="streaming")
    assert_no_scan_runs()


def assert_no_scan_runs() -> None:
    """The searches of other tests are over, so none may be left; a thread needs a moment to end."""
    if not Path("/proc/self/task").exists():
        pytest.skip("only Linux tells the names of threads")
    for _ in range(100):
        names = [name for task in Path("/proc/self/task").iterdir() if (name := name_of(task))]
        if not any("corrset-scan" in name for name in names):
            return
        threading.Event().wait(0.1)
    pytest.fail(f"a scan runs: {names}")


def name_of(task: Path) -> str | None:
    """None if the thread has ended since it was listed."""
    try:
        return (task / "comm").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "part"),
    [
        ({"k": 0}, ValueError, "`k`"),
        ({"k": 2.5}, TypeError, "`k`"),
        ({"min_users": 1}, ValueError, "`min_users`"),
        ({"duplicates": "median"}, ValueError, "`duplicates`"),
        ({"progress": "yes"}, ValueError, "`progress`"),
    ],
    ids=str,
)
def test_arguments(options: dict[str, Any], error: type[Exception], part: str) -> None:
    with pytest.raises(error, match=part):
        scan(**options)


def test_anything_but_a_frame() -> None:
    with pytest.raises(TypeError, match="`frame` must be a LazyFrame or a DataFrame, got Series"):
        pc.scan_corrsets(RESPONSES["score"], k=2)


def test_values(engine: str) -> None:
    for frame, part in [
        (RESPONSES.with_columns(score=pl.lit(float("nan"))), "NaN"),
        (pl.concat([RESPONSES, RESPONSES.head(1)]), "2 responses of user"),
        (RESPONSES.with_columns(score=pl.lit("x")), "scores must be Boolean"),
    ]:
        with pytest.raises(pl.exceptions.ComputeError, match=part):
            pc.scan_corrsets(frame, k=2).collect(engine=engine)


def test_more_sets_than_can_be_counted(engine: str) -> None:
    with pytest.raises(pl.exceptions.ComputeError, match="500 out of 1000 questions number"):
        pc.scan_corrsets(sparse(2, 1000, 1.0, seed=1), k=500).head(1).collect(engine=engine)


def test_responses_that_cannot_be_read(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "responses.parquet"
    RESPONSES.write_parquet(path)
    query = pc.scan_corrsets(pl.scan_parquet(path), k=2)
    query.collect_schema()
    path.unlink()
    with pytest.raises(FileNotFoundError, match="responses"):
        query.collect(engine=engine)


def test_questions_that_change_after_planning(engine: str) -> None:
    """A source that gives other columns than it said."""

    def source(*_: Any) -> Iterator[pl.DataFrame]:
        yield RESPONSES.with_columns(question=pl.lit(1))

    frame = register_io_source(source, schema=RESPONSES.schema)
    with pytest.raises(pl.exceptions.PolarsError, match=r"[sS]tr"):
        pc.scan_corrsets(frame, k=2).collect(engine=engine)
