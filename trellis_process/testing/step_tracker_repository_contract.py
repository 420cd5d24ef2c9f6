"""What every store promises about what waits in its processes, as tests to run on one's own."""
# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import cast

import pytest

from trellis_process.application.repositories import (
    ProcessRepository,
    StepTrackerRepository,
    WakeUp,
)
from trellis_process.application.sweeper import Sweeper
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.testing.builders import a_step
from trellis_process.testing.clock import START
from trellis_process.testing.store_contract import StoreContract, added, saved

SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)


class StepTrackerRepositoryContract(StoreContract):
    """A StepTrackerRepository that passes these tests finds all that is due, and nothing else.

    Subclass it and provide the fixtures ``processes`` and ``trackers``, the trackers being those
    of the processes; override ``settle`` where the store's indexes lag behind its writes.
    """

    #: How many processes are due at once in the test of many; more than fit a page of any store.
    many = 1_010

    # -- whose trackers they are -------------------------------------------------------------

    def test_trackers_know_their_processes(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        trackers.attach(processes)
        process = added(processes, tenant_id=tenant_id)

        assert trackers.processes.get(process.key) == process

    def test_attaching_the_same_processes_again_is_a_no_op(
        self, processes: ProcessRepository, trackers: StepTrackerRepository
    ) -> None:
        trackers.attach(processes)
        trackers.attach(processes)

        assert trackers.processes is processes

    def test_a_repository_they_cannot_belong_to_is_refused(
        self, processes: ProcessRepository, trackers: StepTrackerRepository
    ) -> None:
        trackers.attach(processes)

        with pytest.raises(ValueError, match="trackers"):
            trackers.attach(cast(ProcessRepository, object()))

        assert trackers.processes is processes

    # -- what is due, and when ---------------------------------------------------------------

    def test_nothing_is_due_before_its_time(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        self._waiting(processes, tenant_id, due_in=SECOND)
        self.settle()

        assert _due(trackers, START + SECOND - MILLISECOND, tenant_id) == []

    def test_a_deadline_is_due_at_the_very_moment(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        process = self._waiting(processes, tenant_id, due_in=SECOND)
        self.settle()

        (wake_up,) = _due(trackers, START + SECOND, tenant_id)

        assert wake_up.key == process.key
        assert wake_up.due_at == START + SECOND
        assert wake_up.read() == process

    def test_what_is_due_stays_due_however_late_the_sweep(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        process = self._waiting(processes, tenant_id, due_in=SECOND)
        self.settle()

        (wake_up,) = _due(trackers, START + timedelta(days=2_000), tenant_id)

        assert (wake_up.key, wake_up.due_at) == (process.key, START + SECOND)

    def test_looking_at_what_is_due_changes_nothing(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        self._waiting(processes, tenant_id, due_in=SECOND)
        self.settle()

        first = _keys(_due(trackers, START + SECOND, tenant_id))
        assert _keys(_due(trackers, START + SECOND, tenant_id)) == first

    def test_a_process_that_waits_for_nothing_is_never_due(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        added(processes, tenant_id=tenant_id, auto_start_steps=True)
        self.settle()

        assert _due(trackers, START + timedelta(days=2_000), tenant_id) == []

    def test_the_processs_own_deadline_is_due_as_well(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        process = added(processes, tenant_id=tenant_id, timeout_ms=1_000)
        self.settle()

        assert _due(trackers, START + SECOND - MILLISECOND, tenant_id) == []
        assert _keys(_due(trackers, START + SECOND, tenant_id)) == [process.key]

    def test_a_process_with_several_deadlines_wakes_once_at_the_first(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        process = added(
            processes,
            *(a_step(f"step-{n}", timeout_ms=n * 1_000) for n in (3, 1, 2)),
            tenant_id=tenant_id,
            auto_start_steps=True,
            timeout_ms=9_000,
        )
        self.settle()

        (wake_up,) = _due(trackers, START + 10 * SECOND, tenant_id)

        assert (wake_up.key, wake_up.due_at) == (process.key, START + SECOND)

    def test_the_longest_overdue_comes_first_across_processes(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        delays = list(range(1, 61))
        random.Random(7).shuffle(delays)
        for seconds in delays:
            self._waiting(processes, tenant_id, due_in=seconds * SECOND, n=seconds)
        self.settle()

        found = _due(trackers, START + 50 * SECOND, tenant_id)

        assert [wake_up.due_at for wake_up in found] == [START + n * SECOND for n in range(1, 51)]

    def test_those_due_at_the_same_moment_are_all_found(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        waiting = [self._waiting(processes, tenant_id, due_in=SECOND, n=n) for n in range(30)]
        self.settle()

        found = _keys(_due(trackers, START + SECOND, tenant_id))

        assert len(found) == 30
        assert set(found) == {process.key for process in waiting}

    def test_more_than_a_thousand_due_are_all_found(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        for n in range(self.many):
            self._waiting(processes, tenant_id, due_in=n * MILLISECOND + SECOND, n=n)
        self.settle()

        found = _due(trackers, START + timedelta(hours=1), tenant_id)

        assert _keys(found) == [ProcessKey(tenant_id, f"process-{n}") for n in range(self.many)]

    @pytest.mark.parametrize("sweepers", [2, 3, 8, 9])
    def test_sweepers_side_by_side_find_each_once_the_longest_overdue_first(
        self,
        processes: ProcessRepository,
        trackers: StepTrackerRepository,
        tenant_id: str,
        sweepers: int,
    ) -> None:
        waiting = [
            self._waiting(processes, tenant_id, due_in=n * SECOND, n=n) for n in range(1, 61)
        ]
        self.settle()
        now = START + 60 * SECOND

        found = [
            _of(Sweeper(number, sweepers).due(trackers, now), tenant_id)
            for number in range(1, sweepers + 1)
        ]

        together = _keys([wake_up for part in found for wake_up in part])
        assert len(together) == len(waiting)
        assert set(together) == {process.key for process in waiting}
        for part in found:
            assert part == sorted(part, key=lambda wake_up: wake_up.due_at)

    def test_the_same_id_in_two_tenants_is_due_twice(
        self,
        processes: ProcessRepository,
        trackers: StepTrackerRepository,
        tenant_id: str,
        other_tenant_id: str,
    ) -> None:
        ours = self._waiting(processes, tenant_id, due_in=SECOND)
        theirs = self._waiting(processes, other_tenant_id, due_in=2 * SECOND)
        self.settle()

        found = _due(trackers, START + 2 * SECOND, tenant_id, other_tenant_id)

        assert [wake_up.read() for wake_up in found] == [ours, theirs]

    # -- what changes ------------------------------------------------------------------------

    @pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
    def test_a_finished_process_is_never_due(
        self,
        processes: ProcessRepository,
        trackers: StepTrackerRepository,
        tenant_id: str,
        end: str,
    ) -> None:
        process = self._waiting(processes, tenant_id, due_in=SECOND)
        if end == "complete":
            process.complete_step("pay", now=START)
        elif end == "fail":
            process.fail_step("pay", "no", now=START)
        else:
            process.cancel(now=START)
        saved(processes, process)
        self.settle()

        assert _due(trackers, START + timedelta(days=2_000), tenant_id) == []

    def test_a_step_that_starts_later_is_due_from_then(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        process = added(processes, a_step(timeout_ms=1_000), tenant_id=tenant_id)
        self.settle()
        assert _due(trackers, START + 9 * SECOND, tenant_id) == []

        process.start_step("pay", now=START + 9 * SECOND)
        saved(processes, process)
        self.settle()

        (wake_up,) = _due(trackers, START + 10 * SECOND, tenant_id)
        assert wake_up.due_at == START + 10 * SECOND

    def test_a_retry_is_due_at_its_own_deadline(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        process = self._waiting(processes, tenant_id, due_in=SECOND, retries_permitted=1)
        late = START + timedelta(hours=1)
        process.time_out(process.due_trackers(late), now=late)
        saved(processes, process)
        self.settle()

        assert _due(trackers, late + SECOND - MILLISECOND, tenant_id) == []
        (wake_up,) = _due(trackers, late + SECOND, tenant_id)
        assert wake_up.due_at == late + SECOND

    def test_a_step_that_waits_is_due_at_the_end_of_its_wait(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        suspended, failed = (
            added(
                processes,
                a_step(retries_permitted=1),
                process_id=process_id,
                tenant_id=tenant_id,
                auto_start_steps=True,
            )
            for process_id in ("suspended", "failed")
        )
        suspended.suspend_step("pay", now=START, timeout_ms=2_000)
        failed.fail_step("pay", "no route", now=START, retry_after_ms=1_000, attempt=1)
        for process in (suspended, failed):
            saved(processes, process)
        self.settle()

        assert _due(trackers, START + SECOND - MILLISECOND, tenant_id) == []
        due = _due(trackers, START + 2 * SECOND, tenant_id)
        assert _keys(due) == [failed.key, suspended.key]
        for wake_up, process in zip(due, (failed, suspended), strict=True):
            found = wake_up.read()
            assert found is not None
            assert found.due_trackers(START + 2 * SECOND) == process.trackers()

    def test_a_resumed_step_is_due_when_its_attempt_is(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        process = self._waiting(processes, tenant_id, due_in=SECOND)
        process.suspend_step("pay", now=START)
        late = START + timedelta(days=9)
        process.time_out(process.trackers(), now=late)
        saved(processes, process)
        self.settle()
        assert _due(trackers, START + timedelta(days=2_000), tenant_id) == []

        process.resume_step("pay", now=late)
        saved(processes, process)
        self.settle()

        (wake_up,) = _due(trackers, late + SECOND, tenant_id)
        assert wake_up.due_at == late + SECOND

    def test_an_early_wake_up_is_moved_by_the_sweep_that_finds_nothing(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        process = added(
            processes,
            a_step("quick", timeout_ms=1_000),
            a_step("slow", timeout_ms=60_000),
            tenant_id=tenant_id,
            auto_start_steps=True,
        )
        process.complete_step("quick", now=START)
        saved(processes, process)
        self.settle()

        early = START + SECOND
        (wake_up,) = _due(trackers, early, tenant_id)
        looked_at = wake_up.read()
        assert looked_at is not None
        assert looked_at.due_trackers(early) == []
        looked_at.time_out([], now=early)
        saved(processes, looked_at)
        self.settle()

        assert _due(trackers, START + 60 * SECOND - MILLISECOND, tenant_id) == []
        assert _keys(_due(trackers, START + 60 * SECOND, tenant_id)) == [process.key]

    def test_a_wake_up_for_nothing_is_removed_by_the_sweep(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        process = added(
            processes,
            a_step("quick", timeout_ms=1_000),
            a_step("other"),
            tenant_id=tenant_id,
            auto_start_steps=True,
        )
        process.complete_step("quick", now=START)
        saved(processes, process)
        process.time_out([], now=START + SECOND)
        saved(processes, process)
        self.settle()

        assert _due(trackers, START + timedelta(days=2_000), tenant_id) == []

    def test_a_reopened_process_is_due_again(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        process = self._waiting(processes, tenant_id, due_in=SECOND)
        process.fail_step("pay", "no", now=START)
        saved(processes, process)
        process.start_step("pay", now=START + 5 * SECOND)
        saved(processes, process)
        self.settle()

        (wake_up,) = _due(trackers, START + 6 * SECOND, tenant_id)
        assert wake_up.due_at == START + 6 * SECOND

    def test_a_sweep_that_changes_what_it_finds_meets_each_once(
        self, processes: ProcessRepository, trackers: StepTrackerRepository, tenant_id: str
    ) -> None:
        for n in range(40):
            self._waiting(processes, tenant_id, due_in=SECOND, n=n, retries_permitted=n % 2)
        self.settle()

        late = START + 5 * SECOND
        met = []
        for wake_up in trackers.due(late):
            if wake_up.key.tenant_id == tenant_id:
                process = wake_up.read()
                assert process is not None
                process.time_out(process.due_trackers(late), now=late)
                saved(processes, process)
                met.append(wake_up.key.process_id)
        self.settle()

        assert sorted(met) == sorted(f"process-{n}" for n in range(40))
        assert _due(trackers, late, tenant_id) == []

    # -- what these tests are made of --------------------------------------------------------

    def _waiting(
        self,
        processes: ProcessRepository,
        tenant_id: str,
        *,
        due_in: timedelta,
        n: int = 1,
        retries_permitted: int = 0,
    ) -> Process:
        """A process whose one step was just started and times out after so long."""
        timeout_ms = due_in // MILLISECOND
        return added(
            processes,
            a_step(timeout_ms=timeout_ms, retries_permitted=retries_permitted),
            tenant_id=tenant_id,
            process_id=f"process-{n}",
            auto_start_steps=True,
        )


def _due(trackers: StepTrackerRepository, now: datetime, *tenant_ids: str) -> list[WakeUp]:
    return _of(trackers.due(now), *tenant_ids)


def _of(due: Iterable[WakeUp], *tenant_ids: str) -> list[WakeUp]:
    return [wake_up for wake_up in due if wake_up.key.tenant_id in tenant_ids]


def _keys(wake_ups: list[WakeUp]) -> list[ProcessKey]:
    return [wake_up.key for wake_up in wake_ups]
