"""What a search would cost: exact figures against plain Python, the rest against what they promise."""

from __future__ import annotations

import dataclasses
import html.parser
import math
import pickle
import statistics
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import polars_corrset as pc
import pytest
from polars.exceptions import ComputeError, PolarsError
from polars_corrset._chance import chance_r
from responses import sparse

STRATEGY, INSTRUCTIONS = "POLARS_CORRSET_STRATEGY", "POLARS_CORRSET_ISA"

RESPONSES = sparse(30, 9, 0.6, seed=1, scores=(0, 1, 2))


def complete(users: int, questions: int, booklets: int = 1) -> pl.DataFrame:
    """Scores of 0 and 1 with a common factor; with several booklets each lacks some questions."""
    rng = np.random.default_rng(5)
    user, question = (ids.ravel() for ids in np.mgrid[:users, :questions])
    value = rng.normal(size=users)[user] + rng.normal(size=len(user))
    answered = (question % booklets != user % booklets) | (booklets == 1)
    return pl.DataFrame({"user": user, "question": question, "score": (value > 0).astype(np.int8)}).filter(
        answered
    )


def common_users(frame: pl.DataFrame, k: int) -> list[int]:
    """Of every set, as plainly as possible."""
    users: dict[Any, set[Any]] = {}
    for user, question in frame.select("user", "question").iter_rows():
        users.setdefault(question, set()).add(user)
    return [len(set.intersection(*chosen)) for chosen in combinations(users.values(), k)]


# --- figures that are exact ------------------------------------------------------------------------------


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize("k", [1, 3, 9])
def test_counts(lazy: bool, k: int) -> None:
    plan = pc.plan_corrsets(RESPONSES.lazy() if lazy else RESPONSES, k=k)
    users, questions = RESPONSES["user"].n_unique(), RESPONSES["question"].n_unique()
    assert (plan.k, plan.top, plan.min_users) == (k, 10, 2)
    assert (plan.users, plan.questions, plan.responses) == (users, questions, RESPONSES.height)
    assert plan.answered == RESPONSES.height / (users * questions)
    assert plan.sets == math.comb(questions, k)
    assert plan.matrix_bytes > 0
    assert plan.threads in (1, pl.thread_pool_size())
    assert plan.instruction_set in ("portable", "avx2", "avx512")


def test_sets_beyond_all_integers_of_a_machine() -> None:
    wide = sparse(3, 1000, 1.0, seed=1)
    plan = pc.plan_corrsets(wide, k=500)
    assert plan.sets == math.comb(1000, 500)
    assert plan.rows == 10
    every = pc.plan_corrsets(wide, k=500, top=None)
    assert every.rows == math.comb(1000, 500)
    assert every.result_bytes > every.rows
    assert "sets of 500   2.70 · 10^299" in repr(every)


@pytest.mark.parametrize("min_users", [2, 5, 12])
@pytest.mark.parametrize("top", [None, 1, 20, 10**9])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_no_more_rows_come_than_planned(k: int, top: int | None, min_users: int) -> None:
    plan = pc.plan_corrsets(RESPONSES, k=k, top=top, min_users=min_users)
    found = pc.top_corrsets(RESPONSES, k=k, top=top, min_users=min_users)
    answered = RESPONSES.group_by("user").len()["len"]
    supported = sum(math.comb(count, k) for count in answered) // min_users
    assert plan.rows == min(math.comb(9, k), supported, top or math.inf)
    assert found.height <= plan.rows
    assert found.estimated_size() <= max(plan.result_bytes, 1) or found.is_empty()


def test_alpha_is_one_more_column() -> None:
    by_r, by_alpha = (pc.plan_corrsets(RESPONSES, k=3, rank_by=rank_by) for rank_by in ("r", "alpha"))
    # Eight bytes, once as found and once as a frame.
    assert by_alpha.result_bytes == by_r.result_bytes + 2 * 8 * by_r.rows


def test_what_is_no_response_and_what_is_one() -> None:
    frame = pl.concat([RESPONSES, RESPONSES, RESPONSES.with_columns(score=pl.lit(None, pl.Int64))])
    twice = pc.plan_corrsets(frame, k=3, duplicates="first")
    once = pc.plan_corrsets(RESPONSES, k=3)
    assert dataclasses.replace(twice, seconds=0) == dataclasses.replace(once, seconds=0)


