"""Whether and when a failed attempt is tried again: the ``retry`` of a step's definition."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Literal

from trellis_process.domain.definition.duration import Duration, span_of

MAX_ATTEMPTS = 1_001  # one more than the retries that a step may be permitted


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often a step is tried, and how long the pauses in between are."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    #: All executions counted, the first one too.
    max_attempts: int = 1
    #: The same pause each time, one that grows by ``interval``, or one that is multiplied.
    backoff: Literal["fixed", "linear", "exponential"] = "exponential"
    #: The first pause.
    interval: Duration = "1s"
    #: What an exponential pause is multiplied by each time.
    coefficient: float = 2.0
    #: No pause is longer.
    max_interval: Duration = "60s"
    #: Whether a pause is anything from none to its full length, so that failures do not pile up.
    jitter: bool = False
    #: Error codes that are tried again, and no others; empty for all that are not fatal.
    retry_on: tuple[str, ...] = ()
    #: Error codes that are final at once.
    fatal_on: tuple[str, ...] = ()

    def is_retried(self, code: str | None) -> bool:
        """Whether an error with this code may be tried again; without a code it may."""
        if code is None:
            return True
        return code not in self.fatal_on and (not self.retry_on or code in self.retry_on)

    def pause_after(self, failed_attempts: int, seed: str) -> timedelta:
        """The pause before the next attempt, after so many failed ones.

        With ``jitter`` it is drawn by ``seed``, so that the same attempt always waits as long.
        """
        first, longest = span_of("interval", self.interval), span_of("max", self.max_interval)
        if self.backoff == "linear":
            factor = float(failed_attempts)
        elif self.backoff == "exponential":
            factor = _power(self.coefficient, failed_attempts - 1)
        else:
            factor = 1.0
        pause = min(longest, first * min(factor, longest / first))
        if self.jitter:
            pause *= random.Random(f"{seed}/{failed_attempts}").random()
        return timedelta(milliseconds=pause // timedelta(milliseconds=1))


def _power(base: float, exponent: int) -> float:
    try:
        return base**exponent
    except OverflowError:  # long before attempts run out
        return math.inf


RETRY = Retry()
"""One attempt and no more, which is what holds unless a definition says otherwise."""
