"""A CloudFormation stack made from the SAM template and one bundle, without packaging tools."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from trellis_process.deploy.errors import DeployError
from trellis_process.deploy.template import with_code

StackOutputs = Mapping[str, str]
"""The outputs of a stack, by the names that the template gives them."""

_FINISHED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_POLL_SECONDS = 0.1


def deploy_stack(
    client: Callable[[str], Any],
    *,
    stack_name: str,
    template: Path,
    bundle: Path,
    bucket: str,
    parameters: Mapping[str, str] | None = None,
    timeout_s: float = 120,
) -> StackOutputs:
    """Make the stack, or bring it up to date, and return its outputs once it stands.

    ``client`` gives a boto3 or botocore client for a service's name. ``bundle`` is a zip of
    ``zip_bundle``; it is put into ``bucket``, which is made where
    it is missing, under a name taken from its content. So the same template, parameters and bundle
    again change nothing.

    Raises ``DeployError`` with the reason: what is wrong with the template or a parameter, or
    the first resource that failed.
    """
    code = _upload(client("s3"), bucket, "bundle-{}.zip", bundle.read_bytes())
    body = with_code(template, f"s3://{bucket}/{code}").encode()
    # In a request CloudFormation takes no more than 51,200 bytes of a template.
    uploaded = _upload(client("s3"), bucket, "template-{}.yaml", body)
    cloudformation = client("cloudformation")
    request = {
        "StackName": stack_name,
        "TemplateURL": f"https://s3.amazonaws.com/{bucket}/{uploaded}",
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in sorted((parameters or {}).items())
        ],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    new = _describe(cloudformation, stack_name) is None
    try:
        (cloudformation.create_stack if new else cloudformation.update_stack)(**request)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise DeployError(f"Stack {stack_name} was refused: {error}") from error
    return _wait(cloudformation, stack_name, timeout_s)


def _upload(s3: Any, bucket: str, name: str, content: bytes) -> str:
    """Puts it there under a name taken from it, where it is not there yet; returns that name."""
    key = name.format(hashlib.sha256(content).hexdigest()[:32])
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        s3.create_bucket(Bucket=bucket)
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError:
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    return key


def _describe(cloudformation: Any, stack_name: str) -> Any:
    try:
        return cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def _wait(cloudformation: Any, stack_name: str, timeout_s: float) -> StackOutputs:
    give_up_at = time.monotonic() + timeout_s
    while time.monotonic() < give_up_at:
        stack = _describe(cloudformation, stack_name)
        status = stack["StackStatus"] if stack else "DELETED"
        if stack and status in _FINISHED:
            return {out["OutputKey"]: out["OutputValue"] for out in stack.get("Outputs", [])}
        if not status.endswith("_IN_PROGRESS"):
            reason = _first_failure(cloudformation, stack_name)
            raise DeployError(f"Stack {stack_name} ended as {status}: {reason}")
        time.sleep(_POLL_SECONDS)
    raise DeployError(f"Stack {stack_name} was not ready after {timeout_s:.0f} s.")


def _first_failure(cloudformation: Any, stack_name: str) -> str:
    """What failed first; later failures are mostly the others being called off."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_name)
    events = [event for page in pages for event in page["StackEvents"]]  # newest first
    for event in reversed(events):
        if event["ResourceStatus"].endswith("_FAILED"):
            reason = event.get("ResourceStatusReason", "no reason given")
            return f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
    return "no resource says why"
