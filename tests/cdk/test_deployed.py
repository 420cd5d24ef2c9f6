"""An app with the construct, deployed by CDK's own tool into the local cloud, and called."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from botocore.session import Session

from trellis_process import ProcessStep
from trellis_process.client import NotAuthorized, SigV4, TrellisClient
from trellis_process.deploy.bundle import local_bundle
from trellis_process.local.ministack import ACCOUNT_ID, REGION, LocalCloud

from .tool import HERE, cdk

APP = HERE / "company" / "app.py"
STAGING_BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT_ID}-{REGION}"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    log_file = tmp_path_factory.mktemp("cloud") / "cloud.log"
    with LocalCloud(auth=True, log_file=log_file) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def outputs(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The outputs of the deployed app."""
    folder = tmp_path_factory.mktemp("company")
    environment = cloud.client_environment()
    cdk("bootstrap", f"aws://{ACCOUNT_ID}/{REGION}", cwd=folder, env=environment)
    # It refuses whoever comes without TLS, and the local cloud has none.
    cloud.client("s3").delete_bucket_policy(Bucket=STAGING_BUCKET)
    cdk(
        "deploy", "--app", f"{sys.executable} {APP}", "--require-approval", "never",
        "--context", f"bundle={local_bundle()}", "--outputs-file", folder / "outputs.json",
        cwd=folder, env=environment,
    )  # fmt: skip
    told: Mapping[str, str] = json.loads((folder / "outputs.json").read_text())["Company"]
    return told


@pytest.fixture
def client(cloud: LocalCloud, outputs: Mapping[str, str]) -> Iterator[TrellisClient]:
    """A client with the rights of the app's service."""
    iam = cloud.client("iam")
    key = iam.create_access_key(UserName=outputs["ServiceName"])["AccessKey"]
    session = Session()
    session.set_credentials(key["AccessKeyId"], key["SecretAccessKey"])
    api_id = (urlsplit(outputs["ApiUrl"]).hostname or "").partition(".")[0]
    # By its path, because not every resolver knows that *.localhost is this machine.
    url = f"{cloud.endpoint_url}/_aws/execute-api/{api_id}"
    with TrellisClient(url, SigV4(session, region=REGION)) as client:
        yield client


def test_the_service_reaches_its_tenant_and_the_consumer_is_told(
    cloud: LocalCloud, outputs: Mapping[str, str], client: TrellisClient
) -> None:
    asked = {
        "process_type": "CaseCreation",
        "aggregate_type": "Referral",
        "aggregate_id": "ref-1",
        "steps": [ProcessStep(name="create_case")],
    }
    process = client.start_process(tenant_id="tenant-1", **asked)
    client.fail_step(process, "create_case", "insurer does not answer")

    with pytest.raises(NotAuthorized):
        client.start_process(tenant_id="tenant-2", **asked)

    told = cloud.client("sqs").receive_message(
        QueueUrl=outputs["FailuresUrl"].replace("localhost", "127.0.0.1"), WaitTimeSeconds=20
    )
    (message,) = told["Messages"]
    event = json.loads(message["Body"])
    assert event["detail-type"] == "StepFailed"
    assert event["detail"]["process_id"] == process.process_id
