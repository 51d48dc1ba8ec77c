"""The bar: sets done of all sets, where somebody sees it."""

from __future__ import annotations

import sys

import polars as pl
import polars_corrset as pc
import pytest
from polars_corrset._progress import Bar
from responses import sparse

RESPONSES = sparse(40, 12, 0.8, seed=1)
SETS = "495/495"  # C(12, 4)


def collect(function: str, **options: object) -> None:
    query = getattr(pc, function)(RESPONSES.lazy(), k=4, **options)
    assert query.collect().height > 0


@pytest.mark.parametrize("function", ["top_corrsets", "scan_corrsets"])
def test_always(function: str, capfd: pytest.CaptureFixture[str]) -> None:
    collect(function, progress="always")
    assert SETS in capfd.readouterr().err


@pytest.mark.parametrize("function", ["top_corrsets", "scan_corrsets"])
@pytest.mark.parametrize("progress", [True, False])
def test_silent_without_a_terminal(function: str, progress: bool, capfd: pytest.CaptureFixture[str]) -> None:
    collect(function, progress=progress)
    assert capfd.readouterr().err == ""


def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    collect("top_corrsets", progress=True)
    assert SETS in capsys.readouterr().err


def test_sets_of_a_shard(capfd: pytest.CaptureFixture[str]) -> None:
    collect("top_corrsets", progress="always", shard=(1, 3))
    assert "165/165" in capfd.readouterr().err


def test_in_a_group_by(capfd: pytest.CaptureFixture[str]) -> None:
    """A bar for each group."""
    frame = pl.concat([RESPONSES.with_columns(exam=pl.lit(exam)) for exam in "AB"])
    frame.group_by("exam").agg(pc.corrset(k=4, progress="always"))
    assert capfd.readouterr().err.count(SETS) == 2


def test_of_each_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bar begins where nothing is done."""
    shown: list[list[float]] = []

    class Seen(Bar):
        def __init__(self, sets: int | None, always: bool) -> None:
            super().__init__(sets, always)
            shown.append([])

        def show(self, done: float) -> None:
            shown[-1].append(done)
            super().show(done)

    monkeypatch.setattr("polars_corrset._progress.Bar", Seen)
    # Long enough for the bar to be shown while it runs.
    pc.validate_corrsets(sparse(600, 50, 0.9, seed=2), k=6, folds=2, progress="always")
    assert len(shown) == 2
    for bar in shown:
        assert bar == sorted(bar)
        assert bar[0] < 0.9
        assert bar[-1] == pytest.approx(1)


def test_without_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    collect("scan_corrsets", progress=True)
    collect("top_corrsets", progress=True)


def test_needs_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polars_corrset._progress.find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"polars-corrset\[progress\]"):
        pc.corrset(k=2, progress=True)


@pytest.mark.parametrize("progress", [None, 1, "yes"])
def test_arguments(progress: object) -> None:
    with pytest.raises(ValueError, match="`progress` must be True, False or 'always'"):
        pc.corrset(k=2, progress=progress)
