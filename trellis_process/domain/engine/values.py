"""What expressions see of a process, and the values that they make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

from trellis_process.domain.definition.expressions import expressions_of, texts_in
from trellis_process.domain.definition.steps import ForEachStep, lists_inside, walk
from trellis_process.domain.engine import names
from trellis_process.domain.engine.compiled import CompiledDefinition, Expressions
from trellis_process.domain.engine.progress import ItemProgress, progress_of
from trellis_process.domain.limits import MAX_OUTPUT_BYTES, JsonValue, check_json
from trellis_process.domain.process import Process
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import moment_from, to_text
from trellis_process.errors import ExpressionError, InvalidInput

References: TypeAlias = frozenset[tuple[str, ...]]
"""What expressions look at: ``("input", "amount")``."""


_NOTHING: Mapping[str, Any] = {}


class Inherited(NamedTuple):
    """What the process of a part sees of its parent's input, steps and data.

    It keeps the first two as its own input, for it has no other.
    """

    input: dict[str, JsonValue]
    #: What is seen of each step, by its name in the definition.
    steps: dict[str, JsonValue]
    data: dict[str, JsonValue]

    @classmethod
    def by(cls, process: Process) -> Inherited | None:
        """What a process has inherited; None for one that is for no part."""
        if names.foreach_of_part(process) is None:
            return None
        return cls(process.input["input"], process.input["steps"], process.data)

    def as_json(self) -> dict[str, JsonValue]:
        """As the process is to keep it."""
        return {"input": self.input, "steps": self.steps}


class Values:
    """Evaluates the expressions of one step of a process."""

    def __init__(
        self,
        compiled: CompiledDefinition,
        process: Process,
        step_name: str = "",
        *,
        event: Mapping[str, Any] = _NOTHING,
        data: Mapping[str, JsonValue] | None = None,
    ) -> None:
        self._compiled = compiled
        self._process = process
        self._step_name = step_name
        self._event = event
        self._data = process.data if data is None else data

    def value(self, expression: str, **more: JsonValue) -> Any:
        """The value of an expression, with more variables than usual. Raises ExpressionError."""
        expressions = self._compiled.expressions
        wanted = expressions.references(expression)
        return expressions.evaluate(expression, self._variables(wanted) | more)

    def truth(self, expression: str) -> bool:
        """Whether a condition holds. Raises ExpressionError where it is neither true nor false."""
        value = self.value(expression)
        if not isinstance(value, bool):
            raise ExpressionError(
                expression, f"a condition is true or false, and this is {value!r}"
            )
        return value

    def text(self, expression: str) -> str:
        """The text that an expression gives. Raises ExpressionError where it gives none."""
        value = self.value(expression)
        if not isinstance(value, str):
            raise ExpressionError(expression, f"text is needed here, and this is {value!r}")
        return value

    def resolve(self, template: Any, **more: JsonValue) -> Any:
        """Inputs with their expressions replaced by values. Raises ExpressionError."""
        return checked("inputs", _resolve(template, lambda text: self.value(text, **more)))

    def inherited(self) -> Inherited:
        """What the steps inside of this foreach look at of ``input``, ``steps`` and ``data``."""
        wanted: set[tuple[str, ...]] = set()
        for inside in lists_inside(self._compiled.place(self._step_name).step):
            for each in walk(inside):
                undone_by = self._compiled.compensation_of(each.name)
                given = () if undone_by is None else texts_in(undone_by.inputs)
                for expression in (*expressions_of(each), *given):
                    wanted |= self._compiled.expressions.references(expression)
        variables = self._variables(frozenset(wanted))
        return Inherited(
            _looked_at(wanted, "input", variables["input"]),
            variables["steps"],
            _looked_at(wanted, "data", variables["data"]),
        )

    def _variables(self, wanted: References) -> dict[str, Any]:
        process, inherited = self._process, Inherited.by(self._process)
        roots = {reference[0] for reference in wanted}
        variables: dict[str, Any] = {"data": self._data, "event": self._event, "steps": {}}
        variables["input"] = process.input if inherited is None else inherited.input
        if "steps" in roots:
            variables["steps"] = self._steps(wanted, {} if inherited is None else inherited.steps)
        if "process" in roots:
            variables["process"] = {
                "id": process.process_id,
                "tenant_id": process.tenant_id,
                "name": process.process_type,
                "version": process.definition_version,
                "started_at": to_text(process.started_at),
                "aggregate_type": process.aggregate_type,
                "aggregate_id": process.aggregate_id,
            }
            if process.scheduled_at is not None:  # so that has() can ask about it
                variables["process"]["scheduled_at"] = to_text(process.scheduled_at)
        if roots & {"item", "item_index"}:
            variables |= self._item()
        return variables

    def _steps(self, wanted: References, inherited: dict[str, JsonValue]) -> dict[str, Any]:
        if ("steps",) in wanted:
            defined = set(self._compiled.places)
        else:
            defined = {reference[1] for reference in wanted if reference[0] == "steps"}
        seen = dict(inherited)
        for name in sorted(defined):  # in the same order each time, for a part keeps it
            step = self._nearest(name)
            if step is not None:
                seen[name] = _as_seen(step)
            else:
                # A step that was not entered is there without anything, so that has() can ask
                # about its output.
                seen.setdefault(name, {})
        return seen

    def _nearest(self, name: str) -> ProcessStep | None:
        """Inside of a foreach the step for the same item, outside of it the one there is."""
        items = names.items_of(self._step_name)
        while (step := self._process.steps.get(name + items)) is None and items:
            items = names.items_around(items)
        return step

    def _item(self) -> dict[str, Any]:
        for name in self._compiled.around(self._step_name):
            defined = self._compiled.place(name).step
            if isinstance(defined, ForEachStep):
                return self._item_of(self._process.step(name), defined)
        return {}

    def _item_of(self, around: ProcessStep, defined: ForEachStep) -> dict[str, Any]:
        index = names.item_index(names.items_of(self._step_name))
        progress = progress_of(around)
        if isinstance(progress, ItemProgress):
            return _nth(around.input, index - progress.first, index)
        # It is completed and has forgotten its items; what is undone asks for them once more.
        again = Values(self._compiled, self._process, around.name)
        return _nth(again.value(defined.foreach.items), index, index)


def _looked_at(
    wanted: Iterable[tuple[str, ...]], name: str, value: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The fields of a variable that are looked at; all of them where it is as a whole."""
    fields = {reference[1:2] for reference in wanted if reference[0] == name}
    return {each: value[each] for each in value if (each,) in fields or () in fields}


