"""From a Parquet data set through filters and a join to the best sets, in one lazy query."""

import tempfile
from pathlib import Path

import polars as pl
import polars_corrset as pc
from reference_data import reference_responses

with tempfile.TemporaryDirectory() as folder:
    responses = reference_responses(users=2_000, questions=30, answered=0.5)
    for day, part in enumerate(responses.iter_slices(5_000)):
        path = Path(folder) / f"day={day}"
        path.mkdir()
        part.write_parquet(path / "responses.parquet")

    # What is known of the questions: the first twenty belong to the topic at hand.
    ids = responses["question"].unique(maintain_order=True)
    topics = pl.LazyFrame({"question": ids, "topic": ["algebra"] * 20 + ["geometry"] * 10})

    query = (
        pl.scan_parquet(folder, hive_partitioning=True)
        .filter(pl.col("day") > 0)
        .join(topics, on="question")
        .filter(pl.col("topic") == "algebra")
        .pipe(pc.top_corrsets, k=3, top=5, min_users=50)
        # Eight characters tell the ids apart.
        .with_columns(pl.col("questions").list.eval(pl.element().str.head(8)).list.join(" "))
    )
    print(query.collect())
