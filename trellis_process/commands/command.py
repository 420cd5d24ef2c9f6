"""A command: what is asked of one process, as data that names the tenant and the process."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Field, ValidationError

from trellis_process.application.start_request import MAX_KEY_CHARACTERS
from trellis_process.commands.bodies import (
    Body,
    CancelProcess,
    CompleteStep,
    FailStep,
    Heartbeat,
    IdempotencyKey,
    Name,
    ResumeProcess,
    ResumeStep,
    SkipStep,
    StartProcess,
    StartStep,
    SuspendProcess,
    SuspendStep,
    checked,
)
from trellis_process.commands.definition_bodies import (
    ClaimTask,
    ReassignTask,
    ReleaseTask,
    RerunFrom,
    RetryStep,
    Signal,
    SignalByKey,
    Start,
)
from trellis_process.commands.fields import refusal_of
from trellis_process.domain.limits import check_whole_number
from trellis_process.domain.process import ProcessKey
from trellis_process.errors import Described, InvalidInput

MAX_VERSION = 10**15 - 1

Version: TypeAlias = Annotated[
    int,
    Field(ge=1, le=MAX_VERSION),
    checked(partial(check_whole_number, least=1, most=MAX_VERSION)),
]


class _ToTenant(Body):
    """What every command names."""

    tenant_id: Name = Field(description="Whose process it is.")

    @property
    def about(self) -> dict[str, str]:
        """What it is about, for a log: tenant_id, process_id and step_name, as far as named."""
        names = ("tenant_id", "process_id", "step_name")
        return {name: value for name in names if (value := getattr(self, name, None)) is not None}


class _ToProcess(_ToTenant):
    """What every command on a process that there is names besides."""

    process_id: Name = Field(description="The process's id, as its start and its events gave it.")
    expected_version: Version | None = Field(
        None,
        description="The version that the change is decided on. On another version nothing is "
        "changed, unless what is asked for is true already.",
    )

    @property
    def key(self) -> ProcessKey:
        """The process that it is about."""
        return ProcessKey(self.tenant_id, self.process_id)


class _ToStep(_ToProcess):
    """What every report names besides."""

    step_name: Name = Field(description="The step's name in its process.")


class StartProcessCommand(StartProcess, _ToTenant):
    """Start a process."""

    command: Literal["StartProcess"]
    idempotency_key: IdempotencyKey | None = Field(
        None,
        description=f"Text of 1 to {MAX_KEY_CHARACTERS} characters, the tenant's own: the same key "
        "with the same command starts nothing twice; with another command it is refused.",
    )


class StartCommand(Start, _ToTenant):
    """Start a process of a definition."""

    command: Literal["Start"]
    definition: Name = Field(description="The definition's name.")


class CancelProcessCommand(CancelProcess, _ToProcess):
    """Cancel a process."""

    command: Literal["CancelProcess"]


class SuspendProcessCommand(SuspendProcess, _ToProcess):
    """Freeze a process."""

    command: Literal["SuspendProcess"]


class ResumeProcessCommand(ResumeProcess, _ToProcess):
    """Let a suspended process go on."""

    command: Literal["ResumeProcess"]


class SignalCommand(Signal, _ToProcess):
    """Give a process a signal."""

    command: Literal["Signal"]


class SignalByKeyCommand(SignalByKey, _ToTenant):
    """Give the process of a key a signal, which may start it."""

    command: Literal["SignalByKey"]
    definition: Name = Field(description="The definition's name.")


class StartStepCommand(StartStep, _ToStep):
    """Start an attempt at a step."""

    command: Literal["StartStep"]


class CompleteStepCommand(CompleteStep, _ToStep):
    """Complete a step."""

    command: Literal["CompleteStep"]


class FailStepCommand(FailStep, _ToStep):
    """Fail a step."""

    command: Literal["FailStep"]


class SuspendStepCommand(SuspendStep, _ToStep):
    """Let a step wait until it is resumed."""

    command: Literal["SuspendStep"]


class ResumeStepCommand(ResumeStep, _ToStep):
    """Let a suspended step go on."""

    command: Literal["ResumeStep"]


class HeartbeatCommand(Heartbeat, _ToStep):
    """Say that an attempt is alive."""

    command: Literal["Heartbeat"]


class RetryStepCommand(RetryStep, _ToStep):
    """Try a failed step again."""

    command: Literal["RetryStep"]


class SkipStepCommand(SkipStep, _ToStep):
    """Go on as if a step were completed."""

    command: Literal["SkipStep"]


class RerunFromCommand(RerunFrom, _ToStep):
    """Go on from a step that has ended."""

    command: Literal["RerunFrom"]


class ClaimTaskCommand(ClaimTask, _ToStep):
    """Take a human task."""

    command: Literal["ClaimTask"]


class ReleaseTaskCommand(ReleaseTask, _ToStep):
    """Give a human task back."""

    command: Literal["ReleaseTask"]


class ReassignTaskCommand(ReassignTask, _ToStep):
    """Give a human task to somebody."""

    command: Literal["ReassignTask"]


Command: TypeAlias = (
    StartProcessCommand
    | StartCommand
    | CancelProcessCommand
    | SuspendProcessCommand
    | ResumeProcessCommand
    | SignalCommand
    | SignalByKeyCommand
    | StartStepCommand
    | CompleteStepCommand
    | FailStepCommand
    | SuspendStepCommand
    | ResumeStepCommand
    | HeartbeatCommand
    | RetryStepCommand
    | SkipStepCommand
    | RerunFromCommand
    | ClaimTaskCommand
    | ReleaseTaskCommand
    | ReassignTaskCommand
)

#: Each command by its name, which its model states once.
COMMANDS: dict[str, type[Command]] = {
    get_args(model.model_fields["command"].annotation)[0]: model for model in get_args(Command)
}


def read_command(value: object) -> Command:
    """The command that a JSON value is.

    Raises InvalidInput for one that is none: naming every field that is missing, unknown, of
    another type, or not as the domain allows.
    """
    if not isinstance(value, dict):
        raise InvalidInput("body", value, "allowed is a JSON object")
    name = value.get("command", Described("nothing"))
    model = COMMANDS.get(name) if isinstance(name, str) else None
    if model is None:
        raise InvalidInput("command", name, f"allowed are {', '.join(COMMANDS)}")
    try:
        return model.model_validate(value)
    except ValidationError as refused:
        reported = ({**each, "loc": ("body", *each["loc"])} for each in refused.errors())
        raise refusal_of(reported, model) from None
