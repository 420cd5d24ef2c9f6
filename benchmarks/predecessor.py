"""trellis-process 0.4.1, to compare with: installed apart, run in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from trellis_process.deploy.cache import cache_dir, locked
from trellis_process.deploy.command import run

VERSION = "0.4.1"
_LOCK = Path(__file__).with_name("predecessor.txt")
_PROGRAMS = Path(__file__).with_name("programs")


def predecessor() -> Path:
    """The folder that holds the package of the same name as ours; installed on first use."""
    home = cache_dir() / "benchmarks" / f"trellis-process-{VERSION}"
    with locked(home.with_name("lock")):
        if not (home / "trellis_process").exists():
            run(
                sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                "--no-deps", "--require-hashes", "--requirement", _LOCK, "--target", home,
            )  # fmt: skip
    return home


def run_program(
    name: str, *arguments: str, old: bool = False, environment: dict[str, str] | None = None
) -> Any:
    """What a program of benchmarks/programs prints as JSON, run in a fresh interpreter.

    With ``old`` it imports the predecessor where it says ``trellis_process``.
    """
    variables = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    variables |= environment or {}
    if old:
        variables["PYTHONPATH"] = str(predecessor())
    done = subprocess.run(
        [sys.executable, str(_PROGRAMS / f"{name}.py"), *arguments],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"{name} {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
        )
    return json.loads(done.stdout)
