"""The kinds of steps that a definition is made of, each a constructor that reads like its YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from trellis_process.domain.definition.duration import Duration
from trellis_process.domain.definition.retry import RETRY, Retry
from trellis_process.domain.definition.sla import Sla

Expression: TypeAlias = str
"""CEL over ``input``, ``steps.<name>.output``, ``data``, ``event`` and ``process``."""

Inputs: TypeAlias = Mapping[str, Any]
"""What something is given, by name: text is an expression, also inside of lists and objects, and
any other value stands for itself. Text that is meant as such is quoted once more: ``"'EUR'"``."""

Target: TypeAlias = str
"""The name of a step in the same list, ``complete`` or ``fail``."""

COMPLETE = (
    "complete"  # ends the list of steps with success, and where it is the outermost the process
)
FAIL = "fail"  # ends it without
TIMED_OUT = "timed_out"  # the outcome of a human task that nobody completed in time
COMPLETED = "completed"  # the outcome of one that declares none
USUAL_PRIORITY = 5

FORBID: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class Transition:
    """One of several ways on: taken if its condition is the first that holds."""

    __pydantic_config__: ClassVar = FORBID

    to: Target
    #: None for always.
    when: Expression | None = None


@dataclass(frozen=True, kw_only=True)
class Satisfies:
    """An outcome of a story that a step brings about."""

    __pydantic_config__: ClassVar = FORBID

    story: str
    outcome: str


@dataclass(frozen=True)
class StepDefinition:
    """What every kind of step has."""

    __pydantic_config__: ClassVar = FORBID

    #: Unique in the whole definition.
    name: str
    _: KW_ONLY
    title: str | None = None
    description: str | None = None
    #: Where it goes on; the next step of the list unless said.
    on_success: Target | None = None
    #: Where a failure leads; without it the process fails.
    on_failure: Target | None = None
    #: Ways on that are tried in order, in place of ``on_success``.
    transitions: tuple[Transition, ...] = ()
    #: How often it may be entered.
    max_visits: int = 100
    sla: Sla | None = None
    satisfies: tuple[Satisfies, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkStep(StepDefinition):
    """What steps have whose work is done by a service outside."""

    _: KW_ONLY
    #: How long one attempt may take.
    timeout: Duration | None = None
    retry: Retry = RETRY
    #: The compensation that undoes it.
    compensate_with: str | None = None
    #: The lower, the sooner, for whoever does the work: 0 to 9.
    priority: int = USUAL_PRIORITY


@dataclass(frozen=True)
class ServiceStep(WorkStep):
    """Work that a service does and reports."""

    _: KW_ONLY
    service: str
    inputs: Inputs = field(default_factory=dict)
    kind: Literal["service"] = "service"


@dataclass(frozen=True)
class SendStep(StepDefinition):
    """A message to a channel, sent with the write that completes the step."""

    _: KW_ONLY
    channel: str
    message: str
    inputs: Inputs = field(default_factory=dict)
    kind: Literal["send"] = "send"


@dataclass(frozen=True)
class WaitStep(StepDefinition):
    """Waits for a span, until a moment, or for a signal; exactly one of them."""

    _: KW_ONLY
    wait: Duration | None = None
    wait_duration_seconds: int | None = None
    #: A moment as text (RFC 3339), or a number of seconds since 1970.
    until: Expression | None = None
    wait_for_signal: str | None = None
    #: How long it waits for a signal at most; then the step has failed.
    timeout: Duration | None = None
    kind: Literal["wait"] = "wait"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One of the results that a person may choose."""

    __pydantic_config__: ClassVar = FORBID

    name: str
    label: str | None = None
    goto: Target | None = None


@dataclass(frozen=True, kw_only=True)
class HumanTask:
    """What a person is asked to do."""

    __pydantic_config__: ClassVar = FORBID

    #: Where it is shown: the name of a form or page.
    surface: str
    assignee_role: str | None = None
    #: Whose it is from the start: an expression that gives text.
    assignee: Expression | None = None
    due: Duration = "7d"
    outcomes: tuple[Outcome, ...] = ()
    #: After this long one event says so; the task stays open.
    escalate_after: Duration | None = None


@dataclass(frozen=True)
class HumanTaskStep(StepDefinition):
    """A person decides."""

    _: KW_ONLY
    human_task: HumanTask
    inputs: Inputs = field(default_factory=dict)
    compensate_with: str | None = None
    priority: int = USUAL_PRIORITY
    kind: Literal["human_task"] = "human_task"


