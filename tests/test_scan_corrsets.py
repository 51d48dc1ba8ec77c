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
from datetime import date
from decimal import Decimal
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
from polars_corrset._pushdown import Bounds, Membership, bounds, membership
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
    options |= {"membership": Membership()._asdict()}
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


CONTAINS = pl.col("questions").list.contains
QUESTIONS = EVERY["questions"].explode().unique(maintain_order=True).to_list()
FIRST, SECOND, THIRD, FOURTH, *_, LAST = QUESTIONS


@pytest.mark.parametrize(
    ("predicate", "contained", "missing"),
    [
        (CONTAINS("a"), ["a"], []),
        (CONTAINS("a", nulls_equal=False), ["a"], []),
        (~CONTAINS("a"), [], ["a"]),
        (((pl.col("r") > 0) & ~CONTAINS("a")) & (CONTAINS("b") & CONTAINS("c")), ["b", "c"], ["a"]),
        (CONTAINS("a") & (CONTAINS("b") | CONTAINS("c")), ["a"], []),
        (~(CONTAINS("a") & CONTAINS("b")), [], []),
        (CONTAINS(None) & ~CONTAINS(pl.lit(None, dtype=pl.String)), [], []),
        (CONTAINS(pl.lit(pl.Series(["a", "b"]))), [], []),
        (CONTAINS(1) & CONTAINS(pl.col("questions").list.first()), [], []),
        (pl.col("other").list.contains("a"), [], []),
        (pl.col("questions").list.tail(1).list.contains("a"), [], []),
        (pl.col("questions").list.count_matches("a"), [], []),
        (None, [], []),
    ],
    ids=str,
)
def test_membership(predicate: pl.Expr | None, contained: list[str], missing: list[str]) -> None:
    found = [[] if one is None else one.to_list() for one in membership(predicate, pl.String())]
    assert [sorted(one) for one in found] == [contained, missing]


MEMBERSHIPS = {
    "contained": (CONTAINS(FOURTH), {}),
    "missing": (~CONTAINS(FIRST), {}),
    "both": (CONTAINS(LAST) & ~CONTAINS(FIRST) & CONTAINS(SECOND), {}),
    "all of a set": (CONTAINS(LAST) & CONTAINS(FIRST) & CONTAINS(SECOND), {}),
    "more than a set": (CONTAINS(LAST) & CONTAINS(FIRST) & CONTAINS(SECOND) & CONTAINS(THIRD), {}),
    "all missing": (pl.all_horizontal(~CONTAINS(question) for question in QUESTIONS), {}),
    "each missing": ([~CONTAINS(question) for question in QUESTIONS], {}),
    "twice": ([CONTAINS(FIRST), ~CONTAINS(SECOND), CONTAINS(FIRST), ~CONTAINS(SECOND)], {}),
    "contained and missing": (CONTAINS(FIRST) & ~CONTAINS(FIRST), {}),
    "with bounds": (CONTAINS(FOURTH) & ~CONTAINS(FIRST) & (pl.col("r") > 0.5), {}),
    "one of two": (CONTAINS(FIRST) | CONTAINS(SECOND), {}),
    "neither": (~(CONTAINS(FIRST) | CONTAINS(SECOND)), {}),
    "no such question contained": (CONTAINS("q"), {}),
    "no such question missing": (~CONTAINS("q"), {}),
    "null": (CONTAINS(pl.lit(None, dtype=pl.String)), {}),
    "not null": (~CONTAINS(None), {}),
    "not null, never": (~CONTAINS(None, nulls_equal=False), {}),
    "included, too": (CONTAINS(FIRST) & CONTAINS(THIRD), {"include": [THIRD]}),
    "excluded, too": (~CONTAINS(FIRST) & ~CONTAINS(THIRD), {"exclude": [THIRD]}),
    "beside": (CONTAINS(FIRST) & ~CONTAINS(SECOND), {"include": [LAST], "exclude": [THIRD]}),
    "excluded": (CONTAINS(FIRST), {"exclude": [FIRST]}),
    "included": (~CONTAINS(FIRST), {"include": [FIRST]}),
    "more than a set with the included": (CONTAINS(FIRST) & CONTAINS(LAST), {"include": [SECOND, THIRD]}),
    "a shard": (CONTAINS(FOURTH) & ~CONTAINS(THIRD), {"shard": (0, 2)}),
    "another shard": (CONTAINS(FOURTH) & ~CONTAINS(THIRD), {"shard": (1, 2)}),
    "the only shard": (CONTAINS(FOURTH) & ~CONTAINS(THIRD), {"shard": (0, 1)}),
    "shard and include": (CONTAINS(FOURTH), {"shard": (1, 3), "include": [SECOND]}),
    "alpha": (CONTAINS(FOURTH) & ~CONTAINS(THIRD), {"alpha": True, "total": "mean"}),
    "scores that are not exact": (CONTAINS(FOURTH) & ~CONTAINS(THIRD), {"score": pl.col("score") / 7}),
}


