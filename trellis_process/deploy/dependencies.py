"""What the functions import beside Trellis itself: installed into a folder, and pruned."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from trellis_process.deploy.command import CommandFailed, run
from trellis_process.deploy.errors import DeployError

_DISTRIBUTION = "trellis-process"
_EXTRA = "lambda"

# The services that functions speak to, and the one that botocore itself may.
_SERVICES = {"dynamodb", "events", "sqs", "sts"}

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


def runtime_requirements() -> list[str]:
    """What the extra ``lambda`` of the installed ``trellis-process`` asks for.

    Raises ``DeployError`` where it is not installed, or has no such extra.
    """
    try:
        lines = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:
        raise DeployError(f"{_DISTRIBUTION} is not installed; pip install -e . first.") from None
    found = sorted(set(_of_extra(lines, _EXTRA)))
    if not found:
        raise DeployError(f"{_DISTRIBUTION} is installed without the extra {_EXTRA!r}.")
    return found


def install(requirements: Sequence[str], directory: Path, target: Target) -> None:
    """Put ``requirements`` for ``target`` into ``directory``, without what a function never loads.

    Raises ``DeployError`` where pip fails, for one because a package has no wheel for it.
    """
    elsewhere = []
    if target.platforms:
        elsewhere = ["--only-binary=:all:", "--implementation=cp"]
        elsewhere += [f"--python-version={target.python}"]
        elsewhere += [f"--platform={platform}" for platform in target.platforms]
    try:
        run(
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--no-compile", "--target", directory, *elsewhere, *requirements,
        )  # fmt: skip
    except CommandFailed as error:
        wanted = ", ".join(requirements)
        raise DeployError(f"pip could not install {wanted}: {error}") from error
    prune(directory)


def prune(directory: Path) -> None:
    """Remove what a function never loads, which is most of botocore: one folder per service."""
    for pattern in _NEVER_LOADED:
        for path in list(directory.glob(pattern)):
            _remove(path)
    for path in (directory / "botocore" / "data").glob("*/"):
        if path.name not in _SERVICES:
            _remove(path)


def _of_extra(lines: Sequence[str], extra: str) -> Iterator[str]:
    for line in lines:
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        of = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", marker)
        if of and of[1] != extra:
            continue
        # An extra may be made of others: trellis-process[dynamodb].
        within = re.fullmatch(rf"{_DISTRIBUTION}\[([\w-]+)\]", requirement)
        if within:
            yield from _of_extra(lines, within[1])
        else:
            yield requirement


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
