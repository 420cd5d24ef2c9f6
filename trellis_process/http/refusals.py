"""What a request over HTTP can be refused for besides, as branches of the library's error tree.

::

    TrellisError
    ├── MalformedRequest          the request cannot be read: not JSON, not UTF-8, no entity tag
    ├── UnsupportedMediaType      the body is something else than JSON
    ├── PathNotFound              nothing lives under this path
    ├── MethodNotAllowed          something does, but it does not take this method
    ├── TenantNotAllowed          the caller's token is another tenant's, or none's
    ├── OperatorsOnly             the caller's token is no operator's
    ├── NotTried                  the time of a batch was up before this command of it
    └── InvalidInput
        └── InvalidRequest        several fields were refused, all of them named
"""

from __future__ import annotations

from collections.abc import Iterable

from trellis_process.commands.refusals import InvalidRequest, MalformedRequest
from trellis_process.errors import TrellisError

__all__ = [
    "InvalidRequest",
    "MalformedRequest",
    "MethodNotAllowed",
    "NotTried",
    "OperatorsOnly",
    "PathNotFound",
    "TenantNotAllowed",
    "UnsupportedMediaType",
]


class UnsupportedMediaType(TrellisError):
    """The body is said to be something else than JSON in UTF-8. Nothing was done."""

    code = "unsupported_media_type"


class PathNotFound(TrellisError):
    """Nothing lives under this path."""

    code = "path_not_found"

    def __init__(self) -> None:
        super().__init__("nothing lives under this path; /openapi.json lists what there is")


class MethodNotAllowed(TrellisError):
    """The path is known, but not with this method."""

    code = "method_not_allowed"

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = sorted(allowed)
        super().__init__(f"allowed is {' or '.join(self.allowed)}")


class TenantNotAllowed(TrellisError):
    """The caller's token does not name the tenant of the path. Nothing was looked at or done."""

    code = "tenant_not_allowed"

    def __init__(self, claim: str) -> None:
        super().__init__(f"the claim {claim!r} of your token is not the tenant of this path")


class OperatorsOnly(TrellisError):
    """The caller's token has not the scope of operators. Nothing was looked at or done."""

    code = "operators_only"

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"definitions are the whole stack's, and your token has no scope {scope!r}"
        )


class NotTried(TrellisError):
    """A command of a batch that was not begun. Nothing was done about it."""

    code = "not_tried"

    def __init__(self) -> None:
        super().__init__("the batch's time was up before this command; send it again")
