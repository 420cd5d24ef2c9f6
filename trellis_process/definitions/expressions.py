"""Expressions: read once, checked, and evaluated to JSON within a bound on what that costs.

The language is CEL. It is evaluated by the library ``common-expression-language``, which is
loaded when the first expression is that asks for more than a path such as ``input.amount``.
``docs/expressions.md`` describes it for those who write definitions.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.machinery import PathFinder
from typing import Any

from trellis_process.definitions.expression_cost import (
    BUDGET,
    INT64,
    MAX_PATTERN_WEIGHT,
    Path,
    Shape,
    cost_of,
    may_grow,
    nodes_of,
    parts_of,
    path_of,
    pattern_weight,
    shape_of,
)
from trellis_process.definitions.expression_functions import KNOWN, OURS
from trellis_process.definitions.expression_syntax import (
    MACROS,
    Call,
    Literal,
    Loop,
    Node,
    read,
)
from trellis_process.domain.limits import JsonValue
from trellis_process.errors import ExpressionError, shown
from trellis_process.nearest import did_you_mean, what_there_is

CACHED = 2_000  # of 2,000 characters at most; a definition of 1,000 steps has fewer, and shorter

# The library prefers its own functions to ours of the same name.
_RENAMED = {name: f"trellis_{name}" for name in OURS}
_MISSING = object()
_loading = threading.Lock()


class Expression:
    """An expression that was read. Immutable; safe to use from several threads."""

    def __init__(self, text: str) -> None:
        self.text = text
        syntax = read(text, _RENAMED)
        self._tree = syntax.tree
        #: What it looks at: ``("input", "amount")``, ``("item",)``. What a macro runs over is in
        #: it, the entries, which the macro names itself, are not.
        self.references: frozenset[Path] = frozenset(_references(self._tree, frozenset()))
        self._paths = sorted(self.references)  # so that what is whole comes before its parts
        self._path = path_of(self._tree)
        self._functions = {
            _RENAMED[node.function]: OURS[node.function]
            for node in _checked_calls(text, self._tree)
            if node.function in OURS
        }
        self._may_grow = may_grow(self._tree)
        self._program = None if self._path else _compiled(text, syntax.text)
        if self._program is not None:
            self._check_patterns()

    def evaluate(self, variables: Mapping[str, Any]) -> JsonValue:
        """The value for these variables, as JSON.

        Raises ExpressionError where something is missing or of the wrong type, a number is too
        large, the result is no JSON, or evaluating it would take too long.
        """
        if self._path is not None:
            return self._followed(self._path, variables)
        try:
            given = self._given(variables)
        except ValueError as error:
            raise ExpressionError(self.text, str(error)) from error
        return self._json(self._executed(given, variables))

    def _check_patterns(self) -> None:
        """Has the library read each regular expression, which it does when it is used."""
        cel = _cel()
        for node in nodes_of(self._tree):
            if isinstance(node, Call) and node.function == "matches":
                pattern = node.arguments[-1]
                assert isinstance(pattern, Literal)
                try:
                    cel.compile("''.matches(pattern)").execute({"pattern": pattern.text})
                except Exception as error:
                    why = f"{shown(pattern.text)} is no regular expression: {_last_line(error)}"
                    raise ExpressionError(self.text, why) from error

    def _followed(self, path: Path, variables: Mapping[str, Any]) -> JsonValue:
        value: Any = variables
        for place, name in enumerate(path):
            if not isinstance(value, Mapping) or name not in value:
                raise ExpressionError(self.text, _why_missing(path, place, value))
            value = value[name]
        return value

    def _given(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The variables without what it does not look at, because all are copied; and checked."""
        given: dict[str, Any] = {}
        shapes: dict[Path, Shape] = {}
        for path in self._paths:
            value = _value_at(path, variables)
            if value is _MISSING:
                _keep_way(path, variables, given)
                continue
            shapes[path] = shape_of(value)
            _put(path, value, given)
        if self._may_grow and cost_of(self._tree, shapes) > BUDGET:
            raise ValueError(
                "it would take too long for values as large as these; docs/expressions.md tells "
                "what is allowed"
            )
        return given

    def _executed(self, given: dict[str, Any], variables: Mapping[str, Any]) -> Any:
        assert self._program is not None
        try:
            if self._functions:
                context = _cel().Context(variables=given, functions=self._functions)
                return self._program.execute(context)
            return self._program.execute(given)
        except Exception as error:
            raise ExpressionError(self.text, self._why(error, variables)) from error

    def _why(self, error: Exception, variables: Mapping[str, Any]) -> str:
        """What was wrong, in words about the variables where it can be told."""
        for path in self._paths:
            value: Any = variables
            for place, name in enumerate(path):
                is_gone = isinstance(value, Mapping) and name not in value
                if is_gone and _is_about(error, name):
                    return _why_missing(path, place, value)
                if isinstance(error, TypeError) and not isinstance(value, Mapping):
                    return _why_missing(path, place, value)
                if is_gone or not isinstance(value, Mapping):
                    break
                value = value[name]
        if isinstance(error, KeyError):
            return f"there is no {error.args[0]!r}; has() tells whether there is"
        if isinstance(error, ZeroDivisionError):
            return "division by zero"
        if isinstance(error, OverflowError):
            return "the number is too large; whole numbers have 64 bits"
        if isinstance(error, TypeError):
            said = _last_line(error).partition(":")[2].strip()
            return (
                f"these types do not go together ({said}); where a whole number meets another "
                "in arithmetic, write double(x) * 1.5"
            )
        return _last_line(error)

    def _json(self, value: Any) -> JsonValue:
        if value is None or isinstance(value, str | bool):
            return value
        if isinstance(value, int) and value in INT64:
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise ExpressionError(self.text, f"its value is {value}, which is no JSON number")
            return value
        if isinstance(value, list):
            return [self._json(each) for each in value]
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            # Sorted, because the library keeps no order, and another one each time.
            return {key: self._json(value[key]) for key in sorted(value)}
        what = {"datetime": "a timestamp", "timedelta": "a duration"}.get(
            type(value).__name__, f"of type {type(value).__name__}"
        )
        if isinstance(value, dict):
            what = "a mapping with keys that are no text"
        hint = "; string(…) makes text of it" if what == "a timestamp" else ""
        raise ExpressionError(self.text, f"its value is {what}, which is no JSON{hint}")


