"""A worker: the functions of a service that do the work of steps, and whom they report to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from trellis_process.client import TrellisClient
from trellis_process.domain.limits import check_name
from trellis_process.worker.delivery import WORK, Event, NotWork, deliver
from trellis_process.worker.step_handler import StepFunction, StepHandler
from trellis_process.worker.tracker import Tracker

URL_VARIABLE = "TRELLIS_API_URL"


class Worker:
    """The steps that a service does.

    It reports to ``tracker``, a TrellisClient or a ProcessService; without one, to the step API
    whose address is in the environment as ``TRELLIS_API_URL``, signed with the function's role,
    from the first event on.
    """

    def __init__(self, tracker: Tracker | None = None) -> None:
        self._tracker = tracker
        self._handlers: dict[str, StepHandler] = {}

    def step(self, name: str) -> Callable[[StepFunction], StepHandler]:
        """Makes a Lambda handler of the function that does this step's work.

        Raises InvalidInput for what is no name, ValueError for a step that is done already.
        """
        check_name("name", name)
        if name in self._handlers:
            raise ValueError(f"step {name!r} is done by {self._handlers[name].function!r} already")

        def decorate(function: StepFunction) -> StepHandler:
            handler = self._handlers[name] = StepHandler(self, name, function)
            return handler

        return decorate

    def handler(self, event: Mapping[str, Any], context: object) -> dict[str, Any] | None:
        """A Lambda handler for all steps of this worker, where one function is to do several."""
        return deliver(event, self._work)

    def _work(self, event: Event) -> None:
        if event["type"] not in WORK:
            return
        handler = self._handlers.get(event["step_name"])
        if handler is None:
            known = ", ".join(self._handlers) or "none"
            raise NotWork(
                f"nobody here does step {event['step_name']!r}; there are {known}: let the rule "
                "match detail.step_name"
            )
        handler.do(event)

    @property
    def steps(self) -> list[str]:
        """The steps that it does."""
        return list(self._handlers)

    def tracker(self) -> Tracker:
        """Whom it reports to. Raises LookupError where that is not said."""
        if self._tracker is None:
            url = os.environ.get(URL_VARIABLE)
            if not url:
                raise LookupError(
                    f"set {URL_VARIABLE} to the stack's output ApiUrl, or give Worker a tracker"
                )
            self._tracker = TrellisClient(url)
        return self._tracker

    @contextmanager
    def reporting_to(self, tracker: Tracker) -> Iterator[None]:
        """Meanwhile it reports to another tracker, as in a test."""
        before, self._tracker = self._tracker, tracker
        try:
            yield
        finally:
            self._tracker = before
