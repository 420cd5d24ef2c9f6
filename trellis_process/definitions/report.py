"""What was found in one document, collected and put in order."""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher
from itertools import islice

from trellis_process.definitions.document import Document
from trellis_process.definitions.finding import Finding, Path, Severity, path_text

MAX_FINDINGS = 1_000  # a document that is no definition at all has no end of them
_MAX_COMPARISONS = 20_000  # of names with each other, to find near ones; then without
_NEAR = 0.6  # of which 1 would be the same


class Report:
    """Takes findings by their path, and knows where in the text that is."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: dict[tuple[Path, str], Finding] = {}  # by what it says, for it says it once
        self._comparisons = 0

    def error(self, path: Path, code: str, message: str, *, of_key: bool = False) -> None:
        """The definition cannot be used."""
        self._add(path, code, message, Severity.ERROR, of_key)

    def warn(self, path: Path, code: str, message: str) -> None:
        """It can be used, and most likely does not do what was meant."""
        self._add(path, code, message, Severity.WARNING, of_key=False)

    def where(self, path: Path) -> str:
        """How people are told where something else is."""
        place = self._document.place(path)
        return path_text(path) if place is None else f"in line {place[0]}"

    @property
    def has_errors(self) -> bool:
        """Whether anything makes the definition unusable."""
        return any(each.severity is Severity.ERROR for each in self._found.values())

    @property
    def is_full(self) -> bool:
        """Whether so much was found that looking for more helps nobody."""
        return len(self._found) >= MAX_FINDINGS

    def findings(self) -> list[Finding]:
        """All of them, in the order of the text."""
        found = sorted(self._found.values(), key=lambda each: (each.line or 0, each.column or 0))
        if len(found) >= MAX_FINDINGS:
            message = f"there is more to mend than these {MAX_FINDINGS:,}"
            found.append(Finding(path="", message=message, code="too_many"))
        return found

    def near(self, given: object, known: Collection[str]) -> str:
        """``; did you mean 'x'?``, where something near is known."""
        nearest = self.nearest(given, known)
        return "" if nearest is None else f"; did you mean {nearest!r}?"

    def nearest(self, given: object, known: Collection[str]) -> str | None:
        """What is known that may have been meant; None where nothing is near."""
        if not isinstance(given, str) or len(given) > 100:
            return None
        if self._comparisons + len(known) > _MAX_COMPARISONS:
            return None
        self._comparisons += len(known)
        matcher = SequenceMatcher(b=given.lower())
        best, nearest = _NEAR, None
        for name in known:
            matcher.set_seq1(name.lower())
            # The first two are cheap, and say no to most.
            if matcher.real_quick_ratio() >= best and matcher.quick_ratio() >= best:
                ratio = matcher.ratio()
                if ratio > best or (ratio == best and nearest is None):
                    best, nearest = ratio, name
        return nearest

    def _add(self, path: Path, code: str, message: str, severity: Severity, of_key: bool) -> None:
        if self.is_full:
            return
        line, column = self._document.place(path, of_key=of_key) or (None, None)
        finding = Finding(
            path=path_text(path),
            message=message,
            code=code,
            severity=severity,
            line=line,
            column=column,
        )
        self._found.setdefault((path, message), finding)


def listed(names: Collection[str], at_most: int = 12) -> str:
    """Names as an error lists them."""
    shown = islice(names, at_most)
    return ", ".join(shown) + (", …" if len(names) > at_most else "")
