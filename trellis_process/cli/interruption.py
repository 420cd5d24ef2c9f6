"""Being told to end: by Ctrl-C, by SIGTERM, or by a terminal that was closed."""

from __future__ import annotations

import signal
from types import FrameType


def interruptible() -> None:
    """Lets SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, so that all clean up."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _interrupt)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