def parse(text: str) -> Expression:
    """Reads an expression. Raises ExpressionError, which says what is wrong and where."""
    return Expression(text)


@lru_cache(CACHED)
def _parsed(text: str) -> Expression:
    return Expression(text)


def references(text: str) -> frozenset[Path]:
    """What an expression looks at, as Expression.references has it. Raises ExpressionError."""
    return _parsed(text).references


def evaluate(text: str, variables: Mapping[str, Any]) -> JsonValue:
    """The value of an expression, as Expression.evaluate gives it. Raises ExpressionError.

    What was read is kept for the next time, up to 2,000 expressions.
    """
    return _parsed(text).evaluate(variables)


def _references(node: Node, bound: frozenset[str]) -> Iterator[Path]:
    path = path_of(node)
    if path is not None:
        if path[0] not in bound:
            yield path
    elif isinstance(node, Loop):
        yield from _references(node.over, bound)
        for body in node.bodies:
            yield from _references(body, bound | {node.variable})
    else:
        for part in parts_of(node):
            yield from _references(part, bound)


def _checked_calls(text: str, tree: Node) -> Iterator[Call]:
    for node in nodes_of(tree):
        if not isinstance(node, Call):
            continue
        if node.function not in KNOWN:
            known = what_there_is(node.function, [*KNOWN, *MACROS])
            raise ExpressionError(text, f"no function {node.function!r}{known}")
        given, taken = len(node.arguments), KNOWN[node.function]
        if given not in taken:
            what = f"{taken[0]} value{'s' * (taken[0] > 1)}, that before the dot included"
            raise ExpressionError(text, f"{node.function} takes {what}; it is given {given}")
        if node.function == "matches":
            _check_pattern(text, node)
        yield node


