"""A TypeScript client generated from the OpenAPI document, as docs/other-languages.md has it."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from pathlib import Path

import pytest

from trellis_process.http.openapi import FILE as DOCUMENT
from trellis_process.local.ministack import REGION
from trellis_process.local.stack import LocalStack

from .node import HERE, node_modules, run

PAGE = HERE.parents[1] / "docs" / "other-languages.md"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated client, the page's code and these tests, compiled under ``strict``."""
    folder = tmp_path_factory.mktemp("typescript")
    modules = node_modules()
    (folder / "node_modules").symlink_to(modules)
    for source in (HERE / "package.json", HERE / "tsconfig.json", *HERE.glob("*.ts")):
        shutil.copy(source, folder)
    page = PAGE.read_text(encoding="utf-8")
    for code in re.findall(r"^```typescript\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        first_line = re.match(r"// ([\w-]+\.ts)\n", code)
        assert first_line, f"this does not begin with the name of its file:\n{code}"
        (folder / first_line[1]).write_text(code, encoding="utf-8")
    generator = modules / "openapi-typescript" / "bin" / "cli.js"
    run("node", generator, DOCUMENT, "--output", "trellis-api.d.ts", cwd=folder)
    run("node", modules / "typescript" / "bin" / "tsc", cwd=folder)
    return folder


def environment_of_a_caller(stack: LocalStack, folder: Path) -> dict[str, str]:
    """Where the stack is and who calls, and nothing else of AWS: no profile, no configuration."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TRELLIS_API_URL": stack.api_url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": stack.caller.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.caller.secret_access_key,
        "TENANT": f"tenant-{uuid.uuid4()}",
    }


def test_it_drives_the_deployed_stack(project: Path, deployed_stack: LocalStack) -> None:
    environment = environment_of_a_caller(deployed_stack, project)

    run_all(project, "tracker", environment)


def test_what_fails_in_passing_is_tried_again(project: Path) -> None:
    run_all(project, "retries")


def run_all(project: Path, name: str, environment: dict[str, str] | None = None) -> None:
    """Runs the tests of one file, all of which have to be found and to pass."""
    told = run(
        "node", "--test", "--test-reporter=tap", "--test-timeout=60000", f"out/{name}.test.js",
        cwd=project, env=environment,
    )  # fmt: skip
    source = (HERE / f"{name}.test.ts").read_text(encoding="utf-8")
    there = len(re.findall(r"^test\(", source, re.MULTILINE))
    assert re.findall(r"^# pass (\d+)$", told, re.MULTILINE) == [str(there)], told


def test_the_program_in_the_page_runs(project: Path, deployed_stack: LocalStack) -> None:
    environment = environment_of_a_caller(deployed_stack, project)

    first = run("node", "out/create-case.js", cwd=project, env=environment)
    second = run("node", "out/create-case.js", cwd=project, env=environment)

    assert first.startswith("CaseCreation of ref-123: completed\n")
    assert second.startswith("CaseCreation of ref-123: completed\n")


def test_every_package_is_pinned_and_none_names_a_registry() -> None:
    package = json.loads((HERE / "package.json").read_text())
    wanted = {**package["dependencies"], **package["devDependencies"]}
    lock = json.loads((HERE / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}

    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert all("resolved" not in each and "integrity" in each for each in packages.values())


def test_the_page_installs_what_is_tested() -> None:
    package = json.loads((HERE / "package.json").read_text())
    installed = re.findall(r"^npm install (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    names = {re.sub(r"(?<=.)@\d+$", "", each) for line in installed for each in line.split()}

    assert names - {"--save-dev"} == {*package["dependencies"], *package["devDependencies"]}
