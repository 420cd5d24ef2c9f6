"""What cdk-nag finds in the construct and is right as it is, each with the reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from aws_cdk import Acknowledgment, CfnResource, Stack, Validations
from aws_cdk.aws_iam import CfnRole
from aws_cdk.aws_sqs import Queue

from trellis_process.cdk.contents import Contents

#: By the kind of resource that it is found at.
_OF_KINDS: Mapping[str, Mapping[str, str]] = {
    "AWS::Lambda::Function": {
        "L1": "The bundle carries bytecode for this runtime, on which it was tested.",
    },
    "AWS::SQS::Queue": {
        "SQS3": "What failed ends here, put by a function, by Lambda or by the scheduler, which "
        "the check does not see. An alarm tells a person, so there is nowhere to go on to.",
        "SQS4": "Nobody sends or reads without a right of this account and a signature, and those "
        "who do are AWS itself and SDKs, which speak TLS.",
    },
}
_STREAMS = "AWS knows no resource for dynamodb:ListStreams; it lists names only."
_VIEWS = "What it holds is made anew from the table of the processes."
_ARCHIVE = "The objects of the archive under its prefix, whose names are made as they are written."


def acknowledge_findings(contents: Contents) -> None:
    """Says of each finding why it stays, so that an app's own checks do not bring it up again."""
    for kind, findings in _OF_KINDS.items():
        for name in contents.names(kind):
            _acknowledge(contents.resource(name, CfnResource), findings)
    if "ViewTable" in contents.names("AWS::DynamoDB::Table"):
        _acknowledge(contents.resource("ViewTable", CfnResource), {"DDB3": _VIEWS})
    roles = contents.names("AWS::IAM::Role")
    for name in ("EventPublisherRole", "ArchiveRole"):
        if name in roles:
            role = contents.resource(name, CfnRole)
            _acknowledge(role, {"IAM5[Resource::*]": _STREAMS})
    if "ArchiveRole" in roles:
        role = contents.resource("ArchiveRole", CfnRole)
        _acknowledge(role, {f"IAM5[Resource::{_objects_of(role)}]": _ARCHIVE})


def acknowledge_queue(queue: Queue) -> None:
    """Says the same of a queue of what failed that is made beside the template."""
    _acknowledge(cast(CfnResource, queue.node.default_child), _OF_KINDS["AWS::SQS::Queue"])


def _acknowledge(resource: CfnResource, findings: Mapping[str, str]) -> None:
    for finding, reason in findings.items():
        Validations.of(resource).acknowledge(
            Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason=reason)
        )


def _objects_of(role: CfnRole) -> str:
    """The archive's objects as cdk-nag names them, which has to be met to the letter."""
    policies = Stack.of(role).resolve(role.policies)
    statements = policies[0]["policyDocument"]["Statement"]
    (arn,) = (each["Resource"] for each in statements if each["Action"] == "s3:PutObject")
    text: Any = arn["Fn::Sub"]
    if isinstance(text, str):
        return text.replace("${", "<").replace("}", ">")
    return json.dumps(text, separators=(",", ":"))  # of a bucket that is named on deployment
