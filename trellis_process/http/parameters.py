"""What may stand in a path, a query and the headers, with the same checks as in a body."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, TypeAlias

from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import Field

from trellis_process.application.process_service import MAX_PAGE
from trellis_process.application.start_request import MAX_KEY_CHARACTERS
from trellis_process.commands import bodies
from trellis_process.commands.bodies import MAX_DEFINITION_VERSION, AggregateId, Name, checked
from trellis_process.domain.limits import check_whole_number
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import moment_from
from trellis_process.errors import InvalidInput


def _check_limit(field: str, value: object) -> int:
    number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value
    return check_whole_number(field, number, 1, MAX_PAGE)


def _check_version(field: str, value: object) -> int:
    number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value) else value
    return check_whole_number(field, number, 1, MAX_DEFINITION_VERSION)


def _check_moment(field: str, value: object) -> datetime:
    try:
        return moment_from(value)  # type: ignore[arg-type]  # what is no text raises TypeError
    except (TypeError, ValueError) as error:
        allowed = "allowed is a moment with its time zone: 2026-03-01T09:30:00Z"
        raise InvalidInput(field, value, allowed) from error


def _check_state(field: str, value: object) -> ProcessState:
    try:
        return ProcessState(str(value))
    except ValueError as error:
        allowed = f"allowed are {', '.join(ProcessState)}"
        raise InvalidInput(field, value, allowed) from error


Moment: TypeAlias = Annotated[datetime, checked(_check_moment)]

TenantId: TypeAlias = Annotated[
    Name, Path(description="Whose processes they are. No tenant finds those of another.")
]
ProcessId: TypeAlias = Annotated[
    Name, Path(description="The process's id, as the answer to its start gave it.")
]
DefinitionName: TypeAlias = Annotated[Name, Path(description="The definition's name.")]
DefinitionVersion: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=MAX_DEFINITION_VERSION), checked(_check_version)],
    Path(description="The number of the version."),
]
StepName: TypeAlias = Annotated[Name, Path(description="The step's name in its process.")]

ProcessTypeFilter: TypeAlias = Annotated[
    Name | None, Query(description="Only processes of this type.")
]
StateFilter: TypeAlias = Annotated[
    Annotated[ProcessState, checked(_check_state)] | None,
    Query(description="Only processes in this state."),
]
Limit: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=MAX_PAGE), checked(_check_limit)],
    Query(
        description=f"How many entries a page has at most, 1 to {MAX_PAGE}. A page may be "
        "shorter, even empty, and another follow all the same."
    ),
]
NameLimit: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=MAX_PAGE), checked(_check_limit)],
    Query(description=f"How many names a page has at most, 1 to {MAX_PAGE}."),
]
NameCursor: TypeAlias = Annotated[
    Name | None, Query(description="The cursor of the page before, to get the next one.")
]
FromVersion: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=MAX_DEFINITION_VERSION), checked(_check_version)],
    Query(alias="from", description="The version before."),
]
ToVersion: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=MAX_DEFINITION_VERSION), checked(_check_version)],
    Query(alias="to", description="The version after."),
]
Accept: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Accept",
        description="`application/yaml` for the definition as YAML; anything else, as JSON.",
    ),
]
Cursor: TypeAlias = Annotated[
    str | None, Query(description="The cursor of the page before, to get the next one.")
]
AggregateType: TypeAlias = Annotated[
    Name, Query(description="What kind of thing the process is about.")
]
AggregateIdToFind: TypeAlias = Annotated[
    AggregateId, Query(description="Your own id of the thing, percent-encoded.")
]

IdempotencyKey: TypeAlias = Annotated[
    bodies.IdempotencyKey | None,
    Header(
        alias="Idempotency-Key",
        description=f"Text of 1 to {MAX_KEY_CHARACTERS} characters, the tenant's own. The same key "
        "with the same request answers with the process that it started before; with another "
        "request it is refused. Taken as it stands, quotes included.",
    ),
]
IfMatch: TypeAlias = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description='The version that the change is decided on, as it came in ETag: "7". On '
        "another version nothing is changed, unless what is asked for is true already.",
    ),
]
IfNoneMatch: TypeAlias = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description='The version that you have, as it came in ETag: "7". If it is still that, the '
        "answer is 304.",
    ),
]
