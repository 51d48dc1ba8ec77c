"""What more questions add: the best sets by their size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from polars_corrset._arguments import Duplicates, RankBy, check_frame, count
from polars_corrset._validate import validate_corrsets
from polars_corrset.plot._style import HEIGHT, WIDTH, counted, title

if TYPE_CHECKING:
    from polars._typing import IntoExpr

    from polars_corrset._progress import Progress

_HELD_OUT = "held-out"

# The columns of a validation: which correlation each is, and of which users.
_MEASURES = {
    "r": ("r", "training"),
    "r_test": ("r", _HELD_OUT),
    "r_rest": ("r_rest", "training"),
    "r_rest_test": ("r_rest", _HELD_OUT),
}


# Pixels beside the smallest and the largest size.
_MARGIN = 12


def elbow(
    frame: pl.LazyFrame | pl.DataFrame,
    k: Iterable[int] = range(1, 9),
    *,
    user: IntoExpr = "user",
    question: IntoExpr = "question",
    score: IntoExpr = "score",
    folds: int = 5,
    seed: int = 0,
    min_users: int = 2,
    rank_by: RankBy = "r",
    duplicates: Duplicates = "error",
    progress: Progress = False,
) -> alt.LayerChart:
    """How r and r_rest of the best set grow with its size, on training and on held-out users.

    For each size, :func:`validate_corrsets` finds the best set on the users outside a fold, and evaluates it
    on those inside. Where the lines of the held-out users bend, more questions add little; the further they
    are below those of the training users, the more of the choice was luck.

    Parameters
    ----------
    frame
        Responses in long form, one row per user and question: a LazyFrame or a DataFrame.
    k
        The sizes, each at least 1, in any order. There are `folds` searches for each of them, so with missing
        answers the largest decides how long it takes.
    user, question, score, folds, seed, min_users, rank_by, duplicates, progress
        As in :func:`validate_corrsets`.

    Returns
    -------
    altair.LayerChart
        Lines: means over the folds. Bars: held-out users, from the lowest fold to the highest. Sizes of which
        no fold has a set are left out, and so are folds without a correlation.

    Raises
    ------
    TypeError, ValueError
        When an argument alone is wrong, or there is no set of any of the sizes.
    polars.exceptions.ComputeError
        As in :func:`validate_corrsets`.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_corrset as pc
    >>> responses = pl.DataFrame(
    ...     {
    ...         "user": [user for user in range(8) for _ in "wxyz"],
    ...         "question": ["w", "x", "y", "z"] * 8,
    ...         "score": [0, 1, 0, 1, 2, 1, 1, 0, 2, 3, 1, 2, 3, 2, 3, 1] * 2,
    ...     }
    ... )
    >>> pc.plot.elbow(responses, k=[1, 2, 3], folds=2).to_dict()["title"]["text"]
    'The best sets by size, on training and held-out users'
    """
    check_frame("frame", frame)
    sizes = _sizes(k)
    # Read once, not once for each size.
    responses = frame.lazy().select(user=user, question=question, score=score).collect()
    every = pl.concat(
        validate_corrsets(
            responses,
            k=size,
            top=1,
            folds=folds,
            seed=seed,
            min_users=min_users,
            rank_by=rank_by,
            duplicates=duplicates,
            progress=progress,
        ).with_columns(k=pl.lit(size))
        for size in sizes
    )
    means = _means(every)
    if means.is_empty():
        msg = f"no set of any of the sizes {sizes} has a correlation"
        raise ValueError(msg)
    return _chart(means, folds)


def _sizes(k: Iterable[int]) -> list[int]:
    if not isinstance(k, Iterable) or isinstance(k, (str, bytes)):
        msg = f"`k` must be several sizes, such as range(1, 9), got {k!r}"
        raise TypeError(msg)
    sizes = sorted({count("k", size, least=1) for size in k})
    if not sizes:
        msg = f"`k` must have at least one size, got {k!r}"
        raise ValueError(msg)
    return sizes


def _means(every: pl.DataFrame) -> pl.DataFrame:
    """The correlations of the folds' best sets: mean, lowest and highest of each size."""
    measures = pl.DataFrame(
        [(column, *what) for column, what in _MEASURES.items()],
        schema=["column", "correlation", "users"],
        orient="row",
    )
    return (
        every.unpivot(list(_MEASURES), index="k", variable_name="column")
        .drop_nulls("value")
        .group_by("k", "column", maintain_order=True)
        .agg(
            mean=pl.col("value").mean(),
            lowest=pl.col("value").min(),
            highest=pl.col("value").max(),
            folds=pl.len(),
        )
        .join(measures, on="column", maintain_order="left")
        .drop("column")
    )


def _chart(means: pl.DataFrame, folds: int) -> alt.LayerChart:
    sizes = means["k"].unique().sort().to_list()
    base = alt.Chart(means).encode(
        alt.X("k:Q", title="questions per set, k")
        .axis(values=sizes, format="d")
        .scale(zero=False, nice=False, padding=_MARGIN),
        alt.Color("correlation:N", title="correlation")
        .scale(domain=["r", "r_rest"])
        .legend(symbolType="stroke", symbolOpacity=1, symbolSize=400),
        tooltip=[
            "k:Q",
            "correlation:N",
            "users:N",
            *(alt.Tooltip(f"{column}:Q", format=".4f") for column in ("mean", "lowest", "highest")),
            "folds:Q",
        ],
    )
    means_of_folds = base.encode(alt.Y("mean:Q", title="mean correlation").scale(zero=False))
    lines = means_of_folds.mark_line().encode(
        alt.StrokeDash("users:N", title="users").scale(domain=["training", _HELD_OUT]).legend(symbolSize=400)
    )
    # Training users are nearly the same in all folds.
    ranges = (
        base.transform_filter(alt.datum.users == _HELD_OUT)
        .mark_rule(strokeWidth=3, opacity=0.3)
        .encode(alt.Y("lowest:Q"), alt.Y2("highest:Q"))
    )
    points = means_of_folds.mark_circle(size=40, opacity=1)
    chart: alt.LayerChart = alt.layer(lines, ranges, points).properties(
        width=WIDTH,
        height=HEIGHT,
        title=title(
            "The best sets by size, on training and held-out users",
            f"means of {counted(folds, 'fold')}; bars: held-out users, from the lowest fold to the highest",
        ),
    )
    return chart
