"""A Lambda handler around the function that does one step's work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeAlias

from trellis_process.client.requests import readable_error
from trellis_process.domain.limits import JsonValue
from trellis_process.errors import Conflict, InvalidInput
from trellis_process.worker.context import StepContext
from trellis_process.worker.delivery import WORK, Event, NotWork, deliver
from trellis_process.worker.endings import AttemptOver, Fatal, RetryAfter, Suspended
from trellis_process.worker.tracker import Tracker

if TYPE_CHECKING:
    from trellis_process.worker.worker import Worker

logger = logging.getLogger(__name__)

StepFunction: TypeAlias = Callable[[StepContext], JsonValue]
"""Does the work of a step; what it returns is the step's output, JSON of at most 32 KB."""


class StepHandler:
    """What ``@worker.step`` makes of a function: called by Lambda, it does the work and reports."""

    def __init__(self, worker: Worker, step_name: str, function: StepFunction) -> None:
        self._worker = worker
        self.step_name = step_name
        #: The function itself, for tests that call it with a context.
        self.function = function
        update_wrapper(self, function)

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any] | None:
        """Lambda's entry: events from the bus, or a batch of them from a queue."""
        return deliver(event, self._work)

    def _work(self, event: Event) -> None:
        if event["type"] not in WORK:
            return
        if event["step_name"] != self.step_name:
            raise NotWork(
                f"this function does step {self.step_name!r}, the event is about "
                f"{event['step_name']!r}; let the rule match detail.step_name"
            )
        self.do(event)

    def do(self, event: Event) -> None:
        """Does the work that an event asks for and reports how it ended.

        Any exception but those of ``endings`` is a failed attempt, to be tried again at once as
        long as retries are left. A report that comes too late is logged and left at that, since
        delivering the event again would not help. Raises what the tracker raises otherwise, so
        that the event is delivered again.
        """
        tracker = self._worker.tracker()
        ctx = StepContext(event, tracker)
        try:
            self._run(ctx, tracker)
        except Conflict as late:
            logger.warning("reported too late: %s", late, extra=_about(ctx))

    def _run(self, ctx: StepContext, tracker: Tracker) -> None:
        try:
            output = self.function(ctx)
        except AttemptOver as over:
            logger.info("stopped: %s", over, extra=_about(ctx))
        except Suspended as suspended:
            tracker.suspend_step(
                ctx.process,
                ctx.step_name,
                timeout_ms=suspended.timeout_ms,
                attempt=ctx.attempt,
                resumption=ctx.resumption,
                reason=suspended.reason,
            )
        except Exception as failure:
            _report_failure(ctx, tracker, failure)
        else:
            try:
                tracker.complete_step(ctx.process, ctx.step_name, output, attempt=ctx.attempt)
            except InvalidInput as refused:
                _report_failure(ctx, tracker, Fatal(f"its output was refused: {refused}"))


def _report_failure(ctx: StepContext, tracker: Tracker, failure: Exception) -> None:
    error, retry_after_ms = readable_error(str(failure)), None
    if isinstance(failure, RetryAfter):
        retry_after_ms = failure.delay_ms
        logger.info("to be tried again later: %s", error, extra=_about(ctx))
    elif isinstance(failure, Fatal):
        logger.warning("failed for good: %s", error, extra=_about(ctx))
    else:
        error, retry_after_ms = readable_error(f"{type(failure).__name__}: {failure}"), 0
        logger.error("the attempt failed", extra=_about(ctx), exc_info=failure)
    tracker.fail_step(
        ctx.process,
        ctx.step_name,
        error,
        retry_after_ms=retry_after_ms,
        attempt=ctx.attempt,
    )


def _about(ctx: StepContext) -> dict[str, Any]:
    return {
        "tenant_id": ctx.process.tenant_id,
        "process_id": ctx.process.process_id,
        "step_name": ctx.step_name,
        "attempt": ctx.attempt,
    }
