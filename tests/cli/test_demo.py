"""The demo as a newcomer runs it: by itself, to its end, leaving nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LONGEST_SECONDS = 120


def test_the_demo_tells_four_journeys_and_ends_well(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("trellis"), "demo"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for heading in (
        "ReferralNotification of Referral ref-1001: completed",
        "CaseCreation of Referral ref-1001: completed",
        "EligibilityCheck of Referral ref-1001: failed",
        "AppointmentBooking of Referral ref-1001: failed",
    ):
        assert heading in done.stdout
    assert done.stdout.count("create_case timed out") == 2
    assert "22 events reached the bus" in done.stdout
    assert list(tmp_path.iterdir()) == []
