"""The journeys of the demo: a referral's four processes, as services would report them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from trellis_process.client import TrellisClient
from trellis_process.domain.process import Process
from trellis_process.domain.step import ProcessStep

TENANT = "demo-clinic"
REFERRAL = "ref-1001"


@dataclass(frozen=True)
class Journey:
    """One process of the demo: what it shows, how it is driven, and how it must end."""

    story: str
    ends: str
    drive: Callable[[TrellisClient, Callable[[], None]], Process]
    #: What the demo waits for when its own part is done, where that takes a while.
    waits_for: str = ""


def _notification(trellis: TrellisClient, sweep: Callable[[], None]) -> Process:
    process = _start(
        trellis,
        "ReferralNotification",
        ProcessStep(name="send_email", timeout_ms=60_000, retries_permitted=2),
        ProcessStep(name="send_in_app", timeout_ms=60_000),
    )
    trellis.start_step(process, "send_email")
    trellis.complete_step(process, "send_email", {"message_id": "m-4711"})
    # A service that only reports the end need not report the start.
    return trellis.complete_step(process, "send_in_app")


def _case_creation(trellis: TrellisClient, sweep: Callable[[], None]) -> Process:
    process = _start(
        trellis,
        "CaseCreation",
        ProcessStep(name="create_case", timeout_ms=1_500, retries_permitted=3),
    )
    trellis.start_step(process, "create_case")
    for _silent_attempt in (1, 2):
        time.sleep(1.6)  # the service hangs and reports nothing
        sweep()
    return trellis.complete_step(process, "create_case", {"case": "c-77"}, attempt=3)


def _eligibility(trellis: TrellisClient, sweep: Callable[[], None]) -> Process:
    process = _start(
        trellis,
        "EligibilityCheck",
        ProcessStep(name="find_member", timeout_ms=60_000),
        ProcessStep(name="check_cover", timeout_ms=60_000),
    )
    trellis.start_step(process, "find_member")
    return trellis.fail_step(process, "find_member", "insurer: no member of that number")


def _appointment(trellis: TrellisClient, sweep: Callable[[], None]) -> Process:
    return _start(
        trellis,
        "AppointmentBooking",
        ProcessStep(name="propose_slot", timeout_ms=3_000),
        auto_start_steps=True,
    )


def _start(
    trellis: TrellisClient,
    process_type: str,
    *steps: ProcessStep,
    auto_start_steps: bool = False,
) -> Process:
    return trellis.start_process(
        tenant_id=TENANT,
        process_type=process_type,
        aggregate_type="Referral",
        aggregate_id=REFERRAL,
        steps=steps,
        auto_start_steps=auto_start_steps,
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
