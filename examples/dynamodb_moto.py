"""The same process on DynamoDB, in moto: then looked up, and its item shown as it is stored.

Run it with ``python examples/dynamodb_moto.py`` after ``pip install 'trellis-process[testing]'``.
Without ``mock_aws`` and with the name of a table of yours it runs on AWS.
"""

import json
from datetime import UTC, datetime, timedelta

from moto import mock_aws

from trellis_process import ProcessService, ProcessStep, ProcessStepTimedOut, TimeoutCheckerService
from trellis_process.dynamodb import (
    DynamoDBProcessRepository,
    DynamoDBStepTrackerRepository,
    Table,
    schema,
)

now = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)  # moved by hand below


def send_again(event: ProcessStepTimedOut) -> None:
    """Told of each attempt that timed out, before the next one begins or the step fails."""
    if not event.has_fully_timed_out():
        print("asking the case service once more")


with mock_aws():
    table = Table("trellis", region="us-east-1")
    table.create()
    trackers = DynamoDBStepTrackerRepository(table)
    service = ProcessService(DynamoDBProcessRepository(table), trackers, clock=lambda: now)
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

    found = service.find_process("tenant-1", "Referral", "ref-123")
    assert found == process
    page = service.list_processes("tenant-1", process_type="CaseCreation")
    assert page.processes == [process]

    print(f"{process.process_type} of {process.aggregate_id}: {process.state}, as stored:")
    print(json.dumps(table.get(schema.hash_key(process.key)), indent=2))
