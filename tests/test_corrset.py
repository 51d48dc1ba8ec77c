"""The expression: what its rows, order, schema and options mean."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import oracle
import polars as pl
import polars_corrset as pc
import pytest
from polars.testing import assert_frame_equal
from responses import SCHEMA, assert_set, assert_sets, close, expected, sets, sparse

SMALL = sparse(40, 7, 0.7, seed=1, scores=(0, 1, 2, 3))


def run(frame: pl.DataFrame, engine: str = "in-memory", **options: Any) -> pl.DataFrame:
    """The expression's rows as columns."""
    return frame.lazy().select(pc.corrset(**options)).unnest("corrset").collect(engine=engine)


# --- the shape of the result ---------------------------------------------------------------------------


def test_struct_column(engine: str) -> None:
    query = SMALL.lazy().select(pc.corrset(k=2))
    collected = query.collect(engine=engine)
    assert query.collect_schema() == {"corrset": pl.Struct(SCHEMA)}
    assert collected.schema == query.collect_schema()
    assert collected["corrset"].struct.fields == list(SCHEMA)


def test_name_can_be_changed() -> None:
    assert SMALL.select(pc.corrset(k=2).alias("best")).columns == ["best"]


def test_row_count_through_pushdown(engine: str) -> None:
    """A plugin that hides its change of length answers `len` with the input's."""
    for top, rows in [(1, 1), (10, 10), (None, comb(7, 2))]:
        query = SMALL.lazy().select(pc.corrset(k=2, top=top)).select(pl.len())
        assert query.collect(engine=engine).item() == rows, top


def test_unnesting_frame_and_expression_agree(engine: str) -> None:
    expression = pc.corrset(k=3, top=None)
    frames = SMALL.lazy().select(expression).unnest("corrset").collect(engine=engine)
    fields = SMALL.lazy().select(expression.struct.unnest()).collect(engine=engine)
    assert_frame_equal(frames, fields, check_exact=True)


# --- rows and their order ------------------------------------------------------------------------------


@pytest.mark.parametrize("k", range(1, 8))
def test_against_oracle(engine: str, k: int) -> None:
    assert_sets(run(SMALL, engine, k=k), expected(SMALL, k=k))
    assert_sets(run(SMALL, engine, k=k, top=None), expected(SMALL, k=k, top=None))


def test_all_sets_come_in_order_of_first_appearance() -> None:
    questions = SMALL["question"].unique(maintain_order=True).to_list()
    assert questions != sorted(questions)
    found = run(SMALL, k=3, top=None)["questions"].to_list()
    assert [tuple(one) for one in found] == list(combinations(questions, 3))


def test_equal_correlations_keep_the_order_of_first_appearance(engine: str) -> None:
    """Every question is asked in four copies, so most sets tie; the copies' units change no r."""
    base = sparse(30, 3, 0.8, seed=2, scores=(0, 1, 2))
    copies = pl.DataFrame({"copy": ["d", "a", "c", "b"], "unit": [1, 3, -2, 7]})
    frame = base.join(copies, how="cross").select(
        "user", question=pl.concat_str("question", "copy"), score=pl.col("score") * pl.col("unit")
    )
    for k in (1, 2):
        wanted = expected(frame, k=k, top=comb(12, k))
        assert len({one.r for one in wanted}) < len(wanted), "no ties to test"
        for top in range(1, len(wanted) + 1):
            assert_sets(run(frame, engine, k=k, top=top), wanted[:top], f"k={k} top={top}")


def test_whole_test_correlates_perfectly() -> None:
    """k = number of questions leaves one set, with no rest."""
    result = run(SMALL, k=7)
    everyone = SMALL.group_by("user").len().filter(pl.col("len") == 7)
    assert result.height == 1
    assert sorted(result["questions"].item()) == [f"q{question}" for question in range(7)]
    assert result.select("r", "r_rest", "n_users").row(0) == (1.0, None, everyone.height)


