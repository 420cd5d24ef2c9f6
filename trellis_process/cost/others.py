"""Other systems: the least that the same processes cost there, at their own list prices."""

from __future__ import annotations

from collections.abc import Callable

from trellis_process.cost.journey import Journey
from trellis_process.cost.prices import (
    ACTION,
    DURABLE_GB_WRITTEN,
    DURABLE_OPERATION,
    STATE_TRANSITION,
)

KB_OF_AN_OPERATION = 1.0  # what a durable function keeps of a step, or more with a larger output


def _step_functions(journey: Journey) -> float:
    """A transition for each attempt, which waits for its callback."""
    return _attempts(journey) * STATE_TRANSITION.each


def _step_functions_telling(journey: Journey) -> float:
    """Two for each attempt: its work, and an event about it, which Trellis sends in any case."""
    return 2 * _attempts(journey) * STATE_TRANSITION.each


def _durable_functions(journey: Journey) -> float:
    """An operation for each attempt, which is a callback, and what is kept of it."""
    kilobytes = max(KB_OF_AN_OPERATION, journey.output_bytes / 1024)
    written = kilobytes / 1024**2 * DURABLE_GB_WRITTEN.each
    return _attempts(journey) * (DURABLE_OPERATION.each + written)


def _temporal(journey: Journey) -> float:
    """An action for the start, one for each attempt and each heartbeat."""
    heartbeats = journey.steps * journey.heartbeats
    return (1 + _attempts(journey) + heartbeats) * ACTION.each


#: What one process costs there, by system. Not counted: timers, storage, the functions they call.
OTHERS: dict[str, Callable[[Journey], float]] = {
    "Lambda durable functions": _durable_functions,
    "Step Functions Standard": _step_functions,
    "Step Functions Standard with an event a step": _step_functions_telling,
    "Temporal Cloud": _temporal,
}


def price_elsewhere(journey: Journey) -> dict[str, float]:
    """Dollars for one such process by system, the least that it can be."""
    return {system: price(journey) for system, price in OTHERS.items()}


def _attempts(journey: Journey) -> float:
    return journey.steps * (1 + journey.timing_out)
