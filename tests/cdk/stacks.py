"""The stacks that the tests look at: with nothing chosen, with everything, used by others."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, Aws, CfnOutput, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks

from trellis_process.cdk import FunctionSettings, JwtAuthorization, TrellisProcess

KEY = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
ARCHIVE_KEY = "arn:aws:kms:us-east-1:123456789012:key/66666666-7777-8888-9999-000000000000"
TOPIC = "arn:aws:sns:us-east-1:123456789012:on-call"


def synthesise(bundle: Path, folder: Path) -> None:
    """Writes the templates and cdk-nag's report into ``folder``."""
    app = App(outdir=str(folder))
    plain(app, bundle)
    whole(app, bundle)
    jwt(app, bundle)
    made_here(app, bundle)
    used(app, bundle)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError as error:  # of what is not ours, which the stack "Used" has
        if "ValidationFailed" not in str(error):
            raise


def plain(app: App, bundle: Path) -> None:
    stack = Stack(app, "Plain")
    TrellisProcess(stack, "Tracker", bundle=bundle, name="plain", outputs=True)


def whole(app: App, bundle: Path) -> None:
    """Everything given, by names that are known before the deployment."""
    stack = Stack(app, "Whole")
    key = kms.Key.from_key_arn(stack, "ArchiveKey", ARCHIVE_KEY)
    TrellisProcess(
        stack,
        "Tracker",
        name="whole",
        retention_days=90,
        archive_bucket=s3.Bucket.from_bucket_attributes(
            stack, "Archive", bucket_name="archive", encryption_key=key
        ),
        archive_prefix="done/",
        read_models=True,
        alarm_topic=sns.Topic.from_topic_arn(stack, "OnCall", TOPIC),
        event_bus=events.EventBus.from_event_bus_name(stack, "Bus", "company"),
        encryption_key=kms.Key.from_key_arn(stack, "Key", KEY),
        log_level="DEBUG",
        log_retention_days=365,
        publisher_parallelism=4,
        sweepers=8,
        bundle=bundle,
        outputs=True,
    )


def jwt(app: App, bundle: Path) -> None:
    stack = Stack(app, "Jwt")
    TrellisProcess(
        stack,
        "Tracker",
        name="jwt",
        authorization=JwtAuthorization(
            issuer="https://issuer.example",
            audiences=["steps", "more"],
            tenant_claim="tenant",
            operator_scope="process-definitions",
        ),
        external_events=False,
        bundle=bundle,
        outputs=True,
    )


def made_here(app: App, bundle: Path) -> None:
    """Two in one stack, with what the same stack makes and names on deployment."""
    stack = Stack(app, "MadeHere")
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    tracker = TrellisProcess(
        stack,
        "Tracker",
        archive_bucket=s3.Bucket(stack, "Archive", encryption_key=key),
        alarm_topic=sns.Topic(stack, "OnCall"),
        event_bus=events.EventBus(stack, "Bus"),
        encryption_key=key,
        functions={
            "step_commands": FunctionSettings(memory_mb=1024, timeout=Duration.seconds(20)),
            "queue_commands": FunctionSettings(timeout=Duration.minutes(1)),
            "timeout_checker": FunctionSettings(reserved_concurrency=3),
        },
        sweepers=3,
        removal_policy=RemovalPolicy.DESTROY,
        bundle=bundle,
    )
    work = sqs.Queue(stack, "Work")
    tracker.add_service("Payments.pay", work)
    tracker.add_service(
        "Files.keep",
        work,
        dead_letter_queue=sqs.Queue(stack, "Letters"),
        max_age=Duration.hours(1),
        max_retries=5,
    )
    TrellisProcess(
        stack,
        "Other tracker",
        authorization=JwtAuthorization(issuer=f"https://{Aws.STACK_NAME}", audiences=[Aws.REGION]),
        bundle=bundle,
    )


def used(app: App, bundle: Path) -> None:
    """One with callers, consumers and others who have to do with it."""
    stack = Stack(app, "Used")
    work = sqs.Queue(stack, "Work")
    payments = lambda_.Function(
        stack,
        "Payments",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): pass"),
    )
    tracker = TrellisProcess(
        stack,
        "Tracker",
        bundle=bundle,
        services={"Expenses.validate": work, "Payments.pay": payments},
    )
    tracker.grant_commands(caller(stack, "CommandsOfOne"), tenant="tenant-1")
    tracker.grant_commands(caller(stack, "CommandsOfAll"))
    tracker.grant_read(caller(stack, "ReadsOne"), tenant="tenant-1")
    tracker.grant_read(caller(stack, "ReadsAll"))
    tracker.grant_send_commands(caller(stack, "Sends"))
    tracker.table.grant_read_data(caller(stack, "ReadsTable"))
    tracker.failure_queues["RefusedCommandsQueue"].grant_consume_messages(caller(stack, "Redrives"))
    queue = sqs.Queue(stack, "Queue")
    tracker.add_consumer("Everything", targets.SqsQueue(queue))
    tracker.add_consumer(
        "Failures",
        targets.SqsQueue(queue),
        event_types=["StepFailed", "ProcessStepTimedOut"],
        tenant="tenant-1",
        process_types=["CaseCreation"],
        step_names=["create_case"],
    )
    tracker.functions["audit"].add_to_role_policy(
        iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::notes/today"])
    )
    CfnOutput(stack, "Url", value=tracker.api_url)
    CfnOutput(stack, "Alarm", value=tracker.alarms["WithoutWakeupAlarm"].alarm_arn)
    CfnOutput(stack, "Log", value=tracker.log_groups["audit"].log_group_name)


def caller(stack: Stack, name: str) -> iam.User:
    return iam.User(stack, name)
