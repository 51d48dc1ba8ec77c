from typing import Any

import polars as pl

__version__: str

def evaluate_sets(
    inputs: list[tuple[str, pl.Series]], sets: pl.Series, options: dict[str, Any]
) -> pl.DataFrame: ...

class Scan:
    def __new__(cls, inputs: list[tuple[str, pl.Series]], options: dict[str, Any]) -> Scan: ...
    @property
    def sets(self) -> int: ...
    @property
    def done(self) -> float: ...
    def next(self) -> pl.DataFrame | None: ...
