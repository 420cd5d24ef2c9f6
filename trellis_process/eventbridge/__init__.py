"""Events on the bus: what each says to the world, and how it gets there."""

from trellis_process.eventbridge.envelope import SOURCE, envelopes
from trellis_process.eventbridge.publisher import EventPublisher

__all__ = ["SOURCE", "EventPublisher", "envelopes"]
