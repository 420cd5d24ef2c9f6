"""The client against the deployed stack: signatures checked, rights enforced, a table behind it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import pytest

from trellis_process import ProcessStep
from trellis_process.client import NotAuthorized, TrellisClient
from trellis_process.errors import IdempotencyKeyReused, ProcessFinished, ProcessNotFound

SOON = 20.0  # seconds in which an index surely has what was written


def test_a_journey_through_every_verb(client: TrellisClient) -> None:
    tenant_id = f"tenant-{uuid.uuid4().hex[:8]}"
    asked = {
        "tenant_id": tenant_id,
        "process_type": "CaseCreation",
        "aggregate_type": "Referral",
        "aggregate_id": "ref/1 & ü",
        "steps": [ProcessStep(name="create_case", timeout_ms=60_000), ProcessStep(name="tell")],
        "idempotency_key": "referral 1",
    }
    process = client.start_process(**asked)
    assert client.start_process(**asked) == process
    with pytest.raises(IdempotencyKeyReused):
        client.start_process(**asked, timeout_ms=1_000)

    client.start_step(process, "create_case")
    client.heartbeat(process, "create_case", attempt=1)
    client.complete_step(process, "create_case", {"case": "ü"}, expected_version=process.version)
    client.fail_step(process, "tell", "no address known")
    client.start_step(process, "tell", attempt=2)
    client.cancel_process(process, reason="withdrawn")
    with pytest.raises(ProcessFinished):
        client.complete_step(process, "tell")

    assert client.get_process(tenant_id, process.process_id) == process
    assert process.step("create_case").output == {"case": "ü"}
    assert process.step("tell").attempt == 2
    with pytest.raises(ProcessNotFound):
        client.get_process("another-tenant", process.process_id)
    ends = time.monotonic() + SOON
    while not (listed := list(client.list_processes(tenant_id, state=process.state))):
        assert time.monotonic() < ends
        time.sleep(0.1)
    assert listed == [process]
    assert client.find_process(tenant_id, "Referral", "ref/1 & ü") == process


def test_a_forged_signature_is_not_authorized(
    client_with: Callable[[str], TrellisClient],
) -> None:
    with client_with("guessed") as client, pytest.raises(NotAuthorized):
        client.get_process("tenant-1", "process-1")
