"""The processes that the tests of the services are about."""

from __future__ import annotations

from datetime import timedelta

from trellis_process import Process, ProcessService, ProcessStep
from trellis_process.testing import a_step

SECOND = timedelta(seconds=1)


def slow(name: str = "pay", *, seconds: int = 30, retries_permitted: int = 0) -> ProcessStep:
    """A step whose attempts time out after so many seconds."""
    return a_step(name, timeout_ms=seconds * 1_000, retries_permitted=retries_permitted)


def an_order(service: ProcessService, *steps: object, **asked: object) -> Process:
    """A process just started by the service, of these steps or of one named ``pay``."""
    return service.start_process(
        **{  # type: ignore[arg-type]
            "tenant_id": "tenant-1",
            "process_type": "Order",
            "aggregate_type": "Order",
            "aggregate_id": "order-1",
            "steps": steps or [a_step()],
            **asked,
        }
    )
