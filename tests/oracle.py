"""The definition, as plainly as possible: no Polars, no NumPy, nothing of the package.

Scores are exact numbers (int, bool, Decimal, Fraction) or floats taken at their exact value. All sums are
sums of Python integers, and each correlation is rounded once, so equal correlations are equal floats.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from itertools import combinations
from math import lcm
from typing import Any, NamedTuple

from xxhash import xxh3_64_intdigest

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


Number = int | Fraction


class CorrSet(NamedTuple):
    """One row of the result."""

    questions: tuple[Any, ...]
    r: float | None
    r_rest: float | None
    n_users: int
    alpha: float | None = None


def corrsets(
    responses: Iterable[tuple[Any, Any, Any]],
    *,
    k: int,
    top: int | None = 10,
    min_users: int = 2,
    rank_by: str = "r",
    duplicates: str = "error",
    criterion: Mapping[Any, Any] | None = None,
    total: str = "sum",
    alpha: bool = False,
    wanted: Callable[[tuple[Any, ...], list[Any]], bool] = lambda _chosen, _questions: True,
) -> list[CorrSet]:
    """The sets of `k` questions of (user, question, score) triples that are `wanted`, given all questions.

    `criterion` has a number for each user, or `None`.
    """
    answers, questions = table(with_criterion(responses, criterion), duplicates)
    sets = []
    for chosen in combinations(questions, k):
        if not wanted(chosen, questions):
            continue
        one = statistics(answers, chosen, criterion, total, alpha=alpha or rank_by == "alpha")
        if one.n_users >= min_users:
            sets.append(one)
    return best(sets, top=top, rank_by=rank_by)


def with_criterion(
    responses: Iterable[tuple[Any, Any, Any]], criterion: Mapping[Any, Any] | None
) -> list[tuple[Any, Any, Any]]:
    """The responses of users who have one, if one is asked for."""
    return [row for row in responses if criterion is None or criterion[row[0]] is not None]


def statistics(
    answers: Mapping[Hashable, Mapping[Hashable, int]],
    chosen: Sequence[Any],
    criterion: Mapping[Any, Any] | None,
    total: str,
    *,
    alpha: bool,
) -> CorrSet:
    """What is known of a set."""
    common = [user for user, scores in answers.items() if all(question in scores for question in chosen)]
    columns = [[answers[user][question] for user in common] for question in chosen]
    xs = [sum(scores) for scores in zip(*columns, strict=True)]
    if criterion is not None:
        ts, rests = [Fraction(criterion[user]) for user in common], [None] * len(common)
    else:
        ts, rests = wholes([answers[user] for user in common], chosen, total)
    one = corrset(chosen, xs, ts, rests)
    return one._replace(alpha=alpha_of(columns)) if alpha else one


def wholes(
    answers: Sequence[Mapping[Hashable, int]], chosen: Sequence[Hashable], total: str
) -> tuple[list[Number], list[Number | None]]:
    """Each user's grand total, and what it is of the questions that are not chosen."""
    make = {"sum": sum, "mean": lambda scores: Fraction(sum(scores), len(scores))}[total]
    others = [[score for question, score in scores.items() if question not in chosen] for scores in answers]
    # The sum of nothing is 0; its mean does not exist.
    rests = [make(scores) if scores or total == "sum" else None for scores in others]
    return [make(scores.values()) for scores in answers], rests


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


def corrset(
    questions: Sequence[Any],
    xs: Sequence[int],
    ts: Sequence[Number],
    rests: Sequence[Number | None] | None = None,
) -> CorrSet:
    """The row of a set from the totals X and T of its common users, and their rests, if not T - X."""
    if rests is None:
        rests = [t - x for x, t in zip(xs, ts, strict=True)]
    with_rest = [(x, rest) for x, rest in zip(xs, rests, strict=True) if rest is not None]
    r_rest = correlation([x for x, _ in with_rest], [rest for _, rest in with_rest])
    return CorrSet(tuple(questions), correlation(xs, ts), r_rest, len(xs))


