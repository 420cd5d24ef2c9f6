"""A process in memory: one step completes, one hangs until the checker gives it another attempt.

Run it with ``python examples/in_memory.py``; it needs nothing but ``pip install trellis-process``.
"""

from datetime import UTC, datetime, timedelta

from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    Process,
    ProcessService,
    ProcessStep,
    ProcessStepTimedOut,
    TimeoutCheckerService,
)

now = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)  # moved by hand below


def tell(process: Process) -> None:
    """Prints what each saved change brought about."""
    for event in process.events:
        about = f"{event.step_name}, attempt {event.attempt}" if hasattr(event, "attempt") else ""
        print(f"{now:%H:%M:%S}  v{process.version}  {event.type:<20} {about}")


def send_again(event: ProcessStepTimedOut) -> None:
    """Told of each attempt that timed out, before the next one begins or the step fails."""
    if not event.has_fully_timed_out():
        print(f"{now:%H:%M:%S}      asking the case service once more")


processes = InMemoryProcessRepository(on_saved=tell)
trackers = InMemoryStepTrackerRepository()
service = ProcessService(processes, trackers, clock=lambda: now)
checker = TimeoutCheckerService(trackers, send_again, clock=lambda: now)

process = service.start_process(
    tenant_id="tenant-1",
    process_type="CaseCreation",
    aggregate_type="Referral",
    aggregate_id="ref-123",
    steps=[
        ProcessStep(name="create_case", timeout_ms=30_000, retries_permitted=3),
        ProcessStep(name="tell_patient"),
    ],
)
service.start_step(process, "create_case")

now += timedelta(seconds=30)  # nobody reported: the attempt is due at this very moment
sweep = checker.check_for_timed_out_steps()
assert sweep.timed_out == 1

now += timedelta(seconds=5)
service.complete_step(process, "create_case", {"case": "c-77"})
service.complete_step(process, "tell_patient")  # a service may report the end alone

assert process.is_completed()
assert process.step("create_case").attempt == 2
print(f"{process.process_type} of {process.aggregate_id}: {process.state}")
