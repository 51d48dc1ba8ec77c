"""`rank_by="alpha"`: sets by Cronbach's alpha, and `alpha=True`, which reports it of every set."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import oracle
import polars as pl
import polars_corrset as pc
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from responses import SCHEMA, assert_set, assert_sets, close, expected, sets, sparse
from test_properties import ENGINES, KINDS, Case, cases

WITH_ALPHA = {**SCHEMA, "alpha": pl.Float64}


@settings(max_examples=250)
@given(
    cases(),
    ENGINES,
    st.fixed_dictionaries(
        {"k": st.integers(1, 4), "top": st.none() | st.integers(1, 20), "min_users": st.integers(2, 6)}
    ),
    st.sampled_from(["sum", "mean"]),
)
def test_equals_the_oracle(case: Case, engine: str, options: dict[str, Any], total: str) -> None:
    if case.kind == "two far clusters":
        total = "sum"
    options = {**options, "total": total}
    result = pc.top_corrsets(case.frame.lazy(), rank_by="alpha", **options).collect(engine=engine)
    assert result.schema == WITH_ALPHA
    every = oracle.corrsets(case.rows, **{**options, "top": None}, rank_by="alpha")
    wanted = oracle.best(every, top=options["top"], rank_by="alpha")
    event(f"{case.kind}: {'no' if result.height == 0 else 'some'} rows")
    if options["top"] is None or (KINDS[case.kind].exact and total == "sum"):
        assert_alphas(result, wanted)
        return
    # As in test_properties: rounding may part sets that tie.
    by_questions = {one.questions: one for one in every}
    found = sets(result)
    for one in found:
        assert_set(one, by_questions[one.questions], case.kind)
    assert len({one.questions for one in found}) == len(found) == len(wanted)
    for alpha, one, other in zip(result["alpha"], found, wanted, strict=True):
        assert is_close(alpha, by_questions[one.questions].alpha)
        assert is_close(alpha, other.alpha), (found, wanted)


def is_close(found: float | None, wanted: float | None) -> bool:
    """As promised of correlations; alpha has no lower bound, and far below -1 digits count."""
    scale = max(1, abs(wanted or 0))
    return close(*(None if alpha is None else alpha / scale for alpha in (found, wanted)))


def assert_alphas(result: pl.DataFrame, wanted: list[oracle.CorrSet]) -> None:
    """The same sets with the same statistics in the same order."""
    assert_sets(result.drop("alpha"), wanted)
    for alpha, one in zip(result["alpha"], wanted, strict=True):
        assert is_close(alpha, one.alpha), (alpha, one)


def test_is_what_numpy_says() -> None:
    frame = sparse(60, 7, 0.8, seed=8, scores=(0, 1, 2, 5))
    wide = frame.pivot("question", index="user", values="score")
    result = pc.top_corrsets(frame, k=3, top=None, rank_by="alpha")
    assert result["alpha"].null_count() < result.height
    for questions, alpha in result.select("questions", "alpha").iter_rows():
        scores = wide.select(questions).drop_nulls().to_numpy()
        variances, of_total = scores.var(axis=0, ddof=1).sum(), scores.sum(axis=1).var(ddof=1)
        assert is_close(alpha, 3 / 2 * (1 - variances / of_total)), questions


def factor(score: str, booklets: int = 1) -> pl.DataFrame:
    """300 users × 16 questions with a common factor; with several booklets each lacks some questions."""
    rng = np.random.default_rng(6)
    user, question = (ids.ravel() for ids in np.mgrid[:300, :16])
    value = rng.normal(size=300)[user] * rng.random(16)[question] + rng.normal(size=len(user))
    scores = {"binary": (value > 0).astype(np.int8), "small": np.round(2 * value).astype(int), "float": value}
    answered = (question % booklets != user % booklets) | (booklets == 1)
    return pl.DataFrame({"user": user, "question": question, "score": scores[score]}).filter(answered)


@pytest.mark.parametrize("top", [1, 25])
@pytest.mark.parametrize("score", ["binary", "small", "float"])
@pytest.mark.parametrize("strategy", ["moments", "bound", None])
def test_strategies(strategy: str | None, score: str, top: int, monkeypatch: pytest.MonkeyPatch) -> None:
    query = pc.top_corrsets(factor(score).lazy(), k=4, top=top, rank_by="alpha")
    monkeypatch.setenv("POLARS_CORRSET_STRATEGY", "projection")
    wanted = query.collect()
    assert wanted.height == top
    if strategy is None:
        monkeypatch.delenv("POLARS_CORRSET_STRATEGY")
    else:
        monkeypatch.setenv("POLARS_CORRSET_STRATEGY", strategy)
    assert_frame_equal(query.collect(), wanted, check_exact=True)


@pytest.mark.parametrize("top", [25, None])
@pytest.mark.parametrize("booklets", [1, 3])
@pytest.mark.parametrize("score", ["binary", "small"])
def test_moments(score: str, booklets: int, top: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    query = pc.top_corrsets(factor(score, booklets).lazy(), k=3, top=top, min_users=5, rank_by="alpha")
    monkeypatch.setenv("POLARS_CORRSET_STRATEGY", "projection")
    wanted = query.collect()
    assert wanted.height >= 25
    monkeypatch.setenv("POLARS_CORRSET_STRATEGY", "moments")
    assert_frame_equal(query.collect(), wanted, check_exact=True)


def test_alpha_needs_no_r(engine: str) -> None:
    """The grand total is 3 for everybody, so no set has an r."""
    rows = [
        (user, question, score)
        for user, scores in enumerate(["021", "120", "111", "030"])
        for question, score in zip("xyz", map(int, scores), strict=True)
    ]
    frame = pl.DataFrame(rows, schema=["user", "question", "score"], orient="row")
    for strategy_of in (frame, frame.filter(~((pl.col("user") == 3) & (pl.col("question") == "z")))):
        result = pc.top_corrsets(strategy_of.lazy(), k=2, rank_by="alpha").collect(engine=engine)
        assert_alphas(result, expected(strategy_of, k=2, rank_by="alpha"))
        assert result.height > 0
        assert result["r"].null_count() > 0


def test_one_question_has_no_alpha(engine: str) -> None:
    frame = sparse(30, 5, 0.8, seed=2).lazy()
    assert pc.top_corrsets(frame, k=1, rank_by="alpha").collect(engine=engine).height == 0
    every = pc.top_corrsets(frame, k=1, top=None, rank_by="alpha").collect(engine=engine)
    assert every["alpha"].null_count() == every.height == 5


def test_criterion_and_alpha() -> None:
    frame = sparse(40, 8, 0.8, seed=4).with_columns(grade=pl.col("user").str.len_chars())
    by_alpha = pc.top_corrsets(frame, k=3, rank_by="alpha", criterion="grade")
    plain = pc.top_corrsets(frame, k=3, rank_by="alpha")
    assert_frame_equal(by_alpha.drop("r", "r_rest"), plain.drop("r", "r_rest"), check_exact=True)
    assert by_alpha["r_rest"].null_count() == by_alpha.height == 10


RESPONSES = sparse(30, 9, 0.6, seed=1, scores=(0, 1, 2))
BINARY = sparse(30, 9, 0.6, seed=1, scores=(0, 1))


@pytest.mark.parametrize("responses", [RESPONSES, BINARY], ids=["small", "binary"])
def test_scan(responses: pl.DataFrame, engine: str) -> None:
    scan = pc.scan_corrsets(responses.lazy(), k=3, alpha=True)
    every = pc.top_corrsets(responses, k=3, top=None, rank_by="alpha")
    assert scan.collect_schema() == WITH_ALPHA
    assert_frame_equal(scan.collect(engine=engine), every, check_exact=True)
    assert_frame_equal(
        scan.select("n_users", "alpha").collect(engine=engine),
        every.select("n_users", "alpha"),
        check_exact=True,
    )
    for predicate in (
        pl.col("alpha") > 0.2,
        (pl.col("alpha") >= 0) & (pl.col("r") > 0.6),
        pl.col("alpha").is_null(),
        (pl.col("alpha") < 0.1) & (pl.col("n_users") > 5),
    ):
        found = scan.filter(predicate).collect(engine=engine)
        assert_frame_equal(found, every.filter(predicate), check_exact=True)
    assert "alpha" not in pc.scan_corrsets(responses.lazy(), k=3).collect_schema()


def test_groups(engine: str) -> None:
    frame = pl.concat([RESPONSES.with_columns(exam=pl.lit(exam)) for exam in "AB"]).lazy()
    expression = pc.corrset(k=2, top=3, rank_by="alpha")
    grouped = frame.group_by("exam", maintain_order=True).agg(expression).explode("corrset").unnest("corrset")
    wanted = pc.top_corrsets(RESPONSES, k=2, top=3, rank_by="alpha")
    for exam in "AB":
        found = grouped.filter(exam=exam).drop("exam").collect(engine=engine)
        assert_frame_equal(found, wanted, check_exact=True)


@pytest.mark.parametrize("alpha", [1, None, "yes"])
def test_arguments(alpha: object) -> None:
    with pytest.raises(TypeError, match=re.escape(f"`alpha` must be True or False, got {alpha!r}")):
        pc.scan_corrsets(RESPONSES, k=2, alpha=alpha)
