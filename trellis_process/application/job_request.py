"""What a job is to do: a command for each process that a filter is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from trellis_process.domain.limits import (
    MAX_OUTPUT_BYTES,
    MAX_REASON_CHARACTERS,
    JsonValue,
    check_json,
    check_name,
    check_text,
    check_time,
    check_whole_number,
)
from trellis_process.domain.own_services import SCHEDULE
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import moment_from, to_text
from trellis_process.errors import Described, InvalidInput

MAX_DEFINITION_VERSION = 2**31 - 1
MAX_SEARCHED = 10
MAX_SEARCHED_BYTES = 2_048

_OPEN = frozenset(state for state in ProcessState if not state.is_final)
_MOVING = frozenset({ProcessState.PENDING, ProcessState.IN_PROGRESS})
_FAILED = frozenset({ProcessState.FAILED})


class CommandName(StrEnum):
    """The commands that a job can give, called as in a message or a batch."""

    SUSPEND_PROCESS = "SuspendProcess"
    RESUME_PROCESS = "ResumeProcess"
    CANCEL_PROCESS = "CancelProcess"
    RETRY_STEP = "RetryStep"
    SKIP_STEP = "SkipStep"
    RERUN_FROM = "RerunFrom"


#: The states of the processes that a command is about, unless the filter names one.
STATES: dict[CommandName, frozenset[ProcessState]] = {
    CommandName.SUSPEND_PROCESS: _MOVING,
    CommandName.RESUME_PROCESS: frozenset({ProcessState.SUSPENDED}),
    CommandName.CANCEL_PROCESS: _OPEN,
    CommandName.RETRY_STEP: _FAILED,
    CommandName.SKIP_STEP: _MOVING | _FAILED,
    CommandName.RERUN_FROM: _MOVING | _FAILED,
}

_NEED_STEP = {CommandName.SKIP_STEP, CommandName.RERUN_FROM}
_TAKE_STEP = {CommandName.RETRY_STEP, *_NEED_STEP}


@dataclass(frozen=True, kw_only=True)
class JobCommand:
    """What each process is told. Raises InvalidInput for what does not belong to the command."""

    command: CommandName
    #: The step; ``RetryStep`` may leave it out, and is then about the step that failed last.
    step_name: str | None = None
    #: Of ``CancelProcess``: whether what had been completed is undone first.
    compensate: bool = False
    #: Of ``SkipStep``: what stands in for the step's result, JSON of at most 32 KB.
    output: JsonValue = None

    def __post_init__(self) -> None:
        try:
            command = CommandName(self.command)
        except ValueError:
            allowed = f"allowed are {', '.join(CommandName)}"
            raise InvalidInput("command", self.command, allowed) from None
        object.__setattr__(self, "command", command)
        if self.step_name is not None:
            check_name("step_name", self.step_name)
            if command not in _TAKE_STEP:
                allowed = f"allowed with {command} is none: it is about the process as a whole"
                raise InvalidInput("step_name", self.step_name, allowed)
        elif command in _NEED_STEP:
            allowed = f"allowed with {command} is the name of a step"
            raise InvalidInput("step_name", Described("nothing"), allowed)
        if not isinstance(self.compensate, bool):
            raise InvalidInput("compensate", self.compensate, "allowed are true and false")
        if self.compensate and command is not CommandName.CANCEL_PROCESS:
            raise InvalidInput("compensate", True, f"allowed with {command} is false")
        if self.output is not None and command is not CommandName.SKIP_STEP:
            allowed = f"allowed with {command} is none"
            raise InvalidInput("output", Described("an output"), allowed)
        output = check_json("output", self.output, MAX_OUTPUT_BYTES)
        object.__setattr__(self, "output", output)

    def step_in(self, process: Process) -> ProcessStep | None:
        """The step of this process that is meant; None where it has no such step."""
        if self.step_name is not None:
            return process.steps.get(self.step_name)
        if self.command is not CommandName.RETRY_STEP:
            return None
        failed = [
            (step.ended_at or process.started_at, place, step)
            for place, step in enumerate(process.steps.values())
            if step.state is StepState.FAILED and not process.is_compensation(step)
        ]
        # What a step stands in fails in the same moment and was entered before it.
        return max(failed, key=lambda each: each[:2])[2] if failed else None

    def concerns(self, process: Process) -> bool:
        """Whether the process has a step as the command needs it."""
        if self.command not in _TAKE_STEP:
            return True
        step = self.step_in(process)
        if step is None:
            return False
        if self.command is CommandName.RERUN_FROM:
            return step.state.is_final
        return step.is_open or step.state is StepState.FAILED

    def as_json(self) -> dict[str, Any]:
        """The command as JSON, without what is not said."""
        said = {
            "command": self.command.value,
            "step_name": self.step_name,
            "compensate": self.compensate or None,
            "output": self.output,
        }
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which of a tenant's processes: those for which all that is said here is true.

    Raises InvalidInput for what is not as allowed.
    """

    process_type: str | None = None
    #: One state; unless said, those that the command is about.
    state: ProcessState | None = None
    definition_version: int | None = None
    #: The step that a process is at: open, or failed.
    step_name: str | None = None
    #: Not before this moment.
    started_after: datetime | None = None
    #: Before this moment.
    started_before: datetime | None = None
    #: What the reason begins with for which it failed or was cancelled.
    reason: str | None = None
    #: Search attributes, each with the value that it has.
    search_attributes: Mapping[str, JsonValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("process_type", "step_name"):
            if getattr(self, name) is not None:
                check_name(f"filter.{name}", getattr(self, name))
        if self.state is not None:
            object.__setattr__(self, "state", _check_state(self.state))
        if self.definition_version is not None:
            given = self.definition_version
            check_whole_number("filter.definition_version", given, 1, MAX_DEFINITION_VERSION)
        for name in ("started_after", "started_before"):
            if (moment := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_time(f"filter.{name}", moment))
        if self.reason is not None:
            check_text("filter.reason", self.reason, MAX_REASON_CHARACTERS)
        object.__setattr__(self, "search_attributes", _check_searched(self.search_attributes))

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing, so that every process is meant."""
        return not self.as_json()

    def matches(self, process: Process, command: JobCommand) -> bool:
        """Whether a job with this command is about the process."""
        states = STATES[command.command] if self.state is None else {self.state}
        return (
            process.state in states
            and self._means_type(process.process_type)
            and self.definition_version in (None, process.definition_version)
            and (self.started_after is None or self.started_after <= process.started_at)
            and (self.started_before is None or process.started_at < self.started_before)
            and (self.reason is None or (process.reason or "").startswith(self.reason))
            and (self.step_name is None or _is_at(process, self.step_name))
            and _has(process.search_attributes, self.search_attributes)
            and command.concerns(process)
        )

    def _means_type(self, process_type: str) -> bool:
        """Whether it is about processes of a type; about schedules only where it names them."""
        if self.process_type is None:
            return process_type != SCHEDULE
        return process_type == self.process_type

    def as_json(self) -> dict[str, Any]:
        """The filter as JSON, without what is not said."""
        said = {
            "process_type": self.process_type,
            "state": None if self.state is None else self.state.value,
            "definition_version": self.definition_version,
            "step_name": self.step_name,
            "started_after": to_text(self.started_after),
            "started_before": to_text(self.started_before),
            "reason": self.reason,
            "search_attributes": dict(self.search_attributes) or None,
        }
        return {name: value for name, value in said.items() if value is not None}


def filter_from_json(value: Mapping[str, Any]) -> JobFilter:
    """The filter that ``as_json`` gave this for."""
    moments = {
        name: moment_from(value[name])
        for name in ("started_after", "started_before")
        if name in value
    }
    return JobFilter(**{**value, **moments})


def _is_at(process: Process, step_name: str) -> bool:
    step = process.steps.get(step_name)
    return step is not None and (step.is_open or step.state is StepState.FAILED)


def _has(found: Mapping[str, JsonValue], asked: Mapping[str, JsonValue]) -> bool:
    # 1 and True are equal to Python, and not the same to whoever asks.
    return all(
        name in found and type(found[name]) is type(value) and found[name] == value
        for name, value in asked.items()
    )


def _check_state(state: object) -> ProcessState:
    try:
        return ProcessState(str(state))
    except ValueError:
        allowed = f"allowed are {', '.join(ProcessState)}"
        raise InvalidInput("filter.state", state, allowed) from None


def _check_searched(given: object) -> dict[str, JsonValue]:
    name = "filter.search_attributes"
    if not isinstance(given, Mapping):
        raise InvalidInput(name, given, "allowed is an object: names with the values they have")
    if len(given) > MAX_SEARCHED:
        raise InvalidInput(name, Described(f"{len(given)} names"), f"allowed are {MAX_SEARCHED}")
    checked: dict[str, JsonValue] = check_json(name, dict(given), MAX_SEARCHED_BYTES)
    return checked
