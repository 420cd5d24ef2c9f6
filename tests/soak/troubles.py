"""Troubles: what is stopped, broken and started again while the load goes on."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError

from tests.soak.stack import Stack
from tests.soak.stream import StreamReader

_Undo = Callable[[], object]


class Troubles:
    """One trouble after another, in an order that the seed gives, each undone after a while."""

    def __init__(
        self, stack: Stack, stream: StreamReader, seed: int, report: Callable[[str], None]
    ) -> None:
        self._stack = stack
        self._stream = stream
        self._chance = random.Random(f"{seed}/troubles")
        self._report = report
        self._is_over = threading.Event()
        self.made: Counter[str] = Counter()
        self.functions_killed = 0
        #: When each trouble began and ended, by the soak's monotonic clock.
        self.spans: list[tuple[str, float, float]] = []
        self._kinds: dict[str, Callable[[], _Undo | None]] = {
            "the power is cut": self._cut_power,
            "all functions are killed": self._kill_functions,
            "the step API is throttled": lambda: self._throttle("StepCommands"),
            "the queue's function is throttled": lambda: self._throttle("QueueCommands"),
            "the publisher is throttled": lambda: self._throttle("EventPublisher"),
            "the checker is throttled": lambda: self._throttle("TimeoutChecker"),
            "the step API has lost its settings": lambda: self._break("StepCommands"),
            "the queue's function has lost its settings": lambda: self._break("QueueCommands"),
            "the publisher has lost its settings": lambda: self._break("EventPublisher"),
            "the checker has lost its settings": lambda: self._break("TimeoutChecker"),
            "the children's function is throttled": lambda: self._throttle("Children"),
            "the children's function has lost its settings": lambda: self._break("Children"),
            "the views' function is throttled": lambda: self._throttle("Views"),
            "the schedule is disabled": self._stop_schedule,
            "the stream's mapping is disabled": self._stop_stream,
            "the queue's mapping is disabled": lambda: self._stop_mapping("QueueCommands"),
            "the children's mapping is disabled": lambda: self._stop_mapping("Children"),
            "the reader has lost its place in the stream": self._lose_checkpoint,
            "three sweeps run at once": self._sweep_thrice,
            "an audit runs": self._audit,
        }

    def go_on(self, until: float) -> None:
        """Makes trouble until then; returns when the last one is undone."""
        while time.monotonic() < until:
            for kind in self._some_order():
                self._make(kind, until)

    def _some_order(self) -> list[str]:
        """Each kind once, and the power cut after every fifth of the others."""
        others = [kind for kind in self._kinds if kind != "the power is cut"]
        self._chance.shuffle(others)
        for at in range(2, len(others) + 4, 6):
            others.insert(at, "the power is cut")
        return others

    def _make(self, kind: str, until: float) -> None:
        lasting, pause = self._chance.uniform(4, 12), self._chance.uniform(3, 8)
        if time.monotonic() + lasting > until:
            self._is_over.wait(max(0.0, until - time.monotonic()))
            return
        began = time.monotonic()
        self._report(kind)
        undo = self._kinds[kind]()
        if undo is not None:
            self._is_over.wait(lasting)
            undo()
        self.made[kind] += 1
        self.spans.append((kind, began, time.monotonic()))
        self._is_over.wait(pause)

    def _cut_power(self) -> None:
        self.functions_killed += self._stack.cut_power(self._stream.read_to_the_end)
        self._stream.lose_checkpoint()

    def _kill_functions(self) -> None:
        self.functions_killed += self._stack.kill_functions()

    def _throttle(self, part: str) -> _Undo:
        self._stack.throttle(part)
        return lambda: self._stack.unthrottle(part)

    def _break(self, part: str) -> _Undo:
        return self._stack.without_settings(part)

    def _stop_schedule(self) -> _Undo:
        self._stack.enable_schedule("TimeoutChecker", False)
        return lambda: self._stack.enable_schedule("TimeoutChecker", True)

    def _stop_stream(self) -> _Undo:
        self._stream.pause()
        return self._stream.go_on

    def _stop_mapping(self, part: str) -> _Undo:
        self._stack.enable_mapping(part, False)
        return lambda: self._stack.enable_mapping(part, True)

    def _lose_checkpoint(self) -> None:
        self._stream.lose_checkpoint()

    def _sweep_thrice(self) -> None:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(self._invoke, ["TimeoutChecker"] * 3))

    def _audit(self) -> None:
        self._invoke("Audit")

    def _invoke(self, part: str) -> None:
        """Calls a function. Where it fails, its schedule calls it again; the end is what counts."""
        try:
            self._stack.invoke(part)
        except (BotoCoreError, ClientError, RuntimeError) as error:
            self._report(f"{part} did not answer: {error}")
