"""`POLARS_CORRSET_ISA` chooses how the search computes, never what."""

from __future__ import annotations

import numpy as np
import polars as pl
import polars_corrset as pc
import pytest
from polars.exceptions import ComputeError
from polars.testing import assert_frame_equal

VARIABLE = "POLARS_CORRSET_ISA"


def responses(score: str) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    user, question = np.nonzero(rng.random((500, 40)) < 0.6)
    right = (rng.random(len(user)) < 0.5).astype(np.int8)
    values = {"binary": right, "small": right * 3 + question % 2, "float": right + question / 7}
    return pl.DataFrame({"user": user, "question": question, "score": values[score]})


@pytest.mark.parametrize("score", ["binary", "small", "float"])
@pytest.mark.parametrize("top", [25, None])
@pytest.mark.parametrize("name", ["avx2", "avx512"])
def test_every_instruction_set_gives_the_same_rows(
    name: str, top: int | None, score: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = pc.top_corrsets(responses(score).lazy(), k=3, top=top, min_users=5)
    monkeypatch.setenv(VARIABLE, "portable")
    expected = query.collect(engine=engine)
    assert expected.height > 20
    monkeypatch.setenv(VARIABLE, name)
    try:
        found = query.collect(engine=engine)
    except ComputeError as error:
        if f"{VARIABLE} is {name}, which this CPU does not have" not in str(error):
            raise
        pytest.skip(f"this CPU has no {name}")
    assert_frame_equal(found, expected, check_exact=True)


def test_without_a_name_the_rows_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    query = pc.top_corrsets(responses("binary").lazy(), k=3, min_users=5)
    monkeypatch.delenv(VARIABLE, raising=False)
    chosen = query.collect()
    monkeypatch.setenv(VARIABLE, "portable")
    assert_frame_equal(query.collect(), chosen, check_exact=True)


@pytest.mark.parametrize("name", ["sse9", "", "AVX2"])
def test_unknown_instruction_sets_are_errors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, name)
    with pytest.raises(ComputeError, match=f'{VARIABLE} must be one of portable, avx2, avx512, got "{name}"'):
        pc.top_corrsets(responses("binary").lazy(), k=2).collect()
