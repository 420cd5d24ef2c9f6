"""Messages of the queue: commands as they are, and events that carry one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trellis_process.commands import read_message
from trellis_process.commands.message import OWN_SOURCE
from trellis_process.commands.refusals import MalformedRequest
from trellis_process.errors import InvalidInput
from trellis_process.eventbridge import SOURCE

from .commands import a_report


def a_record(body: object) -> dict[str, Any]:
    return {
        "messageId": "m-1",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"SenderId": "AROA1234:case-service"},
    }


def an_event(**said: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "e-1",
        "detail-type": "TrellisCommand",
        "source": "case-service",
        "account": "123456789012",
        "detail": a_report("StartStep"),
        **said,
    }


def test_a_message_is_known_by_its_id_and_comes_from_its_sender() -> None:
    message = read_message(a_record(a_report("StartStep")))

    assert (message.key, message.actor) == ("m-1", "AROA1234:case-service")
    assert message.command.command == "StartStep"


def test_an_event_is_known_by_its_own_id_and_comes_from_its_account_and_source() -> None:
    message = read_message(a_record(an_event()))

    assert message.key == "e-1"
    assert message.actor == "AROA1234:case-service/123456789012/case-service"
    assert message.command.about["step_name"] == "pay"


def test_who_pretends_to_be_the_bus_is_still_named() -> None:
    forged = read_message(a_record(an_event(account="999999999999", source="x" * 300, id=7)))

    assert forged.actor.startswith("AROA1234:case-service/999999999999/xxx")
    assert len(forged.actor) == 256
    assert forged.key == "m-1"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"detail-type": "StepCompleted"}, "detail-type"),
        ({"source": "trellis"}, "source"),
        ({"source": None}, "source"),
        ({"detail": None}, "body"),
        ({"detail": {}}, "command"),
    ],
)
def test_an_event_that_asks_for_nothing_is_refused(said: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_message(a_record(an_event(**said)))

    assert caught.value.field == field


def test_the_own_source_is_the_one_that_events_are_sent_with() -> None:
    assert OWN_SOURCE == SOURCE


@pytest.mark.parametrize(
    "body", ["", "{", "no", '{"a": NaN}', '{"a": 1, "a": 2}', "\ufeff{}", '{"a": "\\ud800"}']
)
def test_what_two_readers_could_take_differently_is_not_read(body: str) -> None:
    with pytest.raises(MalformedRequest):
        read_message(a_record(body))


@pytest.mark.parametrize("body", ["[]", "7", "null", '"StartStep"'])
def test_what_is_no_object_is_refused(body: str) -> None:
    with pytest.raises(InvalidInput):
        read_message(a_record(body))
