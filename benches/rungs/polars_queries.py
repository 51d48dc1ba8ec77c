"""Rung 17: one Polars query per set."""

from __future__ import annotations

import math
from collections.abc import Iterable

import polars as pl


def query_per_set(
    responses: pl.DataFrame, totals: pl.DataFrame, sets: Iterable[tuple[str, ...]]
) -> list[float]:
    """The definition as a lazy query; Polars runs each on all its threads."""
    found = []
    for chosen in sets:
        query = (
            responses.lazy()
            .filter(pl.col("question").is_in(chosen))
            .group_by("user")
            .agg(pl.len().alias("answered"), pl.col("score").cast(pl.Int64).sum().alias("x"))
            .filter(pl.col("answered") == len(chosen))
            .join(totals.lazy(), on="user")
            .select(pl.corr("x", "total"))
        )
        r = query.collect().item()
        found.append(math.nan if r is None else r)
    return found
