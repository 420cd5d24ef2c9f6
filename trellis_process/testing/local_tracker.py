"""A tracker in memory with workers attached, to run whole processes in a test without any cloud."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from trellis_process.application.manual_clock import ManualClock
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.runner import Runner
from trellis_process.worker import Worker


class LocalTracker:
    """Everything that a deployed stack does for workers, at the pace of a ManualClock.

    Used as a context: meanwhile the workers report to ``service``, and what the service's
    processes ask for is delivered to them by ``run``, in order, each event as the bus has it. Work
    that none of them does is left to the test. What a worker raises is raised in the test.
    ``definitions`` are registered, so that ``service`` starts processes by their names.
    """

    def __init__(
        self,
        *workers: Worker,
        clock: ManualClock | None = None,
        definitions: Iterable[ProcessDefinition] = (),
    ) -> None:
        self.clock = clock or ManualClock()
        self._runner = Runner(*workers, clock=self.clock, allow_missing=True)
        #: To start processes, and to report on them as other services would.
        self.service = self._runner.engine
        for definition in definitions:
            self._runner.register(definition)
        self._workers = workers
        self._attached = ExitStack()

    def __enter__(self) -> Self:
        for worker in self._workers:
            self._attached.enter_context(worker.reporting_to(self.service))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._attached.close()

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that was told on the bus, the ``detail`` of each event."""
        return self._runner.events

    def run(self) -> None:
        """Delivers what is undelivered, and what follows from it, until nothing is left to do."""
        self._runner.run()

    def deliver_again(self) -> None:
        """Delivers every event so far once more, as the bus may, and runs what follows."""
        self._runner.deliver_again()

    def advance(self, **duration: float) -> None:
        """Lets so much time pass (``hours=``, ``seconds=`` …), with a sweep whenever one is due."""
        self._runner.advance(**duration)
