"""The folder for things that can be made again, and the lock by which two makers do not collide."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_dir() -> Path:
    """The folder of this user for what Trellis can make again; honours ``XDG_CACHE_HOME``."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    # The XDG specification says to ignore a relative path.
    root = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return root / "trellis-process"


@contextmanager
def locked(lock_file: Path) -> Iterator[None]:
    """Hold ``lock_file`` alone, waiting for whoever holds it now; also across processes."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
