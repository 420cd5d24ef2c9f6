"""Whether single values of a document are within their limits: names, spans, numbers, texts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from trellis_process.definitions.finding import Path
from trellis_process.definitions.parts import Outline, Part
from trellis_process.definitions.report import Report
from trellis_process.definitions.shape import DURATIONS
from trellis_process.domain.definition.duration import span_of
from trellis_process.domain.definition.filters import (
    COMPARISONS,
    MAX_ROWS,
    check_written,
    split_filter,
    split_order,
)
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.reactions import (
    Command,
    EventDefinition,
    ScheduleTrigger,
    TimerSetting,
    Trigger,
)
from trellis_process.domain.definition.retry import MAX_ATTEMPTS
from trellis_process.domain.definition.sla import SlaTier
from trellis_process.domain.definition.steps import (
    COMPLETE,
    FAIL,
    Branch,
    Effect,
    ForEach,
    HumanTask,
    LlmIntent,
    Outcome,
    Query,
    SendStep,
    ServiceStep,
    StepDefinition,
    SubprocessStep,
    WaitStep,
    WorkStep,
)
from trellis_process.domain.limits import (
    MAX_CODE_CHARACTERS,
    MAX_TIMEOUT_MS,
    check_name,
    check_text,
    check_whole_number,
)
from trellis_process.errors import InvalidInput, shown

MAX_VERSION = 99_999
MAX_VISITS = 10_000
MAX_CONCURRENCY = 1_000
MAX_COEFFICIENT = 1_000
MAX_TITLE_CHARACTERS = 256
MAX_DESCRIPTION_CHARACTERS = 4_096

IDENTIFIER_PATTERN = r"^[A-Za-z][A-Za-z0-9_]{0,35}$"
_IDENTIFIER = re.compile(IDENTIFIER_PATTERN)
#: What CEL keeps for itself, so that ``steps.loop`` could not be read.
RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
        "while",
    ]
)
_OWN = "trellis."  # those that Trellis itself has

#: Names that expressions use, and what else they must not be.
IDENTIFIERS: dict[type, tuple[str, frozenset[str]]] = {
    StepDefinition: ("a step", frozenset((COMPLETE, FAIL))),
    Compensation: ("a compensation", frozenset()),
    Branch: ("a branch", frozenset()),
    Outcome: ("an outcome", frozenset()),
}
#: Names that others know: services, channels, signals.
NAMES: tuple[tuple[type, str], ...] = (
    (ProcessDefinition, "process"),
    (ServiceStep, "service"),
    (Compensation, "service"),
    (SendStep, "channel"),
    (SendStep, "message"),
    (WaitStep, "wait_for_signal"),
    (HumanTask, "surface"),
    (HumanTask, "assignee_role"),
    (SubprocessStep, "subprocess"),
    (Effect, "entity"),
    (Query, "source"),
    (LlmIntent, "intent"),
    (EventDefinition, "name"),
    (EventDefinition, "entity"),
    (EventDefinition, "completed"),
    (Trigger, "signal"),
    (ScheduleTrigger, "name"),
    (Command, "channel"),
    (Command, "message"),
    (TimerSetting, "name"),
)
NUMBERS: dict[str, tuple[int, int]] = {
    "version": (1, MAX_VERSION),
    "max_visits": (1, MAX_VISITS),
    "max_attempts": (1, MAX_ATTEMPTS),
    "priority": (0, 9),
    "limit": (1, MAX_ROWS),
    "max_concurrency": (1, MAX_CONCURRENCY),
    "wait_duration_seconds": (1, MAX_TIMEOUT_MS // 1_000),
}
TEXTS = {
    "title": MAX_TITLE_CHARACTERS,
    "label": MAX_TITLE_CHARACTERS,
    "story": MAX_TITLE_CHARACTERS,
    "outcome": MAX_TITLE_CHARACTERS,
    "model": MAX_TITLE_CHARACTERS,
    "order_by": MAX_TITLE_CHARACTERS,
    "description": MAX_DESCRIPTION_CHARACTERS,
}
LISTS_OF_TEXT = {
    "owners": MAX_TITLE_CHARACTERS,
    "tags": MAX_TITLE_CHARACTERS,
    "implements": MAX_TITLE_CHARACTERS,
    "retry_on": MAX_CODE_CHARACTERS,
    "fatal_on": MAX_CODE_CHARACTERS,
}
#: What has a name once, beside steps.
_ONCE = {
    Compensation: "compensation",
    Branch: "branch",
    Outcome: "outcome",
    SlaTier: "tier",
    EventDefinition: "event",
}
#: Lists that nothing could be done with if they were empty.
NOT_EMPTY = ("steps", "branches", "effects")

WAYS_TO_WAIT = ("wait", "wait_duration_seconds", "until", "wait_for_signal")
_SHARE = re.compile(r"(\d{1,3})%")


def check_values(outline: Outline, report: Report) -> None:
    """Finds values that are of the right type and yet not allowed."""
    for part in outline.parts.values():
        for name, value in part.value.items():
            _check_field(part, name, value, report)
        if part.of is Query:
            _check_query(part, report)
        elif part.of is ForEach:
            _check_item_failure(part, report)
    for of, name in NAMES:
        for part in outline.all_of(of):
            _check(part, name, report, check_name)
    for part in outline.all_of(ServiceStep, Compensation):
        service = part.text("service") or ""
        if service.startswith(_OWN):
            message = f"got {service!r}; names that begin with {_OWN} are Trellis's own"
            report.error(part.at("service"), "reserved_name", message)
    name = outline.root.text("process") or ""
    if name.startswith(_OWN):
        message = f"got {name!r}; names that begin with {_OWN} are Trellis's own"
        report.error(("process",), "reserved_name", message)
    for of, (noun, taken) in IDENTIFIERS.items():
        for part in outline.all_of(of):
            if (given := part.text("name")) is not None:
                check_identifier(noun, given, part.at("name"), report, taken)


def check_identifier(
    noun: str,
    name: str,
    path: Path,
    report: Report,
    taken: Collection[str] = (),
    *,
    key: bool = False,
) -> None:
    """A name that expressions may use."""
    if name in RESERVED or name in taken:
        reason = "expressions read it otherwise" if name in RESERVED else "it has a meaning already"
        message = f"{noun} cannot be called {name!r}, because {reason}"
        report.error(path, "reserved_name", message, of_key=key)
    elif not _IDENTIFIER.fullmatch(name):
        allowed = "allowed are up to 36 letters, digits and _, beginning with a letter"
        report.error(path, "bad_name", f"got {shown(name)}; {allowed}", of_key=key)


def _check_field(part: Part, name: str, value: Any, report: Report) -> None:
    path = part.at(name)
    if name in DURATIONS and isinstance(value, str):
        _tell(path, "duration", report, lambda: span_of(name, value))
    elif name in NUMBERS and isinstance(value, int) and not isinstance(value, bool):
        least, most = NUMBERS[name]
        _tell(path, "range", report, lambda: check_whole_number(name, value, least, most))
    elif name == "coefficient" and isinstance(value, int | float):
        if not 1 <= value <= MAX_COEFFICIENT:
            allowed = f"allowed is a number from 1 to {MAX_COEFFICIENT:,}"
            report.error(path, "range", f"got {shown(value)}; {allowed}")
    elif name in TEXTS and isinstance(value, str):
        _tell(path, "text", report, lambda: check_text(name, value, TEXTS[name]))
    elif name in LISTS_OF_TEXT and isinstance(value, list):
        for place, each in enumerate(value):
            if isinstance(each, str):
                _check_text_of_list((*path, place), each, LISTS_OF_TEXT[name], report)
    elif name in NOT_EMPTY and value == []:
        report.error(path, "empty", "it is empty; allowed is one at least")


def _check_text_of_list(path: Path, value: str, at_most: int, report: Report) -> None:
    _tell(path, "text", report, lambda: check_text("text", value, at_most))


def _check(part: Part, name: str, report: Report, check: Callable[[str, object], object]) -> None:
    value = part.text(name)
    if value is not None:
        _tell(part.at(name), "bad_name", report, lambda: check(name, value))


def _tell(path: Path, code: str, report: Report, check: Callable[[], object]) -> None:
    """Puts a refusal of the domain where the value stands."""
    try:
        check()
    except InvalidInput as error:
        report.error(path, code, f"got {error.given}; {error.allowed}")


def _check_query(query: Part, report: Report) -> None:
    order_by = query.text("order_by")
    if order_by is not None:
        _tell(query.at("order_by"), "bad_name", report, lambda: split_order(order_by))
    filters = query.value.get("filters")
    for name, value in filters.items() if isinstance(filters, dict) else ():
        _check_filter((*query.at("filters"), name), name, value, report)


def _check_filter(path: Path, name: str, value: Any, report: Report) -> None:
    try:
        _, comparison = split_filter(name)
    except InvalidInput as error:
        if error.field == "comparison":
            written = name.rpartition("__")[2]
            message = f"fields are not compared by {written!r}; {error.allowed}"
            message += report.near(written, COMPARISONS)
            report.error(path, "comparison", message, of_key=True)
        else:
            report.error(path, "bad_name", f"got {error.given}; {error.allowed}", of_key=True)
    else:
        _tell(path, "comparison", report, lambda: check_written(comparison, value))


def _check_item_failure(foreach: Part, report: Report) -> None:
    value = foreach.value.get("on_item_failure", "continue")
    if value in ("continue", "fail"):
        return
    share = _SHARE.fullmatch(value) if isinstance(value, str) else None
    is_share = share is not None and int(share[1]) <= 100
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000
    if isinstance(value, str | int) and not is_share and not is_count:
        allowed = "allowed are continue, fail, a number such as 3, or a share such as 10%"
        message = f"got {shown(value)}; {allowed}"
        report.error(foreach.at("on_item_failure"), "not_allowed", message)


def check_ways_to_wait(outline: Outline, report: Report) -> None:
    """Finds waits that wait for nothing, or for two things."""
    for step in outline.all_of(WaitStep):
        given = [way for way in WAYS_TO_WAIT if step.value.get(way) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            message = f"it waits in one of these ways: {', '.join(WAYS_TO_WAIT)}; got {got}"
            report.error(step.path, "wait_ways", message)


def check_timeouts(outline: Outline, report: Report) -> None:
    """Finds work without a timeout, where the definition demands one."""
    if outline.root.value.get("strict") is not True:
        return
    for part in _work(outline):
        if part.value.get("timeout") is None:
            message = "it has no timeout, and the definition is strict"
            report.error(part.at("timeout"), "no_timeout", message)


def _work(outline: Outline) -> Iterator[Part]:
    return outline.all_of(WorkStep, Compensation)


def check_names_once(outline: Outline, report: Report) -> None:
    """Finds names that are given twice."""
    _check_once(outline.steps, "step", report)
    for of, noun in _ONCE.items():
        _check_once(outline.all_of(of), noun, report)


def _check_once(parts: Iterable[Part], noun: str, report: Report) -> None:
    first: dict[tuple[Part | None, str], Part] = {}
    for part in parts:
        name = part.text("name")
        if name is None:
            continue
        # Steps have a name in the whole definition, the others in what they are parts of.
        before = first.setdefault((None if part.is_step else part.around, name), part)
        if before is not part:
            where = report.where(before.at("name"))
            message = f"a second {noun} {name!r}; the first one is {where}"
            report.error(part.at("name"), "duplicate_name", message)
