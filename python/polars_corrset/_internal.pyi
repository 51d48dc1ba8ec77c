from typing import Any

import polars as pl

__version__: str

class Scan:
    def __new__(
        cls, user: pl.Series, question: pl.Series, score: pl.Series, options: dict[str, Any]
    ) -> Scan: ...
    @property
    def sets(self) -> int: ...
    @property
    def done(self) -> float: ...
    def next(self, columns: list[str]) -> pl.DataFrame | None: ...

def plan(
    user: pl.Series, question: pl.Series, score: pl.Series, options: dict[str, Any]
) -> dict[str, Any]: ...
