"""Where the expression stands in a query, how the query is run, and on what."""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
from math import comb
from pathlib import Path

import polars as pl
import polars_corrset as pc
import pytest
from polars.testing import assert_frame_equal
from responses import assert_sets, expected, sparse

EXAMS = pl.concat(
    [
        sparse(30 + 5 * number, 6, 0.7, seed=number, scores=(0, 1, 2)).with_columns(exam=pl.lit(exam))
        for number, exam in enumerate(["maths", "latin", "music"])
    ]
).sample(fraction=1.0, shuffle=True, seed=0)

MATHS = EXAMS.filter(exam="maths")


def per_exam(**options: object) -> pl.DataFrame:
    """What each exam gives on its own, in order of first appearance."""
    exams = EXAMS["exam"].unique(maintain_order=True)
    return pl.concat(
        pc.top_corrsets(EXAMS.filter(exam=exam), **options).select(pl.lit(exam).alias("exam"), pl.all())
        for exam in exams
    )


# --- places in a query ---------------------------------------------------------------------------------


def test_select_beside_another_expression(engine: str) -> None:
    query = MATHS.lazy().select(pl.col("score").top_k(5).alias("points"), pc.corrset(k=2, top=5))
    result = query.collect(engine=engine)
    assert result.columns == ["points", "corrset"]
    assert_sets(result.unnest("corrset"), expected(MATHS, k=2, top=5))


def test_with_columns_where_the_length_fits(engine: str) -> None:
    """Two users answer five questions: ten rows, and ten pairs of questions."""
    frame = sparse(2, 5, 1.0, seed=0, scores=range(9))
    result = frame.lazy().with_columns(pc.corrset(k=2, top=None)).collect(engine=engine)
    assert_frame_equal(result.drop("corrset"), frame)
    assert_sets(result.unnest("corrset"), expected(frame, k=2, top=None))


def test_with_columns_where_it_does_not(engine: str) -> None:
    with pytest.raises(pl.exceptions.ShapeError):
        MATHS.lazy().with_columns(pc.corrset(k=2, top=5)).collect(engine=engine)


@pytest.mark.parametrize("options", [{"k": 2}, {"k": 3, "top": None}, {"k": 1, "rank_by": "r_rest"}], ids=str)
def test_group_by(engine: str, options: dict[str, object]) -> None:
    grouped = EXAMS.lazy().group_by("exam", maintain_order=True).agg(pc.corrset(**options))
    result = grouped.explode("corrset").unnest("corrset").collect(engine=engine)
    assert_frame_equal(result, per_exam(**options), check_exact=True)


def test_group_by_with_groups_too_small(engine: str) -> None:
    alone = pl.DataFrame({"user": ["u1"], "question": ["q1"], "score": [1], "exam": ["sport"]})
    frame = pl.concat([alone, EXAMS], how="diagonal_relaxed")
    grouped = frame.lazy().group_by("exam", maintain_order=True).agg(pc.corrset(k=2))
    assert grouped.collect(engine=engine).select(pl.col("corrset").list.len()).to_series()[0] == 0
    # Older Polars explodes an empty list to a row of nulls.
    rows = grouped.explode("corrset").unnest("corrset").drop_nulls("questions").collect(engine=engine)
    assert_frame_equal(rows, per_exam(k=2), check_exact=True)


