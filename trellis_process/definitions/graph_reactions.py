"""Events, reactions and timers in the flowchart of a definition: what starts, follows and ends."""

from __future__ import annotations

from collections.abc import Iterator

from trellis_process.definitions.graph_labels import label, short
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.reactions import (
    EventDefinition,
    Reaction,
    ScheduleTrigger,
    TimerSetting,
    Trigger,
)

_FRAME = "reactions"
_STYLE = "classDef event fill:#f5effe,stroke:#7e22ce,color:#3b0764"


class ReactionsChart:
    """Frames the reactions, for steps may stand beside them.

    An event that starts a process and is reacted to stands there twice, outside of the frame and
    in it: an arrow from outside would end at the frame, and not say what it leads to.
    """

    def __init__(self, definition: ProcessDefinition) -> None:
        self._definition = definition
        self._defined = {each.name: each for each in definition.events}
        reacted_to = dict.fromkeys(each.event for each in definition.reactions if each.event)
        self._events = {name: f"ev{place}" for place, name in enumerate(reacted_to)}
        settings = (each for reaction in definition.reactions for each in reaction.set_timers)
        names = dict.fromkeys(each.name for each in settings)
        self._timers = {name: f"t{place}" for place, name in enumerate(names)}

    def lines(self) -> Iterator[str]:
        """Nodes and arrows; the node ``start`` is the beginning of a process."""
        definition = self._definition
        if definition.events or definition.triggers:
            yield f"  {_STYLE}"
        for place, trigger in enumerate(definition.triggers):
            yield from self._trigger(trigger, f"tr{place}")
        if not definition.reactions:
            return
        yield f"  subgraph {_FRAME} [{label('reactions')}]"
        yield "    direction TB"
        for name, node in self._events.items():
            yield f"    {self._event(name, node)}"
            yield f"    class {node} event"
        for place, reaction in enumerate(definition.reactions):
            yield f"    r{place}[{label(*_effects(reaction))}]"
        for name, node in self._timers.items():
            yield f"    {node}([{label(f'timer {name}')}])"
            yield f"    class {node} waiting"
        yield "  end"
        if not definition.steps:
            yield f"  start --> {_FRAME}"
        for place, reaction in enumerate(definition.reactions):
            yield from self._arrows(reaction, f"r{place}")
        for place, (name, condition) in enumerate(definition.ends_when.items()):
            yield f"  x{place}([{label(name)}])"
            yield f"  class x{place} end_"
            yield f"  {_FRAME} -->|{label(short(condition))}| x{place}"

    def _event(self, name: str, node: str) -> str:
        return f"{node}>{label(name, _known_by(self._defined[name]))}]"

    def _trigger(self, trigger: Trigger, node: str) -> Iterator[str]:
        if trigger.event is not None:
            yield f"  {self._event(trigger.event, node)}"
            yield f"  class {node} event"
        elif trigger.schedule is not None:
            told = label(f"schedule {trigger.schedule.name}", _times(trigger.schedule))
            yield f"  {node}([{told}])"
            yield f"  class {node} waiting"
        else:
            yield f"  {node}>{label(f'signal {trigger.signal}')}]"
            yield f"  class {node} event"
        yield f"  {node} -->|{label('starts')}| start"

    def _arrows(self, reaction: Reaction, node: str) -> Iterator[str]:
        known = self._events if reaction.timer is None else self._timers
        arrow = "-->" if reaction.when is None else f"-->|{label(short(reaction.when))}|"
        yield f"  {known[reaction.timer or str(reaction.event)]} {arrow} {node}"
        for setting in reaction.set_timers:
            yield f"  {node} -.->|{label(_span(setting))}| {self._timers[setting.name]}"
        for name in reaction.cancel_timers:
            yield f"  {node} -.->|{label('cancels')}| {self._timers[name]}"


def _known_by(event: EventDefinition) -> str:
    if event.entity is not None:
        return f"{event.entity} {event.change or event.status}"
    if event.completed is not None:
        return f"{event.completed} completed"
    kinds = (event.pattern or {}).get("detail-type")
    plain = [each for each in kinds if isinstance(each, str)] if isinstance(kinds, list) else []
    return short(" or ".join(plain))


def _times(schedule: ScheduleTrigger) -> str:
    if schedule.cron is None:
        return f"every {schedule.every}"
    return f"{schedule.cron}, {schedule.time_zone}"


def _span(setting: TimerSetting) -> str:
    return f"after {setting.after}" if setting.at is None else f"at {short(setting.at)}"


def _effects(reaction: Reaction) -> Iterator[str]:
    """What a reaction does, but for its timers, which arrows tell of."""
    if reaction.set:
        yield short(f"set {', '.join(reaction.set)}")
    for command in reaction.send:
        yield f"send {command.message} to {command.channel}"
    if not reaction.set and not reaction.send:
        yield "set timers" if reaction.set_timers else "cancel timers"
