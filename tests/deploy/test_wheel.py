"""The wheel: without a checkout it runs the stack here and writes out what is to be deployed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

USE = """
import sys
from pathlib import Path
from trellis_process.local.ministack import LocalCloud
from trellis_process.local.stack import deploy_trellis

with LocalCloud(auth=True, data_dir=Path(".trellis")) as cloud:
    answer = deploy_trellis(cloud).http().request("GET", "/tenants/demo/processes")
    print(answer.status, answer.json())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    kept_out = shutil.ignore_patterns(".*", "build", "dist", "__pycache__")
    shutil.copytree(ROOT, source, ignore=kept_out)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the extra ``local``, as pip makes it."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", environment, cwd=ROOT)
    pip = (environment / "bin" / "python", "-m", "pip", "install", "-q")
    run(*pip, f"trellis-process[local] @ {wheel.as_uri()}", cwd=environment)
    return environment / "bin"


def run(*command: str | Path, cwd: Path) -> str:
    """Runs a command without this checkout on the path, and returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_carries_the_functions_the_template_and_its_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {
        "trellis_process/py.typed",
        "trellis_process/http/openapi.json",
        "trellis_process/deploy/assets/template.yaml",
        "trellis_process/deploy/assets/locks/lambda.txt",
        "trellis_process/deploy/assets/locks/ministack.txt",
        "trellis_process/deploy/assets/lambdas/step_commands.py",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "lambdas/"))]


def test_the_stack_runs_from_the_wheel_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "python", "-c", USE, cwd=tmp_path) == "200 {'processes': []}\n"
    assert (tmp_path / ".trellis").is_dir()


def test_what_is_to_be_deployed_is_written_out(installed: Path, tmp_path: Path) -> None:
    said = run(installed / "trellis", "template", "--without-bytecode", cwd=tmp_path)

    assert "sam deploy --guided --template-file trellis-stack/template.yaml" in said
    template = (tmp_path / "trellis-stack" / "template.yaml").read_text()
    assert template.count("CodeUri: lambda\n") == 1
    assert (tmp_path / "trellis-stack" / "lambda" / "lambdas" / "step_commands.py").exists()
    assert (tmp_path / "trellis-stack" / "lambda" / "trellis_process" / "__init__.py").exists()
