"""The fixtures that users take into their own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trellis_process.testing import START

USERS_TEST = """
from trellis_process import ProcessStep


def test_a_process_times_out(trellis_{store}, trellis_clock):
    bench = trellis_{store}
    assert bench.clock is trellis_clock
    process = bench.service.start_process(
        tenant_id="tenant-1", process_type="Order",
        aggregate_type="Order", aggregate_id="order-1",
        steps=[ProcessStep(name="pay", timeout_ms=30_000, retries_permitted=1)],
        auto_start_steps=True,
    )
    trellis_clock.advance(seconds=30)
    assert bench.checker.check_for_timed_out_steps().timed_out == 1
    assert bench.processes.get(process.key).steps["pay"].attempt == 2
    assert bench.trackers.processes.get(process.key).version == 2

    bench.service.complete_step(process, "pay")
    assert process.is_completed()


def test_the_next_test_begins_with_nothing(trellis_{store}, trellis_clock):
    assert trellis_{store}.service.find_process("tenant-1", "Order", "order-1") is None
    assert trellis_clock().isoformat() == "{start}"
"""


@pytest.mark.parametrize("store", ["memory", "moto"])
def test_a_users_test_runs_with_the_fixtures(tmp_path: Path, store: str):
    conftest = 'pytest_plugins = ["trellis_process.testing.fixtures"]\n'
    (tmp_path / "conftest.py").write_text(conftest)
    users_test = USERS_TEST.format(store=store, start=START.isoformat())
    (tmp_path / "test_mine.py").write_text(users_test)

    done = run_pytest(tmp_path)

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_a_users_store_is_held_to_the_contract(tmp_path: Path):
    (tmp_path / "test_mine.py").write_text(FORGETFUL_STORE)

    done = run_pytest(tmp_path, "-k", "older_version or stored_as_version_one")

    assert "1 failed, 1 passed" in done.stdout
    assert "DID NOT RAISE" in done.stdout


FORGETFUL_STORE = '''
import pytest

from trellis_process import InMemoryProcessRepository
from trellis_process.testing import ProcessRepositoryContract


class Forgetful(InMemoryProcessRepository):
    """Whoever writes last wins."""

    def save(self, process):
        mine = process.copy()
        mine.version = self.get(process.key).version
        super().save(mine)


class TestForgetful(ProcessRepositoryContract):
    @pytest.fixture
    def processes(self):
        return Forgetful()
'''


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs the tests of a folder as their owner would, apart from those that run now."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *options, "."],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
