"""Python environments for programs that cannot share ours: made once from their lock, and kept."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from trellis_process.deploy.cache import cache_dir, locked
from trellis_process.deploy.command import CommandFailed, run
from trellis_process.deploy.errors import DeployError
from trellis_process.deploy.sources import lock_path

_KEPT_UNUSED_S = 30 * 24 * 60 * 60  # a month; an environment takes some hundred megabytes


def own_environment(name: str, report: Callable[[str], None] = lambda line: None) -> Path:
    """The folder of the programs, ``python`` among them, of the environment ``name``.

    It holds what ``locks/<name>.txt`` says, for the Python that runs this. The first use makes it
    (about half a minute), and all who have the same lock share it. Making one removes those that
    nobody has used for a month.

    Raises ``DeployError`` where it cannot be made.
    """
    lock = lock_path(name)
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    home = cache_dir() / "environments" / f"{name}-{sys.implementation.cache_tag}-{digest}"
    with locked(home.with_name(f"{name}.lock")):
        if not _is_whole(home):
            report(f"Installing {name} once, into {home} …")
            _make(home, lock)
            _forget_unused(home.parent)
        _mark(home)
    return home / "bin"


def _is_whole(home: Path) -> bool:
    # The interpreter is a link to the one that made it, which may have been removed since.
    return _complete(home).exists() and (home / "bin" / "python").exists()


def _make(home: Path, lock: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    try:
        run(sys.executable, "-m", "venv", home)
        run(
            home / "bin" / "python", "-m", "pip", "install", "--quiet",
            "--disable-pip-version-check", "--no-compile",  # what is never run needs none
            "--no-deps", "--require-hashes", "--requirement", lock,
        )  # fmt: skip
    except CommandFailed as error:
        raise DeployError(
            f"The packages of {lock} could not be installed into {home}; that needs Python's venv "
            f"module and a package index. {error}"
        ) from error


def _forget_unused(folder: Path) -> None:
    oldest = time.time() - _KEPT_UNUSED_S
    with locked(folder / "lock"):  # whoever has just made another one forgets the same
        for mark in folder.glob("*/complete"):
            if mark.stat().st_mtime < oldest:
                shutil.rmtree(mark.parent)


def _mark(home: Path) -> None:
    """Say that the environment is whole, and used now."""
    _complete(home).touch()


def _complete(home: Path) -> Path:
    # Written last, so an environment whose making was interrupted is not taken for a whole one.
    return home / "complete"
