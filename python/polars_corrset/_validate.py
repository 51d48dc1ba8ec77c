"""Sets chosen on some users and evaluated on others. The computation is the plugin's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polars_corrset._arguments import LARGEST, Duplicates, RankBy, Total, check_frame, count
from polars_corrset._constraints import constraints_of
from polars_corrset._expressions import FrameT, plugin, search_of
from polars_corrset._inputs import check_columns, inputs_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from polars._typing import IntoExpr

    from polars_corrset._progress import Progress

# The struct column of the expression.
_NAME = "validation"


def validate_corrsets(
    frame: FrameT,
    *,
    k: int,
    user: IntoExpr = "user",
    question: IntoExpr = "question",
    score: IntoExpr = "score",
    top: int = 10,
    folds: int = 5,
    seed: int = 0,
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
    progress: Progress = False,
) -> FrameT:
    """How the best sets do on users they were not chosen on: cross-validation.

    The best of many sets owes its place to chance, too: the more, the more sets there are and the fewer
    users answered each. So the users are split into folds. For each fold, the best sets are found on all
    *other* users, and evaluated on the users of the fold, who had no say in the choice.

    Parameters
    ----------
    frame
        Responses in long form, one row per user and question: a LazyFrame or a DataFrame.
    k, user, question, score, top, rank_by, criterion, total, duplicates
        As in :func:`corrset`, except that `top` cannot be `None`.
    folds
        How many, at least 2 and at most as many as there are users.
    seed
        From 0 to 2⁶³ - 1; another integer gives another split.
    min_users
        Sets with fewer common users are left out, of the users a set is chosen on.
    include, exclude, domain, max_per_domain, min_per_domain, cost, max_cost
        As in :func:`corrset`. The domains that `min_per_domain` means are those of the whole data.
    progress
        As in :func:`corrset`: a bar for each fold.

    Returns
    -------
    LazyFrame or DataFrame
        The kind of `frame`, one row per fold and set, with the columns

        - `fold` (UInt32): from 0;
        - `rank` (UInt32): from 1, among the best sets on the users outside the fold;
        - `questions`, `r`, `r_rest`, `n_users`: as in :func:`corrset`, on the users outside the fold. First
          appearance is that in the whole data, so a set looks the same in every fold;
        - `r_test`, `r_rest_test` (Float64), `n_users_test` (UInt32): the same on the users of the fold; null,
          null and 0 where none of them answered the whole set;
        - with `rank_by="alpha"`, `alpha` after `n_users`, and `alpha_test` before `n_users_test`.

    Raises
    ------
    TypeError, ValueError
        When an argument alone is wrong, at once.
    polars.exceptions.ComputeError
        As in :func:`corrset`, as the query runs; and for more folds than users.

    See Also
    --------
    evaluate_corrsets : The same for sets that are given.

    Notes
    -----
    Every user with a response is in one fold, and the sizes of the folds differ by at most one. Users are
    ordered by the XXH3 hash (64 bits, seeded with `seed`) of their id and dealt out like cards, so the split
    depends on the ids and the seed, not on the order of the rows. What is hashed is a text in UTF-8, Binary
    as it is, an integer in 16 bytes and a float in 8, both little-endian; Boolean, Decimal, dates and times
    are the integers that they are stored as. So String, Enum and Categorical ids of the same letters are
    dealt alike, and so are equal integers however wide.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_corrset as pc
    >>> scores = "0101211023123231001212003323101102212030"
    >>> responses = pl.LazyFrame(
    ...     {
    ...         "user": [user for user in range(10) for _ in range(4)],
    ...         "question": ["w", "x", "y", "z"] * 10,
    ...         "score": [int(score) for score in scores],
    ...     }
    ... )
    >>> pc.validate_corrsets(responses, k=2, top=1, folds=2).select(
    ...     "fold", "rank", "questions", "r", "r_test", "r_rest_test", "n_users_test"
    ... ).collect()
    shape: (2, 7)
    ┌──────┬──────┬────────────┬──────────┬──────────┬─────────────┬──────────────┐
    │ fold ┆ rank ┆ questions  ┆ r        ┆ r_test   ┆ r_rest_test ┆ n_users_test │
    │ ---  ┆ ---  ┆ ---        ┆ ---      ┆ ---      ┆ ---         ┆ ---          │
    │ u32  ┆ u32  ┆ list[str]  ┆ f64      ┆ f64      ┆ f64         ┆ u32          │
    ╞══════╪══════╪════════════╪══════════╪══════════╪═════════════╪══════════════╡
    │ 0    ┆ 1    ┆ ["x", "y"] ┆ 0.930261 ┆ 0.97061  ┆ 0.894533    ┆ 5            │
    │ 1    ┆ 1    ┆ ["w", "z"] ┆ 0.975817 ┆ 0.880705 ┆ 0.645497    ┆ 5            │
    └──────┴──────┴────────────┴──────────┴──────────┴─────────────┴──────────────┘
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
    columns = {"user": user, "question": question, "score": score, "criterion": criterion}
    check_columns(frame, **columns, **constraints.columns)
    inputs = inputs_of(**columns, **constraints.expressions())
    # `None` is no number of ranks, which the check of a count says.
    search = search_of(
        inputs,
        k=k,
        top=count("top", top, least=1),
        min_users=min_users,
        rank_by=rank_by,
        total=total,
        duplicates=duplicates,
        progress=progress,
        bounds=constraints.bounds,
    )
    options = {
        "folds": count("folds", folds, least=2),
        "seed": count("seed", seed, least=0, most=LARGEST),
        "search": search,
    }
    return frame.select(plugin("validate_corrsets", inputs, options).alias(_NAME)).unnest(_NAME)
