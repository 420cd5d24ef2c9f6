"""Reacting: what events and timers do to the data of a process, to others, and to its timers.

The reactions to one trigger are worked out first, in the order of the document, and what comes of
them is checked; only then is anything of it done. So what is refused leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from trellis_process.domain import events as happened
from trellis_process.domain.definition.reactions import Command, Reaction, TimerSetting
from trellis_process.domain.engine.values import Values, checked, moment_of
from trellis_process.domain.limits import JsonValue, check_time
from trellis_process.domain.tracker import Timer, TimerKind
from trellis_process.errors import (
    ConstraintNotMet,
    ExpressionError,
    InvalidInput,
    InvariantViolated,
)

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run

#: Why a process fails in which a timer rang and its reactions were refused.
INVARIANT_VIOLATED = "invariant_violated"


@dataclass
class Draft:
    """What comes of reactions, before anything is done."""

    data: dict[str, JsonValue]
    #: Whether a reaction has set some of the data.
    sets_data: bool = False
    #: What is sent: to which channel, which message, and what it says.
    sent: list[tuple[Command, JsonValue]] = field(default_factory=list)
    #: The timers that are set, and with None those that are cancelled.
    timers: dict[str, datetime | None] = field(default_factory=dict)
    #: The name of the ending that it has come to.
    ending: str | None = None


def check_constraints(run: Run, event: Mapping[str, Any]) -> None:
    """Raises ConstraintNotMet where an event is not for this process; and ExpressionError."""
    for name, condition in run.compiled.definition.constraints.items():
        if not run.values(event=event).truth(condition):
            raise ConstraintNotMet(name)


def draft_of(run: Run, names: Iterable[str], event: Mapping[str, Any]) -> Draft:
    """What follows from an event, by each of its names; nothing of it is done yet.

    Raises ExpressionError, InvariantViolated, and InvalidInput where the data is not as declared.
    """
    return _draft(run, _reactions_to(run, names), event)


def to_timer(run: Run, name: str) -> None:
    """Does what follows from a timer that rang; the process fails where that is refused."""
    run.change.record(happened.TimerRang, timer=name)
    reactions = [each for each in run.compiled.definition.reactions if each.timer == name]
    _do_or_fail(run, reactions, {})


def to_kept_event(run: Run, names: Iterable[str], event: Mapping[str, Any]) -> None:
    """Does what follows from an event taken before; the process fails where that is refused."""
    _do_or_fail(run, _reactions_to(run, names), event)


def _reactions_to(run: Run, names: Iterable[str]) -> list[Reaction]:
    known = set(names)
    return [each for each in run.compiled.definition.reactions if each.event in known]


def _do_or_fail(run: Run, reactions: Iterable[Reaction], event: Mapping[str, Any]) -> None:
    """The process fails where nobody is there any more who could be told of a refusal."""
    try:
        draft = _draft(run, reactions, event)
    except InvariantViolated as error:
        run.fail_process(f"{INVARIANT_VIOLATED}: {error.invariant}")
    except ExpressionError as error:
        run.fail_process_without_value(error)
    except InvalidInput as error:
        run.fail_process_without_value(ExpressionError("set", str(error)))
    else:
        do(run, draft)


def _draft(run: Run, reactions: Iterable[Reaction], event: Mapping[str, Any]) -> Draft:
    """What comes of these reactions, until one of them leads to an ending."""
    definition = run.compiled.definition
    draft = Draft(dict(run.process.data))
    for reaction in reactions:
        values = run.values(event=event, data=draft.data)
        if reaction.when is not None and not values.truth(reaction.when):
            continue
        _add(run, draft, reaction, values)
        values = run.values(event=event, data=draft.data)
        endings = definition.ends_when.items()
        draft.ending = next((name for name, when in endings if values.truth(when)), None)
        if draft.ending is not None:
            break
    if draft.sets_data:
        _check_data(run, draft.data)
    return draft


def _check_data(run: Run, data: dict[str, JsonValue]) -> None:
    run.compiled.data.check(data)
    for name, condition in run.compiled.definition.invariants.items():
        if not run.values(data=data).truth(condition):
            raise InvariantViolated(name)


def _add(run: Run, draft: Draft, reaction: Reaction, values: Values) -> None:
    """Adds what one reaction does. Its commands and timers see the data as it leaves them."""
    if reaction.set:
        draft.sets_data = True
        draft.data.update(values.resolve(reaction.set))
        checked("data", draft.data)
    for command in reaction.send:
        draft.sent.append((command, values.resolve(command.inputs)))
    for setting in reaction.set_timers:
        draft.timers[setting.name] = _due_at(run, setting, values)
    for name in reaction.cancel_timers:
        draft.timers[name] = None


def _due_at(run: Run, setting: TimerSetting, values: Values) -> datetime:
    """When a timer rings that is set now. Raises ExpressionError where that is no moment."""
    if setting.after is None:
        assert setting.at is not None, "a timer says when it rings"
        return check_time("at", moment_of(setting.at, values.value(setting.at)))
    # What reads calendars is loaded by those alone who have timers.
    from trellis_process.domain.calendar_span import CalendarSpan, zone_of

    span = CalendarSpan.of("after", setting.after)
    zone = zone_of("time_zone", run.compiled.definition.time_zone)
    try:
        return span.after(run.change.now, zone)
    except OverflowError as error:
        raise ExpressionError(setting.after, "it leads beyond the year 9999") from error


def do(run: Run, draft: Draft) -> None:
    """Does what was worked out. At an ending no timer is set any more, for it closes them all."""
    process = run.process
    process.data = draft.data
    for command, payload in draft.sent:
        run.change.record(
            happened.CommandSent,
            channel=command.channel,
            message=command.message,
            payload=payload,
        )
    if draft.ending is not None:
        run.end_as(draft.ending)
        return
    for name, due_at in draft.timers.items():
        process.timers = tuple(each for each in process.timers if not _is_named(each, name))
        if due_at is not None:
            _set_timer(run, name, due_at)


def _set_timer(run: Run, name: str, due_at: datetime) -> None:
    """A timer runs, or rings at once where its time is past.

    Once in a change, so that two that set each other come to an end in it; then with the sweep.
    """
    process = run.process
    timer = Timer(
        tenant_id=process.tenant_id,
        process_id=process.process_id,
        kind=TimerKind.TIMER,
        name=name,
        due_at=due_at,
        since=run.change.now,
    )
    if timer.is_due(run.change.now) and run.may_ring(name):
        run.ring(name)
    else:
        process.timers = (*process.timers, timer)


def _is_named(timer: Timer, name: str) -> bool:
    return timer.kind is TimerKind.TIMER and timer.name == name
