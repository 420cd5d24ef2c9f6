"""What each command says, whichever way it comes: models with the domain's own checks.

Limits and patterns stand here for the documents that describe commands; what decides, and words
the refusal, are the domain's own checks, so that the library and every way in refuse the same in
the same words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from trellis_process.application.start_request import MAX_KEY_CHARACTERS
from trellis_process.domain.limits import (
    MAX_AGGREGATE_ID_CHARACTERS,
    MAX_ATTEMPT,
    MAX_CODE_CHARACTERS,
    MAX_ERROR_CHARACTERS,
    MAX_METADATA_BYTES,
    MAX_NAME_CHARACTERS,
    MAX_OUTPUT_BYTES,
    MAX_REASON_CHARACTERS,
    MAX_RESUMPTIONS,
    MAX_RETRIES,
    MAX_STEPS,
    MAX_TIMEOUT_MS,
    NAME_PATTERN,
    JsonValue,
    check_aggregate_id,
    check_json,
    check_metadata,
    check_name,
    check_text,
    check_timeout_ms,
    check_whole_number,
)
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import InvalidInput

MAX_DEFINITION_VERSION = 2**31 - 1  # the registry's, which is loaded where a definition is met


def checked(check: Callable[[str, object], Any]) -> BeforeValidator:
    """Lets one of the domain's checks decide on a field, before pydantic looks at it."""

    def validate(value: object) -> object:
        try:
            return check("", value)
        except InvalidInput as refused:
            # The error itself travels along, because it says what was given more shortly.
            raise PydanticCustomError(
                "refused", "{allowed}", {"allowed": refused.allowed, "refused": refused}
            ) from refused

    return BeforeValidator(validate)


def _whole_number(least: int, most: int) -> BeforeValidator:
    return checked(partial(check_whole_number, least=least, most=most))


def text_of(at_most: int) -> BeforeValidator:
    """Lets the domain's check decide on a text of so many characters at most."""
    return checked(partial(check_text, at_most=at_most))


def _check_key(field: str, value: object) -> object:
    if not value:
        raise InvalidInput(field, value, "allowed is text, not empty")
    return check_text(field, value, MAX_KEY_CHARACTERS)


Name: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME_CHARACTERS, pattern=NAME_PATTERN),
    checked(check_name),
]
AggregateId: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=MAX_AGGREGATE_ID_CHARACTERS),
    checked(check_aggregate_id),
]
TimeoutMs: TypeAlias = Annotated[int, Field(ge=1, le=MAX_TIMEOUT_MS), checked(check_timeout_ms)]
Attempt: TypeAlias = Annotated[int, Field(ge=1, le=MAX_ATTEMPT), _whole_number(1, MAX_ATTEMPT)]
IdempotencyKey: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=MAX_KEY_CHARACTERS), checked(_check_key)
]
CodeText: TypeAlias = Annotated[
    str, Field(max_length=MAX_CODE_CHARACTERS), text_of(MAX_CODE_CHARACTERS)
]
OutcomeText: TypeAlias = Annotated[
    str, Field(max_length=MAX_NAME_CHARACTERS), text_of(MAX_NAME_CHARACTERS)
]
ReasonText: TypeAlias = Annotated[
    str, Field(max_length=MAX_REASON_CHARACTERS), text_of(MAX_REASON_CHARACTERS)
]
DefinitionVersion: TypeAlias = Annotated[
    int,
    Field(ge=1, le=MAX_DEFINITION_VERSION),
    _whole_number(1, MAX_DEFINITION_VERSION),
]


class Body(BaseModel):
    """What every body has in common: no unknown fields, and no type taken for another."""

    # Built on first use, so that a cold start pays for the route that it is for.
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class CommandBody(Body):
    """What the body of every command may say."""

    reason: ReasonText | None = Field(
        None,
        description="Why, in words for people; travels along in the events of the change. "
        f"At most {MAX_REASON_CHARACTERS} characters.",
    )


class StepReport(CommandBody):
    """What the body of every report on a step may say."""

    attempt: Attempt | None = Field(
        None,
        description="The attempt that the report is about; the first is 1. Left out, it is about "
        "the current attempt.",
    )


class StepToStart(Body):
    """A step of a process that is to be started."""

    name: Name = Field(
        description="What the step is called, once in the process: 1 to "
        f"{MAX_NAME_CHARACTERS} of A-Z a-z 0-9 . _ : -, beginning with a letter or digit."
    )
    timeout_ms: TimeoutMs | None = Field(
        None,
        description="How long one attempt may take, in milliseconds, at most a year. Left out, as "
        "long as it likes.",
    )
    retries_permitted: Annotated[
        int, Field(ge=0, le=MAX_RETRIES), _whole_number(0, MAX_RETRIES)
    ] = Field(
        0, description="Retries after the first attempt: N retries are N + 1 attempts in all."
    )

    def as_step(self) -> ProcessStep:
        """The step that this asks for."""
        return ProcessStep(
            name=self.name, timeout_ms=self.timeout_ms, retries_permitted=self.retries_permitted
        )


