"""The expression and its lazy form. The computation is the plugin's."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl
from polars.plugins import register_plugin_function

from polars_corrset._arguments import Duplicates, RankBy, check_frame, choice, count, shard_of
from polars_corrset._inputs import Input, inputs_of
from polars_corrset._progress import Progress, progress_of

if TYPE_CHECKING:
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
    duplicates: Duplicates = "error",
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
        Column name or expression: Boolean, integer, Decimal (all summed exactly) or float.
        A row with a null in any of the three columns is no response.
    k
        Questions per set, at least 1. With more than there are questions no set exists: no row.
    top
        How many sets to return, best first; `None` returns all, in enumeration order.
    min_users
        Sets with fewer common users are left out. At least 2, since r does not exist below.
    rank_by
        `"r"` or `"r_rest"`.
    duplicates
        What several responses of one user to one question mean: `"error"`, or `"first"`, `"last"`,
        `"sum"`, `"mean"`, `"min"`, `"max"` of them.
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
        - `r` (Float64): correlation of set total and grand total;
        - `r_rest` (Float64): correlation of the set total with the rest of the grand total, freed of the
          overlap; null where the rest is constant;
        - `n_users` (UInt32): number of common users.

        The order is that of `rank_by`, descending; equal values by the set's position in lexicographic order
        of first appearance. A set on whose users the set total or the grand total is constant has no r: it is
        never ranked, and with `top=None` it is there with null. Likewise a set without r_rest is not ranked
        by it. Float totals that differ by no more than the rounding of the scores count as equal.

    Raises
    ------
    TypeError, ValueError
        When an argument alone is wrong, at once.
    polars.exceptions.ComputeError
        When the data is, as the query runs: unsuitable dtypes, columns of different length, duplicate
        responses with `duplicates="error"`, NaN or infinite scores, sums that would overflow, more rows
        than fit.

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
    inputs = inputs_of(user=user, question=question, score=score)
    search = search_of(
        inputs,
        k=k,
        top=top,
        min_users=min_users,
        rank_by=rank_by,
        duplicates=duplicates,
        shard=shard,
        progress=progress,
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
    shard: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """A search as the plugin takes it, if the arguments are right."""
    return {
        "k": count("k", k, least=1),
        "top": None if top is None else count("top", top, least=1),
        "min_users": count("min_users", min_users, least=2),
        "rank_by": choice("rank_by", rank_by, RankBy),
        "duplicates": choice("duplicates", duplicates, Duplicates),
        "shard": shard_of(shard),
        "progress": progress_of(progress),
        "inputs": [one.described() for one in inputs],
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
    duplicates: Duplicates = "error",
    shard: tuple[int, int] | None = None,
    progress: Progress = False,
) -> FrameT:
    """Sets of `k` questions that best predict the grand total, as a frame.

    The expression :func:`corrset`, selected once and unnested.

    Parameters
    ----------
    frame
        Responses in long form, one row per user and question: a LazyFrame (a DataFrame works too).
    k, user, question, score, top, min_users, rank_by, duplicates, shard, progress
        As in :func:`corrset`.

    Returns
    -------
    LazyFrame or DataFrame
        As `frame`, with the columns `questions`, `r`, `r_rest`, `n_users`, one row per set, best first.

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
    """
    check_frame("frame", frame)
    expression = corrset(
        user,
        question,
        score,
        k=k,
        top=top,
        min_users=min_users,
        rank_by=rank_by,
        duplicates=duplicates,
        shard=shard,
        progress=progress,
    )
    return frame.select(expression).unnest(NAME)
