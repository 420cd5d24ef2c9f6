"""Which events a definition means, and which process of whose each of them is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from trellis_process.domain.definition.entity_status import EntityStatus
from trellis_process.domain.definition.reactions import EventDefinition
from trellis_process.domain.engine.compiled import Expressions
from trellis_process.domain.limits import check_aggregate_id, check_name
from trellis_process.domain.own_services import SOURCE
from trellis_process.errors import ExpressionError

ENTITY_KEY = "event.detail.id"
COMPLETED_KEY = "event.detail.process_id"
#: The ``detail-type`` of events about an entity, by what became of it.
ENTITY_EVENTS = {"created": "EntityCreated", "updated": "EntityUpdated", "deleted": "EntityDeleted"}


class Correlation(NamedTuple):
    """Which process an event is for, and what is the same when it comes again."""

    tenant_id: str
    key: str
    event_id: str


def pattern_of(defined: EventDefinition) -> dict[str, Any]:
    """The pattern by which events of this kind are known."""
    if defined.pattern is not None:
        return dict(defined.pattern)
    if defined.completed is not None:
        return {
            "source": [SOURCE],
            "detail-type": ["ProcessCompleted"],
            "detail": {
                "process_type": [defined.completed],
                "definition_version": [{"exists": True}],
            },
        }
    detail: dict[str, Any] = {"entity": [defined.entity]}
    if defined.status is None:
        assert defined.change is not None, "an entity says what became of it"
        return {"detail-type": [ENTITY_EVENTS[defined.change]], "detail": detail}
    status = EntityStatus.of("status", defined.status)
    detail["status"] = [status.now]
    # One that had this status already has not come to it.
    before: list[Any] = [{"anything-but": status.now}, {"exists": False}]
    detail["previous_status"] = before if status.before is None else [status.before]
    return {"detail-type": [ENTITY_EVENTS["updated"]], "detail": detail}


def correlate(
    expressions: Expressions, defined: EventDefinition, event: Mapping[str, Any]
) -> Correlation:
    """Which process an event is for that matches the pattern.

    Raises ExpressionError where the event does not say so, or not by text or a whole number; and
    InvalidInput where what it says is no name of a tenant, or no key.
    """
    is_own = defined.completed is not None
    key = defined.key or (COMPLETED_KEY if is_own else ENTITY_KEY)
    # Ours may be published twice, and EventBridge has another id for it each time.
    event_id = defined.id or ("event.detail.id" if is_own else "event.id")
    return Correlation(
        check_name("tenant_id", _text(expressions, defined.tenant_id, event)),
        check_aggregate_id("key", _text(expressions, key, event)),
        _text(expressions, event_id, event),
    )


def _text(expressions: Expressions, expression: str, event: Mapping[str, Any]) -> str:
    value = expressions.evaluate(expression, {"event": event})
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        why = f"text or a whole number is needed here, and this is {value!r}"
        raise ExpressionError(expression, why)
    return value
