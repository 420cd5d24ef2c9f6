"""A shell in which ``trellis`` is called, as a person and as a script do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TRELLIS = str(Path(sys.executable).with_name("trellis"))


@dataclass
class Shell:
    """A shell in an empty folder, with what the stack wants to know of a caller."""

    folder: Path
    environment: dict[str, str]

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TRELLIS, *words],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def json(self, *words: str, status: int = 0) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def begin(self, *words: str) -> Iterator[Any]:
        """A command that goes on until it ends by itself, or is ended with the block."""
        with subprocess.Popen(
            [TRELLIS, *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as begun:
            try:
                yield begun
            finally:
                begun.terminate()
