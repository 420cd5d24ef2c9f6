"""Where steps lead: to steps that there are, so that each is reached, and what follows by list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trellis_process.definitions.finding import Path
from trellis_process.definitions.parts import Outline, Part, StepList
from trellis_process.definitions.report import Report, listed
from trellis_process.domain.definition.process_definition import Compensation
from trellis_process.domain.definition.steps import (
    COMPLETE,
    FAIL,
    ConditionStep,
    HumanTaskStep,
    Outcome,
    Transition,
)

_ENDS = (COMPLETE, FAIL)


@dataclass(frozen=True)
class Way:
    """One way out of a step that its document spells out."""

    path: Path
    target: str


def ways_of(step: Part, outline: Outline) -> Iterator[Way]:
    """The ways out of a step that are spelled out, in their order."""
    for name in ("on_true", "on_false", "on_success", "on_failure"):
        if (target := step.text(name)) is not None:
            yield Way(step.at(name), target)
    for part in _of_step(step, outline, Transition):
        if (target := part.text("to")) is not None:
            yield Way(part.at("to"), target)
    for part in _of_step(step, outline, Outcome):
        if (target := part.text("goto")) is not None:
            yield Way(part.at("goto"), target)


def _of_step(step: Part, outline: Outline, of: type) -> Iterator[Part]:
    field, inside = ("transitions", step.value) if of is Transition else ("outcomes", None)
    path = step.path
    if of is Outcome:
        path, inside = step.at("human_task"), step.value.get("human_task")
    members = inside.get(field) if isinstance(inside, dict) else None
    for place in range(len(members) if isinstance(members, list) else 0):
        part = outline.parts.get((*path, field, place))
        if part is not None:
            yield part


def check_targets(outline: Outline, report: Report) -> None:
    """Finds targets that are no step of the same list, and compensations that there are not."""
    everywhere = {step.text("name"): step for step in outline.steps}
    for steps in outline.lists:
        here = dict.fromkeys(
            name for step in steps.steps if (name := step.text("name")) is not None
        )
        for step in steps.steps:
            for way in ways_of(step, outline):
                if way.target in here or way.target in _ENDS:
                    continue
                if way.target in everywhere:
                    where = report.where(everywhere[way.target].path)
                    message = f"step {way.target!r} is in another list of steps ({where})"
                    message += "; a way leads to a step of the same list"
                    report.error(way.path, "target_elsewhere", message)
                else:
                    near = report.near(way.target, (*here, *_ENDS))
                    allowed = near or f"; allowed are {listed((*_ENDS, *here))}"
                    report.error(way.path, "unknown_target", f"no step {way.target!r}{allowed}")
    known = dict.fromkeys(
        name for part in outline.all_of(Compensation) if (name := part.text("name")) is not None
    )
    for step in outline.steps:
        name = step.text("compensate_with")
        if name is not None and name not in known:
            near = report.near(name, known)
            allowed = near or (f"; there are {listed(known)}" if known else "; there are none")
            path = step.at("compensate_with")
            report.error(path, "unknown_compensation", f"no compensation {name!r}{allowed}")


def check_services(outline: Outline, report: Report, known: frozenset[str]) -> None:
    """Finds services that nobody has."""
    for part in outline.parts.values():
        name = part.text("service") if "service" in part.value else None
        if name is not None and name not in known:
            near = report.near(name, known) or f"; known are {listed(sorted(known))}"
            report.error(part.at("service"), "unknown_service", f"no service {name!r}{near}")


def check_transitions(outline: Outline, report: Report) -> None:
    """Finds transitions that cannot be taken, and what cannot be beside them."""
    for step in outline.steps:
        transitions = list(_of_step(step, outline, Transition))
        if transitions and step.value.get("on_success") is not None:
            message = "transitions are tried in its place; leave one of the two out"
            report.error(step.at("on_success"), "transitions", message)
        for part in transitions[:-1]:
            if part.value.get("when") is None:
                message = "it has no condition, so those after it are never tried; put it last"
                report.error(part.path, "transitions", message)


def check_reached(outline: Outline, report: Report) -> None:
    """Finds steps that nothing leads to."""
    for steps in outline.lists:
        reached = _reached(steps, outline, report)
        for position, step in enumerate(steps.steps):
            if position not in reached:
                name = step.text("name")
                before = steps.steps[position - 1].text("name")
                message = f"nothing leads to step {name!r}: {before!r} goes elsewhere, "
                message += "and no way out of a step that is reached names it"
                report.error(step.path, "unreachable", message)


def _reached(steps: StepList, outline: Outline, report: Report) -> set[int]:
    # One mistake is one error: a misspelt way leads to what it is most like, and where two steps
    # share a name a way leads to both.
    places: dict[str, list[int]] = {}
    for place, step in enumerate(steps.steps):
        if (name := step.text("name")) is not None:
            places.setdefault(name, []).append(place)
    known = (*places, *_ENDS)
    reached: set[int] = set()
    todo = [0] if steps.steps else []
    while todo:
        place = todo.pop()
        if place in reached or place >= len(steps.steps):
            continue
        reached.add(place)
        step = steps.steps[place]
        for way in ways_of(step, outline):
            target: str | None = way.target
            if target not in places and target not in _ENDS:
                target = report.nearest(target, known)
            todo += places.get(target or "", ())
        if goes_on(step, outline):
            todo.append(place + 1)
    return reached


def goes_on(step: Part, outline: Outline) -> bool:
    """Whether a step that succeeds may go on to the next of its list, without saying so."""
    if step.value.get("on_success") is not None or step.value.get("transitions"):
        return False
    if step.of is ConditionStep:
        return step.value.get("on_true") is None or step.value.get("on_false") is None
    if step.of is HumanTaskStep:
        outcomes = list(_of_step(step, outline, Outcome))
        return not outcomes or any(each.value.get("goto") is None for each in outcomes)
    return True
