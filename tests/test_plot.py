"""The charts: their numbers are those of the oracle, and they can be seen, layered and saved."""

from __future__ import annotations

import datetime as dt
import math
import statistics
import struct
import subprocess
import sys
import zlib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import altair as alt
import oracle
import polars as pl
import polars_corrset as pc
import pytest
from responses import expected, sparse

RESPONSES = sparse(80, 9, 0.8, seed=1, scores=(0, 1, 2))
BEST = pc.top_corrsets(RESPONSES, k=3, top=20)
CHOSEN = ("q5", "q1", "q7")

# Sets with fewer common users are left out where it says so.
LEAST = 30
EVERY = expected(RESPONSES, k=3, top=None, min_users=LEAST)


def totals(
    frame: pl.DataFrame, chosen: tuple[Any, ...], duplicates: str = "error"
) -> tuple[list[int], list[int]]:
    """Set totals and grand totals of the common users, one by one."""
    answers, _ = oracle.table(frame.select("user", "question", "score").rows(), duplicates)
    common = [scores for scores in answers.values() if all(question in scores for question in chosen)]
    return (
        [sum(scores[question] for question in chosen) for scores in common],
        [sum(scores.values()) for scores in common],
    )


def title(chart: alt.TopLevelMixin) -> str:
    return chart.to_dict()["title"]["text"]


def subtitle(chart: alt.TopLevelMixin) -> str:
    return " ".join(chart.to_dict()["title"]["subtitle"])


def marks(spec: Any) -> set[str]:
    """All marks of a chart's specification."""
    if isinstance(spec, list):
        return set().union(*map(marks, spec))
    if not isinstance(spec, dict):
        return set()
    own = {spec["mark"]["type"]} if isinstance(spec.get("mark"), dict) else set()
    return own.union(*map(marks, spec.values()))


def axes(spec: Any) -> set[str]:
    """All titles of axes and legends."""
    if isinstance(spec, list):
        return set().union(*map(axes, spec))
    if not isinstance(spec, dict):
        return set()
    own = {spec["title"]} if isinstance(spec.get("title"), str) else set()
    return own.union(*map(axes, spec.values()))


# --- questions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [BEST, BEST.lazy(), BEST.select("questions")], ids=["all", "lazy", "one"])
def test_questions_counts_the_sets(result: pl.LazyFrame | pl.DataFrame) -> None:
    chart = pc.plot.questions(result)
    sets = [set(one) for one in BEST["questions"].to_list()]
    counts = Counter(question for one in BEST["questions"].to_list() for question in one)

    bars, pairs = chart.hconcat
    assert bars.data.rows() == counts.most_common()  # which keeps the order of first appearance
    order = bars.data["question"].to_list()
    assert pairs.data.rows() == [
        (one, other, sum({one, other} <= chosen for chosen in sets))
        for one in order
        for other in order
        if one != other
    ]
    assert title(chart) == "Questions of 20 sets"
    assert "subtitle" not in chart.to_dict()["title"] or not subtitle(chart)
    assert marks(chart.to_dict()) == {"bar", "rect"}
    assert {"sets with the question", "together with", "sets with both"} <= axes(chart.to_dict())


def test_questions_shows_the_most_frequent_and_says_so() -> None:
    chart = pc.plot.questions(BEST, top=4)
    every = pc.plot.questions(BEST)
    bars, pairs = chart.hconcat
    assert bars.data.equals(every.hconcat[0].data.head(4))
    assert pairs.data.height == 4 * 3
    assert subtitle(chart) == f"the 4 most frequent of {every.hconcat[0].data.height} questions"


def test_questions_of_sets_of_one(tmp_path: Path) -> None:
    bars, pairs = pc.plot.questions(pl.DataFrame({"questions": [["x"]]})).hconcat
    assert bars.data.rows() == [("x", 1)]
    assert pairs.data.is_empty()
    (bars | pairs).save(tmp_path / "one.png")


