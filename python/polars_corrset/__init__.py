"""Find the sets of k questions whose total best predicts the grand total, inside Polars.

>>> import polars as pl
>>> import polars_corrset as pc
>>> responses = pl.LazyFrame(
...     {
...         "user": ["ann", "ann", "ann", "bob", "bob", "bob", "cleo", "cleo", "cleo"],
...         "question": ["q1", "q2", "q3"] * 3,
...         "score": [1, 1, 1, 1, 0, 0, 0, 1, 0],
...     }
... )
>>> pc.top_corrsets(responses, k=2, top=1).collect()
shape: (1, 4)
┌──────────────┬─────┬────────┬─────────┐
│ questions    ┆ r   ┆ r_rest ┆ n_users │
│ ---          ┆ --- ┆ ---    ┆ ---     │
│ list[str]    ┆ f64 ┆ f64    ┆ u32     │
╞══════════════╪═════╪════════╪═════════╡
│ ["q1", "q2"] ┆ 1.0 ┆ 1.0    ┆ 3       │
└──────────────┴─────┴────────┴─────────┘
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from polars_corrset._evaluate import evaluate_corrsets
from polars_corrset._expressions import corrset, top_corrsets
from polars_corrset._internal import __version__
from polars_corrset._plan import Plan, plan_corrsets
from polars_corrset._scan import scan_corrsets
from polars_corrset._validate import validate_corrsets

if TYPE_CHECKING:
    from types import ModuleType

    from polars_corrset import plot as plot

__all__ = [
    "Plan",
    "__version__",
    "corrset",
    "evaluate_corrsets",
    "plan_corrsets",
    "scan_corrsets",
    "top_corrsets",
    "validate_corrsets",
]


def __getattr__(name: str) -> ModuleType:
    """The charts when they are first asked for: they load Altair, which takes longer than all else."""
    if name == "plot":
        return importlib.import_module("polars_corrset.plot")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
