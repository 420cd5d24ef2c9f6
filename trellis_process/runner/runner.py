"""Runner: starts processes, has their work done, and lets the time pass, all in one program."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from trellis_process.application.children import ChildrenService
from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.engine_service import EngineService
from trellis_process.application.event_service import Delivery, EventService
from trellis_process.application.manual_clock import ManualClock
from trellis_process.application.timeout_checker import TimeoutCheckerService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.events import EVENT_TYPES
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.own_services import LLM_INTENT_SERVICE, QUERY_SERVICE, SOURCE
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.errors import InvalidInput
from trellis_process.nearest import did_you_mean, what_there_is
from trellis_process.runner.bus import Bus, Event, as_on_the_bus
from trellis_process.runner.pick_up import OPEN, asked_again, not_needed
from trellis_process.runner.store import ObservedProcesses, ObservedTrackers, Store
from trellis_process.worker import Worker
from trellis_process.worker.delivery import asks_for_work
from trellis_process.worker.step_handler import StepFunction

if TYPE_CHECKING:
    from trellis_process.intents import Intents
    from trellis_process.queries import Sources

LONGEST_SLEEP_SECONDS = 60.0  # then it looks again, for others may write to the same store
PAGE = 100  # processes read at a time when they are picked up

#: What does the work of the services that are Trellis's own.
_ANSWERED_BY = {LLM_INTENT_SERVICE: "runner.intents(…)", QUERY_SERVICE: "runner.queries(…)"}

_Function = TypeVar("_Function", bound=StepFunction)
_Listener = TypeVar("_Listener", bound=Callable[[Event], object])


class NoHandler(LookupError):
    """A definition asks a service for work that nobody here does."""

    def __init__(self, event: Event, known: list[str]) -> None:
        self.service: str = event["service"]
        advice = _ANSWERED_BY.get(self.service, f"@runner.service({self.service!r})")
        super().__init__(
            f"no handler for service {self.service!r}, which step {event['step_name']!r} of "
            f"{event['process_type']!r} asks for{what_there_is(self.service, known)}; "
            f"give the runner one with {advice}, and run it again"
        )


class Runner:
    """A whole Trellis in one program, for small programs, tests and demonstrations.

    What is saved by ``engine`` becomes events, each as the bus has it. ``run`` delivers these, in
    order and at least once: to the functions registered here, to ``workers`` that do the work, to
    parents and children, to listeners. What a function raises fails its attempt; what a listener
    raises, ``run`` raises.

    With a ManualClock the time stands still until ``advance``. Processes are in memory unless
    ``store`` says otherwise. With ``allow_missing`` work that nobody here does is left to others,
    who report to ``engine``; without it such work raises NoHandler. All events are kept for
    ``history`` unless ``keeps_events`` is False, as it should be in a program that runs for long.
    ``pause`` waits so many seconds in ``run_forever``; unless given, less where something happens.
    """

    def __init__(
        self,
        *workers: Worker,
        store: Store | None = None,
        clock: Clock = system_clock,
        allow_missing: bool = False,
        keeps_events: bool = True,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        store = store or Store.in_memory()
        self.clock = clock
        self._bus = Bus(keeps=keeps_events)
        self._processes = ObservedProcesses(store.processes, self._bus.publish)
        self._trackers = ObservedTrackers(store.trackers, self._processes)
        catalog = DefinitionCatalog(store.definitions)
        #: To start processes and to say what happens outside: signals, tasks, reports of others.
        self.engine = EngineService(
            self._processes, self._trackers, definitions=catalog, clock=clock
        )
        #: Where lists are kept that are too large for one item; None where the store has no place.
        self.lists = store.lists
        self._children = ChildrenService(self.engine, store.lists)
        self._events = EventService(
            self.engine, catalog, store.noted, clock=clock, listening_for=timedelta(0)
        )
        self._checker = TimeoutCheckerService(self._trackers, clock=clock, definitions=catalog)
        self._own = Worker(self.engine)
        self._workers = (self._own, *workers)
        self._listeners: list[tuple[frozenset[str], Callable[[Event], object]]] = []
        self._allow_missing = allow_missing
        self._running = threading.RLock()
        self._stopped = False
        self._pause = pause or self._bus.wait

    # -- What is there -----------------------------------------------------------------------

    def service(self, name: str) -> Callable[[_Function], _Function]:
        """Has a function do what definitions ask of this service; it stays a plain function.

        It is given a StepContext, and what it returns or raises is reported. Raises InvalidInput
        for what is no name, ValueError for a service that is there already.
        """
        decorate = self._own.service(name)

        def register(function: _Function) -> _Function:
            decorate(function)
            return function

        return register

    def intents(self, intents: Intents) -> None:
        """Has models do what ``llm_intent`` steps ask for. As Worker.intents."""
        self._own.intents(intents)

    def queries(self, sources: Sources) -> None:
        """Has these sources answer what ``query`` steps ask for. As Worker.queries."""
        self._own.queries(sources)

    def on(self, *types: str) -> Callable[[_Listener], _Listener]:
        """Has a function told of events of these types, or of all; each at least once.

        Raises InvalidInput for what is no type of event.
        """
        for each in types:
            if each not in EVENT_TYPES:
                allowed = did_you_mean(each, EVENT_TYPES) or "; docs/events.md has all"
                raise InvalidInput("type", each, f"there is no such event{allowed}")

        def register(listener: _Listener) -> _Listener:
            self._listeners.append((frozenset(types or EVENT_TYPES), listener))
            return listener

        return register

    def register(self, definition: ProcessDefinition) -> None:
        """Adds a version of a definition. As EngineService.register."""
        self.engine.register(definition)

    # -- What happens ------------------------------------------------------------------------

    def start(
        self,
        definition: str,
        *,
        tenant_id: str,
        input: dict[str, JsonValue] | None = None,  # as definitions call it
        key: str | None = None,
        version: int | None = None,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        metadata: dict[str, JsonValue] | None = None,
    ) -> Process:
        """Starts a process, whose work is done by the next ``run``. As EngineService.start."""
        return self.engine.start(
            definition,
            tenant_id=tenant_id,
            input=input,
            key=key,
            version=version,
            aggregate_type=aggregate_type,
            aggregate_id=aggregate_id,
            metadata=metadata,
        )

    def run(self) -> None:
        """Does everything that there is to do by now, until all processes wait.

        Raises NoHandler, what a listener raises, and a StoreError: what is undelivered then is
        delivered by the next run.
        """
        with self._running:
            self._deliver()
            while self._next_due(self.clock()) is not None and self._sweep():
                self._deliver()

    def advance(self, **duration: float) -> None:
        """Lets so much time pass (``days=``, ``hours=`` …), with a sweep whenever one is due.

        Raises TypeError where the clock is not a ManualClock, and as ``run``.
        """
        clock = self.clock
        if not isinstance(clock, ManualClock):
            raise TypeError("only a ManualClock can be moved: Runner(clock=ManualClock())")
        with self._running:
            self.run()
            until = clock() + timedelta(**duration)
            if until < clock():
                raise ValueError(f"cannot advance by {until - clock()}; set the clock to go back")
            while (due_at := self._next_due(until)) is not None:
                clock.set(max(clock(), due_at))
                self._sweep()
                self._deliver()
            clock.set(max(clock(), until))

    def run_forever(self, until: Callable[[], bool] | None = None) -> None:
        """Runs, and sleeps until something is due or happens, again and again.

        Ends after ``stop``, by a signal's handler or from another thread, or once ``until`` says
        so, which is asked after each run.
        """
        try:
            while not self._stopped:
                self.run()
                if until is not None and until():
                    return
                if not self._stopped:
                    self._pause(self._seconds_to_sleep())
        finally:
            self._stopped = False

    def stop(self) -> None:
        """Lets ``run_forever`` end after the work that it is doing."""
        self._stopped = True
        self._bus.wake()

    def pick_up(self, tenant_id: str) -> int:
        """Asks again for what the open processes of a tenant wait for; how many there are.

        For a program that begins anew on a store that outlived it, before the first ``run``. Work
        that was being done is done once more, and the events of each process's latest change are
        told once more, for nobody knows how far they came.
        """
        found = 0
        cursor: str | None = None
        while True:
            page = self._processes.page(
                tenant_id, process_type=None, states=OPEN, limit=PAGE, cursor=cursor
            )
            for process in page.processes:
                self._pick_up(process)
            found += len(page.processes)
            cursor = page.cursor
            if cursor is None:
                return found

    def receive(self, event: dict[str, Any]) -> list[Delivery]:
        """Brings an event from outside, as EventBridge delivers it, to the processes it is for.

        Returns what became of it, for each definition that knows it. What follows, ``run`` does.
        """
        return self._events.handle(event)

    # -- What happened -----------------------------------------------------------------------

    @property
    def events(self) -> list[Event]:
        """All that was told on the bus, the ``detail`` of each event; none where none are kept."""
        return self._bus.events

    def history(self, process: Process | ProcessKey) -> list[Event]:
        """All events of a process that were told here, in order."""
        key = (process.tenant_id, process.process_id)
        return [each for each in self.events if (each["tenant_id"], each["process_id"]) == key]

    def deliver_again(self) -> None:
        """Delivers every event so far once more, as the bus may, and runs what follows."""
        for event in list(self.events):
            self._deliver_one(event)
        self.run()

    # -- How it goes -------------------------------------------------------------------------

    def _deliver(self) -> None:
        self._bus.deliver(self._deliver_one)

    def _deliver_one(self, event: Event) -> None:
        for types, listener in self._listeners:
            if event["type"] in types:
                listener(event)
        self._children.handle(event)
        if event["type"] == "ProcessCompleted":
            self._events.handle(_as_delivered(event))
        if asks_for_work(event):
            self._ask_for(event)

    def _ask_for(self, event: Event) -> None:
        """Has an event's work done by whoever does it."""
        for worker in self._workers:
            if worker.does(event):
                with worker.reporting_to(self.engine):
                    worker.handler(_as_delivered(event), None)
                return
        # The steps of a process without a definition may be anybody's.
        if "service" in event and not self._allow_missing:
            known = [name for worker in self._workers for name in worker.services]
            raise NoHandler(event, known)

    def _sweep(self) -> bool:
        """Lets fire what is due; whether anything was. Raises what kept it from doing so."""
        sweep = self._checker.check_for_timed_out_steps()
        if sweep.failures:
            raise sweep.failures[0].error
        return bool(sweep.timed_out or sweep.retried or sweep.fired)

    def _next_due(self, by: datetime) -> datetime | None:
        """When the next wake-up is due, if that is by then."""
        return next((wake_up.due_at for wake_up in self._trackers.due(by)), None)

    def _seconds_to_sleep(self) -> float:
        now = self.clock()
        due_at = self._next_due(now + timedelta(seconds=LONGEST_SLEEP_SECONDS))
        if due_at is None:
            return LONGEST_SLEEP_SECONDS
        return max(0.0, (due_at - now).total_seconds())

    def _pick_up(self, process: Process) -> None:
        definitions = self.engine.definitions
        self._bus.bring(as_on_the_bus(process))
        self._bus.bring(asked_again(process, definitions))
        if process.parent is not None:
            parent = self._processes.get(ProcessKey(process.tenant_id, process.parent.process_id))
            if parent is not None:
                self._bus.bring(not_needed(parent, process, definitions))


def _as_delivered(event: Event) -> dict[str, Any]:
    """An event as EventBridge delivers it."""
    return {"source": SOURCE, "detail-type": event["type"], "id": event["id"], "detail": event}
