"""Sound commands to begin with."""

from __future__ import annotations

from typing import Any


def a_start(**said: Any) -> dict[str, Any]:
    """A command to start a process of one step."""
    return {
        "command": "StartProcess",
        "tenant_id": "tenant-1",
        "process_type": "Order",
        "aggregate_type": "Order",
        "aggregate_id": "order-1",
        "steps": [{"name": "pay"}],
        **said,
    }


def a_report(command: str, **said: Any) -> dict[str, Any]:
    """A report on the step ``pay`` of the process ``p-1``."""
    return {
        "command": command,
        "tenant_id": "tenant-1",
        "process_id": "p-1",
        "step_name": "pay",
        **said,
    }
