"""How the work at a step ends otherwise than by returning."""

from __future__ import annotations

from datetime import timedelta

from trellis_process.domain.limits import (
    MAX_CODE_CHARACTERS,
    MAX_TIMEOUT_MS,
    check_optional_text,
    check_timeout_ms,
)
from trellis_process.domain.limits import check_whole_number as check_number


class Failed(Exception):
    """The attempt failed; whether it is tried again, the step's definition or its retries say.

    Any exception ends an attempt so. This one says in words for people why, and with ``code`` (at
    most 128 characters) what kind of error it is, for the definition's ``retry_on`` and
    ``fatal_on``; of others that is the name of their class.

    Raises InvalidInput for a code that is none.
    """

    def __init__(self, message: str, *, code: str | None = None) -> None:
        self.code = check_optional_text("code", code, MAX_CODE_CHARACTERS)
        super().__init__(message)


class Fatal(Failed):
    """The step cannot be done, whatever is tried: raise it with the reason, in words for people.

    The step fails for good, whatever retries are left, and its process with it unless a definition
    leads on from there.
    """


class RetryAfter(Failed):
    """The attempt failed; the next one is to begin after ``delay``, as long as retries are left.

    ``delay`` is a timedelta of nothing to a year, or the same in seconds. The next attempt begins
    with the first sweep after it, so within about a minute of its time.

    Raises InvalidInput for any other delay.
    """

    def __init__(
        self,
        delay: timedelta | float,
        message: str = "to be tried again later",
        *,
        code: str | None = None,
    ) -> None:
        self.delay_ms = check_number("delay", to_ms(delay), 0, MAX_TIMEOUT_MS)
        super().__init__(message, code=code)


class AttemptOver(Exception):
    """Nobody waits for this attempt any more; stop working.

    Raised by ``heartbeat`` where the process or the step has ended, a later attempt has taken over,
    or another run of this one has suspended the step. A function that lets it pass ends without a
    report.
    """


class Suspended(BaseException):
    """The function has suspended its step. Not an Exception, so that no ``except`` keeps it."""

    def __init__(self, timeout: timedelta | None, reason: str | None) -> None:
        timeout_ms = None if timeout is None else to_ms(timeout)
        self.timeout_ms = check_timeout_ms("timeout", timeout_ms)
        self.reason = reason
        super().__init__("suspended")


def to_ms(duration: timedelta | float) -> int:
    """A duration, or seconds, in whole milliseconds."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    return round(seconds * 1000)
