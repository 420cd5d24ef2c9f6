"""What expressions see of a process, and the values that they make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trellis_process.domain.definition.expressions import expressions_of
from trellis_process.domain.definition.steps import ForEachStep, lists_inside, walk
from trellis_process.domain.engine import names
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.limits import MAX_OUTPUT_BYTES, JsonValue, check_json
from trellis_process.domain.process import Process
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import to_text
from trellis_process.errors import ExpressionError, InvalidInput


class Values:
    """Evaluates the expressions of one step of a process."""

    def __init__(self, compiled: CompiledDefinition, process: Process, step_name: str = "") -> None:
        self._compiled = compiled
        self._process = process
        self._step_name = step_name
        self._items = names.items_of(step_name)

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
        resolved = self._resolve(template, more)
        try:
            return check_json("inputs", resolved, MAX_OUTPUT_BYTES)
        except InvalidInput as error:
            raise ExpressionError("inputs", str(error)) from error

    def _resolve(self, template: Any, more: Mapping[str, JsonValue]) -> Any:
        if isinstance(template, str):
            return self.value(template, **more)
        if isinstance(template, Mapping):
            return {name: self._resolve(each, more) for name, each in template.items()}
        if isinstance(template, list | tuple):
            return [self._resolve(each, more) for each in template]
        return template

    def seen_inside(self) -> dict[str, Any]:
        """What the steps inside of this foreach look at of ``input`` and ``steps``."""
        step = self._compiled.places[names.defined_name(self._step_name)].step
        wanted: set[tuple[str, ...]] = set()
        for inside in lists_inside(step):
            for each in walk(inside):
                for expression in expressions_of(each):
                    wanted |= self._compiled.expressions.references(expression)
        variables = self._variables(frozenset(wanted))
        names_of_input = {
            reference[1] for reference in wanted if reference[:1] == ("input",) != reference
        }
        whole = ("input",) in wanted
        seen = {
            name: value
            for name, value in variables["input"].items()
            if whole or name in names_of_input
        }
        return {"input": seen, "steps": variables["steps"]}

    def _variables(self, wanted: frozenset[tuple[str, ...]]) -> dict[str, Any]:
        process = self._process
        roots = {reference[0] for reference in wanted}
        given: dict[str, Any] = process.input
        variables: dict[str, Any] = {"data": {}, "event": {}}
        if process.parent is not None and process.parent.part is not None:
            given = process.input["input"]
        variables["input"] = given
        variables["steps"] = self._steps(wanted) if "steps" in roots else {}
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

    def _steps(self, wanted: frozenset[tuple[str, ...]]) -> dict[str, Any]:
        process = self._process
        seen: dict[str, Any] = {}
        if process.parent is not None and process.parent.part is not None:
            seen |= process.input["steps"]
        if ("steps",) in wanted:
            defined = set(self._compiled.places)
        else:
            defined = {reference[1] for reference in wanted if reference[0] == "steps"}
        for name in defined:
            # Inside of a foreach the step for the same item, outside of it the one there is.
            items = self._items
            while (step := process.steps.get(name + items)) is None and items:
                items = items.rpartition(":")[0]
            # A step that was not entered is there without anything, so that has() can ask about
            # its output.
            if step is not None:
                seen[name] = _as_seen(step)
            else:
                seen.setdefault(name, {})
        return seen

    def _item(self) -> dict[str, Any]:
        items, place = self._items, self._compiled.places[names.defined_name(self._step_name)]
        while place.around is not None and not isinstance(place.around.step, ForEachStep):
            place = place.around
        if not items or place.around is None:
            return {}
        around = self._process.step(names.name_around(place, items))
        index = names.item_index(items)
        if around.progress is not None:
            return _nth(around.input, index - around.progress["first"], index)
        # It is completed and has forgotten its items; what is undone asks for them once more.
        assert isinstance(place.around.step, ForEachStep)
        again = Values(self._compiled, self._process, around.name)
        return _nth(again.value(place.around.step.foreach.items), index, index)


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
