"""The README's programs run, and print what it says they print."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import polars as pl
import polars_corrset as pc
import pytest

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_first_program_prints_the_table_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    exec(PROGRAMS[0], {})
    (table,) = re.findall(r"```text\n(.*?)```", README, flags=re.DOTALL)
    assert capsys.readouterr().out == table


def test_naive_program_gives_what_the_plugin_gives() -> None:
    rng = np.random.default_rng(3)
    answers = {
        user: {question: int(rng.integers(5)) for question in range(7) if rng.random() < 0.8}
        for user in range(40)
    }
    rows = [(u, q, score) for u, scores in answers.items() for q, score in scores.items()]
    responses = pl.DataFrame(rows, schema=["user", "question", "score"], orient="row")

    namespace = {"itertools": itertools, "np": np}
    exec(PROGRAMS[1], namespace)
    naive = list(namespace["corrsets"](answers, k=3, min_users=5))
    ours = pc.top_corrsets(responses, k=3, top=None, min_users=5).rows()

    assert [(tuple(questions), n_users) for questions, _, _, n_users in ours] == [
        (questions, n_users) for questions, _, _, n_users in naive
    ]
    np.testing.assert_allclose([row[1:3] for row in ours], [row[1:3] for row in naive], atol=1e-12)


def test_group_by_program_gives_one_list_of_sets_per_exam() -> None:
    frame = pl.DataFrame(
        {
            "exam": ["A"] * 12 + ["B"] * 12,
            "user": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4] * 2,
            "question": ["x", "y", "z"] * 8,
            "score": [1, 0, 3, 2, 2, 1, 3, 1, 4, 4, 3, 2, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1],
        }
    )
    result = eval(PROGRAMS[2], {"frame": frame, "pc": pc})
    expected = pc.top_corrsets(frame.filter(pl.col("exam") == "A"), k=3)
    assert result.filter(pl.col("exam") == "A").drop("exam").equals(expected)


def test_plan_program_prints_what_its_comments_say(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {}
    exec(PROGRAMS[0], namespace)
    capsys.readouterr()
    exec(PROGRAMS[4], namespace)
    comments = re.findall(r"^# (.*\n)", PROGRAMS[4], flags=re.MULTILINE)
    assert capsys.readouterr().out == "".join(comments)


def test_stream_program_writes_the_sets_above_the_bar(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "user": np.repeat(np.arange(90), 8),
            "question": list(range(8)) * 90,
            "score": np.repeat(np.arange(90), 8) % 5 + rng.integers(0, 8, 720),
        }
    )
    path = tmp_path / "sets.parquet"
    exec(PROGRAMS[3], {"frame": frame, "path": path, "pc": pc, "pl": pl})
    every = pc.top_corrsets(frame, k=4, top=None)
    wanted = every.filter(pl.col("r") >= 0.9).select("questions", "r")
    assert 0 < wanted.height < every.height
    assert pl.read_parquet(path).equals(wanted)
