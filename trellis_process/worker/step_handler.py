"""A Lambda handler around the function that does the work of a service or a step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeAlias

from trellis_process.client.requests import readable_error
from trellis_process.domain.limits import MAX_CODE_CHARACTERS, JsonValue
from trellis_process.errors import Conflict, InvalidInput
from trellis_process.worker.context import StepContext
from trellis_process.worker.delivery import Event, NotWork, asks_for_work, deliver
from trellis_process.worker.endings import AttemptOver, Failed, Fatal, RetryAfter, Suspended
from trellis_process.worker.tracker import Tracker

if TYPE_CHECKING:
    from trellis_process.worker.worker import Worker

logger = logging.getLogger(__name__)

StepFunction: TypeAlias = Callable[[StepContext], JsonValue]
"""Does the work of a step; what it returns is the step's output, JSON of at most 32 KB."""


class StepHandler:
    """What ``@worker.service`` and ``@worker.step`` make of a function.

    Called by Lambda, it does the work and reports.
    """

    def __init__(self, worker: Worker, field: str, name: str, function: StepFunction) -> None:
        self._worker = worker
        #: What of an event says that it is for this function: ``service`` or ``step_name``.
        self.field = field
        #: Which service or step that is.
        self.name = name
        #: The function itself, for tests that call it with a context.
        self.function = function
        update_wrapper(self, function)

    @property
    def what(self) -> str:
        """What it does, in a word: a service, or a step."""
        return self.field.removesuffix("_name")

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any] | None:
        """Lambda's entry: events from the bus, or a batch of them from a queue."""
        return deliver(event, self._work)

    def _work(self, event: Event) -> None:
        if not asks_for_work(event):
            return
        if event.get(self.field) != self.name:
            raise NotWork(
                f"this function does {self.what} {self.name!r}, the event is about "
                f"{event.get(self.field)!r}; let the rule match detail.{self.field}"
            )
        self.do(event)

    def do(self, event: Event) -> None:
        """Does the work that an event asks for and reports how it ended.

        Any exception but those of ``endings`` is a failed attempt. In a process without a
        definition it is tried again at once as long as retries are left; a definition says itself
        what is tried again, by the exception's ``code`` or the name of its class, and when. A
        report that comes too late is logged and left at that, since delivering the event again
        would not help. Raises what the tracker raises otherwise, so that the event is delivered
        again.
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
        # Without a definition nobody else says whether to try again.
        retry_after_ms = 0 if ctx.service is None else None
        if isinstance(failure, Failed):
            logger.warning("the attempt failed: %s", error, extra=_about(ctx))
        else:
            error = readable_error(f"{type(failure).__name__}: {failure}")
            logger.error("the attempt failed", extra=_about(ctx), exc_info=failure)
    tracker.fail_step(
        ctx.process,
        ctx.step_name,
        error,
        retry_after_ms=retry_after_ms,
        code=failure.code if isinstance(failure, Failed) else _code_of(failure),
        fatal=isinstance(failure, Fatal),
        attempt=ctx.attempt,
    )


def _code_of(failure: Exception) -> str:
    return type(failure).__name__[:MAX_CODE_CHARACTERS]


def _about(ctx: StepContext) -> dict[str, Any]:
    return {
        "tenant_id": ctx.process.tenant_id,
        "process_id": ctx.process.process_id,
        "step_name": ctx.step_name,
        "service": ctx.service,
        "attempt": ctx.attempt,
    }
