"""Calendar: what schedules mean by the times of day that they name."""

from __future__ import annotations

from functools import lru_cache

from trellis_process.definitions.recurrence import Cron
from trellis_process.domain.calendar_span import zone_of

CACHED = 256  # fields that were read, which takes longer than to find their next time


class Calendar:
    """The clocks of the world, for ScheduleCourse."""

    def cron(self, text: str, time_zone: str) -> Cron:
        """The times that five fields mean in a zone. Raises InvalidInput for what means none."""
        return _cron(text, time_zone)


@lru_cache(CACHED)
def _cron(text: str, time_zone: str) -> Cron:
    return Cron.of("cron", text, zone_of("time_zone", time_zone))