@pytest.mark.parametrize("top", [10, None])
@pytest.mark.parametrize("k", [8, 64, 10**6, 2**63, 10**30])
def test_more_questions_than_there_are(engine: str, k: int, top: int | None) -> None:
    result = run(SMALL, engine, k=k, top=top)
    assert result.height == 0
    assert result.schema == SCHEMA


@pytest.mark.parametrize("top", [1, 5, 20, 21, 22, 10**30])
def test_top(top: int) -> None:
    assert_sets(run(SMALL, k=2, top=top), expected(SMALL, k=2, top=top))


@pytest.mark.parametrize("min_users", [2, 15, 16, 17, 18, 19, 20, 41, 2**40, 10**30])
@pytest.mark.parametrize("top", [10, None])
def test_min_users(min_users: int, top: int | None) -> None:
    wanted = expected(SMALL, k=3, min_users=min_users, top=top)
    assert_sets(run(SMALL, k=3, min_users=min_users, top=top), wanted)


def test_min_users_is_inclusive() -> None:
    least = run(SMALL, k=3, top=None)["n_users"].min()
    assert run(SMALL, k=3, top=None, min_users=least).height == comb(7, 3)
    assert run(SMALL, k=3, top=None, min_users=least + 1).height < comb(7, 3)


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_rank_by_r_rest(engine: str, k: int) -> None:
    wanted = expected(SMALL, k=k, rank_by="r_rest")
    assert_sets(run(SMALL, engine, k=k, rank_by="r_rest"), wanted)


def test_rank_by_orders() -> None:
    by_r, by_rest = (run(SMALL, k=2, rank_by=rank_by) for rank_by in ("r", "r_rest"))
    assert by_r["r"].is_sorted(descending=True)
    assert by_rest["r_rest"].is_sorted(descending=True)
    assert by_r["questions"].to_list() != by_rest["questions"].to_list()


def test_negative_correlations_are_ranked_last_and_constant_ones_not_at_all(engine: str) -> None:
    frame = pl.DataFrame(
        {
            "user": [user for user in "abcd" for _ in range(4)],
            "question": ["up", "down", "flat", "odd"] * 4,
            "score": [1, 3, 5, 0, 4, 2, 5, 1, 7, 1, 5, 1, 11, 0, 5, 0],
        }
    )
    result = run(frame, engine, k=1)
    assert_sets(result, expected(frame, k=1))
    assert [one.questions[0] for one in sets(result)] == ["up", "odd", "down"]
    assert result["r"].to_list()[2] < 0
    unranked = run(frame, engine, k=1, top=None).filter(pl.col("r").is_null())
    assert unranked.rows() == [(["flat"], None, None, 4)]


@pytest.mark.parametrize("rank_by", ["r", "r_rest"])
def test_sets_without_r_are_never_ranked(rank_by: str) -> None:
    """All grand totals are equal, so no set has an r, though each has an r_rest of -1."""
    frame = pl.DataFrame(
        {
            "user": [user for user in "abc" for _ in range(2)],
            "question": ["x", "y"] * 3,
            "score": [1, 5, 2, 4, 4, 2],
        }
    )
    assert run(frame, k=1, rank_by=rank_by).height == 0
    everything = run(frame, k=1, top=None, rank_by=rank_by)
    assert everything.rows() == [(["x"], None, -1.0, 3), (["y"], None, -1.0, 3)]


# --- the inputs ----------------------------------------------------------------------------------------


def test_columns_by_name_and_by_expression() -> None:
    renamed = SMALL.rename({"user": "who", "question": "what", "score": "points"})
    plain = run(SMALL, k=2)
    assert_frame_equal(run(renamed, user="who", question="what", score="points", k=2), plain)
    computed = pc.corrset(pl.col("who").str.to_uppercase(), pl.col("what"), pl.col("points") * 2 - 1, k=2)
    assert_sets(
        renamed.select(computed).unnest("corrset"),
        expected(SMALL.with_columns(pl.col("score") * 2 - 1), k=2),
    )


