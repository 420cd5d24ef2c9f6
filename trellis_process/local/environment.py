"""The Python that MiniStack runs under, in an environment apart from the caller's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trellis_process.deploy.environment import own_environment
from trellis_process.deploy.errors import DeployError
from trellis_process.local.errors import LocalCloudError


def ministack_python(report: Callable[[str], None] = lambda line: None) -> Path:
    """The interpreter that has MiniStack, installing it on first use (about half a minute).

    Its environment is apart from the caller's because MiniStack pins one exact ``botocore``. It is
    made with the caller's Python, under which MiniStack then also runs the functions.

    Raises ``LocalCloudError`` where it cannot be installed.
    """
    try:
        return own_environment("ministack", report) / "python"
    except DeployError as error:
        raise LocalCloudError(f"The local cloud could not be installed. {error}") from error
