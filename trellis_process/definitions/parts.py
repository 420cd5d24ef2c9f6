"""The parts of a document, each with the class that it is to become: steps, retries, branches.

What checks a definition goes by these and not by the definition itself, because a document with a
wrong field somewhere has no definition, and is to be told about its unknown targets all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from trellis_process.definitions.finding import Path
from trellis_process.definitions.report import Report, listed
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import AnyStep, ForEachStep, StepDefinition
from trellis_process.domain.limits import MAX_STEPS
from trellis_process.errors import shown

MAX_STEPS_INSIDE = 5  # of steps inside of steps; what is deeper nobody follows


@dataclass(eq=False)
class Part:
    """A mapping of the document that stands for an object of a class."""

    of: type
    path: Path
    value: dict[str, Any]
    #: The part around it; of a step inside of another, the parallel's branch or the foreach.
    around: Part | None = None
    #: The list of steps that a step stands in, and its place there.
    siblings: StepList | None = None
    position: int = 0

    def text(self, name: str) -> str | None:
        """A field that is text; None where it is missing, or something else."""
        value = self.value.get(name)
        return value if isinstance(value, str) else None

    def at(self, name: str) -> Path:
        """The path of a field."""
        return (*self.path, name)

    @property
    def is_step(self) -> bool:
        """Whether it is a step, of a known kind or not."""
        return issubclass(self.of, StepDefinition)

    @property
    def step(self) -> Part | None:
        """The step that it belongs to; itself if it is one, None outside of steps."""
        part: Part | None = self
        while part is not None and not part.is_step:
            part = part.around
        return part


@dataclass(eq=False)
class StepList:
    """Steps that follow each other: those of the process, of a branch or of a foreach."""

    path: Path
    steps: list[Part] = field(default_factory=list)
    #: The step that holds the list; None for the outermost.
    inside: Part | None = None

    @property
    def foreach(self) -> Part | None:
        """The innermost foreach around it."""
        part = self.inside
        while part is not None and part.of is not ForEachStep:
            assert part.siblings is not None
            part = part.siblings.inside
        return part


#: Every kind of step by the word for it.
KINDS: dict[str, type[StepDefinition]] = {
    next(each.default for each in fields(kind) if each.name == "kind"): kind  # type: ignore[misc]
    for kind in get_args(AnyStep)
}


def required(of: type) -> list[str]:
    """The fields of a class that have no default."""
    return [
        each.name
        for each in fields(of)
        if each.default is MISSING and each.default_factory is MISSING
    ]


def _names(of: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(of))


@cache
def field_names(of: type[Any]) -> tuple[str, ...]:
    """The fields of a class."""
    return _names(of)


_KINDS_WITH = {
    name: tuple(kind for kind, of in KINDS.items() if name in _names(of))
    for each in KINDS.values()
    for name in _names(each)
}


def kinds_with(name: str) -> tuple[str, ...]:
    """The kinds of steps that have a field of that name."""
    return _KINDS_WITH.get(name, ())


@cache
def _parts_of(of: type) -> dict[str, tuple[type, bool]]:
    """Which fields hold objects of classes: of which, and whether a list of them."""
    found: dict[str, tuple[type, bool]] = {}
    for name, hint in get_type_hints(of).items():
        if name not in field_names(of):
            continue
        many = get_origin(hint) is tuple
        member = get_args(hint)[0] if many else hint
        if member == AnyStep:
            found[name] = (StepDefinition, True)
            continue
        options = get_args(member) if get_origin(member) is UnionType else (member,)
        found.update(
            (name, (option, many))
            for option in options
            if isinstance(option, type) and is_dataclass(option)
        )
    return found


class Outline:
    """All parts of a document, and its lists of steps. Steps without a kind are given theirs."""

    def __init__(self, value: Mapping[str, Any], report: Report) -> None:
        self.parts: dict[Path, Part] = {}
        self.lists: list[StepList] = []
        #: Every step, those inside of others included, in the order of the document.
        self.steps: list[Part] = []
        self._by_class: dict[type, list[Part]] = {}
        self.is_too_much = False
        self._report = report
        self._count = 0
        self.root = Part(ProcessDefinition, (), dict(value))
        self._walk(self.root, None, depth=0)

    def all_of(self, *classes: type) -> Iterator[Part]:
        """The parts of these classes; those of one class in the order of the document."""
        for of, parts in self._by_class.items():
            if issubclass(of, classes):
                yield from parts

    def _walk(self, part: Part, inside: Part | None, depth: int) -> None:
        self.parts[part.path] = part
        self._by_class.setdefault(part.of, []).append(part)
        if part.is_step:
            self.steps.append(part)
        for name, (of, many) in _parts_of(part.of).items():
            value = part.value.get(name)
            if of is StepDefinition and isinstance(value, list):
                self._list(part, part.at(name), value, inside, depth)
            elif many and isinstance(value, list):
                for place, each in enumerate(value):
                    if isinstance(each, dict):
                        self._walk(Part(of, (*part.at(name), place), each, part), inside, depth)
            elif isinstance(value, dict):
                self._walk(Part(of, part.at(name), value, part), inside, depth)

    def _list(
        self, around: Part, path: Path, values: list[Any], inside: Part | None, depth: int
    ) -> None:
        self._count += len(values)
        if self._count > MAX_STEPS or depth > MAX_STEPS_INSIDE:
            # Whatever is said about the rest would not help; and it might have no end.
            if not self.is_too_much:
                self._refuse(path, depth)
            self.is_too_much = True
            return
        steps = StepList(path, inside=inside)
        self.lists.append(steps)
        for place, value in enumerate(values):
            if isinstance(value, dict):
                of = self._kind(value, (*path, place))
                step = Part(of, (*path, place), value, around, steps, len(steps.steps))
                steps.steps.append(step)
                self._walk(step, step, depth + 1)

    def _refuse(self, path: Path, depth: int) -> None:
        if depth > MAX_STEPS_INSIDE:
            message = f"steps {depth} deep inside of others; allowed are {MAX_STEPS_INSIDE}"
            self._report.error(path, "too_deep", f"{message}, and subprocesses for more")
        else:
            message = f"more than {MAX_STEPS:,} steps; put some into a subprocess"
            self._report.error(path, "too_many_steps", message)

    def _kind(self, value: dict[str, Any], path: Path) -> type[StepDefinition]:
        """The kind that is said, or that a field makes plain; then it is said from now on."""
        given = value.get("kind")
        if given is None and "kind" not in value:
            return self._plain_kind(value, path)
        if isinstance(given, str) and given in KINDS:
            return KINDS[given]
        message = f"got {shown(given)}; allowed are {listed(tuple(KINDS))}"
        self._report.error(
            (*path, "kind"), "unknown_kind", message + self._report.near(given, KINDS)
        )
        return StepDefinition

    def _plain_kind(self, value: dict[str, Any], path: Path) -> type[StepDefinition]:
        telling = {name: kinds_with(name)[0] for name in value if len(kinds_with(name)) == 1}
        kinds = sorted(set(telling.values()))
        if len(kinds) == 1:
            value["kind"] = kinds[0]
            return KINDS[kinds[0]]
        if kinds:
            told = " and ".join(f"{name!r} belongs to {kind}" for name, kind in telling.items())
            message = f"{told}; a step has one kind"
            self._report.error(path, "kind_contradicts", message)
        else:
            message = "it has no kind, and no field that makes it plain; allowed are "
            message += listed(tuple(KINDS))
            self._report.error(path, "no_kind", message)
        return StepDefinition
