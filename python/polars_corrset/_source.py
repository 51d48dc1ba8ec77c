"""What Polars asks of a source of rows beside the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl


def selected(
    batches: Iterator[pl.DataFrame], predicate: pl.Expr | None, columns: list[str], n_rows: int | None
) -> Iterator[pl.DataFrame]:
    """What Polars asked for, of that: exactly, since it does not look again."""
    for batch in batches:
        # In one piece: Polars 1.32.3 cannot read lists of Enum or Categorical in several.
        rows = batch if predicate is None else batch.filter(predicate).rechunk()
        if n_rows is not None:
            rows = rows.head(n_rows)
            n_rows -= rows.height
        yield rows.select(columns)
        if n_rows == 0:
            return
