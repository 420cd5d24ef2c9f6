"""What the functions import beside Trellis itself: installed into a folder, and pruned."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from trellis_process.deploy.command import CommandFailed, run
from trellis_process.deploy.errors import DeployError

# The services that functions speak to, and the one that botocore itself may.
_SERVICES = {"dynamodb", "events", "s3", "sqs", "sts"}

# The command line that comes with the library for expressions, which takes only its own module.
_OF_A_COMMAND_LINE = (
    "annotated_doc",
    "markdown_it",
    "mdurl",
    "prompt_toolkit",
    "pygments",
    "rich",
    "shellingham",
    "typer",
    "wcwidth",
)

# What no function loads: entry points and metadata (nothing asks importlib.metadata at run time),
# stubs, and tests.
_NEVER_LOADED = ("bin", "*.dist-info", "**/tests", "**/__pycache__", "**/*.pyi", "**/py.typed")


@dataclass(frozen=True)
class Target:
    """The machine a bundle is for: a Python version such as ``"3.13"`` and pip's platform names.

    Without platforms it is this machine.
    """

    python: str
    platforms: tuple[str, ...] = ()


def this_machine() -> Target:
    """The machine and Python that run this."""
    return Target(python=f"{sys.version_info.major}.{sys.version_info.minor}")


def install(lock: Path, directory: Path, target: Target) -> None:
    """Put what ``lock`` names for ``target`` into ``directory``, but for what no function loads.

    Raises ``DeployError`` where pip fails, for one because a package has no wheel for ``target``,
    or is not the one that was locked.
    """
    elsewhere = []
    if target.platforms:
        elsewhere = ["--only-binary=:all:", "--implementation=cp"]
        elsewhere += [f"--python-version={target.python}"]
        elsewhere += [f"--platform={platform}" for platform in target.platforms]
    try:
        run(
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--no-compile", "--target", directory, *elsewhere,
            "--no-deps", "--require-hashes", "--requirement", lock,
        )  # fmt: skip
    except CommandFailed as error:
        raise DeployError(f"pip could not install the packages of {lock}: {error}") from error
    prune(directory)


def prune(directory: Path) -> None:
    """Remove what a function never loads, which is most of botocore: one folder per service."""
    for pattern in (*_NEVER_LOADED, *_OF_A_COMMAND_LINE):
        for path in list(directory.glob(pattern)):
            _remove(path)
    for path in (directory / "botocore" / "data").glob("*/"):
        if path.name not in _SERVICES:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
