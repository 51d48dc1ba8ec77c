"""Rows in a regular order, and nearly so: results depend neither on the order nor on where chunks end."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import polars_corrset as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from responses import assert_set, expected, sets

USERS = 40

# What users and questions are called: integers to Arrow, text within its views, and beyond them.
NAMES: dict[str, Any] = {
    "UInt16": pl.col("id").cast(pl.UInt16),
    "Date": pl.lit(date(2024, 2, 27)) + pl.duration(days=pl.col("id")),
    "Categorical": pl.format("n{}", "id").cast(pl.Categorical),
    "Binary": pl.format("binary {}", "id").cast(pl.Binary),
    "Int64": pl.col("id").cast(pl.Int64) * 7,
    "far apart": pl.col("id").cast(pl.Int64) * 2**40,
    "short": pl.format("n{}", "id"),
    "long": pl.format("a name too long for a view {}", "id"),
}

SCORES = {
    "0/1": [0, 1],
    "grades": [0, 1, 2, 3, 4],
    "quarters": [0.25, -1.5, 3.0],
    "floats": [0.125, -1.5, 3.0],
}


def named(ids: list[int], names: str) -> pl.Series:
    return pl.DataFrame({"id": ids}, schema={"id": pl.UInt8}).select(NAMES[names]).to_series()


@st.composite
def ordered(draw: st.DrawFn) -> pl.DataFrame:
    """Responses in one of the orders, in several chunks."""
    sequences = draw(
        st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=8, unique=True), min_size=1, max_size=3)
    )
    users = draw(st.permutations(range(USERS))) if draw(st.booleans()) else list(range(USERS))
    rows = [
        (user, question) for i, user in enumerate(users) for question in sequences[i * i % 7 % len(sequences)]
    ]
    order = draw(st.sampled_from(["user", "question", "user twice", "one missing"]))
    if order == "question":
        rows = [(user, question) for question in sequences[0] for user in users]
    elif order == "user twice":
        rows.append(rows.pop(0))
    elif order == "one missing":
        rows.pop(draw(st.integers(0, len(rows) - 1)))
    scores = SCORES[draw(st.sampled_from(list(SCORES)))]
    frame = pl.DataFrame(
        {
            "user": named([user for user, _ in rows], draw(st.sampled_from(list(NAMES)))),
            "question": named([question for _, question in rows], draw(st.sampled_from(list(NAMES)))),
            "score": [scores[(i * i + i // 5) % 11 % len(scores)] for i in range(len(rows))],
        }
    )
    ends = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    cuts = zip([0, *ends], [*ends, len(rows)], strict=True)
    pieces = [frame[start:end].clone() for start, end in cuts if start < end]
    return pl.concat(pieces, rechunk=False)


@given(frame=ordered())
def test_as_the_oracle(frame: pl.DataFrame) -> None:
    found = sets(frame.lazy().pipe(pc.top_corrsets, k=2, top=None).collect(engine="in-memory"))
    wanted = expected(frame, k=2, top=None)
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert_set(one, other)


@pytest.mark.parametrize("names", NAMES)
def test_large_frames_in_every_order(names: str, engine: str) -> None:
    """Enough rows for several threads; the rows of the shuffled frame are in no order."""
    users, questions = 6000, 12
    ids = [user % 250 * 250 + user // 250 for user in range(users)]
    user = pl.DataFrame({"id": ids}).select(NAMES[names]).to_series()
    frame = pl.DataFrame({"user": user.gather([i // questions for i in range(users * questions)])})
    frame = frame.with_columns(
        question=named(list(range(questions)), names).gather(
            [i % questions for i in range(users * questions)]
        ),
        score=pl.Series([i * i % 7919 % 5 for i in range(users * questions)]),
    )
    by_question = frame.sort("question", maintain_order=True)
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    for score in [pl.col("score"), pl.col("score") // 4, pl.col("score") / 8]:
        statistics = []
        for rows in [
            frame,
            by_question,
            shuffled,
            pl.concat([frame[:7], frame[7:50_000], frame[50_000:]], rechunk=False),
        ]:
            query = rows.lazy().with_columns(score=score).pipe(pc.top_corrsets, k=3, top=5)
            result = query.with_columns(pl.col("questions").list.sort()).collect(engine=engine)
            statistics.append(sorted(result.rows()))
        for other in statistics[1:]:
            for (*set_, n), (*wanted, expected_n) in zip(other, statistics[0], strict=True):
                assert (set_[0], n) == (wanted[0], expected_n)
                assert set_[1:] == pytest.approx(wanted[1:], abs=1e-12)


def test_repeated_responses_in_order_are_refused(engine: str) -> None:
    rows = [(f"u{user}", question, 1) for user in range(50) for question in [*range(10), 3]]
    frame = pl.DataFrame(rows, schema=["user", "question", "score"], orient="row")
    with pytest.raises(pl.exceptions.ComputeError, match='2 responses of user "u0" to question 3'):
        frame.lazy().pipe(pc.top_corrsets, k=2).collect(engine=engine)
