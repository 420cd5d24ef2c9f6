"""The journeys of the demo: a referral's four processes, as services would report them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trellis_process.local.http import SignedHttp

TENANT = "demo-clinic"
REFERRAL = "ref-1001"
_PROCESSES = f"/tenants/{TENANT}/processes"


class StepApi:
    """The step API as these services call it: every call must succeed."""

    def __init__(self, http: SignedHttp) -> None:
        self._http = http

    def start(self, process_type: str, *steps: dict[str, Any], **asked: Any) -> str:
        """Starts a process about the referral and returns its id."""
        body = {
            "process_type": process_type,
            "aggregate_type": "Referral",
            "aggregate_id": REFERRAL,
            "steps": list(steps),
            **asked,
        }
        process_id: str = self._post(_PROCESSES, body)["process_id"]
        return process_id

    def report(self, process_id: str, step_name: str, command: str, **said: Any) -> Any:
        """Reports on a step: ``start``, ``complete``, ``fail`` or ``heartbeat``."""
        return self._post(f"{_PROCESSES}/{process_id}/steps/{step_name}/{command}", said)

    def state(self, process_id: str) -> str:
        """Where a process stands."""
        answer = self._http.request("GET", f"{_PROCESSES}/{process_id}")
        state: str = answer.json()["state"]
        return state

    def _post(self, path: str, body: object) -> Any:
        answer = self._http.request("POST", path, body)
        if answer.status not in (200, 201):
            raise RuntimeError(f"POST {path} was answered {answer.status}: {answer.body.decode()}")
        return answer.json()


@dataclass(frozen=True)
class Journey:
    """One process of the demo: what it shows, how it is driven, and how it must end."""

    story: str
    ends: str
    drive: Callable[[StepApi, Callable[[], None]], str]
    #: What the demo waits for when its own part is done, where that takes a while.
    waits_for: str = ""


def _notification(api: StepApi, sweep: Callable[[], None]) -> str:
    process_id = api.start(
        "ReferralNotification",
        {"name": "send_email", "timeout_ms": 60_000, "retries_permitted": 2},
        {"name": "send_in_app", "timeout_ms": 60_000},
    )
    api.report(process_id, "send_email", "start")
    api.report(process_id, "send_email", "complete", output={"message_id": "m-4711"})
    # A service that only reports the end need not report the start.
    api.report(process_id, "send_in_app", "complete")
    return process_id


def _case_creation(api: StepApi, sweep: Callable[[], None]) -> str:
    process_id = api.start(
        "CaseCreation", {"name": "create_case", "timeout_ms": 1_500, "retries_permitted": 3}
    )
    api.report(process_id, "create_case", "start")
    for _silent_attempt in (1, 2):
        time.sleep(1.6)  # the service hangs and reports nothing
        sweep()
    api.report(process_id, "create_case", "complete", attempt=3, output={"case": "c-77"})
    return process_id


def _eligibility(api: StepApi, sweep: Callable[[], None]) -> str:
    process_id = api.start(
        "EligibilityCheck",
        {"name": "find_member", "timeout_ms": 60_000},
        {"name": "check_cover", "timeout_ms": 60_000},
    )
    api.report(process_id, "find_member", "start")
    api.report(process_id, "find_member", "fail", error="insurer: no member of that number")
    return process_id


def _appointment(api: StepApi, sweep: Callable[[], None]) -> str:
    return api.start(
        "AppointmentBooking",
        {"name": "propose_slot", "timeout_ms": 3_000},
        auto_start_steps=True,
    )


JOURNEYS = (
    Journey("Both services report.", "completed", _notification),
    Journey(
        "The service hangs twice; the third attempt succeeds.",
        "completed",
        _case_creation,
    ),
    Journey("The service reports that it cannot be done.", "failed", _eligibility),
    Journey(
        "Nobody ever reports anything; only the checker, on its schedule, finds it.",
        "failed",
        _appointment,
        waits_for="Waiting for the checker's schedule, which runs each minute",
    ),
)
