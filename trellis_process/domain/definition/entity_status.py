"""EntityStatus: a change of an entity's status that a definition names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from trellis_process.errors import InvalidInput

_NO_ARROW = "(?:(?!->)[^→])*"
#: One arrow, and a status after it.
ENTITY_STATUS_PATTERN = rf"^({_NO_ARROW})(?:->|→)(?=.*\S)({_NO_ARROW})$"
_STATUS = re.compile(ENTITY_STATUS_PATTERN)
_ALLOWED = "allowed are pending -> confirmed, and -> confirmed whatever it was before"


@dataclass(frozen=True)
class EntityStatus:
    """From one status to another; ``before`` is None where it does not matter."""

    before: str | None
    now: str

    @classmethod
    def of(cls, field: str, text: str) -> Self:
        """Reads ``pending -> confirmed`` or ``-> confirmed``. Raises InvalidInput."""
        found = _STATUS.fullmatch(text)
        if found is None:
            raise InvalidInput(field, text, _ALLOWED)
        before, now = found.groups()
        return cls(before.strip() or None, now.strip())
