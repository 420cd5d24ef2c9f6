"""The wheel brings the construct: the app of infra/cdk is synthesised from it, no checkout."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from ..deploy.test_wheel import ROOT, run, wheel
from .tool import cdk

__all__ = ["wheel"]  # a fixture, found by its name

APP = ROOT / "infra" / "cdk"
# Without the version that the tool in package.json can read, a newer one might come.
PINNED = "aws-cdk-lib==2.275.*"


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and the extra ``cdk``, as pip makes it."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", environment, cwd=ROOT)
    made = environment / "bin" / "python"
    pip = (made, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile")
    run(*pip, f"trellis-process[cdk] @ {wheel.as_uri()}", PINNED, cwd=environment)
    return made


def test_the_app_is_synthesised_in_an_empty_folder(
    python: Path, bundle: Path, tmp_path: Path
) -> None:
    for file in APP.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    # What cdk.json says, by the Python that has the wheel.
    app = json.loads((APP / "cdk.json").read_text())["app"].replace("python", str(python))

    cdk(
        "synth",
        "--quiet",
        "--app",
        app,
        "-c",
        "name=beside",
        "-c",
        f"bundle={bundle}",
        cwd=tmp_path,
    )

    (template,) = (tmp_path / "cdk.out").glob("*.template.json")
    made = json.loads(template.read_text())
    assert template.name == "beside.template.json"
    assert made["Outputs"]["DashboardName"]["Value"]
    names = [each["Properties"].get("Name") for each in made["Resources"].values()]
    assert "beside" in names  # the bus
    assert "AWS::DynamoDB::Table" in {each["Type"] for each in made["Resources"].values()}
