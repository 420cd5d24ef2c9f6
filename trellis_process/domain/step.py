"""A step: a named unit of work inside a process, and the attempts made at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import MISSING, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from trellis_process.domain.limits import (
    MAX_ATTEMPT,
    MAX_RESUMPTIONS,
    MAX_RETRIES,
    MAX_STEPS,
    JsonValue,
    check_name,
    check_timeout_ms,
    check_whole_number,
)
from trellis_process.domain.states import STEP_MOVES, StepState, WaitingFor
from trellis_process.domain.task import HumanTaskTerms
from trellis_process.errors import AttemptUnknown, Described, InvalidInput, ResumptionUnknown

UNDO = "undo:"  # begins the name of a step that undoes another; no name of a definition has a colon

#: What nobody needs of a step that is done. A failed one keeps it all, to be tried again.
_NOT_NEEDED: dict[str, JsonValue] = {
    "error": None,
    "resume_data": None,
    "service": None,
    "priority": None,
    "input": None,
    "task": None,
    "progress": None,
}
_NOTHING: Mapping[str, JsonValue] = {}
_JSON_FIELDS = ("output", "resume_data", "input", "progress")


@dataclass(frozen=True, kw_only=True)
class ProcessStep:
    """One step, as asked for and as far as it has come. A change makes a new object.

    To start a process, give ``name`` and, where wanted, ``timeout_ms`` and ``retries_permitted``;
    the rest is the tracker's and begins anew with each process.

    Raises InvalidInput for a name, timeout or number of retries outside its limits.
    """

    name: str
    #: How long one attempt may take, in milliseconds; None for as long as it likes.
    timeout_ms: int | None = None
    #: Retries after the first attempt: N retries are N + 1 attempts in all.
    retries_permitted: int = 0

    state: StepState = StepState.PENDING
    #: The attempt under way, or the last one; the first is 1, 0 is none yet.
    attempt: int = 0
    #: When the current attempt started.
    started_at: datetime | None = None
    #: When the current attempt times out, heartbeats counted in, or a waiting step stops waiting.
    due_at: datetime | None = None
    #: What a waiting step waits for; None in any other state.
    waits_for: WaitingFor | None = None
    #: Which resumption the work under way began with; 0 where it was never resumed.
    resumption: int = 0
    #: What the latest resumption brought along.
    resume_data: JsonValue = None
    #: Whether that resumption came early: the next suspension or attempt takes it.
    resumed_early: bool = False
    #: When the step became final.
    ended_at: datetime | None = None
    #: What the step resulted in: small JSON, reported with its completion.
    output: JsonValue = None
    #: Why the step failed, as reported; while it is tried again, why the attempt before did.
    error: str | None = None
    #: Who made the last report about the step, where that is known.
    reported_by: str | None = None

    # What only a step has that a definition orders.
    #: How often it was entered.
    visits: int = 1
    #: The first attempt of this visit; what is reported of an earlier one is about another visit.
    first_attempt: int = 1
    #: The service that does its work, while it is open.
    service: str | None = None
    #: How soon, 0 to 9 and the lower the sooner, where a definition says so; None is 5.
    priority: int | None = None
    #: What that service, or that person, is given; kept while it is open.
    input: JsonValue = None
    #: What a person is asked, while it is open.
    task: HumanTaskTerms | None = None
    #: Its named result, where it has one beside success and failure.
    outcome: str | None = None
    #: How far what is inside of it has come, while it waits; ``engine.progress`` reads it.
    progress: JsonValue = None

    def __post_init__(self) -> None:
        check_name("name", self.name)
        check_timeout_ms("timeout_ms", self.timeout_ms)
        check_whole_number("retries_permitted", self.retries_permitted, 0, MAX_RETRIES)

    @classmethod
    def stored(cls, kept: Mapping[str, Any]) -> ProcessStep:
        """The step that a store has kept these fields of, the others being as in a new one.

        Without the checks of a new one, and so a few times as fast, because they have been made.
        """
        step = cls.__new__(cls)
        vars(step).update(_AS_NEW)
        vars(step).update(kept)
        return step

    def copy(self) -> ProcessStep:
        """The same step, sharing nothing that can be changed."""
        shared = {name: getattr(self, name) for name in _JSON_FIELDS}
        if not any(isinstance(value, dict | list) for value in shared.values()):
            return self
        return self.stored(vars(self) | {name: deepcopy(value) for name, value in shared.items()})

    def as_new(self) -> ProcessStep:
        """The step as asked for, with nothing done yet."""
        return ProcessStep(
            name=self.name, timeout_ms=self.timeout_ms, retries_permitted=self.retries_permitted
        )

    @property
    def is_open(self) -> bool:
        """Whether the step still takes reports."""
        return not self.state.is_final

    @property
    def undoes(self) -> str | None:
        """The step that this one undoes, where it is a compensation that a definition ordered."""
        return self.name.removeprefix(UNDO) if self.name.startswith(UNDO) else None

    def check_attempt(self, attempt: int | None, *, latest: int | None = None) -> None:
        """Raises AttemptUnknown where an attempt is named that comes after the latest possible.

        That is the current one unless given: reports are about attempts that were started.
        None stands for the current attempt, whichever that is.
        """
        if attempt is None:
            return
        check_whole_number("attempt", attempt, 1, MAX_ATTEMPT)
        if attempt > (latest or self.current_attempt):
            raise AttemptUnknown(self.name, attempt, self.attempt)

    @property
    def current_attempt(self) -> int:
        """The attempt that a report is about unless it says so.

        While none is under way that is the one to come: a service that only reports the end never
        starts it, and one that was given up before the process was reopened is over.
        """
        return self.attempt + 1 if self.state is StepState.PENDING else max(1, self.attempt)

    @property
    def attempt_to_start(self) -> int:
        """The attempt that starting the step now is about: the next one, or the current one."""
        return self.attempt + 1 if self.is_startable else self.current_attempt

    @property
    def is_startable(self) -> bool:
        """Whether starting the step now begins an attempt; one that is due later begins now."""
        return self.state in (StepState.PENDING, StepState.FAILED) or self.waits_for_retry

    @property
    def is_entered_again(self) -> bool:
        """Whether its definition leads to it once more, and it has not begun yet."""
        return self.state is StepState.PENDING and self.visits > 1

    @property
    def waits_for_retry(self) -> bool:
        """Whether its latest attempt failed and the next one is to come by itself."""
        return self.waits_for is WaitingFor.RETRY

    @property
    def is_suspended(self) -> bool:
        """Whether it waits for somebody to resume it."""
        return self.waits_for is WaitingFor.RESUMPTION

    @property
    def has_retries_left(self) -> bool:
        """Whether another attempt may follow the current one by itself."""
        return self.current_attempt - self.first_attempt < self.retries_permitted

    @property
    def next_resumption(self) -> int:
        """The resumption that a report is about unless it says so; an early one stays the next."""
        return self.resumption + 1

    def check_resumption(self, resumption: int, *, least: int, latest: int) -> None:
        """Raises ResumptionUnknown where one is named that comes after the latest possible."""
        check_whole_number("resumption", resumption, least, MAX_RESUMPTIONS)
        if resumption > latest:
            raise ResumptionUnknown(self.name, resumption, self.resumption)

    def is_older(self, attempt: int | None) -> bool:
        """Whether a report names an attempt that a later one has replaced."""
        return attempt is not None and attempt < self.current_attempt

    def is_of_earlier_visit(self, attempt: int | None) -> bool:
        """Whether a report names an attempt from before the step was last entered."""
        return attempt is not None and attempt < self.first_attempt

    def waiting_again(self, waits_for: WaitingFor) -> ProcessStep:
        """The failed or given-up step as one that waits for what is inside of it once more."""
        return self._move(StepState.WAITING, waits_for=waits_for, ended_at=None, error=None)

    def next_attempt(self, now: datetime, by: str | None) -> ProcessStep:
        """The next attempt under way; its deadline counts from its own start."""
        return self._move(
            StepState.IN_PROGRESS,
            attempt=self.attempt + 1,
            started_at=now,
            due_at=self.deadline_from(now),
            ended_at=None,
            # Why the attempt before failed, or the visit before: an event may yet be about that.
            error=self.error if self.waits_for_retry or self.is_entered_again else None,
            reported_by=by,
            **self._resumption_taken(),
        )

    def suspended(self, due_at: datetime | None, by: str | None) -> ProcessStep:
        """The current attempt waiting to be resumed; its own time limit does not run meanwhile."""
        return self._move(
            StepState.WAITING, waits_for=WaitingFor.RESUMPTION, due_at=due_at, reported_by=by
        )

    def resumed(self, now: datetime, by: str | None) -> ProcessStep:
        """The current attempt going on with what it was resumed with; its time counts from now."""
        return self._move(
            StepState.IN_PROGRESS,
            due_at=self.deadline_from(now),
            reported_by=by,
            **self._resumption_taken(),
        )

    def keeping(self, data: JsonValue, by: str | None) -> ProcessStep:
        """The step with a resumption that waits to be taken."""
        return replace(self, resume_data=data, resumed_early=True, reported_by=by)

    def waiting_for_retry(self, error: str, due_at: datetime, by: str | None) -> ProcessStep:
        """The step between a failed attempt and the next one, which begins at ``due_at``."""
        return self._move(
            StepState.WAITING,
            waits_for=WaitingFor.RETRY,
            attempt=self.current_attempt,
            due_at=due_at,
            error=error,
            reported_by=by,
        )

    def deadline_from(self, now: datetime) -> datetime | None:
        """When an attempt times out that starts, or shows that it is alive, now."""
        if self.timeout_ms is None:
            return None
        return now + timedelta(milliseconds=self.timeout_ms)

    def alive_until(self, due_at: datetime, by: str | None) -> ProcessStep:
        """The current attempt with its deadline moved, as a heartbeat asks for."""
        return replace(self, due_at=due_at, reported_by=by)

    def completed(
        self,
        output: JsonValue,
        now: datetime,
        by: str | None,
        outcome: str | None = None,
        *,
        kept: Mapping[str, JsonValue] = _NOTHING,
    ) -> ProcessStep:
        """The step done, with what it resulted in; what led there is not needed any more.

        But for what is ``kept`` of that, by the names of the fields.
        """
        result = {"output": output, "outcome": outcome}
        return self._ended(StepState.COMPLETED, now, by, **{**_NOT_NEEDED, **kept, **result})

    def skipped(
        self,
        output: JsonValue,
        now: datetime,
        by: str | None,
        *,
        kept: Mapping[str, JsonValue] = _NOTHING,
    ) -> ProcessStep:
        """The step passed over, with what it is to have resulted in; ``kept`` as in completed."""
        result = {"output": output}
        return self._ended(StepState.SKIPPED, now, by, **{**_NOT_NEEDED, **kept, **result})

    def waiting(
        self, waits_for: WaitingFor, now: datetime, due_at: datetime | None = None
    ) -> ProcessStep:
        """The step entered, where no service does its work: it waits, from its next attempt on."""
        return self._move(
            StepState.WAITING,
            waits_for=waits_for,
            attempt=self.attempt + 1,
            started_at=now,
            due_at=due_at,
        )

    def failed(
        self, error: str, now: datetime, by: str | None, outcome: str | None = None
    ) -> ProcessStep:
        """The step failed for good, and why; what an earlier visit resulted in is forgotten."""
        return self._ended(StepState.FAILED, now, by, error=error, output=None, outcome=outcome)

    def cancelled(self, now: datetime) -> ProcessStep:
        """The step given up because its process ended; who last reported on it stays known."""
        return self._move(StepState.CANCELLED, due_at=None, ended_at=now)

    def reopened(self) -> ProcessStep:
        """The given-up step as one to be done after all, because its process was reopened."""
        return self._move(StepState.PENDING, started_at=None, ended_at=None)

    def _ended(
        self, state: StepState, now: datetime, by: str | None, **result: JsonValue
    ) -> ProcessStep:
        return self._move(
            state,
            attempt=self.current_attempt,
            due_at=None,
            ended_at=now,
            reported_by=by,
            **result,
        )

    def _resumption_taken(self) -> dict[str, JsonValue]:
        return {"resumption": self.resumption + self.resumed_early, "resumed_early": False}

    def _move(self, state: StepState, **changes: JsonValue) -> ProcessStep:
        assert state in STEP_MOVES[self.state], f"{self.state} → {state} is no move of a step"
        return replace(self, **{"state": state, "waits_for": None, **changes})


_AS_NEW = {each.name: each.default for each in fields(ProcessStep) if each.default is not MISSING}


def steps_by_name(steps: Iterable[ProcessStep]) -> dict[str, ProcessStep]:
    """The steps to start a process with, as new ones, in their order.

    Raises InvalidInput for no step, too many, a name given twice, or what is not a step.
    """
    try:
        listed = list(steps)
    except TypeError:
        raise InvalidInput("steps", steps, "allowed is a list of ProcessStep") from None
    if not 1 <= len(listed) <= MAX_STEPS:
        raise InvalidInput(
            "steps", Described(f"{len(listed)} steps"), f"allowed are 1 to {MAX_STEPS} steps"
        )
    named: dict[str, ProcessStep] = {}
    for position, step in enumerate(listed):
        if not isinstance(step, ProcessStep):
            raise InvalidInput(f"steps[{position}]", step, "allowed is a ProcessStep")
        if step.name in named:
            raise InvalidInput(
                f"steps[{position}].name", step.name, "allowed is a name that no other step has"
            )
        named[step.name] = step.as_new()
    return named
