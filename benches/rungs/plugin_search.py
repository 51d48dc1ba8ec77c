"""The last rungs: this package through its Python API, in processes of their own.

Polars fixes its threads when it is imported, and the instruction set is read from the environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import polars_corrset as pc

MIN_USERS = 10
"""Enough common users that the best sets are not decided by a handful of them."""

LACKING = "which this CPU does not have"


@dataclass(frozen=True)
class Search:
    """A search through responses in a file, for the best sets in a file."""

    responses: Path
    k: int
    best: Path

    def run(self) -> float:
        """The seconds of the query. Reading and writing the files is not timed."""
        frame = pl.read_parquet(self.responses)
        query = pc.top_corrsets(frame.lazy(), k=self.k, min_users=MIN_USERS)
        start = time.perf_counter()
        best = query.collect()
        seconds = time.perf_counter() - start
        best.write_parquet(self.best)
        return seconds

    def in_a_process(self, threads: int, instructions: str | None) -> float | None:
        """The same with these threads and instructions; none if the CPU lacks the latter."""
        environment = {**os.environ, "POLARS_MAX_THREADS": str(threads)}
        environment.pop("POLARS_CORRSET_ISA", None)
        if instructions:
            environment["POLARS_CORRSET_ISA"] = instructions
        command = [sys.executable, __file__, str(self.responses), str(self.k), str(self.best)]
        process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if process.returncode == 0:
            return float(process.stdout)
        if LACKING in process.stderr:
            return None
        raise RuntimeError(process.stderr)


if __name__ == "__main__":
    responses, k, best = sys.argv[1:]
    print(Search(Path(responses), int(k), Path(best)).run())
