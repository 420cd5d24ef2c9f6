"""What a worker needs of a tracker: the four reports that end or prolong an attempt."""

from __future__ import annotations

from typing import Protocol

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import Process, ProcessKey


class Tracker(Protocol):
    """A ``TrellisClient`` is one, and so is a ``ProcessService``, for a worker beside its store.

    Each raises what those raise, a Conflict where the report comes too late.
    """

    def complete_step(
        self, process: ProcessKey, step_name: str, output: JsonValue = None, *, attempt: int
    ) -> Process:
        """The step is done, with what it resulted in."""

    def fail_step(
        self,
        process: ProcessKey,
        step_name: str,
        error: str,
        *,
        retry_after_ms: int | None,
        code: str | None,
        fatal: bool,
        attempt: int,
    ) -> Process:
        """The attempt failed: what kind of error it is, and whether and when to try again."""

    def suspend_step(
        self,
        process: ProcessKey,
        step_name: str,
        *,
        timeout_ms: int | None,
        attempt: int,
        resumption: int,
        reason: str | None,
    ) -> Process:
        """The step waits to be resumed."""

    def heartbeat(self, process: ProcessKey, step_name: str, *, attempt: int) -> Process:
        """The attempt is alive."""
