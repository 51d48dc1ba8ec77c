"""The bar of a search that runs, by tqdm: the extra `progress`."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Literal

Progress = bool | Literal["always"]


def progress_of(value: object) -> Literal["never", "auto", "always"]:
    """What the parameter `progress` asks for."""
    if value is False:
        return "never"
    if value is not True and value != "always":
        msg = f"`progress` must be True, False or 'always', got {value!r}"
        raise ValueError(msg)
    if find_spec("tqdm") is None:
        msg = "`progress` needs tqdm: pip install 'polars-corrset[progress]'"
        raise ModuleNotFoundError(msg)
    return "auto" if value is True else "always"


class Bar:
    """Sets done of all sets."""

    def __init__(self, sets: int | None, always: bool) -> None:
        """`sets` is how many there are, if they can be counted; `always` shows the bar whatever stderr is."""
        from tqdm.auto import tqdm  # noqa: PLC0415, loading it takes as long as loading Polars

        # In a notebook it is a widget, and stderr no terminal.
        is_widget = hasattr(tqdm, "status_printer") and "notebook" in tqdm.__mro__[1].__module__
        is_seen = always or is_widget or (sys.stderr is not None and sys.stderr.isatty())
        self._total = sets or 1
        self._bar = tqdm(
            total=self._total, unit=" sets" if sets else "", unit_scale=True, disable=not is_seen
        )

    def show(self, done: float) -> None:
        """Move on to where the share `done` is done."""
        self._bar.update(round(done * self._total) - self._bar.n)

    def close(self, done: float) -> None:
        """Leave the bar where it ends."""
        self.show(done)
        self._bar.close()
