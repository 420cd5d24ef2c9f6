"""What expressions see of a process, and the values that they make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from trellis_process.domain.definition.expressions import expressions_of, texts_in
from trellis_process.domain.definition.steps import ForEachStep, lists_inside, walk
from trellis_process.domain.engine import names
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.progress import ItemProgress, progress_of
from trellis_process.domain.limits import MAX_OUTPUT_BYTES, JsonValue, check_json
from trellis_process.domain.process import Process
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import to_text
from trellis_process.errors import ExpressionError, InvalidInput

References: TypeAlias = frozenset[tuple[str, ...]]
"""What expressions look at: ``("input", "amount")``."""


class Inherited(NamedTuple):
    """What the process of a part sees of its parent's input and steps.

    It keeps that as its own input, for it has no other.
    """

    input: dict[str, JsonValue]
    #: What is seen of each step, by its name in the definition.
    steps: dict[str, JsonValue]

    @classmethod
    def by(cls, process: Process) -> Inherited | None:
        """What a process has inherited; None for one that is for no part."""
        if names.foreach_of_part(process) is None:
            return None
        return cls(process.input["input"], process.input["steps"])

    def as_json(self) -> dict[str, JsonValue]:
        """As the process is to keep it."""
        return {"input": self.input, "steps": self.steps}


class Values:
    """Evaluates the expressions of one step of a process."""

    def __init__(self, compiled: CompiledDefinition, process: Process, step_name: str = "") -> None:
        self._compiled = compiled
        self._process = process
        self._step_name = step_name

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
        return checked("inputs", self._resolve(template, more))

    def _resolve(self, template: Any, more: Mapping[str, JsonValue]) -> Any:
        if isinstance(template, str):
            return self.value(template, **more)
        if isinstance(template, Mapping):
            return {name: self._resolve(each, more) for name, each in template.items()}
        if isinstance(template, list | tuple):
            return [self._resolve(each, more) for each in template]
        return template

    def inherited(self) -> Inherited:
        """What the steps inside of this foreach look at of ``input`` and ``steps``."""
        wanted: set[tuple[str, ...]] = set()
        for inside in lists_inside(self._compiled.place(self._step_name).step):
            for each in walk(inside):
                undone_by = self._compiled.compensation_of(each.name)
                given = () if undone_by is None else texts_in(undone_by.inputs)
                for expression in (*expressions_of(each), *given):
                    wanted |= self._compiled.expressions.references(expression)
        variables = self._variables(frozenset(wanted))
        fields = {reference[1] for reference in wanted if reference[:1] == ("input",) != reference}
        whole = ("input",) in wanted
        seen = {
            name: value for name, value in variables["input"].items() if whole or name in fields
        }
        return Inherited(seen, variables["steps"])

    def _variables(self, wanted: References) -> dict[str, Any]:
        process, inherited = self._process, Inherited.by(self._process)
        roots = {reference[0] for reference in wanted}
        variables: dict[str, Any] = {"data": {}, "event": {}, "steps": {}}
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
