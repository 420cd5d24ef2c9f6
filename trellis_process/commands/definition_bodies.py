"""What the commands say that only a process with a definition takes.

They stand apart from the others because who only tracks never loads them.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from trellis_process.commands.bodies import (
    AggregateId,
    CommandBody,
    DefinitionVersion,
    Name,
    checked,
)
from trellis_process.domain.limits import (
    MAX_ACTOR_CHARACTERS,
    MAX_AGGREGATE_ID_CHARACTERS,
    MAX_METADATA_BYTES,
    MAX_OUTPUT_BYTES,
    JsonValue,
    check_assignee,
    check_json,
    check_metadata,
)

Assignee: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=MAX_ACTOR_CHARACTERS), checked(check_assignee)
]


class Start(CommandBody):
    """A process of a definition to start."""

    input: dict[str, JsonValue] | None = Field(
        None,
        description="What it is started with, as its definition declares: a JSON object of at most "
        f"{MAX_OUTPUT_BYTES} bytes.",
    )
    key: AggregateId | None = Field(
        None,
        description="Names the process among the tenant's of this definition: the same key again "
        f"starts nothing, whatever the input. 1 to {MAX_AGGREGATE_ID_CHARACTERS} printable "
        "characters, without space at either end.",
    )
    on_duplicate: Literal["return_existing", "reject", "new_if_finished"] = Field(
        "return_existing",
        description="What becomes of a start whose `key` names a process already: it returns that "
        "one, is refused, or starts another one where that has ended.",
    )
    version: DefinitionVersion | None = Field(
        None,
        description="The version of the definition. Left out, the highest one that is active.",
    )
    aggregate_type: Name | None = Field(
        None, description="What kind of thing it is about. Left out, it is about itself."
    )
    aggregate_id: AggregateId | None = Field(
        None, description="Your own id of the thing that it is about. Left out, `key` if given."
    )
    metadata: Annotated[dict[str, JsonValue], checked(check_metadata)] | None = Field(
        None,
        description="What you want to keep with the process: a JSON object of at most "
        f"{MAX_METADATA_BYTES} bytes.",
    )


class Signal(CommandBody):
    """Something that a process is told, and that a step of it may wait for."""

    signal: Name = Field(description="What the definition calls it.")
    payload: Annotated[JsonValue, checked(partial(check_json, at_most=MAX_OUTPUT_BYTES))] = Field(
        None, description=f"What it says: any JSON of at most {MAX_OUTPUT_BYTES} bytes, also none."
    )
    signal_id: Name | None = Field(
        None, description="Your own id of it, with which a repeat is harmless."
    )


class SignalByKey(Signal):
    """Something that the process of a key is told, which may start it."""

    key: AggregateId = Field(
        description="Names the process among the tenant's of this definition. Where there is none, "
        "one is started if the definition has a trigger for the signal."
    )


class RetryStep(CommandBody):
    """A failed step to try again, or one that waits for its retry to begin now."""


class RerunFrom(CommandBody):
    """A step that has ended, to go on from as if the process were no further."""


class ClaimTask(CommandBody):
    """A human task to take."""

    by: Assignee = Field(
        description=f"Whose it becomes: text of 1 to {MAX_ACTOR_CHARACTERS} characters."
    )


class ReleaseTask(CommandBody):
    """A human task to give back, so that it is nobody's."""


class ReassignTask(CommandBody):
    """A human task to give to somebody, whoever's it was."""

    to: Assignee = Field(
        description=f"Whose it becomes: text of 1 to {MAX_ACTOR_CHARACTERS} characters."
    )
