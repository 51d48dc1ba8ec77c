"""Statistics of given sets. They come from the plugin's `evaluate_sets`."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

from polars_corrset._arguments import Duplicates, Total, check_frame, choice, level, total_of
from polars_corrset._expressions import FrameT, corrset
from polars_corrset._inputs import check_columns, inputs_of
from polars_corrset._internal import evaluate_sets
from polars_corrset._source import selected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polars._typing import IntoExpr

# The column of `sets` that says what the sets are.
_SETS = "questions"


def evaluate_corrsets(
    frame: pl.LazyFrame | pl.DataFrame,
    sets: FrameT,
    *,
    user: IntoExpr = "user",
    question: IntoExpr = "question",
    score: IntoExpr = "score",
    criterion: IntoExpr | None = None,
    total: Total = "sum",
    duplicates: Duplicates = "error",
    confidence: float | None = None,
    suffix: str = "",
) -> FrameT:
    """The statistics of given sets of questions, such as forms in use, or the best sets of other users.

    Parameters
    ----------
    frame
        Responses in long form, one row per user and question.
    sets
        One row per set: a LazyFrame or a DataFrame with a List or Array column `questions`. Sets may differ
        in length; each has at least one question, and none twice. The questions' dtype is that of the
        question column, or both are text (String, Enum, Categorical), or both are integers.
    user, question, score, criterion, total, duplicates
        As in :func:`corrset`.
    confidence
        The level, between 0 and 1, of a confidence interval of r, such as 0.95; `None` for none.
    suffix
        Ends the names of the columns that are added, for `sets` that have columns of these names already,
        such as the result of a search on other data.

    Returns
    -------
    LazyFrame or DataFrame
        The kind of `sets`: its rows and columns as they are, and after them

        - `r`, `r_rest` (Float64): as in :func:`corrset`, and the same to the last bit;
        - `alpha` (Float64): Cronbach's alpha of the set over its common users [1]_, for the scores x_i on its
          k questions and the set total X: k/(k − 1) · (1 − Σ var(x_i) / var(X)); null for one question, and
          where the set total is constant;
        - `n_users` (UInt32): as in :func:`corrset`;
        - with `confidence`, `r_low` and `r_high` (Float64): tanh(atanh r ± z/√(n − 3)) for n common users,
          where z is the quantile of the normal distribution [2]_; null where r is, and for n ≤ 3.

        A set with fewer than two common users is there with nulls. A LazyFrame is computed when it is
        collected.

    Raises
    ------
    TypeError, ValueError
        When an argument alone is wrong, at once.
    polars.exceptions.ColumnNotFoundError, polars.exceptions.DuplicateError
        When `sets` has no column `questions`, or has one already that would be added.
    polars.exceptions.ComputeError
        As in :func:`corrset`; and, with the row, for a set that is null, empty, or has a question that is
        null, there twice, or nobody's in the data.

    See Also
    --------
    validate_corrsets : Sets chosen and evaluated on different users of one frame.

    Notes
    -----
    The interval is that of one set that was fixed before its users were looked at, and of pairs that are
    about normal. It does not hold for a set selected on the same users: the best of many sets is there
    because chance was kind to it on these very users, and the interval knows of one set only. Evaluate a
    selected set on others.

    References
    ----------
    .. [1] L. J. Cronbach, "Coefficient alpha and the internal structure of tests", Psychometrika 16, 1951.
    .. [2] R. A. Fisher, "On the probable error of a coefficient of correlation deduced from a small sample",
       Metron 1, 1921.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_corrset as pc
    >>> def answered(scores: dict[str, list[int]]) -> pl.DataFrame:
    ...     cells = [(user, *cell) for user, row in scores.items() for cell in zip("wxyz", row)]
    ...     return pl.DataFrame(cells, schema=["user", "question", "score"], orient="row")
    >>> last = answered({"a": [1, 0, 3, 1], "b": [2, 2, 1, 0], "c": [3, 1, 4, 2], "d": [4, 3, 2, 2]})
    >>> this = answered({"e": [2, 1, 2, 1], "f": [4, 1, 4, 3], "g": [0, 2, 1, 0], "h": [3, 3, 2, 1]})
    >>> best = pc.top_corrsets(last, k=2, top=2).select("questions", "r")
    >>> pc.evaluate_corrsets(this, best, suffix="_test")
    shape: (2, 6)
    ┌────────────┬──────────┬──────────┬─────────────┬────────────┬──────────────┐
    │ questions  ┆ r        ┆ r_test   ┆ r_rest_test ┆ alpha_test ┆ n_users_test │
    │ ---        ┆ ---      ┆ ---      ┆ ---         ┆ ---        ┆ ---          │
    │ list[str]  ┆ f64      ┆ f64      ┆ f64         ┆ f64        ┆ u32          │
    ╞════════════╪══════════╪══════════╪═════════════╪════════════╪══════════════╡
    │ ["w", "z"] ┆ 0.997446 ┆ 0.98387  ┆ 0.8         ┆ 0.92       ┆ 4            │
    │ ["x", "y"] ┆ 0.991837 ┆ 0.894427 ┆ 0.8         ┆ -1.75      ┆ 4            │
    └────────────┴──────────┴──────────┴─────────────┴────────────┴──────────────┘
    """
    check_frame("frame", frame)
    check_frame("sets", sets)
    if not isinstance(suffix, str):
        msg = f"`suffix` must be a string, got {suffix!r} of type {type(suffix).__name__}"
        raise TypeError(msg)
    options = {
        "duplicates": choice("duplicates", duplicates, Duplicates),
        "total": total_of(total, has_criterion=criterion is not None),
        "deviations": None if confidence is None else _deviations(level("confidence", confidence)),
    }
    given = {"user": user, "question": question, "score": score, "criterion": criterion}
    check_columns(frame, **given)
    inputs = inputs_of(**given)
    expression = corrset(user, question, score, k=1, criterion=criterion)
    responses = frame.lazy().select(**{one.role: one.column for one in inputs})

    def statistics(read: pl.DataFrame, lists: pl.Series) -> pl.DataFrame:
        columns = [(one.role, read[one.role].alias(one.name or one.role)) for one in inputs]
        return evaluate_sets(columns, lists, options).rename(lambda name: name + suffix)

    def schema() -> pl.Schema:
        # What is wrong with the dtypes of the responses is said as everywhere else.
        frame.lazy().select(expression).collect_schema()
        known = sets.lazy().collect_schema()
        if _SETS not in known:
            msg = f"`sets` must have a column {_SETS!r} with the questions of each set, got {list(known)}"
            raise pl.exceptions.ColumnNotFoundError(msg)
        added = statistics(
            pl.DataFrame(schema=responses.collect_schema()), pl.Series(dtype=known[_SETS])
        ).schema
        if clashes := [name for name in added if name in known]:
            msg = (
                f"`sets` has columns already that would be added: {clashes}; "
                f"tell them apart with `suffix`, as in suffix='_test', or drop them"
            )
            raise pl.exceptions.DuplicateError(msg)
        return pl.Schema({**known, **added})

    def evaluated(rows: pl.DataFrame) -> pl.DataFrame:
        read = responses.collect(engine="streaming")
        return rows.hstack(statistics(read, rows[_SETS]))

    if isinstance(sets, pl.DataFrame):
        schema()
        return evaluated(sets)

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,  # noqa: ARG001, all sets are evaluated at once
    ) -> Iterator[pl.DataFrame]:
        planned = schema()
        # Here and not in an iterator, as in a scan.
        found = evaluated(sets.collect(engine="streaming"))
        wanted = list(planned) if with_columns is None else with_columns
        return selected(iter([found]), predicate, wanted, n_rows)

    return register_io_source(source, schema=schema)


def _deviations(confidence: float) -> float:
    """The standard deviations from the mean within which a normal value lies at that confidence."""
    # By the lower tail, since (1 + confidence) / 2 may round to 1.
    return -NormalDist().inv_cdf((1 - confidence) / 2)
