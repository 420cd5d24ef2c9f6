"""A definition as a flowchart in Mermaid's language, which code hosts and editors draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trellis_process.definitions.graph_labels import label, short
from trellis_process.definitions.graph_reactions import ReactionsChart
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import (
    COMPLETE,
    FAIL,
    AnyStep,
    ConditionStep,
    ForEachStep,
    HumanTaskStep,
    LlmIntentStep,
    ParallelStep,
    QueryStep,
    SendStep,
    ServiceStep,
    SideEffectStep,
    SubprocessStep,
    WaitStep,
    WorkStep,
)

#: How each kind looks, so that people and waits are seen at a glance.
_SHAPES: dict[type, tuple[str, str]] = {
    ServiceStep: ("[", "]"),
    SendStep: (">", "]"),
    WaitStep: ("([", "])"),
    HumanTaskStep: ("[/", "\\]"),
    SubprocessStep: ("[[", "]]"),
    ConditionStep: ("{", "}"),
    SideEffectStep: ("[(", ")]"),
    QueryStep: ("[/", "/]"),
    LlmIntentStep: ("{{", "}}"),
}
_STYLES = (
    "classDef end_ fill:#e8f5ec,stroke:#166534,color:#14532d",
    "classDef failed fill:#fdecec,stroke:#b91c1c,color:#7f1d1d",
    "classDef person fill:#fff7e0,stroke:#b45309,color:#451a03",
    "classDef waiting fill:#eef4ff,stroke:#1d4ed8,color:#172554",
    "classDef undo fill:#f6f6f6,stroke:#6b7280,color:#374151,stroke-dasharray:4 3",
)
_CLASSES: dict[type, str] = {HumanTaskStep: "person", WaitStep: "waiting"}


def mermaid(definition: ProcessDefinition) -> str:
    """The flowchart: kinds are told by shape, failures and what undoes a step by dashes."""
    return "\n".join(("flowchart TD", *_Chart(definition).lines())) + "\n"


class _Chart:
    def __init__(self, definition: ProcessDefinition) -> None:
        self._definition = definition
        self._services = {each.name: each.service for each in definition.compensations}
        self._edges: list[str] = []
        #: The ends that something leads to, by the list of steps that they end.
        self._ends: dict[str, list[str]] = {}

    def lines(self) -> Iterator[str]:
        definition = self._definition
        name = definition.title or definition.process
        version = f"version {definition.version}"
        yield f"  start([{label(name, version, _limit(definition.timeout))}])"
        yield from self._list(definition.steps, "", "  ")
        if definition.steps:
            yield f"  start --> {_id(definition.steps[0])}"
        yield from ReactionsChart(definition).lines()
        yield from (f"  {edge}" for edge in self._edges)
        yield "  class start end_"
        yield from (f"  {style}" for style in _STYLES)

    def _list(self, steps: tuple[AnyStep, ...], owner: str, indent: str) -> Iterator[str]:
        for place, step in enumerate(steps):
            yield from self._step(step, indent)
            yield from self._undo(step, indent)
            following = steps[place + 1] if place + 1 < len(steps) else None
            self._lead_on(step, following, owner)
        for end in self._ends.get(owner, ()):
            if end == COMPLETE:
                yield f"{indent}{_end(owner, end)}([{'completed' if not owner else 'done'}])"
                yield f"{indent}class {_end(owner, end)} end_"
            else:
                yield f"{indent}{_end(owner, end)}([failed])"
                yield f"{indent}class {_end(owner, end)} failed"

    def _step(self, step: AnyStep, indent: str) -> Iterator[str]:
        if isinstance(step, ParallelStep):
            rule = step.parallel.on_any_failure.replace("_", " ")
            yield f"{indent}subgraph {_id(step)} [{label(f'{_title(step)}: all at once, {rule}')}]"
            yield f"{indent}  direction TB"
            for branch in step.parallel.branches:
                inside = f"{_id(step)}__{branch.name}"
                yield f"{indent}  subgraph {inside} [{label(branch.name)}]"
                yield f"{indent}    direction TB"
                yield from self._list(branch.steps, inside, indent + "    ")
                yield f"{indent}  end"
            yield f"{indent}end"
        elif isinstance(step, ForEachStep):
            each = step.foreach
            told = f"for each of {short(each.items)}, {each.max_concurrency} at a time"
            yield f"{indent}subgraph {_id(step)} [{label(f'{_title(step)}: {told}')}]"
            yield f"{indent}  direction TB"
            yield from self._list(each.steps, _id(step), indent + "  ")
            yield f"{indent}end"
        else:
            opening, closing = _SHAPES[type(step)]
            yield f"{indent}{_id(step)}{opening}{label(_title(step), *_details(step))}{closing}"
            if type(step) in _CLASSES:
                yield f"{indent}class {_id(step)} {_CLASSES[type(step)]}"

    def _lead_on(self, step: AnyStep, following: AnyStep | None, owner: str) -> None:
        usual = step.on_success or (COMPLETE if following is None else following.name)
        said: list[tuple[str, str]] = []
        if step.transitions:
            said = [(each.to, each.when or "otherwise") for each in step.transitions]
        elif isinstance(step, ConditionStep):
            said = [(step.on_true or usual, "yes"), (step.on_false or usual, "no")]
        elif isinstance(step, HumanTaskStep) and step.human_task.outcomes:
            said = [
                (each.goto or usual, each.label or each.name) for each in step.human_task.outcomes
            ]
        # Where a list ends by itself, its frame says so; only the outermost has an end to show.
        elif usual != COMPLETE or not owner:
            said = [(usual, "")]
        for target, way in said:
            arrow = f"-->|{label(short(way))}|" if way else "-->"
            self._edges.append(f"{_id(step)} {arrow} {self._target(target, owner)}")
        if step.on_failure is not None:
            target = self._target(step.on_failure, owner)
            self._edges.append(f"{_id(step)} -. on failure .-> {target}")

    def _target(self, target: str, owner: str) -> str:
        if target not in (COMPLETE, FAIL):
            return f"s_{target}"
        ends = self._ends.setdefault(owner, [])
        if target not in ends:
            ends.append(target)
        return _end(owner, target)

    def _undo(self, step: AnyStep, indent: str) -> Iterator[str]:
        """What undoes a step, beside it: once for each, so that no line crosses a frame."""
        name = getattr(step, "compensate_with", None)
        if name is not None:
            service = self._services[name]
            yield f"{indent}c_{step.name}[{label(name, service)}]"
            yield f"{indent}class c_{step.name} undo"
            self._edges.append(f"{_id(step)} -. undone by .- c_{step.name}")


def _id(step: AnyStep) -> str:
    return f"s_{step.name}"  # for a step may be called ``end``, which Mermaid keeps for itself


def _end(owner: str, end: str) -> str:
    return f"{owner}__{end}" if owner else f"e_{end}"


def _title(step: AnyStep) -> str:
    return step.title or step.name


def _details(step: AnyStep) -> Iterable[str]:
    """What a step does, in a line or two."""
    if isinstance(step, ServiceStep):
        yield step.service
    elif isinstance(step, SendStep):
        yield f"{step.message} to {step.channel}"
    elif isinstance(step, WaitStep):
        yield _wait(step)
    elif isinstance(step, HumanTaskStep):
        task = step.human_task
        yield f"{task.assignee_role or 'somebody'}, due in {task.due}"
    elif isinstance(step, SubprocessStep):
        yield step.subprocess
    elif isinstance(step, ConditionStep):
        yield short(step.condition)
    elif isinstance(step, SideEffectStep):
        yield ", ".join(f"{each.action} {each.entity}" for each in step.effects)
    elif isinstance(step, QueryStep):
        yield f"asks {step.query.source}"
    elif isinstance(step, LlmIntentStep):
        yield f"model: {step.llm_intent.intent}"
    if isinstance(step, WorkStep):
        yield _limit(step.timeout, step.retry)


def _wait(step: WaitStep) -> str:
    if step.wait_for_signal is not None:
        return f"for signal {step.wait_for_signal}" + (
            f", {step.timeout} at most" if step.timeout else ""
        )
    if step.until is not None:
        return f"until {short(step.until)}"
    return f"for {step.wait or f'{step.wait_duration_seconds} s'}"


def _limit(timeout: str | None, retry: Retry | None = None) -> str:
    parts = [] if timeout is None else [f"{timeout} at most"]
    if retry is not None and retry.max_attempts > 1:
        parts.append(f"{retry.max_attempts} attempts")
    return ", ".join(parts)
