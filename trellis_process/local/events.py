"""What reached the event bus of a local stack, heard as any consumer would."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from trellis_process.eventbridge.tap import LONGEST_WAIT_S, Event, Tap
from trellis_process.local.stack import LocalStack


class EventTap(Tap):
    """Hears from now on what Trellis tells on the bus of ``stack``, not what others put there.

    ``name`` is for one listener: two taps of one name share the events between them, and a tap of
    a cloud that kept its data goes on where the last one of its name stopped.
    """

    def __init__(self, stack: LocalStack, name: str) -> None:
        super().__init__(
            stack.cloud.client("sqs"),
            stack.cloud.client("events"),
            stack.outputs["EventBusName"],
            name=f"tap-{name}",
        )

    def until(self, enough: Callable[[list[Event]], bool], timeout_s: float) -> list[Event]:
        """All events heard until ``enough`` says so of them, or ``timeout_s`` have passed."""
        heard: list[Event] = []
        give_up_at = monotonic() + timeout_s
        while not enough(heard) and (left := give_up_at - monotonic()) > 0:
            heard += self.poll(min(LONGEST_WAIT_S, max(1, int(left))))
        return heard
