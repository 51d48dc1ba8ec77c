"""The ladder: from the pandas loop to this package, step by step, on the same data: `make bench`.

Each rung computes r of sets of five questions. Its figure is the time per set, and is printed only after its
answers were checked. What makes the rungs comparable:

- All get their data prepared in the form they want, and are called once before, so neither preparation nor
  compilation is timed. Each does as many sets as take it some seconds, twice: the faster run counts, because
  it was disturbed less.
- All sets come from one *sample*: all sets below some random prefixes of three questions, in the order of
  enumeration. What a set costs depends on how many users its prefix has, so the first sets of the enumeration
  alone would not do.
- Python loops over sets take sets drawn at random from the sample, because they do too few to meet many
  prefixes. Compiled loops take the sample from its start: as in the whole enumeration, what neighbouring sets
  share is then in the caches already. Rungs that reuse prefixes take prefixes, and compute all sets below.
- Every r is compared with every r that an earlier rung found for the same set, first of all with the first
  rung's. So each agrees with the pandas loop, directly or by way of rungs that do.
- This package searches all sets of the questions it is given, and no sample of them. So its share of the set
  space are all sets of the first 150 questions, with grand totals over these. That is slightly to its
  disadvantage: the shorter the enumeration, the fewer sets share the work on a prefix. Last comes the whole.
  It takes its threads from Polars and reads the frame as part of the time, 32-character ids included. Besides
  r it computes r_rest, and ranks; the results of its best sets are recomputed with NumPy.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parent.parent / "examples"))
from reference import check as check_best
from reference_data import reference_responses
from rungs import (
    jax_prefixes,
    numba_loops,
    numpy_loops,
    pandas_loops,
    plugin_search,
    polars_queries,
    rust_loop,
)
from rungs.inputs import Inputs

K = 5

# How far r's may be apart. Sums of integers are exact, so all of it is rounding in the last formula.
TOLERANCE = 1e-9

REPETITIONS = 2

# Sets on which a rung is checked that was timed on others.
CHECKED = 64

CPUS = os.cpu_count() or 1
ALL_THREADS = f"{CPUS} threads"
ONE_THREAD = "1 thread"

PLUGIN = "polars-corrset"
INSTRUCTIONS = {"portable": "portable", "AVX2": "avx2", "AVX-512": "avx512"}

Found = NDArray[np.float64]
Positions = NDArray[np.int64]
# Gives r of the sets and the seconds it took.
Run = Callable[[Any], tuple[Found, float]]


@dataclass(frozen=True)
class Size:
    """How much the ladder does."""

    users: int
    questions: int
    answered: float
    share: int
    """Questions of the package's share of the sets."""
    sets: int
    """Sets in the sample."""
    seconds: float
    """What a rung should take."""


FULL = Size(users=60_000, questions=200, answered=0.2, share=150, sets=16_000_000, seconds=4)
# With fewer users more answers, or no set would have common users.
QUICK = Size(users=2_000, questions=40, answered=0.5, share=30, sets=100_000, seconds=0.2)


class Sample:
    """The sets that rungs are timed on, and what r's are known of them."""

    def __init__(self, questions: int, sets: int, rng: np.random.Generator) -> None:
        # The last two questions of a set must come after its prefix.
        prefixes = rng.permutation(np.array(list(combinations(range(questions - 2), 3))))
        later = questions - 1 - prefixes[:, -1]
        below = later * (later - 1) // 2
        count = int(np.searchsorted(np.cumsum(below), sets))
        self.prefixes = prefixes[:count]
        self.ends = np.cumsum(below[:count])
        self.sets = np.concatenate([_below(prefix, questions) for prefix in self.prefixes])
        self.scattered = rng.permutation(len(self.sets))
        self._r = np.empty(len(self.sets))
        self._known = np.zeros(len(self.sets), bool)

    def is_unknown(self) -> bool:
        """Whether there is no rung yet to agree with."""
        return not self._known.any()

    def check(self, name: str, positions: Positions, r: Found) -> Positions:
        """Where r was known, now that it agrees there. What was not, is known from now on."""
        known = positions[self._known[positions]]
        theirs, ours = self._r[positions], np.asarray(r, np.float64)
        if ours.shape != positions.shape:
            sys.exit(f"{name}: {len(ours)} results for {len(positions)} sets")
        differs = self._known[positions] & ~np.isclose(ours, theirs, rtol=0, atol=TOLERANCE, equal_nan=True)
        if differs.any():
            first = differs.argmax()
            chosen = self.sets[positions[first]].tolist()
            sys.exit(f"{name}: r of {chosen} is {ours[first]}, earlier rungs say {theirs[first]}")
        self._r[positions] = ours
        self._known[positions] = True
        return known


