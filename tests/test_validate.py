"""Sets chosen on some users and evaluated on others, against the oracle and another library's hash."""

from __future__ import annotations

import random
from datetime import date
from decimal import Decimal
from typing import Any

import oracle
import polars as pl
import polars_corrset as pc
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from responses import SCHEMA, sparse
from test_bad_input import assert_message
from test_properties import KINDS, cases

VALIDATION = {
    "fold": pl.UInt32,
    "rank": pl.UInt32,
    **SCHEMA,
    "r_test": pl.Float64,
    "r_rest_test": pl.Float64,
    "n_users_test": pl.UInt32,
}
RESPONSES = sparse(60, 8, 0.7, seed=4, scores=(0, 1, 2))


def rows_of(wanted: list[oracle.Validated]) -> list[tuple[Any, ...]]:
    """The oracle's rows as the frame has them."""
    return [
        (fold, rank, list(chosen.questions), *chosen[1:4], test.r, test.r_rest, test.n_users)
        for fold, rank, chosen, test in wanted
    ]


def assert_as_oracle(result: pl.DataFrame, rows: list[Any], **options: Any) -> None:
    """Exact scores give equal rows, to the last bit."""
    assert list(result.columns) == list(VALIDATION)
    assert result.rows() == rows_of(oracle.validate(rows, **options))


# Of scores whose sums are exact, ties are ties.
@settings(max_examples=60)
@given(
    case=cases([name for name, kind in KINDS.items() if kind.exact]),
    k=st.integers(1, 3),
    options=st.fixed_dictionaries(
        {
            "folds": st.integers(2, 4),
            "seed": st.integers(0, 2**63 - 1),
            "top": st.integers(1, 5),
            "min_users": st.integers(2, 4),
            "rank_by": st.sampled_from(["r", "r_rest"]),
        }
    ),
)
def test_against_the_oracle(case: Any, k: int, options: dict[str, Any]) -> None:
    users = {user for user, question, score in case.rows if score is not None}
    assume(len(users) >= options["folds"])
    assert_as_oracle(pc.validate_corrsets(case.frame, k=k, **options), case.rows, k=k, **options)


@settings(max_examples=20)
@given(
    case=cases(["small integers", "zero or one"], repeats=True),
    policy=st.sampled_from(["first", "last", "sum", "mean", "min", "max"]),
)
def test_duplicates(case: Any, policy: str) -> None:
    users = {user for user, question, score in case.rows if score is not None}
    assume(len(users) >= 2)
    options = {"k": 2, "folds": 2, "seed": 0, "duplicates": policy}
    assert_as_oracle(pc.validate_corrsets(case.frame, **options), case.rows, **options)


GRADES = {user: None if user == "u7" else len(user) * 3 + int(user[1:]) % 5 for user in RESPONSES["user"]}
MINUTES = {
    question: index % 4 for index, question in enumerate(RESPONSES["question"].unique(maintain_order=True))
}
RICH = RESPONSES.with_columns(
    grade=pl.col("user").replace_strict(GRADES, return_dtype=pl.Int64),
    area=pl.col("question").replace_strict(MINUTES) % 2,
    minutes=pl.col("question").replace_strict(MINUTES),
)
AREAS = {question: minutes % 2 for question, minutes in MINUTES.items()}
FIRST, SECOND = list(MINUTES)[:2]


@pytest.mark.parametrize("rank_by", ["r", "alpha"])
@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({}, {}),
        ({"criterion": "grade"}, {"criterion": GRADES}),
        ({"total": "mean"}, {"total": "mean"}),
        (
            {"include": [SECOND], "exclude": [FIRST], "criterion": "grade"},
            {"wanted": oracle.constrained(include=[SECOND], exclude=[FIRST]), "criterion": GRADES},
        ),
        (
            {"domain": "area", "max_per_domain": 2, "cost": "minutes", "max_cost": 4},
            {"wanted": oracle.constrained(domain=AREAS, max_per_domain=2, cost=MINUTES, max_cost=4)},
        ),
    ],
    ids=["usual", "criterion", "mean", "include and exclude", "domain and cost"],
)
def test_takes_what_a_search_takes(options: dict[str, Any], same: dict[str, Any], rank_by: str) -> None:
    result = pc.validate_corrsets(RICH, k=3, top=4, folds=3, rank_by=rank_by, **options)
    wanted = oracle.validate(RESPONSES.rows(), k=3, top=4, folds=3, seed=0, rank_by=rank_by, **same)
    assert result.height == 12
    for name, values in {
        "questions": [list(one.chosen.questions) for one in wanted],
        "r": [one.chosen.r for one in wanted],
        "r_rest": [one.chosen.r_rest for one in wanted],
        "r_test": [one.test.r for one in wanted],
        "r_rest_test": [one.test.r_rest for one in wanted],
        "n_users_test": [one.test.n_users for one in wanted],
        **({"alpha_test": [one.test.alpha for one in wanted]} if rank_by == "alpha" else {}),
    }.items():
        # A mean is a float, and so is what comes of it.
        assert result[name].to_list() == (pytest.approx(values, abs=1e-12) if name != "questions" else values)


