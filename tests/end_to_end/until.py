"""Waiting for what the deployed stack does a moment later."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

SOON = 30.0  # seconds in which a message or an event has surely reached its function

_Found = TypeVar("_Found")


def until(find: Callable[[], _Found | None]) -> _Found:
    """What ``find`` finds that is not empty, asked again and again. Fails where that is nothing."""
    give_up_at = time.monotonic() + SOON
    while time.monotonic() < give_up_at:
        if found := find():
            return found
        time.sleep(0.2)
    raise AssertionError("nothing was found")
