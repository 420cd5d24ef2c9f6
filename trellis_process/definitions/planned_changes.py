"""What a new version of a definition changes, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from trellis_process.definitions.difference import ChangeKind, Difference, by_name, differences
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    COMPLETE,
    AnyStep,
    Branch,
    ConditionStep,
    ForEachStep,
    HumanTaskStep,
    ParallelStep,
    SendStep,
    ServiceStep,
    SubprocessStep,
)
from trellis_process.errors import shown

_ROUTES = ("on_success", "on_failure", "on_true", "on_false", "transitions", "goto")


class Subject(StrEnum):
    """What a change is about, in the order of reading."""

    STEPS = "steps"
    ROUTES = "routes"
    INPUTS = "inputs"
    COMPENSATIONS = "compensations"
    REACTIONS = "events and reactions"
    REST = "the rest"


@dataclass(frozen=True)
class PlannedChange:
    """One thing that is not as it was."""

    subject: Subject
    #: What it is about: ``step pay``.
    about: str
    #: What becomes of it, in words.
    text: str

    def __str__(self) -> str:
        return f"{self.about}: {self.text}" if self.text else self.about


def changes_of(before: ProcessDefinition, after: ProcessDefinition) -> tuple[PlannedChange, ...]:
    """What a version changes in one before it, in the order of reading."""
    changes = [*_steps(before, after), *_routes(before, after), *_fields(before, after)]
    order = list(Subject)
    return tuple(sorted(changes, key=lambda each: order.index(each.subject)))


# -- Steps and what they say of themselves -----------------------------------------------------


def _steps(before: ProcessDefinition, after: ProcessDefinition) -> Iterator[PlannedChange]:
    old, new = _placed(before), _placed(after)
    for name, (step, where) in new.items():
        if name not in old:
            yield PlannedChange(Subject.STEPS, f"step {name}", f"new, {kind_in_words(step)}{where}")
    for name, (step, where) in old.items():
        if name not in new:
            yield PlannedChange(
                Subject.STEPS, f"step {name}", f"removed; it was {kind_in_words(step)}{where}"
            )
    for name, (step, where) in new.items():
        if name not in old:
            continue
        earlier, earlier_where = old[name]
        if where != earlier_where:
            yield PlannedChange(
                Subject.STEPS,
                f"step {name}",
                f"moved to {where.strip(', ') or 'the outermost list'}",
            )
        for each in differences(_alone(before, earlier), _alone(after, step)):
            field = each.path.removeprefix(f"steps.{name}").removeprefix(".")
            if field.split(".")[-1] in _ROUTES or _is_inside(step, field):
                continue
            yield PlannedChange(Subject.STEPS, f"step {name}", _said(field, each))


def _alone(definition: ProcessDefinition, step: AnyStep) -> ProcessDefinition:
    """A definition of that step and nothing else."""
    return ProcessDefinition(definition.process, version=definition.version, steps=(step,))


def _is_inside(step: AnyStep, field: str) -> bool:
    """Whether it is about a step inside of this one, which tells it itself."""
    if isinstance(step, ForEachStep):
        return field.startswith("foreach.steps")
    return isinstance(step, ParallelStep) and ".steps" in field


def _said(field: str, difference: Difference) -> str:
    """A field's change in words."""
    before, after = difference.before, difference.after
    owner, _, name = field.rpartition(".")
    if owner and isinstance(before or after, dict) and (before or after).get("name") == name:
        noun = {"outcomes": "outcome", "branches": "branch"}.get(owner.rpartition(".")[2], owner)
        if difference.change is ChangeKind.ADDED:
            return f"{noun} {name} is new"
        if difference.change is ChangeKind.REMOVED:
            return f"{noun} {name} is removed"
    if difference.change is ChangeKind.ADDED:
        return f"{field} is {shown(after)} now, and was not said"
    if difference.change is ChangeKind.REMOVED:
        return f"{field} is not said any more; it was {shown(before)}"
    if difference.change is ChangeKind.MOVED:
        return f"{field} stands elsewhere"
    return f"{field} is {shown(after)} now; it was {shown(before)}"


def _placed(definition: ProcessDefinition) -> dict[str, tuple[AnyStep, str]]:
    """Every step, and inside of which it stands."""
    found: dict[str, tuple[AnyStep, str]] = {}

    def place(steps: tuple[AnyStep, ...], where: str) -> None:
        for step in steps:
            found[step.name] = (step, where)
            if isinstance(step, ParallelStep):
                for branch in step.parallel.branches:
                    place(branch.steps, f", in branch {branch.name} of {step.name}")
            elif isinstance(step, ForEachStep):
                place(step.foreach.steps, f", for each item of {step.name}")

    place(definition.steps, "")
    return found


