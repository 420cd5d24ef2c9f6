"""Stacks with the construct in them, synthesised once and looked at by all tests of this folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trellis_process.deploy.cache import locked

from ..typescript.node import LEAST_VERSION, need_node

# jsii tells at length that the oldest Node which these tests take is no longer kept.
os.environ["JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"] = str(LEAST_VERSION)
need_node()  # which loading CDK starts

from aws_cdk import App, Stack  # noqa: E402

from trellis_process.cdk import TrellisProcess  # noqa: E402

from .stacks import synthesise  # noqa: E402


@dataclass(frozen=True)
class Synthesised:
    """What an app came to: its stacks' templates by their names, and what checks found in them."""

    templates: Mapping[str, Mapping[str, Any]]
    #: Of each stack, the logical ids of its resources by the constructs' paths in it.
    ids: Mapping[str, Mapping[str, str]]
    report: Mapping[str, Any]

    def resources(self, stack: str, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of a stack's resources of one kind, by their logical ids."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.templates[stack]["Resources"].items()
            if resource["Type"] == kind
        }

    def one(self, stack: str, path: str) -> dict[str, Any]:
        """The properties of the resource with this path in a stack."""
        resource = self.templates[stack]["Resources"][self.ids[stack][path]]
        properties: dict[str, Any] = resource["Properties"]
        return properties

    def findings(self) -> Iterator[tuple[str, str]]:
        """Of every check the rule that something broke, and the path of what did."""
        for plugin in self.report["pluginReports"]:
            for violation in plugin["violations"]:
                for construct in violation["violatingConstructs"]:
                    yield violation["ruleName"], construct["constructPath"]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that stands for the functions' code, which nobody runs here."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "code.py").touch()
    return folder


@pytest.fixture(scope="session")
def synthesised(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The stacks of ``stacks.py``, with cdk-nag and CDK's own checks over all of them."""
    base = tmp_path_factory.getbasetemp()
    # It takes some ten seconds, so the workers of one run share it.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "cdk-assembly"
    report = folder / "validation-report.json"
    with locked(shared / "cdk-assembly.lock"):
        if not report.exists():  # it is written last
            synthesise(bundle, folder)
    templates = {
        path.name.partition(".")[0]: json.loads(path.read_text())
        for path in folder.glob("*.template.json")
    }
    ids = {stack: ids_of(folder / f"{stack}.metadata.json") for stack in templates}
    return Synthesised(templates, ids, json.loads(report.read_text()))


def ids_of(metadata: Path) -> dict[str, str]:
    return {
        path.split("/", 2)[2]: each["data"]
        for path, said in json.loads(metadata.read_text()).items()
        for each in said
        if each["type"] == "aws:cdk:logicalId"
    }


@pytest.fixture
def app(tmp_path: Path) -> App:
    """An app that is not synthesised: for what is refused at once."""
    return App(outdir=str(tmp_path))


@pytest.fixture
def tracker(app: App, bundle: Path) -> TrellisProcess:
    """A construct with nothing chosen."""
    return TrellisProcess(Stack(app, "Stack"), "Tracker", bundle=bundle)
