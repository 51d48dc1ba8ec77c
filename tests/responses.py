"""Response frames to test with, and how results are held against the oracle."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import oracle
import polars as pl

# What PRODUCT promises of every reported correlation.
TOLERANCE = 1e-12

SCHEMA = {
    "questions": pl.List(pl.String),
    "r": pl.Float64,
    "r_rest": pl.Float64,
    "n_users": pl.UInt32,
}


def sparse(
    users: int, questions: int, share: float, *, seed: int, scores: Sequence[Any] = (0, 1)
) -> pl.DataFrame:
    """Random responses: each user answers each question with probability `share`, rows in random order."""
    rng = random.Random(seed)
    cells = [(user, question) for user in range(users) for question in range(questions)]
    rows = [
        (f"u{user}", f"q{question}", rng.choice(scores)) for user, question in cells if rng.random() < share
    ]
    rng.shuffle(rows)
    return pl.DataFrame(rows, schema=["user", "question", "score"], orient="row")


def expected(frame: pl.DataFrame, **options: Any) -> list[oracle.CorrSet]:
    """What the oracle makes of the columns user, question and score."""
    return oracle.corrsets(frame.select("user", "question", "score").rows(), **options)


def sets(result: pl.DataFrame) -> list[oracle.CorrSet]:
    """An unnested result, row by row."""
    columns = result.select("questions", "r", "r_rest", "n_users")
    return [oracle.CorrSet(tuple(questions), *rest) for questions, *rest in columns.iter_rows()]


def close(found: float | None, wanted: float | None) -> bool:
    """Whether two correlations agree as promised; null only agrees with null."""
    if found is None or wanted is None:
        return found is wanted
    return math.isclose(found, wanted, rel_tol=0, abs_tol=TOLERANCE)


def assert_set(found: oracle.CorrSet, wanted: oracle.CorrSet, about: object = "") -> None:
    """The same set with the same statistics."""
    assert found.questions == wanted.questions, f"{about}: found {found}, expected {wanted}"
    assert found.n_users == wanted.n_users, f"{about}: found {found}, expected {wanted}"
    assert close(found.r, wanted.r), f"{about}: found {found}, expected {wanted}"
    assert close(found.r_rest, wanted.r_rest), f"{about}: found {found}, expected {wanted}"


def assert_sets(result: pl.DataFrame, wanted: Sequence[oracle.CorrSet], about: object = "") -> None:
    """The same sets with the same statistics in the same order."""
    found = sets(result)
    assert len(found) == len(wanted), f"{about}: {len(found)} rows, expected {len(wanted)}: {found} {wanted}"
    for row, (one, other) in enumerate(zip(found, wanted, strict=True)):
        assert_set(one, other, f"{about} row {row}")
    if "alpha" in result.columns:
        for alpha, other in zip(result["alpha"], wanted, strict=True):
            assert close(alpha, other.alpha), f"{about}: found alpha {alpha}, expected {other}"
