"""A batch: commands of one tenant that go in one call, and the result of each.

Each command is called as the verb of TrellisClient that it stands for, and takes the same.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from trellis_process.application.keys import OnDuplicate
from trellis_process.client import requests
from trellis_process.client.connections import Answer
from trellis_process.client.problems import CONTENT_TYPE, error_from
from trellis_process.domain.limits import (
    MAX_OUTPUT_BYTES,
    JsonValue,
    check_json,
    check_name,
    check_retry_after_ms,
    check_timeout_ms,
    check_whole_number,
)
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import Conflict, Described, InvalidInput, StepNotFound, TrellisError
from trellis_process.representation import process_from_json

MAX_COMMANDS = 25
"""What one batch takes."""


@dataclass(frozen=True, kw_only=True)
class StartProcess:
    """As ``start_process``, without the tenant, which is the batch's."""

    process_type: str
    aggregate_type: str
    aggregate_id: str
    steps: Sequence[ProcessStep]
    metadata: dict[str, JsonValue] | None = None
    timeout_ms: int | None = None
    auto_start_steps: bool = False
    #: Made at random where none is given, so that a batch that is sent again starts one process.
    idempotency_key: str = field(default_factory=lambda: str(uuid.uuid4()))
    reason: str | None = None

    def body(self, tenant_id: str) -> dict[str, Any]:
        """The command as it is sent. Raises InvalidInput for what the tracker would refuse."""
        requests.start_headers(self.idempotency_key)
        asked = Process.start(
            process_id="not-known-yet",
            tenant_id=tenant_id,
            process_type=self.process_type,
            aggregate_type=self.aggregate_type,
            aggregate_id=self.aggregate_id,
            steps=self.steps,
            metadata=self.metadata,
            timeout_ms=self.timeout_ms,
            now=datetime.now(UTC),
            reason=self.reason,
        )
        said = requests.start_body(
            asked, auto_start_steps=self.auto_start_steps, reason=self.reason
        )
        return {"command": "StartProcess", "idempotency_key": self.idempotency_key, **said}


@dataclass(frozen=True)
class _OnProcess:
    """What every command on a process that there is says."""

    process: Process | ProcessKey
    expected_version: int | None = field(default=None, kw_only=True)
    reason: str | None = field(default=None, kw_only=True)

    def body(self, tenant_id: str) -> dict[str, Any]:
        """The command as it is sent. Raises InvalidInput for what the tracker would refuse."""
        if self.process.tenant_id != tenant_id:
            raise InvalidInput(
                "tenant_id", self.process.tenant_id, f"allowed is that of the batch, {tenant_id!r}"
            )
        said = {
            "command": type(self).__name__,
            "process_id": check_name("process_id", self.process.process_id),
            **self._said(),
        }
        if self.expected_version is not None:
            said["expected_version"] = check_whole_number(
                "expected_version", self.expected_version, 1, requests.MAX_VERSION - 1
            )
        return said

    def _said(self) -> dict[str, Any]:
        return requests.report_body(reason=self.reason)


@dataclass(frozen=True, kw_only=True)
class Start:
    """As ``start``, without the tenant, which is the batch's."""

    definition: str
    input: dict[str, JsonValue] | None = None
    #: Made at random where none is given, so that a batch that is sent again starts one process.
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    on_duplicate: OnDuplicate = "return_existing"
    version: int | None = None
    aggregate_type: str | None = None
    aggregate_id: str | None = None
    metadata: dict[str, JsonValue] | None = None
    reason: str | None = None

    def body(self, tenant_id: str) -> dict[str, Any]:
        """The command as it is sent. Raises InvalidInput for what the tracker would refuse."""
        said = requests.start_by_name_body(
            input=self.input,
            key=self.key,
            on_duplicate=self.on_duplicate,
            version=self.version,
            aggregate_type=self.aggregate_type,
            aggregate_id=self.aggregate_id,
            metadata=self.metadata,
            reason=self.reason,
        )
        definition = check_name("definition", self.definition)
        return {"command": "Start", "definition": definition, **said}


@dataclass(frozen=True)
class SuspendProcess(_OnProcess):
    """As ``suspend_process``."""


