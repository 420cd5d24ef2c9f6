"""What one value of an event has to be: equal to another, or as a matcher says."""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from typing import NamedTuple, TypeAlias, TypeGuard

from trellis_process.domain.limits import JsonValue
from trellis_process.errors import shown
from trellis_process.nearest import did_you_mean

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in its pattern: ``("detail", "state", 0, "prefix")``."""

Flaw: TypeAlias = tuple[Path, str]
"""Where something is wrong, and a sentence of what was given and what is allowed."""

IGNORE_CASE = "equals-ignore-case"

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RANGE = ((">", ">="), ("<", "<="))  # from the lower bound to the higher, as EventBridge has it
_CIDR = re.compile(r"[0-9a-fA-F:.]+/[0-9]{1,3}")
_WILDCARD = re.compile(r"(?:[^*\\]|\\[*\\]|\*(?!\*))*", re.DOTALL)
_WILDCARD_PARTS = re.compile(r"[^*\\]+|\\[*\\]|\*", re.DOTALL)


def check_matcher(matcher: JsonValue) -> Iterator[Flaw]:
    """What is wrong with one member of a field's list, at paths below it."""
    if isinstance(matcher, dict):
        if len(matcher) != 1:
            yield (), f"got {shown(matcher)}; allowed is an object of one matcher"
        for name, argument in matcher.items():
            if name in MATCHERS:
                yield from _below(name, MATCHERS[name].check(argument))
            else:
                yield _unknown(name, list(MATCHERS))
    elif not (matcher is None or isinstance(matcher, str | bool) or _is_number(matcher)):
        allowed = "allowed are text, finite numbers, true, false, null and objects of one matcher"
        yield (), f"got {shown(matcher)}; {allowed}"


def is_met(matcher: JsonValue, value: object) -> bool:
    """Whether a value, which is neither list nor object, is as a sound matcher says."""
    if isinstance(matcher, str):
        return isinstance(value, str) and value == matcher
    if isinstance(matcher, dict):
        ((name, argument),) = matcher.items()
        return MATCHERS[name].is_met(argument, value)
    if isinstance(matcher, bool) or matcher is None:
        return value is matcher
    return _is_number(value) and value == matcher


