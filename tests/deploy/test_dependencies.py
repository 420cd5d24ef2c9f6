"""What the functions import beside Trellis: nothing but what is locked, and pruned."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from trellis_process.deploy.dependencies import install, prune, this_machine
from trellis_process.deploy.errors import DeployError


@pytest.fixture
def wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package that pip finds, and the only one."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    path = tmp_path / "parcel-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("parcel.py", "")
        info = "parcel-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: parcel\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def locked(folder: Path, content: bytes) -> Path:
    lock = folder / "lock.txt"
    lock.write_text(f"parcel==1.0 --hash=sha256:{hashlib.sha256(content).hexdigest()}")
    return lock


def test_what_was_locked_is_installed(wheel: Path, tmp_path: Path):
    install(locked(tmp_path, wheel.read_bytes()), tmp_path / "made", this_machine())
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["parcel.py"]


def test_a_package_that_is_not_the_one_that_was_locked_is_refused(wheel: Path, tmp_path: Path):
    with pytest.raises(DeployError, match="HASH"):
        install(locked(tmp_path, b"another"), tmp_path / "made", this_machine())


def test_what_no_function_loads_is_pruned(tmp_path: Path):
    kept = ["botocore/data/dynamodb/service.json", "botocore/data/_retry.json", "p/module.py"]
    pruned = [
        "botocore/data/ec2/service.json",
        "bin/tool",
        "p-1.dist-info/METADATA",
        "p/tests/test_p.py",
        "p/module.pyi",
        "p/__pycache__/module.pyc",
    ]
    for name in kept + pruned:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    prune(tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted(kept)
