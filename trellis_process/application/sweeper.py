"""Sweeper: one of several that sweep side by side, and the part of what is due that is its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from trellis_process.application.repositories import (
    ShardedTrackers,
    StepTrackerRepository,
    WakeUp,
)
from trellis_process.domain.limits import check_whole_number

MOST = 1_000  # more than any store has shards


@dataclass(frozen=True)
class Sweeper:
    """The sweeper with this ``number``, from 1 on, ``of`` so many; alone unless said.

    Shards are dealt out in turn, so each is one sweeper's and no other's. Where there are fewer
    shards than sweepers, the last find nothing. A store without shards is a single one, and so the
    first sweeper's.

    Sweepers need not know of each other. While some say another ``of`` than others, a shard may
    have two of them, which is harmless, or none until they agree, and nothing of it is lost.

    Raises InvalidInput for a number that is not one of so many, and for more than a thousand.
    """

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        check_whole_number("sweeper.of", self.of, 1, MOST)
        check_whole_number("sweeper.number", self.number, 1, self.of)

    def shards(self, count: int) -> range:
        """Its own of so many shards, which are numbered from 0 on."""
        return range(self.number - 1, count, self.of)

    def due(self, trackers: StepTrackerRepository, now: datetime) -> Iterator[WakeUp]:
        """Its part of what is due in a store, the longest overdue first.

        May raise Throttled or StoreUnavailable.
        """
        if self.of == 1:
            return trackers.due(now)
        if isinstance(trackers, ShardedTrackers):
            return trackers.due_in(self.shards(trackers.shards), now)
        return trackers.due(now) if self.shards(1) else iter(())


ALONE = Sweeper()
