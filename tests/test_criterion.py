"""`criterion`: something outside the test in the grand total's place."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import oracle
import polars as pl
import polars_corrset as pc
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from polars.exceptions import ComputeError
from polars.testing import assert_frame_equal
from responses import SCHEMA, assert_set, assert_sets, close, sets, sparse
from test_properties import KINDS, Case, Kind, cases

RESPONSES = sparse(40, 8, 0.8, seed=4)
GRADE = pl.col("user").str.strip_prefix("u").cast(pl.Int64) * 7919 % 11


def with_grade(frame: pl.DataFrame = RESPONSES, grade: pl.Expr = GRADE) -> pl.DataFrame:
    """The responses with a grade on each row."""
    return frame.with_columns(grade=grade)


def grades(frame: pl.DataFrame) -> dict[Any, Any]:
    """The criterion of each user, for the oracle."""
    return dict(frame.select("user", "grade").rows())


def expected(frame: pl.DataFrame, **options: Any) -> list[oracle.CorrSet]:
    """What the oracle makes of the columns."""
    rows = frame.select("user", "question", "score").rows()
    return oracle.corrsets(rows, criterion=grades(frame), **options)


@pytest.mark.parametrize("top", [None, 7])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_equals_the_oracle(engine: str, k: int, top: int | None) -> None:
    frame = with_grade()
    result = pc.top_corrsets(frame.lazy(), k=k, top=top, criterion="grade").collect(engine=engine)
    assert result.schema == SCHEMA
    assert_sets(result, expected(frame, k=k, top=top))
    assert result["r_rest"].null_count() == result.height


def test_scan_equals_top(engine: str) -> None:
    frame = with_grade()
    every = pc.top_corrsets(frame, k=3, top=None, criterion="grade")
    scan = pc.scan_corrsets(frame.lazy(), k=3, criterion="grade")
    assert_frame_equal(scan.collect(engine=engine), every, check_exact=True)
    for predicate in (pl.col("r") > 0.2, pl.col("r_rest") > 0.2, pl.col("r_rest").is_null()):
        found = scan.filter(predicate).collect(engine=engine)
        assert_frame_equal(found, every.filter(predicate), check_exact=True)


def test_is_what_numpy_says() -> None:
    frame = with_grade()
    wide = frame.pivot("question", index="user", values="score")
    value = wide.join(frame.unique("user").select("user", "grade"), on="user")
    for one in sets(pc.top_corrsets(frame, k=2, top=None, criterion="grade")):
        common = value.drop_nulls(one.questions)
        x = common.select(pl.sum_horizontal(one.questions)).to_series()
        assert math.isclose(one.r, np.corrcoef(x, common["grade"])[0, 1], abs_tol=1e-12), one


CRITERIA = {
    "zero or one": Kind(st.integers(0, 1), pl.Int8()),
    "Boolean": Kind(st.booleans(), pl.Boolean()),
    "integers": Kind(st.integers(-30, 99), pl.Int32()),
    # Beyond 2^59 the sums of 12 users could overflow, which is an error.
    "wide integers": Kind(st.integers(-(2**57), 2**57), pl.Int64()),
    "far from zero": Kind(st.integers(2**100, 2**100 + 9), pl.Int128()),
    "decimals": Kind(st.integers(-500, 500), pl.Decimal(12, 2), to_polars=lambda value: Decimal(value) / 100),
    "integral floats": Kind(st.integers(-9, 9), pl.Float64(), to_polars=float),
    "halves": Kind(
        st.integers(-9, 9),
        pl.Float32(),
        to_polars=lambda value: value / 2,
        to_oracle=lambda value: Fraction(value, 2),
    ),
    "thirds": Kind(
        st.integers(-99, 99),
        pl.Float64(),
        to_polars=lambda value: value / 3,
        to_oracle=lambda value: Fraction(value, 3),
    ),
}
# Where sums are exact, whatever the scores.
EXACT = {
    "zero or one",
    "Boolean",
    "integers",
    "wide integers",
    "far from zero",
    "decimals",
    "integral floats",
}


@settings(max_examples=200)
@given(cases(), st.sampled_from(list(CRITERIA)), st.data())
def test_kinds_of_scores_and_criteria(case: Case, name: str, data: st.DataObject) -> None:
    kind = CRITERIA[name]
    users = case.frame["user"].unique(maintain_order=True).to_list()
    drawn = data.draw(st.lists(st.none() | kind.drawn, min_size=len(users), max_size=len(users)))
    of_users = {
        "user": pl.Series(users, dtype=pl.Int64),
        "grade": pl.Series([None if one is None else kind.to_polars(one) for one in drawn], dtype=kind.dtype),
    }
    frame = case.frame.join(pl.DataFrame(of_users), on="user", how="left", maintain_order="left")
    criterion = {
        user: None if one is None else kind.to_oracle(one) for user, one in zip(users, drawn, strict=True)
    }
    options = {"k": data.draw(st.integers(1, 4)), "top": data.draw(st.none() | st.integers(1, 9))}
    engine = data.draw(st.sampled_from(["in-memory", "streaming"]))
    result = pc.top_corrsets(frame.lazy(), criterion="grade", **options).collect(engine=engine)
    every = oracle.corrsets(case.rows, criterion=criterion, k=options["k"], top=None)
    event(f"{case.kind} and {name}: {'no' if result.height == 0 else 'some'} rows")
    if options["top"] is None or (KINDS[case.kind].exact and name in EXACT):
        assert_sets(result, oracle.best(every, top=options["top"], rank_by="r"), (case.kind, name))
        return
    # As in test_properties: rounding may part sets that tie.
    by_questions = {one.questions: one for one in every}
    wanted = oracle.best(every, top=options["top"], rank_by="r")
    found = sets(result)
    for one in found:
        assert_set(one, by_questions[one.questions], (case.kind, name))
    assert len({one.questions for one in found}) == len(found) == len(wanted)
    assert all(close(one.r, other.r) for one, other in zip(found, wanted, strict=True)), (found, wanted)


def test_wide_criteria_that_differ_little_on_the_users_of_a_set() -> None:
    """One far user moves the mean so far that a float of the others' deviations would not tell them apart."""
    frame = pl.DataFrame(
        {
            "user": [1, 2, 3, 4],
            "question": ["a", "a", "a", "b"],
            "score": [0.1, 0.3, 0.4, 0.5],
            "grade": [690, 691, 691, -(2**60)],
        }
    )
    result = pc.top_corrsets(frame, k=1, criterion="grade")
    assert result["questions"].to_list() == [["a"]]
    assert close(result["r"][0], np.corrcoef([0.1, 0.3, 0.4], [0, 1, 1])[0, 1])


