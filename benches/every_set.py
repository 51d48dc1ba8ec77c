"""Rate and memory of the stream of every set: counted, and written to Parquet.

`python benches/every_set.py [folder]`, on Linux, for all threads; `POLARS_MAX_THREADS=1` for one. Processor
time is that of all threads, so that it says on a busy machine, too, what a core could do.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import polars_corrset as pc

if TYPE_CHECKING:
    from collections.abc import Callable

USERS, QUESTIONS, ANSWERED, K = 300, 166, 0.5, 4
SETS = comb(QUESTIONS, K)

# How many of the first sets are held against the search for the best, which computes r set by set.
CHECKED = 100_000

# How many rows are held in memory, to see what writing them takes without a search.
HELD = 2_000_000


def responses(question: pl.Expr) -> pl.DataFrame:
    """Scores of 0 and 1, answered at random."""
    rng = np.random.default_rng(1)
    cells = np.flatnonzero(rng.random(USERS * QUESTIONS) < ANSWERED)
    frame = pl.DataFrame({"user": cells // QUESTIONS, "question": cells % QUESTIONS})
    return frame.with_columns(question, score=pl.Series(rng.integers(0, 2, len(cells))))


def check(frame: pl.LazyFrame) -> None:
    """Assert that the stream begins with the sets that another way finds."""
    shard = (0, SETS // CHECKED)
    ranked = pc.top_corrsets(frame, k=K, top=SETS, shard=shard).collect()
    begun = pc.scan_corrsets(frame, k=K, shard=shard).drop_nulls("r").collect()
    assert begun.sort("r", descending=True, maintain_order=True).equals(ranked)


def peak() -> int:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def measured(name: str, run: Callable[[], object], sets: int = SETS) -> None:
    """Print what a run over so many sets took."""
    before, processor, start = peak(), time.process_time(), time.perf_counter()
    run()
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    print(
        f"{name:<52}{sets / seconds / 1e6:6.1f} million sets a second, "
        f"{processor / sets * 1e9:6.1f} ns of a core each, {peak() - before:>5} MiB more",
        flush=True,
    )


def main() -> None:
    """Integers, Enum and String; all columns, and fewer."""
    print(f"{SETS:,} sets of {K} out of {QUESTIONS}, {USERS} users, {pl.thread_pool_size()} threads")
    names = [f"question number {number}" for number in range(QUESTIONS)]
    number = pl.col("question")
    text = number.replace_strict(range(QUESTIONS), names, return_dtype=pl.String)
    kinds = {"Int64": number, "Enum": text.cast(pl.Enum(names)), "String": text}
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        path = Path(folder) / "sets.parquet"
        for kind, question in kinds.items():
            frame = responses(question).lazy()
            check(frame)
            every = pc.scan_corrsets(frame, k=K)
            for columns in (["questions", "r", "r_rest", "n_users"], ["questions", "r"], ["r"]):
                query, name = every.select(columns), f"{kind}: {', '.join(columns)}"
                count = query.select(pl.all().count())
                measured(f"{name}, counted", lambda count=count: count.collect(engine="streaming"))
                measured(f"{name}, to Parquet", lambda query=query: query.sink_parquet(path))
                held = query.head(HELD).collect().lazy()
                measured(f"{name}, held, to Parquet", lambda held=held: held.sink_parquet(path), HELD)
            few = every.filter(pl.col("r") >= 0.9)
            measured(f"{kind}: r >= 0.9, to Parquet", lambda few=few: few.sink_parquet(path))


if __name__ == "__main__":
    main()
