"""One column of every dtype that the installed Polars has, tried in each position.

Run as a script, `python dtype_cases.py <position> <engine>` prints a line of JSON per case, so that whoever
started it sees an abort of the interpreter as a missing line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import polars_corrset as pc

POSITIONS = ["user", "question", "score", "criterion"]
NUMBERS = [3, 0, 1, 2]
WORDS = ["three", "", "one, which is too long to be stored inline", "tw\0o"]
INTEGERS = ["Int8", "Int16", "Int32", "Int64", "Int128", "UInt8", "UInt16", "UInt32", "UInt64", "UInt128"]
FLOATS = ["Float16", "Float32", "Float64"]


def extension(name: str, values: pl.Series) -> pl.Series:
    """A column of an extension dtype, which Polars has from 1.36 on."""
    return values.ext.to(pl.Extension(name, values.dtype))


def columns() -> dict[str, Callable[[], pl.Series]]:
    """Four different values (as far as the dtype has them) of every dtype, by name."""
    days = [date(2024, 1, 1) + timedelta(days=number) for number in NUMBERS]
    moments = [datetime(2024, 1, 1, number) for number in NUMBERS]
    spans = [timedelta(hours=number) for number in NUMBERS]
    nested = {
        "List": pl.Series([[number] for number in NUMBERS]),
        "Array": pl.Series([[number] for number in NUMBERS], dtype=pl.Array(pl.Int64, 1)),
        "Struct": pl.Series([{"a": number} for number in NUMBERS]),
    }
    cases: dict[str, Callable[[], pl.Series]] = {
        "Boolean": lambda: pl.Series([True, False, False, True]),
        "Decimal": lambda: pl.Series([Decimal(number) / 4 for number in NUMBERS], dtype=pl.Decimal(10, 2)),
        "Decimal wide": lambda: pl.Series([Decimal(number) for number in NUMBERS], dtype=pl.Decimal(38, 0)),
        "String": lambda: pl.Series(WORDS),
        "Binary": lambda: pl.Series([word.encode() for word in WORDS]),
        "Date": lambda: pl.Series(days),
        "Time": lambda: pl.Series([time(number) for number in NUMBERS]),
        "Enum": lambda: pl.Series(["c", "", "a", "b"], dtype=pl.Enum(["", "a", "b", "c", "unused"])),
        "Categorical": lambda: pl.Series(["c", "", "a", "b"], dtype=pl.Categorical),
        "Null": lambda: pl.Series([None] * 4, dtype=pl.Null),
        "Object": lambda: pl.Series([object() for _ in NUMBERS], dtype=pl.Object),
        "List of Enum": lambda: pl.Series([["a"], ["b"], [], None], dtype=pl.List(pl.Enum(["a", "b"]))),
        "Struct of List": lambda: pl.Series([{"a": [1]}, {"a": []}, {"a": None}, None]),
        "Struct without fields": lambda: pl.Series([{}] * 4, dtype=pl.Struct([])),
    }
    for name, values in nested.items():
        cases[name] = lambda values=values: values
    for name in INTEGERS + FLOATS:
        if hasattr(pl, name):
            cases[name] = lambda name=name: pl.Series(NUMBERS).cast(getattr(pl, name))
    for unit in ("ms", "us", "ns"):
        cases[f"Datetime {unit}"] = lambda unit=unit: pl.Series(moments, dtype=pl.Datetime(unit))
        cases[f"Duration {unit}"] = lambda unit=unit: pl.Series(spans, dtype=pl.Duration(unit))
        cases[f"Datetime {unit} with time zone"] = lambda unit=unit: pl.Series(
            moments, dtype=pl.Datetime(unit)
        ).dt.replace_time_zone("Europe/Vienna")
    if hasattr(pl, "Extension"):
        cases["Extension of String"] = lambda: extension("tests.word", pl.Series(["c", "", "a", "b"]))
        cases["Extension of Int64"] = lambda: extension("tests.number", pl.Series(NUMBERS))
        cases["Extension of List"] = lambda: extension("tests.list", nested["List"])
    if hasattr(pl, "Map"):
        cases["Map"] = lambda: pl.Series(
            [{"a": number} for number in NUMBERS], dtype=pl.Map(pl.String, pl.Int64)
        )
    return cases


def plain(position: str, values: list[Any]) -> list[tuple[Any, Any, Any]]:
    """Responses with `values` in `position`, as rows: 4 users answer 4 questions."""
    scores = [5, 1, 4, 2, 2, 2, 9, 3, 1, 7, 3, 8, 6, 0, 5, 4]
    rows = []
    for cell, score in enumerate(scores):
        user, question = divmod(cell, 4)
        row: dict[str, Any] = {"user": user, "question": question, "score": score}
        if position in row:
            row[position] = values[{"user": user, "question": question, "score": score % 4}[position]]
        rows.append((row["user"], row["question"], row["score"]))
    return rows


def frame(position: str, column: pl.Series) -> pl.DataFrame:
    """The same as a frame in two chunks, the values taken from `column`: Python's may not tell the dtype."""
    numbers = pl.DataFrame(plain(position, [0, 1, 2, 3]), schema=["user", "question", "score"], orient="row")
    # A criterion belongs to the user.
    values = numbers["user" if position == "criterion" else position]
    whole = numbers.with_columns(column.gather(values).alias(position))
    return pl.concat([whole.head(7), whole.tail(-7)], rechunk=False)


def outcome(position: str, engine: str, column: pl.Series) -> dict[str, Any]:
    """The rows of the answer, or the error."""
    responses = frame(position, column)
    # Boolean users or questions repeat themselves.
    options: dict[str, Any] = {"k": 1, "top": None, "duplicates": "max"}
    if position == "criterion":
        options["criterion"] = "criterion"
    try:
        query = pc.top_corrsets(responses.lazy(), **options)
        result = query.collect(engine=engine)
        empty = pc.top_corrsets(responses.clear().lazy(), **options).collect(engine=engine)
    # A panic is a BaseException, and has to be told from an error.
    except BaseException as error:
        return {"error": type(error).__name__, "message": str(error)}
    questions = pl.List(responses.schema["question"])
    schemas_agree = query.collect_schema() == result.schema == empty.schema
    return {
        "rows": [[repr(row[0]), *row[1:]] for row in result.rows()],
        "rows of an empty frame": empty.height,
        "dtype kept": schemas_agree and result.schema["questions"] == questions,
    }


if __name__ == "__main__":
    for case, make in columns().items():
        print(json.dumps({"case": case, **outcome(*sys.argv[1:], make())}), flush=True)
