"""Bad input is an error that names the parameter or column, the rule, and what it got."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from math import comb
from typing import Any

import polars as pl
import polars_corrset as pc
import pytest
from responses import SCHEMA, sparse

RESPONSES = sparse(20, 5, 0.8, seed=1)


def assert_message(error: BaseException, *parts: str) -> None:
    """Every part stands in the message; no panic does."""
    message = str(error)
    missing = [part for part in parts if part not in message]
    assert not missing, f"{missing} not in: {message}"
    assert "panic" not in message.lower(), message


def compute_error(frame: pl.DataFrame, *parts: str, engine: str = "in-memory", **options: Any) -> None:
    """Running the query is a `ComputeError` whose message has these parts."""
    query = pc.top_corrsets(frame.lazy(), **options)
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        query.collect(engine=engine)
    assert_message(caught.value, *parts)


# --- arguments that are wrong by themselves: at call time, before there is any data ------------------------


@pytest.mark.parametrize("call", [pc.corrset, lambda **options: pc.top_corrsets(RESPONSES.lazy(), **options)])
@pytest.mark.parametrize(
    ("options", "error", "parts"),
    [
        ({"k": 0}, ValueError, ["`k`", "at least 1", "0"]),
        ({"k": -3}, ValueError, ["`k`", "at least 1", "-3"]),
        ({"k": True}, TypeError, ["`k`", "integer", "True", "bool"]),
        ({"k": 2.0}, TypeError, ["`k`", "integer", "2.0", "float"]),
        ({"k": "2"}, TypeError, ["`k`", "integer", "'2'", "str"]),
        ({"k": None}, TypeError, ["`k`", "integer", "None"]),
        ({"k": 2, "top": 0}, ValueError, ["`top`", "at least 1", "0"]),
        ({"k": 2, "top": -1}, ValueError, ["`top`", "at least 1", "-1"]),
        ({"k": 2, "top": 1.5}, TypeError, ["`top`", "integer", "1.5", "float"]),
        ({"k": 2, "top": True}, TypeError, ["`top`", "integer", "True", "bool"]),
        ({"k": 2, "min_users": 1}, ValueError, ["`min_users`", "at least 2", "1"]),
        ({"k": 2, "min_users": -5}, ValueError, ["`min_users`", "at least 2", "-5"]),
        ({"k": 2, "min_users": 3.0}, TypeError, ["`min_users`", "integer", "3.0", "float"]),
        ({"k": 2, "min_users": None}, TypeError, ["`min_users`", "integer", "None"]),
        ({"k": 2, "rank_by": "n_users"}, ValueError, ["`rank_by`", "'r', 'r_rest'", "'n_users'"]),
        ({"k": 2, "rank_by": None}, ValueError, ["`rank_by`", "'r', 'r_rest'", "None"]),
        ({"k": 2, "duplicates": "median"}, ValueError, ["`duplicates`", "'error'", "'max'", "'median'"]),
        ({"k": 2, "duplicates": False}, ValueError, ["`duplicates`", "'error'", "'max'", "False"]),
        ({"k": 2, "user": RESPONSES}, TypeError, ["`user`", "expression", "DataFrame", "top_corrsets"]),
        ({"k": 2, "score": ["score"]}, TypeError, ["`score`", "expression", "list"]),
    ],
    ids=str,
)
def test_arguments(call: Any, options: dict[str, Any], error: type[Exception], parts: list[str]) -> None:
    with pytest.raises(error) as caught:
        call(**options)
    assert_message(caught.value, *parts)


def test_k_is_required_and_by_name() -> None:
    with pytest.raises(TypeError, match="'k'"):
        pc.corrset()
    with pytest.raises(TypeError, match="positional"):
        pc.corrset("user", "question", "score", 2)


# --- no set exists: no rows, right schema ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "k"),
    [(RESPONSES, 6), (RESPONSES.clear(), 1), (RESPONSES.head(1), 1), (RESPONSES.unique("question"), 6)],
    ids=["k larger than questions", "empty", "one response", "a response per question"],
)
@pytest.mark.parametrize("top", [10, None])
def test_no_set(engine: str, frame: pl.DataFrame, k: int, top: int | None) -> None:
    result = pc.top_corrsets(frame.lazy(), k=k, top=top).collect(engine=engine)
    assert result.height == 0
    assert result.schema == SCHEMA


SETS = pl.DataFrame({"questions": [["q1"]]})
FUNCTIONS: dict[str, Any] = {
    "top_corrsets": pc.top_corrsets,
    "scan_corrsets": pc.scan_corrsets,
    "plan_corrsets": pc.plan_corrsets,
    "validate_corrsets": pc.validate_corrsets,
    "evaluate_corrsets": lambda frame, k, **columns: pc.evaluate_corrsets(frame, SETS, **columns),  # noqa: ARG005
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("user", ["who", pl.col("who"), pl.col("who") + pl.col("user")], ids=str)
def test_missing_column(function: str, user: Any) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError) as caught:
        FUNCTIONS[function](RESPONSES, user=user, k=2)
    assert_message(caught.value, "`user`", "'who'", "'user', 'question', 'score'", "unpivot")
    with pytest.raises(pl.exceptions.PolarsError, match="who"):
        FUNCTIONS[function](RESPONSES.lazy(), user=user, k=2).collect()


def test_a_column_for_each_question() -> None:
    wide = RESPONSES.pivot("question", index="user").rename({"user": "id"})
    wide = wide.with_columns(pl.lit(0).alias(f"more {i}") for i in range(20))
    with pytest.raises(pl.exceptions.ColumnNotFoundError) as caught:
        pc.top_corrsets(wide, k=2)
    assert_message(caught.value, "`user`", "'id'", "and 16 more", "unpivot")
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="got none;"):
        pc.top_corrsets(pl.DataFrame(), k=2)


def test_a_frame_of_another_library() -> None:
    class DataFrame:
        __module__ = "pandas.core.frame"

    with pytest.raises(
        TypeError, match=r"Polars LazyFrame or DataFrame, got pandas\.DataFrame; pl\.from_pandas"
    ):
        pc.top_corrsets(DataFrame(), k=2)


# --- dtypes ------------------------------------------------------------------------------------------------

NESTED = {
    "List": pl.col("points").implode().over("points", mapping_strategy="join"),
    "Array": pl.col("points").reshape((-1, 1)),
    "Struct": pl.struct("points"),
}
NO_SCORES = {
    "String": pl.col("points").cast(pl.String),
    "Binary": pl.col("points").cast(pl.String).cast(pl.Binary),
    "Categorical": pl.col("points").cast(pl.String).cast(pl.Categorical),
    "Date": pl.lit(date(2024, 1, 1)),
    "Duration": pl.duration(days="points"),
    **NESTED,
}


@pytest.mark.parametrize("name", NO_SCORES)
def test_score_dtype(engine: str, name: str) -> None:
    frame = RESPONSES.rename({"score": "points"}).with_columns(NO_SCORES[name].alias("points"))
    dtype = {"String": "str", "Categorical": "cat"}.get(name, name.lower())
    rule = "scores must be Boolean, integer, Decimal or float"
    compute_error(frame, '`score` (column "points")', dtype, rule, engine=engine, score="points", k=2)
    with pytest.raises(pl.exceptions.ComputeError, match="points"):
        pc.top_corrsets(frame.lazy(), score="points", k=2).collect_schema()


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("parameter", ["user", "question"])
def test_nested_users_and_questions(engine: str, parameter: str, name: str) -> None:
    frame = RESPONSES.with_columns(points="score").with_columns(NESTED[name].alias("who"))
    parts = [f'`{parameter}` (column "who")', name.lower(), "by a plain value"]
    compute_error(frame, *parts, engine=engine, k=2, **{parameter: "who"})


@pytest.mark.parametrize("parameter", ["user", "question"])
@pytest.mark.parametrize("column", ["thing", pl.col("thing").alias("renamed")], ids=str)
def test_object_users_and_questions(parameter: str, column: Any) -> None:
    things = pl.Series("thing", [object() for _ in range(RESPONSES.height)], dtype=pl.Object)
    frame = RESPONSES.with_columns(things)
    name = "thing" if isinstance(column, str) else "renamed"
    parts = [f'`{parameter}` (column "{name}")', "object", "plain value"]
    compute_error(frame, *parts, k=2, **{parameter: column})
    for function in FUNCTIONS.values():
        with pytest.raises(pl.exceptions.PolarsError, match="object"):
            function(frame.lazy(), k=1, **{parameter: column}).collect()


@pytest.mark.parametrize("context", ["group_by", "over"])
@pytest.mark.parametrize("given", ["points", pl.col("points") * 1, pl.col("score").alias("points")], ids=str)
def test_names_in_a_context_that_takes_them_away(engine: str, context: str, given: Any) -> None:
    frame = RESPONSES.with_columns(pl.lit(float("nan")).alias("points"), exam=1, score=float("nan")).lazy()
    expression = pc.corrset(k=1, score=given)
    queries = {
        "group_by": frame.group_by("exam").agg(expression),
        "over": frame.select(expression.over("exam", mapping_strategy="explode")),
    }
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        queries[context].collect(engine=engine)
    assert_message(caught.value, '`score` (column "points")', 'pl.col("points")')


def test_what_has_no_name(engine: str) -> None:
    nameless = pl.Series([float("nan")] * RESPONSES.height)
    parts = ["`score` holds NaN, but scores must be finite; drop such rows, or"]
    compute_error(RESPONSES, *parts, engine=engine, k=1, score=nameless)


# --- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["user", "question", "score"])
@pytest.mark.parametrize("rows", [0, 2, 7])
def test_length(engine: str, column: str, rows: int) -> None:
    parts = ["all columns must be equally long", f" {rows}", f" {RESPONSES.height}"]
    compute_error(RESPONSES, *parts, engine=engine, k=2, **{column: pl.col(column).head(rows)})


def test_duplicates(engine: str) -> None:
    again = pl.DataFrame({"user": ["u3", "u3"], "question": ["q1", "q1"], "score": [0, 1]})
    once = RESPONSES.filter((pl.col("user") != "u3") | (pl.col("question") != "q1"))
    frame = pl.concat([once.head(9), again, once.tail(-9)])
    compute_error(frame, "2 responses", '"u3"', '"q1"', 'duplicates="error"', '"mean"', engine=engine, k=2)
    numbers = frame.with_columns(pl.col("user").str.slice(1).cast(pl.Int64))
    compute_error(numbers, "2 responses", "user 3", '"q1"', engine=engine, k=2)


@pytest.mark.parametrize(("value", "shown"), [("nan", "NaN"), ("inf", "inf"), ("-inf", "-inf")])
@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64])
def test_scores_that_are_not_finite(engine: str, value: str, shown: str, dtype: pl.DataType) -> None:
    last = pl.int_range(pl.len()) == pl.len() - 1
    points = pl.when(last).then(float(value)).otherwise("score").cast(dtype)
    frame = RESPONSES.select("user", "question", points=points)
    parts = ['`score` (column "points")', f"holds {shown}", "finite", 'filter(pl.col("points").is_finite())']
    parts += [".fill_nan(None)"] if value == "nan" else []
    compute_error(frame, *parts, engine=engine, score="points", k=2)
    # The advice in the message helps.
    assert pc.top_corrsets(frame.filter(pl.col("points").is_finite()), score="points", k=2).height == 10
    if value == "nan":
        assert (
            pc.top_corrsets(frame.with_columns(pl.col("points").fill_nan(None)), score="points", k=2).height
            == 10
        )


@pytest.mark.parametrize("duplicates", ["first", "max", "mean", "sum"])
def test_scores_that_are_not_finite_are_no_duplicates_either(duplicates: str) -> None:
    """A policy that would drop the value does not hide it."""
    frame = pl.DataFrame({"user": [1, 1, 2], "question": ["x"] * 3, "score": [1.0, float("nan"), 2.0]})
    compute_error(frame, "`score`", "NaN", duplicates=duplicates, k=1)


@pytest.mark.parametrize(
    ("scores", "dtype"),
    [
        ([2**62, -(2**62), 2**62, 2**62, 0, 1], pl.Int64),
        ([2**63 - 1, 2**63 - 1, -(2**63), -(2**63), 0, 1], pl.Int64),
        ([2**64 - 1, 2**64 - 1, 0, 0, 0, 1], pl.UInt64),
        ([2**127 - 1, 2**127 - 1, 0, 0, 0, 1], pl.Int128),
        ([-(2**127), -(2**127), 2**127 - 1, 0, 0, 1], pl.Int128),
    ],
    ids=str,
)
def test_sums_that_overflow(engine: str, scores: list[int], dtype: pl.DataType) -> None:
    values = pl.Series(scores, dtype=dtype)
    frame = pl.DataFrame({"user": [1, 1, 2, 2, 3, 3], "question": ["x", "y"] * 3, "points": values})
    parts = ['`score` (column "points")', "overflow", "cast them to Float64"]
    compute_error(frame, *parts, engine=engine, score="points", k=1)


def test_sums_of_duplicates_that_overflow(engine: str) -> None:
    frame = pl.DataFrame({"user": [1, 1, 2], "question": ["x"] * 3, "score": [2**62, 2**62, 1]})
    compute_error(frame, "`score`", "duplicate", "overflow", engine=engine, duplicates="sum", k=1)
    floats = frame.with_columns(score=pl.Series([1.7e308, 1.7e308, 1.0]))
    with pytest.raises(pl.exceptions.ComputeError, match=r"duplicate.*overflow") as caught:
        pc.top_corrsets(floats, duplicates="sum", k=1)
    assert "Float64" not in str(caught.value)


# --- results that are too large ----------------------------------------------------------------------------


@pytest.mark.parametrize("top", [None, 10**12])
def test_more_rows_than_a_frame_holds(engine: str, top: int | None) -> None:
    frame = sparse(2, 200, 1.0, seed=1)
    sets = comb(200, 6)
    assert sets > 2**32
    compute_error(frame, str(sets), "more rows", "scan_corrsets", engine=engine, k=6, top=top)


def test_more_questions_than_a_column_holds() -> None:
    """Rows would fit, but not the questions of all of them."""
    assert comb(165, 5) < 2**32 < comb(165, 5) * 5
    # Memory may not hold them either, but that is looked at afterwards.
    parts = [str(comb(165, 5)), "more rows than a Polars frame can hold"]
    compute_error(sparse(2, 165, 1.0, seed=1), *parts, k=5, top=None)


LITTLE_MEMORY = """
import resource
import polars as pl
import polars_corrset as pc

users = pl.DataFrame({"user": [0, 1], "score": [0, 1]})
frame = users.join(pl.DataFrame({"question": range(60)}), how="cross")
query = pc.top_corrsets(frame.lazy(), k=6, top=None)
query.collect_schema()
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
try:
    query.collect()
except pl.exceptions.ComputeError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces a limit on the address space")
def test_more_rows_than_memory_holds() -> None:
    """50 million rows of more than 100 bytes each do not fit into 4 GiB."""
    run = subprocess.run([sys.executable, "-c", LITTLE_MEMORY], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert str(comb(60, 6)) in run.stdout, run.stdout
    assert "memory" in run.stdout, run.stdout
    assert "scan_corrsets" in run.stdout, run.stdout
