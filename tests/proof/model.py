"""A model of a process, written from docs/rules.md alone: what each command does, in plain values.

It shares nothing with the domain, so that a mistake would have to be made twice to pass unseen.
Times are milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DONE, NOTHING = "changed", "nothing"
FINAL = {"completed", "failed", "cancelled"}

Told = tuple[str, str | None, int | None]
"""An event: its type, and of which step and attempt it tells."""


@dataclass
class ModelStep:
    """A step, by its name in the model."""

    limit: int | None
    permitted: int
    state: str = "pending"
    waits_for: str | None = None
    attempt: int = 0
    due: int | None = None
    resumption: int = 0
    early: bool = False
    data: Any = None
    error: str | None = None
    output: Any = None

    def about(self) -> int:
        """The attempt that a report is about which names none."""
        return self.attempt + 1 if self.state == "pending" else max(self.attempt, 1)

    def next_start(self) -> int | None:
        """The attempt that a start would begin, if any."""
        startable = self.state in ("pending", "failed") or self.waits_for == "retry"
        return self.attempt + 1 if startable else None


@dataclass
class Model:
    """A process. Each command says what became of it: DONE, NOTHING, or the code of a refusal."""

    steps: dict[str, ModelStep]
    limit: int | None
    now: int = 0
    state: str = "pending"
    due: int | None = None
    told: list[Told] = field(default_factory=list)

    def begin(self, auto_start: bool) -> None:
        """The process starts."""
        self.told = [("ProcessStarted", None, None)]
        self.due = self._in(self.limit)
        for name in self.steps if auto_start else ():
            self._attempt(name)

    def start(self, name: str, attempt: int | None) -> str:
        step = self.steps[name]
        following = step.next_start()
        if attempt is not None and attempt > (following or step.about()):
            return "attempt_unknown"
        if following is not None and attempt in (None, following):
            self.told = []
            if step.state == "failed":
                self.state, self.due = "in_progress", self._in(self.limit)
                for other in self.steps.values():
                    if other.state == "cancelled":
                        other.state = "pending"
            self._attempt(name)
            return DONE
        return self._refusal(step) or NOTHING

    def complete(self, name: str, attempt: int | None, output: Any) -> str:
        step = self.steps[name]
        if attempt is not None and attempt > step.about():
            return "attempt_unknown"
        if step.state == "completed":
            return NOTHING
        if refusal := self._refusal(step):
            return refusal
        step.attempt = step.about()
        self._stands(step, "completed")
        step.error, step.output, step.data = None, output, None
        self.told = [("StepCompleted", name, attempt or step.attempt)]
        if all(each.state == "completed" for each in self.steps.values()):
            self._end("completed", "ProcessCompleted")
        return DONE

    def fail(self, name: str, attempt: int | None, error: str, retry_after: int | None) -> str:
        step = self.steps[name]
        current = step.about()
        if attempt is not None and attempt > current:
            return "attempt_unknown"
        if step.state == "failed":
            return NOTHING
        if refusal := self._refusal(step):
            return refusal
        is_repeat = step.waits_for == "retry" and retry_after is not None
        if self._is_old(step, attempt) or is_repeat:
            return NOTHING
        self.told = []
        step.attempt = current
        if retry_after is None or current > step.permitted:
            self._fail(name, error)
            return DONE
        self._stands(step, "waiting", "retry", self.now + retry_after)
        step.error = error
        self.told = [("StepAttemptFailed", name, current)]
        if retry_after == 0:
            self._attempt(name)
        return DONE

    def suspend(self, name: str, attempt: int | None, resumption: int, limit: int | None) -> str:
        step = self.steps[name]
        if attempt is not None and attempt > step.about():
            return "attempt_unknown"
        if resumption > step.resumption:
            return "resumption_unknown"
        if refusal := self._refusal(step):
            return refusal
        if step.state == "pending":
            return "step_not_started"
        is_old = resumption < step.resumption
        if step.state == "waiting" or is_old or self._is_old(step, attempt):
            return NOTHING
        self._stands(step, "waiting", "resumption", self._in(limit))
        self.told = [("StepSuspended", name, step.attempt)]
        if step.early:
            self._go_on(name)
        return DONE

    def resume(self, name: str, resumption: int, data: Any) -> str:
        step = self.steps[name]
        come = step.resumption + (1 if step.early else 0)
        if resumption > step.resumption + 1:
            return "resumption_unknown"
        if resumption <= come:
            return NOTHING
        if refusal := self._refusal(step):
            return refusal
        if step.attempt == 0:
            return "step_not_started"
        step.data, step.early = data, True
        self.told = []
        if step.waits_for == "resumption":
            self._go_on(name)
        return DONE

    def heartbeat(self, name: str, attempt: int | None) -> str:
        step = self.steps[name]
        if attempt is not None and attempt > step.about():
            return "attempt_unknown"
        if refusal := self._refusal(step):
            return refusal
        if step.state == "pending":
            return "step_not_started"
        later = self._in(step.limit)
        if step.state == "waiting" or self._is_old(step, attempt):
            return NOTHING
        if later is None or step.due is None or later <= step.due:
            return NOTHING
        step.due, self.told = later, []
        return DONE

    def cancel(self) -> str:
        if self.state == "cancelled":
            return NOTHING
        if self.state in FINAL:
            return "process_finished"
        self.told = []
        self._end("cancelled", "ProcessCancelled")
        return DONE

    def sweep(self) -> str:
        """Somebody looks at the process now; NOTHING where nothing in it is due."""
        due = [
            name
            for name, step in self.steps.items()
            if step.due is not None and step.due <= self.now
        ]
        if self.due is not None and self.due <= self.now:
            self.told = []
            self._end("failed", "ProcessFailed")
            return DONE
        if not due:
            return NOTHING
        self.told = []
        for name in due:
            step = self.steps[name]
            if self.state in FINAL:
                break
            if step.waits_for != "retry":
                self.told.append(("ProcessStepTimedOut", name, step.attempt))
            if step.waits_for == "retry" or step.attempt <= step.permitted:
                self._attempt(name)
            else:
                self._fail(name, "timed out")
        return DONE

    def first_deadline(self) -> int | None:
        """When the first thing is due that waits."""
        each = [self.due, *(step.due for step in self.steps.values())]
        return min((due for due in each if due is not None), default=None)

    # -- what commands have in common ------------------------------------------------------------

    def _refusal(self, step: ModelStep) -> str | None:
        if self.state in FINAL:
            return "process_finished"
        return "step_finished" if step.state in FINAL else None

    def _is_old(self, step: ModelStep, attempt: int | None) -> bool:
        return attempt is not None and attempt < step.about()

    def _in(self, limit: int | None) -> int | None:
        return None if limit is None else self.now + limit

    def _stands(
        self, step: ModelStep, state: str, waits_for: str | None = None, due: int | None = None
    ) -> None:
        step.state, step.waits_for, step.due = state, waits_for, due
        if self.state == "pending":
            self.state = "in_progress"

    def _attempt(self, name: str) -> None:
        step = self.steps[name]
        if step.waits_for != "retry":
            step.error = None
        step.attempt += 1
        self._take(step)
        self._stands(step, "in_progress", None, self._in(step.limit))
        self.told.append(("StepStarted", name, step.attempt))

    def _go_on(self, name: str) -> None:
        step = self.steps[name]
        self._take(step)
        self._stands(step, "in_progress", None, self._in(step.limit))
        self.told.append(("StepResumed", name, step.attempt))

    def _take(self, step: ModelStep) -> None:
        if step.early:
            step.resumption, step.early = step.resumption + 1, False

    def _fail(self, name: str, error: str) -> None:
        step = self.steps[name]
        self._stands(step, "failed")
        step.error = error
        self.told.append(("StepFailed", name, step.attempt))
        self._end("failed", "ProcessFailed")

    def _end(self, state: str, event: str) -> None:
        self.state, self.due = state, None
        for step in self.steps.values():
            if step.state not in FINAL:
                step.state, step.waits_for, step.due = "cancelled", None, None
        self.told.append((event, None, None))
