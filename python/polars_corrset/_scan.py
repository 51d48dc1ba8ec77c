"""Every set as a stream. The sets come from the plugin's `Scan`, one frame after another."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

import polars as pl
from polars.io.plugins import register_io_source

from polars_corrset._arguments import (
    Duplicates,
    RankBy,
    Total,
    check_frame,
    choice,
    count,
    flag,
    shard_of,
    total_of,
)
from polars_corrset._constraints import constraints_of
from polars_corrset._expressions import NAME, corrset
from polars_corrset._inputs import check_columns, inputs_of, read_inputs
from polars_corrset._internal import Scan
from polars_corrset._progress import Bar, Progress, progress_of
from polars_corrset._pushdown import bounds, membership
from polars_corrset._source import selected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polars._typing import IntoExpr

# Only newer Polars let an IO source say what it is.
_PARAMETERS = inspect.signature(register_io_source).parameters

# What `n_users` can be.
_MOST_USERS = 2**32 - 1


def scan_corrsets(
    frame: pl.LazyFrame | pl.DataFrame,
    *,
    k: int,
    user: IntoExpr = "user",
    question: IntoExpr = "question",
    score: IntoExpr = "score",
    min_users: int = 2,
    criterion: IntoExpr | None = None,
    total: Total = "sum",
    alpha: bool = False,
    duplicates: Duplicates = "error",
    include: Iterable[Any] | None = None,
    exclude: Iterable[Any] | None = None,
    domain: IntoExpr | None = None,
    max_per_domain: int | None = None,
    min_per_domain: int | None = None,
    cost: IntoExpr | None = None,
    max_cost: float | None = None,
    shard: tuple[int, int] | None = None,
    progress: Progress = False,
) -> pl.LazyFrame:
    """All sets of `k` questions as a LazyFrame that is computed while it is read.

    The rows are those of :func:`top_corrsets` with `top=None`, but never all in memory: each batch is
    searched when the query is about to need it. What the query does with the rows reaches the search:
    comparisons of `r`, `r_rest`, `alpha` and `n_users` with numbers leave sets out before they become rows,
    `pl.col("questions").list.contains(…)` of a question and its negation cut the search as `include` and
    `exclude` do, `head` ends it, and of the columns only those that are used are made.

    Parameters
    ----------
    frame
        Responses in long form, one row per user and question: a LazyFrame (a DataFrame works too). It is
        read once, when the query runs.
    k, user, question, score, min_users, criterion, total, duplicates, shard
        As in :func:`corrset`.
    include, exclude, domain, max_per_domain, min_per_domain, cost, max_cost
        As in :func:`corrset`.
    alpha
        Whether there is a column `alpha`, see `rank_by` of :func:`corrset`. For floats and wide integers it
        takes a look at the users of each set that no least alpha rules out, much longer than correlations
        take, unless all users answered everything.
    progress
        As in :func:`corrset`: a bar with the sets done.

    Returns
    -------
    LazyFrame
        With the columns `questions`, `r`, `r_rest`, `n_users` and, if asked for, `alpha`, one row per set
        with at least `min_users` common users, in lexicographic order of first appearance. Without variance
        in a total, `r` is null.

    Raises
    ------
    TypeError, ValueError
        When an argument alone is wrong, at once.
    polars.exceptions.ComputeError, polars.exceptions.SchemaError
        As the query runs: as in :func:`corrset`, or when the question column has become one of another dtype
        since the query was planned.

    See Also
    --------
    top_corrsets : The best sets only, which is faster.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_corrset as pc
    >>> responses = pl.LazyFrame(
    ...     {
    ...         "user": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4],
    ...         "question": ["x", "y", "z"] * 4,
    ...         "score": [1, 0, 3, 2, 2, 1, 3, 1, 4, 4, 3, 2],
    ...     }
    ... )
    >>> pc.scan_corrsets(responses, k=2).filter(pl.col("r") > 0.85).collect()
    shape: (2, 4)
    ┌────────────┬──────────┬───────────┬─────────┐
    │ questions  ┆ r        ┆ r_rest    ┆ n_users │
    │ ---        ┆ ---      ┆ ---       ┆ ---     │
    │ list[str]  ┆ f64      ┆ f64       ┆ u32     │
    ╞════════════╪══════════╪═══════════╪═════════╡
    │ ["x", "y"] ┆ 0.857493 ┆ -0.316228 ┆ 4       │
    │ ["y", "z"] ┆ 0.970143 ┆ 0.894427  ┆ 4       │
    └────────────┴──────────┴───────────┴─────────┘
    """
    check_frame("frame", frame)
    constraints = constraints_of(
        k=k,
        include=include,
        exclude=exclude,
        domain=domain,
        max_per_domain=max_per_domain,
        min_per_domain=min_per_domain,
        cost=cost,
        max_cost=max_cost,
    )
    asked: dict[str, Any] = {
        "k": count("k", k, least=1),
        "min_users": count("min_users", min_users, least=2),
        "duplicates": choice("duplicates", duplicates, Duplicates),
        "total": total_of(total, has_criterion=criterion is not None),
    }
    part = tuple(shard_of(shard).values())
    shows = progress_of(progress)
    # For its dtype.
    rank_by: RankBy = "alpha" if flag("alpha", alpha) else "r"
    expression = corrset(user, question, score, k=k, criterion=criterion, rank_by=rank_by)
    columns = {"user": user, "question": question, "score": score, "criterion": criterion}
    columns |= constraints.columns
    check_columns(frame, **columns)
    inputs = inputs_of(**columns)

    def schema() -> pl.Schema:
        return frame.lazy().select(expression).unnest(NAME).collect_schema()

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,  # noqa: ARG001, batches have the size that suits the search
    ) -> Iterator[pl.DataFrame]:
        planned = schema()
        # Here and not in the iterator, which Polars asks from a thread that reading may need.
        read = read_inputs(frame, inputs)
        dtype = dict(read)["question"].dtype
        found = pl.List(dtype)
        if found != planned["questions"]:
            msg = f"the sets were planned as {planned['questions']}, but the responses read now give {found}"
            raise pl.exceptions.SchemaError(msg)
        least = bounds(predicate)
        members = membership(predicate, dtype)
        floors = (
            (name, value) for name, value in zip(least._fields, least, strict=True) if name != "n_users"
        )
        wanted = list(planned) if with_columns is None else with_columns
        used = {*wanted, *([] if predicate is None else predicate.meta.root_names())}
        scan = Scan(
            [*read, *constraints.lists.items()],
            {
                **asked,
                "shard": part,
                "bounds": constraints.bounds,
                "columns": [name for name in planned if name in used],
                "min_users": max(asked["min_users"], min(math.ceil(least.n_users or 0), _MOST_USERS)),
                "floor": next((floor for floor in floors if floor[1] is not None), None),
                "membership": members._asdict(),
            },
        )
        bar = None if shows == "never" else Bar(scan.sets, shows == "always")
        return selected(_batches(scan, bar), predicate, wanted, n_rows)

    detail = ", ".join(f"{name}={value}" for name, value in {**asked, "shard": shard}.items())
    explained = {"explain_name": "corrsets", "explain_detail": detail}
    shown: dict[str, Any] = {name: text for name, text in explained.items() if name in _PARAMETERS}
    return register_io_source(source, schema=schema, **shown)


def _batches(scan: Scan, bar: Bar | None) -> Iterator[pl.DataFrame]:
    """The sets as they come."""
    try:
        while (batch := scan.next()) is not None:
            if bar is not None:
                bar.show(scan.done)
            if batch.height > 0:
                yield batch
    finally:
        if bar is not None:
            bar.close(scan.done)
