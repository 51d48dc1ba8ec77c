"""What the rungs are given: the responses, in each of the forms that a rung reads them in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

BITS = 64


@dataclass(frozen=True)
class Inputs:
    """Responses as a frame and as matrices, question by question; users and questions by first appearance."""

    responses: pl.DataFrame
    question_ids: list[str]
    answered: NDArray[np.bool_]
    """Questions × users."""
    scores: NDArray[np.int8]
    """Questions × users, 0 where not answered."""
    totals: NDArray[np.int64]
    """The users' grand totals."""
    bits: NDArray[np.uint64]
    """`answered`, packed: questions × words of 64 users, first user in the lowest bit."""

    @classmethod
    def of(cls, responses: pl.DataFrame) -> Inputs:
        users, questions = (responses[name].unique(maintain_order=True) for name in ("user", "question"))
        cells = (_codes(responses["question"], questions), _codes(responses["user"], users))
        shape = (len(questions), len(users))
        answered, scores = np.zeros(shape, bool), np.zeros(shape, np.int8)
        answered[cells] = True
        scores[cells] = responses["score"].to_numpy()
        whole_words = np.pad(answered, ((0, 0), (0, -len(users) % BITS)))
        bits = np.packbits(whole_words, axis=1, bitorder="little").view("<u8").astype(np.uint64)
        totals = scores.sum(axis=0, dtype=np.int64)
        return cls(responses, questions.to_list(), answered, scores, totals, bits)

    def with_int_ids(self) -> pl.DataFrame:
        """The responses with each id replaced by its place in the matrices."""
        return self.responses.with_columns(
            pl.Series(name, _codes(self.responses[name], self.responses[name].unique(maintain_order=True)))
            for name in ("user", "question")
        )


def _codes(ids: pl.Series, distinct: pl.Series) -> NDArray[np.int64]:
    return ids.cast(pl.Enum(distinct)).to_physical().cast(pl.Int64).to_numpy()
