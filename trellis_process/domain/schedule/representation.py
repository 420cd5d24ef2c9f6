"""A schedule as JSON, as the API answers with it, and back."""

from __future__ import annotations

from typing import Any

from trellis_process.domain.schedule.runs import Backfill
from trellis_process.domain.schedule.schedule import Schedule, ScheduleState
from trellis_process.domain.schedule.terms import ScheduleTerms
from trellis_process.domain.time import moment_from, to_text


def schedule_as_json(schedule: Schedule) -> dict[str, Any]:
    """The JSON of a schedule; what it does not have is left out."""
    told = {
        "tenant_id": schedule.tenant_id,
        "name": schedule.name,
        "state": schedule.state.value,
        "terms": terms_as_json(schedule.terms),
        "next_at": to_text(schedule.next_at),
        "open_runs": [
            {"process_id": process_id, "scheduled_at": to_text(at)}
            for process_id, at in schedule.open_runs.items()
        ],
        "queue": [to_text(at) for at in schedule.queue],
        "backfills": [
            {
                "after": to_text(each.after),
                "until": to_text(each.until),
                "side_by_side": each.side_by_side,
            }
            for each in schedule.backfills
        ],
        "started": schedule.started,
        "skipped": schedule.skipped,
        "process_id": schedule.process_id,
        "created_at": to_text(schedule.created_at),
        "changed_at": to_text(schedule.changed_at),
    }
    return {name: value for name, value in told.items() if value is not None}


def schedule_from_json(value: Any) -> Schedule:
    """The schedule that such JSON describes; fields that are not known are passed over.

    Raises ValueError for anything else.
    """
    try:
        return Schedule(
            tenant_id=value["tenant_id"],
            name=value["name"],
            terms=ScheduleTerms.of(value["terms"]),
            state=ScheduleState(value["state"]),
            next_at=moment_from(value["next_at"]) if "next_at" in value else None,
            open_runs={
                each["process_id"]: moment_from(each["scheduled_at"]) for each in value["open_runs"]
            },
            queue=tuple(map(moment_from, value["queue"])),
            backfills=tuple(
                Backfill(
                    moment_from(each["after"]), moment_from(each["until"]), each["side_by_side"]
                )
                for each in value["backfills"]
            ),
            started=value["started"],
            skipped=value["skipped"],
            process_id=value["process_id"],
            created_at=moment_from(value["created_at"]),
            changed_at=moment_from(value["changed_at"]),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"this is no schedule: {error!r}") from error


def terms_as_json(terms: ScheduleTerms) -> dict[str, Any]:
    """The terms of a schedule with all that they say, also what is as usual."""
    told = {**vars(terms), "overlap": terms.overlap.value}
    return {name: value for name, value in told.items() if value is not None}