def test_literals_are_broadcast(engine: str) -> None:
    ones = SMALL.with_columns(score=pl.lit(1))
    assert_sets(run(SMALL, engine, score=pl.lit(1), k=2), expected(ones, k=2))
    assert_sets(run(SMALL, engine, score=1, k=2, top=None), expected(ones, k=2, top=None))
    one_question = SMALL.unique("user", maintain_order=True)
    assert_sets(
        run(one_question, engine, question=pl.lit("all"), k=1),
        expected(one_question.with_columns(question=pl.lit("all")), k=1),
    )
    # All responses of one user: a single common user has no correlation.
    one_user = SMALL.unique("question")
    assert run(one_user, engine, user=pl.lit("me"), k=1, top=None).height == 0


def test_one_row() -> None:
    assert run(SMALL.head(1), k=1, top=None).height == 0


@pytest.mark.parametrize("column", ["user", "question", "score"])
@pytest.mark.parametrize("kept", [0.0, 0.6])
def test_null_is_no_response(engine: str, column: str, kept: float) -> None:
    keep = pl.Series(np.random.default_rng(3).random(SMALL.height) < kept)
    frame = SMALL.with_columns(pl.when(keep).then(column).alias(column))
    assert frame[column].null_count() > 0
    result = run(frame, engine, k=2, top=None)
    assert_sets(result, expected(frame, k=2, top=None))
    assert_frame_equal(result, run(frame.drop_nulls(), engine, k=2, top=None), check_exact=True)
    assert result.schema == SCHEMA


def test_null_responses_do_not_settle_the_order() -> None:
    """A question's first appearance is its first response."""
    nulls = pl.DataFrame({"user": ["u1", None], "question": ["q6", "q6"], "score": [None, 1]})
    frame = pl.concat([nulls, SMALL.filter(question="q0"), SMALL.filter(pl.col("question") != "q0")])
    assert run(frame, k=1, top=None)["questions"].to_list()[0] == ["q0"]


def test_frame_without_rows(engine: str) -> None:
    result = run(SMALL.clear(), engine, k=2)
    assert result.height == 0
    assert result.schema == SCHEMA
    assert run(SMALL.clear(), engine, score=pl.lit(1), k=2).height == 0


def test_many_chunks_equal_one(engine: str) -> None:
    pieces = [SMALL.slice(start, 3) for start in range(0, SMALL.height, 3)]
    chunked = pl.concat([SMALL.clear(), *pieces], rechunk=False)
    assert chunked.n_chunks() > 10
    for score in (pl.col("score"), pl.col("score") / 3, pl.col("score") > 1):
        one, many = (run(frame, engine, score=score, k=3, top=None) for frame in (SMALL.rechunk(), chunked))
        assert_frame_equal(one, many, check_exact=True)


@pytest.mark.parametrize("scores", [(0, 1), (0, 1, 2), (0.25, 1.5), (0.125, 1.5)])
@pytest.mark.parametrize("order", ["by user", "by question", "shuffled"])
def test_many_chunks_of_many_rows(engine: str, order: str, scores: tuple[Any, ...]) -> None:
    """Rows for several threads, cut where neither chunks nor the threads' shares end; ids of each kind."""
    frame = sparse(10_000, 8, 0.9, seed=12, scores=scores)
    if order == "by question":
        frame = frame.sort("question", maintain_order=True)
    elif order == "shuffled":
        frame = frame.sample(fraction=1.0, shuffle=True, seed=3)
    assert frame.height > 1 << 16
    wanted = expected(frame, k=1, top=None)
    # The same ids as integers that are near each other, below 0, too, and as integers that are far apart.
    near = frame.with_columns(pl.col("user", "question").rank("dense").cast(pl.Int64) - 5)
    far = near.with_columns(pl.col("user", "question") * 10**12)
    for kind in (frame, near, far):
        chunked = pl.concat([kind.slice(start, 997) for start in range(0, kind.height, 997)], rechunk=False)
        for each in (kind, chunked):
            result = run(each, engine, k=1, top=None)
            names = frame["question"].unique(maintain_order=True).to_list()
            numbers = kind["question"].unique(maintain_order=True).to_list()
            back = dict(zip(numbers, names, strict=True))
            named = [[back[question] for question in questions] for questions in result["questions"]]
            assert_sets(result.with_columns(questions=pl.Series(named)), wanted)