def test_group_by_many_small_groups(engine: str) -> None:
    """Called once per group, from whatever thread."""
    frame = sparse(600, 5, 0.8, seed=1).with_columns(group=pl.col("user").str.slice(1).cast(pl.Int64) // 6)
    grouped = frame.lazy().group_by("group", maintain_order=True).agg(pc.corrset(k=2, top=None))
    result = grouped.explode("corrset").unnest("corrset").drop_nulls("questions").collect(engine=engine)
    assert frame["group"].n_unique() == 100
    for (group,), part in frame.group_by("group"):
        assert_sets(result.filter(group=group), expected(part, k=2, top=None), group)


def test_over_with_explode(engine: str) -> None:
    windowed = pc.corrset(k=2).over("exam", mapping_strategy="explode")
    result = EXAMS.lazy().select(windowed).unnest("corrset").collect(engine=engine)
    assert_frame_equal(result, per_exam(k=2).drop("exam"), check_exact=True)


def test_after_filter_and_join(engine: str) -> None:
    weights = pl.LazyFrame({"question": [f"q{number}" for number in range(5)], "weight": [1, 2, 3, 1, 5]})
    query = (
        EXAMS.lazy()
        .filter(pl.col("exam") == "maths")
        .join(weights, on="question", maintain_order="left")
        .with_columns(score=pl.col("score") * pl.col("weight"))
        .pipe(pc.top_corrsets, k=2, top=None)
        .filter(pl.col("n_users") >= 12)
        .with_columns(pl.col("questions").list.join("+"))
    )
    prepared = MATHS.join(weights.collect(), on="question", maintain_order="left")
    wanted = expected(prepared.with_columns(score=pl.col("score") * pl.col("weight")), k=2, top=None)
    result = query.collect(engine=engine).with_columns(pl.col("questions").str.split("+"))
    assert_sets(result, [one for one in wanted if one.n_users >= 12])


def test_twice_in_one_query(engine: str) -> None:
    """Equal expressions may share one run; different ones may not."""
    expressions = [pc.corrset(k=2).alias("a"), pc.corrset(k=2).alias("b"), pc.corrset(k=3).alias("c")]
    result = MATHS.lazy().select(expressions).collect(engine=engine)
    for column, k in {"a": 2, "b": 2, "c": 3}.items():
        assert_sets(result.select(column).unnest(column), expected(MATHS, k=k), column)


# --- sources -------------------------------------------------------------------------------------------


def test_scan_of_one_file(engine: str, tmp_path: Path) -> None:
    MATHS.write_parquet(tmp_path / "responses.parquet", row_group_size=20)
    result = pc.top_corrsets(pl.scan_parquet(tmp_path / "responses.parquet"), k=3).collect(engine=engine)
    assert_sets(result, expected(MATHS, k=3))


def test_scan_of_a_glob(engine: str, tmp_path: Path) -> None:
    for number, start in enumerate(range(0, MATHS.height, 30)):
        MATHS.slice(start, 30).write_parquet(tmp_path / f"part-{number:02}.parquet")
    assert len(list(tmp_path.iterdir())) > 3
    result = pc.top_corrsets(pl.scan_parquet(tmp_path / "*.parquet"), k=3).collect(engine=engine)
    assert_sets(result, expected(MATHS, k=3))


def test_scan_of_a_hive_partitioned_folder(engine: str, tmp_path: Path) -> None:
    for (exam,), part in EXAMS.group_by("exam"):
        folder = tmp_path / f"exam={exam}"
        folder.mkdir()
        part.drop("exam").write_parquet(folder / "data.parquet")
    scan = pl.scan_parquet(tmp_path, hive_partitioning=True)
    one = scan.filter(pl.col("exam") == "music").pipe(pc.top_corrsets, k=2).collect(engine=engine)
    assert_sets(one, expected(EXAMS.filter(exam="music"), k=2))
    grouped = scan.group_by("exam").agg(pc.corrset(k=2)).explode("corrset").unnest("corrset")
    assert_frame_equal(
        grouped.sort("exam", maintain_order=True).collect(engine=engine),
        per_exam(k=2).sort("exam", maintain_order=True),
        check_exact=True,
    )


# --- the plan as data ----------------------------------------------------------------------------------


def test_serialized_plan(engine: str) -> None:
    plan = pc.top_corrsets(MATHS.lazy(), k=2, min_users=5).serialize()
    restored = pl.LazyFrame.deserialize(io.BytesIO(plan))
    assert_sets(restored.collect(engine=engine), expected(MATHS, k=2, min_users=5))


@pytest.mark.filterwarnings("ignore:.*json.*serialization format.*")
@pytest.mark.parametrize("serialization", ["binary", "json"])
def test_serialized_expression(engine: str, serialization: str) -> None:
    written = pc.corrset(k=2, rank_by="r_rest").meta.serialize(format=serialization)
    buffer = io.StringIO(written) if isinstance(written, str) else io.BytesIO(written)
    restored = pl.Expr.deserialize(buffer, format=serialization)
    result = MATHS.lazy().select(restored).unnest("corrset").collect(engine=engine)
    assert_sets(result, expected(MATHS, k=2, rank_by="r_rest"))


# --- threads and processes -----------------------------------------------------------------------------

# Rows and set-user pairs from which the input is read and the search is run on several threads.
PARALLEL_ROWS = 1 << 16
PARALLEL_WORK = 1 << 22

SEARCH = """
import os
import sys

import polars as pl
import polars_corrset as pc

source, target, engine = sys.argv[1:]
assert pl.thread_pool_size() == int(os.environ["POLARS_MAX_THREADS"])
best = pc.top_corrsets(pl.scan_parquet(source), k=4, top=200)
every = pc.top_corrsets(pl.scan_parquet(source), k=4, top=None, min_users=3)
pl.concat([best, every]).collect(engine=engine).write_parquet(target)
"""


@pytest.mark.parametrize("kind", ["integer", "float"])
def test_same_rows_whatever_the_number_of_threads(engine: str, kind: str, tmp_path: Path) -> None:
    users, questions = 12_000, 20
    scores = (0, 1, 2) if kind == "integer" else (0.1, 0.7, -1.3)
    frame = sparse(users, questions, 0.3, seed=11, scores=scores)
    assert frame.height > PARALLEL_ROWS
    assert users * comb(questions, 4) > PARALLEL_WORK
    source = tmp_path / "responses.parquet"
    frame.write_parquet(source, row_group_size=10_000)
    results = []
    for threads in ("1", "2", "4"):
        target = tmp_path / f"{threads}.parquet"
        command = [sys.executable, "-c", SEARCH, str(source), str(target), engine]
        environment = {**os.environ, "POLARS_MAX_THREADS": threads}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"{threads} threads: {run.stderr}"
        results.append(pl.read_parquet(target))
    assert results[0].height > comb(questions, 4) // 2
    for other in results[1:]:
        assert_frame_equal(results[0], other, check_exact=True)


def best_of_maths(k: int) -> pl.DataFrame:
    """What a worker process does; a module's function, since spawned processes import it."""
    return pc.top_corrsets(MATHS, k=k)


def test_spawned_processes() -> None:
    """Started afresh; forked ones would inherit thread pools that no longer run."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.map(best_of_maths, [1, 2, 3])
    for k, result in zip([1, 2, 3], results, strict=True):
        assert_sets(result, expected(MATHS, k=k), f"k={k}")
