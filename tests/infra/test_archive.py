"""The archive in the template: there only if asked for, and led by what has ended."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from trellis_process.deploy.errors import DeployError
from trellis_process.deploy.sources import template_path
from trellis_process.domain.states import ProcessState
from trellis_process.local.ministack import LocalCloud
from trellis_process.local.stack import deploy_trellis

CONDITIONS = {"HasArchive", "HasArchiveKey"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = cfn_yaml.load(str(template_path()))
    return loaded


@pytest.fixture(scope="module")
def stream(template: dict[str, Any]) -> dict[str, Any]:
    mapping: dict[str, Any] = template["Resources"]["ArchiveStream"]["Properties"]
    return mapping


def test_what_belongs_to_the_archive_is_made_only_where_there_is_one(template: dict[str, Any]):
    parts = template["Resources"] | template["Outputs"]
    its_own = {name for name in parts if name.startswith(("Archive", "Unarchived"))}
    conditional = {name for name, each in parts.items() if each.get("Condition") in CONDITIONS}
    assert its_own
    assert conditional == its_own
    assert template["Parameters"]["ArchiveBucketName"]["Default"] == ""


def test_every_final_state_and_no_other_reaches_the_archive(stream: dict[str, Any]):
    (pattern,) = [json.loads(each["Pattern"]) for each in stream["FilterCriteria"]["Filters"]]
    states = pattern["dynamodb"]["NewImage"]["state"]["S"]
    assert set(states) == {state.value for state in ProcessState if state.is_final}


def test_of_the_two_readers_that_the_stream_can_have_the_archive_is_the_second(
    template: dict[str, Any],
):
    readers = [
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::Lambda::EventSourceMapping"
        and each["Properties"]["EventSourceArn"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
    ]
    assert readers == ["EventPublisherStream", "ArchiveStream"]


def test_what_is_not_archived_is_given_up_while_it_is_still_in_the_stream(stream: dict[str, Any]):
    assert stream["MaximumRetryAttempts"] == -1
    assert stream["MaximumRecordAgeInSeconds"] <= 12 * 60 * 60
    queue = stream["DestinationConfig"]["OnFailure"]["Destination"]
    assert queue == {"Fn::GetAtt": ["UnarchivedQueue", "Arn"]}


def test_batches_are_as_large_as_they_can_be(stream: dict[str, Any]):
    assert stream["BatchSize"] == 10_000
    assert stream["MaximumBatchingWindowInSeconds"] == 300


def test_the_bucket_is_one_of_the_stacks_own_account(template: dict[str, Any]):
    (policy,) = template["Resources"]["ArchiveRole"]["Properties"]["Policies"]
    (statement,) = [each for each in policy["PolicyDocument"]["Statement"] if "Condition" in each]
    assert statement["Action"] == "s3:PutObject"
    assert statement["Condition"] == {
        "StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}
    }


def test_a_retention_too_short_to_archive_by_hand_is_refused():
    with LocalCloud(auth=True) as cloud, pytest.raises(DeployError, match="RetentionDays of 7"):
        deploy_trellis(
            cloud, parameters={"ArchiveBucketName": "finished-processes", "RetentionDays": "6"}
        )


def test_the_key_of_the_bucket_can_be_used_through_s3_alone(probe_bundle):
    key = "arn:aws:kms:us-east-1:000000000000:key/7c9e6679-7425-40de-944b-e07fc1f90ae7"
    with LocalCloud(auth=True) as cloud:
        deploy_trellis(
            cloud,
            bundle=probe_bundle,
            parameters={
                "ArchiveBucketName": "finished-processes",
                "ArchiveKeyArn": key,
                "RetentionDays": "7",
            },
        )
        iam = cloud.client("iam")
        (role,) = [
            each["RoleName"]
            for each in iam.list_roles()["Roles"]
            if each["Description"].startswith("What the archive may do")
        ]
        policy = iam.get_role_policy(RoleName=role, PolicyName="archive-key")["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert statement["Action"] == "kms:GenerateDataKey"
    assert statement["Resource"] == key
    assert statement["Condition"] == {
        "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    }
