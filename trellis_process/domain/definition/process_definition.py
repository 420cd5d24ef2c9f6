"""A definition: an immutable, versioned description of a kind of process."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Literal

from trellis_process.domain.definition.duration import Duration
from trellis_process.domain.definition.reactions import (
    EventDefinition,
    Reaction,
    ScheduleTrigger,
    Trigger,
)
from trellis_process.domain.definition.retry import RETRY, Retry
from trellis_process.domain.definition.sla import Sla
from trellis_process.domain.definition.steps import (
    FORBID,
    AnyStep,
    Expression,
    Inputs,
    Satisfies,
    walk,
)
from trellis_process.extras import from_extra


@dataclass(frozen=True)
class Compensation:
    """The operation that undoes a completed step: work that a service does.

    Its expressions see what the process's do, and as ``step`` the one that it undoes.
    """

    __pydantic_config__: ClassVar = FORBID

    name: str
    _: KW_ONLY
    service: str
    #: What the service is given; unless said, the input and output of the step that it undoes.
    inputs: Inputs | None = None
    timeout: Duration | None = None
    retry: Retry = RETRY


@dataclass(frozen=True)
class ProcessDefinition:
    """One version of a kind of process: its steps in their order, and how they hang together."""

    __pydantic_config__: ClassVar = FORBID

    #: The name, which is the type of its processes.
    process: str
    _: KW_ONLY
    version: int
    #: None where it only reacts.
    steps: tuple[AnyStep, ...] = ()
    title: str | None = None
    description: str | None = None
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    stability: Literal["experimental", "stable", "deprecated"] = "stable"
    #: The stories that it is there for.
    implements: tuple[str, ...] = ()
    #: The events from outside that it knows.
    events: tuple[EventDefinition, ...] = ()
    #: What starts a process beside those who ask for one.
    triggers: tuple[Trigger, ...] = ()
    #: What a process is started with: a JSON Schema of an object, or types by name.
    inputs: Mapping[str, Any] = field(default_factory=dict)
    #: What a completed process results in.
    outputs: Inputs = field(default_factory=dict)
    #: Outcomes of stories that it brings about as a whole, by what it results in.
    satisfies: tuple[Satisfies, ...] = ()
    compensations: tuple[Compensation, ...] = ()
    #: What a process keeps for its reactions: a JSON Schema of an object, or types by name.
    data: Mapping[str, Any] = field(default_factory=dict)
    #: What has to hold for an event to be for a process at all, by names.
    constraints: Mapping[str, Expression] = field(default_factory=dict)
    #: What has to hold of the data after each reaction, by names.
    invariants: Mapping[str, Expression] = field(default_factory=dict)
    #: What completes a process, by the names of its endings; the first that holds does.
    ends_when: Mapping[str, Expression] = field(default_factory=dict)
    #: What follows from events and timers, in this order.
    reactions: tuple[Reaction, ...] = ()
    #: The IANA name of the zone whose calendar its timers go by.
    time_zone: str = "UTC"
    #: How long the whole process may take.
    timeout: Duration | None = None
    sla: Sla | None = None
    #: What follows where transitions are declared and none holds.
    on_no_transition: Literal["fail", "complete"] = "fail"
    #: Values to find processes by.
    search_attributes: Mapping[str, Expression] = field(default_factory=dict)
    #: Whether each step of work has to have a timeout.
    strict: bool = False

    def all_steps(self) -> Iterator[AnyStep]:
        """Every step, those inside of others included, in the order of the document."""
        return walk(self.steps)

    def schedules(self) -> Iterator[ScheduleTrigger]:
        """The schedules that it declares."""
        for trigger in self.triggers:
            if trigger.schedule is not None:
                yield trigger.schedule

    # The front door to documents. What reads and writes them needs libraries that the rest of the
    # domain does not, so it is imported by those who come in here, and only then.

    @classmethod
    def from_yaml(
        cls,
        text: str | bytes,
        *,
        strict: bool = False,
        known_services: Collection[str] | None = None,
    ) -> ProcessDefinition:
        """The definition that a YAML document describes.

        With ``strict`` warnings count as errors; where ``known_services`` are given, others are
        errors. Raises InvalidDefinition with everything that is wrong, and where.
        """
        with from_extra("definitions", "a definition as data"):
            from trellis_process.definitions.reading import examine_yaml

        return examine_yaml(text, strict=strict, known_services=known_services).or_refused()

    @classmethod
    def from_json(
        cls,
        text: str | bytes,
        *,
        strict: bool = False,
        known_services: Collection[str] | None = None,
    ) -> ProcessDefinition:
        """As ``from_yaml``, of a JSON document."""
        with from_extra("definitions", "a definition as data"):
            from trellis_process.definitions.reading import examine_json

        return examine_json(text, strict=strict, known_services=known_services).or_refused()

    @classmethod
    def from_dict(
        cls,
        value: Mapping[str, Any],
        *,
        strict: bool = False,
        known_services: Collection[str] | None = None,
    ) -> ProcessDefinition:
        """As ``from_yaml``, of a document that was read already; so without lines."""
        with from_extra("definitions", "a definition as data"):
            from trellis_process.definitions.reading import examine_value

        return examine_value(value, strict=strict, known_services=known_services).or_refused()

    def to_dict(self) -> dict[str, Any]:
        """The definition as values of JSON, without what is as usual."""
        with from_extra("definitions", "a definition as data"):
            from trellis_process.definitions.writing import to_dict

        return to_dict(self)

    def to_yaml(self) -> str:
        """The definition as YAML, which reads as if written by hand."""
        with from_extra("definitions", "a definition as data"):
            from trellis_process.definitions.writing import to_yaml

        return to_yaml(self)

    def to_json(self) -> str:
        """The definition as JSON, on several lines."""
        with from_extra("definitions", "a definition as data"):
            from trellis_process.definitions.writing import to_json

        return to_json(self)
