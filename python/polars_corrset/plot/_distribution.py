"""How r is distributed over all sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import altair as alt
import polars as pl

from polars_corrset._arguments import Duplicates, choice, count
from polars_corrset._chance import chance_r
from polars_corrset._scan import scan_corrsets
from polars_corrset.plot._style import HEIGHT, LABEL, WIDTH, counted, round_step, title

if TYPE_CHECKING:
    from polars._typing import IntoExpr

    from polars_corrset._progress import Progress

# Correlations are counted by thousandths, before their range is known: few numbers, however many sets.
_FINE = 1000

Correlation = Literal["r", "r_rest"]

_AXES = {"r": "part-whole correlation r", "r_rest": "correlation with the rest, r_rest"}


def distribution(
    frame: pl.LazyFrame | pl.DataFrame,
    k: int,
    *,
    user: IntoExpr = "user",
    question: IntoExpr = "question",
    score: IntoExpr = "score",
    min_users: int = 2,
    duplicates: Duplicates = "error",
    correlation: Correlation = "r",
    bins: int = 60,
    progress: Progress = False,
) -> alt.LayerChart:
    """Histogram of r over all sets of `k` questions, with what chance alone would make of the best.

    The sets are counted as they stream, so the memory does not grow with their number; the time does, see
    :func:`scan_corrsets`.

    Parameters
    ----------
    frame, k, user, question, score, min_users, duplicates, progress
        As in :func:`scan_corrsets`.
    correlation
        Which one: `"r"` or `"r_rest"`.
    bins
        The bars are as wide as the smallest round number of which so many cover the range of the
        correlations, and at least a thousandth.

    Returns
    -------
    altair.LayerChart
        Bars: the number of sets by correlation; sets without one are left out. Rules, with their values in
        the legend:

        - *best set*;
        - *best by chance*: tanh(atanh(s) + √(2 ln M)/√(n − 3)), about what the best of the M sets would reach
          if no question had to do with the others. s and n are the means over the sets. A rule of thumb;
        - *overlap alone* (of r only): mean s, standard deviation of set total over that of grand total. A
          set whose total has nothing to do with the rest has r = s, as it is a part of the whole.

        The last two are left out where no set's s can be told, because all have an r_rest of 1 or −1.

    Raises
    ------
    TypeError, ValueError
        When an argument alone is wrong, or no set has a correlation.
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
    >>> pc.plot.distribution(responses, k=2).to_dict()["title"]["text"]
    'r of 3 sets of 2 questions'
    """
    most_bins = count("bins", bins, least=1)
    column = choice("correlation", correlation, Correlation)
    sets = scan_corrsets(
        frame,
        k=k,
        user=user,
        question=question,
        score=score,
        min_users=min_users,
        duplicates=duplicates,
        progress=progress,
    )
    thousandths = _thousandths(sets, column)
    if thousandths.is_empty():
        which = f"{counted(k, 'question')} with at least {counted(min_users, 'common user')}"
        msg = f"no set of {which} has an {column}"
        raise ValueError(msg)
    bars = _bars(thousandths, most_bins)
    marks = _marks(thousandths, column)
    axis = (
        alt.X("from:Q", title=_AXES[column], bin="binned").scale(zero=False, padding=4).axis(labelFlush=False)
    )
    histogram = (
        alt.Chart(bars)
        .mark_bar()
        .encode(
            axis,
            alt.X2("to:Q"),
            alt.Y("sets:Q", title="sets").axis(tickMinStep=1),
            tooltip=["from:Q", "to:Q", alt.Tooltip("sets:Q", format=",")],
        )
    )
    order = marks["what"].to_list()
    rules = (
        alt.Chart(marks)
        .mark_rule(strokeWidth=2)
        .encode(
            alt.X("value:Q"),
            alt.Color("what:N", title=None, sort=order)
            .scale(domain=order, scheme="dark2")
            .legend(orient="bottom", labelLimit=LABEL),
            tooltip=["what:N", alt.Tooltip("value:Q", format=".4f")],
        )
    )
    sets_of_k = f"{counted(int(bars['sets'].sum()), 'set')} of {counted(k, 'question')}"
    chart: alt.LayerChart = alt.layer(histogram, rules).properties(
        width=WIDTH, height=HEIGHT, title=title(f"{column} of {sets_of_k}")
    )
    return chart


def _thousandths(sets: pl.LazyFrame, column: str) -> pl.DataFrame:
    """The sets counted by their correlation in thousandths, with sums of what `_marks` needs.

    A set's s, the standard deviation of its total over that of the grand total, follows from its
    r_rest = (r − s)/√(1 + s² − 2rs): it is r − r_rest·√((1 − r²)/(1 − r_rest²)).
    """
    r, r_rest = pl.col("r"), pl.col("r_rest")
    with_rest = r - r_rest * ((1 - r * r) / (1 - r_rest * r_rest)).sqrt()
    # Where the rest is constant, the grand total deviates as the set total does.
    s = pl.when(r_rest.is_null()).then(1.0).otherwise(with_rest)
    return (
        sets.filter(pl.col(column).is_not_null())
        .select(
            # 1 itself belongs to the last thousandth below it.
            thousandth=(pl.col(column) * _FINE).floor().clip(upper_bound=_FINE - 1).cast(pl.Int32),
            value=pl.col(column),
            # Perfect correlations are 0/0 here, or off by rounding: they tell no s.
            s=pl.when(s.is_finite() & (s >= 0)).then(s),
            n_users=pl.col("n_users"),
        )
        .group_by("thousandth")
        .agg(
            sets=pl.len().cast(pl.Int64),
            best=pl.col("value").max(),
            s=pl.col("s").sum(),
            sets_with_s=pl.col("s").count().cast(pl.Int64),
            n_users=pl.col("n_users").cast(pl.Int64).sum(),
        )
        .sort("thousandth")
        .collect(engine="streaming")
    )


def _bars(thousandths: pl.DataFrame, bins: int) -> pl.DataFrame:
    """Bars whose width is a round number of thousandths, of which `bins` cover all."""
    first, last = thousandths["thousandth"].item(0), thousandths["thousandth"].item(-1)
    width = max(1, round(round_step(last + 1 - first, bins)))
    start = (pl.col("thousandth") // width * width).alias("start")
    return (
        thousandths.group_by(start)
        .agg(pl.col("sets").sum())
        .sort("start")
        .select(
            # Rounded, because Polars may multiply by a thousandth instead.
            (pl.col("start") / _FINE).round(3).alias("from"),
            ((pl.col("start") + width) / _FINE).round(3).alias("to"),
            "sets",
        )
    )


def _marks(thousandths: pl.DataFrame, column: str) -> pl.DataFrame:
    """What to hold the histogram against."""
    sums = thousandths.drop("thousandth", "best").sum().row(0, named=True)
    marks: dict[str, float] = {"best set": thousandths.select(pl.col("best").max()).item()}
    if sums["sets_with_s"] > 0:
        s = sums["s"] / sums["sets_with_s"]
        overlap = s if column == "r" else 0.0
        marks["best by chance"] = chance_r(overlap, sums["sets"], sums["n_users"] / sums["sets"])
        if column == "r":
            marks["overlap alone"] = s
    legend = [f"{what} {value:.3f}" for what, value in marks.items()]
    return pl.DataFrame({"what": legend, "value": list(marks.values())})