@pytest.mark.parametrize(
    "dtype", [pl.String, pl.Int32, pl.Categorical, pl.Enum(sorted({*RESPONSES["question"]}))]
)
def test_ids_of_any_dtype(dtype: Any) -> None:
    question = pl.col("question")
    cast = question.str.slice(1).cast(dtype) if dtype == pl.Int32 else question.cast(dtype)
    plan = pc.plan_corrsets(RESPONSES.lazy(), k=3, question=cast, user=pl.col("user").str.to_uppercase())
    expected = pc.plan_corrsets(RESPONSES, k=3)
    assert dataclasses.replace(plan, seconds=0) == dataclasses.replace(expected, seconds=0)


# --- what a sample tells ---------------------------------------------------------------------------------


@pytest.mark.parametrize("min_users", [2, 9, 15])
@pytest.mark.parametrize("k", [2, 4])
def test_common_users_of_a_typical_set(k: int, min_users: int) -> None:
    frame = sparse(60, 14, 0.5, seed=4)
    plan = pc.plan_corrsets(frame, k=k, min_users=min_users)
    counts = common_users(frame, k)
    enough = [count for count in counts if count >= min_users]
    assert plan.enough_users == pytest.approx(len(enough) / len(counts), abs=0.05)
    if plan.enough_users > 0.05:
        assert plan.n_users == pytest.approx(statistics.median(enough), abs=1)


def test_overlap_and_chance() -> None:
    """Scores that have nothing to do with each other."""
    noise = sparse(400, 25, 1.0, seed=7)
    plan = pc.plan_corrsets(noise, k=5, min_users=50)
    scores = noise.pivot(on="question", index="user", values="score").drop("user").to_numpy()
    rng = np.random.default_rng(1)
    spreads = [scores[:, rng.permutation(25)[:5]].sum(axis=1).std() for _ in range(1000)]
    assert plan.s == pytest.approx(np.median(spreads) / scores.sum(axis=1).std(), rel=0.01)
    assert (plan.enough_users, plan.n_users) == (1.0, 400)
    assert plan.chance_r == chance_r(plan.s, plan.sets, 400)
    best = pc.top_corrsets(noise, k=5, top=1, min_users=50)["r"].item()
    assert plan.s < best < plan.chance_r + 0.05
    by_rest = pc.plan_corrsets(noise, k=5, min_users=50, rank_by="r_rest")
    assert by_rest.chance_r == chance_r(0.0, plan.sets, 400)


def test_what_no_set_has() -> None:
    plan = pc.plan_corrsets(RESPONSES, k=3, min_users=31)
    assert (plan.enough_users, plan.n_users, plan.s, plan.chance_r) == (0.0, None, None, None)
    constant = pc.plan_corrsets(RESPONSES.with_columns(score=1).filter(pl.col("question") < "q2"), k=2)
    assert constant.n_users is not None
    assert (constant.s, constant.chance_r) == (None, None) or constant.s >= 0


@pytest.mark.parametrize("answered", [1.0, 0.6])
def test_overlap_of_means(answered: float) -> None:
    """A set has as much of a mean as of a sum, about, where all have as many answers."""
    noise = sparse(400, 25, answered, seed=7)
    by_sum, by_mean = (pc.plan_corrsets(noise, k=3, total=total) for total in ("sum", "mean"))
    if answered == 1.0:
        assert by_mean.s == by_sum.s
    # Without the spread that more answers make in a sum.
    assert by_sum.s <= by_mean.s < 1
    assert by_mean.s == pytest.approx(math.sqrt(3 / 25 / answered), rel=0.15)
    assert by_mean.chance_r == chance_r(by_mean.s, by_mean.sets, by_mean.n_users)


def test_chance_where_sets_are_no_part() -> None:
    frame = RESPONSES.with_columns(grade=pl.col("user").rank("dense"))
    plan = pc.plan_corrsets(frame, k=3, criterion="grade")
    assert (plan.users, plan.s) == (frame["user"].n_unique(), 0.0)
    with_enough = max(math.floor(plan.sets * plan.enough_users + 1e-9), 1)
    assert plan.chance_r == chance_r(0.0, with_enough, plan.n_users)
    assert pc.plan_corrsets(frame, k=3, criterion=pl.lit(1)).s is None
    by_alpha = pc.plan_corrsets(frame, k=3, rank_by="alpha")
    assert by_alpha.chance_r is None
    assert by_alpha.n_users is not None
    with pytest.raises(ValueError, match="r_rest"):
        pc.plan_corrsets(frame, k=3, criterion="grade", rank_by="r_rest")