def test_is_lazy_as_its_frame_is(engine: str) -> None:
    query = pc.validate_corrsets(RESPONSES.lazy(), k=2)
    assert isinstance(query, pl.LazyFrame)
    assert query.collect_schema() == VALIDATION
    result = query.collect(engine=engine)
    assert result.schema == VALIDATION
    assert_as_oracle(result, RESPONSES.rows(), k=2, folds=5, seed=0)
    whole = pc.validate_corrsets(RESPONSES, k=2)
    assert isinstance(whole, pl.DataFrame)
    assert_frame_equal(result, whole, check_exact=True)
    kept = query.filter(pl.col("rank") == 1).select("fold", "r_test").collect(engine=engine)
    assert_frame_equal(kept, whole.filter(pl.col("rank") == 1).select("fold", "r_test"), check_exact=True)


def test_float_scores_are_evaluated_on_the_users_of_the_fold() -> None:
    """Which sets tie is rounding, so the sets are taken as they come and both sides recomputed."""
    noise = random.Random(2)
    frame = RESPONSES.with_columns(
        pl.col("score") + pl.Series([noise.gauss(0, 1) for _ in range(RESPONSES.height)])
    )
    result = pc.validate_corrsets(frame, k=3, top=4, folds=3, seed=8)
    fold_of = oracle.deal(frame["user"].unique(), 3, 8)
    assert result["fold"].to_list() == [fold for fold in range(3) for _ in range(4)]
    for fold in range(3):
        inside = pl.col("user").replace_strict(fold_of) == fold
        sets = result.filter(pl.col("fold") == fold)
        best = pc.top_corrsets(frame.filter(~inside), k=3, top=4)
        assert sets["r"].to_list() == best["r"].to_list()
        assert [set(one) for one in sets["questions"]] == [set(one) for one in best["questions"]]
        test = pc.evaluate_corrsets(frame.filter(inside), sets.select("questions"))
        assert (
            sets.select("r_test", "r_rest_test", "n_users_test").rows()
            == test.drop("questions", "alpha").rows()
        )


def test_alpha_is_there_where_it_ranks() -> None:
    query = pc.validate_corrsets(RESPONSES.lazy(), k=3, folds=2, rank_by="alpha")
    result = query.collect()
    assert result.schema == query.collect_schema()
    assert {"alpha", "alpha_test"} <= {*result.columns}
    for (_,), best in result.group_by("fold"):
        assert best.sort("rank")["alpha"].is_sorted(descending=True)


def test_a_set_that_nobody_of_the_fold_answered_is_null() -> None:
    """Each user lacks one of six questions, and only every other user has answered the other six."""
    users = range(12)
    own = [
        (user, question, (user * question) % 5)
        for user in users
        for question in range(12)
        if user != question
    ]
    only_odd = [row for row in own if row[0] % 2 or row[1] < 6]
    frame = pl.DataFrame(only_odd, schema=["user", "question", "score"], orient="row")
    options = {"k": 2, "folds": 6, "seed": 3, "top": 100}
    result = pc.validate_corrsets(frame, **options)
    assert_as_oracle(result, frame.rows(), **options)
    nobody = result.filter(pl.col("n_users_test") == 0)
    assert nobody.height > 0
    assert nobody["r_test"].null_count() == nobody["r_rest_test"].null_count() == nobody.height


# --- the split -------------------------------------------------------------------------------------------


def of_all(frame: pl.DataFrame, **options: Any) -> pl.DataFrame:
    """The validation of one question that every user has answered: its users are the fold's."""
    users = frame["user"].unique(maintain_order=True)
    everybodys = pl.DataFrame({"user": users, "question": "all", "score": range(len(users))})
    asked = pl.concat(
        [everybodys, everybodys.with_columns(question=pl.lit("rest"), score=1 - pl.col("score") ** 2)]
    )
    return pc.validate_corrsets(asked, k=1, top=1, **options)