@dataclass(frozen=True)
class ResumeProcess(_OnProcess):
    """As ``resume_process``."""


@dataclass(frozen=True)
class Signal(_OnProcess):
    """As ``signal``."""

    signal: str
    payload: JsonValue = None
    #: Made at random where none is given, so that a batch that is sent again signals once.
    signal_id: str = field(default_factory=lambda: str(uuid.uuid4()), kw_only=True)

    def _said(self) -> dict[str, Any]:
        return requests.signal_body(self.signal, self.payload, self.signal_id, self.reason)


@dataclass(frozen=True)
class SignalByKey:
    """As ``signal_by_key``, without the tenant, which is the batch's."""

    definition: str
    key: str
    signal: str
    payload: JsonValue = None
    #: As of Signal.
    signal_id: str = field(default_factory=lambda: str(uuid.uuid4()), kw_only=True)
    reason: str | None = field(default=None, kw_only=True)

    def body(self, tenant_id: str) -> dict[str, Any]:
        """The command as it is sent. Raises InvalidInput for what the tracker would refuse."""
        said = requests.signal_by_key_body(
            self.key, self.signal, self.payload, self.signal_id, self.reason
        )
        definition = check_name("definition", self.definition)
        return {"command": "SignalByKey", "definition": definition, **said}


@dataclass(frozen=True)
class CancelProcess(_OnProcess):
    """As ``cancel_process``."""

    compensate: bool = field(default=False, kw_only=True)

    def _said(self) -> dict[str, Any]:
        return requests.report_body(reason=self.reason, compensate=self.compensate or None)


