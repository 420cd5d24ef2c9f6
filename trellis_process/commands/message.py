"""A message of the commands queue: a command, or an event of the bus that carries one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trellis_process.commands.command import Command, read_command
from trellis_process.commands.json_text import read_object
from trellis_process.domain.limits import MAX_ACTOR_CHARACTERS
from trellis_process.errors import InvalidInput

#: The ``detail-type`` of an event that is a command. The template's rule says the same.
DETAIL_TYPE = "TrellisCommand"

#: The source of Trellis's own events, which say what happened and are never commands. Said here
#: again, because the room that sends them loads an AWS client's library.
OWN_SOURCE = "trellis"


@dataclass(frozen=True)
class Message:
    """A command, who sent it, and what it is known by however often it is delivered."""

    command: Command
    #: Whom AWS authenticated; for an event followed by ``/account/source`` as the bus has it.
    actor: str
    #: The id of the message or the event: the idempotency key of a start that brings none.
    key: str


def read_message(record: Mapping[str, Any]) -> Message:
    """What a record of an SQS event asks for.

    Raises MalformedRequest for what is not JSON, InvalidInput for what is no command.
    """
    value = read_object(record["body"])
    sender = str(record["attributes"]["SenderId"])
    if "detail-type" not in value:
        return Message(read_command(value), _actor(sender), record["messageId"])
    detail_type, source = value["detail-type"], value.get("source")
    if detail_type != DETAIL_TYPE:
        raise InvalidInput("detail-type", detail_type, f"allowed is {DETAIL_TYPE}")
    if not isinstance(source, str) or source == OWN_SOURCE:
        raise InvalidInput("source", source, "allowed is a source that is not Trellis's own")
    event_id = value.get("id")
    return Message(
        read_command(value.get("detail")),
        _actor(f"{sender}/{value.get('account')}/{source}"),
        event_id if isinstance(event_id, str) and event_id else record["messageId"],
    )


def _actor(text: str) -> str:
    readable = "".join(sign if sign.isprintable() else "�" for sign in text)
    return readable[:MAX_ACTOR_CHARACTERS]
