"""The Python environment that MiniStack runs in: made on first use, shared by all later ones."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from trellis_process.deploy.cache import cache_dir, locked
from trellis_process.deploy.command import CommandFailed, run
from trellis_process.local.errors import LocalCloudError

MINISTACK_VERSION = "1.5.33"
"""The version whose behaviour the local stack relies on; try a later one before it goes here."""

# "full" brings the SAM transform; without it the template is refused.
_REQUIREMENT = f"ministack[full]=={MINISTACK_VERSION}"


def ministack_python(report: Callable[[str], None] = lambda line: None) -> Path:
    """The interpreter that has MiniStack, installing it on first use (about half a minute).

    Its environment is apart from the caller's because MiniStack pins one exact ``botocore``. It is
    made with the caller's Python, under which MiniStack then also runs the functions.

    Raises ``LocalCloudError`` where it cannot be installed.
    """
    home = cache_dir() / f"ministack-{MINISTACK_VERSION}-{sys.implementation.cache_tag}"
    python = home / "bin" / "python"
    # Written last, so an environment whose making was interrupted is not taken for a whole one.
    complete = home / "complete"
    if complete.exists():
        return python
    with locked(home.with_name(f"{home.name}.lock")):
        if complete.exists():  # somebody else made it while this one waited for the lock
            return python
        report(f"Installing MiniStack {MINISTACK_VERSION} once, into {home} …")
        shutil.rmtree(home, ignore_errors=True)
        try:
            run(sys.executable, "-m", "venv", home)
            run(
                python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                _REQUIREMENT,
            )  # fmt: skip
        except CommandFailed as error:
            raise LocalCloudError(
                "The local cloud could not be installed; it needs Python's venv module and a "
                f"package index. {error}"
            ) from error
        complete.touch()
    return python
