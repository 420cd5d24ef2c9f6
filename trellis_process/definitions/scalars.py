"""What plain text means in YAML: by the core schema of YAML 1.2.

So ``yes``, ``on`` and ``no`` are text, as are dates, times such as ``12:30`` and numbers such as
``1_000``; ``010`` is ten. That is what JSON's reader would make of them, were they in its language.
"""

from __future__ import annotations

import re
from typing import Any

from trellis_process.domain.limits import MAX_INTEGER_DIGITS

_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def plain_value(text: str) -> Any:
    """The value of an unquoted scalar. Raises ValueError for numbers that JSON has not."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    first = text[0]
    if not (first in "+-." or "0" <= first <= "9"):
        return text
    for pattern, base in ((_DECIMAL, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            if len(text) > MAX_INTEGER_DIGITS:
                raise ValueError(f"allowed are integers of {MAX_INTEGER_DIGITS} digits")
            return int(text, base)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise ValueError("the number is too large")
        return number
    if _NO_NUMBER.fullmatch(text):
        raise ValueError("JSON has neither infinite numbers nor NaN")
    return text
