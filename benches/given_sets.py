"""What it takes to evaluate a million given sets: `python benches/given_sets.py`.

The sets are the first of a search, whose results are compared. Seconds are those of all threads together: a
busy machine changes them less than those on the clock.
"""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import polars_corrset as pc

SETS = 1_000_000


def responses(users: int, questions: int, answered: float, kind: str) -> pl.DataFrame:
    """Scores at random, of cells at random."""
    rng = np.random.default_rng(0)
    user, question = np.nonzero(rng.random((users, questions)) < answered)
    scores = {"0/1": rng.integers(0, 2, user.size), "0 to 5": rng.integers(0, 6, user.size)}
    scores["floats"] = rng.normal(size=user.size)
    return pl.DataFrame({"user": user, "question": question, "score": scores[kind]})


def measured(frame: pl.DataFrame, k: int, sets: int) -> float:
    """Seconds to evaluate so many sets."""
    found = pc.scan_corrsets(frame, k=k).head(sets).collect(engine="streaming")
    assert found.height == sets
    given = found.select("questions").sample(fraction=1, shuffle=True, seed=0)
    start = time.process_time()
    evaluated = pc.evaluate_corrsets(frame, given)
    seconds = time.process_time() - start
    again = found.select("questions").join(evaluated, on="questions", how="left", maintain_order="left")
    assert again.drop("alpha").equals(found)
    return seconds


for name, users, questions, answered, k in [
    ("20 % answered", 60_000, 200, 0.2, 5),
    ("half answered", 10_000, 100, 0.5, 4),
    ("complete", 2_400, 100, 1.0, 8),
]:
    for kind, share in [("0/1", 1), ("0 to 5", 1), ("floats", 1 / 100)]:
        sets = int(SETS * share)
        seconds = measured(responses(users, questions, answered, kind), k, sets)
        print(
            f"{users:>6} users, {questions} questions, {name:<13} {kind:<6} k = {k}: "
            f"{sets:>9,} sets in {seconds:6.2f} s, {seconds / sets * 1e6:7.2f} µs each",
            flush=True,
        )
