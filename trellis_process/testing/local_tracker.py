"""A tracker in memory with workers attached, to run whole processes in a test without any cloud."""

from __future__ import annotations

import json
from collections import deque
from types import TracebackType
from typing import Any, Self

from trellis_process.application.process_service import ProcessService
from trellis_process.application.timeout_checker import TimeoutCheckerService
from trellis_process.domain.process import Process
from trellis_process.eventbridge.envelope import SOURCE, envelopes
from trellis_process.memory import InMemoryProcessRepository, InMemoryStepTrackerRepository
from trellis_process.testing.clock import ManualClock
from trellis_process.worker import Worker


class LocalTracker:
    """Everything that a deployed stack does for workers, at the pace of a ManualClock.

    Used as a context: meanwhile the workers report to ``service``, and what the service's
    processes ask for is delivered to them by ``run``, in order, each event as the bus has it. What
    a worker raises is raised in the test.
    """

    def __init__(self, *workers: Worker, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self._processes = InMemoryProcessRepository(on_saved=self._publish)
        trackers = InMemoryStepTrackerRepository()
        #: To start processes, and to report on them as other services would.
        self.service = ProcessService(self._processes, trackers, clock=self.clock)
        self._checker = TimeoutCheckerService(trackers, clock=self.clock)
        #: All that was told on the bus, the ``detail`` of each event.
        self.events: list[dict[str, Any]] = []
        self._undelivered: deque[dict[str, Any]] = deque()
        self._workers = workers
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        self._before = [worker.reporting_to(self.service) for worker in self._workers]
        for attached in self._before:
            attached.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for attached in self._before:
            attached.__exit__(kind, error, trace)

    def run(self) -> None:
        """Delivers what is undelivered, and what follows from it, until nothing is left to do."""
        while self._undelivered:
            self._deliver(self._undelivered.popleft())

    def deliver_again(self) -> None:
        """Delivers every event so far once more, as the bus may, and runs what follows."""
        for event in list(self.events):
            self._deliver(event)
        self.run()

    def advance(self, **duration: float) -> None:
        """Lets so much time pass (``hours=``, ``seconds=`` …), with a sweep whenever one is due."""
        self.run()
        now = self.clock()
        until = self.clock.advance(**duration)
        while due := self._processes.keys_due(until):
            now = max(now, due[0][0])
            self.clock.set(now)
            self._checker.check_for_timed_out_steps()
            self.run()
        self.clock.set(until)

    def _publish(self, process: Process) -> None:
        told = json.loads(json.dumps(envelopes(process)))  # as it arrives, sharing nothing
        self.events += told
        self._undelivered += told

    def _deliver(self, event: dict[str, Any]) -> None:
        for worker in self._workers:
            if event.get("step_name") in worker.steps:
                worker.handler(
                    {"source": SOURCE, "detail-type": event["type"], "detail": event}, None
                )
