"""Turns: two programs at one store, of which each call is made when its turn comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import permutations
from typing import Any

from trellis_process import Process, ProcessKey, ProcessRepository, StepTrackerRepository
from trellis_process.application.repositories import WakeUp

#: Every order of three calls each; no command or sweep makes more of them before it writes.
ORDERS = sorted({"".join(order) for order in permutations("AAABBB")})
WAIT_SECONDS = 30  # for a turn that never comes, because the test is wrong


class Turns:
    """Lets A and B, each in a thread, make their calls in this order, one at a time.

    A turn lasts from one call to just before the next. Where one of them is done, the other goes
    on; after the last turn of the order first A and then B makes what calls are left.
    """

    def __init__(self, order: str) -> None:
        self._order = list(order) + ["A"] * 50 + ["B"] * 50
        self._is_at_gate: set[str] = set()
        self._moved = threading.Condition()

    def wait(self, who: str) -> None:
        """Comes back when it is this one's turn."""
        with self._moved:
            self._is_at_gate.add(who)
            self._moved.notify_all()
            came = self._moved.wait_for(
                lambda: self._order[0] == who and self._are_at_gate(), WAIT_SECONDS
            )
            assert came, f"{who} waited for its turn for {WAIT_SECONDS} seconds"
            self._order.pop(0)
            self._is_at_gate.discard(who)

    def done(self, who: str) -> None:
        """This one makes no more calls."""
        with self._moved:
            self._order = [turn for turn in self._order if turn != who]
            self._is_at_gate.discard(who)
            self._moved.notify_all()

    def _are_at_gate(self) -> bool:
        return set(self._order) <= self._is_at_gate


def both(turns: Turns, acts: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Runs both to their ends; what each returned or raised."""
    results: dict[str, Any] = {}

    def run(who: str) -> None:
        try:
            results[who] = acts[who]()
        except Exception as error:
            results[who] = error
        finally:
            turns.done(who)

    threads = [threading.Thread(target=run, args=(who,)) for who in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class ProcessesInTurn:
    """A ProcessRepository whose calls wait for their turns."""

    def __init__(self, processes: ProcessRepository, turns: Turns, who: str) -> None:
        self._processes = processes
        self._turns = turns
        self._who = who

    def add(self, process: Process) -> None:
        self._turns.wait(self._who)
        self._processes.add(process)

    def save(self, process: Process) -> None:
        self._turns.wait(self._who)
        self._processes.save(process)

    def get(self, key: ProcessKey) -> Process | None:
        self._turns.wait(self._who)
        return self._processes.get(key)


class TrackersInTurn:
    """A StepTrackerRepository whose calls wait for their turns."""

    def __init__(self, trackers: StepTrackerRepository, turns: Turns, who: str) -> None:
        self.processes = ProcessesInTurn(trackers.processes, turns, who)
        self._trackers = trackers
        self._turns = turns
        self._who = who

    def due(self, now: datetime) -> Iterator[WakeUp]:
        self._turns.wait(self._who)
        for wake_up in list(self._trackers.due(now)):
            yield WakeUp(wake_up.key, wake_up.due_at, lambda each=wake_up: self._read(each))

    def _read(self, wake_up: WakeUp) -> Process | None:
        self._turns.wait(self._who)
        return wake_up.read()
