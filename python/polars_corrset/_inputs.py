"""The columns that a search reads, as the plugin takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    # Polars' own alias for "a column name or an expression".
    from polars._typing import IntoExpr


# Columns of a frame that a message lists.
_SHOWN = 10


class Input(NamedTuple):
    """A column: the parameter that it was given for, itself, and its name if that is known."""

    role: str
    column: IntoExpr
    name: str | None

    def described(self) -> dict[str, str | None]:
        """What the plugin is told of it."""
        return {"role": self.role, "column": self.name}


def inputs_of(**columns: IntoExpr | None) -> list[Input]:
    """The inputs by parameter, without those that are not given."""
    return [_input(role, column) for role, column in columns.items() if column is not None]


def check_columns(frame: pl.LazyFrame | pl.DataFrame, **columns: IntoExpr | None) -> None:
    """Refuse a DataFrame without a column that an input reads.

    What columns a LazyFrame has may take a while to find out: there the query does.
    """
    if isinstance(frame, pl.LazyFrame):
        return
    for role, column in columns.items():
        read = pl.col(column) if isinstance(column, str) else column
        roots = read.meta.root_names() if isinstance(read, pl.Expr) else []
        if missing := [root for root in roots if root not in frame.columns]:
            shown = ", ".join(map(repr, frame.columns[:_SHOWN]))
            more = f" and {frame.width - _SHOWN} more" if frame.width > _SHOWN else ""
            msg = (
                f"`{role}` is read from column {missing[0]!r}, which must be in the frame, "
                f"got {shown or 'none'}{more}; "
                f"if there is a column for each question, make them rows first, with DataFrame.unpivot"
            )
            raise pl.exceptions.ColumnNotFoundError(msg)


def read_inputs(frame: pl.LazyFrame | pl.DataFrame, inputs: list[Input]) -> list[tuple[str, pl.Series]]:
    """The inputs by parameter, read from the frame where no expression of the plugin reads them."""
    query = frame.lazy().select(**{one.role: one.column for one in inputs})
    # By the engine that has threads of its own, since the other's may all wait for a reading like this.
    read = query.collect(engine="streaming")
    return [(one.role, read[one.role].alias(one.name or one.role)) for one in inputs]


def _input(role: str, column: IntoExpr) -> Input:
    """One input; nothing is left of a column that is selected, and renamed if at all, if its dtype is Object.

    Polars hands Objects to a plugin as pointers that look like Binary: the plugin could not tell.
    """
    if isinstance(column, (pl.DataFrame, pl.LazyFrame, list, tuple, dict)):
        hint = "; top_corrsets takes a frame" if isinstance(column, (pl.DataFrame, pl.LazyFrame)) else ""
        msg = f"`{role}` must be a column name or an expression, got {type(column).__name__}{hint}"
        raise TypeError(msg)
    if isinstance(column, str):
        column = pl.col(column)
    if not isinstance(column, pl.Expr):
        return Input(role, column, None)
    name = column.meta.output_name(raise_if_undetermined=False)
    selected = column.meta.undo_aliases()
    if not selected.meta.is_column_selection():
        return Input(role, column, name)
    plain = selected.exclude(pl.Object)
    if name is not None and name != selected.meta.output_name(raise_if_undetermined=False):
        plain = plain.alias(name)
    return Input(role, plain, name)
