"""Risks: what to mind before a new version of a definition is registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from trellis_process.definitions.difference import differences
from trellis_process.definitions.input_schema import schema_of
from trellis_process.definitions.planned_changes import kind_in_words
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    AnyStep,
    HumanTaskStep,
    ServiceStep,
    WaitStep,
)
from trellis_process.errors import shown

#: What of a schema bounds values from below, and from above.
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


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


def risks_of(before: ProcessDefinition, after: ProcessDefinition) -> Iterator[Risk]:
    """What to mind before a version comes after another."""
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
                f"it is {kind_in_words(now)} now, and was {kind_in_words(step)}; {keeps}",
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
