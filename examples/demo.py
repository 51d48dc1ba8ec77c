"""The best question sets of 2.4 million responses in a hive-partitioned Parquet data set: `make demo`."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import polars as pl
import polars_corrset as pc
from reference_data import QUESTIONS, write_hive


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--k", type=int, default=5, help="questions per set")
    parser.add_argument("--data", type=Path, default=Path("data/reference"), help="folder of the data set")
    arguments = parser.parse_args()

    write_hive(arguments.data)
    responses = pl.scan_parquet(arguments.data, hive_partitioning=True)

    start = time.perf_counter()
    best = pc.top_corrsets(responses, k=arguments.k, min_users=10).collect()
    seconds = time.perf_counter() - start

    # Eight characters tell the ids apart.
    with pl.Config(fmt_str_lengths=9 * arguments.k):
        print(best.with_columns(pl.col("questions").list.eval(pl.element().str.head(8)).list.join(" ")))
    sets = math.comb(QUESTIONS, arguments.k)
    print(f"{sets:,} sets in {seconds:.2f} s, Parquet included: {seconds / sets * 1e9:,.1f} ns per set")


if __name__ == "__main__":
    main()
