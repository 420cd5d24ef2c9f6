"""How many commands a second the in-memory service takes, as JSON: of ours or the predecessor's."""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from typing import Any

library: Any = import_module("trellis_process")

STEPS = 5
COMMANDS = 2 * STEPS + 1


def journey(service: Any) -> None:
    """A process from its start to its completion."""
    process = service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-123",
        steps=[
            library.ProcessStep(name=f"step-{n}", timeout_ms=600_000, retries_permitted=3)
            for n in range(STEPS)
        ],
    )
    for name in process.steps:
        service.start_step(process, name)
        service.complete_step(process, name)
    assert process.is_completed()


def main() -> None:
    processes = int(sys.argv[1])
    service = library.ProcessService(
        library.InMemoryProcessRepository(), library.InMemoryStepTrackerRepository()
    )
    journey(service)
    began = time.process_time()
    for _ in range(processes):
        journey(service)
    seconds = time.process_time() - began
    print(json.dumps({"commands_a_second": processes * COMMANDS / seconds}))


if __name__ == "__main__":
    main()
