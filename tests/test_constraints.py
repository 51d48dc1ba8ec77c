"""Constraints leave exactly the sets that fulfil them, whatever the search, and wrong ones are errors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from math import comb
from typing import Any, NamedTuple

import oracle
import polars as pl
import polars_corrset as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from responses import assert_sets, sparse
from test_properties import ENGINES, KINDS, OPTIONS, Case, cases
from test_strategies import VARIABLE, responses

EXACT = [name for name, kind in KINDS.items() if kind.exact]


class Constrained(NamedTuple):
    """Responses with domains and costs, the arguments, and what they mean to the oracle."""

    frame: pl.DataFrame
    options: dict[str, Any]
    wanted: Callable[[tuple[Any, ...], list[Any]], bool]


@st.composite
def constrained(draw: st.DrawFn, case: Case) -> Constrained:
    """Any constraints on questions of the case that may go together."""
    questions = list(dict.fromkeys(q for _, q, score in case.rows if score is not None))
    order = draw(st.permutations(questions))
    included = draw(st.integers(0, min(2, len(order))))
    include, exclude = order[:included], order[included:][: draw(st.integers(0, 2))]
    options: dict[str, Any] = {"include": include, "exclude": exclude}
    meaning: dict[str, Any] = dict(options)

    known = case.frame["question"].unique(maintain_order=True).to_list()
    domain = {question: draw(st.sampled_from(["a", "b", "c", None])) for question in known}
    # Tenths: as floats they do not add up to what they stand for.
    cost = {question: Fraction(draw(st.integers(0, 9)), 10) for question in known}
    frame = case.frame.with_columns(
        about=pl.col("question").replace_strict(domain, return_dtype=pl.String),
        minutes=pl.col("question").replace_strict(
            {question: float(one) for question, one in cost.items()}, return_dtype=pl.Float64
        ),
    )
    least, most = draw(st.none() | st.integers(1, 2)), draw(st.none() | st.integers(1, 3))
    if (least or most) and (least or 0) <= (most or 9):
        bounds = {"min_per_domain": least, "max_per_domain": most}
        options |= {"domain": "about", **bounds}
        meaning |= {"domain": domain, **bounds}
    if draw(st.booleans()):
        limit = Fraction(draw(st.integers(0, 25)), 10)
        options |= {"cost": "minutes", "max_cost": float(limit)}
        meaning |= {"cost": cost, "max_cost": limit}
    return Constrained(frame, options, oracle.constrained(**meaning))


@given(st.data(), cases(), OPTIONS, ENGINES)
def test_the_best_are_those_of_the_sets_that_fulfil(
    data: st.DataObject, case: Case, options: dict[str, Any], engine: str
) -> None:
    one = data.draw(constrained(case))
    if len(one.options["include"]) > options["k"]:
        options = {**options, "k": len(one.options["include"])}
    found = pc.top_corrsets(one.frame.lazy(), **options, **one.options).collect(engine=engine)
    free = pc.top_corrsets(one.frame, k=options["k"], top=None, min_users=options["min_users"])
    # Of inexact scores, the free search decides which of two equal sets comes first.
    if KINDS[case.kind].exact:
        assert_sets(found, oracle.corrsets(case.rows, wanted=one.wanted, **options))
    questions = list(dict.fromkeys(q for _, q, score in case.rows if score is not None))
    kept = free.filter([one.wanted(tuple(chosen), questions) for chosen in free["questions"]])
    if options["top"] is not None:
        rank_by = options["rank_by"]
        kept = kept.drop_nulls(["r", rank_by]).sort(rank_by, descending=True, maintain_order=True)
        kept = kept.head(options["top"])
    assert_frame_equal(found, kept, check_exact=True)


@given(st.data(), cases(), st.integers(2, 4), st.integers(1, 4))
def test_streams_and_shards_make_the_whole(data: st.DataObject, case: Case, k: int, shards: int) -> None:
    one = data.draw(constrained(case))
    whole = pc.top_corrsets(one.frame, k=k, top=None, **one.options)
    parts = [
        pc.top_corrsets(one.frame, k=k, top=None, shard=(index, shards), **one.options)
        for index in range(shards)
    ]
    assert_frame_equal(pl.concat(parts), whole, check_exact=True)
    assert_frame_equal(pc.scan_corrsets(one.frame, k=k, **one.options).collect(), whole, check_exact=True)


CONSTRAINTS = [
    {"include": [3]},
    {"exclude": [0, 7, 9]},
    {"include": [3, 12], "exclude": [0]},
    {"domain": "area", "max_per_domain": 1},
    {"domain": "area", "min_per_domain": 1, "exclude": [4, 9, 14]},
    {
        "domain": "area",
        "min_per_domain": 1,
        "max_per_domain": 1,
        "cost": "minutes",
        "max_cost": 12,
        "exclude": [4, 9, 14],
    },
    {"cost": "minutes", "max_cost": 8, "include": [5]},
]


@pytest.mark.parametrize("options", CONSTRAINTS, ids=str)
@pytest.mark.parametrize(("score", "booklets"), [("binary", 1), ("small", 3), ("float", 1)])
def test_every_strategy(
    score: str, booklets: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same rows, which are those of all sets that are left when others are filtered out."""
    question = pl.col("question")
    frame = responses(score, booklets).with_columns(area=question % 5, minutes=question * 5 % 7)
    everything = pc.top_corrsets(frame, k=4, top=None, rank_by="alpha")
    area = {number: number % 5 for number in range(16)}
    cost = {number: Fraction(number * 5 % 7) for number in range(16)}
    meaning = {**options}
    meaning |= {"domain": area} if "domain" in options else {}
    meaning |= {"cost": cost} if "cost" in options else {}
    wanted = oracle.constrained(**meaning)
    kept = everything.filter([wanted(tuple(chosen), list(range(16))) for chosen in everything["questions"]])
    assert 0 < kept.height < everything.height
    for rank_by in ["r", "r_rest", "alpha"]:
        expected = kept.drop_nulls(rank_by).sort(rank_by, descending=True, maintain_order=True).head(20)
        for strategy in ["projection", "moments", "bound"]:
            monkeypatch.setenv(VARIABLE, strategy)
            found = pc.top_corrsets(frame, k=4, top=20, rank_by=rank_by, **options)
            assert_frame_equal(found, expected.select(found.columns), check_exact=True)