LABELS = [
    (pl.Int64, [7, -3], ["7", "-3"]),
    (pl.Float64, [0.5, 2.0], ["0.5", "2.0"]),
    (pl.Boolean, [True, False], ["true", "false"]),
    (pl.Decimal(10, 2), [Decimal("1.50"), Decimal(2)], ["1.50", "2.00"]),
    (pl.Date, [dt.date(2024, 5, 1), dt.date(2024, 5, 2)], ["2024-05-01", "2024-05-02"]),
    (pl.Time, [dt.time(9), dt.time(10, 30)], ["09:00:00", "10:30:00"]),
    (pl.Duration("us"), [dt.timedelta(hours=1), dt.timedelta(days=2)], ["PT1H", "P2D"]),
    (pl.Binary, [b"\xff\x00", b"a"], ["ff00", "61"]),
    (pl.Enum(["b", "a"]), ["b", "a"], ["b", "a"]),
    (pl.Categorical, ["b", "a"], ["b", "a"]),
    (pl.String, ["$x.y[0]", "x" * 300], ["$x.y[0]", "x" * 300]),
]


@pytest.mark.parametrize(("dtype", "values", "labels"), LABELS, ids=lambda value: str(value)[:20])
def test_questions_of_any_dtype_are_labelled(
    dtype: pl.DataType, values: list[Any], labels: list[str]
) -> None:
    responses = pl.DataFrame(
        {
            "user": [1, 1, 2, 2, 3, 3],
            "question": pl.Series(values * 3, dtype=dtype),
            "score": [0, 1, 1, 1, 2, 3],
        }
    )
    result = pc.top_corrsets(responses, k=2)
    bars, pairs = pc.plot.questions(result).hconcat
    assert bars.data["question"].to_list() == labels
    assert pairs.data["other"].to_list() == labels[::-1]

    for chosen in (values, result["questions"][0]):
        chart = pc.plot.scatter(responses, chosen)
        assert title(chart).endswith("3 users")
        assert labels[0] in subtitle(chart)
        assert sorted(chart.data.rows()) == [(1, 1, 1), (2, 2, 1), (5, 5, 1)]


@pytest.mark.parametrize(
    ("result", "error", "rule"),
    [
        (BEST["questions"], TypeError, "`result` must be a Polars LazyFrame or DataFrame, got Series"),
        (
            BEST.drop("questions"),
            ValueError,
            "`result` must have a column `questions`.*'r', 'r_rest', 'n_users'",
        ),
        (RESPONSES.rename({"question": "questions"}), TypeError, "List column `questions`.*String"),
        (BEST.clear(), ValueError, "`result` has no sets"),
        (BEST.with_columns(questions=pl.lit(None, pl.List(pl.String))), ValueError, "`result` has no sets"),
    ],
    ids=["series", "column", "dtype", "empty", "null"],
)
def test_questions_refuses(result: Any, error: type[Exception], rule: str) -> None:
    with pytest.raises(error, match=rule):
        pc.plot.questions(result)


# --- scatter ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [RESPONSES, RESPONSES.lazy()], ids=["eager", "lazy"])
def test_scatter_counts_the_users(frame: pl.LazyFrame | pl.DataFrame) -> None:
    chart = pc.plot.scatter(frame, CHOSEN)
    xs, ts = totals(RESPONSES, CHOSEN)
    assert {row[:2]: row[2] for row in chart.data.rows()} == Counter(zip(xs, ts, strict=True))
    wanted = oracle.corrset(CHOSEN, xs, ts)
    assert title(chart) == f"r = {wanted.r:.3f}, r_rest = {wanted.r_rest:.3f}, {wanted.n_users} users"
    assert subtitle(chart) == "of the questions q5, q1, q7"
    assert marks(chart.to_dict()) == {"circle"}
    assert {"set total", "grand total", "users"} <= axes(chart.to_dict())


@pytest.mark.parametrize("score", [pl.col("score"), pl.col("score") / 7], ids=["whole", "fractions"])
def test_scatter_of_many_users_counts_them_in_a_grid(score: pl.Expr) -> None:
    responses = sparse(900, 40, 0.9, seed=2, scores=(0, 1, 2, 3, 4, 5)).with_columns(score)
    chosen = tuple(f"q{one}" for one in range(5))
    chart = pc.plot.scatter(responses, chosen)
    assert marks(chart.to_dict()) == {"rect"}

    cells = chart.data
    assert len(cells) < 5000  # more rows than Altair takes
    rows = responses.select("user", "question", "score").rows()
    answers: dict[str, dict[str, float]] = {}
    for user, question, value in rows:
        answers.setdefault(user, {})[question] = value
    points = [
        (sum(scores[question] for question in chosen), sum(scores.values()))
        for scores in answers.values()
        if all(question in scores for question in chosen)
    ]
    assert cells["users"].sum() == len(points)
    # Sums of fractions are rounded, the more so in another order.
    room = 1e-9
    for x, x_to, t, t_to, users in cells.rows():
        inner = sum(x + room < a < x_to - room and t + room < b < t_to - room for a, b in points)
        outer = sum(x - room < a < x_to + room and t - room < b < t_to + room for a, b in points)
        assert inner <= users <= outer
    for low, high in (("set_total", "set_total_to"), ("grand_total", "grand_total_to")):
        widths = cells[high] - cells[low]
        assert widths.max() - widths.min() < room