def _below(prefix: NDArray[np.int64], questions: int) -> NDArray[np.int16]:
    """All sets that begin with `prefix`, in order."""
    start = prefix[-1] + 1
    pairs = np.column_stack(np.triu_indices(questions - start, 1)) + start
    return np.hstack([np.tile(prefix, (len(pairs), 1)), pairs]).astype(np.int16)


class Order(Protocol):
    """In which order a rung takes sets from the sample, and in which form."""

    def take(self, sample: Sample, count: int) -> tuple[Any, Positions]:
        """About so many sets, with their positions in the sample."""

    def check(self, sample: Sample) -> tuple[Any, Positions]:
        """Some of those that the first rungs did."""


@dataclass(frozen=True)
class Scattered:
    """Random sets as tuples of ids, or of indices."""

    ids: list[str] | None = None

    def take(self, sample: Sample, count: int) -> tuple[Any, Positions]:
        positions = sample.scattered[:count]
        sets = [tuple(chosen) for chosen in sample.sets[positions].tolist()]
        if self.ids:
            sets = [tuple(self.ids[question] for question in chosen) for chosen in sets]
        return sets, positions

    def check(self, sample: Sample) -> tuple[Any, Positions]:
        # Few: these are the first calls of the slow rungs, too.
        return self.take(sample, 2)


class InOrder:
    """Sets as rows of an array, in the order of enumeration."""

    def take(self, sample: Sample, count: int) -> tuple[Any, Positions]:
        positions = np.arange(min(count, len(sample.sets)))
        return sample.sets[positions].astype(np.int64), positions

    def check(self, sample: Sample) -> tuple[Any, Positions]:
        positions = sample.scattered[:CHECKED]
        return sample.sets[positions].astype(np.int64), positions


class Prefixes:
    """Prefixes of three questions, of which the rung does all sets."""

    def take(self, sample: Sample, count: int) -> tuple[Any, Positions]:
        prefixes = min(int(np.searchsorted(sample.ends, count)) + 1, len(sample.prefixes))
        return sample.prefixes[:prefixes], np.arange(sample.ends[prefixes - 1])

    def check(self, sample: Sample) -> tuple[Any, Positions]:
        holding = np.unique(np.searchsorted(sample.ends, sample.scattered[:CHECKED], side="right"))
        starts = np.concatenate([[0], sample.ends])
        positions = [np.arange(starts[prefix], starts[prefix + 1]) for prefix in holding]
        return sample.prefixes[holding], np.concatenate(positions)


@dataclass(frozen=True)
class Rung:
    name: str
    tool: str
    threads: str
    order: Order
    run: Run


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    rung: str
    tool: str
    threads: str
    sets: int
    nanoseconds: float | None
    checked: str


def timed(compute: Callable[[Any], Any]) -> Run:
    def run(sets: Any) -> tuple[Found, float]:
        start = time.perf_counter()
        found = compute(sets)
        seconds = time.perf_counter() - start
        return np.asarray(found, np.float64), seconds

    return run


def measure(rung: Rung, sample: Sample, seconds: float) -> Row:
    """The time of a rung on as many sets as take it about so long. The first call is the warm-up."""
    is_baseline = sample.is_unknown()
    sets, positions = rung.order.check(sample)
    confirmed = [sample.check(rung.name, positions, rung.run(sets)[0])]
    count = 4
    while True:
        sets, positions = rung.order.take(sample, count)
        r, took = rung.run(sets)
        confirmed.append(sample.check(rung.name, positions, r))
        done = len(positions)
        if took >= seconds / 2 or done == len(sample.sets):
            break
        count = int(done * min(16.0, seconds / took)) + 1
    for _ in range(REPETITIONS - 1):
        r, again = rung.run(sets)
        sample.check(rung.name, positions, r)
        took = min(took, again)
    compared = len(np.unique(np.concatenate(confirmed)))
    checked = "baseline" if is_baseline else f"✓ {compared:,}"
    return Row(rung.name, rung.tool, rung.threads, done, took / done * 1e9, checked)


