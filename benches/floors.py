"""What a stream of every set costs where everybody answered everything, with and without a floor under r.

`python benches/floors.py`, or `python benches/floors.py RESPONSES.parquet K…` for floors in other responses,
with columns user, question, score. What it finds is compared with the best sets before its time is printed.
"""

from __future__ import annotations

import math
import random
import sys
import time
from typing import TYPE_CHECKING

import polars as pl
import polars_corrset as pc

if TYPE_CHECKING:
    from collections.abc import Callable

# Below the best r.
MARGINS = (0.0005, 0.001, 0.01)

# Rows that are compared with the best sets.
CHECKED = 1000


def responses(users: int, questions: int) -> pl.DataFrame:
    """Scores of 0 and 1 by the two-parameter logistic model."""
    draw = random.Random(1)
    items = [(draw.uniform(0.5, 2.0), draw.gauss()) for _ in range(questions)]
    scores = []
    for _ in range(users):
        ability = draw.gauss()
        scores += [draw.random() < 1 / (1 + math.exp(a * (b - ability))) for a, b in items]
    user, question = pl.int_range(users, eager=True), pl.int_range(questions, eager=True)
    answers = pl.DataFrame({"user": user}).join(pl.DataFrame({"question": question}), how="cross")
    return answers.with_columns(score=pl.Series(scores))


def timed(run: Callable[[], pl.DataFrame]) -> tuple[pl.DataFrame, str]:
    """What it gives and the best of three times, of the clock and of the processor."""
    times = []
    for _ in range(3):
        processor, start = time.process_time(), time.perf_counter()
        found = run()
        times.append((time.perf_counter() - start, time.process_time() - processor))
    seconds, processor = (min(one) for one in zip(*times, strict=True))
    return found, f"{seconds:7.3f} s, {processor:7.3f} s of processors"


def every(frame: pl.DataFrame, k: int) -> None:
    """All sets are read, beside the first of them, which takes as long as reading the responses."""
    sets = pc.scan_corrsets(frame, k=k)
    found, time_taken = timed(lambda: sets.select(pl.len(), pl.col("r").max()).collect(engine="streaming"))
    _, reading = timed(lambda: sets.head(1).collect(engine="streaming"))
    assert found["r"].item() == pc.top_corrsets(frame, k=k, top=1)["r"].item()
    users = frame["user"].n_unique()
    print(f"{users:>7,} users, {found['len'].item():,} sets of {k}: {time_taken}; the first: {reading}")


def floors(frame: pl.DataFrame, k: int) -> None:
    """Sets little below the best one."""
    best = pc.top_corrsets(frame, k=k, top=CHECKED)
    for margin in MARGINS:
        least = best["r"][0] - margin
        query = pc.scan_corrsets(frame, k=k).filter(pl.col("r") > least)
        found, time_taken = timed(lambda query=query: query.collect(engine="streaming"))
        ranked = found.sort("r", descending=True, maintain_order=True).head(CHECKED)
        assert ranked.equals(best.filter(pl.col("r") > least))
        print(f"sets of {k} with r within {margin} of the best: {found.height:>9,} rows, {time_taken}")


def main() -> None:
    """Of a file, or of simulated users."""
    if len(sys.argv) > 1:
        frame = pl.read_parquet(sys.argv[1])
        for k in sys.argv[2:]:
            floors(frame, int(k))
        return
    for users, questions in [(2000, 70), (200_000, 24)]:
        every(responses(users, questions), 4 if questions > 50 else 5)
    for k in (5, 8):
        floors(responses(2000, 100), k)


if __name__ == "__main__":
    main()
