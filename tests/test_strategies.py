"""`POLARS_CORRSET_STRATEGY` chooses how the search goes about it, never what it finds."""

from __future__ import annotations

import numpy as np
import polars as pl
import polars_corrset as pc
import pytest
from polars.exceptions import ComputeError
from polars.testing import assert_frame_equal

VARIABLE = "POLARS_CORRSET_STRATEGY"


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


@pytest.mark.parametrize("name", ["guess", "", "Bound"])
def test_unknown_strategies_are_errors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, name)
    message = f'{VARIABLE} must be one of projection, moments, bound, got "{name}"'
    with pytest.raises(ComputeError, match=message):
        pc.top_corrsets(responses("binary").lazy(), k=2).collect()


EVERYTHING = "every user to have answered every question"


@pytest.mark.parametrize(
    ("name", "responses", "top", "needs"),
    [
        ("bound", responses("binary", 3), 5, EVERYTHING),
        ("bound", responses("binary"), None, "`top` or a positive floor, since it leaves sets out"),
        ("moments", responses("float"), None, "`top` and sets of two and more where scores are not integers"),
        ("moments", responses("float", 3), 5, f"{EVERYTHING} where scores are not integers"),
    ],
)
def test_what_a_strategy_cannot_search_is_an_error(
    name: str, responses: pl.DataFrame, top: int | None, needs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, name)
    with pytest.raises(ComputeError, match=f"{VARIABLE} is {name}, which needs {needs}"):
        pc.top_corrsets(responses, k=2, top=top).collect()
