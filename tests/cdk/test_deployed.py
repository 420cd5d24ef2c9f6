"""An app with the construct, deployed by CDK's own tool into the local cloud, and called."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from trellis_process import ProcessStep, StepState
from trellis_process.client import NotAuthorized, SigV4, TrellisClient
from trellis_process.deploy.bundle import local_bundle
from trellis_process.local.ministack import ACCOUNT_ID, REGION, LocalCloud

from ..cli.shell import Shell
from ..end_to_end.test_definitions import bundle as worker_bundle
from ..end_to_end.until import until
from .tool import HERE, cdk

APP = HERE / "company" / "app.py"
EXPENSE = """\
process: expense
version: 1
inputs: {report: string}
steps:
  - {name: pay, service: Payments.pay, timeout: 1m, inputs: {report: input.report}}
  - {name: keep, service: Files.keep, timeout: 1m}
timeout: 1d
"""
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
    workers = folder / "workers.zip"
    workers.write_bytes(worker_bundle())
    environment = cloud.client_environment()
    cdk("bootstrap", f"aws://{ACCOUNT_ID}/{REGION}", cwd=folder, env=environment)
    # It refuses whoever comes without TLS, and the local cloud has none.
    cloud.client("s3").delete_bucket_policy(Bucket=STAGING_BUCKET)
    cdk(
        "deploy", "--app", f"{sys.executable} {APP}", "--require-approval", "never",
        "--context", f"bundle={local_bundle()}", "--context", f"workers={workers}",
        "--outputs-file", folder / "outputs.json",
        cwd=folder, env=environment,
    )  # fmt: skip
    told: Mapping[str, str] = json.loads((folder / "outputs.json").read_text())["Company"]
    return told


@pytest.fixture
def client(cloud: LocalCloud, outputs: Mapping[str, str]) -> Iterator[TrellisClient]:
    """A client with the rights of the app's service."""
    iam = cloud.client("iam")
    key = iam.create_access_key(UserName=outputs["ServiceName"])["AccessKey"]
    with calling(cloud, outputs, key["AccessKeyId"], key["SecretAccessKey"]) as client:
        yield client


def calling(
    cloud: LocalCloud, outputs: Mapping[str, str], key_id: str, secret: str
) -> TrellisClient:
    session = Session()
    session.set_credentials(key_id, secret)
    return TrellisClient(url_of(cloud, outputs), SigV4(session, region=REGION))


def url_of(cloud: LocalCloud, outputs: Mapping[str, str]) -> str:
    # By its path, because not every resolver knows that *.localhost is this machine.
    return f"{cloud.endpoint_url}/_aws/execute-api/{outputs['ApiId']}"


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


def test_the_work_of_services_reaches_the_function_and_the_queue_that_do_it(
    cloud: LocalCloud, outputs: Mapping[str, str], client: TrellisClient
) -> None:
    cloud.client("lambda").update_function_configuration(
        FunctionName=outputs["PaymentsName"],
        Environment={"Variables": {"TRELLIS_API_URL": url_of(cloud, outputs)}},
    )
    environment = cloud.client_environment()
    secrets = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    with calling(cloud, outputs, *secrets) as operator:
        operator.definitions.register(EXPENSE)

    process = client.start("expense", tenant_id="tenant-1", input={"report": "report-7"})

    def asked() -> dict[str, Any] | None:
        told = cloud.client("sqs").receive_message(
            QueueUrl=outputs["FilesUrl"].replace("localhost", "127.0.0.1"), WaitTimeSeconds=1
        )
        return next((json.loads(each["Body"]) for each in told.get("Messages", [])), None)

    event = until(asked)
    assert (event["detail-type"], event["detail"]["service"]) == ("StepStarted", "Files.keep")
    client.complete_step(process, "keep")
    process = client.get_process("tenant-1", process.process_id)
    assert process.is_completed()
    assert process.step("pay").state is StepState.COMPLETED
    assert process.step("pay").output == {"payment_id": "payment of report-7"}


def test_work_that_is_left_is_sent_again_to_whom_it_was_for(
    cloud: LocalCloud, outputs: Mapping[str, str], tmp_path: Path
) -> None:
    sqs = cloud.client("sqs")
    files = outputs["FilesUrl"].replace("localhost", "127.0.0.1")
    arn = sqs.get_queue_attributes(QueueUrl=files, AttributeNames=["QueueArn"])["Attributes"]
    work = {"detail-type": "StepStarted", "detail": {"id": "p-1/1/2", "service": "Files.keep"}}
    sqs.send_message(  # as EventBridge does; the local cloud has no dead letters of rules
        QueueUrl=outputs["WorkLeftQueueUrlFileskeep"].replace("localhost", "127.0.0.1"),
        MessageBody=json.dumps(work),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value}
            for name, value in {
                "TARGET_ARN": arn["QueueArn"],
                "ERROR_CODE": "NO_PERMISSIONS",
            }.items()
        },
    )
    shell = Shell(
        tmp_path,
        {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)} | dict(cloud.client_environment()),
    )
    (told,) = shell.json("redrive", "work-left", "--stack", "Company")
    assert (told["outcome"], "NO_PERMISSIONS" in told["about"]) == ("sent", True)
    answer = sqs.receive_message(QueueUrl=files, WaitTimeSeconds=5)
    assert [json.loads(each["Body"]) for each in answer["Messages"]] == [work]
