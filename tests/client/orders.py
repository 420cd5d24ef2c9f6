"""Processes for the tests of the client: each says only what its test is about."""

from __future__ import annotations

from typing import Any

from trellis_process import Process, ProcessStep
from trellis_process.client import TrellisClient


def an_order(**asked: Any) -> dict[str, Any]:
    """What starts a process of one step, named ``pay``."""
    return {
        "tenant_id": "tenant-1",
        "process_type": "Order",
        "aggregate_type": "Order",
        "aggregate_id": "order-1",
        "steps": [ProcessStep(name="pay")],
        **asked,
    }


def started(client: TrellisClient, **asked: Any) -> Process:
    return client.start_process(**an_order(**asked))
