"""Every command of the service, for tests of what holds for all of them."""

from __future__ import annotations

import pytest

from trellis_process.testing import a_step

#: Each command with what it is told of the step, on a process whose ``pay`` is under way.
COMMANDS = {
    "start_step": ["send"],
    "complete_step": ["pay"],
    "fail_step": ["pay", "no"],
    "suspend_step": ["pay"],
    "resume_step": ["pay"],
    "heartbeat": ["pay"],
    "cancel_process": [],
}
STEPS = (a_step("pay", timeout_ms=10_000), a_step("send"))
every_command = pytest.mark.parametrize(("command", "told"), COMMANDS.items(), ids=COMMANDS)