def test_chunks_at_different_places() -> None:
    """The three inputs need not be cut alike."""
    cuts = {"user": 5, "question": 60, "score": 100}
    frame = pl.DataFrame(
        [SMALL[name].slice(0, at).append(SMALL[name].slice(at)) for name, at in cuts.items()]
    )
    assert_frame_equal(run(frame, k=2), run(SMALL, k=2), check_exact=True)


# --- duplicates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicates", ["first", "last", "sum", "mean", "min", "max"])
@pytest.mark.parametrize("scores", [(0, 1), (-3, 0, 2, 9), (0.5, -1.5, 2.0), (0.125, -1.5, 2.0)])
def test_duplicates(engine: str, duplicates: str, scores: tuple[Any, ...]) -> None:
    frame = pl.concat([sparse(25, 5, 0.6, seed=seed, scores=scores) for seed in range(3)])
    for k in (1, 3):
        # Float means are not always exact, so sets that tie in the oracle may come in another order.
        wanted = {one.questions: one for one in expected(frame, k=k, top=None, duplicates=duplicates)}
        result = sets(run(frame, engine, k=k, top=None, duplicates=duplicates))
        assert [one.questions for one in result] == list(wanted)
        for one in result:
            assert_set(one, wanted[one.questions], f"k={k} {duplicates}")


@pytest.mark.parametrize("duplicates", ["first", "last", "sum", "mean", "min", "max"])
def test_duplicates_policy_without_duplicates_changes_nothing(duplicates: str) -> None:
    assert_frame_equal(run(SMALL, k=2, duplicates=duplicates), run(SMALL, k=2), check_exact=True)


def test_rows_with_null_are_no_duplicates() -> None:
    unanswered = SMALL.with_columns(score=pl.lit(None, SMALL.schema["score"]))
    assert_frame_equal(run(pl.concat([unanswered, SMALL]), k=2), run(SMALL, k=2), check_exact=True)


def test_mean_of_wide_integers_is_exact(engine: str) -> None:
    """One repeated response, with the same score, must not round all the others to floats."""
    complete = sparse(20, 4, 1.0, seed=7, scores=range(5))
    offset = pl.lit(2**60)
    frame = pl.concat([complete, complete.head(1)]).with_columns(pl.col("score") + offset)
    assert_sets(run(frame, engine, k=2, duplicates="mean"), expected(complete, k=2))


# --- the dtype of the questions ------------------------------------------------------------------------

QUESTION_COLUMNS = {
    "String": pl.Series(["beta", "alpha", "", "a string too long to be stored inline", "ünïcödé"]),
    "Enum": pl.Series(["b", "a", "e", "d", "c"], dtype=pl.Enum(["unused", "a", "b", "c", "d", "e"])),
    "Categorical": pl.Series(["b", "a", "e", "d", "c"], dtype=pl.Categorical),
    "UUID bytes": pl.Series([uuid.uuid5(uuid.NAMESPACE_DNS, str(n)).bytes for n in range(5)]),
    "Date": pl.Series([date(2024, 1, day) for day in (3, 1, 31, 2, 9)]),
    "Datetime": pl.Series([datetime(2024, 1, 1, hour, tzinfo=timezone.utc) for hour in (3, 1, 23, 2, 9)]),
    "Duration": pl.Series([timedelta(minutes=minutes) for minutes in (3, 1, -4, 0, 9)]),
    "Int64": pl.Series([3, -1, 2**62, 0, 7]),
    "UInt8": pl.Series([3, 255, 0, 1, 7], dtype=pl.UInt8),
    "Float64": pl.Series([0.5, -1.0, 0.0, 1e300, float("inf")]),
    # Before Polars 1.34 a decimal of unnamed precision is not of the dtype that every plugin returns.
    "Decimal": pl.Series([Decimal(n) / 4 for n in (2, -5, 0, 15, 28)], dtype=pl.Decimal(10, 2)),
}


