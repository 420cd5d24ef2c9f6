"""Surroundings: what a measurement was made with."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version

from trellis_process.local.environment import ministack_python


def surroundings(*packages: str, ministack: bool = False) -> str:
    """Versions and machine, in a sentence. Names no machine."""
    said = [f"trellis-process {version('trellis-process')}", *_versions(packages)]
    if ministack:
        said.append(f"MiniStack {_ministack_version()}")
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {', '.join(said)} on "
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} processors."
    )


def _versions(packages: tuple[str, ...]) -> list[str]:
    return [f"{name} {version(name)}" for name in packages]


def _ministack_version() -> str:
    program = "from importlib.metadata import version; print(version('ministack'))"
    done = subprocess.run(
        [str(ministack_python()), "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
