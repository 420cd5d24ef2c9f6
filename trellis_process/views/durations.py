"""Durations counted in buckets that grow with them, and the percentiles that these give.

A bucket is 10.5 % wider than the one before, so what is said of a duration is within 5 % of it,
from a millisecond to a year, in at most 250 buckets. (The scheme of DDSketch: Masson, Rim and Lee,
*DDSketch: a fast and fully-mergeable quantile sketch*, VLDB 2019.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta

RELATIVE_ERROR = 0.05
_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GROWTH = math.log(_GROWTH)
_ZERO = -1  # the bucket of what took less than a millisecond

PERCENTILES = (50, 90, 99)


def bucket_of(duration: timedelta) -> int:
    """The number of the bucket that a duration counts in; time that ran backwards is none."""
    milliseconds = duration / timedelta(milliseconds=1)
    if milliseconds < 1:
        return _ZERO
    return math.ceil(math.log(milliseconds) / _LOG_GROWTH)


def milliseconds_of(bucket: int) -> float:
    """A duration that is within 5 % of every one in a bucket."""
    return 0.0 if bucket == _ZERO else float(2 * _GROWTH**bucket / (_GROWTH + 1))


def percentile(counts: Mapping[int, int], percent: float) -> int | None:
    """The milliseconds that so many percent took at most; None where nothing was counted."""
    total = sum(counts.values())
    if total <= 0:
        return None
    wanted = max(1, math.ceil(total * percent / 100))
    for bucket in sorted(counts):
        wanted -= counts[bucket]
        if wanted <= 0:
            return round(milliseconds_of(bucket))
    raise AssertionError("the buckets hold what they were counted to hold")