@pytest.mark.parametrize("name", QUESTION_COLUMNS)
def test_question_dtype_is_kept(engine: str, name: str) -> None:
    values = QUESTION_COLUMNS[name]
    number = pl.col("question").str.slice(1).cast(pl.UInt32)
    frame = sparse(30, 5, 0.7, seed=4).with_columns(question=pl.lit(values).gather(number))
    query = frame.lazy().select(pc.corrset(k=2, top=None)).unnest("corrset")
    result = query.collect(engine=engine)
    assert result.schema["questions"] == pl.List(values.dtype)
    assert query.collect_schema() == result.schema
    assert_sets(result, expected(frame, k=2, top=None), name)


def test_enum_questions_compare_with_their_source() -> None:
    """The result can be joined back: same categories, same codes."""
    values = QUESTION_COLUMNS["Enum"]
    frame = pl.DataFrame({"user": [1] * 5 + [2] * 5, "question": values.append(values), "score": range(10)})
    members = run(frame, k=1, top=None).explode("questions")
    joined = members.join(frame.unique("question"), left_on="questions", right_on="question")
    assert joined.height == 5


# --- known data ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many_users() -> pl.DataFrame:
    """6,000 users, 20 questions, 20 % answered, the better users more often right."""
    rng = np.random.default_rng(5)
    user, question = np.nonzero(rng.random((6_000, 20)) < 0.2)
    ability, difficulty = rng.normal(size=6_000), rng.normal(size=20)
    right = rng.random(user.size) < 1 / (1 + np.exp(difficulty[question] - ability[user]))
    order = rng.permutation(user.size)
    frame = pl.DataFrame({"user": user, "question": question, "score": right.astype(int)})
    return frame[order]


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_known_data(engine: str, many_users: pl.DataFrame, k: int) -> None:
    """All sets of 6,000 users by the oracle's formula; NumPy only finds the common users faster."""
    answers, questions = oracle.table(many_users.rows(), "error")
    scores = np.array([[row.get(question, 0) for question in questions] for row in answers.values()])
    answered = np.array([[question in row for question in questions] for row in answers.values()])
    totals = scores.sum(axis=1)
    wanted = []
    for members in combinations(range(len(questions)), k):
        columns = list(members)
        common = answered[:, columns].all(axis=1)
        if common.sum() >= 2:
            xs, ts = scores[common][:, columns].sum(axis=1), totals[common]
            wanted.append(oracle.corrset([questions[m] for m in members], xs.tolist(), ts.tolist()))
    assert_sets(run(many_users, engine, k=k, top=None), wanted, f"k={k}")
    for min_users in (2, 5):
        enough = [one for one in wanted if one.n_users >= min_users]
        for rank_by in ("r", "r_rest"):
            result = run(many_users, engine, k=k, min_users=min_users, rank_by=rank_by)
            assert_sets(result, oracle.best(enough, top=10, rank_by=rank_by), (k, min_users, rank_by))


# --- accuracy ------------------------------------------------------------------------------------------


def with_noise(offset: float, unit: float, seed: int) -> pl.DataFrame:
    """Float responses `offset` + small multiples of `unit`."""
    frame = sparse(50, 6, 0.7, seed=seed, scores=range(-20, 21))
    return frame.with_columns(score=offset + pl.col("score") * unit)


@pytest.mark.parametrize(
    ("offset", "unit"), [(0.0, 1 / 64), (1e9, 1 / 64), (-1e9, 1 / 64), (0.0, 0.1), (5.0, 1 / 3), (-7.5, 1e-3)]
)
def test_float_scores_agree_with_numpy(engine: str, offset: float, unit: float) -> None:
    frame = with_noise(offset, unit, seed=6)
    answers: dict[str, dict[str, float]] = {}
    for user, question, score in frame.rows():
        answers.setdefault(user, {})[question] = score
    for k in (1, 2, 3):
        result = sets(run(frame, engine, k=k, top=None))
        assert len(result) == comb(6, k)
        for one in result:
            common = [row for row in answers.values() if row.keys() >= set(one.questions)]
            x = np.array([sum(row[question] for question in one.questions) for row in common])
            t = np.array([sum(row.values()) for row in common])
            assert one.n_users == len(common)
            assert close(one.r, np.corrcoef(x, t)[0, 1]), (offset, unit, one)
            assert close(one.r_rest, np.corrcoef(x, t - x)[0, 1]), (offset, unit, one)


