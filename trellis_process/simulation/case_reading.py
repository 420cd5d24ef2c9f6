"""Reads cases: a list in YAML or JSON, of which everything that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

from trellis_process.definitions.document import Document
from trellis_process.definitions.finding import Path
from trellis_process.definitions.input_schema import check_input, declared_names, schema_of
from trellis_process.definitions.report import Report, listed
from trellis_process.domain.calendar_span import CalendarSpan
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.reactions import EventDefinition
from trellis_process.domain.engine.correlation import pattern_of
from trellis_process.domain.event_pattern import matches
from trellis_process.domain.time import moment_from
from trellis_process.errors import InvalidDefinition, InvalidInput, shown
from trellis_process.simulation.case import OTHER_ENDINGS, REFUSALS, Case, CaseEvent, Expected
from trellis_process.simulation.case_run import is_moment

_Types: TypeAlias = tuple[type, ...]
_Fields: TypeAlias = Mapping[str, _Types]

_TEXT: _Types = (str,)
_MAPPING: _Types = (dict,)
_LIST: _Types = (list,)
CASE: _Fields = {
    "name": _TEXT,
    "input": _MAPPING,
    "start": _TEXT,
    "given": _LIST,
    "when": _MAPPING,
    "then": _MAPPING,
}
EVENT: _Fields = {
    "event": _TEXT,
    "at": _TEXT,
    "detail": _MAPPING,
    "id": _TEXT,
    "source": _TEXT,
    "detail-type": _TEXT,
}
WHEN: _Fields = {"timer": _TEXT, **EVENT}
THEN: _Fields = {
    "sends": _LIST,
    "sets_timers": _MAPPING,
    "cancels_timers": _LIST,
    "data": _MAPPING,
    "ended": (str, type(None)),
    "refused": _TEXT,
}
SENT: _Fields = {"channel": _TEXT, "message": _TEXT, "payload": (object,)}
_WORDS: Mapping[_Types, str] = {_TEXT: "text", _MAPPING: "a mapping", _LIST: "a list"}
_EMPTY: Mapping[str, Any] = {}


def read_cases(document: Document, definition: ProcessDefinition) -> list[Case]:
    """The cases of a definition. Raises InvalidDefinition with all that is wrong, and where."""
    report = Report(document)
    cases: list[Case] = []
    if not isinstance(document.value, list):
        report.error((), "wrong_type", f"got {shown(document.value)}; allowed is a list of cases")
    else:
        reader = _Reader(definition, report)
        cases = [reader.case((place,), each) for place, each in enumerate(document.value)]
        reader.check_names(cases)
    if report.has_errors:
        raise InvalidDefinition(report.findings())
    return cases


class _Reader:
    """Reads on where something is wrong, so that the rest is told as well."""

    def __init__(self, definition: ProcessDefinition, report: Report) -> None:
        self._definition = definition
        self._report = report
        self._events = {each.name: each for each in definition.events}
        reactions = definition.reactions
        self._timers = {each.name for reaction in reactions for each in reaction.set_timers}
        self._sent = {(each.channel, each.message) for one in reactions for each in one.send}

    def case(self, path: Path, value: Any) -> Case:
        """One case."""
        value = self._fields(path, value, CASE, needed=("name", "when", "then"))
        events = value.get("given", [])
        if "start" in value:
            self._moment((*path, "start"), value["start"])
        if "input" in value:
            self._input((*path, "input"), value["input"])
        return Case(
            name=value.get("name", ""),
            path=path,
            input=value.get("input"),
            start=value.get("start"),
            given=tuple(
                self._event((*path, "given", place), each, EVENT)
                for place, each in enumerate(events)
            ),
            when=self._event((*path, "when"), value["when"], WHEN)
            if "when" in value
            else CaseEvent(path=path),
            then=self._then((*path, "then"), value["then"])
            if "then" in value
            else Expected(said=frozenset()),
        )

    def check_names(self, cases: Sequence[Case]) -> None:
        """Each case has a name of its own."""
        first: dict[str, Case] = {}
        for case in cases:
            before = first.setdefault(case.name, case)
            if before is not case and case.name:
                where = self._report.where((*before.path, "name"))
                message = f"a second case {case.name!r}; the first one is {where}"
                self._report.error((*case.path, "name"), "duplicate_name", message)

    # -- Events and timers -------------------------------------------------------------------

    def _event(self, path: Path, value: Any, known: _Fields) -> CaseEvent:
        value = self._fields(path, value, known)
        name, timer, at = value.get("event"), value.get("timer"), value.get("at")
        if (name is None) == (timer is None):
            allowed = "event or timer" if "timer" in known else "the name of an event"
            got = "both" if name else "none"
            self._report.error(path, "one_of", f"got {got}; allowed is {allowed}")
        if timer is not None:
            self._known((*path, "timer"), "timer", timer, self._timers)
            for beside in value:
                if beside not in ("timer", "event"):
                    message = "it belongs to an event; a timer rings when it is due"
                    self._report.error((*path, beside), "not_allowed", message)
        if at is not None:
            self._span((*path, "at"), at)
        event: Mapping[str, Any] = _EMPTY
        if name is not None and self._known((*path, "event"), "event", name, self._events):
            event = self._filled(path, self._events[name], value)
        return CaseEvent(path=path, event=name, timer=timer, at=at, value=event)

    def _filled(
        self, path: Path, defined: EventDefinition, value: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """The whole event, with what the pattern leaves no choice about."""
        told = {each: value[each] for each in ("detail", "source", "detail-type") if each in value}
        place = "-".join(str(each) for each in path)
        event = {"id": value.get("id", f"event-{place}"), "detail": {}} | deepcopy(told)
        pattern = pattern_of(defined)
        _fill(event, pattern)
        if not matches(pattern, event):
            message = f"the pattern of event {defined.name!r} does not know it: {shown(event)}"
            self._report.error(path, "pattern", message)
        return event

    # -- What is to come of it ---------------------------------------------------------------

    def _then(self, path: Path, value: Any) -> Expected:
        value = self._fields(path, value, THEN)
        if not value:
            self._report.error(path, "empty", f"it is empty; allowed are {listed(tuple(THEN))}")
        definition = self._definition
        for name, due in value.get("sets_timers", _EMPTY).items():
            at = (*path, "sets_timers", name)
            if self._known(at, "timer", name, self._timers):
                self._due(at, due)
        for place, name in enumerate(value.get("cancels_timers", ())):
            self._known((*path, "cancels_timers", place), "timer", name, self._timers)
        fields = declared_names(definition.data)
        for name in value.get("data", _EMPTY) if fields is not None else ():
            self._known((*path, "data", name), "field of the data", name, fields or ())
        if value.get("ended") is not None:
            endings = (*definition.ends_when, *OTHER_ENDINGS)
            self._known((*path, "ended"), "ending", value["ended"], endings)
        if "refused" in value:
            reasons = (*definition.constraints, *definition.invariants, *REFUSALS)
            noun = "constraint or invariant"
            self._known((*path, "refused"), noun, value["refused"], reasons)
        sends = [
            self._send((*path, "sends", place), each)
            for place, each in enumerate(value.get("sends", ()))
        ]
        return Expected(said=frozenset(value), **{**value, "sends": tuple(sends)})

    def _send(self, path: Path, given: Any) -> dict[str, Any]:
        value: dict[str, Any] = self._fields(path, given, SENT, needed=("channel", "message"))
        channel, message = value.get("channel"), value.get("message")
        if channel is not None and self._known(
            (*path, "channel"), "channel of a reaction", channel, {one for one, _ in self._sent}
        ):
            known = {told for to, told in self._sent if to == channel}
            self._known((*path, "message"), f"message to {channel!r}", message, known)
        return value

    # -- Single values -----------------------------------------------------------------------

    def _fields(
        self, path: Path, value: Any, known: _Fields, *, needed: Collection[str] = ()
    ) -> dict[str, Any]:
        """The fields of a mapping that are as they have to be."""
        if not isinstance(value, Mapping):
            allowed = f"allowed is a mapping with {listed(tuple(known))}"
            self._report.error(path, "wrong_type", f"got {shown(value)}; {allowed}")
            return {}
        return dict(self._sound_fields(path, value, known, needed))

    def _sound_fields(
        self, path: Path, value: Mapping[str, Any], known: _Fields, needed: Collection[str]
    ) -> Iterator[tuple[str, Any]]:
        for name in needed:
            if name not in value:
                self._report.error((*path, name), "missing", "it is missing; it has to be there")
        for name, each in value.items():
            if name not in known:
                near = self._report.near(name, known) or f"; allowed are {listed(tuple(known))}"
                message = f"there is no such field{near}"
                self._report.error((*path, name), "unknown_field", message, of_key=True)
            elif not isinstance(each, known[name]):
                allowed = _WORDS.get(known[name], "text, or null for still open")
                message = f"got {shown(each)}; allowed is {allowed}"
                self._report.error((*path, name), "wrong_type", message)
            else:
                yield name, each

    def _known(self, path: Path, noun: str, given: Any, known: Collection[str]) -> bool:
        if given in known:
            return True
        near = self._report.near(given, known)
        allowed = near or (f"; there are {listed(tuple(known))}" if known else "; there are none")
        self._report.error(path, "unknown_reference", f"no {noun} {given!r}{allowed}")
        return False

    def _span(self, path: Path, text: str) -> None:
        try:
            CalendarSpan.of("at", text)
        except InvalidInput as error:
            self._report.error(path, "duration", f"got {error.given}; {error.allowed}")

    def _moment(self, path: Path, text: str) -> None:
        try:
            moment_from(text)
        except ValueError as error:
            allowed = f"allowed is a moment such as 2027-01-31T09:00:00Z ({error})"
            self._report.error(path, "moment", f"got {shown(text)}; {allowed}")

    def _due(self, path: Path, text: Any) -> None:
        """A span or a moment, by how it begins."""
        if is_moment(text):
            self._moment(path, text)
        else:
            self._span(path, text)

    def _input(self, path: Path, value: Mapping[str, Any]) -> None:
        try:
            check_input(schema_of(self._definition.inputs), deepcopy(dict(value)))
        except InvalidInput as error:
            message = f"{error.field}: got {error.given}; {error.allowed}"
            self._report.error(path, "input", message)


def _fill(event: dict[str, Any], pattern: Mapping[str, Any]) -> None:
    """Adds what a pattern takes one plain value for."""
    for name, wanted in pattern.items():
        if isinstance(wanted, Mapping):
            inside = event.setdefault(name, {})
            if isinstance(inside, dict):
                _fill(inside, wanted)
        elif isinstance(wanted, list) and len(wanted) == 1 and not isinstance(wanted[0], dict):
            event.setdefault(name, wanted[0])
