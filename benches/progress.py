"""What a progress bar costs: the same search without and with one, in turns, as a ratio of the fastest runs.

`python benches/progress.py`; the rows are compared before a figure is printed.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import polars_corrset as pc

sys.path.append(str(Path(__file__).parent.parent / "examples"))
from reference_data import reference_responses

TURNS = 15


def seconds(run: Callable[[], object]) -> float:
    """Of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compared(name: str, query: Callable[..., pl.LazyFrame]) -> None:
    """Print how much longer it takes with a bar."""
    without, shown = query(progress=False), query(progress="always")
    # The bar is drawn as on a terminal, but where nobody waits for it.
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        assert without.collect().equals(shown.collect())
        turns = [(seconds(without.collect), seconds(shown.collect)) for _ in range(TURNS)]
    off, on = (min(times) for times in zip(*turns, strict=True))
    print(f"{name}: {off:.3f} s without, {on:.3f} s with a bar: {on / off - 1:+.2%}")


def main() -> None:
    """A search for the best, and a stream of all."""
    responses = reference_responses()
    questions = responses["question"].unique(maintain_order=True)

    def first(count: int) -> pl.LazyFrame:
        return responses.filter(pl.col("question").is_in(questions.head(count).implode())).lazy()

    print(f"{pl.thread_pool_size()} threads, {TURNS} turns")
    best, every = first(80), first(60)
    compared(
        f"top_corrsets, {math.comb(80, 5):,} sets",
        lambda **options: pc.top_corrsets(best, k=5, min_users=10, **options),
    )
    compared(
        f"scan_corrsets, {math.comb(60, 4):,} sets",
        lambda **options: pc.scan_corrsets(every, k=4, **options).select(pl.col("r").max(), pl.len()),
    )


if __name__ == "__main__":
    main()