@dataclass(frozen=True)
class _OnStep(_OnProcess):
    """What every command on a step says besides."""

    step_name: str

    def _said(self) -> dict[str, Any]:
        return {
            "step_name": check_name("step_name", self.step_name),
            **requests.report_body(reason=self.reason, **self._report()),
        }

    def _report(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class _Report(_OnStep):
    """What every report by who works on a step says besides."""

    attempt: int | None = field(default=None, kw_only=True)

    def _report(self) -> dict[str, Any]:
        return {"attempt": self.attempt}


@dataclass(frozen=True)
class StartStep(_Report):
    """As ``start_step``."""


@dataclass(frozen=True)
class Heartbeat(_Report):
    """As ``heartbeat``."""


@dataclass(frozen=True)
class CompleteStep(_Report):
    """As ``complete_step``."""

    output: JsonValue = None
    outcome: str | None = field(default=None, kw_only=True)

    def _report(self) -> dict[str, Any]:
        return {
            "attempt": self.attempt,
            "output": self.output,
            "outcome": requests.outcome(self.outcome),
        }


@dataclass(frozen=True)
class FailStep(_Report):
    """As ``fail_step``."""

    error: str
    retry_after_ms: int | None = field(default=None, kw_only=True)
    code: str | None = field(default=None, kw_only=True)
    fatal: bool = field(default=False, kw_only=True)

    def _report(self) -> dict[str, Any]:
        return {
            "attempt": self.attempt,
            "error": requests.readable_error(self.error),
            "retry_after_ms": check_retry_after_ms(self.retry_after_ms, self.attempt),
            "code": requests.code(self.code),
            "fatal": self.fatal or None,
        }


@dataclass(frozen=True)
class SuspendStep(_Report):
    """As ``suspend_step``."""

    timeout_ms: int | None = field(default=None, kw_only=True)
    resumption: int = field(default=0, kw_only=True)

    def _report(self) -> dict[str, Any]:
        return {
            "attempt": self.attempt,
            "timeout_ms": check_timeout_ms("timeout_ms", self.timeout_ms),
            "resumption": requests.resumption(self.resumption, least=0),
        }


@dataclass(frozen=True)
class ResumeStep(_OnStep):
    """As ``resume_step``."""

    data: JsonValue = None
    resumption: int = field(default=1, kw_only=True)

    def _report(self) -> dict[str, Any]:
        return {
            "data": check_json("data", self.data, MAX_OUTPUT_BYTES),
            "resumption": requests.resumption(self.resumption, least=1),
        }


@dataclass(frozen=True)
class RetryStep(_OnStep):
    """As ``retry_step``."""


@dataclass(frozen=True)
class SkipStep(_OnStep):
    """As ``skip_step``."""

    output: JsonValue = None

    def _report(self) -> dict[str, Any]:
        return {"output": self.output}


@dataclass(frozen=True)
class RerunFrom(_OnStep):
    """As ``rerun_from``."""


@dataclass(frozen=True)
class ClaimTask(_OnStep):
    """As ``claim_task``."""

    by: str = field(kw_only=True)

    def _report(self) -> dict[str, Any]:
        return {"by": requests.person("by", self.by)}


@dataclass(frozen=True)
class ReleaseTask(_OnStep):
    """As ``release_task``."""


@dataclass(frozen=True)
class ReassignTask(_OnStep):
    """As ``reassign_task``."""

    to: str = field(kw_only=True)

    def _report(self) -> dict[str, Any]:
        return {"to": requests.person("to", self.to)}


BatchCommand: TypeAlias = (
    StartProcess
    | Start
    | CancelProcess
    | SuspendProcess
    | ResumeProcess
    | Signal
    | SignalByKey
    | StartStep
    | CompleteStep
    | FailStep
    | SuspendStep
    | ResumeStep
    | Heartbeat
    | RetryStep
    | SkipStep
    | RerunFrom
    | ClaimTask
    | ReleaseTask
    | ReassignTask
)
"""What a batch takes."""


@dataclass(frozen=True)
class BatchResult:
    """What became of one command of a batch."""

    command: BatchCommand
    #: The process as it is then. None where it was refused, or where the answer to the whole batch
    #: had no room left for it, and ``process_id`` says which it is.
    process: Process | None = None
    process_id: str | None = None
    #: What the verb would have raised; None where it is done. After a StoreError, NotTried is one,
    #: the command may be sent again.
    error: TrellisError | None = None

    @property
    def is_done(self) -> bool:
        """Whether what the command asks for is true now."""
        return self.error is None


def batch_body(tenant_id: str, commands: Sequence[BatchCommand]) -> dict[str, Any]:
    """The body of a batch. Raises InvalidInput, with the command's place before the field."""
    if not 1 <= len(commands) <= MAX_COMMANDS:
        given = Described(f"{len(commands)} commands")
        raise InvalidInput("commands", given, f"allowed are 1 to {MAX_COMMANDS} commands")
    return {"commands": [_body(n, each, tenant_id) for n, each in enumerate(commands)]}


def results_from_json(commands: Sequence[BatchCommand], value: Any) -> list[BatchResult]:
    """The results, in the order of the commands. Raises ValueError for what is no such JSON."""
    try:
        return [_result(*each) for each in zip(commands, value["results"], strict=True)]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"these are no results of a batch: {error!r}") from error


def _body(n: int, command: BatchCommand, tenant_id: str) -> dict[str, Any]:
    try:
        return command.body(tenant_id)
    except InvalidInput as refused:
        raise type(refused)(
            f"commands[{n}].{refused.field}", Described(refused.given), refused.allowed
        ) from refused


def _result(command: BatchCommand, said: Mapping[str, Any]) -> BatchResult:
    asked = None if isinstance(command, StartProcess | Start | SignalByKey) else command.process
    if "problem" in said:
        headers = {"content-type": CONTENT_TYPE}
        answer = Answer(said["status"], headers, json.dumps(said["problem"]).encode())
        error = error_from(answer, process_id=asked.process_id if asked else "")
        current = error.process if isinstance(error, Conflict) else None
        if isinstance(error, StepNotFound) and isinstance(command, _OnStep):
            error.step_name = command.step_name
            error.known = list(asked.steps) if isinstance(asked, Process) else []
        result = BatchResult(command, None, asked.process_id if asked else None, error)
    else:
        current = process_from_json(said["process"]) if "process" in said else None
        if current is not None and isinstance(command, Start):
            current.was_there = said["status"] == 200
        result = BatchResult(command, current, said["process_id"])
    if isinstance(asked, Process) and current is not None:
        asked.become(current)
    return result
