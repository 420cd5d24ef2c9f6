"""Finding processes by the service: by id, by aggregate, in pages."""

from __future__ import annotations

import pytest

from tests.application.orders import an_order
from trellis_process import ProcessState
from trellis_process.errors import InvalidInput, ProcessNotFound
from trellis_process.testing import a_step


def test_a_process_is_found_by_its_id(service):
    process = an_order(service)

    assert service.get_process("tenant-1", process.process_id) == process


def test_another_tenants_id_and_an_unknown_id_give_the_very_same_answer(service):
    process = an_order(service)

    answers = []
    for tenant_id, process_id in [("tenant-2", process.process_id), ("tenant-1", "nobody")]:
        with pytest.raises(ProcessNotFound) as refused:
            service.get_process(tenant_id, process_id)
        answers.append(str(refused.value).replace(process_id, "…"))

    assert answers == ["no process '…' in this tenant"] * 2


@pytest.mark.parametrize("key", [("a b", "p"), ("t", "p/q"), (None, "p"), ("t", None), ("", "")])
def test_a_key_that_is_no_key_is_refused(service, processes, key):
    with pytest.raises(InvalidInput):
        service.get_process(*key)

    assert processes.requests == []


def test_the_newest_process_about_an_aggregate_is_found(service, clock):
    an_order(service)
    clock.advance(seconds=1)
    newer = an_order(service)

    assert service.find_process("tenant-1", "Order", "order-1") == newer


def test_nothing_is_found_where_nothing_is(service):
    an_order(service)

    assert service.find_process("tenant-1", "Order", "order-2") is None
    assert service.find_process("tenant-1", "Trip", "order-1") is None
    assert service.find_process("tenant-2", "Order", "order-1") is None


@pytest.mark.parametrize(
    ("about", "field"),
    [
        (("a b", "Order", "1"), "tenant_id"),
        (("t", "a#b", "1"), "aggregate_type"),
        (("t", "Order", ""), "aggregate_id"),
    ],
)
def test_what_to_find_is_checked_like_what_to_start(service, about, field):
    with pytest.raises(InvalidInput) as refused:
        service.find_process(*about)

    assert refused.value.field == field


def test_a_listing_may_be_of_one_type_and_state(service, clock):
    for process_type in ("Order", "Trip"):
        for completes in (True, False):
            clock.advance(seconds=1)
            process = an_order(service, process_type=process_type)
            if completes:
                service.complete_step(process, "pay")

    def states(**asked):
        return [
            (process.process_type, str(process.state))
            for process in service.list_processes("tenant-1", **asked).processes
        ]

    assert states() == [
        ("Trip", "pending"),
        ("Trip", "completed"),
        ("Order", "pending"),
        ("Order", "completed"),
    ]
    assert states(process_type="Trip") == [("Trip", "pending"), ("Trip", "completed")]
    assert states(state=ProcessState.COMPLETED) == [("Trip", "completed"), ("Order", "completed")]
    assert states(process_type="Trip", state=ProcessState.PENDING) == [("Trip", "pending")]


def test_a_listing_goes_on_where_its_last_page_ended(service, clock):
    started = []
    for _ in range(5):
        clock.advance(seconds=1)
        started.insert(0, an_order(service).process_id)

    listed, cursor = [], None
    while True:
        page = service.list_processes("tenant-1", limit=2, cursor=cursor)
        listed.append([process.process_id for process in page.processes])
        cursor = page.cursor
        if cursor is None:
            break

    assert listed == [started[:2], started[2:4], started[4:]]


def test_a_page_holds_a_hundred_unless_told_otherwise(service):
    for _ in range(101):
        an_order(service)

    assert len(service.list_processes("tenant-1").processes) == 100


@pytest.mark.parametrize("limit", [1, 100])
def test_a_limit_within_its_bounds_is_taken(service, limit):
    assert service.list_processes("tenant-1", limit=limit).processes == []


@pytest.mark.parametrize("limit", [0, 101, -1, 1.5, "10", None, True])
def test_a_limit_beyond_its_bounds_is_refused(service, limit):
    with pytest.raises(InvalidInput, match=r"^limit: .*a whole number from 1 to 100"):
        service.list_processes("tenant-1", limit=limit)


@pytest.mark.parametrize("state", ["open", "", 7, "COMPLETED"])
def test_a_state_that_is_none_is_refused(service, state):
    with pytest.raises(InvalidInput, match=r"^state: .*allowed is one of pending, in_progress"):
        service.list_processes("tenant-1", state=state)


def test_a_cursor_that_is_none_is_refused(service):
    with pytest.raises(InvalidInput, match=r"^cursor: "):
        service.list_processes("tenant-1", cursor="nonsense")


def test_a_type_that_is_no_name_is_refused(service):
    with pytest.raises(InvalidInput, match=r"^process_type: "):
        service.list_processes("tenant-1", process_type="a b")


def test_another_tenants_processes_are_not_listed(service):
    an_order(service, a_step("pay"))

    assert service.list_processes("tenant-2").processes == []


def test_what_is_found_is_the_callers_own(service, processes):
    process = an_order(service, metadata={"tags": []})

    for found in (
        service.get_process("tenant-1", process.process_id),
        service.find_process("tenant-1", "Order", "order-1"),
        service.list_processes("tenant-1").processes[0],
    ):
        assert found is not None
        found.metadata["tags"].append("spoiled")

    assert processes.stored(process).metadata == {"tags": []}