def test_each_group_has_its_own(engine: str) -> None:
    frame = sparse(30, 6, 0.9, seed=3).with_columns(
        form=pl.col("user").str.tail(1).is_in(["0", "2", "4"]),
        area=pl.col("question").str.tail(1).cast(pl.Int8) % 2,
    )
    options: dict[str, Any] = {"k": 3, "include": ["q1"], "domain": "area", "max_per_domain": 2}
    grouped = frame.lazy().group_by("form").agg(pc.corrset(**options)).explode("corrset").unnest("corrset")
    found = grouped.collect(engine=engine)
    assert found.height > 2
    for (form,), group in frame.group_by("form"):
        own = found.filter(pl.col("form") == form).drop("form")
        assert_frame_equal(own, pc.top_corrsets(group, **options), check_exact=True)
    missing = frame.filter(~pl.col("form") | (pl.col("question") != "q1")).lazy()
    with pytest.raises(pl.exceptions.ComputeError, match='`include` holds "q1"'):
        missing.group_by("form").agg(pc.corrset(**options)).collect(engine=engine)


@pytest.mark.parametrize(
    "values",
    [
        pl.Series(["a", "b", "c"]),
        pl.Series(["a", "b", "c"], dtype=pl.Categorical),
        pl.Series(["a", "b", "c"], dtype=pl.Enum(["c", "b", "a"])),
        pl.Series([b"\xff", b"", b"\0"]),
        pl.Series([3, 1, 2], dtype=pl.UInt8),
        pl.Series([2**63, 1, 2], dtype=pl.UInt64),
        pl.Series([0.5, -0.0, float("nan")]),
        pl.Series([Decimal("0.10"), Decimal("0.20"), Decimal("0.30")], dtype=pl.Decimal(9, 2)),
        pl.Series([date(2024, 1, day) for day in (3, 1, 2)]),
        pl.Series([datetime(2024, 1, day, 12) for day in (3, 1, 2)]),
    ],
    ids=lambda values: str(values.dtype),
)
def test_questions_of_any_dtype(values: pl.Series, engine: str) -> None:
    columns = {"user": range(5), "score": [0, 1, 2, 4, 3]}
    frame = pl.LazyFrame(columns).join(pl.LazyFrame({"question": values}), how="cross")
    frame = frame.with_columns(score=pl.col("score") * pl.col("question").rank("dense").cast(pl.Int64))
    for include in (values.to_list()[:1], values.head(1)):
        found = pc.top_corrsets(frame, k=2, top=None, include=include).collect(engine=engine)
        expected = values.gather([0, 1]).to_list(), values.gather([0, 2]).to_list()
        assert str(found["questions"].to_list()) == str([*expected])
        found = pc.scan_corrsets(frame, k=2, exclude=include).collect(engine=engine)
        assert str(found["questions"].to_list()) == str([values.gather([1, 2]).to_list()])


