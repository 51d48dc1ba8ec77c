"""Every script in the folder of examples runs and has something to say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# The reference data is what other examples import, and has nothing to say itself.
FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(script for script in FOLDER.glob("*.py") if script.stem != "reference_data")


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_example(script: Path, tmp_path: Path) -> None:
    # In a folder of its own, so that a file that an example writes stays out of the repository.
    command = [sys.executable, str(script)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{script.name}: {run.stderr}"
    assert run.stdout.strip(), f"{script.name} printed nothing"
