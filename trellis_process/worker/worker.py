"""A worker: the functions that do the work of services and steps, and whom they report to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trellis_process.client import TrellisClient
from trellis_process.domain.limits import check_name
from trellis_process.domain.own_services import LLM_INTENT_SERVICE, QUERY_SERVICE
from trellis_process.worker.delivery import Event, NotWork, asks_for_work, deliver
from trellis_process.worker.step_handler import StepFunction, StepHandler
from trellis_process.worker.tracker import Tracker

if TYPE_CHECKING:
    from trellis_process.intents import Intents
    from trellis_process.queries import Sources

URL_VARIABLE = "TRELLIS_API_URL"


class Worker:
    """The services that a program is, or the steps that it does.

    It reports to ``tracker``, a TrellisClient or a ProcessService; without one, to the step API
    whose address is in the environment as ``TRELLIS_API_URL``, signed with the function's role,
    from the first event on.
    """

    def __init__(self, tracker: Tracker | None = None) -> None:
        self._tracker = tracker
        self._services: dict[str, StepHandler] = {}
        self._steps: dict[str, StepHandler] = {}

    def service(self, name: str) -> Callable[[StepFunction], StepHandler]:
        """Makes a Lambda handler of the function that does what a definition asks of this service.

        That is the work of steps, and of compensations, which say by ``ctx.undoes`` what they
        undo. Raises InvalidInput for what is no name, ValueError for a service that is there
        already.
        """
        return self._decorator(self._services, "service", check_name("name", name))

    def step(self, name: str) -> Callable[[StepFunction], StepHandler]:
        """Makes a Lambda handler of the function that does the work of the steps of that name.

        Raises InvalidInput for what is no name, ValueError for a step that is done already.
        """
        return self._decorator(self._steps, "step_name", check_name("name", name))

    def intents(self, intents: Intents) -> StepHandler:
        """Makes a Lambda handler that has models do what ``llm_intent`` steps ask for.

        Definitions ask the service ``trellis.llm_intent`` for it. Raises ValueError where somebody
        does that already.
        """
        return self.service(LLM_INTENT_SERVICE)(intents.answer)

    def queries(self, sources: Sources) -> StepHandler:
        """Makes a Lambda handler that answers what ``query`` steps ask for.

        Definitions ask the service ``trellis.query`` for it. Raises ValueError where somebody does
        that already.
        """
        return self.service(QUERY_SERVICE)(sources.answer)

    def _decorator(
        self, handlers: dict[str, StepHandler], field: str, name: str
    ) -> Callable[[StepFunction], StepHandler]:
        if name in handlers:
            there = handlers[name]
            raise ValueError(f"{there.what} {name!r} is done by {there.function!r} already")

        def decorate(function: StepFunction) -> StepHandler:
            handler = handlers[name] = StepHandler(self, field, name, function)
            return handler

        return decorate

    def handler(self, event: Mapping[str, Any], context: object) -> dict[str, Any] | None:
        """A Lambda handler for all of this worker, where one function is to do several things."""
        return deliver(event, self._work)

    def does(self, event: Event) -> bool:
        """Whether it has a function for the work that an event asks for."""
        return asks_for_work(event) and self._handler_for(event) is not None

    def _work(self, event: Event) -> None:
        if not asks_for_work(event):
            return
        handler = self._handler_for(event)
        if handler is None:
            field = "service" if "service" in event else "step_name"
            handlers = {"service": self._services, "step_name": self._steps}[field]
            known = ", ".join(handlers) or "none"
            raise NotWork(
                f"nobody here does {field.removesuffix('_name')} {event[field]!r}; there are "
                f"{known}: let the rule match detail.{field}"
            )
        handler.do(event)

    def _handler_for(self, event: Event) -> StepHandler | None:
        """Who does it: the service that is asked, else whoever does steps of that name."""
        asked = self._services.get(event.get("service", ""))
        return asked or self._steps.get(event["step_name"])

    @property
    def services(self) -> list[str]:
        """The services that it is."""
        return list(self._services)

    @property
    def steps(self) -> list[str]:
        """The steps that it does, whichever service they ask."""
        return list(self._steps)

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
