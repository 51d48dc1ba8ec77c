"""The three columns of responses, read from a frame where no expression of the plugin reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from polars_corrset._expressions import without_objects

if TYPE_CHECKING:
    from polars._typing import IntoExpr

# What the columns are called while they are read, whatever the user's are called.
_INPUTS = ("user", "question", "score")


class Responses:
    """Users, questions and scores of a frame."""

    def __init__(
        self, frame: pl.LazyFrame | pl.DataFrame, user: IntoExpr, question: IntoExpr, score: IntoExpr
    ) -> None:
        columns, self._names = zip(*map(without_objects, (user, question, score)), strict=True)
        self._query = frame.lazy().select(
            (pl.col(column) if isinstance(column, str) else column).alias(name)
            for column, name in zip(columns, _INPUTS, strict=True)
        )

    def read(self) -> tuple[pl.Series, pl.Series, pl.Series]:
        """The columns, as the user calls them."""
        # By the engine that has threads of its own, since the other's may all wait for a reading like this.
        read = self._query.collect(engine="streaming")
        user, question, score = (
            read[column].alias(name or column) for column, name in zip(_INPUTS, self._names, strict=True)
        )
        return user, question, score
