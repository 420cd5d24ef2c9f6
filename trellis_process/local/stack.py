"""The real stack in a local cloud, and a caller that may use its API and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from trellis_process.deploy.bundle import local_bundle
from trellis_process.deploy.errors import DeployError
from trellis_process.deploy.sources import template_path
from trellis_process.deploy.stack import deploy_stack
from trellis_process.local.http import Credentials, SignedHttp
from trellis_process.local.ministack import ACCOUNT_ID, REGION, LocalCloud

STACK_NAME = "trellis"
_BUCKET = "trellis-bundles"
_CALLER = "step-api-caller"


@dataclass(frozen=True)
class LocalStack:
    """A stack that stands in a local cloud.

    ``outputs`` are those of the template, with addresses that hold for this run of the cloud.
    ``caller`` is a user who may invoke the step API and has no other right.
    """

    cloud: LocalCloud
    outputs: Mapping[str, str]
    caller: Credentials

    @property
    def api_url(self) -> str:
        """Where the step API answers: a path is added to it, beginning with a slash."""
        return self.outputs["ApiUrl"]

    def http(self) -> SignedHttp:
        """The step API, called as ``caller``."""
        return SignedHttp(self.api_url, self.caller, region=REGION)


def deploy_trellis(
    cloud: LocalCloud,
    *,
    bundle: Path | None = None,
    template: Path | None = None,
    parameters: Mapping[str, str] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> LocalStack:
    """Deploy the template into ``cloud``, or bring what stands there up to date.

    In a cloud that kept its data nothing needs to be made again: an unchanged stack is left as it
    is, a changed one is updated around its table. ``bundle`` is a zip; without it the bundle of
    this checkout is built where a source has changed.

    Raises ``DeployError`` with what to do about it.
    """
    zipped = bundle or local_bundle(report)
    try:
        outputs = deploy_stack(
            cloud.client,
            stack_name=STACK_NAME,
            template=template or template_path(),
            bundle=zipped,
            bucket=_BUCKET,
            parameters=parameters,
        )
    except DeployError as error:
        if cloud.data_dir is None:
            raise
        raise DeployError(
            f"{error}\nStarting afresh, without {cloud.data_dir}, may help."
        ) from error
    here = {name: _address_here(cloud, value) for name, value in outputs.items()}
    here["ApiUrl"] = f"{cloud.endpoint_url}/_aws/execute-api/{outputs['ApiId']}"
    return LocalStack(cloud, here, _caller(cloud, outputs["ApiId"]))


def _address_here(cloud: LocalCloud, value: str) -> str:
    """``value``, at this run's port where it is the address of something in the cloud."""
    # A stack that was kept says the addresses of the run in which it was made.
    parts = urlsplit(value)
    if parts.scheme == "http" and parts.hostname == "localhost":
        return cloud.endpoint_url + parts.path
    return value


def _caller(cloud: LocalCloud, api_id: str) -> Credentials:
    iam = cloud.client("iam")
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_user(UserName=_CALLER)
    statement = {
        "Effect": "Allow",
        "Action": "execute-api:Invoke",
        "Resource": f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{api_id}/*",
    }
    iam.put_user_policy(
        UserName=_CALLER,
        PolicyName="invoke-step-api",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    known = {
        key["AccessKeyId"] for key in iam.list_access_keys(UserName=_CALLER)["AccessKeyMetadata"]
    }
    # A secret is told only when its key is made, so a cloud that keeps its data keeps that too.
    kept = None if cloud.data_dir is None else cloud.data_dir / "caller.json"
    if kept is not None and kept.exists():
        credentials = Credentials(**json.loads(kept.read_text()))
        if credentials.access_key_id in known:
            return credentials
    for key_id in known:  # a user may have two at most
        iam.delete_access_key(UserName=_CALLER, AccessKeyId=key_id)
    key = iam.create_access_key(UserName=_CALLER)["AccessKey"]
    credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    if kept is not None:
        kept.write_text(json.dumps(asdict(credentials)))
    return credentials
