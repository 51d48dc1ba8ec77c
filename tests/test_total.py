"""`total="mean"`: the grand total as the mean of what the user answered."""

from __future__ import annotations

import re

import numpy as np
import oracle
import polars as pl
import polars_corrset as pc
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal
from responses import SCHEMA, assert_set, assert_sets, close, sets, sparse
from test_properties import ENGINES, OPTIONS, Case, cases

# Wide ones are exact to 1e-12 of their spread only where that is not far below their size.
MEANS = [
    "zero or one",
    "Boolean",
    "small integers",
    "negative integers",
    "wide integers",
    "far from zero",
    "decimals",
    "dyadic floats",
    "tenths",
    "random floats",
]


@settings(max_examples=200)
@given(cases(MEANS), ENGINES, OPTIONS)
def test_equals_the_oracle(case: Case, engine: str, options: dict[str, object]) -> None:
    result = pc.top_corrsets(case.frame.lazy(), total="mean", **options).collect(engine=engine)
    assert result.schema == SCHEMA
    every = oracle.corrsets(case.rows, total="mean", **{**options, "top": None})
    wanted = oracle.best(every, top=options["top"], rank_by=options["rank_by"])
    if options["top"] is None:
        assert_sets(result, wanted, case.kind)
        return
    # Means are floats, and rounding may part sets that tie.
    by_questions = {one.questions: one for one in every}
    found = sets(result)
    for one in found:
        assert_set(one, by_questions[one.questions], case.kind)
    assert len({one.questions for one in found}) == len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert close(getattr(one, options["rank_by"]), getattr(other, options["rank_by"])), (found, wanted)


def test_is_what_numpy_says(engine: str) -> None:
    frame = sparse(60, 7, 0.7, seed=8, scores=(0, 1, 2, 5))
    wide = frame.pivot("question", index="user", values="score")
    questions = [name for name in wide.columns if name != "user"]
    for one in sets(pc.top_corrsets(frame.lazy(), k=3, top=None, total="mean").collect(engine=engine)):
        common = wide.drop_nulls(one.questions).select(
            x=pl.sum_horizontal(one.questions),
            mean=pl.mean_horizontal(questions),
            rest=pl.mean_horizontal([name for name in questions if name not in one.questions]),
        )
        assert close(one.r, np.corrcoef(common["x"], common["mean"])[0, 1]), one
        common = common.drop_nulls()
        assert close(one.r_rest, np.corrcoef(common["x"], common["rest"])[0, 1]), one


@pytest.mark.parametrize("rank_by", ["r", "r_rest"])
@pytest.mark.parametrize("strategy", [None, "projection", "moments", "bound"])
def test_of_equally_many_answers_the_mean_is_the_sum(
    strategy: str | None, rank_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = sparse(80, 12, 1.0, seed=9, scores=(0, 1, 2))
    booklets = complete.filter(
        pl.col("question").str.strip_prefix("q").cast(int) % 3
        != pl.col("user").str.strip_prefix("u").cast(int) % 3
    )
    if strategy is not None:
        monkeypatch.setenv("POLARS_CORRSET_STRATEGY", strategy)
    for frame in [complete, booklets]:
        by_sum, by_mean = (
            pc.top_corrsets(frame, k=4, top=30, rank_by=rank_by, total=total) for total in ("sum", "mean")
        )
        assert by_sum.height == 30
        assert_frame_equal(by_sum, by_mean, check_exact=True)


def test_users_who_answered_nothing_else_have_no_rest() -> None:
    # Means of all: X / 2 of those who answered x and y only. The rest of the others is z.
    answers = {
        "ann": (1, 0, None),
        "bob": (1, 1, None),
        "cleo": (3, 0, None),
        "dan": (2, 2, 5),
        "eve": (5, 1, 6),
    }
    rows = [
        (user, question, score)
        for user, scores in answers.items()
        for question, score in zip("xyz", scores, strict=True)
    ]
    frame = pl.DataFrame(rows, schema=["user", "question", "score"], orient="row")
    (xy,) = sets(pc.top_corrsets(frame, k=2, min_users=5, total="mean"))
    assert xy.questions == ("x", "y")
    assert close(xy.r, np.corrcoef([1, 2, 3, 4, 6], [0.5, 1, 1.5, 3, 4])[0, 1])
    assert close(xy.r_rest, 1.0), "dan and eve only"
    one_left = frame.filter(~((pl.col("user") == "eve") & (pl.col("question") == "z")))
    (xy,) = sets(pc.top_corrsets(one_left, k=2, min_users=5, total="mean"))
    assert (xy.n_users, xy.r_rest) == (5, None)


def test_scan_equals_top(engine: str) -> None:
    frame = sparse(40, 8, 0.7, seed=10)
    every = pc.top_corrsets(frame, k=3, top=None, total="mean")
    scan = pc.scan_corrsets(frame.lazy(), k=3, total="mean")
    assert_frame_equal(scan.collect(engine=engine), every, check_exact=True)
    for predicate in (pl.col("r") > 0.5, pl.col("r_rest") > 0.2, pl.col("r_rest") < 0):
        found = scan.filter(predicate).collect(engine=engine)
        assert 0 < found.height < every.height
        assert_frame_equal(found, every.filter(predicate), check_exact=True)


@pytest.mark.parametrize("total", ["median", None, 1])
def test_arguments(total: object) -> None:
    rule = re.escape(f"`total` must be one of 'sum', 'mean', got {total!r}")
    for function in (pc.corrset, lambda **options: pc.scan_corrsets(pl.LazyFrame(), **options)):
        with pytest.raises(ValueError, match=rule):
            function(k=2, total=total)