@pytest.mark.parametrize("name", MEMBERSHIPS)
def test_members(engine: str, name: str) -> None:
    predicate, options = MEMBERSHIPS[name]
    every = scan(**options).collect()
    assert_frame_equal(
        scan(**options).filter(predicate).collect(engine=engine), every.filter(predicate), check_exact=True
    )


NUMBER = pl.col("question").str.tail(1).cast(pl.Int64)
DOMAINS: dict[str, Any] = {"domain": NUMBER // 3, "min_per_domain": 1}
PARTS: dict[str, dict[str, Any]] = {
    "all": {},
    "shard": {"shard": (1, 3)},
    "shard of one more": {"shard": (0, 5), "exclude": [THIRD]},
    "shard and include": {"shard": (1, 2), "include": [SECOND]},
    "domains": {**DOMAINS, "k": 4},
    "domains and shard": {**DOMAINS, "shard": (1, 2)},
    "domains without some": {**DOMAINS, "exclude": QUESTIONS[:2], "include": [LAST]},
    "cost": {"cost": NUMBER, "max_cost": 12, "shard": (0, 2)},
}
EVERY_OF = {part: scan(**options).collect() for part, options in PARTS.items()}


@given(
    st.lists(
        st.tuples(st.sampled_from([*QUESTIONS, "q"]), st.booleans()).map(
            lambda one: CONTAINS(one[0]) if one[1] else ~CONTAINS(one[0])
        )
        | PREDICATE,
        min_size=1,
        max_size=5,
    ),
    ENGINES,
    st.sampled_from(list(PARTS)),
)
def test_any_members(predicates: list[pl.Expr], engine: str, part: str) -> None:
    every, options = EVERY_OF[part], PARTS[part]
    found = scan(**options).filter(*predicates).collect(engine=engine)
    assert_frame_equal(found, every.filter(*predicates), check_exact=True)


@pytest.mark.parametrize(
    ("question", "contained", "missing"),
    [
        (NUMBER, 3, 5),
        (NUMBER, pl.lit(3, dtype=pl.UInt8), pl.lit(5, dtype=pl.Int16)),
        (NUMBER, 3, 300),
        (NUMBER.cast(pl.UInt8), 3, 5),
        (NUMBER.cast(pl.UInt8), 3, 300),
        (NUMBER.cast(pl.UInt8), 3, -1),
        (NUMBER.cast(pl.Float64), 0.0, 5.0),
        (NUMBER.cast(pl.Decimal(38, 2)), Decimal("3.00"), Decimal("5.00")),
        (pl.date(2024, 1, 1) + pl.duration(days=NUMBER), date(2024, 1, 4), date(2024, 1, 6)),
        (pl.col("question").cast(pl.Binary), b"q3", b"q5"),
        (pl.col("question").cast(pl.Categorical), "q3", "q5"),
        (pl.col("question").cast(pl.Categorical), "q3", "none"),
        (pl.col("question").cast(pl.Enum(sorted(QUESTIONS))), "q3", "q5"),
        (pl.col("question").cast(pl.Enum([*QUESTIONS, "unused"])), "q3", "unused"),
        (
            pl.col("question").cast(pl.Enum(QUESTIONS)),
            pl.lit("q3", dtype=pl.Enum(QUESTIONS)),
            pl.lit("q5", dtype=pl.Enum(QUESTIONS)),
        ),
    ],
    ids=str,
)
def test_members_of_any_dtype(engine: str, question: pl.Expr, contained: object, missing: object) -> None:
    every = scan(question=question).collect()
    for predicate in (CONTAINS(contained), ~CONTAINS(missing), CONTAINS(contained) & ~CONTAINS(missing)):
        wanted = every.filter(predicate)
        assert wanted.height > 0
        found = scan(question=question).filter(predicate).collect(engine=engine)
        assert_frame_equal(found, wanted, check_exact=True)


def test_members_that_only_polars_can_judge(engine: str) -> None:
    """Errors stay errors, in the versions that have them, and what they compare stays as they compare it."""
    for question, literal in [
        (NUMBER, 3.0),
        (NUMBER, "q3"),
        (pl.col("question"), 3),
        (pl.col("question").cast(pl.Enum(QUESTIONS)), "no category"),
    ]:
        for predicate in (CONTAINS(literal), ~CONTAINS(literal)):
            every = scan(question=question).collect()
            query = scan(question=question).filter(predicate)
            try:
                wanted = every.filter(predicate)
            except pl.exceptions.PolarsError as error:
                with pytest.raises(type(error)):
                    query.collect(engine=engine)
            else:
                assert_frame_equal(query.collect(engine=engine), wanted, check_exact=True)


def test_a_question_without_scores_is_none_of_the_sets(engine: str) -> None:
    """Neither when nobody has a score of it, nor when nobody with a criterion has."""
    score = pl.when(pl.col("question") != FIRST).then("score")
    able = pl.col("user").str.tail(-1).cast(pl.Int64)
    users = RESPONSES.filter(pl.col("question") == FIRST)["user"].implode()
    criterion = pl.when(~pl.col("user").is_in(users)).then(able)
    for options in ({"score": score}, {"criterion": criterion, "k": 2}):
        every = scan(**options).collect()
        assert every.height > 0
        for predicate, wanted in ((CONTAINS(FIRST), every.clear()), (~CONTAINS(FIRST), every)):
            found = scan(**options).filter(predicate).collect(engine=engine)
            assert_frame_equal(found, wanted, check_exact=True)


def test_a_domain_is_one_without_its_only_question(engine: str) -> None:
    """`exclude` would not ask for a question of it; a predicate does not change what is asked for."""
    area = pl.when(pl.col("question") == FIRST).then(pl.lit("a")).otherwise(pl.lit("b"))
    options = {"domain": area, "min_per_domain": 1}
    assert scan(**options, exclude=[FIRST]).collect().height > 0
    assert scan(**options).filter(~CONTAINS(FIRST)).collect(engine=engine).height == 0
    every = scan(**options).collect()
    for predicate in (CONTAINS(FIRST), CONTAINS(LAST), ~CONTAINS(LAST), CONTAINS(SECOND) & ~CONTAINS(LAST)):
        wanted = every.filter(predicate)
        assert wanted.height > 0
        found = scan(**options).filter(predicate).collect(engine=engine)
        assert_frame_equal(found, wanted, check_exact=True)


@pytest.mark.parametrize("predicate", [CONTAINS(FIRST), ~CONTAINS(FIRST), CONTAINS("q")], ids=str)
def test_wrong_arguments_are_errors_beside_a_predicate(engine: str, predicate: pl.Expr) -> None:
    for options, part in (({"include": ["Q"]}, '`include` holds "Q"'), ({"exclude": ["Q"]}, "`exclude`")):
        with pytest.raises(pl.exceptions.ComputeError, match=part):
            scan(**options).filter(predicate).collect(engine=engine)
    twice = pc.scan_corrsets(pl.concat([RESPONSES, RESPONSES]), k=3).filter(predicate)
    with pytest.raises(pl.exceptions.ComputeError, match="2 responses of user"):
        twice.collect(engine=engine)


@pytest.mark.parametrize(
    ("predicate", "options", "sets"),
    [
        (CONTAINS(FIRST), {}, comb(8, 2)),
        (~CONTAINS(FIRST), {}, comb(8, 3)),
        (CONTAINS(FIRST) & ~CONTAINS(LAST) & (pl.col("r") > 0), {}, comb(7, 2)),
        (CONTAINS(FIRST), {"include": [LAST]}, 7),
        (CONTAINS("q"), {}, 0),
        (~CONTAINS("q"), {}, comb(9, 3)),
        (CONTAINS(FIRST), {"exclude": [FIRST]}, 0),
        (CONTAINS(FIRST), {"shard": (0, 4)}, 21),
        (~CONTAINS(FIRST), {"shard": (0, 4)}, 0),
        (~CONTAINS(FIRST), {"shard": (1, 4)}, 2 * 21 - comb(8, 2)),
        (CONTAINS("q"), {"shard": (1, 4)}, 0),
        (~CONTAINS(FIRST), {"domain": pl.lit("a"), "min_per_domain": 1}, comb(8, 3)),
        (~CONTAINS(FIRST), {"domain": pl.col("question"), "min_per_domain": 1, "k": 9}, 0),
        (CONTAINS(3), {"question": NUMBER}, comb(8, 2)),
        (CONTAINS(3) & ~CONTAINS(9), {"question": NUMBER.cast(pl.UInt8)}, comb(8, 2)),
        (CONTAINS(300), {"question": NUMBER.cast(pl.UInt8)}, comb(9, 3)),
        (CONTAINS(3.0), {"question": NUMBER.cast(pl.Float64)}, comb(9, 3)),
        (CONTAINS(FIRST), {"question": pl.col("question").cast(pl.Enum(QUESTIONS))}, comb(8, 2)),
        (~CONTAINS(FIRST), {"question": pl.col("question").cast(pl.Categorical)}, comb(8, 3)),
    ],
    ids=str,
)
def test_members_cut_the_search(
    predicate: pl.Expr, options: dict[str, Any], sets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = []

    def spy(*arguments: Any) -> Scan:
        looked_at.append(Scan(*arguments))
        return looked_at[0]

    monkeypatch.setattr("polars_corrset._scan.Scan", spy)
    scan(**options).filter(predicate).collect()
    assert [one.sets for one in looked_at] == [sets]


def test_sets_with_two_questions_of_tens_of_billions_come_at_once(engine: str) -> None:
    frame = sparse(40, 200, 0.4, seed=4)
    first, second = frame["question"].unique(maintain_order=True).to_list()[:2]
    query = pc.scan_corrsets(frame, k=6, min_users=4).filter(CONTAINS(first), CONTAINS(second))
    assert comb(200, 6) > 8e10
    found = query.collect(engine=engine)
    assert_frame_equal(
        found, pc.scan_corrsets(frame, k=6, min_users=4, include=[first, second]).collect(), check_exact=True
    )
    assert found.height > 0


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(QUESTIONS)], ids=str)
def test_predicate_on_sets_with_categories(engine: str, dtype: pl.DataType) -> None:
    found = scan(question=pl.col("question").cast(dtype)).filter(pl.col("r") > 0.2).collect(engine=engine)
    wanted = EVERY.filter(pl.col("r") > 0.2)
    assert_frame_equal(found, wanted.cast({"questions": pl.List(dtype)}), check_exact=True)


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
    with pytest.raises(TypeError, match="`frame` must be a Polars LazyFrame or DataFrame, got Series"):
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
