"""The page on CDK is about the construct as it is, and its code is one program that runs."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from aws_cdk import RemovalPolicy

from trellis_process.cdk import TrellisProcess

from ..test_docs import blocks, page, rows, section

TEXT = page("cdk.md")
# No bundle is built, as for `cdk list`.
ENVIRONMENT = {"CDK_CONTEXT_JSON": json.dumps({"aws:cdk:bundling-stacks": []})}


def test_the_code_of_the_page_is_one_program_that_runs(tmp_path: Path) -> None:
    program = "\n".join([*blocks(TEXT, "python"), "app.synth()"])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT, "CDK_OUTDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    template = json.loads((tmp_path / "Referrals.template.json").read_text())
    kinds = [each["Type"] for each in template["Resources"].values()]
    assert kinds.count("AWS::DynamoDB::Table") == 3


def test_every_property_is_in_the_page_with_its_default() -> None:
    shown = rows(section(TEXT, "## What can be chosen"))
    parameters = inspect.signature(TrellisProcess.__init__).parameters
    properties = {name: each for name, each in parameters.items() if each.kind == each.KEYWORD_ONLY}
    assert list(shown) == list(properties)
    for name, (default, _) in shown.items():
        if default.startswith("`"):
            value = properties[name].default
            text = value.name if isinstance(value, RemovalPolicy) else str(value)
            assert default == f"`{text}`", name
        else:
            assert properties[name].default is None, name


def test_every_attribute_is_in_the_page(tracker: TrellisProcess) -> None:
    attributes = {name for name in vars(tracker) if not name.startswith("_")}
    assert set(rows(section(TEXT, "## What it gives"))) == attributes


def test_what_has_no_attribute_is_found_as_the_page_says(tracker: TrellisProcess) -> None:
    (way,) = re.findall(r"`(tracker\.node\.[^`]+)`", TEXT)
    assert eval(way, {"tracker": tracker}).cfn_resource_type == "AWS::CloudWatch::Dashboard"
