"""Memory beside the frame on the reference benchmark, by kind of scores. Linux only: /proc tells the peak.

`python benches/memory.py [in-memory | streaming]`; `POLARS_MAX_THREADS` is obeyed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
import polars_corrset as pc

sys.path.append(str(Path(__file__).parent.parent / "examples"))
from reference_data import QUESTIONS, USERS, reference_responses

# As in reference.py.
MIN_USERS = 10
K = 3

RIGHT = pl.col("score")
GRADE = pl.int_range(pl.len()) % 5

SCORES = {
    "0/1, Boolean": RIGHT.cast(pl.Boolean),
    "0/1, Int8": RIGHT,
    "0/1, Int64": RIGHT.cast(pl.Int64),
    "0/1, Float64": RIGHT.cast(pl.Float64),
    # Rows with a null are left out in a copy of the columns.
    "0/1, nulls": pl.when(pl.int_range(pl.len()) % 100 > 0).then(RIGHT),
    # Summed in 128 bits.
    "0/1, Decimal": RIGHT.cast(pl.Decimal(10, 2)),
    "small integers": RIGHT.cast(pl.Int64) + GRADE,
    "wide integers": RIGHT.cast(pl.Int64) * 3_000_000_000 + GRADE,
    "floats": RIGHT.cast(pl.Float64) + GRADE * 0.1,
}


def kibibytes(key: str) -> int:
    """What the kernel says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def above_frame(source: str, k: int, engine: str) -> float:
    """MiB at the peak beyond those of the frame. In a process where nothing else has left memory free."""
    # From bytes: the pages of a mapped file would count from when the query first looks at them.
    responses = pl.read_ipc(Path(source).read_bytes())
    # Threads and code that any query needs are there before.
    pc.top_corrsets(responses.head(1000).lazy(), k=2).collect(engine=engine)
    Path("/proc/self/clear_refs").write_text("5")
    before = kibibytes("VmRSS")
    pc.top_corrsets(responses.lazy(), k=k, min_users=MIN_USERS).collect(engine=engine)
    return (kibibytes("VmHWM") - before) / 1024


def main() -> None:
    engine = sys.argv[1] if len(sys.argv) > 1 else "in-memory"
    responses = reference_responses()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "responses.arrow"
        for name, scores in SCORES.items():
            responses.with_columns(scores.alias("score")).write_ipc(source)
            # No set of more questions than there are: everything but the search.
            for part, k in {"reading": QUESTIONS + 1, f"k = {K}": K}.items():
                command = [sys.executable, __file__, str(source), str(k), engine]
                run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                mebibytes = float(run.stdout)
                per_cell = mebibytes * 2**20 / (USERS * QUESTIONS)
                print(f"{name:14} {part:8} {mebibytes:5.1f} MiB, {per_cell:.1f} bytes per cell", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(above_frame(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
    else:
        main()
