"""The columns that a search reads, as the plugin takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    # Polars' own alias for "a column name or an expression".
    from polars._typing import IntoExpr


class Input(NamedTuple):
    """A column: the parameter that it was given for, itself, and its name if it is a plain one."""

    role: str
    column: IntoExpr
    name: str | None

    def described(self) -> dict[str, str | None]:
        """What the plugin is told of it."""
        return {"role": self.role, "column": self.name}


def inputs_of(**columns: IntoExpr | None) -> list[Input]:
    """The inputs by parameter, without those that are not given."""
    return [Input(role, *_without_objects(column)) for role, column in columns.items() if column is not None]


def read_inputs(frame: pl.LazyFrame | pl.DataFrame, inputs: list[Input]) -> list[tuple[str, pl.Series]]:
    """The inputs by parameter, read from the frame where no expression of the plugin reads them."""
    query = frame.lazy().select(**{one.role: one.column for one in inputs})
    # By the engine that has threads of its own, since the other's may all wait for a reading like this.
    read = query.collect(engine="streaming")
    return [(one.role, read[one.role].alias(one.name or one.role)) for one in inputs]


def _without_objects(column: IntoExpr) -> tuple[IntoExpr, str | None]:
    """The same column, but none if its dtype is Object; and its name, if it is a plain column.

    Polars hands Objects to a plugin as pointers that look like Binary: the plugin could not tell.
    """
    if isinstance(column, str):
        column = pl.col(column)
    if isinstance(column, pl.Expr) and column.meta.is_column_selection():
        return column.exclude(pl.Object), column.meta.output_name(raise_if_undetermined=False)
    return column, None