def python_rungs(inputs: Inputs) -> Iterator[Rung]:
    """Rungs 1 to 8. What only they need is dropped after them."""
    frame = pandas_loops.to_pandas(inputs.responses)
    totals = frame.groupby("user")["score"].sum()
    by_id, by_index = Scattered(inputs.question_ids), Scattered()

    def python(name: str, tool: str, order: Order, compute: Callable[..., Any], *data: Any) -> Rung:
        return Rung(name, tool, ONE_THREAD, order, timed(partial(compute, *data)))

    yield python("1. pandas loop", "pandas", by_id, pandas_loops.definition, frame, totals)
    users_of = pandas_loops.users_by_question(frame)
    scores = frame.set_index(["user", "question"])["score"].sort_index()
    compute = pandas_loops.user_sets
    yield python("2. dictionary of user sets", "pandas", by_id, compute, users_of, scores, totals)
    score_of = pandas_loops.scores_by_question(frame)
    compute = pandas_loops.score_dictionary
    yield python("3. + dictionary of scores", "pandas", by_id, compute, users_of, score_of, totals)
    total_of = totals.to_dict()
    compute = pandas_loops.total_dictionary
    name = "4. + dictionary of totals, np.corrcoef"
    yield python(name, "Python + NumPy", by_id, compute, users_of, score_of, total_of)
    with_ints = pandas_loops.to_pandas(inputs.with_int_ids())
    users_of = pandas_loops.users_by_question(with_ints)
    score_of = pandas_loops.scores_by_question(with_ints)
    total_of = dict(enumerate(inputs.totals.tolist()))
    yield python("5. ids as ints", "Python + NumPy", by_index, compute, users_of, score_of, total_of)
    matrices = (inputs.answered, inputs.scores, inputs.totals)
    compute = numpy_loops.boolean_masks
    data = (inputs.answered, score_of, inputs.totals)
    yield python("6. boolean masks", "Python + NumPy", by_index, compute, *data)
    yield python("7. score matrix", "Python + NumPy", by_index, numpy_loops.score_matrix, *matrices)
    compute = numpy_loops.own_correlation
    yield python("8. own correlation from sums", "Python + NumPy", by_index, compute, *matrices)


def compiled_rungs(inputs: Inputs, sample: Sample, folder: Path) -> Iterator[Rung]:
    """Rungs 9 to 18."""
    masks = (inputs.answered, inputs.scores, inputs.totals)
    bits = (inputs.bits, inputs.scores, inputs.totals)
    by_index = Scattered()

    def both(name: str, order: Order, loops: tuple[Callable[..., Any], ...], data: Any) -> Iterator[Rung]:
        for threads, loop in zip((ONE_THREAD, ALL_THREADS), loops, strict=True):
            yield Rung(name, "Numba", threads, order, timed(partial(loop, *data)))

    def per_set(name: str, tool: str, loop: Callable[..., Any]) -> Rung:
        return Rung(name, tool, ONE_THREAD, by_index, timed(partial(loop, *bits)))

    yield from both("9. Numba on that loop", InOrder(), numba_loops.boolean_masks, masks)
    yield per_set("10. NumPy bitsets", "Python + NumPy", numpy_loops.bitsets)
    yield per_set("11. + Numba decodes the bits", "Numba", numba_loops.with_decoding)
    yield per_set("12. + Numba correlates", "Numba", numba_loops.with_correlation)
    yield per_set("13. + Numba intersects", "Numba", numba_loops.with_intersection)
    yield from both("14. whole loop in Numba", InOrder(), numba_loops.whole_loop, bits)
    yield from both("15a. Numba, running sums and bitsets", InOrder(), numba_loops.running_sums, bits)
    yield from both("15b. + reuse of prefixes", Prefixes(), numba_loops.prefix_reuse, bits)

    walk = jax_prefixes.walker(*masks, sample.prefixes)
    yield Rung("16. the same idea under jax.jit", "JAX", ALL_THREADS, Prefixes(), timed(walk))

    totals = inputs.responses.group_by("user").agg(pl.col("score").cast(pl.Int64).sum().alias("total"))
    query = partial(polars_queries.query_per_set, inputs.responses, totals)
    by_id = Scattered(inputs.question_ids)
    yield Rung("17. one Polars query per set", "Polars", ALL_THREADS, by_id, timed(query))

    program = rust_loop.build()
    for threads, argument in ((ONE_THREAD, "serial"), (ALL_THREADS, "parallel")):
        run = rust_loop.runner(program, argument, inputs, folder)
        yield Rung("18. Rust, bitsets and rayon", "Rust", threads, InOrder(), run)


