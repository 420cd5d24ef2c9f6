"""An app as a user would write it: a tracker, a service that may call it, a queue that is told."""

from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs

from trellis_process.cdk import TrellisProcess

app = App()
stack = Stack(app, "Company")
tracker = TrellisProcess(stack, "Tracker", bundle=app.node.try_get_context("bundle"))

service = iam.User(stack, "Service")
tracker.grant_commands(service, tenant="tenant-1")

failures = sqs.Queue(stack, "Failures")
tracker.add_consumer("Failed", targets.SqsQueue(failures), event_types=["StepFailed"])

CfnOutput(stack, "ApiUrl", value=tracker.api_url)
CfnOutput(stack, "ServiceName", value=service.user_name)
CfnOutput(stack, "FailuresUrl", value=failures.queue_url)
app.synth()
