"""Which questions the sets have in common."""

from __future__ import annotations

import altair as alt
import polars as pl

from polars_corrset._arguments import count
from polars_corrset.plot._style import LABEL, STEP, WIDTH, counted, labels, title

# Of the width, the bars' part.
_BARS = WIDTH // 2

# Labels below the heat map stand upright, so they take height.
_UPRIGHT_LABEL = 120


def questions(result: pl.LazyFrame | pl.DataFrame, *, top: int = 30) -> alt.HConcatChart:
    """How often each question is in the sets of a result, and which go together.

    A question in nearly all of the best sets is one to keep. Two questions that are both frequent, but seldom
    in the same set, can stand in for each other.

    Parameters
    ----------
    result
        Sets with a List column `questions`, as from :func:`top_corrsets` or a filtered :func:`scan_corrsets`.
        A LazyFrame is collected, of this column.
    top
        Only the `top` most frequent questions are shown, and the subtitle says so.

    Returns
    -------
    altair.HConcatChart
        Left the number of sets with each question, most frequent first (equals by first appearance); right,
        in the same order, the number of sets with both questions of a pair. The parts, `chart.hconcat`, can
        be layered with other charts.

    Raises
    ------
    TypeError, ValueError
        When `result` is not a frame, has no List column `questions`, or no set; when `top` is not an integer
        of at least 1.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_corrset as pc
    >>> result = pl.DataFrame({"questions": [["x", "y"], ["x", "z"]]})
    >>> bars, pairs = pc.plot.questions(result).hconcat
    >>> bars.data
    shape: (3, 2)
    ┌──────────┬──────┐
    │ question ┆ sets │
    │ ---      ┆ ---  │
    │ str      ┆ u32  │
    ╞══════════╪══════╡
    │ x        ┆ 2    │
    │ y        ┆ 1    │
    │ z        ┆ 1    │
    └──────────┴──────┘
    """
    shown = count("top", top, least=1)
    sets = _sets(result)
    frequent = _frequencies(sets)
    best = frequent.head(shown)
    left_out = frequent.height - best.height
    subtitle = [f"the {shown} most frequent of {counted(frequent.height, 'question')}"] if left_out else []
    chart: alt.HConcatChart = alt.hconcat(_bars(best), _heat_map(_pairs(sets, best)), spacing=12).properties(
        title=title(f"Questions of {counted(sets.height, 'set')}", *subtitle)
    )
    return chart


def _sets(result: pl.LazyFrame | pl.DataFrame) -> pl.DataFrame:
    if not isinstance(result, (pl.LazyFrame, pl.DataFrame)):
        msg = f"`result` must be a LazyFrame or a DataFrame, got {type(result).__name__}"
        raise TypeError(msg)
    schema = result.lazy().collect_schema()
    if "questions" not in schema:
        msg = f"`result` must have a column `questions` with the sets, got the columns {schema.names()}"
        raise ValueError(msg)
    if not isinstance(schema["questions"], pl.List):
        msg = f"`result` must have a List column `questions`, got one of dtype {schema['questions']}"
        raise TypeError(msg)
    sets = result.lazy().select("questions").collect(engine="streaming").drop_nulls()
    if sets.is_empty():
        msg = "`result` has no sets to count"
        raise ValueError(msg)
    return sets


def _frequencies(sets: pl.DataFrame) -> pl.DataFrame:
    """The questions with the number of their sets, most frequent first."""
    return (
        sets.lazy()
        .select(question=pl.col("questions").explode())
        .drop_nulls()
        .group_by("question", maintain_order=True)
        .agg(sets=pl.len())
        .sort("sets", descending=True, maintain_order=True)
        .collect()
    )


def _pairs(sets: pl.DataFrame, best: pl.DataFrame) -> pl.DataFrame:
    """Each two of the `best` questions with the number of the sets that have both."""
    row, column = best.select(question="question"), best.select(other="question")
    together = (
        sets.lazy()
        .select(question="questions", other="questions")
        .explode("question")
        .join(row.lazy(), on="question", how="semi")
        .explode("other")
        .group_by("question", "other")
        .agg(sets=pl.len())
        .collect(engine="streaming")
    )
    return (
        row.join(column, how="cross")
        .filter(pl.col("question") != pl.col("other"))
        .join(together, on=["question", "other"], how="left", maintain_order="left")
        .with_columns(pl.col("sets").fill_null(0))
    )


def _bars(best: pl.DataFrame) -> alt.Chart:
    data = best.with_columns(labels(best["question"]))
    order = data["question"].to_list()
    chart: alt.Chart = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            alt.X("sets:Q", title="sets with the question").axis(tickMinStep=1),
            alt.Y("question:N", title=None, sort=order).axis(labelLimit=LABEL),
            tooltip=["question:N", alt.Tooltip("sets:Q", format=",")],
        )
        .properties(width=_BARS, height=alt.Step(STEP))
    )
    return chart


def _heat_map(pairs: pl.DataFrame) -> alt.Chart:
    data = pairs.with_columns(labels(pairs["question"]), labels(pairs["other"]))
    order = data["question"].unique(maintain_order=True).to_list()
    chart: alt.Chart = (
        alt.Chart(data)
        .mark_rect()
        .encode(
            alt.X("other:N", title="together with", sort=order).axis(
                labelLimit=_UPRIGHT_LABEL, labelAngle=-90
            ),
            alt.Y("question:N", title=None, sort=order).axis(None),
            alt.Color("sets:Q", title="sets with both").scale(scheme="blues").legend(tickMinStep=1),
            tooltip=["question:N", "other:N", alt.Tooltip("sets:Q", format=",")],
        )
        .properties(width=alt.Step(STEP), height=alt.Step(STEP))
    )
    return chart
