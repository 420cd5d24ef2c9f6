"""Events on the bus: what each says to the world, and how it gets there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trellis_process.domain.own_services import SOURCE
from trellis_process.eventbridge.envelope import envelopes

if TYPE_CHECKING:
    from trellis_process.eventbridge.publisher import EventPublisher

__all__ = ["SOURCE", "EventPublisher", "envelopes"]


def __getattr__(name: str) -> Any:
    """Loads the publisher when it is asked for, because who only reads events needs no botocore."""
    if name != "EventPublisher":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from trellis_process.eventbridge.publisher import EventPublisher

    return EventPublisher