@pytest.mark.parametrize("policy", ["first", "last", "sum", "mean", "min", "max"])
def test_scatter_makes_one_of_several_responses(policy: str) -> None:
    twice = pl.concat([RESPONSES, RESPONSES.with_columns((pl.col("score") * 5 + 2) % 7)])
    chart = pc.plot.scatter(twice, CHOSEN, duplicates=policy)
    xs, ts = totals(twice, CHOSEN, policy)
    unit = 2 if policy == "mean" else 1
    found = {(x * unit, t * unit): users for x, t, users in chart.data.rows()}
    assert found == Counter(zip(xs, ts, strict=True))
    assert title(chart).startswith(f"r = {oracle.correlation(xs, ts):.3f},")


def test_scatter_takes_expressions_and_leaves_out_nulls() -> None:
    renamed = pl.concat(
        [RESPONSES, pl.DataFrame({"user": ["u0"], "question": ["q99"], "score": [None]})],
        how="vertical_relaxed",
    ).rename({"user": "who", "question": "what", "score": "points"})
    chart = pc.plot.scatter(
        renamed,
        [one.upper() for one in CHOSEN],
        user="who",
        question=pl.col("what").str.to_uppercase(),
        score="points",
    )
    assert chart.data.equals(pc.plot.scatter(RESPONSES, CHOSEN).data)
    with pytest.raises(ValueError, match="'q99', which is not"):
        pc.plot.scatter(renamed, ["q99"], user="who", question="what", score="points")


def test_scatter_without_a_correlation() -> None:
    responses = pl.DataFrame({"user": [1, 2, 3], "question": ["x"] * 3, "score": [1, 1, 1]})
    assert title(pc.plot.scatter(responses, ["x"])) == "r = none, r_rest = none, 3 users"


def test_scatter_names_as_many_questions_as_there_is_room() -> None:
    chosen = [f"question number {one}" for one in range(12)]
    responses = pl.DataFrame(
        {"user": user, "question": one, "score": user % 5} for user in range(9) for one in chosen
    )
    text = subtitle(pc.plot.scatter(responses, chosen))
    assert text.startswith("of the questions question number 0, question number 1")
    assert text.endswith(" more")
    assert len(text) <= 100


@pytest.mark.parametrize(
    ("questions", "error", "rule"),
    [
        ("q1", TypeError, "`questions` must be the questions of a set, got 'q1'"),
        (7, TypeError, "`questions` must be the questions of a set, got 7"),
        ([], ValueError, "`questions` must have at least one question, got none"),
        (["q1", "q2", "q1"], ValueError, "`questions` must have each question once, got 'q1' several times"),
        ([["q1", "q2"]], TypeError, r"`questions` must be the questions of one set, got \['q1', 'q2'\]"),
        (BEST["questions"], TypeError, "`questions` must be the questions of one set"),
        (["q1", "q77"], ValueError, "`questions` must be in the question column, got 'q77', which is not"),
        (["q1", None], ValueError, "`questions` must be in the question column, got None, which is not"),
        (["q1", 2], ValueError, r"must be values of the question column, of dtype String, got \['q1', 2\]"),
    ],
    ids=str,
)
def test_scatter_refuses_questions(questions: Any, error: type[Exception], rule: str) -> None:
    with pytest.raises(error, match=rule):
        pc.plot.scatter(RESPONSES, questions)


def test_scatter_refuses_other_arguments() -> None:
    with pytest.raises(TypeError, match="`frame` must be a Polars LazyFrame or DataFrame, got dict"):
        pc.plot.scatter(RESPONSES.to_dict(), CHOSEN)
    with pytest.raises(ValueError, match="`min_users` must be at least 2, got 1"):
        pc.plot.scatter(RESPONSES, CHOSEN, min_users=1)
    with pytest.raises(ValueError, match="`duplicates` must be one of"):
        pc.plot.scatter(RESPONSES, CHOSEN, duplicates="all")
    common = len(totals(RESPONSES, CHOSEN)[0])
    with pytest.raises(ValueError, match=f"at least 79 common users, got {common}"):
        pc.plot.scatter(RESPONSES, CHOSEN, min_users=79)
    pc.plot.scatter(RESPONSES, CHOSEN, min_users=common)


