"""Every dtype in every position: an answer or an error, never a panic, never an abort of the interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dtype_cases import FLOATS, INTEGERS, POSITIONS, columns, plain
from oracle import CorrSet, corrsets
from responses import assert_set

CASES = columns()

NUMERIC = {"Boolean", "Decimal", "Decimal wide", "Null", "Extension of Int64", *INTEGERS, *FLOATS}
NESTED = {
    "List",
    "List of Enum",
    "Array",
    "Struct",
    "Struct of List",
    "Struct without fields",
    "Map",
    "Extension of List",
}
ANSWERED = {
    "user": CASES.keys() - NESTED - {"Object"},
    "question": CASES.keys() - NESTED - {"Object"},
    "score": CASES.keys() & NUMERIC,
    "criterion": CASES.keys() & NUMERIC,
}


@cache
def outcomes(position: str, engine: str) -> tuple[dict[str, dict[str, Any]], str]:
    """What became of each case in a process of its own, and how that process ended."""
    script = Path(__file__).with_name("dtype_cases.py")
    command = [sys.executable, str(script), position, engine]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    return {line["case"]: line for line in lines}, f"exit code {run.returncode}: {run.stderr[-2000:]}"


@pytest.mark.parametrize("position", POSITIONS)
def test_interpreter_survives(position: str, engine: str) -> None:
    found, end = outcomes(position, engine)
    assert list(found) == list(CASES), f"the case after the last of {list(found)} ended the process, {end}"
    assert end.startswith("exit code 0:"), end


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("position", POSITIONS)
def test_dtype(case: str, position: str, engine: str) -> None:
    found, end = outcomes(position, engine)
    assert case in found, end
    outcome = found[case]
    if case in ANSWERED[position]:
        assert "error" not in outcome, outcome
        assert outcome["dtype kept"], outcome
        assert outcome["rows of an empty frame"] == 0, outcome
        values = CASES[case]().to_list()
        criterion = dict(enumerate(values)) if position == "criterion" else None
        wanted = corrsets(plain(position, values), k=1, top=None, duplicates="max", criterion=criterion)
        assert len(outcome["rows"]) == len(wanted), outcome
        for (question, *statistics), one in zip(outcome["rows"], wanted, strict=True):
            assert question == repr(list(one.questions)), outcome
            assert_set(CorrSet(one.questions, *statistics), one, f"{case} as {position}")
    else:
        assert outcome.get("error") == "ComputeError", outcome
        assert f"`{position}` (column " in outcome["message"], outcome
        assert "cannot be of dtype" in outcome["message"], outcome
        assert "panic" not in outcome["message"].lower(), outcome


def test_no_dtype_is_forgotten() -> None:
    """A dtype that a later Polars adds has to be tried, too."""
    abstract = {pl.DataType, getattr(pl, "BaseExtension", None)}
    # The dtypes of expressions whose dtype is not known yet.
    tried = {type(CASES[case]().dtype) for case in CASES} | {pl.Unknown}
    exported = {one for one in vars(pl).values() if isinstance(one, type) and issubclass(one, pl.DataType)}
    assert exported - abstract - tried == set()