# --- sets that fulfil something --------------------------------------------------------------------------

QUESTIONS = RESPONSES["question"].unique(maintain_order=True).to_list()
ABOUT = {question: "abc"[i % 3] for i, question in enumerate(QUESTIONS)}
MINUTES = {question: 1 + i % 4 for i, question in enumerate(QUESTIONS)}
ITEMS = RESPONSES.with_columns(
    about=pl.col("question").replace_strict(ABOUT), minutes=pl.col("question").replace_strict(MINUTES)
)


@pytest.mark.parametrize("min_users", [2, 6])
@pytest.mark.parametrize(
    ("options", "fulfils"),
    [
        ({"include": QUESTIONS[3:5]}, lambda chosen: {*QUESTIONS[3:5]} <= {*chosen}),
        ({"include": QUESTIONS[:4]}, lambda chosen: {*QUESTIONS[:4]} == {*chosen}),
        ({"exclude": QUESTIONS[2:4]}, lambda chosen: not {*QUESTIONS[2:4]} & {*chosen}),
        (
            {"domain": "about", "min_per_domain": 1, "exclude": QUESTIONS[:1]},
            lambda chosen: QUESTIONS[0] not in chosen and len({ABOUT[question] for question in chosen}) == 3,
        ),
        (
            {"domain": "about", "max_per_domain": 1},
            lambda chosen: len({ABOUT[question] for question in chosen}) == 4,
        ),
    ],
)
def test_sets_that_constraints_leave(
    options: dict[str, Any], fulfils: Callable[[tuple[str, ...]], bool], min_users: int
) -> None:
    plan = pc.plan_corrsets(ITEMS, k=4, top=None, min_users=min_users, **options)
    found = pc.top_corrsets(ITEMS, k=4, top=None, min_users=min_users, **options)
    assert plan.sets == sum(map(fulfils, combinations(QUESTIONS, 4)))
    assert found.height <= plan.rows <= plan.sets
    if plan.sets:
        assert plan.enough_users == pytest.approx(found.height / plan.sets, abs=0.1)
    if not found.is_empty():
        assert plan.n_users == pytest.approx(found["n_users"].median(), abs=1)
    # Of the responses, whatever is left of them.
    free = pc.plan_corrsets(RESPONSES, k=4)
    assert (plan.users, plan.questions, plan.responses) == (free.users, free.questions, free.responses)


def test_costs_leave_no_more_than_planned() -> None:
    plan = pc.plan_corrsets(ITEMS, k=4, top=None, cost="minutes", max_cost=7)
    found = pc.top_corrsets(ITEMS, k=4, top=None, cost="minutes", max_cost=7)
    assert 0 < found.height <= plan.rows <= plan.sets <= math.comb(9, 4)
    nothing = pc.plan_corrsets(ITEMS, k=4, cost="minutes", max_cost=3)
    assert (nothing.sets, nothing.rows, nothing.strategy) == (0, 0, None)


@pytest.mark.parametrize("rank_by", ["r", "alpha"])
@pytest.mark.parametrize("strategy", ["projection", "moments", "bound"])
def test_strategy_within_constraints(strategy: str, rank_by: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STRATEGY, strategy)
    about = CASES["bound"].with_columns(about=pl.col("question") % 4)
    for options in ({"include": [3]}, {"domain": "about", "max_per_domain": 2}, {"exclude": [0, 1]}):
        plan = pc.plan_corrsets(about, k=5, rank_by=rank_by, **options)
        assert plan.strategy == strategy
        assert 0 < plan.seconds < math.inf


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"include": ["none"]}, ComputeError),
        ({"include": ["q1", "q1"]}, ValueError),
        ({"cost": "minutes"}, ValueError),
        ({"cost": "about", "max_cost": 3}, ComputeError),
        ({"criterion": "score"}, ComputeError),
        ({"total": "median"}, ValueError),
    ],
)
def test_what_the_search_refuses_is_not_planned(options: dict[str, Any], error: type[Exception]) -> None:
    for function in (pc.top_corrsets, pc.plan_corrsets):
        with pytest.raises(error):
            function(ITEMS, k=3, **options)


