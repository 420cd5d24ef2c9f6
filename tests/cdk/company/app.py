"""An app as a user would write it: a tracker, who calls it, who is told, and who does its work."""

from aws_cdk import App, CfnOutput, Duration, Stack
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs

from trellis_process.cdk import TrellisProcess

app = App()
stack = Stack(app, "Company")
payments = lambda_.Function(
    stack,
    "Payments",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="workers.pay",
    code=lambda_.Code.from_asset(app.node.try_get_context("workers")),
    timeout=Duration.seconds(30),
)
files = sqs.Queue(stack, "Files")
tracker = TrellisProcess(
    stack,
    "Tracker",
    services={"Payments.pay": payments, "Files.keep": files},
    bundle=app.node.try_get_context("bundle"),
    outputs=True,
)
tracker.grant_commands(payments)

service = iam.User(stack, "Service")
tracker.grant_commands(service, tenant="tenant-1")

failures = sqs.Queue(stack, "Failures")
tracker.add_consumer("Failed", targets.SqsQueue(failures), event_types=["StepFailed"])

CfnOutput(stack, "FilesUrl", value=files.queue_url)
CfnOutput(stack, "PaymentsName", value=payments.function_name)
CfnOutput(stack, "ServiceName", value=service.user_name)
CfnOutput(stack, "FailuresUrl", value=failures.queue_url)
app.synth()
