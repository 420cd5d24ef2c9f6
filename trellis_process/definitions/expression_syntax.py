"""The syntax of expressions: text becomes a tree, within limits on its length and depth.

The library that evaluates expressions keeps its tree to itself, and what it does with one that is
too deep is to end the program. So Trellis reads them first: to know what an expression looks at,
what evaluating it costs, and that it may be handed on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from trellis_process.errors import ExpressionError

MAX_CHARACTERS = 2_000
MAX_NESTING = 20  # brackets in brackets; 40 of them end a thread that has a stack of 256 KB
MAX_DEPTH = 200  # operators in a row count, as in a + b + c
MAX_LOOPS = 2  # one inside of the other

MACROS = {"all": (2,), "exists": (2,), "exists_one": (2,), "map": (2, 3), "filter": (2,)}
"""What runs over a list, and how many arguments it takes; the first names the entry."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out; ``text`` where it is text."""

    size: int
    text: str | None = None
    is_whole_number: bool = False


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or the entry that a macro runs over."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A field of something: ``input.amount``, ``input["amount"]``."""

    of: Node
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of something, by a place or key that may be computed: ``input.lines[0]``."""

    of: Node
    at: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function of values; ``a.f(b)`` and ``f(a, b)`` are the same."""

    function: str
    arguments: tuple[Node, ...]
    is_method: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator and what it is applied to; ``?`` stands for the choice of one of two."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """A list written out, or a mapping: its keys and values by turns."""

    members: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro: what is evaluated for each entry of a list, or each key of a mapping."""

    macro: str
    over: Node
    variable: str
    bodies: tuple[Node, ...]


