"""What only a call over the network can fail with, as branches of the library's error tree.

::

    TrellisError
    ├── NotAuthorized             the step API does not know the caller, or does not let it do this
    ├── TrackerFault              the tracker failed in a way that nobody meant; it is on its record
    ├── UnexpectedAnswer          the answer is none that the step API gives
    └── StoreError
        ├── NotTried              the time of a batch was up before this command of it
        └── StoreUnavailable
            └── Unreachable       nobody answered, or only what stands before the tracker

Unreachable is a StoreUnavailable, so that what was written for a ProcessService and tries again
later on that error does so over the network as well.
"""

from __future__ import annotations

from trellis_process.errors import StoreError, StoreUnavailable, TrellisError


class NotAuthorized(TrellisError):
    """The step API does not let the caller in: no credentials, the wrong ones, or a missing right.

    Nothing was done. Trying again helps only once credentials or rights have changed.
    """

    code = "not_authorized"


class TrackerFault(TrellisError):
    """A fault of the tracker, which is in its log. The command may have been done."""

    code = "internal_error"


class UnexpectedAnswer(TrellisError):
    """An answer that the step API does not give, or not to this client.

    ``base_url`` leads elsewhere, something in between answers instead, or client and tracker are
    of different versions. ``status`` is that of HTTP; ``problem`` the code of the problem, where
    it is one.
    """

    code = "unexpected_answer"

    def __init__(self, status: int, told: str, *, problem: str | None = None) -> None:
        self.status = status
        self.problem = problem
        super().__init__(
            f"the answer {status} is none of the step API: {told}; check the address, and that "
            "client and tracker are of the same version"
        )


class NotTried(StoreError):
    """A command of a batch that was not begun, because the batch's time was up. Send it again."""

    code = "not_tried"


class Unreachable(StoreUnavailable):
    """The tracker could not be reached, after bounded tries.

    ``may_have_happened`` says whether a try may have done the command all the same. Either way it
    can be repeated.
    """

    code = "unreachable"
