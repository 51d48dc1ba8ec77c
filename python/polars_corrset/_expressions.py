"""The expression and its lazy form. The computation is the plugin's."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl
from polars.plugins import register_plugin_function

from polars_corrset._arguments import (
    Duplicates,
    RankBy,
    Total,
    check_frame,
    choice,
    count,
    rank_of,
    shard_of,
    total_of,
)
from polars_corrset._constraints import UNBOUNDED, Bounds, constraints_of
from polars_corrset._inputs import Input, check_columns, inputs_of
from polars_corrset._progress import Progress, progress_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from polars._typing import IntoExpr

NAME = "corrset"

# From Polars 2.0 on, a plugin that declares itself deterministic can run once for equal expressions.
_FLAGS: dict[str, Any] = (
    {"is_deterministic": True}
    if "is_deterministic" in inspect.signature(register_plugin_function).parameters
    else {}
)

FrameT = TypeVar("FrameT", pl.LazyFrame, pl.DataFrame)


def corrset(
    user: IntoExpr = "user",
    question: IntoExpr = "question",
    score: IntoExpr = "score",
    *,
    k: int,
    top: int | None = 10,
    min_users: int = 2,
    rank_by: RankBy = "r",
    criterion: IntoExpr | None = None,
    total: Total = "sum",
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
) -> pl.Expr:
    """Sets of `k` questions whose total best correlates with the users' grand total.

    For a set of questions, its *common users* are those who answered all of it. Over them, `r` is the
    Pearson correlation of the set total (the summed score on the set) and the grand total (the summed score
    on every question the user answered): the part-whole correlation of a short form.

    Parameters
    ----------
    user, question
        Column name or expression: who answered, and what. Any dtype that identifies something by a plain
        value: String, Binary, integers, floats, Boolean, Decimal, Enum, Categorical, dates and times.
    score
        Column name or expression: Boolean, integer, Decimal (all summed exactly) or float (exactly, too, in
        whole points, halves or quarters).
        A row with a null in any of the three columns is no response.
    k
        Questions per set, at least 1. With more than there are questions no set exists: no row.
    top
        How many sets to return, best first; `None` returns all, in enumeration order.
    min_users
        Sets with fewer common users are left out. At least 2, since r does not exist below.
    rank_by
        `"r"`, `"r_rest"` or `"alpha"`, Cronbach's alpha of the set over its common users:
        k / (k - 1) * (1 - sum of the variances of the scores on its questions / variance of the set total).
    criterion
        Column name or expression: a number that each user has, the same on all of its rows, such as a
        grade. It takes the place of the grand total: `r` is then the criterion validity of the set. Users
        without one (null) are left out. There is no `r_rest`. Boolean, integer, Decimal (all exact) or
        float.
    total
        `"sum"`, or `"mean"`: the grand total is the mean score of all that the user answered, which does
        not grow with the number of answers. The rest is then the mean of what the user answered beside the
        set; users who answered nothing else are left out of `r_rest`.
    duplicates
        What several responses of one user to one question mean: `"error"`, or `"first"`, `"last"`,
        `"sum"`, `"mean"`, `"min"`, `"max"` of them.
    include, exclude
        Questions that every set has, and that no set has: values that can be cast to the dtype of `question`
        without loss. A value that is no question of the responses is an error, in each group of a `group_by`.
        Excluded questions still count in the grand total.
    domain, max_per_domain, min_per_domain
        Column name or expression: what a question is about, the same on all its rows. A set has at most
        `max_per_domain` questions from a domain, and at least `min_per_domain` from every domain that has a
        question left after `exclude`. A question whose domain is null belongs to none, and is free of both.
    cost, max_cost
        Column name or expression: what a question costs, a number of at least 0, the same on all its rows;
        and what the questions of a set may cost together. Sums are compared with a tolerance of k · 2⁻⁵² ·
        `max_cost`, so that 0.1 and 0.2 make 0.3. Sums of integers up to 2⁵⁰ / k are exact.
    shard
        `(i, n)` searches only the i-th (from 0) of n equal shares of all sets, in order of enumeration: the
        results of all n with `top=None` are, one after another, that of the whole, and the best of all n the
        best of them together. With a `top`, the shares together take longer than the whole.
    progress
        `True` shows a bar with the sets done where stderr is a terminal, or in a notebook; `"always"` shows
        it everywhere. Needs tqdm (`pip install 'polars-corrset[progress]'`).

    Returns
    -------
    Expr
        A struct column named `corrset`, one row per set, with the fields

        - `questions` (List of the question column's dtype): the set, in order of first appearance;
        - `r` (Float64): correlation of set total and grand total, or criterion;
        - `r_rest` (Float64): correlation of the set total with the rest of the grand total, freed of the
          overlap; null where the rest is constant, and with a criterion;
        - `n_users` (UInt32): number of common users;
        - `alpha` (Float64), only with `rank_by="alpha"`: Cronbach's alpha; null where the set total is
          constant, and of one question.

        The order is that of `rank_by`, descending; equal values by the set's position in lexicographic order
        of first appearance. A set on whose users the set total or the grand total is constant has no r: it is
        never ranked by r or r_rest, and with `top=None` it is there with null. Likewise a set without r_rest
        or alpha is not ranked by it; alpha ranks sets whether they have an r or not. Float totals that differ
        by no more than the rounding of the scores count as equal.

    Raises
    ------
    TypeError, ValueError
        When an argument alone is wrong, at once.
    polars.exceptions.ComputeError
        When the data is, as the query runs: unsuitable dtypes, columns of different length, duplicate
        responses with `duplicates="error"`, NaN or infinite values, a criterion that differs between rows of
        a user, sums that would overflow, more rows than fit.

    See Also
    --------
    top_corrsets : The same for a whole frame, as plain columns.

    Notes
    -----
    Unnest the *frame*, `frame.select(pc.corrset(k=3)).unnest("corrset")`. Unnesting the expression,
    `pc.corrset(k=3).struct.unnest()`, may run the search once per field.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_corrset as pc
    >>> responses = pl.DataFrame(
    ...     {
    ...         "exam": ["A"] * 8 + ["B"] * 8,
    ...         "user": [1, 1, 2, 2, 3, 3, 4, 4] * 2,
    ...         "question": ["x", "y"] * 8,
    ...         "score": [0, 1, 1, 2, 2, 2, 3, 5, 4, 0, 1, 1, 0, 2, 2, 7],
    ...     }
    ... )
    >>> responses.group_by("exam", maintain_order=True).agg(pc.corrset(k=1, top=1)).explode(
    ...     "corrset"
    ... ).unnest("corrset")
    shape: (2, 5)
    ┌──────┬───────────┬──────────┬───────────┬─────────┐
    │ exam ┆ questions ┆ r        ┆ r_rest    ┆ n_users │
    │ ---  ┆ ---       ┆ ---      ┆ ---       ┆ ---     │
    │ str  ┆ list[str] ┆ f64      ┆ f64       ┆ u32     │
    ╞══════╪═══════════╪══════════╪═══════════╪═════════╡
    │ A    ┆ ["y"]     ┆ 0.980581 ┆ 0.894427  ┆ 4       │
    │ B    ┆ ["y"]     ┆ 0.859887 ┆ -0.156941 ┆ 4       │
    └──────┴───────────┴──────────┴───────────┴─────────┘
    """
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
    inputs = inputs_of(
        user=user, question=question, score=score, criterion=criterion, **constraints.expressions()
    )
    search = search_of(
        inputs,
        k=k,
        top=top,
        min_users=min_users,
        rank_by=rank_by,
        total=total,
        duplicates=duplicates,
        shard=shard,
        progress=progress,
        bounds=constraints.bounds,
    )
    return plugin(NAME, inputs, search).alias(NAME)


def search_of(
    inputs: list[Input],
    *,
    k: int,
    top: int | None,
    min_users: int,
    rank_by: RankBy,
    duplicates: Duplicates,
    progress: Progress,
    total: Total = "sum",
    shard: tuple[int, int] | None = None,
    bounds: Bounds = UNBOUNDED,
) -> dict[str, Any]:
    """A search as the plugin takes it, if the arguments are right."""
    has_criterion = any(one.role == "criterion" for one in inputs)
    return {
        "k": count("k", k, least=1),
        "top": None if top is None else count("top", top, least=1),
        "min_users": count("min_users", min_users, least=2),
        "rank_by": rank_of(rank_by, has_criterion=has_criterion),
        "total": total_of(total, has_criterion=has_criterion),
        "duplicates": choice("duplicates", duplicates, Duplicates),
        "shard": shard_of(shard),
        "progress": progress_of(progress),
        "inputs": [one.described() for one in inputs],
        "bounds": bounds,
    }


def plugin(name: str, inputs: list[Input], kwargs: dict[str, Any]) -> pl.Expr:
    """The plugin's expression of that name, which changes the length of its inputs."""
    return register_plugin_function(
        plugin_path=Path(__file__).parent,
        function_name=name,
        args=[one.column for one in inputs],
        kwargs=kwargs,
        changes_length=True,
        # The plugin refuses what matches no column or several; Polars would give no result or several.
        input_wildcard_expansion=True,
        **_FLAGS,
    )


def top_corrsets(
    frame: FrameT,
    *,
    k: int,
    user: IntoExpr = "user",
    question: IntoExpr = "question",
    score: IntoExpr = "score",
    top: int | None = 10,
    min_users: int = 2,
    rank_by: RankBy = "r",
    criterion: IntoExpr | None = None,
    total: Total = "sum",
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
) -> FrameT:
    """Sets of `k` questions that best predict the grand total, as a frame.

    The expression :func:`corrset`, selected once and unnested.

    Parameters
    ----------
    frame
        Responses in long form, one row per user and question: a LazyFrame (a DataFrame works too).
    k, user, question, score, top, min_users, rank_by, criterion, total, duplicates, shard, progress
        As in :func:`corrset`.
    include, exclude, domain, max_per_domain, min_per_domain, cost, max_cost
        As in :func:`corrset`.

    Returns
    -------
    LazyFrame or DataFrame
        As `frame`, with the fields of :func:`corrset` as columns, one row per set, best first.

    Raises
    ------
    TypeError, ValueError, polars.exceptions.ComputeError
        As in :func:`corrset`; also when `frame` is not a frame.

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
    >>> pc.top_corrsets(responses, k=2).collect()
    shape: (3, 4)
    ┌────────────┬──────────┬───────────┬─────────┐
    │ questions  ┆ r        ┆ r_rest    ┆ n_users │
    │ ---        ┆ ---      ┆ ---       ┆ ---     │
    │ list[str]  ┆ f64      ┆ f64       ┆ u32     │
    ╞════════════╪══════════╪═══════════╪═════════╡
    │ ["y", "z"] ┆ 0.970143 ┆ 0.894427  ┆ 4       │
    │ ["x", "y"] ┆ 0.857493 ┆ -0.316228 ┆ 4       │
    │ ["x", "z"] ┆ 0.843661 ┆ 0.141421  ┆ 4       │
    └────────────┴──────────┴───────────┴─────────┘

    The best by reliability, and the best predictor of something else that is known of each user:

    >>> pc.top_corrsets(responses, k=2, top=1, rank_by="alpha").collect()
    shape: (1, 5)
    ┌────────────┬──────────┬───────────┬─────────┬──────────┐
    │ questions  ┆ r        ┆ r_rest    ┆ n_users ┆ alpha    │
    │ ---        ┆ ---      ┆ ---       ┆ ---     ┆ ---      │
    │ list[str]  ┆ f64      ┆ f64       ┆ u32     ┆ f64      │
    ╞════════════╪══════════╪═══════════╪═════════╪══════════╡
    │ ["x", "y"] ┆ 0.857493 ┆ -0.316228 ┆ 4       ┆ 0.888889 │
    └────────────┴──────────┴───────────┴─────────┴──────────┘
    >>> grades = pl.LazyFrame({"user": [1, 2, 3, 4], "grade": [1.0, 2.3, 2.0, 3.7]})
    >>> graded = responses.join(grades, on="user", maintain_order="left")
    >>> pc.top_corrsets(graded, k=2, top=1, criterion="grade").collect()
    shape: (1, 4)
    ┌────────────┬─────────┬────────┬─────────┐
    │ questions  ┆ r       ┆ r_rest ┆ n_users │
    │ ---        ┆ ---     ┆ ---    ┆ ---     │
    │ list[str]  ┆ f64     ┆ f64    ┆ u32     │
    ╞════════════╪═════════╪════════╪═════════╡
    │ ["x", "y"] ┆ 0.98854 ┆ null   ┆ 4       │
    └────────────┴─────────┴────────┴─────────┘
    """
    check_frame("frame", frame)
    check_columns(
        frame, user=user, question=question, score=score, criterion=criterion, domain=domain, cost=cost
    )
    expression = corrset(
        user,
        question,
        score,
        k=k,
        top=top,
        min_users=min_users,
        rank_by=rank_by,
        criterion=criterion,
        total=total,
        duplicates=duplicates,
        include=include,
        exclude=exclude,
        domain=domain,
        max_per_domain=max_per_domain,
        min_per_domain=min_per_domain,
        cost=cost,
        max_cost=max_cost,
        shard=shard,
        progress=progress,
    )
    return frame.select(expression).unnest(NAME)
