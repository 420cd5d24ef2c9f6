"""Received: an event from outside, as it comes to a process."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

ID_BYTES = 8  # of 100 events two look alike once in 10^15 processes


class Received(NamedTuple):
    """An event, what the definition calls it, and what is the same when it comes again."""

    names: tuple[str, ...]
    #: As EventBridge delivers it.
    event: Mapping[str, Any]
    id: str

    @property
    def mark(self) -> str:
        """What a process keeps of it, by which a repeat is known."""
        digest = hashlib.sha256(self.id.encode()).digest()[:ID_BYTES]
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
