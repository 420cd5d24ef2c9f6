"""What evaluating an expression may cost at most, told before it is evaluated.

Nothing can break off an evaluation once it runs. So the cost is an upper bound, made from the
expression's tree and from how large the values are that it looks at. A unit is about 0.1 µs, as
measured with the library; where it is better than measured, the bound is only larger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from trellis_process.definitions.expression_functions import OURS
from trellis_process.definitions.expression_syntax import (
    Call,
    Collection,
    Entry,
    Literal,
    Loop,
    Member,
    Name,
    Node,
    Operation,
)

BUDGET = 10_000_000  # about a second
MAX_PATTERN_WEIGHT = 2_000
INT64 = range(-(2**63), 2**63)

_PATTERN_WEIGHTS = {".": 8, "d": 20, "s": 8, "w": 100, "b": 100, "p": 100}
_CALL_BACK = 20
_HANDED_OVER = 4  # a value, or a character
_NUMBER_AS_TEXT = 32
_COMPILE = 30  # a unit of a pattern's weight

Path = tuple[str, ...]


class Shape(NamedTuple):
    """How large a value is at most."""

    #: Characters of texts and keys, and 1 for each value; all that is inside of it counted.
    size: int
    #: Of a list or mapping.
    entries: int = 0
    #: The largest entry, in each respect; None where there is none.
    inside: Shape | None = None


_SCALAR = Shape(1)


def shape_of(value: Any) -> Shape:
    """The shape of a JSON value. Raises ValueError for a whole number of more than 64 bits."""
    if isinstance(value, str):
        return Shape(1 + len(value))
    if isinstance(value, int):
        if value not in INT64:
            raise ValueError(f"whole numbers have 64 bits in expressions, and {value} has more")
        return _SCALAR
    if isinstance(value, dict):
        entries = [shape_of(each) for each in value.values()]
        entries += [Shape(1 + len(key)) for key in value]
    elif isinstance(value, list | tuple):
        entries = [shape_of(each) for each in value]
    else:
        return _SCALAR
    size = 1 + sum(entry.size for entry in entries)
    return Shape(size, len(value), _largest(entries))


def _largest(shapes: list[Shape]) -> Shape | None:
    """The largest of some shapes in each respect."""
    if not shapes:
        return None
    return Shape(
        max(shape.size for shape in shapes),
        max(shape.entries for shape in shapes),
        _largest([shape.inside for shape in shapes if shape.inside is not None]),
    )


def path_of(node: Node) -> Path | None:
    """The names that lead to a value, ``("input", "amount")``; None where they are computed."""
    names: list[str] = []
    while isinstance(node, Member):
        names.append(node.name)
        node = node.of
    return (node.name, *reversed(names)) if isinstance(node, Name) else None


def parts_of(node: Node) -> tuple[Node, ...]:
    """The nodes that a node is made of; of a loop, what it runs over and its bodies."""
    match node:
        case Member(of):
            return (of,)
        case Entry(of, at):
            return (of, at)
        case Call(arguments=parts) | Operation(operands=parts) | Collection(members=parts):
            return parts
        case Loop(over=over, bodies=bodies):
            return (over, *bodies)
        case _:
            return ()


def nodes_of(node: Node) -> Iterator[Node]:
    """A node and all that it is made of."""
    yield node
    for part in parts_of(node):
        yield from nodes_of(part)


def may_grow(node: Node) -> bool:
    """Whether evaluating it may cost much more than looking once at what it looks at."""
    return any(
        isinstance(each, Loop)
        or (isinstance(each, Operation) and each.operator == "+")
        or (isinstance(each, Call) and (each.function == "matches" or each.function in OURS))
        for each in nodes_of(node)
    )


def pattern_weight(pattern: str) -> int:
    """How large a regular expression becomes: repetitions are written out, classes are many."""
    groups: list[list[int]] = [[]]  # the weights of the atoms of each open group
    at = 0
    factor = 2 if "(?" in pattern else 1  # it may ignore case
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        if sign == "\\" and at < len(pattern):
            groups[-1].append(_PATTERN_WEIGHTS.get(pattern[at].lower(), 1))
            at += 1
        elif sign == "(":
            groups.append([])
        elif sign == ")" and len(groups) > 1:
            inside = groups.pop()
            groups[-1].append(1 + sum(inside))
        elif sign == "[":
            end = _end_of_class(pattern, at)
            groups[-1].append(_class_weight(pattern[at:end]))
            at = end
        elif sign == "{" and groups[-1]:
            end = pattern.find("}", at)
            counts = [int(n) for n in pattern[at:end].split(",") if n.strip().isdecimal()]
            if end > 0 and counts:
                groups[-1][-1] *= max(1, *counts)
                at = end + 1
        else:
            groups[-1].append(_PATTERN_WEIGHTS["."] if sign == "." else 1)
    return factor * sum(map(sum, groups))


def _end_of_class(pattern: str, at: int) -> int:
    """Where a class of characters ends that begins before this place; nested ones included."""
    depth = 1
    at += pattern.startswith("^", at)
    at += pattern.startswith("]", at)  # as the first it stands for itself
    while at < len(pattern) and depth:
        if pattern[at] == "\\":
            at += 1
        depth += {"[": 1, "]": -1}.get(pattern[at : at + 1], 0)
        at += 1
    return at


def _class_weight(content: str) -> int:
    escapes = sum(
        _PATTERN_WEIGHTS.get(content[at + 1].lower(), 1)
        for at, sign in enumerate(content[:-1])
        if sign == "\\"
    )
    negated_or_foreign = 8 if content.startswith("^") or not content.isascii() else 0
    return 2 + escapes + negated_or_foreign


def cost_of(node: Node, shapes: Mapping[Path, Shape]) -> int:
    """What evaluating costs at most, given the shapes of what it looks at."""
    bound = _Bound(shapes)
    result = bound.of(node, {})
    return bound.cost + result.size + _HANDED_OVER * sum(shape.size for shape in shapes.values())


class _Bound:
    """Adds up what the parts of an expression cost."""

    def __init__(self, shapes: Mapping[Path, Shape]) -> None:
        self._shapes = shapes
        self.cost = 0

    def of(self, node: Node, scope: Mapping[str, Shape]) -> Shape:
        """The shape of what a node gives; ``scope`` has the entries that loops run over."""
        self.cost += 1
        match node:
            case Literal(size):
                return Shape(size)
            case Name(name) if name in scope:
                return scope[name]
            case Name() | Member():
                return self._field(node, scope)
            case Entry(of, at):
                self.of(at, scope)
                return self.of(of, scope).inside or _SCALAR
            case Collection(members):
                shapes = [self.of(each, scope) for each in members]
                size = 1 + sum(shape.size for shape in shapes)
                return Shape(size, len(members), _largest(shapes))
            case Operation(operator, operands):
                return self._operation(operator, [self.of(each, scope) for each in operands])
            case Call():
                return self._call(node, [self.of(each, scope) for each in node.arguments])
            case Loop():
                return self._loop(node, scope)

    def _field(self, node: Name | Member, scope: Mapping[str, Shape]) -> Shape:
        path = path_of(node)
        if path is not None and path[0] not in scope:
            return self._shapes.get(path, _SCALAR)
        assert isinstance(node, Member)
        return self.of(node.of, scope).inside or _SCALAR

    def _operation(self, operator: str, operands: list[Shape]) -> Shape:
        size = sum(shape.size for shape in operands)
        self.cost += size // 8
        if operator == "?":
            return _largest(operands[1:]) or _SCALAR
        if operator == "+":
            inside = [shape.inside for shape in operands if shape.inside is not None]
            entries = sum(shape.entries for shape in operands)
            return Shape(size, entries, _largest(inside))
        return _SCALAR

    def _call(self, call: Call, arguments: list[Shape]) -> Shape:
        size = sum(shape.size for shape in arguments)
        self.cost += size // 8
        name = call.function
        if name == "matches":
            pattern = call.arguments[-1]
            assert isinstance(pattern, Literal)
            weight = pattern_weight(pattern.text or "")
            self.cost += weight * (_COMPILE + size // 16)
        elif name in OURS:
            self.cost += _CALL_BACK + size
        if name == "split":
            return Shape(2 * size, size, Shape(size))
        if name == "join":  # a separator between each two
            return Shape(size + arguments[0].entries * arguments[-1].size)
        return Shape(size + _NUMBER_AS_TEXT)

    def _loop(self, loop: Loop, scope: Mapping[str, Shape]) -> Shape:
        over = self.of(loop.over, scope)
        entry = over.inside or _SCALAR
        before, self.cost = self.cost, 0
        bodies = [self.of(body, {**scope, loop.variable: entry}) for body in loop.bodies]
        each, rounds = self.cost, over.entries
        self.cost = before + rounds * (2 + each)
        if loop.macro not in ("map", "filter"):
            return _SCALAR
        inside = entry if loop.macro == "filter" else bodies[-1]
        # The library copies the whole list, as deep as it is, for each entry that it adds.
        self.cost += rounds * rounds * (1 + inside.size) // 4
        return Shape(1 + rounds * inside.size, rounds, inside)
