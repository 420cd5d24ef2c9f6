"""What the function that does a step's work is told, and what it can say before it ends."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, NoReturn

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import ProcessKey
from trellis_process.domain.states import StepState
from trellis_process.domain.step import UNDO
from trellis_process.errors import Conflict
from trellis_process.worker.endings import AttemptOver, Suspended
from trellis_process.worker.tracker import Tracker


class StepContext:
    """One run of the work at one attempt of one step."""

    def __init__(self, event: Mapping[str, Any], tracker: Tracker) -> None:
        self._tracker = tracker
        #: Which process the step belongs to: ``tenant_id`` and ``process_id``.
        self.process = ProcessKey(event["tenant_id"], event["process_id"])
        self.process_type: str = event["process_type"]
        #: What the process is about, in the words of whoever started it.
        self.aggregate_type: str = event["aggregate_type"]
        self.aggregate_id: str = event["aggregate_id"]
        self.step_name: str = event["step_name"]
        #: The service that the definition asks; None in a process without one.
        self.service: str | None = event.get("service")
        #: The completed step that is to be undone; None where this is no compensation.
        self.undoes: str | None = (
            self.step_name.removeprefix(UNDO)
            if self.service is not None and self.step_name.startswith(UNDO)
            else None
        )
        #: The attempt that this is a run of; the first is 1.
        self.attempt: int = event["attempt"]
        #: What the definition gives to the step; without one the process's metadata.
        self.input: dict[str, Any] = deepcopy(
            event.get("metadata" if self.service is None else "input", {})
        )
        #: What whoever started the process keeps with it.
        self.metadata: dict[str, Any] = deepcopy(event.get("metadata", {}))
        #: When the attempt times out; None where nothing limits it. A heartbeat moves it.
        self.deadline: datetime | None = _moment(event.get("due_at"))
        #: How often the step has been resumed; the next resumption is this and 1.
        self.resumption: int = event.get("resumption", 0)
        #: What it was resumed with: any JSON, None where nothing came along.
        self.resume_data: JsonValue = deepcopy(event.get("resume_data"))
        self._retries_permitted: int = event.get("retries_permitted", 0)
        self._first_attempt: int = event.get("first_attempt", 1)

    @property
    def is_resumed(self) -> bool:
        """Whether the step was suspended, or about to be, and has been resumed since."""
        return self.resumption > 0

    @property
    def is_last_attempt(self) -> bool:
        """Whether no retry is left if this attempt fails."""
        return self.attempt - self._first_attempt >= self._retries_permitted

    @property
    def idempotency_key(self) -> str:
        """A key for what the work causes elsewhere: text of at most 201 characters.

        The same however often the event of this attempt is delivered, and in every run of an
        attempt that is suspended and resumed; another one in the next attempt.
        """
        tenant_id, process_id = self.process.tenant_id, self.process.process_id
        return f"{tenant_id}/{process_id}/{self.step_name}/{self.attempt}"

    def heartbeat(self) -> datetime | None:
        """Says that the work goes on; returns the deadline, which counts anew from now.

        Raises AttemptOver where nobody waits for this run any more, and what the tracker
        raises where it cannot be asked.
        """
        try:
            process = self._tracker.heartbeat(self.process, self.step_name, attempt=self.attempt)
        except Conflict as ended:
            raise AttemptOver(str(ended)) from ended
        step = process.step(self.step_name)
        if step.attempt > self.attempt or step.state is StepState.WAITING:
            raise AttemptOver(f"attempt {self.attempt} at {self.step_name!r} is over")
        self.deadline = step.due_at
        return self.deadline

    def suspend(self, *, timeout: timedelta | None = None, reason: str | None = None) -> NoReturn:
        """Ends this run; the step waits until somebody resumes it, for ``timeout`` at most.

        Then the function runs again from its top, with ``is_resumed`` and ``resume_data``. Tell
        whoever resumes it the process, the step and the resumption, which is ``resumption + 1``;
        one that comes before this run has ended is not lost. After ``timeout`` (to a year) the
        attempt has timed out; without it the step waits as long as it takes.

        Raises InvalidInput for a timeout that is not as allowed.
        """
        raise Suspended(timeout, reason)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
