"""What Python makes of Ctrl-C while a plugin runs."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


def is_raised() -> bool:
    """Whether an interrupted query surely ends in `KeyboardInterrupt`, whatever its plugin returns.

    Python raises it as soon as Polars returns, but only instead of a result: an error of the plugin would
    come first. So a result may be returned that nobody sees, if Python's own handler stands, the main thread
    is the one that waits for Polars, and no file is written.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return False
    frames = sys._current_frames()  # noqa: SLF001, the only way to another thread's frame
    main = frames.pop(threading.main_thread().ident or 0, None)
    # The plugin may run on that thread, and so may this.
    while main is not None and main.f_globals is globals():
        main = main.f_back
    if not _is_polars(main) or any(_is_polars(frame) for frame in frames.values()):
        return False
    return not any(frame.f_code.co_name.startswith(("sink_", "write_")) for frame in _within_polars(main))


def _is_polars(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "polars"


def _within_polars(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None and _is_polars(frame):
        yield frame
        frame = frame.f_back
