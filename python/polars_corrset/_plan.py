"""What a search would cost and could find, before it runs. The figures are the plugin's."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from polars_corrset._arguments import Duplicates, RankBy, Total, check_frame
from polars_corrset._chance import chance_r
from polars_corrset._constraints import constraints_of
from polars_corrset._expressions import NAME, plugin, search_of
from polars_corrset._inputs import check_columns, inputs_of, read_inputs
from polars_corrset._internal import plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    import polars as pl
    from polars._typing import IntoExpr

# Above that a number of sets is shown rounded.
_LONGEST_COUNT = 10**18

_TIMES = [("ms", 1e-3), ("s", 1.0), ("min", 60.0), ("h", 3600.0), ("days", 86_400.0), ("years", 31_557_600.0)]
_SIZES = ["bytes", "kB", "MB", "GB", "TB", "PB"]


@dataclass(frozen=True, repr=False)
class Plan:
    """What a search would cost and could find: see :func:`plan_corrsets`.

    Attributes
    ----------
    k, top, min_users
        As asked for.
    users, questions, responses
        How many there are, also of excluded questions. Rows with a null are none, and what `duplicates` makes
        one is one.
    answered
        Share of all cells, users times questions, that are answered; 0 if there is no cell.
    sets
        How many sets there are: C(questions, k), or how many of them `include`, `exclude` and the bounds of
        `domain` leave. For `cost`, questions that no set can have count as excluded, and nothing else.
    rows
        The result has at most so many: no more than `top`, nor than `sets`, nor than the responses can
        support with `min_users` each.
    result_bytes
        Memory of so many rows, both as the search finds them and as a frame.
    matrix_bytes
        Memory of the responses as the search holds them.
    enough_users
        Share of the sets that have at least `min_users` common users, in a random sample of 30 to 1000 sets,
        the same on every run. Each set is equally likely to be in it; with `domain` or `cost` sets are made
        question by question, each equally likely among those that the set can still have. None if there is
        no set.
    n_users
        Common users of a typical set: the median over the sampled sets with enough of them. None if there
        is none.
    s
        Standard deviation of the set total over that of the grand total, the median over the same sets: the r
        that a typical set would have if it had nothing to do with the rest. With `total="mean"`, that of the
        set total over the mean number of answers; with a `criterion`, of which the set is no part, 0. None if
        there is none.
    chance_r
        About the r that the best of the sets with enough users would have by chance, if no question had to
        do with any other: tanh(atanh(s) + √(2 ln M)/√(n − 3)), with M of these sets, `n_users` and `s`; and
        0 instead of s if `rank_by` is `"r_rest"`. The largest of M normal deviates, on Fisher's scale: a rule
        of thumb, not a test. None if there is no such set, and if `rank_by` is `"alpha"`, which is no
        correlation.
    strategy
        `"projection"`: each prefix of a set keeps its users; `"moments"`: users are summed up before the
        search; `"bound"`: and most sets are ruled out unseen. None if there is no set. With `top=None` it is
        also that of :func:`scan_corrsets`; but `"bound"` where everybody answered everything and the query
        wants `r`, `r_rest` or `alpha` above a positive number.
    instruction_set
        `"portable"`, `"avx2"` or `"avx512"`.
    threads
        On how many the search runs.
    seconds
        What the search takes, about, after the responses are read, on the machine as busy as it is. A search
        of a tenth of a second is run and timed; of a longer one random parts are (D. E. Knuth, Math.
        Comp. 29, 1975), for 0.2 seconds. Too high for a `top` of many thousands. None where it cannot be
        told: where the parts differ too much or one takes a second, as it happens with `"bound"`, or where
        the search would be refused.
    refusal
        The error with which the search would end before it begins; None if it would not.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_corrset as pc
    >>> responses = pl.DataFrame({"user": [1, 1, 2, 2], "question": ["x", "y"] * 2, "score": [0, 1, 2, 2]})
    >>> plan = pc.plan_corrsets(responses, k=1)
    >>> plan.sets, plan.answered, plan.enough_users
    (2, 1.0, 1.0)
    """

    k: int
    top: int | None
    min_users: int
    users: int
    questions: int
    responses: int
    answered: float
    sets: int
    rows: int
    result_bytes: int
    matrix_bytes: int
    enough_users: float | None
    n_users: float | None
    s: float | None
    chance_r: float | None
    strategy: str | None
    instruction_set: str
    threads: int
    seconds: float | None
    refusal: str | None

    def _lines(self) -> Iterator[tuple[str, str]]:
        """What is shown of it: names and values."""
        yield "users", f"{self.users:,}"
        yield "questions", f"{self.questions:,}"
        yield "responses", f"{self.responses:,}, {self.answered:.1%} of all cells"
        yield "matrix", _size(self.matrix_bytes)
        yield f"sets of {self.k}", _count(self.sets)
        yield "rows", f"at most {_count(self.rows)}"
        yield "result", f"at most {_size(self.result_bytes)}"
        if self.enough_users is not None:
            yield "enough users", f"{self.enough_users:.1%} of sets have {self.min_users:,} or more"
        if self.n_users is not None:
            yield (
                "typical set",
                f"{self.n_users:,.0f} common users" + ("" if self.s is None else f", s = {self.s:.2f}"),
            )
        if self.chance_r is not None:
            yield "chance alone", f"about {self.chance_r:.2f} for the best set"
        if self.strategy is not None:
            threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
            yield "search", f"{self.strategy}, {self.instruction_set}, {threads}"
        if self.refusal is None:
            yield "time", "cannot be told" if self.seconds is None else f"about {_time(self.seconds)}"
        else:
            yield "refused", self.refusal

    def __repr__(self) -> str:
        lines = list(self._lines())
        width = max(len(name) for name, _ in lines)
        return "\n".join(["Plan", *(f"  {name:<{width}}  {value}" for name, value in lines)])

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self._lines()
        )
        return f"<table>{''.join(rows)}</table>"


def plan_corrsets(
    frame: pl.LazyFrame | pl.DataFrame,
    *,
    k: int,
    user: IntoExpr = "user",
    question: IntoExpr = "question",
    score: IntoExpr = "score",
    top: int | None = 10,
    min_users: int = 2,
    rank_by: RankBy = "r",
    criterion: IntoExpr | None = None,
    total: Total = "sum",
    duplicates: Duplicates = "error",
    include: Iterable[Any] | None = None,
    exclude: Iterable[Any] | None = None,
    domain: IntoExpr | None = None,
    max_per_domain: int | None = None,
    min_per_domain: int | None = None,
    cost: IntoExpr | None = None,
    max_cost: float | None = None,
) -> Plan:
    """What :func:`top_corrsets` would cost with these arguments, and what chance alone would let it find.

    Reads the responses and looks at a sample of the sets: a few tenths of a second beside the reading.

    Parameters
    ----------
    frame, k, user, question, score, top, min_users, rank_by, criterion, total, duplicates
        As in :func:`top_corrsets`.
    include, exclude, domain, max_per_domain, min_per_domain, cost, max_cost
        As in :func:`top_corrsets`.

    Returns
    -------
    Plan
        Its attributes are the figures; printed, it is a small table.

    Raises
    ------
    TypeError, ValueError, polars.exceptions.ComputeError
        As in :func:`top_corrsets`, except that more rows than fit are no error but a `refusal`.

    See Also
    --------
    top_corrsets : The search.

    Examples
    --------
    >>> import polars as pl
    >>> import polars_corrset as pc
    >>> responses = pl.DataFrame(
    ...     {
    ...         "user": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4],
    ...         "question": ["x", "y", "z"] * 3 + ["x", "y"],
    ...         "score": [1, 0, 3, 2, 2, 1, 3, 1, 4, 4, 3],
    ...     }
    ... )
    >>> plan = pc.plan_corrsets(responses, k=2)
    >>> plan.users, plan.questions, plan.responses, plan.sets, plan.rows
    (4, 3, 11, 3, 3)
    >>> plan.n_users, plan.strategy
    (3.0, 'projection')
    """
    check_frame("frame", frame)
    constraints = constraints_of(
        k=k,
        include=include,
        exclude=exclude,
        domain=domain,
        max_per_domain=max_per_domain,
        min_per_domain=min_per_domain,
        cost=cost,
        max_cost=max_cost,
    )
    columns = {"user": user, "question": question, "score": score, "criterion": criterion}
    columns |= constraints.columns
    check_columns(frame, **columns)
    inputs = inputs_of(**columns)
    asked = search_of(
        inputs,
        k=k,
        top=top,
        min_users=min_users,
        rank_by=rank_by,
        total=total,
        duplicates=duplicates,
        progress=False,
        bounds=constraints.bounds,
    )
    # What top_corrsets would refuse by the dtypes of its columns is refused here.
    frame.lazy().select(plugin(NAME, inputs, asked)).collect_schema()
    planned = plan([*read_inputs(frame, inputs), *constraints.lists.items()], asked)
    users, questions, responses = planned["users"], planned["questions"], planned["responses"]
    sets = math.comb(planned["open"], planned["chosen"]) if planned["sets"] is None else planned["sets"]
    most = (sets, planned["rows"], asked["top"])
    rows = min(bound for bound in most if bound is not None)
    sampled, enough, n_users, s = (planned[name] for name in ("sampled", "enough", "n_users", "s"))
    by_chance = None
    if s is not None and rank_by != "alpha":
        overlap = 0.0 if rank_by == "r_rest" else s
        by_chance = chance_r(overlap, max(sets * enough // sampled, 1), n_users)
    return Plan(
        k=asked["k"],
        top=asked["top"],
        min_users=asked["min_users"],
        users=users,
        questions=questions,
        responses=responses,
        answered=responses / (users * questions) if responses else 0.0,
        sets=sets,
        rows=rows,
        result_bytes=rows * planned["row_bytes"],
        matrix_bytes=planned["matrix_bytes"],
        enough_users=enough / sampled if sampled else None,
        n_users=n_users,
        s=s,
        chance_r=by_chance,
        strategy=planned["strategy"],
        instruction_set=planned["instruction_set"],
        threads=planned["threads"],
        seconds=planned["seconds"],
        refusal=planned["refusal"],
    )


def _count(number: int) -> str:
    if number < _LONGEST_COUNT:
        return f"{number:,}"
    # No float holds the largest.
    logarithm = math.log10(number)
    exponent = math.floor(logarithm)
    return f"{10 ** (logarithm - exponent):.2f} · 10^{exponent:,}"


def _size(number: int) -> str:
    exponent = 0
    while number >= 1000 ** (exponent + 1) and exponent < len(_SIZES) - 1:
        exponent += 1
    unit = _SIZES[exponent]
    return f"{number} {unit}" if exponent == 0 else f"{_figure(Fraction(number, 1000**exponent))} {unit}"


def _time(seconds: float) -> str:
    unit, length = next((one for one in reversed(_TIMES) if seconds >= one[1]), _TIMES[0])
    return f"{_figure(seconds / length)} {unit}"


def _figure(number: float | Fraction) -> str:
    """At least two digits of it."""
    return _count(round(number)) if number >= 10 else f"{float(number):.1f}"