def kind_in_words(step: AnyStep) -> str:
    """Of what kind a step is, and whom or what it is about: ``a service of Payments.pay``."""
    article = "an" if step.kind[0] in "aeiou" else "a"
    detail = {
        ServiceStep: lambda: f" of {step.service}",  # type: ignore[union-attr]
        SubprocessStep: lambda: f" of {step.subprocess}",  # type: ignore[union-attr]
        SendStep: lambda: f" to {step.channel}",  # type: ignore[union-attr]
    }.get(type(step), lambda: "")()
    return f"{article} {step.kind.replace('_', ' ')}{detail}"


# -- Routes ------------------------------------------------------------------------------------


def _routes(before: ProcessDefinition, after: ProcessDefinition) -> Iterator[PlannedChange]:
    old, new = _ways(before), _ways(after)
    if old[""] != new[""]:
        text = f"it begins with {new['']['']} now; it was {old['']['']}"
        yield PlannedChange(Subject.ROUTES, "start", text)
    for name in new:
        if not name or name not in old or old[name] == new[name]:
            continue
        for way in dict.fromkeys([*old[name], *new[name]]):
            was, now = old[name].get(way), new[name].get(way)
            if was == now:
                continue
            said = f" {way}" if way else ""
            if now is None:
                text = f"leads no more to {was}{said}"
            elif was is None:
                text = f"leads to {now}{said} now"
            else:
                text = f"leads to {now}{said} now; it was {was}"
            yield PlannedChange(Subject.ROUTES, f"after {name}", text)


def _ways(definition: ProcessDefinition) -> dict[str, dict[str, str]]:
    """Where each step leads, by what has to be so; the beginning under an empty name."""
    begins_with = definition.steps[0].name if definition.steps else "no step"
    found: dict[str, dict[str, str]] = {"": {"": begins_with}}

    def follow(steps: tuple[AnyStep, ...], end: str) -> None:
        for place, step in enumerate(steps):
            following = steps[place + 1].name if place + 1 < len(steps) else end
            found[step.name] = _ways_of(step, following)
            if isinstance(step, ParallelStep):
                for branch in step.parallel.branches:
                    follow(branch.steps, _end_of(branch))
            elif isinstance(step, ForEachStep):
                follow(step.foreach.steps, "the next item")

    follow(definition.steps, COMPLETE)
    return found


def _end_of(branch: Branch) -> str:
    return f"the end of branch {branch.name}"


def _ways_of(step: AnyStep, following: str) -> dict[str, str]:
    usual = step.on_success or following
    ways: dict[str, str] = {}
    if isinstance(step, ConditionStep) and not step.transitions:
        ways = {
            "if its condition holds": step.on_true or usual,
            "otherwise": step.on_false or usual,
        }
    elif isinstance(step, HumanTaskStep) and step.human_task.outcomes and not step.transitions:
        ways = {f"by outcome {each.name}": each.goto or usual for each in step.human_task.outcomes}
    elif step.transitions:
        ways = {
            "otherwise" if each.when is None else f"if {each.when}": each.to
            for each in step.transitions
        }
    else:
        ways = {"": usual}
    if step.on_failure is not None:
        ways["on failure"] = step.on_failure
    return ways


# -- Everything else ---------------------------------------------------------------------------

#: The fields of a definition that hold named parts, and what one of these is called.
_NAMED = {
    "compensations": (Subject.COMPENSATIONS, "compensation"),
    "events": (Subject.REACTIONS, "event"),
    "triggers": (Subject.REACTIONS, "trigger"),
    "reactions": (Subject.REACTIONS, "reaction to"),
}


def _fields(before: ProcessDefinition, after: ProcessDefinition) -> Iterator[PlannedChange]:
    for each in differences(before, after):
        root, _, rest = each.path.partition(".")
        if root == "steps":
            continue
        if root == "inputs":
            yield from _of_input(rest, each)
        elif root in _NAMED:
            yield from _of_named(root, rest, each)
        else:
            yield PlannedChange(Subject.REST, "definition", _said(each.path, each))


def _of_input(rest: str, each: Difference) -> Iterator[PlannedChange]:
    if not rest or "." in rest or each.change not in (ChangeKind.ADDED, ChangeKind.REMOVED):
        yield PlannedChange(Subject.INPUTS, "inputs", _said(rest or "inputs", each))
    elif each.change is ChangeKind.ADDED:
        yield PlannedChange(Subject.INPUTS, f"input {rest}", f"new, {shown(each.after)}")
    else:
        text = f"removed; it was {shown(each.before)}"
        yield PlannedChange(Subject.INPUTS, f"input {rest}", text)


def _of_named(root: str, rest: str, each: Difference) -> Iterator[PlannedChange]:
    subject, noun = _NAMED[root]
    name, _, field = rest.partition(".")
    words = {ChangeKind.ADDED: "new", ChangeKind.REMOVED: "removed"}
    if field or each.change not in words:
        yield PlannedChange(
            subject, f"{noun} {name}" if name else root, _said(field or "order", each)
        )
        return
    told: Any = each.before if each.change is ChangeKind.REMOVED else each.after
    for one in [name] if name else by_name(told) or ():
        yield PlannedChange(subject, f"{noun} {one}", words[each.change])