@dataclass(frozen=True)
class SubprocessStep(StepDefinition):
    """A process of another definition, run to its end as a child; or with a key only started."""

    _: KW_ONLY
    subprocess: str
    #: Which version; the newest active one unless said.
    version: int | None = None
    inputs: Inputs = field(default_factory=dict)
    #: Names the process among those of its tenant: text. It is no child then; the step is completed
    #: when it has been started, or was there.
    key: Expression | None = None
    #: Whether the child goes on where this process is cancelled.
    abandon: bool = False
    timeout: Duration | None = None
    compensate_with: str | None = None
    kind: Literal["subprocess"] = "subprocess"


@dataclass(frozen=True)
class ConditionStep(StepDefinition):
    """Goes one way or the other, in the write that leads to it."""

    _: KW_ONLY
    condition: Expression
    on_true: Target | None = None
    on_false: Target | None = None
    kind: Literal["condition"] = "condition"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What is to become of one entity."""

    __pydantic_config__: ClassVar = FORBID

    action: Literal["create", "update", "delete"]
    entity: str
    #: Which one; a new one needs none.
    id: Expression | None = None
    set: Inputs = field(default_factory=dict)


@dataclass(frozen=True)
class SideEffectStep(StepDefinition):
    """Creates, updates or deletes entities, by commands sent with the write that completes it."""

    _: KW_ONLY
    effects: tuple[Effect, ...]
    compensate_with: str | None = None
    kind: Literal["side_effect"] = "side_effect"


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is asked of a named source; ``field__gt`` and its like compare."""

    __pydantic_config__: ClassVar = FORBID

    source: str
    filters: Inputs = field(default_factory=dict)
    #: A field's name; with ``-`` before it, the largest first.
    order_by: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class QueryStep(WorkStep):
    """Asks a source for rows, which are its output."""

    _: KW_ONLY
    query: Query
    kind: Literal["query"] = "query"


@dataclass(frozen=True, kw_only=True)
class LlmIntent:
    """What a model is asked to do, and the JSON Schema that its answer has to fit."""

    __pydantic_config__: ClassVar = FORBID

    intent: str
    model: str | None = None
    output_schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LlmIntentStep(WorkStep):
    """Runs a named intent of a model."""

    _: KW_ONLY
    llm_intent: LlmIntent
    inputs: Inputs = field(default_factory=dict)
    kind: Literal["llm_intent"] = "llm_intent"


@dataclass(frozen=True, kw_only=True)
class Branch:
    """One of the ways that a parallel step goes at once."""

    __pydantic_config__: ClassVar = FORBID

    name: str
    steps: tuple[AnyStep, ...]


@dataclass(frozen=True, kw_only=True)
class Parallel:
    """Branches side by side, and what the failure of one does to the others."""

    __pydantic_config__: ClassVar = FORBID

    branches: tuple[Branch, ...]
    on_any_failure: Literal["fail_fast", "wait_all", "rollback"] = "fail_fast"


@dataclass(frozen=True)
class ParallelStep(StepDefinition):
    """Branches that run side by side."""

    _: KW_ONLY
    parallel: Parallel
    kind: Literal["parallel"] = "parallel"


@dataclass(frozen=True, kw_only=True)
class ForEach:
    """The same steps for each item of a list; they see ``item`` and ``item_index``."""

    __pydantic_config__: ClassVar = FORBID

    items: Expression
    steps: tuple[AnyStep, ...]
    max_concurrency: int = 1
    #: Goes on, fails with the first, or tolerates so many: ``3`` or ``10%``.
    on_item_failure: Literal["continue", "fail"] | int | str = "continue"


@dataclass(frozen=True)
class ForEachStep(StepDefinition):
    """Does something for each item of a list."""

    _: KW_ONLY
    foreach: ForEach
    kind: Literal["foreach"] = "foreach"


AnyStep: TypeAlias = (
    ServiceStep
    | SendStep
    | WaitStep
    | HumanTaskStep
    | SubprocessStep
    | ConditionStep
    | SideEffectStep
    | QueryStep
    | LlmIntentStep
    | ParallelStep
    | ForEachStep
)
"""A step of any kind."""


def lists_inside(step: AnyStep) -> Iterator[tuple[AnyStep, ...]]:
    """The lists of steps that a step holds: the branches of a parallel one, a foreach's body."""
    if isinstance(step, ParallelStep):
        for branch in step.parallel.branches:
            yield branch.steps
    elif isinstance(step, ForEachStep):
        yield step.foreach.steps


def walk(steps: tuple[AnyStep, ...]) -> Iterator[AnyStep]:
    """Every step of a list and, after each, what is inside of it."""
    for step in steps:
        yield step
        for inside in lists_inside(step):
            yield from walk(inside)
