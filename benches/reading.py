"""What it takes to read responses, against what it takes to read the same columns at all.

`python benches/reading.py`, or `python benches/reading.py USERS`. Where everybody answered everything the
search takes milliseconds, whatever the number of users, so this is what a query waits for. Every r of a
single question is recomputed by Polars before a time is printed; a time is that of the fastest run, `first`
that of the first in the process. Where answers are complete, `moments` is what it takes with the moments of
all pairs of questions, which is all that is done for each user.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import polars_corrset as pc
from polars.testing import assert_frame_equal

if TYPE_CHECKING:
    from collections.abc import Callable

USERS = 2_000_000
QUESTIONS = 60

# The smallest of some runs is the one that was disturbed least.
REPETITIONS = 4


def timed(run: Callable[[], pl.DataFrame]) -> tuple[float, float]:
    """Seconds of the first run and of the fastest."""
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times[0], min(times)


def check(frame: pl.DataFrame, responses: pl.DataFrame, **options: Any) -> None:
    """Sets of one question need all that is read: answers, scores, grand totals, the order of questions."""
    found = pc.top_corrsets(frame.lazy(), k=1, top=None, **options).collect(engine="in-memory")
    with_totals = responses.with_columns(total=pl.col("score").sum().over("user"))
    expected = with_totals.group_by("question", maintain_order=True).agg(
        pl.corr(pl.col("score").cast(pl.Float64), pl.col("total").cast(pl.Float64)).alias("r"),
        pl.len().alias("n_users"),
    )
    found = found.select(pl.col("questions").list.first().alias("question"), "r", "n_users")
    assert_frame_equal(found, expected, abs_tol=1e-9, check_dtypes=False)


def check_pair(frame: pl.DataFrame, query: Callable[[], pl.DataFrame]) -> None:
    """The r of a pair needs the moments of its questions."""
    pair = query().row(0, named=True)
    totals = frame.group_by("user").agg(
        t=pl.col("score").sum(),
        x=pl.col("score").filter(pl.col("question").is_in(pair["questions"])).sum(),
    )
    r = totals.select(pl.corr(pl.col("x").cast(pl.Float64), pl.col("t").cast(pl.Float64))).item()
    assert abs(pair["r"] - r) < 1e-9, f"{pair} instead of {r}"


def scan(frame: pl.DataFrame) -> Callable[[], pl.DataFrame]:
    """Reads every byte of the columns and does next to nothing with it."""
    return lambda: frame.lazy().select(pl.all().max()).collect(engine="in-memory")


def measure(name: str, frame: pl.DataFrame, responses: pl.DataFrame | None = None, **options: Any) -> None:
    """Print what a frame takes, whose rows mean `responses` if not themselves."""
    check(frame, frame if responses is None else responses, **options)
    # No set of more questions than there are: everything but the search.
    too_many = frame["question"].n_unique() + 1
    first, ours = timed(pc.top_corrsets(frame.lazy(), k=too_many, **options).collect)
    group = frame.lazy().group_by("user").agg(pl.col("score").sum())
    _, grouped = timed(group.collect)
    line = f"{name:>34}: {ours * 1e9 / frame.height:5.2f} ns a row (first {first * 1e9 / frame.height:5.2f})"
    size = frame.estimated_size()
    line += f", {size / ours / 1e9:5.2f} GB/s; group_by(user) {grouped / ours:.2f} times as long"
    if frame["user"].dtype.is_integer() and frame["question"].dtype.is_integer():
        _, scanned = timed(scan(frame))
        line += f"; a mere scan {ours / scanned:.1f} times as fast ({size / scanned / 1e9:.1f} GB/s)"
    if frame.height == frame["user"].n_unique() * frame["question"].n_unique():
        query = pc.top_corrsets(frame.lazy(), k=2, top=1, **options).collect
        check_pair(frame, query)
        line += f"; moments {timed(query)[1] * 1e9 / frame.height:5.2f} ns a row"
    print(line, flush=True)


def main() -> None:
    users = int(sys.argv[1]) if len(sys.argv) > 1 else USERS
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(users, dtype=np.uint32), QUESTIONS)
    question = np.tile(np.arange(QUESTIONS, dtype=np.uint8), users)
    chance = rng.random(len(user), dtype=np.float32)
    right = (chance < 0.5).astype(np.int8)
    compact = pl.DataFrame({"user": user, "question": question, "score": right})
    print(f"{users:,} users x {QUESTIONS} questions, {len(user):,} responses")
    measure("UInt32, UInt8, 0/1", compact)
    measure("Int64, Int64, 0/1", compact.cast({"user": pl.Int64, "question": pl.Int64}))
    measure("question by question", compact.sort("question", maintain_order=True))
    measure("in four booklets", compact.with_columns(question=pl.col("question") + pl.col("user") % 4 * 20))
    measure(
        "one in fifty skips a question",
        compact.filter(pl.col("question").cast(pl.UInt32) * 50 != pl.col("user") % 3000),
    )
    measure(
        "in an order for each user",
        compact.with_columns(
            question=((pl.col("question").cast(pl.UInt32) * 7 + pl.col("user")) % 60).cast(pl.UInt8)
        ),
    )
    measure("from 0 to 4", compact.with_columns(score=pl.Series((chance * 5).astype(np.int8))))
    measure(
        "from 0 to 2, in halves",
        compact.with_columns(score=pl.Series(np.floor(chance * 5).astype(np.float64) / 2)),
    )
    measure("floats", compact.with_columns(score=pl.Series(chance.astype(np.float64))))
    names = pl.Series([f"question {i}" for i in range(QUESTIONS)])
    named = compact.with_columns(question=names.gather(question))
    measure("questions by name", named)
    measure("users by name, too", named.with_columns(user=pl.format("user-{}@example.com", "user")))
    by_domain = compact.with_columns(domain=pl.col("question") % 5)
    measure("with a domain for each question", by_domain, domain="domain", max_per_domain=1)
    twice = pl.concat([compact, compact.gather_every(10_000).with_columns(score=1 - pl.col("score"))])
    measure("one in ten thousand twice", twice, compact, duplicates="first")
    measure("shuffled", compact.sample(fraction=1.0, shuffle=True, seed=0))


if __name__ == "__main__":
    main()
