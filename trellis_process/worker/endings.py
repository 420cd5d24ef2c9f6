"""How the work at a step ends otherwise than by returning."""

from __future__ import annotations

from datetime import timedelta

from trellis_process.domain.limits import MAX_TIMEOUT_MS, check_timeout_ms
from trellis_process.domain.limits import check_whole_number as check_number


class Fatal(Exception):
    """The step cannot be done, whatever is tried: raise it with the reason, in words for people.

    The step fails for good, and its process with it; permitted retries are not used.
    """


class RetryAfter(Exception):
    """The attempt failed; the next one is to begin after ``delay``, as long as retries are left.

    ``delay`` is a timedelta of nothing to a year, or the same in seconds. The next attempt begins
    with the first sweep after it, so within about a minute of its time.

    Raises InvalidInput for any other delay.
    """

    def __init__(self, delay: timedelta | float, message: str = "to be tried again later") -> None:
        self.delay_ms = check_number("delay", to_ms(delay), 0, MAX_TIMEOUT_MS)
        super().__init__(message)


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
