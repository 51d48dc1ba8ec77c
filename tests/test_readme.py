"""The README's programs run, and print what it says they print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import polars_corrset as pc
import pytest
from responses import sparse

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
TABLES = re.findall(r"```text\n(.*?)```", README, flags=re.DOTALL)


def program_with(part: str) -> str:
    """The only program in which this stands."""
    (program,) = (program for program in PROGRAMS if part in program)
    return program


def test_first_program_prints_the_table_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    exec(PROGRAMS[0], {})
    assert capsys.readouterr().out == TABLES[0]


def test_naive_program_gives_what_the_plugin_gives() -> None:
    rng = np.random.default_rng(3)
    answers = {
        user: {question: int(rng.integers(5)) for question in range(7) if rng.random() < 0.8}
        for user in range(40)
    }
    rows = [(u, q, score) for u, scores in answers.items() for q, score in scores.items()]
    responses = pl.DataFrame(rows, schema=["user", "question", "score"], orient="row")

    namespace: dict[str, Any] = {}
    exec(program_with("itertools.combinations"), namespace)
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
    result = eval(program_with('group_by("exam")'), {"frame": frame, "pc": pc})
    expected = pc.top_corrsets(frame.filter(pl.col("exam") == "A"), k=3)
    assert result.filter(pl.col("exam") == "A").drop("exam").equals(expected)


def test_constraints_program_finds_what_they_leave(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    exec(PROGRAMS[0], namespace)
    capsys.readouterr()
    exec(program_with("max_per_domain"), namespace)
    assert capsys.readouterr().out == TABLES[1]
    items = namespace["items"].collect()
    area = dict(zip(items["question"], items["area"], strict=True))
    minutes = dict(zip(items["question"], items["minutes"], strict=True))
    found = namespace["short_forms"]
    every = pc.top_corrsets(namespace["responses"], k=3, top=100).collect()
    kept = [
        "sum" in chosen
        and "log" not in chosen
        and max([area[question] for question in chosen].count(one) for one in area.values()) <= 2
        and sum(minutes[question] for question in chosen) <= 8
        for chosen in every["questions"]
    ]
    assert 0 < found.height < every.height
    assert found.equals(every.filter(kept))


def test_lines_with_other_criteria_give_sets() -> None:
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({"user": np.repeat(np.arange(50), 6), "question": list(range(6)) * 50})
    frame = frame.with_columns(score=pl.Series(rng.integers(0, 4, 300)), grade=pl.col("user") % 7)
    for line in program_with('rank_by="alpha"').splitlines():
        assert eval(line, {"frame": frame, "pc": pc}).height == 10, line


def test_plan_program_prints_what_its_comments_say(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {}
    exec(PROGRAMS[0], namespace)
    capsys.readouterr()
    program = program_with("plan_corrsets")
    exec(program, namespace)
    comments = re.findall(r"^# (.*\n)", program, flags=re.MULTILINE)
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
    exec(program_with("sink_parquet"), {"frame": frame, "path": path, "pc": pc, "pl": pl})
    every = pc.top_corrsets(frame, k=4, top=None)
    wanted = every.filter(pl.col("r") >= 0.9).select("questions", "r")
    assert 0 < wanted.height < every.height
    assert pl.read_parquet(path).equals(wanted)


def test_responses_with_a_column_per_question_become_long() -> None:
    wide = pl.DataFrame({"user": [1, 2, 3], "x": [0, 1, 1], "y": [2, None, 3]})
    (expression,) = re.findall(r"`(wide\..*?)`", README)
    long = eval(expression, {"wide": wide})
    assert pc.top_corrsets(long, k=1, top=None).select("questions", "n_users").rows() == [
        (["x"], 3),
        (["y"], 2),
    ]


def test_pictures_program_saves_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame = sparse(60, 12, 1, seed=5).lazy()
    exec(program_with("pc.plot"), {"frame": frame, "pc": pc})
    pictures = {"questions.svg", "scatter.png", "distribution.html", "elbow.svg"}
    assert {path.name for path in tmp_path.iterdir()} == pictures


def test_noise_program_prints_the_table_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    exec(program_with("validate_corrsets"), {"pc": pc, "pl": pl})
    assert capsys.readouterr().out == TABLES[2]
    assert len(TABLES) == 3


def test_given_sets_program_evaluates_last_years_sets_on_this_years_users() -> None:
    rng = np.random.default_rng(7)
    users = np.repeat(np.arange(500), 8)
    scores = rng.random(4000) < 0.3 + 0.4 * (users % 5 / 5)
    responses = pl.DataFrame({"user": users, "question": list(range(8)) * 500, "score": scores})
    years = {"last_year": responses.filter(users < 250), "this_year": responses.filter(users >= 250)}
    namespace = {**years, "pc": pc}
    exec(program_with("last_year"), namespace)
    again = namespace["again"]
    assert again["questions"].equals(namespace["best"]["questions"])
    now = pc.top_corrsets(years["this_year"], k=5, top=None)
    joined = again.join(now, on="questions", how="left", maintain_order="left", suffix="_searched")
    assert joined["r_now"].to_list() == joined["r_searched"].to_list()
    assert joined.select((pl.col("r_low_now") < pl.col("r_now")) & (pl.col("r_now") < pl.col("r_high_now")))[
        "r_low_now"
    ].all()
