"""Processes and steps for tests: each says only what its test is about."""

from __future__ import annotations

from datetime import datetime

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import Process
from trellis_process.domain.step import ProcessStep
from trellis_process.testing.clock import START


def a_step(
    name: str = "pay", *, timeout_ms: int | None = None, retries_permitted: int = 0
) -> ProcessStep:
    """A step to start a process with."""
    return ProcessStep(name=name, timeout_ms=timeout_ms, retries_permitted=retries_permitted)


def a_process(
    *steps: ProcessStep,
    tenant_id: str = "tenant-1",
    process_id: str = "process-1",
    process_type: str = "Order",
    aggregate_type: str = "Order",
    aggregate_id: str = "order-1",
    metadata: dict[str, JsonValue] | None = None,
    timeout_ms: int | None = None,
    auto_start_steps: bool = False,
    now: datetime = START,
) -> Process:
    """A process just started and not saved, of these steps or of one named ``pay``."""
    return Process.start(
        process_id=process_id,
        tenant_id=tenant_id,
        process_type=process_type,
        aggregate_type=aggregate_type,
        aggregate_id=aggregate_id,
        steps=steps or [a_step()],
        metadata=metadata,
        timeout_ms=timeout_ms,
        auto_start_steps=auto_start_steps,
        now=now,
    )


def a_stored_process(*steps: ProcessStep, **asked: JsonValue) -> Process:
    """The same, as a store would return it: at version 1, with nothing left to save."""
    process = a_process(*steps, **asked)
    process.saved()
    return process
