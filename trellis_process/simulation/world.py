"""A world: the processes of a simulation, its time, and what happens in it one after the other."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trellis_process.domain import events as happened
from trellis_process.domain.decide import Trigger, decide
from trellis_process.domain.engine import names
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.engine import Engine
from trellis_process.domain.events import ProcessEvent
from trellis_process.domain.process import Process
from trellis_process.errors import InvalidInput, TrellisError
from trellis_process.simulation.entry import Entry, text_of
from trellis_process.simulation.example import Examples
from trellis_process.simulation.route import WatchedExpressions, route_of
from trellis_process.simulation.simulation import Asked

MAX_CHANGES = 100_000  # of all processes; a definition may go round in circles for long

_LEAD_ON = (
    happened.StepCompleted,
    happened.StepFailed,
    happened.StepSkipped,
    happened.MessageSent,
    happened.EffectsRequested,
)


@dataclass
class Followed:
    """A process and the definition that it follows."""

    process: Process
    compiled: CompiledDefinition
    watched: WatchedExpressions
    examples: Examples
    #: What a child is called in the timeline: the step that asked for it.
    child: str | None = None
    #: Attempts whose answers were made up: step and attempt.
    assumed: set[tuple[str, int]] = field(default_factory=set)

    def name_of(self, step: str) -> str:
        """A step of it as the timeline calls it."""
        return step if self.child is None else f"{self.child} › {step}"


@dataclass(order=True)
class Planned:
    """Something that comes from outside."""

    at: datetime
    #: Of several at one moment the one that was planned first comes first.
    order: int
    act: Callable[[], Any] = field(compare=False)


class World:
    """Lets happen what is planned and what is due, in order; ``react`` is told of every event."""

    def __init__(self, start: datetime, react: Callable[[Followed, ProcessEvent], None]) -> None:
        self.start = self.now = start
        #: The processes that are open, or the first one, by id.
        self.followed: dict[str, Followed] = {}
        self.timeline: list[Entry] = []
        #: The events of the first process.
        self.events: list[ProcessEvent] = []
        self.asked: list[Asked] = []
        #: What was made up, in order.
        self.assumed: dict[str, None] = {}
        #: Whether an answer is missing, so that no time may pass.
        self.is_unanswered = False
        self._react = react
        self._planned: list[Planned] = []
        self._orders = 0
        self._changes = 0

    def plan(self, at: datetime, act: Callable[[], Any]) -> None:
        """Something is to happen then."""
        self._orders += 1
        heapq.heappush(self._planned, Planned(at, self._orders, act))

    def go_on(self, until: datetime | None) -> str | None:
        """Lets happen what happens, in order; returns why it was broken off."""
        while True:
            planned = self._planned[0].at if self._planned else None
            wake_ups = [
                each.process.wake_up_at
                for each in self.followed.values()
                if each.process.wake_up_at is not None
            ]
            coming = [each for each in (planned, min(wake_ups, default=None)) if each is not None]
            if not coming:
                return None
            at = max(self.now, min(coming))
            if self.is_unanswered and at > self.now:
                return "no answer was given"
            if until is not None and at > until:
                self.now = until
                return "its time was up"
            if self._changes > MAX_CHANGES:
                return f"it had made {MAX_CHANGES:,} changes"
            self.now = at
            # What is reported at the very moment of a deadline still is in time.
            if planned is not None and planned <= at:
                heapq.heappop(self._planned).act()
            else:
                self._sweep()

    def change(self, followed: Followed, trigger: Trigger) -> bool:
        """Lets a trigger move a copy of a process, as a service does; whether it changed."""
        process = followed.process.copy()
        followed.watched.evaluations.clear()
        decide(Engine(followed.compiled), process, trigger, self.now)
        if not process.has_changed:
            return False
        followed.process = process
        self.note(followed)
        return True

    def note(self, followed: Followed) -> None:
        """A process was changed, and what follows from that is next."""
        process = followed.process
        process.saved()
        self._changes += 1
        for event in process.events:
            self._tell(followed, event)
        for event in process.events:
            self._react(followed, event)

    def attempt(
        self,
        followed: Followed,
        step: str | None,
        trigger: Trigger,
        *,
        about: str = "the answer",
        refused: bool = False,
    ) -> None:
        """Lets something come that may come too late, which is told."""
        if followed.process.state.is_final and not refused:
            return
        try:
            changed = self.change(followed, trigger)
        except InvalidInput:
            raise  # no answer to it can be like that, however late it comes
        except TrellisError as error:
            self._remark(followed, step, f"{about} is refused: {error}")
        else:
            if not changed:
                self._remark(followed, step, f"{about} changes nothing")

    def _sweep(self) -> None:
        for each in list(self.followed.values()):
            wake_up = each.process.wake_up_at
            if wake_up is not None and wake_up <= self.now:
                self.change(
                    each, lambda process, now: process.time_out(process.due_trackers(now), now=now)
                )

    def _tell(self, followed: Followed, event: ProcessEvent) -> None:
        process = followed.process
        step_name = getattr(event, "step_name", None)
        why, is_assumed = "", False
        told = process.parent
        is_whole_part = told is not None and told.part is not None and told.step_name == step_name
        if step_name is not None and isinstance(event, _LEAD_ON) and not is_whole_part:
            step = process.step(step_name)
            place = followed.compiled.places[names.defined_name(step_name)]
            why = route_of(place, step, followed.watched.evaluations)
        if isinstance(event, happened.StepCompleted | happened.CompensationCompleted):
            is_assumed = (event.step_name, event.attempt) in followed.assumed
        if followed.child is None:
            self.events.append(event)
        self.timeline.append(
            Entry(
                at=self.now,
                elapsed=self.now - self.start,
                event=event.type,
                text=text_of(event, process),
                why=why,
                step=step_name,
                child=followed.child,
                is_assumed=is_assumed,
            )
        )

    def _remark(self, followed: Followed, step: str | None, text: str) -> None:
        self.timeline.append(
            Entry(
                at=self.now,
                elapsed=self.now - self.start,
                event="Refused",
                text=text,
                step=step,
                child=followed.child,
            )
        )
