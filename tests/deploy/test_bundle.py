"""The bundle: what is in it, that it is enough, and that it is the same each time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from trellis_process.deploy.bundle import (
    build_bundle,
    deployed_target,
    local_bundle,
    main,
    zip_bundle,
)
from trellis_process.deploy.dependencies import this_machine
from trellis_process.deploy.errors import DeployError
from trellis_process.deploy.sources import lambdas_dir

HANDLERS = sorted(
    path.stem for path in lambdas_dir().glob("*.py") if "def handler(" in path.read_text()
)
# What a function's environment holds on AWS, as far as an import may ask for it.
ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "TRELLIS_TABLE": "table",
    "TRELLIS_EVENT_BUS": "bus",
    "TRELLIS_UNDELIVERED_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/000000000000/queue",
    "POWERTOOLS_SERVICE_NAME": "service",
    "POWERTOOLS_METRICS_NAMESPACE": "Trellis",
}

AARCH64 = (183).to_bytes(2, "little")  # EM_AARCH64


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bundle(tmp_path_factory.mktemp("local") / "bundle", this_machine())


def alone(bundle: Path, program: str) -> str:
    """What ``program`` prints where nothing but the standard library and the bundle exists."""
    path = f"import sys; sys.path.append({str(bundle)!r})\n"
    command = [sys.executable, "-I", "-S", "-B", "-c", path + program]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_from_the_bundle_alone(bundle: Path, handler: str):
    module = f"lambdas.{handler}"
    said = alone(bundle, f"import {module}; print({module}.__file__, callable({module}.handler))")
    assert said.split() == [str(bundle / "lambdas" / f"{handler}.py"), "True"]


@pytest.mark.parametrize("service", ["dynamodb", "events", "s3", "sqs"])
def test_what_is_left_of_botocore_makes_the_clients_that_are_used(bundle: Path, service: str):
    program = f"import botocore.session as s; s.get_session().create_client({service!r})"
    alone(bundle, program)


def test_the_bytecode_in_the_bundle_is_what_runs(bundle: Path):
    said = alone(bundle, "import trellis_process.domain.process as p; print(p.__cached__)")
    assert Path(said.strip()).is_relative_to(bundle)
    sources = set(bundle.rglob("*.py"))
    compiled = {
        path.parent.parent / f"{path.name.split('.')[0]}.py" for path in bundle.rglob("*.pyc")
    }
    assert sources == compiled


def test_rooms_that_serve_people_and_tests_stay_out(bundle: Path):
    rooms = {path.name for path in (bundle / "trellis_process").iterdir()}
    assert {"domain", "application", "dynamodb", "eventbridge"} <= rooms
    assert rooms.isdisjoint({"cdk", "cli", "deploy", "local", "testing"})
    assert not (bundle / "boto3").exists()


def test_the_same_sources_give_the_same_bytes(bundle: Path, tmp_path: Path):
    again = build_bundle(tmp_path / "again", this_machine())
    assert zip_bundle(again).read_bytes() == zip_bundle(bundle).read_bytes()


def test_another_user_may_read_what_was_zipped(bundle: Path):
    with zipfile.ZipFile(zip_bundle(bundle)) as archive:
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}


def test_the_local_bundle_is_built_once_for_the_same_sources():
    said: list[str] = []
    first = local_bundle()
    assert local_bundle(said.append) == first
    assert said == []


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    with pytest.raises(DeployError, match="not a bundle"):
        build_bundle(tmp_path, this_machine())
    assert precious.read_text() == "mine"


def test_an_older_bundle_is_replaced(tmp_path: Path):
    output = build_bundle(tmp_path / "bundle", this_machine())
    (output / "left_over.py").touch()
    build_bundle(output, this_machine())
    assert not (output / "left_over.py").exists()


def test_for_the_deployed_runtime_the_binaries_are_those_of_its_processor(tmp_path: Path):
    output = build_bundle(tmp_path / "bundle", deployed_target(), bytecode=False)
    binaries = list(output.rglob("*.so"))
    assert binaries
    assert all(re.search(r"cpython-313-aarch64|abi3", path.name) for path in binaries)
    # The machine that an ELF file is for stands in its header.
    assert {path.read_bytes()[18:20] for path in binaries} == {AARCH64}
    assert list(output.rglob("*.pyc")) == []


@pytest.mark.parametrize(
    ("runtime", "architecture"), [("nodejs22.x", "arm64"), ("python3.13", "x")]
)
def test_another_kind_of_runtime_is_refused(runtime: str, architecture: str):
    with pytest.raises(DeployError, match=architecture):
        deployed_target(runtime, architecture)


def test_the_command_says_what_is_wrong_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("TRELLIS_RUNTIME_PYTHON", os.devnull)
    assert main(["--output", str(tmp_path / "bundle")]) == 1
    assert "does not do" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