def plugin_rows(responses: pl.DataFrame, size: Size, folder: Path) -> Iterator[Row]:
    """This package, in processes of their own, on a share of the sets and on all."""
    ids = responses["question"].unique(maintain_order=True)
    share = responses.filter(pl.col("question").is_in(ids.head(size.share).implode()))
    share_file, all_file = folder / "share.parquet", folder / "all.parquet"
    share.write_parquet(share_file)
    responses.write_parquet(all_file)
    searches = [
        *(
            (f"polars-corrset, {name}", share_file, share, variable)
            for name, variable in INSTRUCTIONS.items()
        ),
        (f"polars-corrset, all sets of k = {K}", all_file, responses, None),
    ]
    for rung, file, frame, instructions in searches:
        sets = math.comb(frame["question"].n_unique(), K)
        for threads, count in ((ONE_THREAD, 1), (ALL_THREADS, CPUS)):
            search = plugin_search.Search(file, K, folder / "best.parquet")
            took = []
            for _ in range(REPETITIONS):
                seconds = search.in_a_process(count, instructions)
                if seconds is None:
                    break
                took.append(seconds)
                best = pl.read_parquet(search.best)
                try:
                    check_best(best, frame)
                except AssertionError as error:
                    sys.exit(f"{rung}: {error}")
            if not took:
                yield Row(rung, PLUGIN, threads, 0, None, "not on this CPU")
                continue
            yield Row(rung, PLUGIN, threads, sets, min(took) / sets * 1e9, f"✓ {best.height} best")


def rounded(number: float) -> str:
    """Three digits; more tell nothing about times."""
    if number < 0.01:
        return f"1/{rounded(1 / number)}"
    number = float(f"{number:.3g}")
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def with_unit(nanoseconds: float) -> str:
    unit, factor = next(pair for pair in (("ms", 1e6), ("µs", 1e3), ("ns", 0)) if nanoseconds >= pair[1])
    return f"{rounded(nanoseconds / (factor or 1))} {unit}"


def with_factors(rows: list[Row]) -> pl.DataFrame:
    """The rows, and how many times as fast each is as the first rung and as the last Numba rung."""
    numba = next(row for row in reversed(rows) if row.tool == "Numba")
    return pl.DataFrame(rows).with_columns(
        (base.nanoseconds / pl.col("nanoseconds")).alias(f"speed-up over {base.rung.split('.')[0]}")
        for base in (rows[0], numba)
    )


