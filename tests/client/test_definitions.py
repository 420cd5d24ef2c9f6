"""Definitions by the client: registered, listed, compared, retired; and processes of them."""

from __future__ import annotations

import pytest

from trellis_process import ProcessState, StepState
from trellis_process.application.definitions import DefinitionStatus
from trellis_process.client import DefinitionChange, TrellisClient
from trellis_process.errors import (
    DefinitionConflict,
    DefinitionDraining,
    DefinitionNotFound,
    InvalidDefinition,
    InvalidInput,
    NoDefinition,
    TaskTaken,
)

from ..http.expenses import BIG, EXPENSES, NAME, SMALL, version
from ..step_api_server import Fault, StepApi
from .orders import started


def test_a_definition_is_registered_and_found_again(client: TrellisClient) -> None:
    registered = client.definitions.register(EXPENSES)

    assert (registered.name, registered.version) == (NAME, 1)
    assert registered.status is DefinitionStatus.ACTIVE
    assert [each.code for each in registered.warnings] == ["not_undone"]
    assert client.definitions.register(EXPENSES) == registered
    assert list(client.definitions.names()) == [NAME]
    assert client.definitions.get(NAME, 1)["title"] == "Expense approval"


def test_all_that_is_wrong_is_raised_at_once(client: TrellisClient) -> None:
    document = EXPENSES.replace("on_true: review", "on_true: reviw").replace("30s", "30x")

    with pytest.raises(InvalidDefinition, match="did you mean 'review'") as caught:
        client.definitions.register(document)

    assert {each.path for each in caught.value.findings} >= {"steps[0].timeout", "steps[1].on_true"}
    assert caught.value.findings[0].line == 11


def test_what_is_doubtful_is_raised_where_it_is_asked_for(client: TrellisClient) -> None:
    with pytest.raises(InvalidDefinition):
        client.definitions.register(EXPENSES, strict=True)


def test_a_version_never_changes(client: TrellisClient) -> None:
    client.definitions.register(EXPENSES)

    with pytest.raises(DefinitionConflict, match="timeout") as caught:
        client.definitions.register(EXPENSES.replace("30d", "31d"))

    assert caught.value.process is None


def test_versions_are_compared_and_retired(client: TrellisClient) -> None:
    client.definitions.register(EXPENSES)
    client.definitions.register(version(2).replace("timeout: 1m", "timeout: 2m"))

    changes = client.definitions.diff(NAME, from_version=1, to_version=2)
    drained = client.definitions.set_status(NAME, 2, DefinitionStatus.DRAINING)

    assert changes == [DefinitionChange("steps.pay.timeout", "changed", "1m", "2m")]
    assert drained.newest == 1
    assert drained == client.definitions.versions(NAME)
    with pytest.raises(DefinitionDraining):
        client.start(NAME, tenant_id="tenant-1", version=2, **SMALL)
    with pytest.raises(InvalidInput, match="counted"):
        client.definitions.set_status(NAME, 2, DefinitionStatus.ARCHIVED)


def test_a_start_says_whether_the_process_was_there(client: TrellisClient) -> None:
    client.definitions.register(EXPENSES)

    first = client.start(NAME, tenant_id="tenant-1", **SMALL)
    again = client.start(NAME, tenant_id="tenant-1", key=SMALL["key"], input=BIG["input"])

    assert (first.was_there, again.was_there) == (False, True)
    assert again == first
    assert client.count_open("tenant-1", NAME).versions[0].open == 1


def test_a_start_whose_answer_was_lost_starts_one_process(
    client: TrellisClient, step_api: StepApi
) -> None:
    client.definitions.register(EXPENSES)
    step_api.faults.append(Fault(is_done=True, status=503))

    client.start(NAME, tenant_id="tenant-1", input=SMALL["input"])

    assert len(list(client.list_processes("tenant-1"))) == 1


def test_a_signal_whose_answer_was_lost_is_given_once(
    client: TrellisClient, step_api: StepApi
) -> None:
    client.definitions.register(EXPENSES)
    process = client.start(NAME, tenant_id="tenant-1", **SMALL)
    step_api.faults.append(Fault(is_done=True, status=503))

    client.signal(process, "receipt")

    kept = step_api.service.get_process("tenant-1", process.process_id)
    assert len(kept.signals["receipt"]) == 1


def test_a_process_goes_from_task_to_signal_to_its_end(client: TrellisClient) -> None:
    client.definitions.register(EXPENSES)
    process = client.start(NAME, tenant_id="tenant-1", **BIG)

    client.complete_step(process, "validate", attempt=1)
    client.claim_task(process, "review", by="maria")
    with pytest.raises(TaskTaken):
        client.claim_task(process, "review", by="ben")
    client.reassign_task(process, "review", to="ben")
    client.release_task(process, "review")
    client.complete_step(process, "review", outcome="approve")
    client.fail_step(process, "pay", "no cover", attempt=1)
    assert process.state is ProcessState.FAILED
    client.retry_step(process, "pay")
    client.suspend_process(process)
    client.complete_step(process, "pay", {"payment_id": "p-1"}, attempt=2)
    assert process.state is ProcessState.SUSPENDED
    client.resume_process(process)
    client.rerun_from(process, "pay")
    client.skip_step(process, "pay", {"payment_id": "p-2"})
    assert process.step("pay").state is StepState.SKIPPED
    client.signal(process, "receipt", {"no": 7}, signal_id="bank-1")

    assert process.is_completed()
    assert process.output == {"payment_id": "p-2"}


def test_what_is_not_there_and_what_has_no_definition_are_told(client: TrellisClient) -> None:
    with pytest.raises(DefinitionNotFound):
        client.definitions.versions("nothing")
    with pytest.raises(DefinitionNotFound):
        client.start("nothing", tenant_id="tenant-1")
    with pytest.raises(NoDefinition):
        client.signal(started(client), "receipt")
