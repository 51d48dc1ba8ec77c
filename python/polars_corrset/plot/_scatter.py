"""A set's total against the grand total, user by user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl

from polars_corrset._arguments import Duplicates, check_frame, count
from polars_corrset._evaluate import evaluate_corrsets
from polars_corrset._expressions import corrset
from polars_corrset.plot._style import HEIGHT, WIDTH, counted, labels, listed, round_step, title

if TYPE_CHECKING:
    from polars._typing import IntoExpr

# More different points than these overlap: a grid of cells shows where they are dense.
_MOST_POINTS = 300

# Pixels around the points, so that none hides an axis.
_MARGIN = 12

# Cells along each axis of the grid.
_CELLS = 60

# Characters of the subtitle that names the questions: about the width of the chart.
_SUBTITLE = 80

# What several responses of one user to one question become.
_ONE_OF_SEVERAL = {
    "first": pl.Expr.first,
    "last": pl.Expr.last,
    "sum": pl.Expr.sum,
    "mean": pl.Expr.mean,
    "min": pl.Expr.min,
    "max": pl.Expr.max,
}


def scatter(
    frame: pl.LazyFrame | pl.DataFrame,
    questions: Iterable[Any],
    *,
    user: IntoExpr = "user",
    question: IntoExpr = "question",
    score: IntoExpr = "score",
    min_users: int = 2,
    duplicates: Duplicates = "error",
) -> alt.Chart:
    """Users' total on a set of questions against their grand total.

    Shown are the set's common users, who answered all of it. A circle's area is the number of users with
    these totals. Where more than 300 different points would overlap, the users are counted in the cells
    of a grid.

    Parameters
    ----------
    frame
        Responses in long form, one row per user and question: a LazyFrame or a DataFrame.
    questions
        The set: values of the question column, as in the column `questions` of a result.
    user, question, score, duplicates
        As in :func:`corrset`.
    min_users
        Fewer common users are an error. At least 2, since r does not exist below.

    Returns
    -------
    altair.Chart
        With r, r_rest and the number of common users in the title, and the questions below it.

    Raises
    ------
    TypeError, ValueError
        When an argument alone is wrong; when `questions` has an unknown or repeated question, or fewer than
        `min_users` users answered them all.
    polars.exceptions.ComputeError
        As in :func:`corrset`.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_corrset as pc
    >>> responses = pl.DataFrame(
    ...     {
    ...         "user": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4],
    ...         "question": ["x", "y", "z"] * 4,
    ...         "score": [1, 0, 3, 2, 2, 1, 3, 1, 4, 4, 3, 2],
    ...     }
    ... )
    >>> pc.plot.scatter(responses, ["y", "z"]).to_dict()["title"]["text"]
    'r = 0.970, r_rest = 0.894, 4 users'
    """
    wanted = _set_of(questions)
    least = count("min_users", min_users, least=2)
    check_frame("frame", frame)
    # Dtypes that nothing below could handle are refused as everywhere else.
    frame.lazy().select(corrset(user, question, score, k=1, duplicates=duplicates)).collect_schema()
    responses = frame.lazy().select(user=user, question=question, score=score).drop_nulls().collect()
    chosen = _as_column(wanted, responses["question"])
    found = evaluate_corrsets(responses, pl.DataFrame({"questions": [chosen]}), duplicates=duplicates)
    r, r_rest, users = found.select("r", "r_rest", "n_users").row(0)
    if users < least:
        msg = f"the set must have at least {counted(least, 'common user')}, got {users}"
        raise ValueError(msg)
    totals = _totals(responses, chosen, duplicates)
    points = totals.group_by("set_total", "grand_total").agg(users=pl.len()).sort("set_total", "grand_total")
    chart = _circles(points) if points.height <= _MOST_POINTS else _grid(points)
    titled: alt.Chart = chart.properties(
        width=WIDTH,
        height=HEIGHT,
        title=title(
            f"r = {_rounded(r)}, r_rest = {_rounded(r_rest)}, {counted(users, 'user')}",
            f"of the questions {listed(labels(chosen).to_list(), _SUBTITLE)}",
        ),
    )
    return titled


def _set_of(questions: Iterable[Any]) -> pl.Series | list[Any]:
    if isinstance(questions, (str, bytes)) or not isinstance(questions, Iterable):
        msg = f"`questions` must be the questions of a set, got {questions!r}"
        raise TypeError(msg)
    values = questions if isinstance(questions, pl.Series) else list(questions)
    if len(values) == 0:
        msg = "`questions` must have at least one question, got none"
        raise ValueError(msg)
    for value in values:
        if not isinstance(value, Hashable):
            msg = f"`questions` must be the questions of one set, got {value!r} among them"
            raise TypeError(msg)
    repeated = [value for value, times in Counter(values).items() if times > 1]
    if repeated:
        msg = f"`questions` must have each question once, got {repeated[0]!r} several times"
        raise ValueError(msg)
    return values


def _as_column(wanted: pl.Series | list[Any], column: pl.Series) -> pl.Series:
    """The questions of a set in the dtype of the question column, in which each must be."""
    try:
        chosen = pl.Series("question", wanted, dtype=column.dtype)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        msg = f"`questions` must be values of the question column, of dtype {column.dtype}, got {wanted!r}"
        raise ValueError(msg) from error
    unknown = chosen.to_frame().join(column.to_frame(), on="question", how="anti")
    if not unknown.is_empty():
        msg = f"`questions` must be in the question column, got {unknown['question'][0]!r}, which is not"
        raise ValueError(msg)
    return chosen


def _totals(responses: pl.DataFrame, chosen: pl.Series, duplicates: Duplicates) -> pl.DataFrame:
    """Set total and grand total of the common users."""
    scores = responses.lazy().with_columns(pl.col("score").cast(pl.Float64))
    if duplicates != "error":
        one = _ONE_OF_SEVERAL[duplicates](pl.col("score"))
        scores = scores.group_by("user", "question", maintain_order=True).agg(one)
    is_chosen = pl.col("chosen").is_not_null()
    return (
        scores.join(chosen.to_frame().lazy().with_columns(chosen=True), on="question", how="left")
        .group_by("user", maintain_order=True)
        .agg(
            set_total=pl.col("score").filter(is_chosen).sum(),
            grand_total=pl.col("score").sum(),
            answered=is_chosen.sum(),
        )
        .filter(pl.col("answered") == chosen.len())
        .select("set_total", "grand_total")
        .collect()
    )


def _rounded(r: float | None) -> str:
    """A correlation as a title has it; there is none where a total is constant."""
    return "none" if r is None else f"{r:.3f}"


def _circles(points: pl.DataFrame) -> alt.Chart:
    most = points.select(pl.col("users").max()).item()
    chart: alt.Chart = (
        alt.Chart(points)
        .mark_circle(opacity=0.7)
        .encode(
            alt.X("set_total:Q", axis=_axis(points["set_total"])).scale(
                zero=False, nice=False, padding=_MARGIN
            ),
            alt.Y("grand_total:Q", axis=_axis(points["grand_total"])).scale(
                zero=False, nice=False, padding=_MARGIN
            ),
            alt.Size("users:Q", title="users").legend(values=sorted({1, -(-most // 2), most})),
            tooltip=["set_total:Q", "grand_total:Q", alt.Tooltip("users:Q", format=",")],
        )
    )
    return chart


def _grid(points: pl.DataFrame) -> alt.Chart:
    cells = (
        points.select(*_cells(points["set_total"]), *_cells(points["grand_total"]), "users")
        .group_by(pl.exclude("users"), maintain_order=True)
        .agg(pl.col("users").sum())
    )
    chart: alt.Chart = (
        alt.Chart(cells)
        .mark_rect()
        .encode(
            alt.X("set_total:Q", bin="binned", axis=_axis(points["set_total"])).scale(zero=False),
            alt.X2("set_total_to:Q"),
            alt.Y("grand_total:Q", bin="binned", axis=_axis(points["grand_total"])).scale(zero=False),
            alt.Y2("grand_total_to:Q"),
            alt.Color("users:Q", title="users").scale(scheme="blues").legend(tickMinStep=1),
            tooltip=[
                "set_total:Q",
                "set_total_to:Q",
                "grand_total:Q",
                "grand_total_to:Q",
                alt.Tooltip("users:Q", format=","),
            ],
        )
    )
    return chart


def _cells(totals: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Where the cell of each total begins and ends: as wide as a round number."""
    span = totals.to_frame().select(pl.all().max() - pl.all().min()).item()
    step, shift = round_step(span, _CELLS), 0.0
    if _is_whole(totals):
        # Between whole numbers there is nothing: narrower cells would leave stripes. And 3 is the middle of
        # its cell, if this has no other number.
        step, shift = max(step, 1.0), 0.5
    start = (totals / step).floor() * step - shift
    return start, (start + step).alias(f"{totals.name}_to")


def _is_whole(totals: pl.Series) -> bool:
    return (totals == totals.floor()).all()


def _axis(totals: pl.Series) -> alt.Axis:
    """Half a point on an axis is of no use where all totals are whole numbers."""
    return alt.Axis(
        title=totals.name.replace("_", " "), tickMinStep=1 if _is_whole(totals) else alt.Undefined
    )