# --- how it would be searched ----------------------------------------------------------------------------

CASES = {
    "projection": RESPONSES,
    "moments": complete(300, 16, booklets=3),
    "bound": complete(300, 16),
}


@pytest.mark.parametrize("strategy", CASES)
def test_strategy_that_the_data_choose(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STRATEGY, raising=False)
    assert pc.plan_corrsets(CASES[strategy], k=4).strategy == strategy
    monkeypatch.setenv(STRATEGY, "projection")
    assert pc.plan_corrsets(CASES[strategy], k=4).strategy == "projection"


def test_forms_of_many_questions_are_bounded() -> None:
    frame = complete(600, 60, booklets=3)
    assert pc.plan_corrsets(frame, k=4).strategy == "bound"
    assert pc.plan_corrsets(frame, k=2).strategy == "moments"
    assert pc.plan_corrsets(frame, k=4, top=None).strategy == "moments"


@pytest.mark.parametrize("data", CASES)
@pytest.mark.parametrize("forced", CASES)
def test_strategy_that_is_forced(data: str, forced: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the search takes it, or refuses it."""
    monkeypatch.setenv(STRATEGY, forced)
    search, plan = (outcome(function, CASES[data]) for function in (pc.top_corrsets, pc.plan_corrsets))
    if isinstance(search, ComputeError):
        assert str(plan) in str(search)
    else:
        assert plan.strategy == forced


def outcome(function: Callable[..., Any], frame: pl.DataFrame) -> Any:
    """What it gives, or its error."""
    try:
        return function(frame, k=4)
    except ComputeError as error:
        return error


def test_instruction_set_that_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INSTRUCTIONS, "portable")
    assert pc.plan_corrsets(RESPONSES, k=2).instruction_set == "portable"
    monkeypatch.setenv(INSTRUCTIONS, "sse9")
    with pytest.raises(ComputeError, match=f"{INSTRUCTIONS} must be one of"):
        pc.plan_corrsets(RESPONSES, k=2)


@pytest.mark.parametrize("score", [pl.col("score"), pl.col("score") / 7, pl.col("score") * 10**6])
@pytest.mark.parametrize("data", CASES)
def test_seconds_are_a_time(data: str, score: pl.Expr) -> None:
    for top in (10, None):
        plan = pc.plan_corrsets(CASES[data], k=3, score=score, top=top)
        assert 0 < plan.seconds < math.inf


@pytest.mark.parametrize("answered", [0.2, 1.0])
def test_seconds_of_a_search_that_is_not_run(answered: float) -> None:
    """Hours: only parts of it can have been looked at."""
    frame = sparse(1000, 150, answered, seed=3)
    plan = pc.plan_corrsets(frame, k=20)
    assert plan.sets > 10**23
    assert plan.seconds is None or 1 < plan.seconds < math.inf


# --- no set, too many, and what is wrong -----------------------------------------------------------------


def test_no_set() -> None:
    for frame in (RESPONSES, RESPONSES.clear(), RESPONSES.clear().lazy()):
        plan = pc.plan_corrsets(frame, k=10)
        assert (plan.sets, plan.rows, plan.result_bytes, plan.seconds) == (0, 0, 0, 0)
        assert (plan.strategy, plan.refusal, plan.enough_users, plan.n_users) == (None, None, None, None)
        assert "sets of 10" in repr(plan)
    empty = pc.plan_corrsets(RESPONSES.clear(), k=1)
    assert (empty.users, empty.questions, empty.responses, empty.answered) == (0, 0, 0, 0)


@pytest.mark.parametrize("k", [10**13, 2**62, 10**30])
def test_any_k(k: int) -> None:
    options = {"domain": pl.lit("one"), "max_per_domain": 1}
    for more in ({}, options):
        plan = pc.plan_corrsets(RESPONSES, k=k, **more)
        assert (plan.sets, plan.rows, plan.refusal) == (0, 0, None)


def test_too_many_rows_are_told_and_not_raised() -> None:
    wide = sparse(5, 200, 1.0, seed=1)
    with pytest.raises(ComputeError) as refused:
        pc.top_corrsets(wide, k=6, top=None)
    plan = pc.plan_corrsets(wide, k=6, top=None)
    assert plan.refusal in str(refused.value)
    assert "scan_corrsets" in plan.refusal
    assert (plan.rows, plan.seconds) == (math.comb(200, 6), None)
    assert plan.refusal in repr(plan)


@pytest.mark.parametrize(
    "options",
    [
        {"k": 0},
        {"k": 2.5},
        {"k": True},
        {"k": 2, "top": 0},
        {"k": 2, "min_users": 1},
        {"k": 2, "rank_by": "n_users"},
        {"k": 2, "duplicates": "median"},
        {"k": 2, "user": "nobody"},
        {"k": 2, "score": pl.lit("x")},
        {"k": 2, "score": pl.col("score") * math.nan},
        {"k": 2, "score": pl.col("score") * 2**62},
        {"k": 2, "question": pl.lit("one")},
        {"k": 2, "user": pl.struct("user")},
        {"k": 2, "user": pl.all()},
    ],
    ids=str,
)
def test_bad_input_as_for_the_search(options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError, PolarsError)) as expected:
        pc.top_corrsets(RESPONSES, **options)
    with pytest.raises(type(expected.value)) as found:
        pc.plan_corrsets(RESPONSES, **options)
    # Polars adds where in the query it happened.
    assert str(found.value).splitlines()[0] in str(expected.value)


def test_object_columns() -> None:
    frame = RESPONSES.with_columns(user=pl.Series([object()] * RESPONSES.height, dtype=pl.Object))
    with pytest.raises(ComputeError, match=r"`user` \(column \"user\"\) cannot be of dtype object"):
        pc.plan_corrsets(frame, k=2)


def test_anything_but_a_frame() -> None:
    with pytest.raises(TypeError, match="`frame` must be a Polars LazyFrame or DataFrame, got Series"):
        pc.plan_corrsets(RESPONSES["score"], k=2)


# --- how it is shown -------------------------------------------------------------------------------------


def test_is_a_value() -> None:
    plan = pc.plan_corrsets(RESPONSES, k=3)
    assert isinstance(plan, pc.Plan)
    assert pickle.loads(pickle.dumps(plan)) == plan
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.k = 4


SHOWN = dataclasses.replace(
    pc.plan_corrsets(CASES["bound"], k=3),
    matrix_bytes=3_141_592,
    result_bytes=880,
    s=0.256,
    chance_r=0.444,
    instruction_set="avx2",
    threads=2,
    seconds=0.0123,
)


def test_repr() -> None:
    assert repr(SHOWN).splitlines() == [
        "Plan",
        "  users         300",
        "  questions     16",
        "  responses     4,800, 100.0% of all cells",
        "  matrix        3.1 MB",
        "  sets of 3     560",
        "  rows          at most 10",
        "  result        at most 880 bytes",
        "  enough users  100.0% of sets have 2 or more",
        "  typical set   300 common users, s = 0.26",
        "  chance alone  about 0.44 for the best set",
        "  search        bound, avx2, 2 threads",
        "  time          about 12 ms",
    ]


class Cells(html.parser.HTMLParser):
    """The cells of a table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not attrs
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_html() -> None:
    plan = dataclasses.replace(SHOWN, refusal="<script> & more")
    cells = Cells(plan._repr_html_())
    lines = repr(plan).splitlines()[1:]
    assert cells.tags == ["table"] + ["tr", "th", "td"] * len(lines)
    assert cells.texts == [
        text for line in lines for text in line.strip().split("  ", 1) for text in [text.strip()]
    ]
    assert cells.texts[-2:] == ["refused", "<script> & more"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "about 0.0 ms"),
        (0.00123, "about 1.2 ms"),
        (0.9, "about 900 ms"),
        (8.44, "about 8.4 s"),
        (100.0, "about 1.7 min"),
        (8000.0, "about 2.2 h"),
        (10.0**6, "about 12 days"),
        (1e10, "about 317 years"),
        (1e100, "about 3.17 · 10^92 years"),
        (None, "cannot be told"),
    ],
)
def test_times(seconds: float | None, shown: str) -> None:
    assert repr(dataclasses.replace(SHOWN, seconds=seconds)).endswith(f"  time          {shown}")


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (12_345, "12 kB"),
        (10**9 - 1, "1,000 MB"),
        (10**40, "1.00 · 10^25 PB"),
    ],
)
def test_sizes(size: int, shown: str) -> None:
    assert f"  matrix        {shown}\n" in repr(dataclasses.replace(SHOWN, matrix_bytes=size))
