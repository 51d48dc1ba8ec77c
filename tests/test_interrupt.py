"""Ctrl-C ends a search at once, with `KeyboardInterrupt`, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="os.kill sends no SIGINT there")

# Each would take minutes or hours. It is interrupted when its matrix has been read and the search runs.
PROGRAM = """
import os
import signal
import sys
import threading
import time
import warnings

import polars as pl
import polars_corrset as pc

query, engine, how = sys.argv[1:]
users = pl.DataFrame({"user": range(2_000)})
complete = users.join(pl.DataFrame({"question": range(150)}), how="cross").with_columns(
    score=pl.int_range(pl.len()).hash(seed=1) % 2, exam=pl.lit("A")
).lazy()
responses = complete.filter(pl.int_range(pl.len()).hash(seed=2) % 10 > 0)
queries = {
    "complete": lambda: pc.top_corrsets(complete, k=20),
    "top_corrsets": lambda: pc.top_corrsets(responses, k=8),
    "select": lambda: responses.select(pc.corrset(k=8)),
    "group_by": lambda: responses.group_by("exam").agg(pc.corrset(k=8)),
    "scan": lambda: pc.scan_corrsets(responses, k=8).filter(pl.col("r") > 0.999),
    "validate": lambda: pc.validate_corrsets(responses, k=8),
    "evaluate": lambda: pc.evaluate_corrsets(
        responses.with_columns(pl.col("score") / 3), pl.LazyFrame({"questions": [list(range(8))] * 1_000_000})
    ),
}
# Seconds: to the end of any of them would be minutes or hours, and to here are a few on the busiest machine.
LONG = 10
calls = []
if how == "own handler":
    signal.signal(signal.SIGINT, lambda *_: calls.append(time.monotonic()))
if how == "replaced":
    # What IPython does before each cell: any handler below Python's is lost.
    pc.top_corrsets(responses, k=1).collect()
    signal.signal(signal.SIGINT, signal.default_int_handler)
before = signal.getsignal(signal.SIGINT)
sent = []


def interrupt():
    time.sleep(2)
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)


def run():
    try:
        try:
            queries[query]().collect(engine=engine)
        except pl.exceptions.ComputeError as error:
            return f"ComputeError: {error}"
        except KeyboardInterrupt:
            # Where Polars raises it, Python's handler does so once more.
            for _ in range(100):
                time.sleep(0.001)
            raise
        return "a result"
    except KeyboardInterrupt:
        return "KeyboardInterrupt"


for _ in range(2):
    killer = threading.Thread(target=interrupt)
    killer.start()
    if how == "other thread":
        outcome = []
        searcher = threading.Thread(target=lambda: outcome.append(run()))
        searcher.start()
        try:
            searcher.join()
        except KeyboardInterrupt:
            searcher.join()
        outcome = outcome[0]
    else:
        outcome = run()
    seconds = time.monotonic() - sent[-1]
    killer.join()
    print(outcome.splitlines()[0], "after" if seconds < LONG else f"long after ({seconds} s)")
assert signal.getsignal(signal.SIGINT) is before
assert len(calls) == (2 if how == "own handler" else 0)
assert pc.top_corrsets(responses, k=2, top=3).collect(engine=engine).height == 3
print("intact")
"""


def interrupted(*arguments: str) -> list[str]:
    """What the program prints: the outcome of two searches, and whether all is as before."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()


def assert_keyboard_interrupts(query: str, engine: str) -> None:
    """Both searches end with it, and leave nothing behind."""
    *outcomes, last = interrupted(query, engine, "as it is")
    assert last == "intact"
    # Polars 1's in-memory engine wraps what an IO source raises.
    wrapped = "ComputeError: caught exception during execution of a Python source, exception: "
    for outcome in outcomes:
        is_source = query in {"scan", "evaluate"}
        found = outcome.removeprefix(wrapped).replace(": ", "") if is_source else outcome
        assert found.split() == ["KeyboardInterrupt", "after"]


@pytest.mark.parametrize("query", ["complete", "top_corrsets", "select", "group_by", "scan"])
def test_ctrl_c(engine: str, query: str) -> None:
    assert_keyboard_interrupts(query, engine)


@pytest.mark.parametrize("query", ["validate", "evaluate"])
def test_ctrl_c_of_what_is_built_on_searches(query: str) -> None:
    assert_keyboard_interrupts(query, "in-memory")


def test_after_python_s_handler_was_set_anew(engine: str) -> None:
    assert interrupted("top_corrsets", engine, "replaced") == ["KeyboardInterrupt after"] * 2 + ["intact"]


def test_a_handler_that_raises_nothing_is_called_and_the_query_fails(engine: str) -> None:
    """Else the search would have a result that it has not."""
    *outcomes, last = interrupted("select", engine, "own handler")
    assert last == "intact"
    for outcome in outcomes:
        assert outcome.endswith(" after")
        assert outcome.startswith(("ComputeError: ", "KeyboardInterrupt")), outcome


def test_a_query_of_another_thread_fails(engine: str) -> None:
    *outcomes, last = interrupted("select", engine, "other thread")
    assert last == "intact"
    for outcome in outcomes:
        assert outcome.endswith(" after")
        assert outcome.startswith(("ComputeError: ", "KeyboardInterrupt")), outcome
