"""A command of this machine, run to its end."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


class CommandFailed(Exception):
    """The command did not start, or its status was not 0; says the end of what it wrote."""


def run(*command: str | Path, env: Mapping[str, str] | None = None) -> str:
    """Run ``command`` in this environment, or in ``env``, and return what it wrote to stdout.

    Raises ``CommandFailed``.
    """
    line = [str(part) for part in command]
    try:
        # Callers name programs and arguments themselves; no shell reads them.
        done = subprocess.run(line, capture_output=True, text=True, check=False, env=env)  # noqa: S603
    except OSError as error:
        raise CommandFailed(f"{line[0]} does not run: {error}") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise CommandFailed(f"{' '.join(line[:4])} … ended with {done.returncode}:\n{said}")
    return done.stdout
