"""Whether what a definition says of events, triggers and reactions hangs together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from trellis_process.definitions.finding import Path
from trellis_process.definitions.input_schema import check_input, declared_names, schema_of
from trellis_process.definitions.parts import Outline, Part
from trellis_process.definitions.report import Report, listed
from trellis_process.definitions.values import check_identifier
from trellis_process.domain.calendar_span import CalendarSpan, zone_of
from trellis_process.domain.definition.entity_status import EntityStatus
from trellis_process.domain.definition.reactions import (
    EventDefinition,
    Reaction,
    ScheduleTrigger,
    TimerSetting,
    Trigger,
)
from trellis_process.domain.event_pattern import check_pattern
from trellis_process.domain.limits import check_name
from trellis_process.domain.schedule.terms import ScheduleTerms
from trellis_process.errors import InvalidInput

#: Of each class, the fields of which one, and only one, is given.
ONE_OF: dict[type, tuple[str, ...]] = {
    EventDefinition: ("pattern", "entity", "completed"),
    Trigger: ("event", "signal", "schedule"),
    Reaction: ("event", "timer"),
    TimerSetting: ("after", "at"),
}
_WHAT = ("event", "signal")  # what starts a process, beside schedules
EFFECTS = ("set", "send", "set_timers", "cancel_timers")
EXPRESSIONS_BY_NAME = ("constraints", "invariants", "ends_when")


def check_reactions(outline: Outline, report: Report) -> None:
    """Finds what cannot be, and warns of what is there for nothing."""
    root = outline.root
    _check_something_to_do(root, report)
    for of, fields in ONE_OF.items():
        for part in outline.all_of(of):
            _check_one_of(part, fields, report)
    for event in outline.all_of(EventDefinition):
        _check_event(event, report)
    for schedule in outline.all_of(ScheduleTrigger):
        _check_schedule(schedule, root, report)
    for trigger in outline.all_of(Trigger):
        _check_inputs(trigger, root, report)
    _check_events_named(outline, report)
    _check_once(outline, report)
    _check_timers(outline, report)
    for reaction in outline.all_of(Reaction):
        _check_effects(reaction, root, report)
    for name in EXPRESSIONS_BY_NAME:
        named = root.value.get(name)
        for given in named if isinstance(named, dict) else ():
            noun = {"constraints": "a constraint", "invariants": "an invariant"}
            check_identifier(noun.get(name, "an ending"), given, (name, given), report, key=True)
    zone = root.text("time_zone")
    if zone is not None:
        _tell(("time_zone",), "time_zone", report, lambda: zone_of("time_zone", zone))
    _find_what_is_for_nothing(outline, report)


def _check_something_to_do(root: Part, report: Report) -> None:
    if root.value.get("steps") is None and not root.value.get("reactions"):
        message = "it is missing; it has to be there where there are no reactions"
        report.error(("steps",), "missing", message)


def _check_one_of(part: Part, fields: tuple[str, ...], report: Report) -> None:
    given = [name for name in fields if part.value.get(name) is not None]
    if len(given) != 1:
        message = f"got {' and '.join(given) or 'none'}; allowed is one of {', '.join(fields)}"
        report.error(part.path, "one_of", message)


def _check_event(event: Part, report: Report) -> None:
    pattern = event.value.get("pattern")
    if isinstance(pattern, dict):
        for inside, message in check_pattern(pattern):
            report.error((*event.at("pattern"), *inside), "pattern", message)
        if event.value.get("key") is None:
            message = "it is missing; it says which process an event is for"
            report.error(event.at("key"), "missing", message)
    for name in ("change", "status"):
        if event.value.get(name) is not None and event.value.get("entity") is None:
            report.error(
                event.at(name), "not_allowed", "it belongs to an entity, and there is none"
            )
    if event.text("entity") is not None:
        given = [name for name in ("change", "status") if event.value.get(name) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            message = f"got {got}; allowed is either change or status beside an entity"
            report.error(event.path, "one_of", message)
    status = event.text("status")
    if status is not None:
        _tell(event.at("status"), "status", report, lambda: EntityStatus.of("status", status))


def _check_schedule(schedule: Part, root: Part, report: Report) -> None:
    tenant_id = schedule.text("tenant_id")
    if tenant_id is not None:
        path = schedule.at("tenant_id")
        _tell(path, "bad_name", report, lambda: check_name("tenant_id", tenant_id))
    zone = schedule.text("time_zone") or "UTC"
    is_zone = _tell(
        schedule.at("time_zone"), "time_zone", report, lambda: zone_of("time_zone", zone)
    )
    # What else is wrong with these, and with its other fields, is told as of any part.
    said = {
        name: schedule.value[name]
        for name, of in (("cron", str), ("every", str), ("input", dict))
        if isinstance(schedule.value.get(name), of)
    }
    if is_zone:
        said["time_zone"] = zone
    try:
        ScheduleTerms("any", **said)
    except InvalidInput as error:
        path = schedule.at(error.field) if error.field in said else schedule.path
        report.error(path, "schedule", f"got {error.given}; {error.allowed}")
    _check_input_of_schedule(schedule, root, report)
    cron = schedule.text("cron")
    if cron is not None and is_zone:
        from trellis_process.definitions.calendar import Calendar

        _tell(schedule.at("cron"), "cron", report, lambda: Calendar().cron(cron, zone))


def _check_input_of_schedule(schedule: Part, root: Part, report: Report) -> None:
    """Finds values that the definition does not take; their names are looked at elsewhere."""
    given, declared = schedule.value.get("input", {}), root.value.get("inputs", {})
    if not isinstance(given, dict) or not isinstance(declared, dict):
        return
    try:
        schema = schema_of(declared)
    except InvalidInput:
        return  # which is told where the inputs are declared
    known = declared_names(declared)
    if set(schema.get("required", [])) - set(given) or (known and set(given) - set(known)):
        return
    _tell(schedule.at("input"), "input", report, lambda: check_input(schema, given))


def _check_inputs(trigger: Part, root: Part, report: Report) -> None:
    """Finds what a trigger gives that nobody takes, and what it has to give and does not."""
    schedule = trigger.value.get("schedule")
    if isinstance(schedule, dict):
        given, at = schedule.get("input"), (*trigger.at("schedule"), "input")
        if trigger.value.get("inputs") is not None:
            message = "they belong to an event or a signal; a schedule has an input of its own"
            report.error(trigger.at("inputs"), "not_allowed", message)
    else:
        given, at = trigger.value.get("inputs"), trigger.at("inputs")
    declared = root.value.get("inputs")
    if not isinstance(declared, dict) or not isinstance(given, dict | None):
        return
    given, known = given or {}, declared_names(declared)
    for name in given if known is not None else ():
        assert known is not None
        if name not in known:
            _refuse_unknown((*at, name), "input", name, known, report)
    try:
        required = schema_of(declared).get("required", [])
    except InvalidInput:
        return  # which is told of the inputs
    for name in required:
        if name not in given:
            report.error((*at, name), "missing", "it is missing; a process is not started without")


def _check_once(outline: Outline, report: Report) -> None:
    """Finds events that start a process twice, and schedules that are one to their tenant."""
    first: dict[tuple[object, ...], Part] = {}
    triggers = [(part, name, part.text(name)) for part in outline.all_of(Trigger) for name in _WHAT]
    schedules = [
        (part, "name", (part.text("tenant_id"), part.text("name")))
        for part in outline.all_of(ScheduleTrigger)
        if part.text("name") is not None
    ]
    for part, name, value in (*triggers, *schedules):
        before = first.setdefault((part.of, name, value), part)
        if value is not None and before is not part:
            noun = (
                "schedule of that tenant" if part.of is ScheduleTrigger else f"trigger for {name}"
            )
            where = report.where(before.at(name))
            message = f"a second {noun} {part.text(name)!r}; the first one is {where}"
            report.error(part.at(name), "duplicate_name", message)


def _check_events_named(outline: Outline, report: Report) -> None:
    known = list(_names(outline.all_of(EventDefinition)))
    for part in outline.all_of(Trigger, Reaction):
        name = part.text("event")
        if name is not None and name not in known:
            _refuse_unknown(part.at("event"), "event", name, known, report)


def _check_timers(outline: Outline, report: Report) -> None:
    known = list(dict.fromkeys(_names(outline.all_of(TimerSetting))))
    for reaction in outline.all_of(Reaction):
        name = reaction.text("timer")
        if name is not None and name not in known:
            _refuse_unknown(reaction.at("timer"), "timer", name, known, report)
        cancelled = reaction.value.get("cancel_timers")
        for place, each in enumerate(cancelled if isinstance(cancelled, list) else ()):
            if isinstance(each, str) and each not in known:
                path = (*reaction.at("cancel_timers"), place)
                _refuse_unknown(path, "timer", each, known, report)
    for timer in outline.all_of(TimerSetting):
        span = timer.text("after")
        if span is not None:
            _tell_span(timer.at("after"), span, report)


def _tell_span(path: Path, span: str, report: Report) -> None:
    _tell(path, "duration", report, lambda: CalendarSpan.of("after", span))


def _check_effects(reaction: Part, root: Part, report: Report) -> None:
    if not any(reaction.value.get(name) for name in EFFECTS):
        report.error(reaction.path, "empty", f"it does nothing; allowed are {', '.join(EFFECTS)}")
    known = declared_names(root.value.get("data"))
    written = reaction.value.get("set")
    for name in written if isinstance(written, dict) and known is not None else ():
        assert known is not None
        if name not in known:
            _refuse_unknown((*reaction.at("set"), name), "field of the data", name, known, report)


def _find_what_is_for_nothing(outline: Outline, report: Report) -> None:
    used = {part.text("event") for part in outline.all_of(Trigger, Reaction)}
    for event in outline.all_of(EventDefinition):
        if event.text("name") not in used:
            message = "no trigger and no reaction names it"
            report.warn(event.path, "unused", message)
    rung = {part.text("timer") for part in outline.all_of(Reaction)}
    for timer in outline.all_of(TimerSetting):
        if timer.text("name") not in rung:
            report.warn(timer.path, "unused", "no reaction follows when it rings")
    root = outline.root.value
    for name in EXPRESSIONS_BY_NAME if not root.get("reactions") else ():
        if root.get(name):
            report.warn((name,), "unused", "there are no reactions, so nothing looks at them")
    ends = ("steps", "ends_when", "timeout")
    if root.get("reactions") and not any(root.get(name) for name in ends):
        message = "nothing ends a process: it has no steps, no ends_when and no timeout"
        report.warn((), "no_end", message)


def _names(parts: Iterator[Part]) -> Iterator[str]:
    for part in parts:
        if (name := part.text("name")) is not None:
            yield name


def _refuse_unknown(
    path: Path, noun: str, given: str, known: Collection[str], report: Report
) -> None:
    near = report.near(given, known)
    allowed = near or (f"; there are {listed(known)}" if known else "; there are none")
    report.error(path, "unknown_reference", f"no {noun} {given!r}{allowed}")


def _tell(path: Path, code: str, report: Report, check: Callable[[], Any]) -> bool:
    """Puts a refusal of the domain where the value stands; whether there was none."""
    try:
        check()
    except InvalidInput as error:
        report.error(path, code, f"got {error.given}; {error.allowed}")
        return False
    return True
