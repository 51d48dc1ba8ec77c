"""Rate and memory of the stream of every set, to Parquet and to nowhere.

`python benches/every_set.py`, on Linux, for all threads; `POLARS_MAX_THREADS=1` for one.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from math import comb
from pathlib import Path

import numpy as np
import polars as pl
import polars_corrset as pc

USERS, QUESTIONS, ANSWERED, K = 300, 166, 0.5, 4
SETS = comb(QUESTIONS, K)

# How many of the first sets are held against the search for a table.
CHECKED = 100_000


def responses(question: pl.Expr) -> pl.DataFrame:
    """Scores of 0 and 1, answered at random."""
    rng = np.random.default_rng(1)
    cells = np.flatnonzero(rng.random(USERS * QUESTIONS) < ANSWERED)
    frame = pl.DataFrame({"user": cells // QUESTIONS, "question": cells % QUESTIONS})
    return frame.with_columns(question, score=pl.Series(rng.integers(0, 2, len(cells))))


def peak() -> int:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def measured(name: str, query: pl.LazyFrame, path: Path) -> None:
    """Run the query, and print what it took."""
    before, start = peak(), time.perf_counter()
    query.sink_parquet(path)
    seconds = time.perf_counter() - start
    rows = pl.scan_parquet(path).select(pl.len()).collect().item()
    size = path.stat().st_size / rows
    print(
        f"{name:<26}{rows:>12,} rows {SETS / seconds / 1e6:7.1f} million sets a second "
        f"{peak() - before:>5} MiB more, {size:4.1f} bytes a row"
    )


def main() -> None:
    """Integers, Enum and String; all columns, and fewer."""
    print(f"{SETS:,} sets of {K} out of {QUESTIONS}, {USERS} users, {pl.thread_pool_size()} threads")
    names = [f"question number {number}" for number in range(QUESTIONS)]
    number = pl.col("question")
    text = number.replace_strict(range(QUESTIONS), names, return_dtype=pl.String)
    kinds = {"Int64": number, "Enum": text.cast(pl.Enum(names)), "String": text}
    first = pc.top_corrsets(responses(number), k=K, top=None, shard=(0, SETS // CHECKED))
    assert pc.scan_corrsets(responses(number), k=K).head(first.height).collect().equals(first)
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        path = Path(folder) / "sets.parquet"
        for kind, question in kinds.items():
            measured(f"{kind}, all columns", pc.scan_corrsets(responses(question), k=K), path)
        every = pc.scan_corrsets(responses(number), k=K)
        measured("r alone", every.select("r"), path)
        measured("r >= 0.9, of as many sets", every.filter(pl.col("r") >= 0.9), path)


if __name__ == "__main__":
    main()