def as_markdown(frame: pl.DataFrame) -> str:
    """A table that also reads well as plain text."""
    factors = frame.columns[-2:]
    header = ["rung", "threads", "sets", "ns per set", *factors, "r checked"]
    lines = [
        [
            row["rung"],
            row["threads"],
            f"{row['sets']:,}",
            *("" if row[name] is None else rounded(row[name]) for name in ("nanoseconds", *factors)),
            row["checked"],
        ]
        for row in frame.iter_rows(named=True)
    ]
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    left = (0, 1, len(header) - 1)

    def line(cells: list[str]) -> str:
        padded = (
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if column in left else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([line(header), line(rule), *map(line, lines)])


def machine() -> str:
    """Where and with what the figures were measured."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else []
    cpu = names[0] if names else platform.processor() or platform.machine()
    packages = {"NumPy": "numpy", "Numba": "numba", "JAX": "jax", "pandas": "pandas", "Polars": "polars"}
    versions = [f"{name} {version(package)}" for name, package in packages.items()]
    versions.insert(0, f"Python {platform.python_version()}")
    return f"{cpu}, {CPUS} cores; {', '.join(versions)}; {date.today()}."


def description(size: Size) -> str:
    return (
        f"Sets of {K} questions out of {size.questions}, {size.users:,} users, "
        f"each question answered by {size.answered * 100:.0f} % of them, scores 0 and 1."
    )


def explanation(size: Size) -> str:
    return (
        "The base of the second speed-up is the last Numba rung. ✓: r equals that of the rungs before on so "
        "many sets; of polars-corrset, the results of the best sets were recomputed with NumPy. "
        f"With an instruction set named, it searched {size.share} of the questions."
    )


def chart(frame: pl.DataFrame, size: Size) -> alt.LayerChart:
    """Nanoseconds per set, on a logarithmic scale: points, because bars would need a zero to begin at."""
    measured = frame.drop_nulls("nanoseconds").with_columns(
        pl.format("{}, {}", "rung", "threads").alias("label"),
        pl.col("nanoseconds").map_elements(with_unit, pl.String).alias("time"),
    )
    rows = alt.Data(values=measured.select("label", "tool", "nanoseconds", "time").to_dicts())
    units = "v >= 1e6 ? v / 1e6 + ' ms' : v >= 1e3 ? v / 1e3 + ' µs' : v + ' ns'"
    base = alt.Chart(rows).encode(
        x=alt.X("nanoseconds:Q", title="time per set, logarithmic")
        .scale(type="log", nice=False, domainMin=1, domainMax=frame["nanoseconds"].max() * 12)
        .axis(labelExpr=units.replace("v", "datum.value"), values=[10**power for power in range(10)]),
        y=alt.Y("label:N", sort=None, title=None).axis(labelLimit=400, ticks=False),
        color=alt.Color("tool:N", sort=None, title=None).scale(scheme="dark2"),
    )
    lines = base.mark_rule(opacity=0.4).encode(x2=alt.X2Datum(1))
    points = base.mark_point(filled=True, size=90, opacity=1)
    texts = base.mark_text(align="left", dx=9).encode(text="time:N", color=alt.value("black"))
    title = alt.TitleParams("The ladder: time per set", subtitle=description(size), anchor="start")
    return (
        (lines + points + texts)
        .properties(title=title, width=560, height=alt.Step(19), background="white", padding=12)
        .configure_legend(orient="bottom", columns=7)
    )


def climb(size: Size, folder: Path) -> Iterator[Row]:
    """All rungs, each measured when it is asked for."""
    responses = reference_responses(size.users, size.questions, size.answered)
    inputs = Inputs.of(responses)
    sample = Sample(size.questions, size.sets, np.random.default_rng(0))
    for rung in python_rungs(inputs):
        yield measure(rung, sample, size.seconds)
    for rung in compiled_rungs(inputs, sample, folder):
        yield measure(rung, sample, size.seconds)
    yield from plugin_rows(responses, size, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="From the pandas loop to polars-corrset, step by step.")
    parser.add_argument("--quick", action="store_true", help="small data: does every rung work?")
    parser.add_argument("--output", type=Path, help="folder for ladder.md and ladder.svg (not with --quick)")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    # A set on which a total is constant has no r; NumPy warns, and the answer is NaN as it should be.
    warnings.simplefilter("ignore", RuntimeWarning)

    # Not after ten minutes: the folder must be there in the end.
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for row in climb(size, folder):
            rows.append(row)
            time_per_set = "" if row.nanoseconds is None else f"{rounded(row.nanoseconds)} ns per set, "
            print(f"{row.rung}, {row.threads}: {time_per_set}{row.checked}", file=sys.stderr, flush=True)
        table = with_factors(rows)
        output = folder if arguments.quick else arguments.output or Path(__file__).parent
        notes = f"{description(size)} {explanation(size)}\n\n{machine()}"
        (output / "ladder.md").write_text(f"{as_markdown(table)}\n\n{notes}\n", encoding="utf-8")
        chart(table, size).save(output / "ladder.svg")
    print(f"{as_markdown(table)}\n\n{notes}\n{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
