"""The frame form is the expression, selected once and unnested."""

from __future__ import annotations

from typing import Any

import polars as pl
import polars_corrset as pc
import pytest
from polars.testing import assert_frame_equal
from responses import SCHEMA, sparse

RESPONSES = sparse(30, 6, 0.7, seed=1, scores=(0, 1, 2))


def test_lazy_frame_gives_lazy_frame(engine: str) -> None:
    result = pc.top_corrsets(RESPONSES.lazy(), k=2)
    assert isinstance(result, pl.LazyFrame)
    assert result.collect_schema() == SCHEMA
    assert result.collect(engine=engine).schema == SCHEMA


def test_data_frame_gives_data_frame() -> None:
    result = pc.top_corrsets(RESPONSES, k=2)
    assert isinstance(result, pl.DataFrame)
    assert_frame_equal(result, pc.top_corrsets(RESPONSES.lazy(), k=2).collect(), check_exact=True)


@pytest.mark.parametrize(
    "options",
    [
        {"k": 2},
        {"k": 3, "top": 3},
        {"k": 2, "top": None, "min_users": 12},
        {"k": 2, "rank_by": "r_rest"},
        {"k": 1, "duplicates": "max"},
        {"k": 2, "user": pl.col("user").str.to_uppercase(), "score": pl.col("score") * 3},
        {"k": 1, "question": pl.col("question").cast(pl.Categorical)},
    ],
    ids=str,
)
def test_equals_the_expression(options: dict[str, Any]) -> None:
    selected = RESPONSES.select(pc.corrset(**options)).unnest("corrset")
    assert selected.height > 0
    assert_frame_equal(pc.top_corrsets(RESPONSES, **options), selected, check_exact=True)


@pytest.mark.parametrize("frame", [RESPONSES["score"], RESPONSES.to_dict(), None, "responses"], ids=type)
def test_anything_else_is_a_type_error(frame: object) -> None:
    rule = f"`frame` must be a Polars LazyFrame or DataFrame, got {type(frame).__name__}"
    with pytest.raises(TypeError, match=rule):
        pc.top_corrsets(frame, k=2)


def test_columns_can_be_filtered_afterwards(engine: str) -> None:
    """Neither a predicate nor a projection may slip below the search."""
    query = pc.top_corrsets(RESPONSES.lazy(), k=2, top=None)
    everything = query.collect()
    kept = query.filter(pl.col("n_users") >= 15).select("r").head(4).collect(engine=engine)
    assert kept.height > 0
    assert_frame_equal(kept, everything.filter(pl.col("n_users") >= 15).select("r").head(4), check_exact=True)