def _nth(items: Any, place: int, index: int) -> dict[str, Any]:
    """The item in that place. Raises ExpressionError where the list has become another since."""
    if not isinstance(items, list) or not place < len(items):
        raise ExpressionError("item", f"the list has no item {index} any more")
    return {"item": items[place], "item_index": index}


def _as_seen(step: ProcessStep) -> dict[str, Any]:
    seen: dict[str, Any] = {"output": step.output} if step.state.is_done else {}
    if step.state.is_final:
        told = {"outcome": step.outcome, "error": step.error}
        seen |= {name: value for name, value in told.items() if value is not None}
    return seen


def checked(field: str, value: JsonValue) -> JsonValue:
    """What the engine made of expressions. Raises ExpressionError where it is too large."""
    try:
        return check_json(field, value, MAX_OUTPUT_BYTES)
    except InvalidInput as error:
        raise ExpressionError(field, str(error)) from error


def moment_of(expression: str, value: JsonValue) -> datetime:
    """The moment that an expression gave, as text or as seconds since 1970.

    Raises ExpressionError for what is no moment.
    """
    try:
        if isinstance(value, str):
            return moment_from(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ExpressionError(expression, f"{value!r} is no moment ({error})") from error
    raise ExpressionError(
        expression, f"a moment is text such as 2027-01-31T09:00:00Z, and this is {value!r}"
    )


def resolved(expressions: Expressions, template: Any, variables: Mapping[str, Any]) -> Any:
    """Inputs with their expressions replaced by values, where there is no process yet.

    Raises ExpressionError.
    """
    return checked("inputs", _resolve(template, lambda text: expressions.evaluate(text, variables)))


def _resolve(template: Any, value: Callable[[str], Any]) -> Any:
    if isinstance(template, str):
        return value(template)
    if isinstance(template, Mapping):
        return {name: _resolve(each, value) for name, each in template.items()}
    if isinstance(template, list | tuple):
        return [_resolve(each, value) for each in template]
    return template