def test_scatter_refuses_data_as_the_expression_does() -> None:
    with pytest.raises(pl.exceptions.ComputeError, match="score"):
        pc.plot.scatter(RESPONSES.with_columns(pl.col("score").cast(pl.String)), CHOSEN)
    with pytest.raises(pl.exceptions.ComputeError, match="duplicates"):
        pc.plot.scatter(pl.concat([RESPONSES, RESPONSES]), CHOSEN)
    with pytest.raises(pl.exceptions.ComputeError, match="NaN"):
        pc.plot.scatter(RESPONSES.with_columns(score=math.nan), CHOSEN)


# --- distribution ----------------------------------------------------------------------------------------


def values_of(chart: alt.LayerChart) -> dict[str, float]:
    """The rules by their text, of which the value has been cut off."""
    return {text.rsplit(" ", 1)[0]: value for text, value in chart.layer[1].data.rows()}


@pytest.mark.parametrize("correlation", ["r", "r_rest"])
@pytest.mark.parametrize("bins", [60, 7, 1])
def test_distribution_counts_the_sets(correlation: str, bins: int) -> None:
    chart = pc.plot.distribution(RESPONSES.lazy(), 3, min_users=LEAST, correlation=correlation, bins=bins)
    every = [getattr(one, correlation) for one in EVERY]
    bars = chart.layer[0].data
    assert bars["sets"].sum() == len(every)
    for low, high, sets in bars.rows():
        assert sets == sum(low <= one < high for one in every)
        assert math.isclose(high - low, bars["to"][0] - bars["from"][0])
    assert bars.height <= bins + 1
    assert title(chart) == f"{correlation} of {len(every)} sets of 3 questions"
    assert marks(chart.to_dict()) == {"bar", "rule"}
    assert {"sets"} <= axes(chart.to_dict())
    assert any(correlation in one and "correlation" in one for one in axes(chart.to_dict()))


@pytest.mark.parametrize("correlation", ["r", "r_rest"])
def test_distribution_marks_the_best_and_chance(correlation: str) -> None:
    shares = []
    for one in EVERY:
        xs, ts = totals(RESPONSES, one.questions)
        shares.append(statistics.pstdev(xs) / statistics.pstdev(ts))
    s = statistics.mean(shares)
    n = statistics.mean(one.n_users for one in EVERY)
    luck = math.sqrt(2 * math.log(len(EVERY)) / (n - 3))
    wanted = {"best set": max(getattr(one, correlation) for one in EVERY)}
    if correlation == "r":
        wanted |= {"best by chance": math.tanh(math.atanh(s) + luck), "overlap alone": s}
    else:
        wanted |= {"best by chance": math.tanh(luck)}
    chart = pc.plot.distribution(RESPONSES, 3, min_users=LEAST, correlation=correlation)
    assert values_of(chart) == pytest.approx(wanted, abs=1e-9)
    for text, value in chart.layer[1].data.rows():
        assert text.endswith(f" {value:.3f}")


def test_distribution_of_the_whole_test() -> None:
    """The only set of all questions leaves no rest: r is 1, in the last bar, and s is 1."""
    complete = RESPONSES.filter(pl.len().over("user") == 9)
    chart = pc.plot.distribution(complete, 9)
    assert chart.layer[0].data.rows() == [(0.999, 1.0, 1)]
    assert values_of(chart) == {"best set": 1, "best by chance": 1, "overlap alone": 1}


def test_distribution_without_a_level_of_chance() -> None:
    """With two users each correlation is 1 or -1, from which no s follows."""
    responses = pl.DataFrame(
        {"user": [1, 1, 1, 2, 2, 2], "question": ["x", "y", "z"] * 2, "score": [0, 1, 5, 2, 3, 4]}
    )
    chart = pc.plot.distribution(responses, 1)
    assert chart.layer[0].data.rows() == [(-1.0, -0.95, 1), (0.95, 1.0, 2)]
    assert values_of(chart) == {"best set": 1}


def test_distribution_leaves_out_sets_without_a_correlation() -> None:
    constant = pl.DataFrame({"user": [f"u{one}" for one in range(80)], "question": "q99", "score": 1})
    both = pl.concat([RESPONSES, constant], how="vertical_relaxed")
    every = expected(both, k=1, top=None)
    assert [one.r for one in every].count(None) == 1
    assert pc.plot.distribution(both, 1).layer[0].data["sets"].sum() == len(every) - 1


