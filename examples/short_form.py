"""From a Parquet file to a short form of ten questions, checked on other users, with pictures.

docs/choosing-a-short-form.md explains the steps.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl
import polars_corrset as pc
from reference_data import reference_responses


def main() -> None:
    parser = argparse.ArgumentParser(
        description="From a Parquet file to a checked short form, with pictures."
    )
    parser.add_argument(
        "--responses", type=Path, help="Parquet file: user, question, score (default: simulated)"
    )
    parser.add_argument("--k", type=int, default=10, help="questions of the form")
    parser.add_argument(
        "--output", type=Path, default=Path("data/short_form"), help="folder for the pictures"
    )
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if arguments.responses is None:
        arguments.responses = arguments.output / "responses.parquet"
        reference_responses(users=1_500, questions=40, answered=0.999).write_parquet(arguments.responses)
    responses = pl.scan_parquet(arguments.responses)

    # Totals of users who answered everything are on one scale.
    questions = pl.col("question").n_unique()
    complete = responses.filter(pl.len().over("user") == questions)

    # A third of the users is held out until the form is chosen.
    users = complete.select(pl.col("user").unique().sort()).with_row_index()
    held_out = complete.join(users.filter(pl.col("index") % 3 == 0), on="user", how="semi")
    chosen_on = complete.join(users.filter(pl.col("index") % 3 != 0), on="user", how="semi")

    best = pc.top_corrsets(chosen_on, k=arguments.k, top=100).collect()
    form = best.head(1)
    checked = pc.evaluate_corrsets(held_out, form, suffix="_test", confidence=0.95)
    print("The form:", *form["questions"][0], sep="\n  ")
    print(checked.drop("questions").transpose(include_header=True, column_names=["value"]))

    charts = {
        "elbow": pc.plot.elbow(chosen_on, range(1, arguments.k + 1)),
        "questions": pc.plot.questions(best),
        "distribution": pc.plot.distribution(chosen_on, k=3),
        "scatter": pc.plot.scatter(held_out, form["questions"][0]),
    }
    for name, chart in charts.items():
        chart.save(arguments.output / f"{name}.png", scale_factor=2)
        print(arguments.output / f"{name}.png")


if __name__ == "__main__":
    main()
