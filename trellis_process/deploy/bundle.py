"""The bundle that the deployed functions run from: Trellis, handlers, what they import, bytecode.

``python -m trellis_process.deploy.bundle`` builds it for the deployed runtime, with ``--local`` for
this machine.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from trellis_process.deploy.bytecode import compile_tree, find_python
from trellis_process.deploy.cache import cache_dir, locked
from trellis_process.deploy.dependencies import Target, install, this_machine
from trellis_process.deploy.errors import DeployError
from trellis_process.deploy.sources import lambdas_dir, lock_path, package_dir

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
OUTPUT = Path("build") / "lambda"
LOCK = "lambda"
"""The lock file of what the functions import beside Trellis."""

Report = Callable[[str], None]

# Amazon Linux 2023, on which these runtimes stand, has glibc 2.34.
_PLATFORMS = {
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
    "x86_64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
}
# Rooms of the package that serve people and tests, not functions.
_NOT_DEPLOYED = ("cdk", "cli", "client", "deploy", "intents", "local", "testing", "worker")
_SKIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", "py.typed")
# In each bundle, so that only a bundle is ever replaced by one.
_MARKER = ".trellis-bundle"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say
_KEPT_ZIPS = 5


def deployed_target(runtime: str = RUNTIME, architecture: str = ARCHITECTURE) -> Target:
    """The machine of a Lambda ``runtime`` such as ``python3.13`` on ``arm64`` or ``x86_64``.

    Raises ``DeployError`` for any other runtime or architecture.
    """
    version = runtime.removeprefix("python")
    if version == runtime or architecture not in _PLATFORMS:
        raise DeployError(
            f"No bundle for {runtime} on {architecture}: the runtime is one such as {RUNTIME}, "
            f"the architecture one of {', '.join(_PLATFORMS)}."
        )
    return Target(version, _PLATFORMS[architecture])


def build_bundle(
    output: Path,
    target: Target,
    *,
    bytecode: bool = True,
    runtime_python: Path | None = None,
    report: Report = lambda line: None,
) -> Path:
    """Build the bundle for ``target`` in the folder ``output``, in place of an older one.

    ``runtime_python`` compiles the bytecode; it is looked for where it is not given. The
    dependencies are installed once per lock file and target, and kept.
    Returns ``output``.

    Raises ``DeployError``, for one where ``output`` holds something else.
    """
    if output.exists() and any(output.iterdir()) and not (output / _MARKER).exists():
        raise DeployError(f"{output} holds something that is not a bundle; choose another folder.")
    python = find_python(target.python, runtime_python) if bytecode else None
    dependencies = _dependencies(target, python, report)
    if output.exists():
        shutil.rmtree(output)
    shutil.copytree(dependencies, output)
    _copy_own_sources(output)
    if python:
        compile_tree(output / "trellis_process", python, prefix="trellis_process")
        compile_tree(output / "lambdas", python, prefix="lambdas")
    (output / _MARKER).touch()
    return output


def local_bundle(report: Report = lambda line: None) -> Path:
    """The zip of the bundle for this machine and this Python, built when a source has changed.

    Raises ``DeployError`` as ``build_bundle`` does.
    """
    target = this_machine()
    key = _digest([repr(target), lock_path(LOCK).read_text(), *_source_digests()])
    folder = cache_dir() / "bundles"
    kept = folder / f"{key}.zip"
    if kept.exists():
        return kept
    with locked(folder / "lock"), tempfile.TemporaryDirectory(dir=folder) as scratch:
        report("Building the functions' bundle …")
        directory = build_bundle(Path(scratch) / "bundle", target, report=report)
        os.replace(zip_bundle(directory), kept)
        _forget_all_but_newest(folder)
    return kept


def zip_bundle(directory: Path) -> Path:
    """Zip a bundle beside its folder and return the zip; the same content gives the same bytes."""
    zipped = directory.with_name(directory.name + ".zip")
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _files(directory):
            entry = zipfile.ZipInfo(path.relative_to(directory).as_posix(), _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # functions run as another user, who must read it
            archive.writestr(entry, path.read_bytes())
    return zipped


def _dependencies(target: Target, python: Path | None, report: Report) -> Path:
    """A folder with what the lock names installed, kept from an earlier time where there is one."""
    lock = lock_path(LOCK)
    key = _digest([repr(target), str(python is not None), lock.read_text(), *_rules()])
    folder = cache_dir() / "dependencies"
    kept = folder / key
    if kept.exists():
        return kept
    with locked(folder / "lock"), tempfile.TemporaryDirectory(dir=folder) as scratch:
        if not kept.exists():
            report(f"Installing what the functions import, for Python {target.python} …")
            made = Path(scratch) / "dependencies"
            install(lock, made, target)
            if python:
                compile_tree(made, python)
            os.replace(made, kept)
    return kept


def _copy_own_sources(output: Path) -> None:
    package = package_dir()

    def skipped(directory: str, names: list[str]) -> set[str]:
        rooms = _NOT_DEPLOYED if Path(directory) == package else ()
        return _SKIPPED(directory, names) | set(rooms).intersection(names)

    shutil.copytree(package, output / "trellis_process", ignore=skipped)
    shutil.copytree(lambdas_dir(), output / "lambdas", ignore=_SKIPPED)


def _source_digests() -> Iterable[str]:
    """One line per file that goes into a bundle or says how it is made."""
    for root in (package_dir(), lambdas_dir()):
        for path in _files(root):
            if path.suffix != ".pyc":
                yield f"{path.relative_to(root.parent)} {_digest([path.read_text()])}"


def _rules() -> Iterable[str]:
    """How dependencies are installed and compiled; when that changes, what is kept is outdated."""
    for name in ("bytecode.py", "dependencies.py"):
        yield (package_dir() / "deploy" / name).read_text()


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(lines).encode()).hexdigest()[:32]


def _forget_all_but_newest(folder: Path) -> None:
    zips = sorted(folder.glob("*.zip"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in zips[_KEPT_ZIPS:]:
        path.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Build a bundle as the command line says; 0, or 1 after saying on stderr what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m trellis_process.deploy.bundle",
        description="Build the bundle that the deployed functions run from.",
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="default: %(default)s")
    parser.add_argument("--runtime", default=RUNTIME, help="default: %(default)s")
    parser.add_argument(
        "--arch", default=ARCHITECTURE, choices=list(_PLATFORMS), help="default: %(default)s"
    )
    parser.add_argument(
        "--local", action="store_true", help="for this machine and this Python instead"
    )
    parser.add_argument(
        "--runtime-python", type=Path, help="the Python of the runtime's version that compiles"
    )
    parser.add_argument(
        "--without-bytecode", action="store_true", help="cold starts take about twice as long"
    )
    chosen = parser.parse_args(arguments)
    try:
        build_bundle(
            chosen.output,
            this_machine() if chosen.local else deployed_target(chosen.runtime, chosen.arch),
            bytecode=not chosen.without_bytecode,
            runtime_python=chosen.runtime_python,
            report=print,
        )
    except DeployError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Built {chosen.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
