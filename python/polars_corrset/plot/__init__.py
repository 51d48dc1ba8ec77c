"""Charts of question sets, by Altair: the extra `plot`.

Each function gives an Altair chart, to be shown in a notebook, layered with others, or saved:

>>> import polars as pl
>>> import polars_corrset as pc
>>> responses = pl.LazyFrame(
...     {
...         "user": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4],
...         "question": ["x", "y", "z"] * 4,
...         "score": [1, 0, 3, 2, 2, 1, 3, 1, 4, 4, 3, 2],
...     }
... )
>>> chart = pc.plot.scatter(responses, ["x", "z"])
>>> chart.save("x and z.png")  # doctest: +SKIP

PNG, SVG and PDF need vl-convert-python, which the extra brings along; HTML and JSON do not.
"""

try:
    import altair as alt  # noqa: F401, to say at once what is missing
except ModuleNotFoundError as error:
    # Another module that Altair misses is another story.
    if error.name != "altair":
        raise
    _MISSING = "charts need Altair: pip install 'polars-corrset[plot]'"
    raise ModuleNotFoundError(_MISSING, name="altair") from error

from polars_corrset.plot._distribution import distribution
from polars_corrset.plot._elbow import elbow
from polars_corrset.plot._questions import questions
from polars_corrset.plot._scatter import scatter

__all__ = ["distribution", "elbow", "questions", "scatter"]
