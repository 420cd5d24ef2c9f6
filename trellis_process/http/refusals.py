"""What only a request over HTTP can be refused for, as branches of the library's error tree.

::

    TrellisError
    ├── MalformedRequest          the request cannot be read: not JSON, not UTF-8, no entity tag
    ├── UnsupportedMediaType      the body is something else than JSON
    ├── PathNotFound              nothing lives under this path
    ├── MethodNotAllowed          something does, but it does not take this method
    ├── TenantNotAllowed          the caller's token is another tenant's, or none's
    └── InvalidInput
        └── InvalidRequest        several fields were refused, all of them named
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trellis_process.errors import Described, InvalidInput, TrellisError


class MalformedRequest(TrellisError):
    """The request cannot be read at all. Nothing was done."""

    code = "malformed_request"


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


class InvalidRequest(InvalidInput):
    """Several fields of a request were refused, and ``refusals`` says of each which and why."""

    def __init__(self, refusals: Sequence[InvalidInput]) -> None:
        self.refusals = refusals
        super().__init__(
            "body", Described(f"{len(refusals)} fields that are not allowed"), "see each"
        )
