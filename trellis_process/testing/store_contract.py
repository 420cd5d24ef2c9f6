"""What the contracts of the stores have in common."""

from __future__ import annotations

import json
import uuid

import pytest

from trellis_process.application.repositories import ProcessRepository
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import Process
from trellis_process.domain.step import ProcessStep
from trellis_process.testing.builders import a_process


class StoreContract:
    """The base of the contracts.

    Every test keeps to tenants of its own, so a store may be shared and need not be emptied.
    """

    def settle(self) -> None:
        """Waits until the indexes show what was written; override it for a store that lags."""

    @pytest.fixture
    def tenant_id(self) -> str:
        """A tenant that nobody used before."""
        return f"tenant-{uuid.uuid4()}"

    @pytest.fixture
    def other_tenant_id(self) -> str:
        """Another such tenant."""
        return f"tenant-{uuid.uuid4()}"


def added(processes: ProcessRepository, *steps: ProcessStep, **asked: JsonValue) -> Process:
    """A process just added, as its caller holds it afterwards."""
    process = a_process(*steps, **asked)
    processes.add(process)
    process.saved()
    return process


def saved(processes: ProcessRepository, process: Process) -> Process:
    """A process whose change was just saved, as its caller holds it afterwards."""
    processes.save(process)
    process.saved()
    return process


def stored(processes: ProcessRepository, process: Process) -> Process:
    """The process as the store has it; fails the test where it has none."""
    found = processes.get(process.key)
    assert found is not None, f"nothing is stored as {process.key}"
    return found


def as_json(value: JsonValue) -> str:
    """A value in a form that tells 1 from 1.0 and from True, as ``==`` does not."""
    return json.dumps(value, sort_keys=True)