class StartProcess(CommandBody):
    """A process to start."""

    process_type: Name = Field(description="What kind of process it is, in your words.")
    aggregate_type: Name = Field(description="What kind of thing it is about: Referral, Order.")
    aggregate_id: AggregateId = Field(
        description="Your own id of the thing that it is about: 1 to "
        f"{MAX_AGGREGATE_ID_CHARACTERS} printable characters, without space at either end."
    )
    steps: list[StepToStart] = Field(
        min_length=1,
        max_length=MAX_STEPS,
        description=f"The steps that it consists of, 1 to {MAX_STEPS}, each with its own name.",
    )
    metadata: Annotated[dict[str, JsonValue], checked(check_metadata)] | None = Field(
        None,
        description="What you want to keep with the process: a JSON object of at most "
        f"{MAX_METADATA_BYTES} bytes.",
    )
    timeout_ms: TimeoutMs | None = Field(
        None,
        description="How long the whole process may take, in milliseconds, at most a year. Left "
        "out, as long as it likes.",
    )
    auto_start_steps: bool = Field(
        False, description="Whether the first attempt at every step begins with the process."
    )


class SuspendProcess(CommandBody):
    """A process to freeze."""


class ResumeProcess(CommandBody):
    """A suspended process that is to go on."""


class CancelProcess(CommandBody):
    """A process to call off."""

    compensate: bool = Field(
        False,
        description="Whether what had been completed is undone first, where a definition says how.",
    )


class StartStep(StepReport):
    """An attempt to begin. Naming the attempt makes a late repeat harmless."""


class CompleteStep(StepReport):
    """A step that is done."""

    output: Annotated[JsonValue, checked(partial(check_json, at_most=MAX_OUTPUT_BYTES))] = Field(
        None,
        description=f"What the step resulted in: any JSON of at most {MAX_OUTPUT_BYTES} bytes. "
        "Store more elsewhere and pass a reference.",
    )
    outcome: OutcomeText | None = Field(
        None, description="What a person chose, where the step is a human task of a definition."
    )


class FailStep(StepReport):
    """A step, or an attempt at it, that failed."""

    error: Annotated[str, Field(max_length=MAX_ERROR_CHARACTERS), text_of(MAX_ERROR_CHARACTERS)] = (
        Field(description=f"Why it failed: text of at most {MAX_ERROR_CHARACTERS} characters.")
    )
    retry_after_ms: (
        Annotated[int, Field(ge=0, le=MAX_TIMEOUT_MS), _whole_number(0, MAX_TIMEOUT_MS)] | None
    ) = Field(
        None,
        description="In how many milliseconds, at most a year, the step is to be tried again, as "
        "long as retries are permitted; `attempt` is needed then. Left out, it has failed for "
        "good, unless a definition says what is tried again and when.",
    )
    code: CodeText | None = Field(
        None,
        description="What kind of error it is, for a definition's rules about what is tried "
        f"again: text of at most {MAX_CODE_CHARACTERS} characters.",
    )
    fatal: bool = Field(
        False, description="Whether trying again is of no use: it has failed for good."
    )


class SuspendStep(StepReport):
    """A step that is to wait until it is resumed."""

    timeout_ms: TimeoutMs | None = Field(
        None,
        description="How long it waits at most, in milliseconds, at most a year; then the attempt "
        "has timed out. Left out, as long as it takes.",
    )
    resumption: Annotated[
        int, Field(ge=0, le=MAX_RESUMPTIONS), _whole_number(0, MAX_RESUMPTIONS)
    ] = Field(
        0,
        description="The resumption that the work began with that suspends now. Left out, 0: the "
        "step was not resumed before.",
    )


class ResumeStep(CommandBody):
    """A suspended step that is to go on."""

    data: Annotated[JsonValue, checked(partial(check_json, at_most=MAX_OUTPUT_BYTES))] = Field(
        None,
        description="What it goes on with: any JSON of at most "
        f"{MAX_OUTPUT_BYTES} bytes, also none.",
    )
    resumption: Annotated[
        int, Field(ge=1, le=MAX_RESUMPTIONS), _whole_number(1, MAX_RESUMPTIONS)
    ] = Field(
        1,
        description="Which resumption of the step it is, so that a repeat is harmless. Left out, "
        "1: the first. A step that is suspended again needs the number.",
    )


class Heartbeat(StepReport):
    """An attempt that is alive: its time limit counts anew from now."""


class SkipStep(CommandBody):
    """A step to go on from as if it were completed."""

    output: Annotated[JsonValue, checked(partial(check_json, at_most=MAX_OUTPUT_BYTES))] = Field(
        None,
        description=f"What stands in for its result: any JSON of at most {MAX_OUTPUT_BYTES} bytes.",
    )