RESPONSES = sparse(20, 5, 0.8, seed=1).with_columns(
    area=pl.lit("a"), minutes=pl.col("question").str.tail(1).cast(pl.Int64), mixed=pl.col("user")
)

BAD_ARGUMENTS: list[tuple[dict[str, Any], type[Exception], list[str]]] = [
    ({"include": "q1"}, TypeError, ["`include`", "list", "'q1'"]),
    ({"include": 3}, TypeError, ["`include`", "list", "3"]),
    ({"include": ["q1", None]}, ValueError, ["`include`", "None"]),
    ({"include": ["q1", 1]}, TypeError, ["`include`", "one type"]),
    ({"exclude": [["q1"]]}, TypeError, ["`exclude`", "plain values"]),
    ({"exclude": [object()]}, TypeError, ["`exclude`", "plain values"]),
    ({"include": ["q1", "q2", "q3"]}, ValueError, ["`include`", "at most k=2", "3"]),
    ({"include": ["q1", "q1"]}, ValueError, ["`include`", "'q1'", "more than once"]),
    ({"include": ["q1", "q2"], "exclude": ["q0", "q2"]}, ValueError, ["`include`", "`exclude`", "'q2'"]),
    ({"domain": "area"}, ValueError, ["`domain`", "`max_per_domain`"]),
    ({"max_per_domain": 1}, ValueError, ["`domain`", "`max_per_domain`"]),
    ({"min_per_domain": 1}, ValueError, ["`domain`", "`min_per_domain`"]),
    ({"domain": "area", "max_per_domain": 0}, ValueError, ["`max_per_domain`", "at least 1", "0"]),
    ({"domain": "area", "min_per_domain": 1.0}, TypeError, ["`min_per_domain`", "integer", "1.0"]),
    (
        {"domain": "area", "min_per_domain": 2, "max_per_domain": 1},
        ValueError,
        ["`min_per_domain`", "2 and 1"],
    ),
    ({"cost": "minutes"}, ValueError, ["`cost`", "`max_cost`"]),
    ({"max_cost": 3}, ValueError, ["`cost`", "`max_cost`"]),
    ({"cost": "minutes", "max_cost": -1}, ValueError, ["`max_cost`", "at least 0", "-1"]),
    ({"cost": "minutes", "max_cost": float("nan")}, ValueError, ["`max_cost`", "finite", "nan"]),
    ({"cost": "minutes", "max_cost": 10**400}, ValueError, ["`max_cost`", "range of floats", "1000"]),
    ({"include": [2**200]}, TypeError, ["`include`", "one type"]),
    ({"exclude": pl.DataFrame({"question": [1]})}, TypeError, ["`exclude`", "Series", "DataFrame"]),
    ({"cost": "minutes", "max_cost": True}, TypeError, ["`max_cost`", "number", "True"]),
    ({"cost": "minutes", "max_cost": "3"}, TypeError, ["`max_cost`", "number", "'3'"]),
]


@pytest.mark.parametrize(("options", "error", "parts"), BAD_ARGUMENTS, ids=str)
@pytest.mark.parametrize("call", [pc.top_corrsets, pc.scan_corrsets])
def test_arguments(call: Any, options: dict[str, Any], error: type[Exception], parts: list[str]) -> None:
    with pytest.raises(error) as caught:
        call(RESPONSES.lazy(), k=2, **options)
    assert all(part in str(caught.value) for part in parts), caught.value


