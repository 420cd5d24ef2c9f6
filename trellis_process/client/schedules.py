"""SchedulesClient: what starts processes at times, agreed, looked at, paused, run now, ended."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeAlias

from trellis_process.client.calls import Calls
from trellis_process.domain.limits import (
    MAX_REASON_CHARACTERS,
    check_name,
    check_optional_text,
    check_time,
    check_whole_number,
)
from trellis_process.domain.schedule.commands import MAX_UPCOMING
from trellis_process.domain.schedule.representation import schedule_from_json, terms_as_json
from trellis_process.domain.schedule.schedule import Schedule
from trellis_process.domain.schedule.terms import Overlap, ScheduleTerms
from trellis_process.domain.time import moment_from, to_text

Times: TypeAlias = list[datetime]
"""Moments, the soonest first."""


class SchedulesClient:
    """What a TrellisClient asks about the schedules of a tenant: the verbs of ScheduleService.

    Any call may raise what all calls of the client raise, and every one but ``put`` and ``list``
    ScheduleNotFound where the tenant has no schedule of that name.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def put(
        self, tenant_id: str, name: str, terms: ScheduleTerms, *, reason: str | None = None
    ) -> Schedule:
        """A schedule is by these terms from now on, whether it was there or not.

        The same terms again change nothing; by other ones times count from now. Raises
        DefinitionNotFound, DefinitionDraining, and InvalidInput where the terms cannot be read or
        the definition does not take the input.
        """
        body = {**terms_as_json(terms), **_said(reason)}
        del body["declared"]  # which only a definition can say
        return self._calls.put(_path(tenant_id, name), body, read=schedule_from_json)

    def get(self, tenant_id: str, name: str) -> Schedule:
        """The schedule as it is now."""
        return self._calls.get(_path(tenant_id, name), read=schedule_from_json)

    def list(self, tenant_id: str) -> Iterator[Schedule]:
        """A tenant's schedules, the newest first.

        Pages of 100 are read as the iteration gets to them. One agreed this moment may be missing
        yet.
        """
        return self._calls.listed(_all_path(tenant_id), {}, "schedules", schedule_from_json)

    def upcoming(self, tenant_id: str, name: str, count: int = 10) -> Times:
        """The next times, from 1 to 1,000 of them; of a paused one as if it were not."""
        asked = {"count": str(check_whole_number("count", count, 1, MAX_UPCOMING))}
        return self._calls.get(f"{_path(tenant_id, name)}/upcoming", asked, read=_times_from_json)

    def pause(self, tenant_id: str, name: str, *, reason: str | None = None) -> Schedule:
        """Nothing is started until it is resumed; what is open goes on. Again it is a no-op."""
        return self._command(tenant_id, name, "pause", _said(reason))

    def resume(self, tenant_id: str, name: str, *, reason: str | None = None) -> Schedule:
        """A paused schedule goes on; the times that passed meanwhile were missed."""
        return self._command(tenant_id, name, "resume", _said(reason))

    def start_run(
        self,
        tenant_id: str,
        name: str,
        *,
        overlap: Overlap | None = None,
        request_id: str | None = None,
        reason: str | None = None,
    ) -> Schedule:
        """Wants a run now, whatever the time; while others are open, as ``overlap`` says.

        Unless given that is as the terms have it. With ``request_id`` a repeat is harmless, as
        long as it is one of the latest 20; without one the client makes a random one, so that its
        own tries start one run.
        """
        body = {**_request(request_id), **_said(reason)}
        if overlap is not None:
            body["overlap"] = str(overlap)
        return self._command(tenant_id, name, "run", body)

    def backfill(
        self,
        tenant_id: str,
        name: str,
        *,
        after: datetime,
        until: datetime,
        side_by_side: bool = False,
        request_id: str | None = None,
        reason: str | None = None,
    ) -> Schedule:
        """Starts the runs for the times after one moment and up to another, both in the past.

        One after the other, the oldest first, unless ``side_by_side``. ``request_id`` as in
        ``start_run``.
        """
        body = {
            "after": to_text(check_time("after", after)),
            "until": to_text(check_time("until", until)),
            "side_by_side": side_by_side,
            **_request(request_id),
            **_said(reason),
        }
        return self._command(tenant_id, name, "backfill", body)

    def delete(self, tenant_id: str, name: str, *, reason: str | None = None) -> Schedule:
        """Nothing is started any more; what is open goes on. The name may be used again."""
        return self._calls.delete(_path(tenant_id, name), _said(reason), read=schedule_from_json)

    def _command(self, tenant_id: str, name: str, verb: str, body: dict[str, Any]) -> Schedule:
        path = f"{_path(tenant_id, name)}/{verb}"
        return self._calls.post(path, body, {}, read=schedule_from_json)


def _all_path(tenant_id: str) -> str:
    return f"/tenants/{check_name('tenant_id', tenant_id)}/schedules"


def _path(tenant_id: str, name: str) -> str:
    return f"{_all_path(tenant_id)}/{check_name('schedule', name)}"


def _request(request_id: str | None) -> dict[str, str]:
    said = str(uuid.uuid4()) if request_id is None else request_id
    return {"request_id": check_name("request_id", said)}


def _said(reason: str | None) -> dict[str, str]:
    said = check_optional_text("reason", reason, MAX_REASON_CHARACTERS)
    return {} if said is None else {"reason": said}


def _times_from_json(value: Any) -> Times:
    try:
        return [moment_from(each) for each in value["times"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"these are no times: {error!r}") from error
