"""Random responses against the oracle, and the laws that hold for every result."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from fractions import Fraction
from math import comb
from typing import Any, NamedTuple

import oracle
import polars as pl
import polars_corrset as pc
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from responses import SCHEMA, assert_set, assert_sets, close, sets


class Kind(NamedTuple):
    """A kind of scores: what hypothesis draws, and what of it Polars and the oracle get."""

    drawn: st.SearchStrategy[Any]
    dtype: pl.DataType
    to_polars: Any = lambda score: score
    to_oracle: Any = lambda score: score
    # Whether the sums are exact, so that ties are ties.
    exact: bool = True


KINDS = {
    "zero or one": Kind(st.integers(0, 1), pl.Int8()),
    "Boolean": Kind(st.booleans(), pl.Boolean()),
    "small integers": Kind(st.integers(0, 5), pl.Int64()),
    "negative integers": Kind(st.integers(-9, 3), pl.Int16()),
    "wide integers": Kind(st.integers(-(2**40), 2**40), pl.Int64()),
    "two far clusters": Kind(st.sampled_from([2**45, 2**45 + 1, -(2**45), 0]), pl.Int128()),
    "far from zero": Kind(st.integers(2**50, 2**50 + 9), pl.UInt64()),
    "decimals": Kind(st.integers(-500, 500), pl.Decimal(12, 2), to_polars=lambda score: Decimal(score) / 100),
    "integral floats": Kind(st.integers(-20, 20), pl.Float64(), to_polars=float),
    "quarters": Kind(st.integers(-80, 80), pl.Float64(), to_polars=lambda score: score / 4),
    "dyadic floats": Kind(st.integers(-80, 80), pl.Float64(), to_polars=lambda score: score / 8, exact=False),
    # To the user 0.1 + 0.7 is 0.8, so the oracle gets the tenths.
    "tenths": Kind(
        st.integers(-99, 99),
        pl.Float64(),
        to_polars=lambda score: score / 10,
        to_oracle=lambda score: Fraction(score, 10),
        exact=False,
    ),
    "random floats": Kind(
        st.integers(0, 2**32).map(lambda seed: random.Random(seed).gauss(0, 1)), pl.Float64(), exact=False
    ),
}

# Means of integers are no integers, and a float cannot hold those of wide ones to 1e-12.
WITHOUT_MEANS = {"wide integers", "two far clusters", "far from zero"}


class Case(NamedTuple):
    """Responses, once for Polars and once for the oracle."""

    frame: pl.DataFrame
    rows: list[tuple[Any, Any, Any]]
    kind: str


@st.composite
def cases(draw: st.DrawFn, kinds: list[str] | None = None, *, repeats: bool = False) -> Case:
    """Up to 12 users who answer some of up to 6 questions, in any order, a few fields null."""
    name = draw(st.sampled_from(kinds or list(KINDS)))
    kind = KINDS[name]
    users, questions = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    cell = st.tuples(st.integers(0, users - 1), st.integers(0, questions - 1))
    cells = draw(
        st.lists(cell, min_size=users * questions // 2, max_size=users * questions, unique=not repeats)
    )
    scores = draw(st.lists(st.none() | kind.drawn, min_size=len(cells), max_size=len(cells)))
    labels = [f"q{draw(st.integers(0, 99))}.{number}" for number in range(questions)]
    rows = [(user, labels[question], score) for (user, question), score in zip(cells, scores, strict=True)]
    columns = {
        "user": pl.Series([user for user, _, _ in rows], dtype=pl.Int64),
        "question": pl.Series([question for _, question, _ in rows], dtype=pl.String),
        "score": pl.Series(
            [None if score is None else kind.to_polars(score) for _, _, score in rows], dtype=kind.dtype
        ),
    }
    frame = pl.DataFrame(columns)
    cut = draw(st.integers(0, len(rows)))
    chunked = pl.concat([frame.head(cut), frame.slice(cut)], rechunk=False)
    exact = [
        (user, question, None if score is None else kind.to_oracle(score)) for user, question, score in rows
    ]
    return Case(chunked, exact, name)


def every_set(frame: pl.DataFrame, k: int, **options: Any) -> dict[frozenset[str], oracle.CorrSet]:
    """All sets by their questions, whose order is that of the rows."""
    found = sets(pc.top_corrsets(frame, k=k, top=None, **options))
    return {frozenset(one.questions): one for one in found}


OPTIONS = st.fixed_dictionaries(
    {
        "k": st.integers(1, 4),
        "top": st.none() | st.integers(1, 20),
        "min_users": st.integers(2, 6),
        "rank_by": st.sampled_from(["r", "r_rest"]),
    }
)
ENGINES = st.sampled_from(["in-memory", "streaming"])
POLICIES = ["first", "last", "sum", "mean", "min", "max"]
INTEGERS = ["zero or one", "small integers", "negative integers", "wide integers"]


def check(case: Case, engine: str, options: dict[str, Any], *, exact: bool) -> None:
    """The frame's result is the oracle's."""
    result = pc.top_corrsets(case.frame.lazy(), **options).collect(engine=engine)
    wanted = oracle.corrsets(case.rows, **options)
    event(f"{case.kind}: {'no' if result.height == 0 else 'some'} rows")
    assert result.schema == SCHEMA
    if exact or options["top"] is None:
        assert_sets(result, wanted, case.kind)
        return
    # Rounding may part sets that tie, so each row is held against the oracle's row of that set, and the
    # ranking only against the oracle's ranked values.
    everything = oracle.corrsets(case.rows, **{**options, "top": None})
    by_questions = {one.questions: one for one in everything}
    found = sets(result)
    for one in found:
        assert_set(one, by_questions[one.questions], case.kind)
    assert len({one.questions for one in found}) == len(found) == len(wanted), (found, wanted)
    for one, other in zip(found, wanted, strict=True):
        keys = getattr(one, options["rank_by"]), getattr(other, options["rank_by"])
        assert close(*keys), f"{case.kind}: {keys} in {found}, expected {wanted}"


@settings(max_examples=400)
@given(cases(), ENGINES, OPTIONS)
def test_equals_the_oracle(case: Case, engine: str, options: dict[str, Any]) -> None:
    check(case, engine, options, exact=KINDS[case.kind].exact)


@settings(max_examples=400)
@given(cases(repeats=True), ENGINES, OPTIONS, st.sampled_from(POLICIES))
def test_duplicates_equal_the_oracle(
    case: Case, engine: str, options: dict[str, Any], duplicates: str
) -> None:
    assume(duplicates != "mean" or case.kind not in WITHOUT_MEANS)
    exact = KINDS[case.kind].exact and duplicates != "mean"
    check(case, engine, {**options, "duplicates": duplicates}, exact=exact)


@given(cases(INTEGERS), st.integers(1, 4), st.randoms(use_true_random=False))
def test_order_of_rows_changes_no_correlation(case: Case, k: int, rng: random.Random) -> None:
    order = list(range(case.frame.height))
    rng.shuffle(order)
    one, other = (every_set(frame, k) for frame in (case.frame, case.frame[order]))
    assert one.keys() == other.keys()
    for questions, row in one.items():
        assert row[1:] == other[questions][1:], questions


@given(cases(INTEGERS), st.integers(1, 4))
def test_labels_of_users_change_nothing(case: Case, k: int) -> None:
    labels = (pl.col("user") * -7).cast(pl.String) + "th"
    for top in (None, 3):
        one, other = (pc.top_corrsets(case.frame, user=user, k=k, top=top) for user in ("user", labels))
        assert one.equals(other), (one, other)


@given(cases(INTEGERS), st.integers(1, 4), st.integers(-1000, 1000))
def test_constant_on_a_question_that_all_answered(case: Case, k: int, constant: int) -> None:
    """It moves every total it enters by the same amount."""
    answers = case.frame.drop_nulls()
    assume(answers.height > 0)
    # One more question that all users answered, with scores of some spread.
    added = answers.unique("user", maintain_order=True).with_columns(
        question=pl.lit("common"), score=pl.col("user").cast(pl.Int64) * 5 % 7
    )
    wide = answers.with_columns(pl.col("score").cast(pl.Int64))
    one = pl.concat([wide, added])
    other = pl.concat([wide, added.with_columns(pl.col("score") + constant)])
    assert every_set(one, k) == every_set(other, k)


@given(cases(), st.integers(1, 3))
def test_r_rest_follows_from_r_and_the_deviations(case: Case, k: int) -> None:
    """r_rest = (r - s) / sqrt(1 + s² - 2rs), where s = sd(X) / sd(T)."""
    answers, _ = oracle.table(case.rows, "error")
    for one in sets(pc.top_corrsets(case.frame, k=k, top=None)):
        common = [scores for scores in answers.values() if scores.keys() >= set(one.questions)]
        variance_x = variance([sum(scores[question] for question in one.questions) for scores in common])
        variance_t = variance([sum(scores.values()) for scores in common])
        if one.r is None or one.r_rest is None:
            continue
        s = math.sqrt(variance_x / variance_t)
        rest = 1 + s * s - 2 * one.r * s
        # Where the rest hardly varies, the formula cancels; the expression does not use it.
        if rest > 1e-3 * (1 + s * s):
            assert math.isclose((one.r - s) / math.sqrt(rest), one.r_rest, abs_tol=1e-9), one


def variance(values: list[int]) -> Fraction:
    """Of the values in any unit."""
    mean = Fraction(sum(values), len(values))
    return sum(((value - mean) ** 2 for value in values), Fraction(0))


@given(cases(), OPTIONS.filter(lambda options: options["top"] is not None))
def test_fewer_are_the_first_of_more(case: Case, options: dict[str, Any]) -> None:
    more = pc.top_corrsets(case.frame, **{**options, "top": options["top"] + 1})
    fewer = pc.top_corrsets(case.frame, **options)
    assert fewer.equals(more.head(options["top"])), (fewer, more)


@given(st.integers(2, 8), st.integers(1, 9), st.integers(1, 9), st.data())
def test_complete_answers_have_every_set(users: int, questions: int, k: int, data: st.DataObject) -> None:
    cells = [(user, question) for user in range(users) for question in range(questions)]
    scores = data.draw(st.lists(st.integers(0, 3), min_size=len(cells), max_size=len(cells)))
    rows = [(*cell, score) for cell, score in zip(cells, scores, strict=True)]
    frame = pl.DataFrame(rows, schema=["user", "question", "score"], orient="row")
    result = pc.top_corrsets(frame, k=k, top=None)
    assert result.height == comb(questions, k)
    assert (result["n_users"] == users).all()
    bounded = pl.col("r", "r_rest").abs().max().fill_null(0) <= 1
    assert all(result.select(bounded).row(0)), result