BAD_DATA: list[tuple[dict[str, Any], list[str]]] = [
    ({"include": ["q9"]}, ["`include`", '"q9"', '`question` (column "question")']),
    ({"exclude": ["q1", "Q1", "q"]}, ["`exclude`", '"Q1", "q"']),
    ({"include": [b"\xff"]}, ["`include`", "cannot be cast to str"]),
    ({"domain": "mixed", "max_per_domain": 1}, ["`domain`", '"mixed"', "same on all rows", '"q', '"u']),
    ({"cost": pl.col("minutes") - 2, "max_cost": 1}, ["`cost`", "at least 0", '"q', "-"]),
    ({"cost": pl.col("minutes") / 0, "max_cost": 1}, ["`cost`", "at least 0"]),
    ({"cost": pl.col("minutes").replace(1, None), "max_cost": 1}, ["`cost`", '"q1"', "null"]),
    ({"cost": "score", "max_cost": 1}, ["`cost`", '"score"', "same on all rows"]),
    ({"cost": "area", "max_cost": 1}, ["`cost`", '"area"', "str"]),
    ({"domain": pl.concat_list("area"), "max_per_domain": 1}, ["`domain`", "list"]),
]


@pytest.mark.parametrize(("options", "parts"), BAD_DATA, ids=str)
@pytest.mark.parametrize("call", [pc.top_corrsets, pc.scan_corrsets])
def test_data(call: Any, options: dict[str, Any], parts: list[str], engine: str) -> None:
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        call(RESPONSES.lazy(), k=2, **options).collect(engine=engine)
    assert all(part in str(caught.value) for part in parts), caught.value


def test_values_that_a_cast_would_change_are_errors() -> None:
    frame = RESPONSES.with_columns(question=pl.col("minutes"))
    for value in (1.5, 300, "x"):
        narrow = frame.with_columns(pl.col("question").cast(pl.UInt8))
        with pytest.raises(pl.exceptions.ComputeError, match=f'`include` holds "?{value}"?, which cannot'):
            pc.top_corrsets(narrow, k=2, include=[value])
    days = frame.with_columns(question=date(2024, 1, 1) + pl.duration(days="minutes"))
    assert pc.top_corrsets(days, k=1, include=[datetime(2024, 1, 2)]).height == 1
    with pytest.raises(pl.exceptions.ComputeError, match="`include` holds 2024-01-02 12:00:00, which cannot"):
        pc.top_corrsets(days, k=1, include=[datetime(2024, 1, 2, 12)])


def test_what_nobody_can_meet_is_no_row(engine: str) -> None:
    for options in (
        {"domain": "area", "max_per_domain": 1},
        {"domain": "question", "min_per_domain": 1},
        {"cost": "minutes", "max_cost": 0.5},
        {"exclude": ["q0", "q1", "q2", "q3"]},
    ):
        for call in (pc.top_corrsets, pc.scan_corrsets):
            found = call(RESPONSES.lazy(), k=2, **options).collect(engine=engine)
            assert found.shape == (0, 4)
            assert found.schema == pc.top_corrsets(RESPONSES, k=2).schema
    nothing = RESPONSES.clear().lazy()
    assert pc.top_corrsets(nothing, k=2, include=["q1"]).collect(engine=engine).height == 0


def test_few_of_very_many_sets() -> None:
    """The tree is cut: the sets that are left out are never met."""
    users = pl.DataFrame({"user": range(3)})
    frame = users.join(pl.DataFrame({"question": range(200)}), how="cross").with_columns(
        score=(pl.col("user") * pl.col("question") * 7919 + pl.col("question") ** 2) % 10,
        domain=pl.col("question") // 2,
        cost=pl.col("question"),
    )
    assert comb(200, 12) > 10**18
    cheap = pc.top_corrsets(frame, k=12, top=3, cost="cost", max_cost=sum(range(12)) + 4)
    assert [sum(chosen) <= 70 for chosen in cheap["questions"]] == [True] * cheap.height
    assert 0 < cheap.height <= 3
    balanced = frame.filter(pl.col("question") < 24)
    options: dict[str, Any] = {"domain": "domain", "min_per_domain": 1, "top": None}
    assert pc.top_corrsets(balanced, k=12, **options).height == 2**12
    assert pc.top_corrsets(frame, k=99, **options).height == 0
