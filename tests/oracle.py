"""The definition, as plainly as possible: no Polars, no NumPy, nothing of the package.

Scores are exact numbers (int, bool, Decimal, Fraction) or floats taken at their exact value. All sums are
sums of Python integers, and each correlation is rounded once, so equal correlations are equal floats.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from itertools import combinations
from math import lcm
from typing import Any, NamedTuple

# Digits of a correlation before it is rounded to the 17 of a float.
_PRECISE = Context(prec=60)

_POLICIES: dict[str, Callable[[list[Fraction]], Fraction]] = {
    "first": lambda scores: scores[0],
    "last": lambda scores: scores[-1],
    "sum": lambda scores: sum(scores, Fraction(0)),
    "mean": lambda scores: sum(scores, Fraction(0)) / len(scores),
    "min": min,
    "max": max,
}


class CorrSet(NamedTuple):
    """One row of the result."""

    questions: tuple[Any, ...]
    r: float | None
    r_rest: float | None
    n_users: int


def corrsets(
    responses: Iterable[tuple[Any, Any, Any]],
    *,
    k: int,
    top: int | None = 10,
    min_users: int = 2,
    rank_by: str = "r",
    duplicates: str = "error",
    wanted: Callable[[tuple[Any, ...], list[Any]], bool] = lambda _chosen, _questions: True,
) -> list[CorrSet]:
    """The sets of `k` questions of (user, question, score) triples that are `wanted`, given all questions."""
    answers, questions = table(responses, duplicates)
    sets = []
    for chosen in combinations(questions, k):
        if not wanted(chosen, questions):
            continue
        common = [scores for scores in answers.values() if all(question in scores for question in chosen)]
        if len(common) >= min_users:
            xs = [sum(scores[question] for question in chosen) for scores in common]
            ts = [sum(scores.values()) for scores in common]
            sets.append(corrset(chosen, xs, ts))
    return best(sets, top=top, rank_by=rank_by)


def constrained(
    *,
    include: Sequence[Any] = (),
    exclude: Sequence[Any] = (),
    domain: dict[Any, Any] | None = None,
    max_per_domain: int | None = None,
    min_per_domain: int | None = None,
    cost: dict[Any, Fraction] | None = None,
    max_cost: Fraction | None = None,
) -> Callable[[tuple[Any, ...], list[Any]], bool]:
    """Whether a set obeys; `domain` and `cost` are those of each question."""

    def wanted(chosen: tuple[Any, ...], questions: list[Any]) -> bool:
        if not set(include) <= set(chosen) or set(exclude) & set(chosen):
            return False
        if domain is not None:
            domains = {domain[question] for question in questions if question not in exclude} - {None}
            for one in domains:
                count = sum(domain[question] == one for question in chosen)
                if max_per_domain is not None and count > max_per_domain:
                    return False
                if min_per_domain is not None and count < min_per_domain:
                    return False
        return cost is None or max_cost is None or sum(cost[question] for question in chosen) <= max_cost

    return wanted


def table(
    responses: Iterable[tuple[Any, Any, Any]], duplicates: str
) -> tuple[dict[Hashable, dict[Hashable, int]], list[Hashable]]:
    """Each user's score on each answered question, and the questions in order of first appearance."""
    cells: dict[Hashable, dict[Hashable, list[Fraction]]] = {}
    questions: dict[Hashable, None] = {}
    for user, question, score in responses:
        if user is None or question is None or score is None:
            continue
        questions[question] = None
        cells.setdefault(user, {}).setdefault(question, []).append(Fraction(score))

    scores: dict[Hashable, dict[Hashable, Fraction]] = {user: {} for user in cells}
    for user, answered in cells.items():
        for question, several in answered.items():
            if len(several) == 1:
                scores[user][question] = several[0]
            elif duplicates == "error":
                msg = f"{len(several)} responses of {user!r} to {question!r}"
                raise ValueError(msg)
            else:
                scores[user][question] = _POLICIES[duplicates](several)

    # No correlation depends on the unit of the scores, so they are counted in one that makes them integers.
    unit = lcm(*(score.denominator for answered in scores.values() for score in answered.values()))
    integers = {
        user: {question: int(score * unit) for question, score in answered.items()}
        for user, answered in scores.items()
    }
    return integers, list(questions)


def corrset(questions: Sequence[Any], xs: Sequence[int], ts: Sequence[int]) -> CorrSet:
    """The row of a set from the set totals and grand totals of its common users."""
    rests = [t - x for x, t in zip(xs, ts, strict=True)]
    return CorrSet(tuple(questions), correlation(xs, ts), correlation(xs, rests), len(xs))


def correlation(xs: Sequence[int], ys: Sequence[int]) -> float | None:
    """Pearson's correlation of integers, correctly rounded; `None` where a side is constant."""
    n, sum_x, sum_y = len(xs), sum(xs), sum(ys)
    variance_x = n * sum(x * x for x in xs) - sum_x**2
    variance_y = n * sum(y * y for y in ys) - sum_y**2
    covariance = n * sum(x * y for x, y in zip(xs, ys, strict=True)) - sum_x * sum_y
    if variance_x == 0 or variance_y == 0:
        return None
    deviations = _PRECISE.sqrt(Decimal(variance_x * variance_y))
    return float(_PRECISE.divide(Decimal(covariance), deviations))


def best(sets: Sequence[CorrSet], *, top: int | None, rank_by: str) -> list[CorrSet]:
    """All sets as they are, or the `top` best of those that have a rank. `sorted` keeps the order of ties."""
    if top is None:
        return list(sets)
    ranked = [one for one in sets if one.r is not None and getattr(one, rank_by) is not None]
    return sorted(ranked, key=lambda one: -getattr(one, rank_by))[:top]
