"""Statistics of given sets: against the oracle, the search, and other people's packages."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import Any

import dtype_cases
import oracle
import pandas as pd
import polars as pl
import polars_corrset as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from responses import close, sparse
from test_bad_input import assert_message
from test_properties import KINDS, cases

ADDED = {"r": pl.Float64, "r_rest": pl.Float64, "alpha": pl.Float64, "n_users": pl.UInt32}
RESPONSES = sparse(40, 7, 0.7, seed=6, scores=(0, 1, 2))
SETS = pl.DataFrame(
    {
        "form": ["A", "B", "C", "D"],
        "questions": [["q3", "q0"], ["q6"], ["q1", "q2", "q3", "q4"], ["q0", "q3"]],
        "year": [2021, 2022, None, 2024],
    }
)
REAL = Path(__file__).parents[2] / "shared" / "data"


def evaluated(result: pl.DataFrame) -> list[oracle.Evaluated]:
    """The added columns, row by row."""
    return [oracle.Evaluated(*row) for row in result.select(*ADDED).iter_rows()]


def assert_as_oracle(
    found: oracle.Evaluated, wanted: oracle.Evaluated, *, exact: bool, about: object
) -> None:
    """Equal where sums are exact, else as promised; alpha has no bound below, so that goes by its size."""
    if exact:
        assert found == wanted, about
        return
    assert found.n_users == wanted.n_users, about
    assert close(found.r, wanted.r), (about, found, wanted)
    assert close(found.r_rest, wanted.r_rest), (about, found, wanted)
    assert (found.alpha is None) == (wanted.alpha is None), (about, found, wanted)
    if wanted.alpha is not None:
        size = max(1, abs(wanted.alpha))
        assert close(found.alpha / size, wanted.alpha / size), (about, found, wanted)


@settings(max_examples=150)
@given(case=cases(), data=st.data())
def test_against_the_oracle(case: Any, data: st.DataObject) -> None:
    """Sets of any length, in any order, each question once."""
    questions = list(dict.fromkeys(question for _, question, score in case.rows if score is not None))
    one = st.lists(st.sampled_from(questions or [""]), unique=True, min_size=1)
    sets = data.draw(st.lists(one, max_size=8 if questions else 0))
    frame = pl.DataFrame({"questions": sets}, schema={"questions": pl.List(pl.String)})
    result = pc.evaluate_corrsets(case.frame, frame)
    assert result.schema == {"questions": pl.List(pl.String), **ADDED}
    assert result["questions"].to_list() == sets
    wanted = oracle.evaluate(case.rows, sets)
    for found, one_wanted, questions in zip(evaluated(result), wanted, sets, strict=True):
        assert_as_oracle(found, one_wanted, exact=KINDS[case.kind].exact, about=(case.kind, questions))


@pytest.mark.parametrize("whole", ["criterion", "mean"])
def test_against_something_else(whole: str) -> None:
    """A criterion, which some users lack, or mean totals."""
    grades = {user: None if user == "u3" else int(user[1:]) ** 2 % 11 for user in RESPONSES["user"]}
    frame = RESPONSES.with_columns(grade=pl.col("user").replace_strict(grades, return_dtype=pl.Int64))
    is_criterion = whole == "criterion"
    options: dict[str, Any] = {"criterion": "grade"} if is_criterion else {"total": "mean"}
    same: dict[str, Any] = {"criterion": grades} if is_criterion else {"total": "mean"}
    result = pc.evaluate_corrsets(frame, SETS, **options)
    wanted = oracle.evaluate(RESPONSES.rows(), SETS["questions"].to_list(), **same)
    for found, one in zip(evaluated(result), wanted, strict=True):
        assert_as_oracle(found, one, exact=is_criterion, about=one)
    assert result["r"].null_count() == 0
    assert (result["r_rest"].null_count() == len(SETS)) == is_criterion


@settings(max_examples=80)
@given(case=cases(), k=st.integers(1, 4))
def test_is_what_the_search_reports_to_the_last_bit(case: Any, k: int) -> None:
    every = pc.top_corrsets(case.frame, k=k, top=None)
    again = pc.evaluate_corrsets(case.frame, every.select("questions")).drop("alpha")
    assert_frame_equal(again, every, check_exact=True)


@given(
    case=cases(["small integers", "tenths"], repeats=True),
    policy=st.sampled_from(["first", "last", "sum", "mean", "min", "max"]),
)
@settings(max_examples=40)
def test_duplicates(case: Any, policy: str) -> None:
    every = pc.top_corrsets(case.frame, k=2, top=None, duplicates=policy)
    again = pc.evaluate_corrsets(case.frame, every.select("questions"), duplicates=policy)
    assert_frame_equal(again.drop("alpha"), every, check_exact=True)
    wanted = oracle.evaluate(case.rows, every["questions"].to_list(), duplicates=policy)
    for found, one in zip(evaluated(again), wanted, strict=True):
        assert_as_oracle(found, one, exact=KINDS[case.kind].exact, about=(case.kind, policy))


# --- frames ----------------------------------------------------------------------------------------------


def test_rows_and_columns_of_sets_are_kept() -> None:
    result = pc.evaluate_corrsets(RESPONSES, SETS)
    assert result.schema == {**SETS.schema, **ADDED}
    assert_frame_equal(result.select(SETS.columns), SETS)
    assert evaluated(result) == oracle.evaluate(RESPONSES.rows(), SETS["questions"].to_list())
    assert result["r"][0] == result["r"][3], "the order of the questions does not matter"


def test_is_lazy_as_its_sets_are(engine: str) -> None:
    wanted = pc.evaluate_corrsets(RESPONSES, SETS)
    for frame in (RESPONSES, RESPONSES.lazy()):
        assert_frame_equal(pc.evaluate_corrsets(frame, SETS), wanted, check_exact=True)
        query = pc.evaluate_corrsets(frame, SETS.lazy())
        assert isinstance(query, pl.LazyFrame)
        assert query.collect_schema() == wanted.schema
        assert_frame_equal(query.collect(engine=engine), wanted, check_exact=True)


def test_a_query_takes_what_it_wants(engine: str) -> None:
    wanted = pc.evaluate_corrsets(RESPONSES, SETS)
    query = pc.evaluate_corrsets(RESPONSES.lazy(), SETS.lazy())
    for change in (
        lambda frame: frame.filter(pl.col("r") > 0.5).select("form", "alpha"),
        lambda frame: frame.head(2),
        lambda frame: frame.select("r").head(3).filter(pl.col("r") > 0),
        lambda frame: frame.select(pl.len()),
        lambda frame: frame.sort("n_users", "form"),
    ):
        assert_frame_equal(change(query).collect(engine=engine), change(wanted), check_exact=True)


def test_nothing_is_computed_before_it_is_collected(engine: str) -> None:
    unknown = pl.LazyFrame({"questions": [["q0"], ["what?"]]})
    query = pc.evaluate_corrsets(RESPONSES.lazy(), unknown)
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        query.collect(engine=engine)
    assert_message(caught.value, "row 1", '"what?"', "question")


def test_sets_of_a_search_in_the_same_query(engine: str) -> None:
    """Chosen on some users, evaluated on the others, all of it lazy."""
    half = pl.col("user").str.slice(1).cast(pl.Int64) % 2 == 0
    best = pc.top_corrsets(RESPONSES.lazy().filter(half), k=2)
    query = pc.evaluate_corrsets(RESPONSES.lazy().filter(~half), best, suffix="_test")
    result = query.collect(engine=engine)
    assert result.columns == ["questions", "r", "r_rest", "n_users", *(f"{name}_test" for name in ADDED)]
    assert_frame_equal(result.select("questions", "r", "r_rest", "n_users"), best.collect(), check_exact=True)
    others = RESPONSES.filter(~half).rows()
    found = evaluated(result.select(pl.col("^.*_test$").name.map(lambda name: name.removesuffix("_test"))))
    assert found == oracle.evaluate(others, result["questions"].to_list())


def test_no_sets_give_no_rows(engine: str) -> None:
    for dtype in (pl.List(pl.String), pl.List(pl.Null), pl.Array(pl.String, 2)):
        none = pl.DataFrame(schema={"questions": dtype, "form": pl.Int8})
        result = pc.evaluate_corrsets(RESPONSES, none.lazy(), confidence=0.9).collect(engine=engine)
        assert result.schema == {**none.schema, **ADDED, "r_low": pl.Float64, "r_high": pl.Float64}
        assert result.height == 0
    assert pc.evaluate_corrsets(RESPONSES.clear(), SETS.clear()).height == 0


def test_sets_of_too_few_users_are_there_with_nulls() -> None:
    rows = [("a", "x", 1), ("b", "x", 2), ("a", "y", 1), ("b", "z", 4), ("c", "w", 1)]
    frame = pl.DataFrame(rows, schema=["user", "question", "score"], orient="row")
    sets = pl.DataFrame({"questions": [["x", "y"], ["y", "z"], ["x"], ["w"]]})
    result = pc.evaluate_corrsets(frame, sets, confidence=0.95)
    assert result.drop("questions").rows() == [
        (None, None, None, 1, None, None),
        (None, None, None, 0, None, None),
        (1.0, 1.0, None, 2, None, None),
        (None, None, None, 1, None, None),
    ]


def test_many_sets_on_several_threads_are_those_of_one() -> None:
    frame = sparse(300, 30, 0.5, seed=5)
    every = pl.concat([pc.top_corrsets(frame, k=k, top=None) for k in (1, 2, 3)])
    result = pc.evaluate_corrsets(frame, every.select("questions").sample(fraction=1, shuffle=True, seed=1))
    assert result.height == sum(math.comb(30, k) for k in (1, 2, 3))
    again = every.select("questions").join(result, on="questions", how="left", maintain_order="left")
    assert_frame_equal(again.drop("alpha"), every, check_exact=True)


# --- the questions of `sets` -------------------------------------------------------------------------------


def test_lists_and_arrays_in_pieces_are_the_same() -> None:
    pairs = SETS.filter(pl.col("questions").list.len() == 2)
    arrays = pairs.cast({"questions": pl.Array(pl.String, 2)})
    wanted = pc.evaluate_corrsets(RESPONSES, pairs).drop("questions")
    assert_frame_equal(pc.evaluate_corrsets(RESPONSES, arrays).drop("questions"), wanted)
    whole = pc.evaluate_corrsets(RESPONSES, SETS)
    pieces = pl.concat([SETS.slice(2), SETS.slice(0, 1), SETS.slice(1, 1)], rechunk=False)
    assert_frame_equal(pc.evaluate_corrsets(RESPONSES, pieces), whole[[2, 3, 0, 1]])
    assert_frame_equal(pc.evaluate_corrsets(RESPONSES, SETS.slice(1, 2)), whole.slice(1, 2))


@pytest.mark.parametrize("name", dtype_cases.columns())
def test_every_dtype_of_questions(name: str) -> None:
    """What the search gives can be given back, whatever dtype it has."""
    column = dtype_cases.columns()[name]()
    frame = dtype_cases.frame("question", column)
    try:
        every = pc.top_corrsets(frame, k=1, top=None, duplicates="max")
    except pl.exceptions.ComputeError as refused:
        sets = pl.DataFrame({"questions": [["x"]]})
        with pytest.raises(pl.exceptions.ComputeError) as caught:
            pc.evaluate_corrsets(frame, sets, duplicates="max")
        assert_message(caught.value, "`question`", str(refused).split(": ")[-1].split("\n")[0][:40])
        return
    assert every.height > 0 or name == "Null"
    again = pc.evaluate_corrsets(frame, every.select("questions"), duplicates="max")
    assert_frame_equal(again.drop("alpha"), every, check_exact=True)


TEXTS = [pl.String, pl.Categorical, pl.Enum([f"q{question}" for question in range(9)])]
OTHER_ENUM = pl.Enum([f"q{question}" for question in reversed(range(7))])


@pytest.mark.parametrize("of", [*TEXTS, OTHER_ENUM], ids=str)
@pytest.mark.parametrize("given", [*TEXTS, OTHER_ENUM], ids=str)
def test_texts_are_the_same_by_their_letters(of: pl.DataType, given: pl.DataType) -> None:
    frame = RESPONSES.cast({"question": of})
    result = pc.evaluate_corrsets(frame, SETS.cast({"questions": pl.List(given)}))
    assert result.schema["questions"] == pl.List(given)
    assert evaluated(result) == evaluated(pc.evaluate_corrsets(RESPONSES, SETS))


@pytest.mark.parametrize("of", [pl.Int64, pl.UInt8, pl.Int128], ids=str)
@pytest.mark.parametrize("given", [pl.Int64, pl.UInt64, pl.Int16], ids=str)
def test_integers_are_the_same_by_their_value(of: pl.DataType, given: pl.DataType) -> None:
    frame = RESPONSES.with_columns(pl.col("question").str.slice(1).cast(of))
    sets = SETS.with_columns(pl.col("questions").list.eval(pl.element().str.slice(1).cast(given)))
    assert evaluated(pc.evaluate_corrsets(frame, sets)) == evaluated(pc.evaluate_corrsets(RESPONSES, SETS))
    beyond = pl.DataFrame({"questions": [[3, 300]]}, schema={"questions": pl.List(given)})
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        pc.evaluate_corrsets(frame, beyond)
    assert_message(caught.value, "row 0", "question 300")


@pytest.mark.parametrize(
    ("sets", "parts"),
    [
        ([["q0"], None], ["row 1", "null"]),
        ([["q0"], []], ["row 1", "empty list", "at least one"]),
        ([[], ["q0"]], ["row 0", "empty list"]),
        ([["q0"], ["q1", None]], ["row 1", "a null among its questions"]),
        ([["q0"], ["q1"], ["q2", "q3", "q2"]], ["row 2", '"q2" twice']),
        ([["q0"], ["q1", "q77"]], ["row 1", '"q77"', 'column "question"']),
        ([[0, 1]], ["i64", "str", 'column "question"', "cast"]),
        ([["q0\0"]], ["row 0"]),
    ],
    ids=str,
)
def test_wrong_sets_are_named(engine: str, sets: list[Any], parts: list[str]) -> None:
    frame = pl.DataFrame({"questions": sets})
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        pc.evaluate_corrsets(RESPONSES, frame)
    assert_message(caught.value, *parts)
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        pc.evaluate_corrsets(RESPONSES, frame.lazy()).collect(engine=engine)
    assert_message(caught.value, *parts)


def test_the_row_of_a_wrong_set_is_counted_in_the_whole() -> None:
    pieces = pl.concat(
        [SETS.select("questions").slice(1)] * 3 + [pl.DataFrame({"questions": [["q0", "?"]]})], rechunk=False
    )
    with pytest.raises(pl.exceptions.ComputeError, match="row 9 "):
        pc.evaluate_corrsets(RESPONSES, pieces)
    with pytest.raises(pl.exceptions.ComputeError, match="row 1 "):
        pc.evaluate_corrsets(RESPONSES, pieces.slice(8))


# --- arguments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "parts"),
    [
        ({"confidence": 1}, ValueError, ["`confidence`", "between 0 and 1", "1"]),
        ({"confidence": 0.0}, ValueError, ["`confidence`", "0.0"]),
        ({"confidence": math.nan}, ValueError, ["`confidence`", "nan"]),
        ({"confidence": 95}, ValueError, ["`confidence`", "95"]),
        ({"confidence": True}, TypeError, ["`confidence`", "True"]),
        ({"confidence": "0.95"}, TypeError, ["`confidence`", "'0.95'"]),
        ({"duplicates": "any"}, ValueError, ["`duplicates`", "'any'"]),
        ({"suffix": None}, TypeError, ["`suffix`", "None"]),
        ({"frame": RESPONSES["score"]}, TypeError, ["`frame`", "LazyFrame", "Series"]),
        ({"sets": SETS["questions"]}, TypeError, ["`sets`", "LazyFrame", "Series"]),
        ({"sets": [["q0"]]}, TypeError, ["`sets`", "list"]),
    ],
    ids=str,
)
def test_wrong_arguments(options: dict[str, Any], error: type[Exception], parts: list[str]) -> None:
    options = {"frame": RESPONSES, "sets": SETS.lazy(), **options}
    with pytest.raises(error) as caught:
        pc.evaluate_corrsets(options.pop("frame"), options.pop("sets"), **options)
    assert_message(caught.value, *parts)


def test_columns_are_not_replaced() -> None:
    best = pc.top_corrsets(RESPONSES, k=2)
    with pytest.raises(pl.exceptions.DuplicateError) as caught:
        pc.evaluate_corrsets(RESPONSES, best)
    assert_message(caught.value, "'r'", "'r_rest'", "'n_users'", "`suffix`")
    twice = pc.evaluate_corrsets(RESPONSES, best, suffix="_again")
    with pytest.raises(pl.exceptions.DuplicateError, match="'alpha_again'"):
        pc.evaluate_corrsets(RESPONSES, twice, suffix="_again")
    # Planning a query raises the same in other words.
    with pytest.raises(pl.exceptions.PolarsError, match="suffix"):
        pc.evaluate_corrsets(RESPONSES, best.lazy()).collect()


def test_sets_without_questions_are_refused() -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=r"'questions'.*'form', 'year'"):
        pc.evaluate_corrsets(RESPONSES, SETS.drop("questions"))
    with pytest.raises(
        pl.exceptions.ComputeError, match="must have lists of questions, not values of dtype str"
    ):
        pc.evaluate_corrsets(RESPONSES, SETS.explode("questions"))


def test_wrong_responses_are_refused_as_everywhere() -> None:
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        pc.evaluate_corrsets(pl.concat([RESPONSES, RESPONSES]), SETS)
    assert_message(caught.value, "2 responses of user", 'duplicates="error"')
    infinite = RESPONSES.with_columns(pl.col("score") / 0)
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        pc.evaluate_corrsets(infinite, SETS)
    assert_message(caught.value, "`score`", "finite")
    huge = RESPONSES.with_columns(pl.col("score").cast(pl.Int128) * 2**62)
    with pytest.raises(pl.exceptions.ComputeError) as caught:
        pc.evaluate_corrsets(huge, SETS)
    assert_message(caught.value, "`score`", "overflow")


# --- confidence ------------------------------------------------------------------------------------------

# Ten people's ratings of five items, and what pingouin 0.7.0 (cronbach_alpha) and SciPy 1.17.1 (pearsonr and
# its confidence_interval) make of sets of these. They would come with 500 MB of other packages.
RATINGS = [
    *[[4, 2, 5, 1, 3], [3, 3, 4, 2, 2], [5, 4, 5, 3, 5], [1, 1, 2, 2, 1], [2, 3, 3, 1, 2]],
    *[[4, 5, 5, 4, 4], [3, 2, 2, 3, 1], [5, 5, 4, 4, 5], [2, 1, 3, 2, 3], [4, 3, 5, 5, 4]],
]
RATED = pl.DataFrame(
    [
        (user, item, rating)
        for user, row in enumerate(RATINGS)
        for item, rating in zip("abcde", row, strict=True)
    ],
    schema=["user", "question", "score"],
    orient="row",
)
ALPHA = {"abcde": 0.9041163018621365, "ab": 0.8636363636363635, "bde": 0.8259803921568628}
R_AND_REST = {"ab": (0.9510889940207521, 0.8518908052255306), "bde": (0.9702266827397733, 0.81275416437102)}
INTERVALS = {
    0.95: {"ab": (0.8013141815087841, 0.988669625330905), "bde": (0.8753099034163643, 0.9931545167595165)},
    0.8: {"ab": (0.8760887191547194, 0.9811496748517263), "bde": (0.9234203811556323, 0.988594108936577)},
}


@pytest.mark.parametrize("confidence", INTERVALS)
def test_against_pingouin_and_scipy(confidence: float) -> None:
    sets = pl.DataFrame({"questions": [list(items) for items in ALPHA]})
    result = pc.evaluate_corrsets(RATED, sets, confidence=confidence)
    assert result["alpha"].to_list() == pytest.approx(list(ALPHA.values()), abs=1e-12)
    whole, *parts = result.select("r", "r_rest", "r_low", "r_high").rows()
    assert whole == (1, None, 1, 1)
    for (r, r_rest, low, high), items in zip(parts, R_AND_REST, strict=True):
        assert (r, r_rest) == pytest.approx(R_AND_REST[items], abs=1e-12)
        assert (low, high) == pytest.approx(INTERVALS[confidence][items], abs=1e-12)


def test_an_interval_needs_four_users() -> None:
    sets = pl.DataFrame({"questions": [["a", "b"]]})
    for users in (3, 4):
        result = pc.evaluate_corrsets(RATED.filter(pl.col("user") < users), sets, confidence=0.5, suffix="_x")
        assert result.columns[-2:] == ["r_low_x", "r_high_x"]
        low, r, high = result.select("r_low_x", "r_x", "r_high_x").row(0)
        assert r is not None
        assert (low is None and high is None) if users == 3 else low < r < high


def test_a_confidence_next_to_1() -> None:
    sets = pl.DataFrame({"questions": [["a", "b"]]})
    confidence = math.nextafter(1, 0)
    result = pc.evaluate_corrsets(RATED, sets, confidence=confidence)
    low, r, high = map(math.atanh, result.select("r_low", "r", "r_high").row(0))
    assert high - r == pytest.approx(r - low)
    # By Fisher's z of ten users.
    deviations = (r - low) * math.sqrt(10 - 3)
    assert math.erfc(deviations / math.sqrt(2)) == pytest.approx(1 - confidence, rel=1e-6)


# --- real responses --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ability", "medical", "fraction"])
def test_real_responses_against_pandas(name: str) -> None:
    """Item analysis as textbooks have it, on a covariance matrix by pandas."""
    path = REAL / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"the data set {name}.parquet is not there, but belongs into {REAL.resolve()}")
    frame = pl.read_parquet(path)
    wide = pd.DataFrame(frame.to_dict(as_series=False)).pivot(
        index="user", columns="question", values="score"
    )
    items = list(wide.columns)
    sets = [
        *([item] for item in items),
        *(list(pair) for pair in combinations(items[:5], 2)),
        *(items, items[::3], items[1:6]),
    ]
    result = pc.evaluate_corrsets(frame, pl.DataFrame({"questions": sets}))
    # Of so many sets, users with the same answer pattern are summed up.
    many = pl.DataFrame({"questions": sets + [list(pair) for pair in combinations(items, 2)] * 2})
    assert_frame_equal(pc.evaluate_corrsets(frame, many).head(len(sets)), result, check_exact=True)
    for chosen, found in zip(sets, evaluated(result), strict=True):
        scores = wide[chosen].dropna()
        x, t = scores.sum(axis=1), wide.sum(axis=1)[scores.index]
        covariance = scores.cov().to_numpy()
        k = len(chosen)
        assert found.n_users == len(scores)
        assert found.r == pytest.approx(x.corr(t), abs=1e-12)
        rest = t - x
        # Of one question this is the corrected item-total correlation.
        wanted = None if rest.nunique() == 1 else pytest.approx(x.corr(rest), abs=1e-12)
        assert found.r_rest == wanted
        if k == 1:
            assert found.alpha is None
        else:
            alpha = k / (k - 1) * (1 - covariance.trace() / covariance.sum())
            assert found.alpha == pytest.approx(alpha, abs=1e-12)
