"""Node and the packages of a folder: installed once, exactly as its lock file says."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from trellis_process.deploy.cache import cache_dir, locked

HERE = Path(__file__).parent
LEAST_VERSION = 20
#: What the installation is made from, and named for.
_INSTALLED_FROM = ("package.json", "package-lock.json", ".npmrc")


def node_modules(folder: Path = HERE) -> Path:
    """What is installed of ``folder``'s packages, shared by all runs with the same lock file."""
    content = b"".join((folder / name).read_bytes() for name in _INSTALLED_FROM)
    # Beside the Python environments, which go when nobody has used them for a month.
    name = f"node-{folder.name}-{hashlib.sha256(content).hexdigest()[:12]}"
    home = cache_dir() / "environments" / name
    complete = home / "complete"  # written last: an interrupted installation is not a whole one
    with locked(home.with_name(f"node-{folder.name}.lock")):
        if not complete.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            for name in _INSTALLED_FROM:
                shutil.copy(folder / name, home)
            run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=home)
        complete.touch()
    return home / "node_modules"


def run(
    program: str, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> str:
    """What a program of Node prints. Fails the test where Node is missing or the program fails."""
    need_node()
    done = subprocess.run(
        [program, *map(str, arguments)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{program} {arguments[0]}:\n{done.stdout}{done.stderr}"
    return done.stdout


def need_node() -> None:
    """Fails the test, with what to do, where Node is missing or too old."""
    need = (
        f"These tests need Node {LEAST_VERSION} or later, with npm, on the PATH: see "
        "https://nodejs.org, or your system's packages nodejs and npm."
    )
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.fail(f"{need} There is none.")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"v(\d+)", said)
    if version is None or int(version[1]) < LEAST_VERSION:
        pytest.fail(f"{need} This is {said.strip()}.")
