"""A stack made, left as it is, and refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trellis_process.deploy.errors import DeployError
from trellis_process.deploy.stack import StackOutputs, deploy_stack
from trellis_process.local.ministack import LocalCloud

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  QueueName: {Type: String, Default: first}
Globals:
  Function:
    CodeUri: ../build/lambda
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Ref QueueName}
Outputs:
  QueueName: {Value: !GetAtt Queue.QueueName}
"""


@pytest.fixture
def cloud(local_cloud: LocalCloud) -> Iterator[LocalCloud]:
    local_cloud.reset()
    return local_cloud


def deploy(
    cloud: LocalCloud, folder: Path, template: str = TEMPLATE, **parameters: str
) -> StackOutputs:
    (folder / "template.yaml").write_text(template)
    (folder / "bundle.zip").write_bytes(b"code")
    return deploy_stack(
        cloud.client,
        stack_name="stack",
        template=folder / "template.yaml",
        bundle=folder / "bundle.zip",
        bucket="bundles",
        parameters=parameters,
    )


def events_of(cloud: LocalCloud) -> list[Any]:
    found = cloud.client("cloudformation").describe_stack_events(StackName="stack")
    return list(found["StackEvents"])


def test_a_stack_is_made_and_its_outputs_returned(cloud: LocalCloud, tmp_path: Path):
    assert deploy(cloud, tmp_path) == {"QueueName": "first"}


def test_an_unchanged_stack_is_left_as_it_is(cloud: LocalCloud, tmp_path: Path):
    outputs = deploy(cloud, tmp_path)
    before = events_of(cloud)
    assert deploy(cloud, tmp_path) == outputs
    assert events_of(cloud) == before


def test_a_changed_parameter_updates_the_stack(cloud: LocalCloud, tmp_path: Path):
    deploy(cloud, tmp_path)
    assert deploy(cloud, tmp_path, QueueName="second") == {"QueueName": "second"}


def test_a_failure_names_the_resource_and_the_reason(cloud: LocalCloud, tmp_path: Path):
    broken = TEMPLATE.replace("{QueueName: !Ref QueueName}", "{MessageRetentionPeriod: 1}")
    with pytest.raises(DeployError, match=r"Queue \(AWS::SQS::Queue\): .*MessageRetentionPeriod"):
        deploy(cloud, tmp_path, broken)


def test_a_template_without_a_place_for_the_bundle_is_refused(cloud: LocalCloud, tmp_path: Path):
    with pytest.raises(DeployError, match="CodeUri"):
        deploy(cloud, tmp_path, TEMPLATE.replace("../build/lambda", "elsewhere"))
