"""What a command can be refused for while it is read, as branches of the library's error tree.

::

    TrellisError
    ├── MalformedRequest          it cannot be read: not JSON, not UTF-8, a key twice
    └── InvalidInput
        └── InvalidRequest        several fields were refused, all of them named
"""

from __future__ import annotations

from collections.abc import Sequence

from trellis_process.errors import Described, InvalidInput, TrellisError


class MalformedRequest(TrellisError):
    """The request cannot be read at all. Nothing was done."""

    code = "malformed_request"


class InvalidRequest(InvalidInput):
    """Several fields of a request were refused, and ``refusals`` says of each which and why."""

    def __init__(self, refusals: Sequence[InvalidInput]) -> None:
        self.refusals = refusals
        super().__init__(
            "body", Described(f"{len(refusals)} fields that are not allowed"), "see each"
        )


def reason_of(error: TrellisError) -> str:
    """Why a command was refused, in words: of several refused fields each one."""
    if isinstance(error, InvalidRequest):
        return "; ".join(map(str, error.refusals))
    return str(error)
