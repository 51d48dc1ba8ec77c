"""The reference benchmark's responses: 60,000 users, 200 questions, each answered by 20 % of the users.

Ids are UUID-like strings, as in the articles that posed the problem. Whether an answer is right (1) or wrong
(0) follows the Rasch model: users have an ability, questions a difficulty, both standard normal.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import polars as pl

USERS = 60_000
QUESTIONS = 200
ANSWERED = 0.2

# Folders of the hive-partitioned data set.
PARTS = 8


def reference_responses(
    users: int = USERS, questions: int = QUESTIONS, answered: float = ANSWERED, seed: int = 0
) -> pl.DataFrame:
    """Responses in long form: `user` and `question` (String), `score` (Int8, 0 or 1)."""
    rng = np.random.default_rng(seed)
    ids = [uuid.UUID(bytes=rng.bytes(16), version=4).hex for _ in range(users + questions)]
    user, question = np.nonzero(rng.random((users, questions)) < answered)
    ability, difficulty = rng.standard_normal(users), rng.standard_normal(questions)
    right = 1 / (1 + np.exp(difficulty[question] - ability[user]))
    score = (rng.random(len(user)) < right).astype(np.int8)
    # The questions come shuffled, as a platform serves them, not user by user in a fixed order.
    order = rng.permutation(len(user))
    names = pl.Series(ids)
    return pl.DataFrame(
        {
            "user": names.gather(user[order]),
            "question": names.gather(question[order] + users),
            "score": score[order],
        }
    )


def write_hive(folder: Path) -> None:
    """Writes the reference responses as `folder/part=…/responses.parquet`, unless they are there."""
    if (folder / f"part={PARTS - 1}").exists():
        return
    responses = reference_responses()
    for part, start in enumerate(range(0, len(responses), -(-len(responses) // PARTS))):
        path = folder / f"part={part}"
        path.mkdir(parents=True, exist_ok=True)
        responses[start : start + -(-len(responses) // PARTS)].write_parquet(path / "responses.parquet")
