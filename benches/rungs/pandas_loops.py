"""Rungs 1 to 5: a pandas loop, whose steps are replaced by dictionaries one by one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

Set = tuple[Any, ...]
Sets = Iterable[Set]


def to_pandas(responses: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(responses.to_dict(as_series=False))


def definition(responses: pd.DataFrame, totals: pd.Series, sets: Sets) -> list[float]:
    """Per set: the rows of its questions, the users with all of them, their set totals, the correlation."""
    found = []
    for chosen in sets:
        part = responses[responses["question"].isin(chosen)]
        users = part.groupby("user")["score"].agg(["size", "sum"])
        common = users[users["size"] == len(chosen)]
        found.append(common["sum"].corr(totals.loc[common.index]))
    return found


def users_by_question(responses: pd.DataFrame) -> dict[Hashable, set[Hashable]]:
    return {question: set(part) for question, part in responses.groupby("question")["user"]}


def user_sets(
    users_of: Mapping[Hashable, set[Hashable]], scores: pd.Series, totals: pd.Series, sets: Sets
) -> list[float]:
    """Common users by intersecting sets; their scores from a series indexed by user and question."""
    found = []
    for chosen in sets:
        common = set.intersection(*(users_of[question] for question in chosen))
        cells = pd.MultiIndex.from_product([list(common), chosen], names=["user", "question"])
        set_totals = scores.loc[cells].groupby(level="user").sum()
        found.append(set_totals.corr(totals.loc[set_totals.index]))
    return found


def scores_by_question(responses: pd.DataFrame) -> dict[Hashable, dict[Hashable, int]]:
    return {
        question: dict(zip(part["user"].tolist(), part["score"].tolist(), strict=True))
        for question, part in responses.groupby("question")
    }


def score_dictionary(
    users_of: Mapping[Hashable, set[Hashable]],
    score_of: Mapping[Hashable, Mapping[Hashable, int]],
    totals: pd.Series,
    sets: Sets,
) -> list[float]:
    """Set totals from dictionaries; pandas still aligns them with the grand totals and correlates."""
    found = []
    for chosen in sets:
        common = list(set.intersection(*(users_of[question] for question in chosen)))
        set_totals = [sum(score_of[question][user] for question in chosen) for user in common]
        found.append(pd.Series(set_totals, index=common).corr(totals.loc[common]))
    return found


def total_dictionary(
    users_of: Mapping[Hashable, set[Hashable]],
    score_of: Mapping[Hashable, Mapping[Hashable, int]],
    total_of: Mapping[Hashable, int],
    sets: Sets,
) -> list[float]:
    """No pandas left in the loop: dictionaries, and `np.corrcoef`. Ids may be of any type."""
    found = []
    for chosen in sets:
        common = set.intersection(*(users_of[question] for question in chosen))
        set_totals = [sum(score_of[question][user] for question in chosen) for user in common]
        grand_totals = [total_of[user] for user in common]
        found.append(np.corrcoef(set_totals, grand_totals)[0, 1])
    return found
