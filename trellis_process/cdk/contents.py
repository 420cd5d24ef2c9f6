"""What the construct is made of: the template taken in, and its resources as others want them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from typing import TypeVar, get_args

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_s3_assets import Asset
from aws_cdk.cloudformation_include import CfnInclude
from constructs import Construct

from trellis_process.cdk.conditions import Template, Values, decided
from trellis_process.cdk.functions import (
    API_WAITS_LONGER_S,
    QUEUE_WAITS_TIMES,
    FunctionName,
    FunctionSettings,
)

Resource = TypeVar("Resource")

#: The queues on which functions wait, by the function.
_WAITED_ON = {
    "queue_commands": "CommandsQueue",
    "children": "ChildEventsQueue",
    "external_events": "ExternalEventsQueue",
    "jobs": "JobsQueue",
    "views": "ViewsQueue",
}


class Contents:
    """The template in ``scope``, as it is with these ``values`` of its parameters.

    ``key`` is what encrypts table and queues, where it is not AWS's own. With ``outputs`` the stack
    has those of the template, by their names.

    A handle is no resource: it is how other constructs name one. What is granted by it becomes a
    policy of the grantee.
    """

    def __init__(
        self,
        scope: Construct,
        template: Template,
        values: Values,
        *,
        key: kms.IKey | None,
        outputs: bool,
    ) -> None:
        self._scope = scope
        self._key = key
        self._template = decided(template, values)
        if not outputs:
            self._template["Outputs"] = {}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self._template, file)
            file.flush()
            # "Default" adds nothing to the names of what is in it.
            self._included = CfnInclude(
                scope,
                "Default",
                template_file=file.name,
                preserve_logical_ids=False,
                parameters=dict(values),
            )
        for output in self._template["Outputs"]:
            self._included.get_output(output).override_logical_id(output)

    def resource(self, name: str, kind: type[Resource]) -> Resource:
        """The resource that the template calls ``name``."""
        found = self._included.get_resource(name)
        if not isinstance(found, kind):
            raise TypeError(f"{name} is a {type(found).__name__}, not a {kind.__name__}")
        return found

    def names(self, kind: str) -> list[str]:
        """What the resources of a ``kind`` are called in the template."""
        resources = self._template["Resources"]
        return [name for name, resource in resources.items() if resource["Type"] == kind]

    def set_up(self, settings: Mapping[FunctionName, FunctionSettings], asset: Asset) -> None:
        """Lets the functions run by these settings, and what waits for them wait as long."""
        for name in self._function_names():
            function = self.resource(f"{_in_template(name)}Function", lambda_.CfnFunction)
            asset.add_resource_metadata(function, "Code")  # by which tools find it on this machine
            given = settings.get(name, FunctionSettings())
            if given.memory_mb is not None:
                function.memory_size = given.memory_mb
            if given.reserved_concurrency is not None:
                function.reserved_concurrent_executions = given.reserved_concurrency
            if (timeout_s := given.timeout_s) is not None:
                function.timeout = timeout_s
                if name == "step_commands":
                    api = self.resource("ApiIntegration", apigatewayv2.CfnIntegration)
                    api.timeout_in_millis = (timeout_s + API_WAITS_LONGER_S) * 1000
                elif name in _WAITED_ON:
                    queue = self.resource(_WAITED_ON[name], sqs.CfnQueue)
                    queue.visibility_timeout = timeout_s * QUEUE_WAITS_TIMES

    def table(self) -> dynamodb.ITable:
        """The table."""
        table = self.resource("Table", dynamodb.CfnTable)
        indexes = self._template["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"]
        return dynamodb.Table.from_table_attributes(
            self._scope,
            "Table",
            table_arn=table.attr_arn,
            table_stream_arn=table.attr_stream_arn,
            encryption_key=self._key,
            global_indexes=[index["IndexName"] for index in indexes],
        )

    def api(self) -> apigatewayv2.IHttpApi:
        """The HTTP API."""
        api = self.resource("Api", apigatewayv2.CfnApi)
        return apigatewayv2.HttpApi.from_http_api_attributes(
            self._scope, "Api", http_api_id=api.ref, api_endpoint=api.attr_api_endpoint
        )

    def event_bus(self) -> events.IEventBus:
        """The bus of its own."""
        bus = self.resource("EventBus", events.CfnEventBus)
        return events.EventBus.from_event_bus_attributes(
            self._scope,
            "EventBus",
            event_bus_arn=bus.attr_arn,
            event_bus_name=bus.ref,
            event_bus_policy="",  # it has none
        )

    def functions(self) -> Mapping[FunctionName, lambda_.IFunction]:
        """The functions that are there."""
        return {name: self._function(_in_template(name)) for name in self._function_names()}

    def log_groups(self) -> Mapping[FunctionName, logs.ILogGroup]:
        """The log groups of the functions that are there."""
        return {name: self._log_group(_in_template(name)) for name in self._function_names()}

    def queue(self, name: str) -> sqs.IQueue:
        """The queue that the template calls ``name``."""
        queue = self.resource(name, sqs.CfnQueue)
        return sqs.Queue.from_queue_attributes(
            self._scope,
            name,
            queue_arn=queue.attr_arn,
            queue_url=queue.ref,
            key_arn=None if self._key is None else self._key.key_arn,
        )

    def failure_queues(self) -> Mapping[str, sqs.IQueue]:
        """The queues of what failed."""
        waited_on = _WAITED_ON.values()
        names = [name for name in self.names("AWS::SQS::Queue") if name not in waited_on]
        return {name: self.queue(name) for name in names}

    def alarms(self) -> Mapping[str, cloudwatch.IAlarm]:
        """The alarms."""
        return {
            name: cloudwatch.Alarm.from_alarm_arn(
                self._scope, name, self.resource(name, cloudwatch.CfnAlarm).attr_arn
            )
            for name in self.names("AWS::CloudWatch::Alarm")
        }

    def _function(self, name: str) -> lambda_.IFunction:
        role = self.resource(f"{name}Role", iam.CfnRole)
        return lambda_.Function.from_function_attributes(
            self._scope,
            f"{name}Function",
            function_arn=self.resource(f"{name}Function", lambda_.CfnFunction).attr_arn,
            role=iam.Role.from_role_arn(self._scope, f"{name}Role", role.attr_arn),
            architecture=lambda_.Architecture.ARM_64,
            same_environment=True,
        )

    def _log_group(self, name: str) -> logs.ILogGroup:
        group = self.resource(f"{name}LogGroup", logs.CfnLogGroup)
        return logs.LogGroup.from_log_group_name(self._scope, f"{name}LogGroup", group.ref)

    def _function_names(self) -> list[FunctionName]:
        there = self.names("AWS::Lambda::Function")
        return [name for name in get_args(FunctionName) if f"{_in_template(name)}Function" in there]


def _in_template(name: FunctionName) -> str:
    """``step_commands`` as the template spells it, ``StepCommands``."""
    return "".join(word.capitalize() for word in name.split("_"))
