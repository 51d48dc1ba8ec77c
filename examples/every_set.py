"""All sets above a bar, streamed to Parquet in two shards, with a progress bar."""

import tempfile
from pathlib import Path

import polars as pl
import polars_corrset as pc
from reference_data import reference_responses

responses = reference_responses(users=2_000, questions=60, answered=0.3)

with tempfile.TemporaryDirectory() as folder:
    for share in range(2):
        (
            # The bar is shown on a terminal only.
            pc.scan_corrsets(responses, k=4, min_users=10, shard=(share, 2), progress=True)
            # Both comparisons prune inside the search.
            .filter(pl.col("r") >= 0.95, pl.col("n_users") >= 15)
            # Takes the writer 0.6 of the time of its default, zstd.
            .sink_parquet(Path(folder) / f"part-{share}.parquet", compression="lz4")
        )
    every = pl.scan_parquet(Path(folder) / "*.parquet")
    print(every.select(sets=pl.len(), median_users=pl.col("n_users").median()).collect())

    # The questions that most of these sets have in common; eight characters tell the ids apart.
    counts = every.select(question=pl.col("questions").explode().str.head(8)).group_by("question").len()
    print(counts.sort("len", "question", descending=[True, False]).head(3).collect())
