"""What an audit finds, believes at the second look, mends and reports; over a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_process import InMemoryProcessRepository, Process, ProcessKey
from trellis_process.application.audit import LAG_SECONDS, AuditService
from trellis_process.application.audit_round import (
    AuditOvertaken,
    AuditPage,
    Fault,
    Look,
    Round,
)
from trellis_process.errors import Throttled
from trellis_process.testing import START, ManualClock, a_process, a_step

SECOND = timedelta(seconds=1)
PAGE = 2


class Source:
    """An AuditSource over processes in memory; faults of its indexes are set by hand."""

    def __init__(self) -> None:
        self.processes = InMemoryProcessRepository()
        self.keys: list[ProcessKey] = []
        self.faults: dict[str, set[Fault]] = {}
        self.entries: list[Look] = []
        self.kept: Round | None = None
        self.covered: list[bool] = []

    def add(self, process: Process) -> Process:
        self.processes.add(process)
        self.keys.append(process.key)
        return process

    def look(self, key: ProcessKey) -> Look:
        process = self.processes.get(key)
        assert process is not None
        faults = frozenset(self.faults.get(key.process_id, ()))
        return Look(key.process_id, key, process.version, process, faults)

    def page(self, cursor: str | None, *, covers_lookups: bool) -> AuditPage:
        start = int(cursor or 0)
        self.covered.append(covers_lookups)
        looks = [self.look(key) for key in self.keys[start : start + PAGE]]
        end = start + PAGE
        is_last = end >= len(self.keys)
        return AuditPage(looks + (self.entries if is_last else []), None if is_last else str(end))

    def again(self, looks: Sequence[Look]) -> list[Look]:
        return [look if look in self.entries else self.look(look.key) for look in looks]  # type: ignore[arg-type]

    def last_round(self) -> Round | None:
        return None if self.kept is None else replace(self.kept)

    def keep(self, audit_round: Round) -> None:
        if self.kept is not None and self.kept.version != audit_round.version:
            raise AuditOvertaken
        audit_round.version += 1
        self.kept = replace(audit_round)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def audit(source: Source, clock: ManualClock) -> AuditService:
    return AuditService(source, clock=clock, pause=lambda seconds: None)


def waiting(number: int = 1, **wrong: object) -> Process:
    process = a_process(
        a_step(timeout_ms=1_000), process_id=f"process-{number}", auto_start_steps=True
    )
    for name, value in wrong.items():
        setattr(process, name, value)
    return process


def stored(source: Source, process: Process) -> Process:
    found = source.processes.get(process.key)
    assert found is not None
    return found


def test_sound_processes_are_counted_by_state_and_left_alone(source, audit):
    for number in range(4):
        source.add(waiting(number))
    done = waiting(9)
    done.complete_step("pay", now=START)
    source.add(done)

    found = audit.run()

    assert found.is_complete
    assert found.states == {"in_progress": 4, "completed": 1}
    assert found.open == 4
    assert (found.without_wakeup, found.repaired, found.unrepaired) == (0, 0, 0)
    assert all(stored(source, waiting(number)).version == 1 for number in range(4))


@pytest.mark.parametrize("wrong", [None, START + 2 * SECOND], ids=["missing", "late"])
def test_a_process_without_its_wake_up_gets_one(source, audit, wrong):
    process = source.add(waiting(wake_up_at=wrong))

    found = audit.run()

    assert (found.without_wakeup, found.repaired, found.unrepaired) == (1, 1, 0)
    assert stored(source, process).wake_up_at == START + SECOND


def test_a_wake_up_that_the_index_has_lost_is_planned_anew(source, audit):
    process = source.add(waiting())
    source.faults[process.process_id] = {Fault.WITHOUT_WAKEUP}

    found = audit.run()

    assert (found.without_wakeup, found.repaired) == (1, 1)
    assert stored(source, process).wake_up_at < START + SECOND


def test_what_a_finished_process_left_behind_is_removed(source, audit):
    process = waiting()
    process.complete_step("pay", now=START)
    process.wake_up_at = START
    source.add(process)

    found = audit.run()

    assert found.faults == {Fault.LEFT_BEHIND: 1}
    assert (found.without_wakeup, found.repaired) == (0, 1)
    assert stored(source, process).wake_up_at is None


@pytest.mark.parametrize("fault", [Fault.DANGLING, Fault.UNREADABLE])
def test_what_no_write_can_mend_is_reported(source, audit, fault):
    source.add(waiting())
    source.entries.append(Look("entry", None, None, None, frozenset({fault})))

    found = audit.run()

    assert found.faults == {fault: 1}
    assert (found.repaired, found.unrepaired) == (0, 1)


def test_what_is_right_at_the_second_look_is_no_fault(source, clock):
    process = source.add(waiting())
    source.faults[process.process_id] = {Fault.WITHOUT_WAKEUP}
    waited: list[float] = []

    def catch_up(seconds: float) -> None:
        waited.append(seconds)
        source.faults.clear()

    found = AuditService(source, clock=clock, pause=catch_up).run()

    assert waited == [LAG_SECONDS]
    assert (found.faults, found.repaired) == ({}, 0)


def test_a_process_that_changed_between_the_looks_is_left_to_the_next_round(source, clock):
    process = source.add(waiting())
    source.faults[process.process_id] = {Fault.WITHOUT_WAKEUP}

    def report(_seconds: float) -> None:
        current = stored(source, process)
        current.heartbeat("pay", now=START + SECOND / 2)
        source.processes.save(current)

    found = AuditService(source, clock=clock, pause=report).run()

    assert (found.faults, found.repaired) == ({}, 0)


def test_one_process_that_cannot_be_written_does_not_stop_the_round(source, audit, monkeypatch):
    for number in range(3):
        source.add(waiting(number, wake_up_at=None))
    save = source.processes.save

    def refuse(process: Process) -> None:
        if process.process_id == "process-0":
            raise Throttled("no")
        save(process)

    monkeypatch.setattr(source.processes, "save", refuse)

    found = audit.run()

    assert found.is_complete
    assert (found.without_wakeup, found.repaired, found.unrepaired) == (3, 2, 1)


def test_the_longest_overdue_deadline_is_told(source, audit, clock):
    source.add(waiting())
    done = waiting(2)
    done.complete_step("pay", now=START)
    source.add(done)
    clock.advance(minutes=3)

    assert audit.run().oldest_overdue == timedelta(minutes=3) - SECOND


def test_nothing_is_overdue_before_its_time(source, audit):
    source.add(waiting())

    assert audit.run().oldest_overdue == timedelta(0)


def after(source: Source, clock: ManualClock, pages: int) -> Callable[[], Round]:
    """Runs an audit whose time is up after so many pages."""

    def run() -> Round:
        read = len(source.covered)
        audit = AuditService(
            source,
            clock=lambda: START + SECOND * (len(source.covered) - read),
            pause=lambda seconds: None,
        )
        return audit.run(stop_at=START + SECOND * pages)

    return run


def test_a_round_goes_on_where_the_run_before_it_stopped(source, clock):
    for number in range(5):
        source.add(waiting(number, wake_up_at=None))
    run = after(source, clock, pages=1)

    rounds = [run(), run(), run()]

    assert [found.is_complete for found in rounds] == [False, False, True]
    assert [found.repaired for found in rounds] == [2, 4, 5]
    assert rounds[-1].states == {"in_progress": 5}


def test_after_a_complete_round_the_next_begins_from_nothing(source, audit):
    source.add(waiting(wake_up_at=None))
    audit.run()

    found = audit.run()

    assert (found.states, found.faults) == ({"in_progress": 1}, {})


def test_look_ups_are_covered_once_a_day(source, audit, clock):
    source.add(waiting())
    for hours in (0, 1, 22, 1):
        clock.advance(hours=hours)
        audit.run()

    assert source.covered == [True, False, False, True]


def test_a_run_that_was_overtaken_ends(source, audit, monkeypatch):
    source.add(waiting())
    page = source.page

    def meanwhile(cursor: str | None, *, covers_lookups: bool) -> AuditPage:
        source.kept = Round(START, True, version=7)
        return page(cursor, covers_lookups=covers_lookups)

    monkeypatch.setattr(source, "page", meanwhile)

    with pytest.raises(AuditOvertaken):
        audit.run()


def test_what_is_wrong_is_logged_with_the_process_it_is_about(source, audit, caplog):
    source.add(waiting(wake_up_at=None))
    source.entries.append(Look("entry", None, None, None, frozenset({Fault.DANGLING})))

    audit.run()

    mended, reported = caplog.records
    assert (mended.levelname, mended.process_id) == ("WARNING", "process-1")
    assert (reported.levelname, reported.place) == ("ERROR", "entry")
