"""The routes of schedules: agreed, looked at, paused, run at once or for the past, ended."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as InBody
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from trellis_process.commands.bodies import CommandBody, Name, ReasonText, checked
from trellis_process.domain.definition.duration import DURATION_PATTERN, span_of
from trellis_process.domain.limits import (
    MAX_OUTPUT_BYTES,
    JsonValue,
    check_json,
    check_whole_number,
)
from trellis_process.domain.schedule.commands import MAX_REQUEST_IDS, MAX_UPCOMING
from trellis_process.domain.schedule.representation import schedule_as_json
from trellis_process.domain.schedule.terms import UTC_ZONE, Overlap, ScheduleTerms
from trellis_process.domain.time import to_text
from trellis_process.errors import InvalidInput
from trellis_process.http.answers import JSON, fitting_answer, json_text
from trellis_process.http.parameters import Cursor, Limit, Moment, TenantId
from trellis_process.http.paths import SCHEDULE, SCHEDULES
from trellis_process.http.router import Router

if TYPE_CHECKING:
    from trellis_process.application.schedule_service import ScheduleService
    from trellis_process.commands import MakeEngine
    from trellis_process.domain.schedule.schedule import Schedule

UPCOMING = 10  # times, unless more are asked for


def _check_overlap(field: str, value: object) -> Overlap:
    try:
        return Overlap(str(value))
    except ValueError as error:
        raise InvalidInput(field, value, f"allowed are {', '.join(Overlap)}") from error


def _check_span(field: str, value: object) -> object:
    span_of(field, value)
    return value


def _check_count(field: str, value: object) -> int:
    number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value
    return check_whole_number(field, number, 1, MAX_UPCOMING)


ScheduleName: TypeAlias = Annotated[
    Name, Path(description="What tells the schedule from the tenant's others.")
]
Count: TypeAlias = Annotated[
    Annotated[int, Field(ge=1, le=MAX_UPCOMING), checked(_check_count)],
    Query(description=f"How many times, 1 to {MAX_UPCOMING}."),
]
Reason: TypeAlias = Annotated[
    ReasonText | None, Query(description="Why, in words for people; travels along in the events.")
]
Span: TypeAlias = Annotated[
    # Said and not checked: pydantic cannot look ahead, and the check decides anyway.
    str, Field(json_schema_extra={"pattern": DURATION_PATTERN}), checked(_check_span)
]
OverlapName: TypeAlias = Annotated[Overlap, checked(_check_overlap)]
RequestId: TypeAlias = Name


class PutSchedule(CommandBody):
    """What a schedule starts, when, and what becomes of runs that would meet."""

    definition: Name = Field(
        description="The name of the definition; each run gets its newest version."
    )
    cron: str | None = Field(
        None,
        description="When, as five fields: minute, hour, day of the month, month, day of the week. "
        "`0 9 * * MON` is nine o'clock on Mondays. Either this or `every`.",
    )
    every: Span | None = Field(
        None, description="How often, counted from when it is agreed, at least a minute: `90m`."
    )
    time_zone: str = Field(
        UTC_ZONE,
        description="The IANA name of the zone whose clock `cron` means; `every` means none.",
    )
    catch_up: bool = Field(
        False, description="Whether runs that nobody started in time are started later."
    )
    overlap: OverlapName = Field(
        Overlap.SKIP,
        description="What becomes of a run whose time comes while another one is open: `skip` "
        "leaves it out, `queue` has it wait, `cancel_previous` cancels the others first, `allow` "
        "starts it all the same.",
    )
    timeout: Span | None = Field(
        None, description="How long a run may take; left out, as long as its definition says."
    )
    input: Annotated[
        dict[str, JsonValue], checked(partial(check_json, at_most=MAX_OUTPUT_BYTES))
    ] = Field(
        default={},
        description="What each run is started with, as the definition declares it: at most "
        f"{MAX_OUTPUT_BYTES} bytes as JSON.",
    )

    def as_terms(self) -> ScheduleTerms:
        """The terms that this asks for. Raises InvalidInput for what cannot be agreed."""
        said = {name: value for name, value in vars(self).items() if name != "reason"}
        return ScheduleTerms(**said)


class PauseSchedule(CommandBody):
    """Nothing is to be started until it is resumed."""


class ResumeSchedule(CommandBody):
    """It is to go on."""


class StartRun(CommandBody):
    """A run is wanted now, whatever the time."""

    overlap: OverlapName | None = Field(
        None, description="What becomes of it while others are open; left out, as the terms say."
    )
    request_id: RequestId | None = Field(
        None,
        description="Your own id of this request: a repeat changes nothing, as long as it is one "
        f"of the latest {MAX_REQUEST_IDS}.",
    )


class BackfillSchedule(CommandBody):
    """The runs for the times of a range that has passed are to be started."""

    after: Moment = Field(description="The times after this moment,")
    until: Moment = Field(description="and up to this one, which has passed.")
    side_by_side: bool = Field(
        False,
        description="Whether all start at once; otherwise one after the other, the oldest first.",
    )
    request_id: RequestId | None = Field(
        None,
        description="Your own id of this request: a repeat changes nothing, as long as it is one "
        f"of the latest {MAX_REQUEST_IDS}.",
    )


def add_schedule_routes(router: Router, engine: MakeEngine) -> None:
    """The routes of schedules."""

    def schedules() -> ScheduleService:
        return engine().schedules

    @router.put(
        SCHEDULE, operation_id="put_schedule", summary="Agree a schedule", tags=["schedules"]
    )
    def put_schedule(
        tenant_id: TenantId, schedule: ScheduleName, body: Annotated[PutSchedule, InBody()]
    ) -> Response[str]:
        return _answer(
            schedules().put(
                tenant_id,
                schedule,
                body.as_terms(),
                actor=router.asked.actor,
                reason=body.reason,
            )
        )

    @router.get(
        SCHEDULES, operation_id="list_schedules", summary="List schedules", tags=["schedules"]
    )
    def list_schedules(
        tenant_id: TenantId, limit: Limit = 100, cursor: Cursor = None
    ) -> Response[str]:
        router.asked.refuse_unknown_parameters("limit", "cursor")

        def page_of(most: int) -> tuple[int, dict[str, Any]]:
            page = schedules().page(tenant_id, limit=most, cursor=cursor)
            more = {} if page.cursor is None else {"cursor": page.cursor}
            listed = [schedule_as_json(each) for each in page.schedules]
            return len(listed), {"schedules": listed, **more}

        return fitting_answer(page_of, limit)

    @router.get(SCHEDULE, operation_id="get_schedule", summary="Get a schedule", tags=["schedules"])
    def get_schedule(tenant_id: TenantId, schedule: ScheduleName) -> Response[str]:
        return _answer(schedules().get(tenant_id, schedule))

    @router.get(
        f"{SCHEDULE}/upcoming",
        operation_id="get_upcoming",
        summary="Tell the next times of a schedule",
        tags=["schedules"],
    )
    def get_upcoming(
        tenant_id: TenantId, schedule: ScheduleName, count: Count = UPCOMING
    ) -> Response[str]:
        router.asked.refuse_unknown_parameters("count")
        times = schedules().upcoming(tenant_id, schedule, count)
        return Response(200, JSON, json_text({"times": [to_text(each) for each in times]}))

    @router.post(
        f"{SCHEDULE}/pause",
        operation_id="pause_schedule",
        summary="Have a schedule start nothing",
        tags=["schedules"],
    )
    def pause_schedule(
        tenant_id: TenantId,
        schedule: ScheduleName,
        body: Annotated[PauseSchedule, InBody(default_factory=PauseSchedule)],
    ) -> Response[str]:
        actor = router.asked.actor
        return _answer(schedules().pause(tenant_id, schedule, actor=actor, reason=body.reason))

    @router.post(
        f"{SCHEDULE}/resume",
        operation_id="resume_schedule",
        summary="Have a paused schedule go on",
        tags=["schedules"],
    )
    def resume_schedule(
        tenant_id: TenantId,
        schedule: ScheduleName,
        body: Annotated[ResumeSchedule, InBody(default_factory=ResumeSchedule)],
    ) -> Response[str]:
        actor = router.asked.actor
        return _answer(schedules().resume(tenant_id, schedule, actor=actor, reason=body.reason))

    @router.post(
        f"{SCHEDULE}/run",
        operation_id="run_schedule",
        summary="Start a run now",
        tags=["schedules"],
    )
    def run_schedule(
        tenant_id: TenantId,
        schedule: ScheduleName,
        body: Annotated[StartRun, InBody(default_factory=StartRun)],
    ) -> Response[str]:
        return _answer(
            schedules().start_run(
                tenant_id,
                schedule,
                overlap=body.overlap,
                request_id=body.request_id,
                actor=router.asked.actor,
                reason=body.reason,
            )
        )

    @router.post(
        f"{SCHEDULE}/backfill",
        operation_id="backfill_schedule",
        summary="Start the runs for a range of the past",
        tags=["schedules"],
    )
    def backfill_schedule(
        tenant_id: TenantId, schedule: ScheduleName, body: Annotated[BackfillSchedule, InBody()]
    ) -> Response[str]:
        return _answer(
            schedules().backfill(
                tenant_id,
                schedule,
                after=body.after,
                until=body.until,
                side_by_side=body.side_by_side,
                request_id=body.request_id,
                actor=router.asked.actor,
                reason=body.reason,
            )
        )

    @router.delete(
        SCHEDULE, operation_id="delete_schedule", summary="End a schedule", tags=["schedules"]
    )
    def delete_schedule(
        tenant_id: TenantId, schedule: ScheduleName, reason: Reason = None
    ) -> Response[str]:
        router.asked.refuse_unknown_parameters("reason")
        actor = router.asked.actor
        return _answer(schedules().delete(tenant_id, schedule, actor=actor, reason=reason))


def _answer(schedule: Schedule) -> Response[str]:
    return Response(200, JSON, json_text(schedule_as_json(schedule)))
