"""What a command on a process says that is not there, or not the tenant's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.application.commands import every_command
from tests.application.orders import an_order
from tests.application.stores import FleetingProcesses, no_pause
from trellis_process import ProcessKey, ProcessService
from trellis_process.errors import (
    Conflict,
    InvalidInput,
    ProcessNotFound,
)
from trellis_process.testing import START, a_process, a_step


@every_command
def test_an_unknown_process_is_not_found(service, processes, command, told):
    with pytest.raises(ProcessNotFound, match="no process 'nobody' in this tenant") as refused:
        getattr(service, command)(ProcessKey("tenant-1", "nobody"), *told)

    assert refused.value.process_id == "nobody"
    assert processes.requests == ["read"]


@every_command
def test_another_tenants_process_is_not_found(service, processes, order, command, told):
    before = processes.stored(order)

    with pytest.raises(ProcessNotFound):
        getattr(service, command)(ProcessKey("tenant-2", order.process_id), *told)

    assert processes.stored(order) == before


@every_command
def test_a_key_that_is_no_key_is_refused_before_the_store_is_asked(
    service, processes, command, told
):
    for key, field in [(("tenant 1", "p"), "tenant_id"), (("tenant-1", "p\n"), "process_id")]:
        with pytest.raises(InvalidInput) as refused:
            getattr(service, command)(ProcessKey(*key), *told)
        assert refused.value.field == field

    assert processes.requests == []


def test_a_process_that_is_gone_by_the_time_it_is_saved_is_not_found(clock):
    processes = FleetingProcesses()
    service = ProcessService(processes, clock=clock, pause=no_pause)
    process = an_order(service)

    with pytest.raises(ProcessNotFound):
        service.complete_step(process, "pay")


def test_a_service_reads_the_machines_clock_unless_given_another(processes):
    process = ProcessService(processes).start_process(
        tenant_id="t", process_type="A", aggregate_type="A", aggregate_id="1", steps=[a_step()]
    )

    assert process.started_at.utcoffset() == timedelta(0)
    assert process.started_at > START - timedelta(days=366)


def test_every_conflict_carries_the_process_as_stored(service, processes, order):
    service.complete_step(order, "pay")

    with pytest.raises(Conflict) as refused:
        service.fail_step(a_copy_of(order), "pay", "no")

    assert refused.value.process == processes.stored(order)
    assert not refused.value.process.has_changed


def a_copy_of(process):
    copy = a_process(process_id=process.process_id)
    copy.saved()
    return copy