def _check_pattern(text: str, call: Call) -> None:
    pattern = call.arguments[-1] if call.arguments else None
    if not isinstance(pattern, Literal) or pattern.text is None:
        raise ExpressionError(text, "the pattern of matches has to be written out as text")
    weight = pattern_weight(pattern.text)
    if weight > MAX_PATTERN_WEIGHT:
        raise ExpressionError(
            text,
            "the pattern of matches is too large once its repetitions are written out: "
            f"{weight:,}, and allowed are {MAX_PATTERN_WEIGHT:,}; "
            "\\w and \\p{…} count 100, [a-z] counts 2",
        )


def _value_at(path: Path, variables: Mapping[str, Any]) -> Any:
    value: Any = variables
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _put(path: Path, value: Any, given: dict[str, Any]) -> None:
    """Puts a value where a path leads; where something whole stands on the way, it is in that."""
    for name in path[:-1]:
        inside = given.setdefault(name, _Part())
        if not isinstance(inside, _Part):
            return
        given = inside
    given.setdefault(path[-1], value)


def _keep_way(path: Path, variables: Mapping[str, Any], given: dict[str, Any]) -> None:
    """Keeps of the way to something missing what there is, so that it ends at the same place."""
    value: Any = variables
    for place, name in enumerate(path):
        if not isinstance(value, Mapping):
            _put(path[:place], value, given)
            return
        if name not in value:
            break
        value = value[name]
        if isinstance(value, Mapping):
            _put(path[: place + 1], _Part(), given)


class _Part(dict[str, Any]):
    """A mapping of which an expression is given only what it looks at."""


def _why_missing(path: Path, place: int, value: Any) -> str:
    """Why the name at this place of a path cannot be followed from a value."""
    missing = ".".join(path[: place + 1])
    if place and not isinstance(value, Mapping):
        return f"there is no {missing}, because {'.'.join(path[:place])} is {shown(value)}"
    if not place:
        return f"there is no {missing}{what_there_is(path[0], value)}"
    hint = did_you_mean(path[place], map(str, value)) or "; has() tells whether there is"
    return f"there is no {missing}{hint}"


def _is_about(error: Exception, name: str) -> bool:
    """Whether it was this name that the library did not find."""
    if isinstance(error, KeyError):
        return bool(error.args[0] == name)
    return isinstance(error, RuntimeError) and f"Undefined variable or function: '{name}'" in str(
        error
    )


def _last_line(error: Exception) -> str:
    """What the library says about an error, in one line."""
    text = str(error)
    for advice in (" Check function arguments", " Check that the", " CEL does not coerce"):
        text = text.split(advice)[0]
    text = text.rpartition("Python function call failed: TypeError: ")[2]
    lines = [line.strip() for line in text.splitlines() if line.strip(" |.^")]
    said = lines[-1] if lines else type(error).__name__
    return said.removeprefix("error: ").rstrip(".")


def _compiled(text: str, renamed: str) -> Any:
    try:
        return _cel().compile(renamed)
    except Exception as error:
        lines = [line for line in str(error).splitlines() if "ERROR:" in line]
        why = lines[0].partition("ERROR:")[2].strip() if lines else _last_line(error)
        raise ExpressionError(text, why.removeprefix("<input>:")) from error


def _cel() -> Any:
    """The library's compiled module, without its package, which would load a command line.

    It stands where the package would look for it, because it cannot be loaded twice. Raises
    ModuleNotFoundError, saying what to install.
    """
    name = "cel.cel"
    with _loading:
        if name in sys.modules:
            return sys.modules[name]
        package = importlib.util.find_spec("cel")
        places = None if package is None else package.submodule_search_locations
        spec = None if places is None else PathFinder.find_spec(name, places)
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(
                "expressions need the library common-expression-language: "
                "pip install 'trellis-process[definitions]'",
                name="cel",
            )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
        logging.getLogger("cel").setLevel(logging.CRITICAL)  # it logs what it raises as well
        return module