def test_distribution_passes_options_on(capfd: pytest.CaptureFixture[str]) -> None:
    twice = pl.concat([RESPONSES, RESPONSES]).rename({"user": "who", "question": "what", "score": "points"})
    chart = pc.plot.distribution(
        twice, 3, user="who", question="what", score=pl.col("points") * 2, duplicates="sum", progress="always"
    )
    assert chart.layer[0].data.equals(pc.plot.distribution(RESPONSES, 3).layer[0].data)
    assert "84.0/84.0" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "error", "rule"),
    [
        ({"k": 0}, ValueError, "`k` must be at least 1, got 0"),
        ({"k": True}, TypeError, "`k` must be an integer, got True"),
        ({"bins": 0}, ValueError, "`bins` must be at least 1, got 0"),
        ({"correlation": "n_users"}, ValueError, "`correlation` must be one of 'r', 'r_rest', got 'n_users'"),
        ({"k": 10}, ValueError, "no set of 10 questions with at least 2 common users has an r"),
        ({"min_users": 81}, ValueError, "no set of 3 questions with at least 81 common users has an r"),
        ({"frame": None}, TypeError, "`frame` must be a Polars LazyFrame or DataFrame"),
    ],
    ids=str,
)
def test_distribution_refuses(options: dict[str, Any], error: type[Exception], rule: str) -> None:
    with pytest.raises(error, match=rule):
        pc.plot.distribution(**{"frame": RESPONSES, "k": 3, **options})


# --- elbow -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [RESPONSES, RESPONSES.lazy()], ids=["eager", "lazy"])
def test_elbow_shows_what_validation_finds(frame: pl.LazyFrame | pl.DataFrame) -> None:
    options = {"folds": 3, "seed": 1, "min_users": 10, "rank_by": "r_rest"}
    chart = pc.plot.elbow(frame, (3, 1, 3), **options)
    wanted = {}
    for k in (1, 3):
        folds = pc.validate_corrsets(RESPONSES, k=k, top=1, **options)
        assert folds.height == 3
        for column in ("r", "r_test", "r_rest", "r_rest_test"):
            values = folds[column].to_list()
            users = "held-out" if column.endswith("_test") else "training"
            correlation = column.removesuffix("_test")
            wanted[k, correlation, users] = (statistics.mean(values), min(values), max(values), 3)
    found = chart.data.select("k", "correlation", "users", "mean", "lowest", "highest", "folds")
    assert {row[:3] for row in found.rows()} == wanted.keys()
    for row in found.rows():
        assert row[3:] == pytest.approx(wanted[row[:3]], abs=1e-12)
    assert title(chart) == "The best sets by size, on training and held-out users"
    assert subtitle(chart) == "means of 3 folds; bars: held-out users, from the lowest fold to the highest"
    assert marks(chart.to_dict()) == {"line", "rule", "circle"}
    assert {"questions per set, k", "mean correlation", "correlation", "users"} <= axes(chart.to_dict())


def test_elbow_leaves_out_sizes_without_a_set() -> None:
    chart = pc.plot.elbow(RESPONSES, [2, 10], folds=2)
    assert set(chart.data["k"]) == {2}


def test_elbow_leaves_out_folds_without_a_correlation() -> None:
    """Of two users, who are both held out once, one is left to choose on or to check on."""
    responses = pl.DataFrame(
        {"user": [1, 2, 3] * 2, "question": ["x"] * 3 + ["y"] * 3, "score": [1, 2, 4, 2, 3, 1]}
    )
    data = pc.plot.elbow(responses, [1], folds=2).data
    validated = pc.validate_corrsets(responses, k=1, top=1, folds=2)
    assert validated["r_test"].null_count() > 0
    for correlation, users, column in [("r", "training", "r"), ("r", "held-out", "r_test")]:
        rows = data.filter(pl.col("correlation") == correlation, pl.col("users") == users)
        assert rows["folds"].sum() == validated[column].count()