def _is_number(value: object) -> TypeGuard[float]:
    """Whether this is a number that a double can hold; true and false, NaN and infinity are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -sys.float_info.max <= value <= sys.float_info.max


def _below(at: str | int, flaws: Iterator[Flaw]) -> Iterator[Flaw]:
    return (((at, *path), message) for path, message in flaws)


def _unknown(name: object, known: list[str]) -> Flaw:
    allowed = f"allowed is {known[0]}" if len(known) == 1 else f"allowed are {', '.join(known)}"
    message = f"got the matcher {shown(name)}; {allowed}{did_you_mean(name, known)}"
    return (name,) if isinstance(name, str) else (), message


# -- Text ----------------------------------------------------------------------------------------


def _check_text(argument: JsonValue) -> Iterator[Flaw]:
    if not isinstance(argument, str):
        yield (), f"got {shown(argument)}; allowed is text"


def _check_end(argument: JsonValue) -> Iterator[Flaw]:
    """Of a prefix or suffix: text, or an object that says that case does not count."""
    if not isinstance(argument, dict):
        yield from _check_text(argument)
    elif list(argument) == [IGNORE_CASE]:
        yield from _below(IGNORE_CASE, _check_text(argument[IGNORE_CASE]))
    elif len(argument) == 1:
        yield _unknown(next(iter(argument)), [IGNORE_CASE])
    else:
        yield (), f"got {shown(argument)}; allowed is text, or an object of {IGNORE_CASE}"


def _check_wildcard(argument: JsonValue) -> Iterator[Flaw]:
    if not isinstance(argument, str) or not _WILDCARD.fullmatch(argument):
        allowed = "allowed is text with * for any characters, not two of them side by side"
        yield (), rf"got {shown(argument)}; {allowed}; \* and \\ stand for * and \ themselves"


def _of_text(test: Callable[[str, str], bool]) -> Callable[[JsonValue, object], bool]:
    """A test of a text by another, which no other value meets."""

    def passes(argument: JsonValue, value: object) -> bool:
        if not isinstance(value, str):
            return False
        if isinstance(argument, dict):
            return test(value.casefold(), argument[IGNORE_CASE].casefold())
        return test(value, argument)

    return passes


def _is_same_but_for_case(text: str, other: str) -> bool:
    return text.casefold() == other.casefold()


def _fits(text: str, wildcard: str) -> bool:
    # Not by a regular expression: with many * it takes a power of the text's length.
    parts = [""]
    for part in _WILDCARD_PARTS.findall(wildcard):
        if part == "*":
            parts.append("")
        else:
            parts[-1] += part.removeprefix("\\")
    first, *others = parts
    if not others:
        return text == first
    *between, last = others
    if not (text.startswith(first) and text.endswith(last)):
        return False
    place = len(first)
    for part in between:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return place + len(last) <= len(text)


# -- Numbers, addresses and presence -------------------------------------------------------------


def _check_numeric(argument: JsonValue) -> Iterator[Flaw]:
    if not isinstance(argument, list) or len(argument) not in (2, 4):
        allowed = 'allowed are a comparison as ["=", 5] and a range as [">", 0, "<=", 5]'
        yield (), f"got {shown(argument)}; {allowed}"
        return
    signs = _RANGE if len(argument) == 4 else (tuple(_COMPARISONS),)
    for place, allowed_here in enumerate(signs):
        sign, number = argument[2 * place : 2 * place + 2]
        if sign not in allowed_here:
            yield (2 * place,), f"got {shown(sign)}; allowed is one of {' '.join(allowed_here)}"
        if not _is_number(number):
            yield (2 * place + 1,), f"got {shown(number)}; allowed is a finite number"
    numbers = argument[1::2]
    if len(numbers) == 2 and all(map(_is_number, numbers)) and numbers[0] >= numbers[1]:
        yield (), f"got {shown(argument)}; allowed is a range from a lower to a higher number"


def _compares(numeric: JsonValue, value: object) -> bool:
    pairs = zip(numeric[::2], numeric[1::2], strict=True)
    return _is_number(value) and all(_COMPARISONS[sign](value, number) for sign, number in pairs)


def _check_cidr(argument: JsonValue) -> Iterator[Flaw]:
    try:
        if not isinstance(argument, str) or not _CIDR.fullmatch(argument):
            raise ValueError
        ip_network(argument, strict=False)
    except ValueError:
        yield (), f"got {shown(argument)}; allowed is a range as 10.0.0.0/24 or 2001:db8::/32"


def _is_address_in(cidr: JsonValue, value: object) -> bool:
    try:
        return isinstance(value, str) and ip_address(value) in ip_network(cidr, strict=False)
    except ValueError:
        return False


def _check_exists(argument: JsonValue) -> Iterator[Flaw]:
    if not isinstance(argument, bool):
        yield (), f"got {shown(argument)}; allowed are true and false"


# -- All but -------------------------------------------------------------------------------------


def _check_anything_but(argument: JsonValue) -> Iterator[Flaw]:
    """A value, or several of one kind; or a matcher of text, of one text or several."""
    if isinstance(argument, dict) and len(argument) == 1:
        ((name, texts),) = argument.items()
        if name in _BUT:
            yield from _below(name, _check_texts(name, texts))
        else:
            yield _unknown(name, list(_BUT))
        return
    values = argument if isinstance(argument, list) else [argument]
    is_text = all(isinstance(value, str) for value in values)
    if not values or not (is_text or all(map(_is_number, values))):
        allowed = "allowed are text, a number, a list of either, and an object of one of "
        yield (), f"got {shown(argument)}; {allowed}{', '.join(_BUT)}"


def _check_texts(name: str, texts: JsonValue) -> Iterator[Flaw]:
    if texts == []:
        yield (), "got []; allowed is text, or a list of one or more"
    for place, text in enumerate(texts if isinstance(texts, list) else [texts]):
        flaws = _BUT[name](text)
        yield from _below(place, flaws) if isinstance(texts, list) else flaws


def _check_part(argument: JsonValue) -> Iterator[Flaw]:
    if not isinstance(argument, str) or not argument:  # every text begins and ends with none
        yield (), f"got {shown(argument)}; allowed is text of one or more characters"


#: What anything-but takes beside values, with how each text is checked.
_BUT: dict[str, Callable[[JsonValue], Iterator[Flaw]]] = {
    "prefix": _check_part,
    "suffix": _check_part,
    IGNORE_CASE: _check_text,
    "wildcard": _check_wildcard,
}


def _is_anything_but(argument: JsonValue, value: object) -> bool:
    if isinstance(argument, dict):
        ((name, texts),) = argument.items()
        texts = texts if isinstance(texts, list) else [texts]
        return not any(MATCHERS[name].is_met(text, value) for text in texts)
    values = argument if isinstance(argument, list) else [argument]
    return not any(is_met(each, value) for each in values)


class _Matcher(NamedTuple):
    check: Callable[[JsonValue], Iterator[Flaw]]
    is_met: Callable[[JsonValue, object], bool]


MATCHERS = {
    "prefix": _Matcher(_check_end, _of_text(str.startswith)),
    "suffix": _Matcher(_check_end, _of_text(str.endswith)),
    IGNORE_CASE: _Matcher(_check_text, _of_text(_is_same_but_for_case)),
    "wildcard": _Matcher(_check_wildcard, _of_text(_fits)),
    "anything-but": _Matcher(_check_anything_but, _is_anything_but),
    "numeric": _Matcher(_check_numeric, _compares),
    "cidr": _Matcher(_check_cidr, _is_address_in),
    "exists": _Matcher(_check_exists, lambda is_asked_for, value: is_asked_for),
}