Node: TypeAlias = Literal | Name | Member | Entry | Call | Operation | Collection | Loop

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n\f]+|//[^\n]*)
    | (?P<text>(?P<prefix>[rRbB]{0,2})(?:'''(?P<a>(?:[^\\]|\\.)*?)'''
        |\"\"\"(?P<b>(?:[^\\]|\\.)*?)\"\"\"
        |'(?P<c>(?:[^'\\\n\r]|\\.)*)'|"(?P<d>(?:[^"\\\n\r]|\\.)*)"))
    | (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:\d+\.\d+|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?|\d+[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}=&|])
    """,
    re.VERBOSE | re.DOTALL,
)
_RAW_TEXT = re.compile(
    r"(?P<prefix>[rR])(?:'''(?P<a>.*?)'''|\"\"\"(?P<b>.*?)\"\"\""
    r"|'(?P<c>[^'\n\r]*)'|\"(?P<d>[^\"\n\r]*)\")",
    re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:(?P<simple>[abfnrtv\\?\"'`])|[xX](?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})"
    r"|U(?P<U>[0-9a-fA-F]{8})|(?P<octal>[0-3][0-7]{2})|(?P<other>.))",
    re.DOTALL,
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WORDS = {"true", "false", "null"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    value: str | None = None  # of text, with its escapes resolved


@dataclass(frozen=True, slots=True)
class Syntax:
    """What an expression was read as."""

    tree: Node
    #: The same expression with the names of some functions replaced.
    text: str


def read(expression: str, renamed: Mapping[str, str]) -> Syntax:
    """The tree of an expression, and its text with functions ``renamed`` for who evaluates it.

    Raises ExpressionError, saying at which character.
    """
    if not isinstance(expression, str) or not expression.strip():
        raise ExpressionError(str(expression), "it is empty; text is quoted once more: \"'EUR'\"")
    if len(expression) > MAX_CHARACTERS:
        raise ExpressionError(
            expression,
            f"it has {len(expression):,} characters; allowed are {MAX_CHARACTERS:,}",
        )
    reader = _Reader(expression)
    tree = reader.whole()
    text, at = "", 0
    for token in reader.called:
        if token.text in renamed:
            text += expression[at : token.start] + renamed[token.text]
            at = token.start + len(token.text)
    return Syntax(tree, text + expression[at:])


class _Reader:
    """Reads by the grammar of CEL, one method for each of its rules."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split()
        self._next = 0
        self._nesting = 0
        self._loops = 0
        #: The names of functions, in their order.
        self.called: list[_Token] = []
        self._depths: dict[int, int] = {}  # of each node made, by id; all live in the tree

    def whole(self) -> Node:
        node = self._choice()
        if self._token.kind != "end":
            raise self._unexpected()
        return node

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        at, expression = 0, self._expression
        while at < len(expression):
            found = _RAW_TEXT.match(expression, at) or _TOKEN.match(expression, at)
            if found is None:
                what = expression[at]
                why = "text that does not end" if what in "\"'" else f"unexpected {what!r}"
                raise self._wrong(why, at)
            kind = found.lastgroup or ""
            if "prefix" in found.re.groupindex and found["prefix"] is not None:
                tokens.append(self._text(found))
            elif kind != "space":
                tokens.append(_Token(kind, found[0], at))
            at = found.end()
        tokens.append(_Token("end", "", at))
        return tokens

    def _text(self, found: re.Match[str]) -> _Token:
        prefix = found["prefix"].lower()
        if "b" in prefix or len(prefix) > 1:
            raise self._wrong("bytes are no JSON; text is written without a b", found.start())
        content = next(found[group] for group in "abcd" if found[group] is not None)
        if prefix != "r":
            content = _ESCAPE.sub(self._unescaped, content)
        return _Token("text", found[0], found.start(), content)

    def _unescaped(self, found: re.Match[str]) -> str:
        if simple := found["simple"]:
            return _SIMPLE.get(simple, simple)
        if code := found["x"] or found["u"] or found["U"]:
            number = int(code, 16)
        elif found["octal"]:
            number = int(found["octal"], 8)
        else:
            raise ExpressionError(self._expression, f"no such escape in text: {found[0]}")
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise ExpressionError(self._expression, f"no such character: {found[0]}")
        return chr(number)

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _wrong(self, why: str, at: int) -> ExpressionError:
        return ExpressionError(self._expression, f"at character {at + 1}: {why}")

    def _unexpected(self) -> ExpressionError:
        token = self._token
        if token.kind == "end":
            return ExpressionError(self._expression, "something is missing at its end")
        hints = {"=": "; to compare, write ==", "&": "; write &&", "|": "; write ||"}
        hint = hints.get(token.text, "")
        return self._wrong(f"unexpected {token.text!r}{hint}", token.start)

    def _takes(self, *signs: str) -> str | None:
        token = self._token
        if token.text in signs and token.kind in ("sign", "name"):
            self._next += 1
            return token.text
        return None

    def _needs(self, sign: str) -> None:
        if self._takes(sign) is None:
            raise self._unexpected()

    def _made(self, node: Node, *parts: Node) -> Node:
        """A node, its depth noted; raises where it is too deep."""
        depth = 1 + max((self._depths.get(id(part), 1) for part in parts), default=0)
        if depth > MAX_DEPTH:
            raise ExpressionError(
                self._expression, f"more than {MAX_DEPTH} operators, one inside of the other"
            )
        self._depths[id(node)] = depth
        return node

    def _choice(self) -> Node:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._wrong(f"more than {MAX_NESTING} levels of brackets", self._token.start)
        node = self._either()
        if self._takes("?"):
            yes = self._either()
            self._needs(":")
            no = self._choice()
            node = self._made(Operation("?", (node, yes, no)), node, yes, no)
        self._nesting -= 1
        return node

    def _either(self) -> Node:
        return self._joined(self._both, "||")

    def _both(self) -> Node:
        return self._joined(self._relation, "&&")

    def _relation(self) -> Node:
        return self._joined(self._sum, "==", "!=", "<", "<=", ">", ">=", "in")

    def _sum(self) -> Node:
        return self._joined(self._product, "+", "-")

    def _product(self) -> Node:
        return self._joined(self._unary, "*", "/", "%")

    def _joined(self, part: Callable[[], Node], *operators: str) -> Node:
        node = part()
        while operator := self._takes(*operators):
            right = part()
            node = self._made(Operation(operator, (node, right)), node, right)
        return node

    def _unary(self) -> Node:
        operator = self._takes("!", "-")
        if operator is None:
            return self._member()
        while self._takes(operator):
            pass
        node = self._member()
        return self._made(Operation(operator, (node,)), node)

    def _member(self) -> Node:
        node = self._primary()
        while sign := self._takes(".", "["):
            if sign == "[":
                at = self._choice()
                self._needs("]")
                if isinstance(at, Literal) and at.text is not None:
                    node = self._made(Member(node, at.text), node)
                else:
                    node = self._made(Entry(node, at), node, at)
                continue
            token, name = self._token, self._name()
            if not self._takes("("):
                node = self._made(Member(node, name), node)
                continue
            self.called.append(token)
            if name in MACROS:
                node = self._loop(name, node)
            else:
                arguments = self._members(")")
                node = self._made(Call(name, (node, *arguments), True), node, *arguments)
        return node

    def _name(self) -> str:
        token = self._token
        if token.kind != "name" or token.text in _WORDS | {"in"}:
            raise self._unexpected()
        self._next += 1
        return token.text

    def _loop(self, macro: str, over: Node) -> Node:
        self._loops += 1
        if self._loops > MAX_LOOPS:
            raise self._wrong(
                f"more than {MAX_LOOPS} of {', '.join(MACROS)} one inside of the other",
                self._token.start,
            )
        start = self._token.start
        given = self._members(")")
        self._loops -= 1
        variable, bodies = next(iter(given), None), given[1:]
        if not isinstance(variable, Name) or len(given) not in MACROS[macro]:
            raise self._wrong(f"{macro} is written {macro}(entry, condition)", start)
        return self._made(Loop(macro, over, variable.name, bodies), over, *bodies)

    def _primary(self) -> Node:
        token = self._token
        if token.kind == "text":
            self._next += 1
            assert token.value is not None
            return Literal(len(token.value) + 1, token.value)
        if token.kind == "number":
            self._next += 1
            return Literal(1, is_whole_number=token.text.isdecimal())
        if token.kind == "name":
            if token.text in _WORDS:
                self._next += 1
                return Literal(1)
            return self._name_or_call()
        if self._takes("("):
            node = self._choice()
            self._needs(")")
            return node
        if self._takes("["):
            members = self._members("]")
            return self._made(Collection(members), *members)
        if self._takes("{"):
            return self._mapping()
        raise self._unexpected()

    def _name_or_call(self) -> Node:
        token, name = self._token, self._name()
        if not self._takes("("):
            return Name(name)
        self.called.append(token)
        arguments = self._members(")")
        if name == "has" and (len(arguments) != 1 or not isinstance(arguments[0], Member)):
            raise self._wrong("has is asked about a field: has(input.amount)", token.start)
        return self._made(Call(name, arguments, False), *arguments)

    def _members(self, end: str) -> tuple[Node, ...]:
        """What stands up to a closing bracket, between commas."""
        members: list[Node] = []
        while not self._takes(end):
            members.append(self._choice())
            if not self._takes(","):
                self._needs(end)
                break
        return tuple(members)

    def _mapping(self) -> Node:
        members: list[Node] = []
        while not self._takes("}"):
            members.append(self._choice())
            self._needs(":")
            members.append(self._choice())
            if not self._takes(","):
                self._needs("}")
                break
        return self._made(Collection(tuple(members)), *members)