def test_elbow_passes_options_on(capfd: pytest.CaptureFixture[str]) -> None:
    twice = pl.concat([RESPONSES, RESPONSES]).rename({"user": "who", "question": "what", "score": "points"})
    chart = pc.plot.elbow(
        twice,
        [2],
        user="who",
        question=pl.col("what"),
        score=pl.col("points") * 2,
        duplicates="mean",
        folds=2,
        progress="always",
    )
    assert chart.data.equals(pc.plot.elbow(RESPONSES, [2], folds=2).data)
    assert "36.0/36.0" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "error", "rule"),
    [
        ({"k": []}, ValueError, r"`k` must have at least one size, got \[\]"),
        ({"k": range(3, 3)}, ValueError, r"`k` must have at least one size, got range\(3, 3\)"),
        ({"k": 5}, TypeError, r"`k` must be several sizes, such as range\(1, 9\), got 5"),
        ({"k": "12"}, TypeError, "`k` must be several sizes"),
        ({"k": [2, 0]}, ValueError, "`k` must be at least 1, got 0"),
        ({"k": [2.0]}, TypeError, "`k` must be an integer, got 2.0"),
        ({"k": [10, 11]}, ValueError, r"no set of any of the sizes \[10, 11\] has a correlation"),
        ({"folds": 1}, ValueError, "`folds` must be at least 2, got 1"),
        ({"min_users": 1}, ValueError, "`min_users` must be at least 2, got 1"),
        ({"frame": None}, TypeError, "`frame` must be a Polars LazyFrame or DataFrame, got NoneType"),
    ],
    ids=str,
)
def test_elbow_refuses(options: dict[str, Any], error: type[Exception], rule: str) -> None:
    with pytest.raises(error, match=rule):
        pc.plot.elbow(**{"frame": RESPONSES, "k": [2], **options})


# --- all of them -----------------------------------------------------------------------------------------

CHARTS = {
    "elbow": lambda: pc.plot.elbow(RESPONSES, range(1, 5), folds=2),
    "questions": lambda: pc.plot.questions(BEST),
    "scatter": lambda: pc.plot.scatter(RESPONSES, CHOSEN),
    "distribution": lambda: pc.plot.distribution(RESPONSES, 3, min_users=LEAST),
}


def test_every_chart_is_among_these() -> None:
    assert CHARTS.keys() == set(pc.plot.__all__)


def pixels(png: bytes) -> tuple[int, int, Counter[bytes]]:
    """Width, height and the colours of a PNG with eight bits per channel, as they are filtered."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(png):
        (length,), kind = struct.unpack_from(">I", png, at), png[at + 4 : at + 8]
        chunks[kind] = chunks.get(kind, b"") + png[at + 8 : at + 8 + length]
        at += 12 + length
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    channels = {2: 3, 6: 4}[colour]
    assert depth == 8
    data = zlib.decompress(chunks[b"IDAT"])
    assert len(data) == height * (1 + width * channels)
    return width, height, Counter(data)


@pytest.mark.parametrize("name", CHARTS)
def test_saved_as_png(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.png"
    CHARTS[name]().save(path)
    width, height, bytes_of = pixels(path.read_bytes())
    assert 400 <= width <= 1000
    assert 200 <= height <= 700
    assert len(bytes_of) > 50, "an empty picture has few values"


@pytest.mark.parametrize("name", CHARTS)
def test_layered_with_another(name: str, tmp_path: Path) -> None:
    chart = CHARTS[name]()
    rule = alt.Chart(pl.DataFrame({"here": [0.5]})).mark_rule(color="black").encode(x="here:Q")
    panels = chart.hconcat if isinstance(chart, alt.HConcatChart) else [chart]
    bars = panels[0] + rule
    assert "rule" in marks(bars.to_dict())
    bars.save(tmp_path / "layered.png")
    (chart | bars).save(tmp_path / "concatenated.svg")
    assert (tmp_path / "layered.png").stat().st_size > 1000
    assert (tmp_path / "concatenated.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize("name", CHARTS)
def test_the_same_twice(name: str) -> None:
    assert CHARTS[name]().to_json() == CHARTS[name]().to_json()


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_altair_is_loaded_by_the_first_use_only() -> None:
    program = """
import sys, polars_corrset as pc
assert "altair" not in sys.modules
pc.plot.questions
assert "altair" in sys.modules
"""
    done = run(program)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("use", ["pc.plot", "from polars_corrset import plot"])
def test_without_altair(use: str) -> None:
    done = run(f"import sys; sys.modules['altair'] = None\nimport polars_corrset as pc\n{use}")
    assert done.stderr.rstrip().endswith(
        "ModuleNotFoundError: charts need Altair: pip install 'polars-corrset[plot]'"
    )


def test_no_other_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'polars_corrset' has no attribute 'charts'"):
        pc.charts  # noqa: B018
