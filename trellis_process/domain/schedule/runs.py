"""Runs: which processes a schedule has started, and which it is yet to start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Self

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.time import moment_from, to_text


class Backfill(NamedTuple):
    """A range of times in the past whose runs are yet to be started, the oldest first."""

    #: Those after this time,
    after: datetime
    #: and up to that one.
    until: datetime
    #: Whether all start at once; otherwise one after the other.
    side_by_side: bool = False


class Runs(NamedTuple):
    """What a schedule keeps, as its data, between two changes."""

    #: What came due up to then has been dealt with.
    since: datetime
    #: When the terms were agreed, from which intervals count.
    anchor: datetime
    #: How many were started; the number of a run is how many there were with it.
    started: int = 0
    #: Those that have not ended, by their numbers, and the times that they are for.
    open: Mapping[int, datetime] = {}
    #: Those of them that are being cancelled.
    stopping: tuple[int, ...] = ()
    #: The times whose runs wait until the open ones have ended.
    queue: tuple[datetime, ...] = ()
    #: How many times were passed over.
    skipped: int = 0
    backfills: tuple[Backfill, ...] = ()

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """As the schedule keeps them."""
        return cls(
            since=moment_from(kept["since"]),
            anchor=moment_from(kept["anchor"]),
            started=kept.get("started", 0),
            open={int(number): moment_from(at) for number, at in kept.get("open", {}).items()},
            stopping=tuple(kept.get("stopping", ())),
            queue=tuple(moment_from(at) for at in kept.get("queue", ())),
            skipped=kept.get("skipped", 0),
            backfills=tuple(
                Backfill(moment_from(after), moment_from(until), side_by_side)
                for after, until, side_by_side in kept.get("backfills", ())
            ),
        )

    def as_json(self) -> dict[str, JsonValue]:
        """As the schedule is to keep them, without what is as usual."""
        kept: dict[str, JsonValue] = {"since": to_text(self.since), "anchor": to_text(self.anchor)}
        if self.started:
            kept["started"] = self.started
        if self.open:
            kept["open"] = {str(number): to_text(at) for number, at in self.open.items()}
        if self.stopping:
            kept["stopping"] = list(self.stopping)
        if self.queue:
            kept["queue"] = [to_text(at) for at in self.queue]
        if self.skipped:
            kept["skipped"] = self.skipped
        if self.backfills:
            kept["backfills"] = [
                [to_text(each.after), to_text(each.until), each.side_by_side]
                for each in self.backfills
            ]
        return kept
