"""What is wrong, or doubtful, in a document: where it stands, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in its document: ``("steps", 2, "on_failure")``."""


class Severity(StrEnum):
    """Whether a definition may be used all the same."""

    ERROR = "error"  # it may not
    WARNING = "warning"  # it may; it most likely does not do what was meant


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with a document, or doubtful."""

    #: Where: ``steps[2].on_failure``; empty for the document as a whole.
    path: str
    #: What was given, what is allowed, and the nearest name that exists.
    message: str
    #: The rule, for programs: ``unknown_target``. It is stable; the message may change.
    code: str
    severity: Severity = Severity.ERROR
    #: Where in the text, counted from 1; None where there was no text.
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """All of it in one line, as an error tells it."""
        at = "" if self.line is None else f"line {self.line}, column {self.column}: "
        what = "" if self.severity is Severity.ERROR else f"{self.severity}: "
        return f"{at}{what}{self.subject}{self.message}"

    @property
    def subject(self) -> str:
        """The path as a sentence begins with it."""
        return f"{self.path}: " if self.path else ""


def path_text(path: Path) -> str:
    """A path as people write it: ``steps[2].on_failure``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
