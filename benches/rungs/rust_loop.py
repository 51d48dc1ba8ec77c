"""Rung 18: builds and runs `benches/straightforward.rs`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rungs.inputs import Inputs

ROOT = Path(__file__).parents[2]


def build() -> Path:
    """The program. The features and the folder are those of the core's own tests."""
    command = "cargo build --release --no-default-features --target-dir target --bench straightforward"
    messages = subprocess.run(
        [*command.split(), "--message-format=json"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    artifacts = (json.loads(line) for line in messages.splitlines())
    return next(
        Path(artifact["executable"])
        for artifact in artifacts
        if artifact["reason"] == "compiler-artifact" and artifact["target"]["name"] == "straightforward"
    )


def write(path: Path, inputs: Inputs, sets: NDArray[np.int64]) -> None:
    """The format is described where it is read."""
    questions, words = inputs.bits.shape
    header = [questions, inputs.totals.size, words, len(sets)]
    with path.open("wb") as file:
        for numbers, dtype in (
            (header, "<u8"),
            (inputs.bits, "<u8"),
            (inputs.scores, "<i1"),
            (inputs.totals, "<i8"),
            (sets, "<u2"),
        ):
            np.asarray(numbers).astype(dtype).tofile(file)


def runner(
    program: Path, threads: str, inputs: Inputs, folder: Path
) -> Callable[[NDArray[np.int64]], tuple[NDArray[np.float64], float]]:
    """Gives r of the sets and the seconds that the program says its loop took."""

    def run(sets: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
        data, found = folder / "straightforward.data", folder / "straightforward.r"
        write(data, inputs, sets)
        command = [program, threads, data, found]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        nanoseconds = float(answer.removesuffix(" ns per set\n"))
        return np.fromfile(found, "<f8"), nanoseconds * len(sets) / 1e9

    return run
