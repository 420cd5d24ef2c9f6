"""Which events a consumer is told of: the pattern of its rule on the bus."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk.aws_events import EventPattern

from trellis_process.domain.events import EVENT_TYPES
from trellis_process.domain.limits import check_name
from trellis_process.errors import InvalidInput

SOURCE = "trellis"
"""As in ``trellis_process.eventbridge``, which needs packages that an app has no use for."""


#: The events that ask a service for work.
WORK = ("StepStarted", "StepResumed", "CompensationStarted")


def service_pattern(service: str) -> EventPattern:
    """What asks this service for work. Raises ``InvalidInput`` for a name that is none."""
    name = check_name("services", service)
    return EventPattern(source=[SOURCE], detail_type=list(WORK), detail={"service": [name]})


def event_pattern(
    event_types: Sequence[str],
    tenant: str | None,
    process_types: Sequence[str],
    step_names: Sequence[str],
) -> EventPattern:
    """Events of Trellis that have one of each of what is given; nothing given is all of them.

    Raises ``InvalidInput`` for an event type that there is not, and for names that are none.
    """
    for each in event_types:
        if each not in EVENT_TYPES:
            raise InvalidInput("event_types", each, f"allowed are {', '.join(EVENT_TYPES)}")
    wanted = {
        "tenant_id": [check_name("tenant", tenant)] if tenant is not None else [],
        "process_type": [check_name("process_types", each) for each in process_types],
        "step_name": [check_name("step_names", each) for each in step_names],
    }
    return EventPattern(
        source=[SOURCE],
        detail_type=list(event_types) or None,
        detail={field: names for field, names in wanted.items() if names} or None,
    )
