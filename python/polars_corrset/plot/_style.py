"""What all charts share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import altair as alt
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 480
HEIGHT = 300

# Pixels of a title: a chart with its legend.
_TITLE = WIDTH + 120

# A row or column of a question, in pixels: its label can be read.
STEP = 16

# Pixels of a label or a legend's line; a longer one ends in an ellipsis, its tooltip has all.
LABEL = 220


def title(text: str, *subtitle: str) -> alt.TitleParams:
    """The title of a chart with the lines below it."""
    return alt.TitleParams(
        text, subtitle=list(subtitle), anchor="start", offset=8, limit=_TITLE, subtitleColor="#555555"
    )


def labels(questions: pl.Series) -> pl.Series:
    """Questions of any dtype as text, different ones as different text."""
    column = pl.col(questions.name)
    if questions.dtype == pl.Binary:
        text = column.bin.encode("hex")
    elif questions.dtype == pl.Duration:
        text = column.dt.to_string("iso")
    else:
        text = column.cast(pl.String)
    return questions.to_frame().select(text).to_series()


def round_step(span: float, most: int) -> float:
    """The smallest of …, 0.1, 0.2, 0.5, 1, 2, 5, 10, … of which at most `most` cover `span`."""
    if span <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(power * digit for digit in (1, 2, 5, 10, 20) if power * digit * most >= span)


def counted(number: int, noun: str) -> str:
    """The number with its noun: 1 set, 2,000 sets."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int) -> str:
    """The names, as far as they fit into `most` characters, and how many are left."""
    text = ", ".join(names)
    shown = len(names)
    while len(text) > most and shown > 1:
        shown -= 1
        text = f"{', '.join(names[:shown])} and {len(names) - shown} more"
    return text