@pytest.mark.parametrize(("users", "folds"), [(2, 2), (10, 2), (11, 3), (60, 7), (60, 60), (23, 22)])
def test_every_user_is_in_one_fold_and_folds_are_as_large_as_each_other(users: int, folds: int) -> None:
    result = of_all(pl.DataFrame({"user": range(users)}), folds=folds, min_users=2)
    if users > 3:
        assert result["fold"].to_list() == list(range(folds))
        assert result["n_users_test"].sum() == users
        assert set(result["n_users"] + result["n_users_test"]) == {users}
        assert result["n_users_test"].max() - result["n_users_test"].min() <= 1
    else:
        assert result.height == 0, "one user is too few to choose on"


def test_the_split_does_not_depend_on_the_order_of_the_rows(engine: str) -> None:
    """Scores of many values, so that no two sets tie."""
    frame = sparse(50, 6, 0.8, seed=9, scores=range(1000))
    wanted = pc.validate_corrsets(frame, k=2, top=3)
    questions = pl.col("questions").list.sort()
    for seed in range(3):
        shuffled = frame.sample(fraction=1, shuffle=True, seed=seed)
        pieces = pl.concat(
            [shuffled.slice(start, 17) for start in range(0, shuffled.height, 17)], rechunk=False
        )
        result = pc.validate_corrsets(pieces.lazy(), k=2, top=3).collect(engine=engine)
        assert_frame_equal(result.with_columns(questions), wanted.with_columns(questions), check_exact=True)


def test_another_seed_is_another_split() -> None:
    validations = [pc.validate_corrsets(RESPONSES, k=2, seed=seed) for seed in range(4)]
    for seed, one in enumerate(validations):
        assert_frame_equal(one, pc.validate_corrsets(RESPONSES, k=2, seed=seed), check_exact=True)
        assert not any(one.equals(other) for other in validations[:seed])


ALIKE = {
    "text": [pl.String, pl.Enum([f"u{user}" for user in range(60)]), pl.Categorical],
    "integers": [pl.Int64, pl.Int8, pl.UInt16, pl.Int128, pl.Decimal(20, 0)],
    "floats": [pl.Float64, pl.Float32],
    "dates": [pl.Date],
    "negative": [pl.Int64, pl.Int16],
    "Boolean": [pl.Boolean],
    "bytes": [pl.Binary],
}


@pytest.mark.parametrize("kind", ALIKE)
def test_the_split_is_that_of_the_ids(kind: str) -> None:
    """Of their value, whatever dtype has it, as documented."""
    number = pl.col("user").str.slice(1).cast(pl.Int64)
    ids = {
        "text": (pl.col("user"), str),
        "integers": (number, int),
        "floats": (number / 4, float),
        "dates": (number.cast(pl.Int32).cast(pl.Date), lambda day: (day - date(1970, 1, 1)).days),
        "negative": (-number, int),
        "Boolean": (number % 2 == 0, int),
        "bytes": (pl.col("user").cast(pl.Binary), lambda value: value.decode()),
    }
    values, as_hashed = ids[kind]
    frame = RESPONSES.with_columns(user=values)
    options = {"k": 2, "folds": 2, "seed": 5, "duplicates": "max"}
    wanted = rows_of(
        oracle.validate([(as_hashed(user), *rest) for user, *rest in frame.iter_rows()], **options)
    )
    assert kind == "Boolean" or len(wanted) == 20
    for dtype in ALIKE[kind]:
        result = pc.validate_corrsets(frame.with_columns(pl.col("user").cast(dtype)), **options)
        assert result.rows() == wanted, dtype


def test_integers_beyond_128_bits_are_dealt() -> None:
    if not hasattr(pl, "UInt128"):
        pytest.skip(f"Polars {pl.__version__} has no UInt128")
    wide = RESPONSES.with_columns(
        user=pl.col("user").str.slice(1).cast(pl.UInt128) + pl.lit(2**128 - 100, pl.UInt128)
    )
    assert pc.validate_corrsets(wide, k=2).height == 50