@pytest.mark.parametrize("exponent", [-1000, -700, 700, 1000])
def test_float_scores_of_any_magnitude(engine: str, exponent: int) -> None:
    """Squares of such scores are no floats any more, but a power of two in the unit changes no r."""
    frame = with_noise(0.0, 1 / 64, seed=6)
    scaled = frame.with_columns(pl.col("score") * 2.0**exponent)
    for rank_by in ("r", "r_rest"):
        one, other = (run(each, engine, k=2, rank_by=rank_by) for each in (frame, scaled))
        assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("parts", [1, 2, 4])
@pytest.mark.parametrize("options", [{}, {"rank_by": "alpha"}, {"total": "mean"}], ids=str)
def test_floats_in_whole_parts_of_a_point_are_exact(parts: int, options: dict[str, Any]) -> None:
    """As partial credit is given: halves and quarters are integers of another unit, which changes nothing."""
    floats = SMALL.with_columns(pl.col("score") / parts)
    assert_frame_equal(
        run(floats, k=3, top=None, **options), run(SMALL, k=3, top=None, **options), check_exact=True
    )


def test_float_totals_that_differ_by_rounding_are_constant(engine: str) -> None:
    """0.1 + 0.7 and 0.3 + 0.5 are not the same float, but they are the same total to a user."""
    assert 0.1 + 0.7 != 0.3 + 0.5
    frame = pl.DataFrame(
        {
            "user": ["a", "a", "a", "b", "b", "b"],
            "question": ["x", "y", "z"] * 2,
            "score": [0.1, 0.7, 0.4, 0.3, 0.5, 0.9],
        }
    )
    assert run(frame, engine, k=2).filter(pl.col("questions") == pl.lit(["x", "y"])).height == 0
    everything = {one.questions: one.r for one in sets(run(frame, engine, k=2, top=None))}
    assert everything == {("x", "y"): None, ("x", "z"): 1.0, ("y", "z"): 1.0}


@pytest.mark.parametrize("offset", [0, 2**53, -(2**53), 2**62])
def test_large_integers_are_exact(engine: str, offset: int) -> None:
    """Beyond 2^53 neighbouring integers are one float."""
    complete = sparse(20, 4, 1.0, seed=7, scores=range(5))
    frame = complete.with_columns(pl.col("score") + pl.lit(offset))
    for k in (1, 2, 3):
        assert_sets(run(frame, engine, k=k), expected(complete, k=k), f"offset {offset} k {k}")


def test_wide_integers_are_exact(engine: str) -> None:
    frame = sparse(30, 5, 0.8, seed=8, scores=[-(2**40), 2**40, 2**40 - 1, 12_345, 0])
    assert_sets(run(frame, engine, k=2, top=None), expected(frame, k=2, top=None))


def test_decimals_equal_scaled_integers(engine: str) -> None:
    integers = sparse(40, 6, 0.7, seed=9, scores=range(-30, 31))
    decimals = integers.with_columns(
        score=pl.Series([Decimal(score) / 100 for score in integers["score"]], dtype=pl.Decimal(20, 2))
    )
    for k in (1, 3):
        one, other = (run(frame, engine, k=k, top=None) for frame in (integers, decimals))
        assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize(
    "dtype",
    [
        pl.Boolean,
        pl.Int8,
        pl.Int16,
        pl.Int32,
        pl.UInt8,
        pl.UInt16,
        pl.UInt32,
        pl.UInt64,
        pl.Float32,
        pl.Float64,
    ],
)
def test_zeros_and_ones_of_any_dtype(engine: str, dtype: pl.DataType) -> None:
    integers = sparse(40, 6, 0.7, seed=10)
    other = integers.with_columns(pl.col("score").cast(dtype))
    assert_frame_equal(run(other, engine, k=2), run(integers, engine, k=2), check_exact=True)
