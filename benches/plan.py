"""What `plan_corrsets` says that a search takes, against what it takes: `python benches/plan.py`.

Both in turns, since the machine drifts; `--full` adds the whole reference benchmark. The search's best set is
recomputed with NumPy, and the plan's figures are held against the result, before a line is printed.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import polars_corrset as pc
from reference import check, reference_responses

STRATEGY = "POLARS_CORRSET_STRATEGY"

TURNS = 3


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and the result."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def compared(name: str, responses: pl.DataFrame, *, strategy: str | None = None, **options: Any) -> None:
    """Print the estimates, the times, and their ratio."""
    os.environ.pop(STRATEGY, None)
    questions = responses["question"].n_unique()
    # No set of more questions than there are: everything but the search.
    reading = min(timed(lambda: pc.top_corrsets(responses, k=questions + 1))[0] for _ in range(TURNS))
    if strategy is not None:
        os.environ[STRATEGY] = strategy
    estimates, times, costs = [], [], []
    for _ in range(TURNS):
        cost, plan = timed(lambda: pc.plan_corrsets(responses, **options))
        seconds, found = timed(lambda: pc.top_corrsets(responses, **options))
        assert plan.sets == math.comb(questions, options["k"])
        assert 0 < found.height <= plan.rows
        estimates.append(plan.seconds)
        times.append(seconds - reading)
        costs.append(cost - reading)
    os.environ.pop(STRATEGY, None)
    best = found.drop_nulls().top_k(1, by="r")
    check(best, responses)
    pairs = [(told, time) for told, time in zip(estimates, times, strict=True) if told is not None]
    # Where the search is lost in the noise of reading there is no ratio.
    is_short = min(times) < reading / 10
    ratios = "reading varies by more" if is_short else " ".join(f"{told / time:.2f}" for told, time in pairs)
    print(
        f"{name:<27}{plan.strategy:<11}{plan.sets:>8.1e} sets in {shown(times)} s, told {shown(estimates)}, "
        f"ratio {ratios}; planning {min(costs):.2f} s",
        flush=True,
    )


def shown(times: list[float | None]) -> str:
    """Seconds, turn by turn."""
    return " ".join("none" if one is None else f"{one:.3f}" for one in times)


def logistic(
    users: int, questions: int, *, booklets: int = 0, discrimination: tuple[float, float] = (0.5, 2.0)
) -> pl.DataFrame:
    """Scores of 0 and 1 by the two-parameter logistic model; each booklet has half of the questions."""
    rng = np.random.default_rng(1)
    a, b, ability = (
        rng.uniform(*discrimination, questions),
        rng.normal(size=questions),
        rng.normal(size=users),
    )
    score = rng.random((users, questions)) < 1 / (1 + np.exp(a * (b - ability[:, None])))
    drawn = rng.random((booklets, questions)) < 0.5 if booklets else np.ones((1, questions), dtype=bool)
    return long(score.astype(np.int8), drawn[np.arange(users) % len(drawn)])


def long(score: np.ndarray, answered: np.ndarray) -> pl.DataFrame:
    """Responses in long form."""
    user, question = np.nonzero(answered)
    names = pl.Series([f"q{number}" for number in range(score.shape[1])])
    return pl.DataFrame({"user": user, "question": names.gather(question), "score": score[user, question]})


def main() -> None:
    """The shapes of the other benchmarks, and uneven data."""
    print(f"{pl.thread_pool_size()} threads")
    reference = reference_responses()
    ids = reference["question"].unique(maintain_order=True)
    part = reference.filter(pl.col("question").is_in(ids.head(100).implode()))
    for k in (3, 4):
        compared("reference", reference, k=k, min_users=10)
    compared("reference, 100 questions", part, k=5, min_users=10)
    if "--full" in sys.argv:
        compared("reference", reference, k=5, min_users=10)
    rng = np.random.default_rng(1)
    uneven = rng.random((20_000, 100)) < rng.beta(0.5, 1, 100)
    compared("answered by 0 to 100 %", long(rng.integers(0, 2, uneven.shape), uneven), k=4)
    some = rng.random((20_000, 60)) < 0.3
    compared("small integers", long(rng.integers(0, 5, some.shape), some), k=4)
    compared("floats", long(rng.normal(size=some.shape), some), k=4)
    few = rng.random((500, 80)) < 0.3
    compared("every set", long(rng.integers(0, 2, few.shape), few), k=4, top=None, min_users=4)
    usual = logistic(2000, 110)
    for k in (5, 6):
        compared("complete, exhaustive", usual, k=k, strategy="moments")
    for k in (10, 12):
        compared("complete", usual, k=k)
    compared("complete, 500 × 1,000", logistic(500, 1000), k=5)
    compared("complete, interchangeable", logistic(2000, 50, discrimination=(1, 1)), k=14)
    for booklets in (4, 64, 256):
        compared(f"{booklets} booklets", logistic(16_384, 40, booklets=booklets), k=6)


if __name__ == "__main__":
    main()
