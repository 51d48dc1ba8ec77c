"""The best sets of every exam: the expression in `group_by`, and over a window."""

import polars as pl
import polars_corrset as pc
from reference_data import reference_responses

responses = pl.concat(
    reference_responses(users=500, questions=12, answered=0.7, seed=seed).with_columns(exam=pl.lit(exam))
    for seed, exam in enumerate(["spring", "summer", "autumn"])
)

best = (
    responses.lazy()
    .group_by("exam", maintain_order=True)
    .agg(pc.corrset(k=3, top=2, min_users=20))
    .explode("corrset")
    .unnest("corrset")
    # Eight characters tell the ids apart.
    .with_columns(pl.col("questions").list.eval(pl.element().str.head(8)).list.join(" "))
)
print(best.collect())

window = responses.select(
    pc.corrset(k=3, top=1, min_users=20).over("exam", mapping_strategy="explode").struct.field("r")
)
print(window)