@pytest.mark.parametrize("score", ["binary", "small", "float"])
@pytest.mark.parametrize(
    "grade", [pl.col("user") * 31 % 17, pl.col("user").sin()], ids=["integers", "floats"]
)
def test_strategies(score: str, grade: pl.Expr, monkeypatch: pytest.MonkeyPatch) -> None:
    """Complete answers by all, booklets by those that can."""
    value = pl.col("user") * pl.col("question") * 37 % 101 + pl.col("user")
    scores = {"binary": (value > 150).cast(pl.Int8), "small": value // 20, "float": value / 7}
    cells = pl.DataFrame({"user": range(200)}).join(pl.DataFrame({"question": range(14)}), how="cross")
    complete = cells.with_columns(score=scores[score], grade=grade)
    booklets = complete.filter(pl.col("question") % 3 != pl.col("user") % 3)
    summed = isinstance(grade, pl.Expr) and score != "float" and "sin" not in str(grade)
    for frame, strategies in [
        (complete, ["moments", "bound", None]),
        (booklets, ["moments", None] if summed else [None]),
    ]:
        query = pc.top_corrsets(frame.lazy(), k=4, top=25, criterion="grade")
        monkeypatch.setenv("POLARS_CORRSET_STRATEGY", "projection")
        wanted = query.collect()
        assert wanted.height == 25
        for strategy in strategies:
            if strategy is None:
                monkeypatch.delenv("POLARS_CORRSET_STRATEGY")
            else:
                monkeypatch.setenv("POLARS_CORRSET_STRATEGY", strategy)
            assert_frame_equal(query.collect(), wanted, check_exact=True)


@pytest.mark.parametrize("strategy", ["projection", "moments", "bound"])
def test_a_criterion_that_no_question_has_anything_to_do_with(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All correlations are 0, and all sets tie."""
    monkeypatch.setenv("POLARS_CORRSET_STRATEGY", strategy)
    bits = [(user & 1, user >> 1 & 1, user >> 2 & 1) for user in range(8)]
    rows = [
        (user, question, score, (a + b + c) % 2)
        for user, (a, b, c) in enumerate(bits)
        for question, score in {"a": a, "b": b, "c": c, "b too": b, "a too": a}.items()
    ]
    frame = pl.DataFrame(rows, schema=["user", "question", "score", "grade"], orient="row")
    result = pc.top_corrsets(frame, k=3, criterion="grade", top=20)
    assert_sets(result, expected(frame, k=3, top=20))
    assert set(result["r"]) == {0}


def test_the_grand_total_as_criterion_gives_its_r() -> None:
    frame = with_grade(grade=pl.col("score").sum().over("user"))
    for top in (None, 5):
        by_criterion = pc.top_corrsets(frame, k=3, top=top, criterion="grade")
        wanted = pc.top_corrsets(frame, k=3, top=top).with_columns(r_rest=pl.lit(None, pl.Float64))
        assert_frame_equal(by_criterion, wanted, check_exact=True)


def test_users_without_a_criterion_are_left_out_entirely() -> None:
    """Their responses are as good as not there, also where they would be first."""
    frame = with_grade(grade=pl.when(GRADE > 3).then(GRADE))
    options = {"k": 2, "top": None, "criterion": "grade"}
    assert 0 < frame["grade"].null_count() < frame.height
    without = frame.drop_nulls("grade")
    assert (
        frame["question"].unique(maintain_order=True).to_list()
        != without["question"].unique(maintain_order=True).to_list()
    ), "the case must have questions in another order"
    assert_frame_equal(
        pc.top_corrsets(frame, **options), pc.top_corrsets(without, **options), check_exact=True
    )
    nobody = frame.with_columns(grade=pl.lit(None, pl.Int64))
    assert pc.top_corrsets(nobody, **options).height == 0
    assert pc.top_corrsets(frame.with_columns(grade=pl.lit(None)), **options).height == 0


def test_a_constant_criterion_correlates_with_nothing(engine: str) -> None:
    for constant in (5, 0.1):
        query = pc.top_corrsets(with_grade(grade=pl.lit(constant)).lazy(), k=2, criterion="grade", top=None)
        every = query.collect(engine=engine)
        assert every.height == 28
        assert every["r"].null_count() == 28
        assert pc.top_corrsets(with_grade(grade=pl.lit(constant)), k=2, criterion="grade").height == 0


def test_expressions_and_groups(engine: str) -> None:
    frame = pl.concat([with_grade().with_columns(exam=pl.lit(exam)) for exam in "AB"]).lazy()
    expression = pc.corrset(k=2, top=3, criterion=pl.col("grade") * 2 + 1)
    grouped = frame.group_by("exam", maintain_order=True).agg(expression).explode("corrset").unnest("corrset")
    wanted = pc.top_corrsets(with_grade(), k=2, top=3, criterion="grade")
    for exam in "AB":
        found = grouped.filter(exam=exam).drop("exam").collect(engine=engine)
        assert_frame_equal(found, wanted, check_exact=True)


def test_rows_that_are_no_responses_need_no_constant_criterion() -> None:
    other = RESPONSES.head(2).with_columns(score=None, grade=pl.lit(-1, pl.Int64))
    frame = pl.concat([with_grade(), other])
    assert_frame_equal(
        pc.top_corrsets(frame, k=2, criterion="grade"), pc.top_corrsets(with_grade(), k=2, criterion="grade")
    )


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grade", "values"),
    [
        (pl.Series([1, 2, 2, 2]), "1 and 2"),
        (pl.Series([1, None, 2, 2]), "1 and null"),
        (pl.Series([None, 1.5, 2, 2]), "null and 1.5"),
        (pl.Series([True, False, True, True]), "true and false"),
        (pl.Series([Decimal("0.10"), Decimal("0.20"), Decimal(1), Decimal(1)]), "0.10 and 0.20"),
    ],
    ids=str,
)
def test_a_criterion_that_differs_between_rows_of_a_user(engine: str, grade: pl.Series, values: str) -> None:
    frame = pl.LazyFrame(
        {"user": ["ann", "ann", "bob", "bob"], "question": list("xyxy"), "score": [1, 2, 3, 4]}
    )
    frame = frame.with_columns(grade=grade)
    rule = f'`criterion` (column "grade") must be the same on all rows of a user, but user "ann" has {values}'
    for query in (
        pc.top_corrsets(frame, k=1, criterion="grade"),
        pc.scan_corrsets(frame, k=1, criterion="grade"),
    ):
        with pytest.raises(ComputeError, match=re.escape(rule)):
            query.collect(engine=engine)


# Rows are compared 16,384 at a time, and by several threads.
@pytest.mark.parametrize("row", [2**14 - 1, 2**14, 2**14 + 1, 60_001, 119_999])
@pytest.mark.parametrize("order", [["user", "question"], ["question", "user"], ["mixed"]], ids=str)
@pytest.mark.parametrize(("role", "owner"), [("criterion", "user"), ("domain", "question")])
def test_one_row_of_many_differs(row: int, order: list[str], role: str, owner: str) -> None:
    users, questions = 4_000, 30
    rows = pl.DataFrame({"user": range(users)}).join(
        pl.DataFrame({"question": range(questions)}), how="cross"
    )
    number = pl.col("user") * questions + pl.col("question")
    frame = rows.with_columns(score=number % 7 % 2, mixed=number * 7919 % (users * questions)).sort(order)
    differs = pl.int_range(pl.len()) == row
    if role == "criterion":
        options, others, other = {"criterion": "value"}, pl.col("user"), pl.lit(-1)
    else:
        options, others, other = {"domain": "value", "max_per_domain": 1}, pl.col("question"), pl.lit(None)
    frame = frame.with_columns(value=pl.when(differs).then(other).otherwise(others))
    which, value = frame[owner][row], frame["value"][row]
    rule = (
        f'`{role}` (column "value") must be the same on all rows of a {owner}, '
        f"but {owner} {which} has {which} and {'null' if value is None else value}"
    )
    with pytest.raises(ComputeError, match=re.escape(rule)):
        pc.top_corrsets(frame, k=1, **options)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite(engine: str, value: float) -> None:
    frame = with_grade(grade=pl.when(pl.col("user") == "u3").then(value).otherwise(GRADE)).lazy()
    shown = "NaN" if math.isnan(value) else f"{value}"
    rule = f'`criterion` (column "grade") holds {shown}, but its values must be finite'
    with pytest.raises(ComputeError, match=re.escape(rule)):
        pc.top_corrsets(frame, k=1, criterion="grade").collect(engine=engine)


@pytest.mark.parametrize(
    "grade", [pl.col("user"), pl.lit([1]), pl.date(2026, 1, 1), pl.struct("user")], ids=str
)
def test_dtypes(engine: str, grade: pl.Expr) -> None:
    frame = with_grade(grade=grade).lazy()
    dtype = frame.collect_schema()["grade"]
    start = re.escape('`criterion` (column "grade") cannot be of dtype ')
    for query in (
        lambda: pc.top_corrsets(frame, k=1, criterion="grade").collect(engine=engine),
        lambda: pc.scan_corrsets(frame, k=1, criterion="grade").collect(engine=engine),
    ):
        with pytest.raises(ComputeError, match=start) as error:
            query()
        assert "must be Boolean, integer, Decimal or float" in str(error.value), dtype


def test_values_too_far_apart_for_exact_sums() -> None:
    far = pl.when(pl.col("user") == "u3").then(pl.lit(2**100, pl.Int128)).otherwise(GRADE.cast(pl.Int128))
    frame = with_grade(grade=far)
    for one in (frame, with_grade(grade=GRADE * 2**58)):
        with pytest.raises(ComputeError, match=r"`criterion` \(column \"grade\"\) holds values so far apart"):
            pc.top_corrsets(one, k=1, criterion="grade")
    as_floats = frame.with_columns(pl.col("grade").cast(pl.Float64))
    assert pc.top_corrsets(as_floats, k=1, criterion="grade").height == 8


def test_scores_too_far_apart_for_a_float_criterion() -> None:
    frame = with_grade(RESPONSES.with_columns(pl.col("score") * 2**55), GRADE.sin())
    with pytest.raises(ComputeError, match="the differences of scores would overflow exact integers"):
        pc.top_corrsets(frame, k=1, criterion="grade")
    as_floats = frame.with_columns(pl.col("score").cast(pl.Float64))
    assert_sets(pc.top_corrsets(as_floats, k=1, criterion="grade"), expected(frame, k=1))


def test_arguments() -> None:
    message = "`rank_by` cannot be 'r_rest' where there is a `criterion`"
    with pytest.raises(ValueError, match=message):
        pc.corrset(k=2, criterion="grade", rank_by="r_rest")
    message = "`total` must be 'sum' where there is a `criterion`"
    with pytest.raises(ValueError, match=message):
        pc.corrset(k=2, criterion="grade", total="mean")
    with pytest.raises(ValueError, match=message):
        pc.scan_corrsets(RESPONSES, k=2, criterion="user", total="mean")
