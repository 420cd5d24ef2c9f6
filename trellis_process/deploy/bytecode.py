"""Compiled bytecode for a bundle, made by the Python that will run it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from trellis_process.deploy.command import CommandFailed, run
from trellis_process.deploy.errors import DeployError

RUNTIME_PYTHON_VARIABLE = "TRELLIS_RUNTIME_PYTHON"


def find_python(version: str, given: Path | None = None) -> Path:
    """A Python of ``version`` (``"3.13"``) that runs on this machine.

    Looked for in this order: ``given``, the variable ``TRELLIS_RUNTIME_PYTHON``, the Python running
    this, and each ``python3.13`` on ``PATH``. The first two must fit when they are there.

    Raises ``DeployError`` where there is none, naming what was tried.
    """
    for named in (given, os.environ.get(RUNTIME_PYTHON_VARIABLE)):
        if named:
            problem = _unfit(Path(named), version)
            if problem:
                raise DeployError(f"The Python named for compiling does not do: {problem}.")
            return Path(named)
    problems = []
    for candidate in _candidates(version):
        problem = _unfit(candidate, version)
        if not problem:
            return candidate
        problems.append(problem)
    tried = "; ".join(problems) or f"no python{version} on PATH"
    raise DeployError(
        f"Bytecode for Python {version} must be compiled by Python {version}, which was not found: "
        f"{tried}. Install it, or name one with --runtime-python or {RUNTIME_PYTHON_VARIABLE}, or "
        "do without bytecode (--without-bytecode), which about doubles the functions' cold starts."
    )


def compile_tree(directory: Path, python: Path, *, prefix: str = "") -> None:
    """Put bytecode beside every source below ``directory``; the same sources give the same bytes.

    ``prefix`` is where in the bundle ``directory`` is.

    The bytecode is never checked against its source ("unchecked hash"). By default Python compares
    the source's modification time, which zipping and unpacking change: it would distrust all of it
    and compile again at each cold start, without a place to keep the result.

    Raises ``DeployError`` where a source does not compile.
    """
    try:
        run(
            python, "-m", "compileall", "-q", "-j", "0",
            "--invalidation-mode", "unchecked-hash",
            "-s", directory, "-p", f"/var/task/{prefix}",  # where Lambda unpacks a bundle
            directory,
            # Without a fixed seed, sets of constants are written in another order each time.
            env={**_bare_environment(), "PYTHONHASHSEED": "0"},
        )  # fmt: skip
    except CommandFailed as error:
        raise DeployError(f"A source does not compile: {error}") from error


def _candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    # All of them, not only the first: that may be a shim whose Python is not installed.
    for folder in os.get_exec_path():
        path = Path(folder) / f"python{version}"
        if path.is_file() and os.access(path, os.X_OK):
            yield path


def _unfit(python: Path, version: str) -> str | None:
    """Why ``python`` cannot compile for ``version``, or ``None`` where it can."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        found = run(python, "-I", "-c", program, env=_bare_environment()).strip()
    except CommandFailed:
        return f"{python} is there but does not run"
    return None if found == version else f"{python} is Python {found}"


def _bare_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
