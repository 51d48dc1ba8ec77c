"""`POLARS_CORRSET_STRATEGY` chooses how the search goes about it, never what it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars_corrset as pc
import pytest
from polars.exceptions import ComputeError
from polars.testing import assert_frame_equal

VARIABLE = "POLARS_CORRSET_STRATEGY"

REAL = Path(__file__).parents[2] / "shared" / "data"


def responses(score: str, booklets: int = 1) -> pl.DataFrame:
    """300 users × 16 questions with a common factor; with several booklets each lacks some questions."""
    rng = np.random.default_rng(5)
    user, question = (ids.ravel() for ids in np.mgrid[:300, :16])
    ability = rng.normal(size=300)
    value = ability[user] * rng.random(16)[question] + rng.normal(size=len(user))
    scores = {"binary": (value > 0).astype(np.int8), "small": np.round(2 * value).astype(int), "float": value}
    answered = (question % booklets != user % booklets) | (booklets == 1)
    return pl.DataFrame({"user": user, "question": question, "score": scores[score]}).filter(answered)


@pytest.mark.parametrize("rank_by", ["r", "r_rest"])
@pytest.mark.parametrize("score", ["binary", "small", "float"])
@pytest.mark.parametrize("name", ["moments", "bound"])
def test_complete_answers(
    name: str, score: str, rank_by: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = pc.top_corrsets(responses(score).lazy(), k=4, top=25, rank_by=rank_by)
    monkeypatch.setenv(VARIABLE, "projection")
    expected = query.collect(engine=engine)
    assert expected.height == 25
    monkeypatch.setenv(VARIABLE, name)
    assert_frame_equal(query.collect(engine=engine), expected, check_exact=True)
    monkeypatch.delenv(VARIABLE)
    assert_frame_equal(query.collect(engine=engine), expected, check_exact=True)


@pytest.mark.parametrize("top", [25, None])
@pytest.mark.parametrize("booklets", [1, 3])
@pytest.mark.parametrize("score", ["binary", "small"])
def test_moments(score: str, booklets: int, top: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    query = pc.top_corrsets(responses(score, booklets).lazy(), k=3, top=top, min_users=5)
    monkeypatch.setenv(VARIABLE, "projection")
    expected = query.collect()
    assert expected.height >= 25
    monkeypatch.setenv(VARIABLE, "moments")
    assert_frame_equal(query.collect(), expected, check_exact=True)


USER, QUESTION = pl.col("user"), pl.col("question")

FORMS = {
    "a user short of a question": (USER != 7) | (QUESTION != 3),
    "users short of two each": (USER > 5) | (QUESTION // 2 != USER),
    "nested": QUESTION <= 7 + 4 * (USER % 3),
    "an anchor": (QUESTION % 5 == 0) | (QUESTION % 3 == USER % 3),
    "most of all": QUESTION % 3 != USER % 3,
}

OPTIONS: list[dict[str, Any]] = [
    {},
    {"rank_by": "r_rest"},
    {"rank_by": "alpha"},
    {"min_users": 120},
    {"include": [5], "exclude": [2]},
    {"domain": QUESTION % 4, "max_per_domain": 2, "min_per_domain": 1},
    {"cost": QUESTION + 1, "max_cost": 30},
    {"criterion": USER * 31 % 17},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("score", ["binary", "small"])
@pytest.mark.parametrize("form", FORMS)
def test_few_answer_patterns(
    form: str, score: str, options: dict[str, Any], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = responses(score).filter(FORMS[form])
    query = pc.top_corrsets(frame.lazy(), k=4, top=25, **options)
    monkeypatch.setenv(VARIABLE, "projection")
    expected = query.collect(engine=engine)
    assert expected.height > 0
    for name in ("moments", "bound"):
        monkeypatch.setenv(VARIABLE, name)
        assert_frame_equal(query.collect(engine=engine), expected, check_exact=True)
        if expected.height == 25:
            assert pc.plan_corrsets(frame, k=4, top=25, **options).strategy == name


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("score", ["binary", "small"])
def test_a_core_and_electives(
    score: str, options: dict[str, Any], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each user answered the core of five questions, and of the others some at random."""
    frame = responses(score)
    drawn = np.random.default_rng(6).random(frame.height)
    frame = frame.filter((QUESTION < 5) | (pl.Series(drawn) < 0.8))
    query = pc.top_corrsets(frame.lazy(), k=4, top=25, **options)
    monkeypatch.setenv(VARIABLE, "projection")
    expected = query.collect(engine=engine)
    assert expected.height == 25
    monkeypatch.setenv(VARIABLE, "bound")
    assert_frame_equal(query.collect(engine=engine), expected, check_exact=True)
    assert pc.plan_corrsets(frame, k=4, top=25, **options).strategy == "bound"


def test_real_booklets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of users who left nothing else out than others did, too."""
    path = REAL / "booklets.parquet"
    if not path.exists():
        pytest.skip(f"the data set booklets.parquet is not there, but belongs into {REAL.resolve()}")
    frame = pl.read_parquet(path)
    answered = frame.group_by("user").agg(pattern=QUESTION.unique().sort())
    largest = answered.group_by("pattern").agg("user").sort(pl.col("user").list.len(), "pattern").tail(12)
    users = largest.select(pl.col("user").explode())
    frame = frame.join(users, on="user", how="semi", maintain_order="left")
    for rank_by in ("r", "r_rest"):
        query = pc.top_corrsets(frame.lazy(), k=4, top=20, rank_by=rank_by, min_users=20)
        monkeypatch.setenv(VARIABLE, "projection")
        expected = query.collect()
        assert expected.height == 20
        monkeypatch.setenv(VARIABLE, "bound")
        assert_frame_equal(query.collect(), expected, check_exact=True)


@pytest.mark.parametrize("name", ["guess", "", "Bound"])
def test_unknown_strategies_are_errors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, name)
    message = f'{VARIABLE} must be one of projection, moments, bound, got "{name}"'
    with pytest.raises(ComputeError, match=message):
        pc.top_corrsets(responses("binary").lazy(), k=2).collect()


EVERYTHING = "every user to have answered every question"
FEW_PATTERNS = "users who share few answer patterns, or questions that all answered"

# Any question can be lacking to the common users of a set.
EACH_ANOTHER = responses("binary").filter((USER > 15) | (QUESTION != USER))


@pytest.mark.parametrize(
    ("name", "responses", "k_and_top", "needs"),
    [
        ("bound", EACH_ANOTHER, (2, 5), FEW_PATTERNS),
        ("bound", responses("float", 3), (2, 5), f"{EVERYTHING} where scores are not integers"),
        ("bound", responses("binary"), (2, None), "`top` or a positive floor, since it leaves sets out"),
        ("moments", responses("float"), (1, 5), "sets of two and more where scores are not integers"),
        ("moments", responses("float", 3), (2, 5), f"{EVERYTHING} where scores are not integers"),
    ],
)
def test_what_a_strategy_cannot_search_is_an_error(
    name: str,
    responses: pl.DataFrame,
    k_and_top: tuple[int, int | None],
    needs: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, name)
    k, top = k_and_top
    with pytest.raises(ComputeError, match=f"{VARIABLE} is {name}, which needs {needs}"):
        pc.top_corrsets(responses.lazy(), k=k, top=top).collect()
