"""What the functions import beside Trellis: which requirements, and what is left of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis_process.deploy import dependencies
from trellis_process.deploy.dependencies import prune, runtime_requirements
from trellis_process.deploy.errors import DeployError


def declared(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(dependencies, "requires", lambda name: list(lines))


def test_they_are_those_of_the_extra_lambda_and_of_the_extras_in_it(
    monkeypatch: pytest.MonkeyPatch,
):
    declared(
        monkeypatch,
        "pynamodb<7,>=6.1; extra == 'dynamodb'",
        "trellis-process[dynamodb]; extra == 'lambda'",
        "pydantic<3,>=2.10; extra == 'lambda'",
        "rich>=14; extra == 'local'",
    )
    assert runtime_requirements() == ["pydantic<3,>=2.10", "pynamodb<7,>=6.1"]


def test_an_installation_without_the_extra_is_an_error(monkeypatch: pytest.MonkeyPatch):
    declared(monkeypatch, "rich>=14; extra == 'local'")
    with pytest.raises(DeployError, match="lambda"):
        runtime_requirements()


def test_boto3_is_not_among_the_real_ones():
    names = " ".join(runtime_requirements())
    assert "boto3" not in names
    assert "pynamodb" in names


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
