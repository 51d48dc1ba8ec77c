"""Rate and memory of the stream of every set: counted, and written to Parquet.

`python benches/every_set.py [folder]`, on Linux, for all threads; `POLARS_MAX_THREADS=1` for one. Processor
time is that of all threads, so that it says on a busy machine, too, what a core could do.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from functools import partial
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

# Users who answered everything, whose scores are summed up beforehand.
COMPLETE_USERS, COMPLETE_QUESTIONS = 2_000, 110
COMPLETE_SETS = comb(COMPLETE_QUESTIONS, K)

# How many of the first sets are held against the search for the best, which computes r set by set; fewer
# where it looks at all users of each.
CHECKED = 100_000
FEW_CHECKED = 2_000

# Polars' default, and one that takes 0.6 of the time.
COMPRESSIONS = ("zstd", "lz4")

# How many rows are held in memory, to see what writing them takes without a search.
HELD = 2_000_000


def responses(question: pl.Expr) -> pl.DataFrame:
    """Scores of 0 and 1, answered at random."""
    rng = np.random.default_rng(1)
    cells = np.flatnonzero(rng.random(USERS * QUESTIONS) < ANSWERED)
    frame = pl.DataFrame({"user": cells // QUESTIONS, "question": cells % QUESTIONS})
    return frame.with_columns(question, score=pl.Series(rng.integers(0, 2, len(cells))))


def complete_responses(unit: float) -> pl.DataFrame:
    """Scores from 0 to 3 with something in common, in some unit."""
    rng = np.random.default_rng(1)
    ability = rng.normal(size=(COMPLETE_USERS, 1))
    values = ability + rng.normal(size=(COMPLETE_USERS, COMPLETE_QUESTIONS))
    user, question = np.indices(values.shape)
    scores = np.clip(np.floor(values + 2), 0, 3) * unit
    columns = {"user": user.ravel(), "question": question.ravel(), "score": scores.ravel()}
    return pl.DataFrame(columns)


def check(frame: pl.LazyFrame, sets: int = SETS, checked: int = CHECKED) -> None:
    """Assert that the stream begins with the sets that another way finds."""
    shard = (0, sets // checked)
    ranked = pc.top_corrsets(frame, k=K, top=sets, shard=shard).collect()
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
        f"{name:<60}{sets / seconds / 1e6:6.1f} million sets a second, "
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
                held = query.head(HELD).collect().lazy()
                for compression in COMPRESSIONS:
                    for rows, begun, sets in ((query, name, SETS), (held, f"{name}, held", HELD)):
                        write = partial(rows.sink_parquet, path, compression=compression)
                        measured(f"{begun}, to Parquet, {compression}", write, sets)
            few = every.filter(pl.col("r") >= 0.9)
            measured(f"{kind}: r >= 0.9, to Parquet", lambda few=few: few.sink_parquet(path))
    for kind, unit in {"integers": 1.0, "floats": 0.1}.items():
        frame = complete_responses(unit).lazy()
        check(frame, COMPLETE_SETS, FEW_CHECKED)
        every = pc.scan_corrsets(frame, k=K, alpha=True)
        for columns in (["questions", "r", "r_rest", "n_users"], ["r"], ["r", "r_rest", "alpha"]):
            count = every.select(columns).select(pl.all().count())
            name = f"complete, {kind}: {', '.join(columns)}, counted"
            measured(name, lambda count=count: count.collect(engine="streaming"), COMPLETE_SETS)


if __name__ == "__main__":
    main()
