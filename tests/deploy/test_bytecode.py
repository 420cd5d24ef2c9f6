"""Bytecode for a bundle, and the Python that makes it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from trellis_process.deploy.bytecode import compile_tree, find_python
from trellis_process.deploy.errors import DeployError

THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552: hash-based, and not to be checked


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRELLIS_RUNTIME_PYTHON", raising=False)


def a_program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def a_python(path: Path, version: str) -> Path:
    return a_program(path, f"echo {version}")


def a_shim_without_its_python(path: Path) -> Path:
    return a_program(path, "echo 'python9.9: command not found' >&2; exit 127")


def test_the_running_python_does_for_its_own_version():
    assert find_python(THIS) == Path(sys.executable)


def test_a_python_on_the_path_is_found_behind_a_shim_that_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    a_shim_without_its_python(tmp_path / "shims" / "python9.9")
    real = a_python(tmp_path / "real" / "python9.9", "9.9")
    monkeypatch.setenv(
        "PATH", os.pathsep.join([str(tmp_path / "shims"), str(real.parent), "/usr/bin", "/bin"])
    )
    assert find_python("9.9") == real


def test_the_one_given_comes_before_the_variable_and_that_before_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    on_path, named, given = (
        a_python(tmp_path / place / "python9.9", "9.9") for place in ("path", "named", "given")
    )
    monkeypatch.setenv("PATH", os.pathsep.join([str(on_path.parent), "/usr/bin", "/bin"]))
    assert find_python("9.9") == on_path
    monkeypatch.setenv("TRELLIS_RUNTIME_PYTHON", str(named))
    assert find_python("9.9") == named
    assert find_python("9.9", given) == given


def test_a_given_python_of_another_version_is_refused(tmp_path: Path):
    with pytest.raises(DeployError, match=r"is Python 9\.8"):
        find_python("9.9", a_python(tmp_path / "python", "9.8"))


def test_where_there_is_none_the_error_says_what_was_tried_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shim = a_shim_without_its_python(tmp_path / "python9.9")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeployError) as refused:
        find_python("9.9")
    for part in (f"{shim} is there but does not run", "TRELLIS_RUNTIME_PYTHON", "--without-byteco"):
        assert part in str(refused.value)


def test_bytecode_is_taken_whatever_the_time_of_its_source(tmp_path: Path):
    (tmp_path / "a.py").write_text("A = 1\n")
    compile_tree(tmp_path, Path(sys.executable))
    (compiled,) = tmp_path.rglob("*.pyc")
    assert compiled.read_bytes()[4:8] == UNCHECKED_HASH


def test_the_same_sources_give_the_same_bytecode_wherever_they_are(tmp_path: Path):
    made = []
    for place in ("here", "there"):
        folder = tmp_path / place
        folder.mkdir()
        (folder / "a.py").write_text("def f(x):\n    return x in {'b', 'c', 'd', 'e'}\n")
        compile_tree(folder, Path(sys.executable))
        made += [path.read_bytes() for path in folder.rglob("*.pyc")]
    assert len(made) == 2
    assert made[0] == made[1]


def test_a_source_that_does_not_compile_is_an_error(tmp_path: Path):
    (tmp_path / "broken.py").write_text("def\n")
    with pytest.raises(DeployError, match=r"broken\.py"):
        compile_tree(tmp_path, Path(sys.executable))
