"""Draws the pictures of docs/choosing-a-short-form.md by running its programs: `pictures.py docs/images`."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "choosing-a-short-form.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("data/pictures"), help="where to leave them"
    )
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    programs = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)

    # The page's programs write where they run.
    os.chdir(folder)
    namespace: dict[str, Any] = {}
    for program in programs:
        exec(program, namespace)
    Path("responses.parquet").unlink()
    for picture in sorted(Path().glob("*.svg")):
        print(f"{folder / picture}: {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
