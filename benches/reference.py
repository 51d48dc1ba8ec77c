"""Time on the reference benchmark: `make bench`. No figure is printed before its answer was checked.

Figures are ratios within one run wherever there is something to compare with; absolute times drift with the
machine.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import polars_corrset as pc

sys.path.append(str(Path(__file__).parent.parent / "examples"))
from reference_data import QUESTIONS, reference_responses

# Enough common users everywhere that the best sets are not decided by a handful of them.
MIN_USERS = 10

REPETITIONS = 5


def fastest(run: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    """Seconds of the fastest of some runs: the one that was disturbed least."""
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def check(best: pl.DataFrame, responses: pl.DataFrame) -> None:
    """Recomputes every reported r with NumPy on the users that answered the set."""
    wide = responses.pivot(on="question", index="user", values="score")
    total = responses.group_by("user").agg(pl.col("score").cast(pl.Float64).sum())
    wide = wide.join(total, on="user")
    assert best.height > 0
    for questions, r, r_rest, n_users in best.iter_rows():
        common = wide.select(*questions, "score").drop_nulls().cast(pl.Float64)
        x, t = common.select(pl.sum_horizontal(questions)).to_series().to_numpy(), common["score"].to_numpy()
        assert n_users == len(x)
        np.testing.assert_allclose(r, np.corrcoef(x, t)[0, 1], atol=1e-12)
        np.testing.assert_allclose(r_rest, np.corrcoef(x, t - x)[0, 1], atol=1e-12)
    assert best["r"].is_sorted(descending=True)


def reading(responses: pl.DataFrame) -> None:
    """Interning and building the matrix, against what Polars needs to group the same columns."""
    # No set of more questions than there are: everything but the search.
    read = pc.top_corrsets(responses.lazy(), k=QUESTIONS + 1)
    assert read.collect().height == 0
    ours = fastest(read.collect)
    grouping = responses.lazy().group_by("user").agg(pl.col("score").sum())
    polars = fastest(grouping.collect) + fastest(responses["question"].n_unique)
    print(
        f"reading {len(responses):,} rows: {ours * 1e3:.0f} ms, "
        f"Polars group_by + n_unique: {polars * 1e3:.0f} ms, ratio {ours / polars:.2f}"
    )


def searching(responses: pl.DataFrame, k: int, questions: int) -> None:
    """Time per set over all sets of the first questions."""
    ids = responses["question"].unique(maintain_order=True).head(questions)
    part = responses.filter(pl.col("question").is_in(ids.implode()))
    query = pc.top_corrsets(part.lazy(), k=k, min_users=MIN_USERS)
    start = time.perf_counter()
    best = query.collect()
    seconds = time.perf_counter() - start
    check(best, part)
    sets = math.comb(questions, k)
    nanoseconds = seconds / sets * 1e9
    print(f"k = {k}, {questions} questions, {sets:,} sets: {seconds:.2f} s, {nanoseconds:.1f} ns per set")


def threads() -> None:
    """The same search on one thread and on all, in processes of their own: Polars fixes its pool at start."""
    seconds = {}
    for count in (1, os.cpu_count() or 1):
        environment = {**os.environ, "POLARS_MAX_THREADS": str(count)}
        command = [sys.executable, __file__, "--search"]
        seconds[count] = float(
            subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        )
    (_, one), (count, many) = seconds.items()
    print(f"{count} threads are {one / many:.2f} times as fast as one")


def one_search() -> None:
    responses = reference_responses()
    query = pc.top_corrsets(responses.lazy(), k=3, min_users=MIN_USERS)
    check(query.collect(), responses)
    print(fastest(query.collect, repetitions=1))


def main() -> None:
    if "--search" in sys.argv:
        return one_search()
    responses = reference_responses()
    reading(responses)
    searching(responses, k=3, questions=QUESTIONS)
    searching(responses, k=4, questions=100)
    searching(responses, k=5, questions=QUESTIONS if "--full" in sys.argv else 100)
    if (os.cpu_count() or 1) > 1:
        threads()
    return None


if __name__ == "__main__":
    main()
