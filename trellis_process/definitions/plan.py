"""A plan: what a new version of a definition changes, in words, and what to mind before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from trellis_process.definitions.difference import ChangeKind, Difference, differences
from trellis_process.definitions.input_schema import schema_of
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
    WaitStep,
)
from trellis_process.domain.limits import JsonValue
from trellis_process.errors import shown

_ROUTES = ("on_success", "on_failure", "on_true", "on_false", "transitions", "goto")


#: What of a schema bounds values from below, and from above.
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


class Subject(StrEnum):
    """What a change is about, in the order of reading."""

    STEPS = "steps"
    ROUTES = "routes"
    INPUTS = "inputs"
    COMPENSATIONS = "compensations"
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


class RiskCode(StrEnum):
    """What to mind; for programs, and stable."""

    VERSION = "version"
    STEP_REMOVED = "step_removed"
    KIND_CHANGED = "kind_changed"
    INPUT_NEEDED = "input_needed"
    INPUT_REFUSED = "input_refused"
    INPUT_NARROWER = "input_narrower"
    COMPENSATION_REMOVED = "compensation_removed"
    OUTCOME_REMOVED = "outcome_removed"
    SIGNAL_CHANGED = "signal_changed"
    SERVICE_NEW = "service_new"
    OUTPUT_REMOVED = "output_removed"
    SEARCH_ATTRIBUTE_REMOVED = "search_attribute_removed"


@dataclass(frozen=True)
class Risk:
    """What may go wrong for somebody with the new version."""

    code: RiskCode
    about: str
    text: str
    #: The step where open processes of the version before may be; None where it is about none.
    step: str | None = None

    def __str__(self) -> str:
        return f"{self.about}: {self.text}"


@dataclass(frozen=True)
class Plan:
    """What the second version changes in the first."""

    before: ProcessDefinition
    after: ProcessDefinition
    changes: tuple[PlannedChange, ...]
    risks: tuple[Risk, ...]

    @property
    def is_empty(self) -> bool:
        """Whether both say the same."""
        return not self.changes

    def of(self, subject: Subject) -> list[PlannedChange]:
        """The changes about one subject."""
        return [each for each in self.changes if each.subject is subject]

    def as_json(self) -> dict[str, JsonValue]:
        """For programs, with each field that differs."""
        return {
            "process": self.after.process,
            "from": self.before.version,
            "to": self.after.version,
            "changes": [
                {"subject": each.subject.value, "about": each.about, "text": each.text}
                for each in self.changes
            ],
            "risks": [
                {
                    "code": each.code.value,
                    "about": each.about,
                    "text": each.text,
                    **({} if each.step is None else {"step": each.step}),
                }
                for each in self.risks
            ],
            "differences": [each.as_json() for each in differences(self.before, self.after)],
        }


def plan_of(before: ProcessDefinition, after: ProcessDefinition) -> Plan:
    """What a version changes in one before it, and what to mind."""
    changes = [
        *_steps(before, after),
        *_routes(before, after),
        *_fields(before, after),
    ]
    order = list(Subject)
    changes.sort(key=lambda each: order.index(each.subject))
    return Plan(before, after, tuple(changes), tuple(_risks(before, after)))


# -- Steps and what they say of themselves -----------------------------------------------------


def _steps(before: ProcessDefinition, after: ProcessDefinition) -> Iterator[PlannedChange]:
    old, new = _placed(before), _placed(after)
    for name, (step, where) in new.items():
        if name not in old:
            yield PlannedChange(Subject.STEPS, f"step {name}", f"new, {_what(step)}{where}")
    for name, (step, where) in old.items():
        if name not in new:
            yield PlannedChange(
                Subject.STEPS, f"step {name}", f"removed; it was {_what(step)}{where}"
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


def _what(step: AnyStep) -> str:
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
    found: dict[str, dict[str, str]] = {"": {"": definition.steps[0].name}}

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


def _fields(before: ProcessDefinition, after: ProcessDefinition) -> Iterator[PlannedChange]:
    for each in differences(before, after):
        root, _, rest = each.path.partition(".")
        if root == "steps":
            continue
        if root == "inputs":
            yield PlannedChange(Subject.INPUTS, "inputs", _said(rest or root, each))
        elif root == "compensations":
            yield from _of_compensation(rest, each)
        else:
            yield PlannedChange(Subject.REST, "definition", _said(each.path, each))


def _of_compensation(rest: str, each: Difference) -> Iterator[PlannedChange]:
    name, _, field = rest.partition(".")
    words = {ChangeKind.ADDED: "new", ChangeKind.REMOVED: "removed"}
    if field or each.change not in words:
        about = f"compensation {name}" if name else "compensations"
        yield PlannedChange(Subject.COMPENSATIONS, about, _said(field or "order", each))
        return
    told: Any = each.before if each.change is ChangeKind.REMOVED else each.after
    for one in [name] if name else [listed["name"] for listed in told]:
        yield PlannedChange(Subject.COMPENSATIONS, f"compensation {one}", words[each.change])


# -- What to mind ------------------------------------------------------------------------------


def _risks(before: ProcessDefinition, after: ProcessDefinition) -> Iterator[Risk]:
    if after.version <= before.version and differences(before, after):
        yield Risk(
            RiskCode.VERSION,
            f"version {after.version}",
            f"version {before.version} is there with other content, and never changes; "
            f"register this as {before.version + 1}",
        )
    old = {step.name: step for step in before.all_steps()}
    new = {step.name: step for step in after.all_steps()}
    yield from _risks_of_steps(before.version, old, new)
    yield from _risks_of_inputs(before, after)
    for name in before.outputs:
        if name not in after.outputs:
            yield Risk(
                RiskCode.OUTPUT_REMOVED,
                f"output {name}",
                "it is not there any more; parents and consumers of ProcessCompleted may read it",
            )
    for name in before.search_attributes:
        if name not in after.search_attributes:
            yield Risk(
                RiskCode.SEARCH_ATTRIBUTE_REMOVED,
                f"search attribute {name}",
                "new processes are not found by it any more",
            )
    known = {_service_of(step) for step in old.values()} | {
        each.service for each in before.compensations
    }
    added = {_service_of(step) for step in new.values()} | {
        each.service for each in after.compensations
    }
    for service in sorted(each for each in added - known if each):
        yield Risk(
            RiskCode.SERVICE_NEW,
            f"service {service}",
            "nobody was asked for it before; deploy whoever does its work first",
        )


def _service_of(step: AnyStep) -> str:
    return step.service if isinstance(step, ServiceStep) else ""


def _risks_of_steps(
    version: int, old: Mapping[str, AnyStep], new: Mapping[str, AnyStep]
) -> Iterator[Risk]:
    keeps = f"processes of version {version} keep it to their end"
    for name, step in old.items():
        now = new.get(name)
        if now is None:
            yield Risk(
                RiskCode.STEP_REMOVED,
                f"step {name}",
                f"open processes may be at it, and {keeps}: leave running what does its work",
                name,
            )
            continue
        if now.kind != step.kind:
            yield Risk(
                RiskCode.KIND_CHANGED,
                f"step {name}",
                f"it is {_what(now)} now, and was {_what(step)}; {keeps}",
                name,
            )
        undone = getattr(step, "compensate_with", None)
        if undone is not None and getattr(now, "compensate_with", None) is None:
            yield Risk(
                RiskCode.COMPENSATION_REMOVED,
                f"step {name}",
                f"{undone} does not undo it any more where a new process fails",
                name,
            )
        if isinstance(step, HumanTaskStep) and isinstance(now, HumanTaskStep):
            left = {each.name for each in now.human_task.outcomes}
            for outcome in step.human_task.outcomes:
                if outcome.name not in left:
                    yield Risk(
                        RiskCode.OUTCOME_REMOVED,
                        f"step {name}",
                        f"outcome {outcome.name} is refused for new processes, and {keeps}: "
                        f"the surface {step.human_task.surface} has to show what each task says",
                        name,
                    )
        if isinstance(step, WaitStep) and isinstance(now, WaitStep):
            waited = step.wait_for_signal
            if waited is not None and waited != now.wait_for_signal:
                yield Risk(
                    RiskCode.SIGNAL_CHANGED,
                    f"step {name}",
                    f"signal {waited} wakes new processes no more, and {keeps}: send both",
                    name,
                )


def _risks_of_inputs(before: ProcessDefinition, after: ProcessDefinition) -> Iterator[Risk]:
    old, new = schema_of(before.inputs), schema_of(after.inputs)
    was, now = old.get("properties", {}), new.get("properties", {})
    whose = "whoever starts it by name without a version"
    for name in new.get("required", ()):
        if name not in old.get("required", ()):
            text = f"it has to be given now; {whose} has to give it first"
            yield Risk(RiskCode.INPUT_NEEDED, f"input {name}", text)
    closed = new.get("additionalProperties", True) is False
    for name in was:
        if name not in now and closed:
            text = f"it is refused now; {whose} has to leave it out first"
            yield Risk(RiskCode.INPUT_REFUSED, f"input {name}", text)
        elif name in now and (why := _narrower(was[name], now[name])):
            yield Risk(RiskCode.INPUT_NARROWER, f"input {name}", f"{why}; {whose} may be refused")


def _narrower(was: Any, now: Any) -> str:
    """How a schema takes less than it did, as far as that is plain; nothing where it does not."""
    if not isinstance(was, dict) or not isinstance(now, dict):
        return ""
    types, left = _types(was), _types(now)
    if left is not None and (types is None or not types <= left):
        return f"only {' or '.join(sorted(left))} is taken now"
    if "enum" in now:
        gone = [each for each in was.get("enum", ()) if each not in now["enum"]]
        if "enum" not in was:
            return f"only {', '.join(map(shown, now['enum']))} are taken now"
        if gone:
            return f"{', '.join(map(shown, gone))} is not taken any more"
    for field in now:
        is_least, is_most = field in _LEAST, field in _MOST
        if (is_least or is_most) and (
            field not in was
            or (is_least and now[field] > was[field])
            or (is_most and now[field] < was[field])
        ):
            return f"{field} is {now[field]} now"
    if "pattern" in now and now["pattern"] != was.get("pattern"):
        return "the pattern is another"
    return ""


def _types(schema: Mapping[str, Any]) -> set[str] | None:
    """The types that a schema takes; None for any."""
    told = schema.get("type")
    if told is None:
        return None
    types = set(told) if isinstance(told, list) else {told}
    return types | {"integer"} if "number" in types else types
