"""What has finished within a time is found in the table, page by page, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from trellis_process import Process, ProcessService
from trellis_process.dynamodb import Table, finished_reader
from trellis_process.dynamodb.audit_reader import AuditReader
from trellis_process.dynamodb.finished_reader import FinishedReader
from trellis_process.testing.clock import START, ManualClock

from .auditing import start

TOMORROW = START + timedelta(days=1)


@pytest.fixture
def reader(table: Table) -> FinishedReader:
    return FinishedReader(AuditReader(table, pause=lambda _seconds: None))


@pytest.fixture
def ended(service: ProcessService) -> Callable[[int], Process]:
    """A process that was started and called off."""
    return lambda number: service.cancel_process(start(service, number))


def test_every_process_that_ended_within_the_time_is_found_as_it_was_saved(
    reader: FinishedReader,
    service: ProcessService,
    clock: ManualClock,
    ended: Callable[[int], Process],
) -> None:
    ended(1)
    clock.advance(hours=1)
    first = clock()
    within = [ended(2)]
    clock.advance(hours=1)
    completed = start(service, 3)
    for step in ("create", "tell"):
        service.complete_step(completed, step)
    failed = start(service, 4)
    service.fail_step(failed, "tell", "no")
    within += [completed, failed]
    start(service, 5)
    clock.advance(hours=1)
    ended(6)

    page = reader.page(None, ended_from=first, ended_before=clock())

    found = {process.process_id: process for process in page.processes}
    assert found == {process.process_id: process for process in within}
    assert page.cursor is None


@pytest.mark.usefixtures("small_pages")
def test_pages_lead_from_one_to_the_next_until_all_is_seen(
    reader: FinishedReader,
    ended: Callable[[int], Process],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finished_reader, "ENOUGH", 4)
    wanted = sorted(ended(number).process_id for number in range(10))

    pages = [reader.page(None, ended_from=START, ended_before=TOMORROW)]
    while pages[-1].cursor is not None:
        pages.append(reader.page(pages[-1].cursor, ended_from=START, ended_before=TOMORROW))

    assert len(pages) == 2  # six of three a read are enough, then four
    assert sorted(each.process_id for page in pages for each in page.processes) == wanted


@pytest.mark.usefixtures("small_pages")
def test_a_page_ends_after_some_reads_though_little_was_found(
    reader: FinishedReader, service: ProcessService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_reader, "READS", 2)
    for number in range(7):
        start(service, number)

    page = reader.page(None, ended_from=START, ended_before=TOMORROW)

    assert page.processes == []
    assert page.cursor is not None


def test_what_cannot_be_read_is_told_by_its_key(
    reader: FinishedReader,
    ended: Callable[[int], Process],
    change: Callable[..., None],
) -> None:
    broken, sound = ended(1), ended(2)
    change(broken, steps=None)

    page = reader.page(None, ended_from=START, ended_before=TOMORROW)

    assert page.unreadable == [f"tenant-1#{broken.process_id}"]
    assert [each.process_id for each in page.processes] == [sound.process_id]