# --- what is passed on, and what is refused ---------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"k": 2, "top": 3, "rank_by": "r_rest"},
        {"k": 3, "min_users": 20},
        {"k": 2, "user": pl.col("user").str.to_uppercase(), "score": pl.col("score") * Decimal("0.1")},
        {"k": 1, "question": pl.col("question").cast(pl.Categorical)},
        {"k": 9},
    ],
    ids=str,
)
def test_takes_what_the_search_takes(engine: str, options: dict[str, Any]) -> None:
    names = {name: options.pop(name, pl.col(name)) for name in ("user", "question", "score")}
    result = pc.validate_corrsets(RESPONSES.lazy(), **names, **options).collect(engine=engine)
    rows = RESPONSES.select(**names).rows()
    assert_as_oracle(result, rows, folds=5, seed=0, **options)
    assert (result.height == 0) == (options["k"] == 9)


@pytest.mark.parametrize(
    ("options", "error", "parts"),
    [
        ({"folds": 1}, ValueError, ["`folds`", "at least 2", "1"]),
        ({"folds": 2.0}, TypeError, ["`folds`", "2.0"]),
        ({"seed": -1}, ValueError, ["`seed`", "at least 0", "-1"]),
        ({"seed": 2**63}, ValueError, ["`seed`", "at most 9223372036854775807", "9223372036854775808"]),
        ({"seed": "a"}, TypeError, ["`seed`", "'a'"]),
        ({"top": None}, TypeError, ["`top`", "None"]),
        ({"top": 0}, ValueError, ["`top`", "at least 1", "0"]),
        ({"k": 0}, ValueError, ["`k`", "at least 1", "0"]),
        ({"min_users": 1}, ValueError, ["`min_users`", "at least 2", "1"]),
        ({"rank_by": "n"}, ValueError, ["`rank_by`", "'n'"]),
        ({"duplicates": "any"}, ValueError, ["`duplicates`", "'any'"]),
        ({"progress": 1}, ValueError, ["`progress`", "1"]),
    ],
    ids=str,
)
def test_wrong_arguments(options: dict[str, Any], error: type[Exception], parts: list[str]) -> None:
    with pytest.raises(error) as caught:
        pc.validate_corrsets(RESPONSES.lazy(), **{"k": 2, **options})
    assert_message(caught.value, *parts)


def test_anything_but_a_frame_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="`frame` must be a Polars LazyFrame or DataFrame, got Series"):
        pc.validate_corrsets(RESPONSES["score"], k=2)


def test_more_folds_than_users(engine: str) -> None:
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        pc.validate_corrsets(RESPONSES.lazy(), k=2, folds=61).collect(engine=engine)
    assert_message(caught.value, "`folds`", "61 folds", "60 users")


def test_users_without_a_response_are_in_no_fold() -> None:
    silent = pl.DataFrame({"user": ["silent"], "question": ["q1"], "score": [None]}, schema=RESPONSES.schema)
    assert_frame_equal(
        pc.validate_corrsets(pl.concat([silent, RESPONSES]), k=2).sort("fold", "rank").drop("questions"),
        pc.validate_corrsets(RESPONSES, k=2).drop("questions"),
    )
    with pytest.raises(pl.exceptions.ComputeError, match="2 folds for 1 users"):
        pc.validate_corrsets(pl.concat([silent, RESPONSES.head(1)]), k=1, folds=2)


def test_no_rows_give_no_rows(engine: str) -> None:
    result = pc.validate_corrsets(RESPONSES.clear().lazy(), k=2).collect(engine=engine)
    assert result.schema == VALIDATION
    assert result.height == 0


@pytest.mark.parametrize("column", ["user", "question", "score"])
def test_unsuitable_dtypes_are_named(column: str) -> None:
    nested = RESPONSES.lazy().with_columns(pl.concat_list(column))
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        pc.validate_corrsets(nested, k=2).collect_schema()
    assert_message(caught.value, f"`{column}`", "list")
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        pc.validate_corrsets(pl.concat([RESPONSES, RESPONSES]), k=2)
    assert_message(caught.value, "2 responses of user", 'duplicates="error"')


# --- what it is for --------------------------------------------------------------------------------------


def test_noise_predicts_nothing_but_itself() -> None:
    """As the README shows: what looked perfect where it was chosen does not hold on other users."""
    noise = sparse(600, 30, 0.2, seed=3)
    result = pc.validate_corrsets(noise, k=3, top=1)
    assert result["r"].min() == 1
    known = result.filter(pl.col("n_users_test") > 0)
    assert known.height < 5 or known["r_rest_test"].mean() < 0.5