def alpha_of(columns: Sequence[Sequence[int]]) -> float | None:
    """Cronbach's alpha of the scores on each question, correctly rounded."""

    def variance(values: Sequence[int]) -> int:
        return len(values) * sum(value * value for value in values) - sum(values) ** 2

    k, of_total = len(columns), variance([sum(scores) for scores in zip(*columns, strict=True)])
    if k == 1 or of_total == 0:
        return None
    return float(Fraction(k, k - 1) * (1 - Fraction(sum(map(variance, columns)), of_total)))


def correlation(xs: Sequence[int], values: Sequence[Number]) -> float | None:
    """Pearson's correlation, correctly rounded; `None` where a side is constant or empty."""
    # No correlation depends on the unit, so they are counted in one that makes them integers.
    unit = lcm(*(value.denominator for value in values))
    ys = [int(value * unit) for value in values]
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
    needed = ["alpha"] if rank_by == "alpha" else ["r", rank_by]
    ranked = [one for one in sets if all(getattr(one, name) is not None for name in needed)]
    return sorted(ranked, key=lambda one: -getattr(one, rank_by))[:top]


class Evaluated(NamedTuple):
    """What is known of a given set."""

    r: float | None
    r_rest: float | None
    alpha: float | None
    n_users: int


def evaluate(
    responses: Iterable[tuple[Any, Any, Any]],
    sets: Iterable[Sequence[Any]],
    *,
    duplicates: str = "error",
    criterion: Mapping[Any, Any] | None = None,
    total: str = "sum",
) -> list[Evaluated]:
    """The statistics of each of `sets` of (user, question, score) triples."""
    answers, _ = table(with_criterion(responses, criterion), duplicates)
    found = []
    for chosen in sets:
        one = statistics(answers, chosen, criterion, total, alpha=True)
        found.append(Evaluated(one.r, one.r_rest, one.alpha, one.n_users))
    return found


class Validated(NamedTuple):
    """One row of a validation: a set chosen on the users outside a fold, and the same on those inside."""

    fold: int
    rank: int
    chosen: CorrSet
    test: Evaluated


def validate(
    responses: Iterable[tuple[Any, Any, Any]],
    *,
    folds: int,
    seed: int,
    duplicates: str = "error",
    criterion: Mapping[Any, Any] | None = None,
    total: str = "sum",
    **search: Any,
) -> list[Validated]:
    """The best sets outside each fold, evaluated inside."""
    rows = with_criterion((row for row in responses if None not in row), criterion)
    whole: dict[str, Any] = {"duplicates": duplicates, "criterion": criterion, "total": total}
    fold_of = deal({user for user, _, _ in rows}, folds, seed)
    # So that questions stand in the order of their first appearance in all rows, in any part of the rows.
    places = {question: place for place, question in enumerate(dict.fromkeys(row[1] for row in rows))}
    rows.sort(key=lambda row: places[row[1]])
    found = []
    for fold in range(folds):
        training = [row for row in rows if fold_of[row[0]] != fold]
        inside = [row for row in rows if fold_of[row[0]] == fold]
        chosen = corrsets(training, **whole, **search)
        tests = evaluate(inside, [one.questions for one in chosen], **whole)
        found += [
            Validated(fold, rank, *both) for rank, both in enumerate(zip(chosen, tests, strict=True), 1)
        ]
    return found


def deal(users: Iterable[Any], folds: int, seed: int) -> dict[Any, int]:
    """The fold of each user: ordered by the hash of the id, users are dealt out like cards."""
    ordered = sorted(users, key=lambda user: (xxh3_64_intdigest(as_bytes(user), seed), as_bytes(user)))
    return {user: place % folds for place, user in enumerate(ordered)}


def as_bytes(user: str | int | float) -> bytes:
    """An id as the bytes that are hashed."""
    if isinstance(user, str):
        return user.encode()
    return (
        struct.pack("<d", user) if isinstance(user, float) else int(user).to_bytes(16, "little", signed=True)
    )
