"""The construct: the whole stack, made of the SAM template, with what others need of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_dynamodb import CfnTable
from constructs import Construct

from trellis_process.cdk.bundle import bundle_asset
from trellis_process.cdk.consumers import event_pattern
from trellis_process.cdk.contents import Contents
from trellis_process.cdk.findings import acknowledge_findings
from trellis_process.cdk.functions import (
    FunctionName,
    FunctionSettings,
    check_functions,
    check_sweepers,
)
from trellis_process.cdk.naming import name_of
from trellis_process.cdk.properties import JwtAuthorization, LogLevel, checked
from trellis_process.cdk.services import LONGEST_AGE, MOST_RETRIES, bind_service
from trellis_process.cdk.template import BUNDLE_BUCKET, BUNDLE_KEY, NAME, expanded_template
from trellis_process.domain.limits import check_name
from trellis_process.errors import InvalidInput

_READING = ("GET",)
_COMMANDING = ("GET", "POST")


class TrellisProcess(Construct):
    """A process tracker: table, step API, events, sweep, audit, queues, alarms and a dashboard.

    It is what ``infra/template.yaml`` describes, and without any property what that is by default:
    callers are the AWS principals that ``grant_commands`` and ``grant_read`` let in.

    ``name``
        what bus, API and dashboard are called, and which metrics are its own (``Trellis/`` and the
        name): 1 to 100 letters, digits, ``-`` and ``_``. Without it, the stack's name and the path
        of this construct in the stack. Another name later is another bus.
    ``authorization``
        callers come with tokens, in place of signatures.
    ``retention_days``
        for how long a finished process stays in the table, 0 to 36,500; 0 for ever.
    ``archive_bucket``, ``archive_prefix``
        where finished processes are kept as JSON lines, and what the keys there begin with. Without
        a bucket they are not kept; with one, ``retention_days`` is 0, or 7 or more.
    ``read_models``
        keep the events in views too: an inbox of open tasks, lists, histories, statistics.
    ``external_events``
        let the events of others on the bus start processes and reach those that react, and let
        completed processes start those that follow them.
    ``alarm_topic``
        the topic that is told when an alarm begins and ends. Without it nobody is told.
    ``event_bus``
        a bus of the same account and region that carries the events, in place of one of its own.
    ``encryption_key``
        the key that encrypts table and queues, in place of keys that cost nothing and belong to
        AWS. One that is not made in this app has to let ``events.amazonaws.com`` use it.
    ``log_level``, ``log_retention_days``
        the least severe level that the functions log, and for how many days logs are kept: 1, 3, 5,
        7, 14, 30, 60, 90 and what else CloudWatch knows.
    ``publisher_parallelism``
        batches of one stream shard published at once, 1 to 10.
    ``sweepers``
        sweeps side by side each minute, each in shards of its own, 1 to 8. A number that is known
        on deployment only is refused, for each has a schedule.
    ``functions``
        memory, timeout and reserved concurrency, where they are to be other than in the template.
    ``services``
        the functions and queues that do the work of services, by the names that definitions call
        them: each gets a rule that leads its work there, a queue in which what could not be handed
        over is kept, and an alarm on that; see ``add_service``.
    ``removal_policy``
        what becomes of the table when it is taken out of the stack or the stack is deleted.
    ``bundle``
        the folder or the zip of the functions' code, as ``python -m trellis_process.deploy.bundle``
        builds it. Without it it is built, for which a ``python3.13`` has to be on the ``PATH``.
    ``outputs``
        give the stack the outputs of the SAM template, by their names; one construct may, in each.

    Raises ``InvalidInput`` for a property that is not allowed, and ``DeployError`` where the bundle
    cannot be built.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str | None = None,
        authorization: JwtAuthorization | None = None,
        retention_days: int = 0,
        archive_bucket: s3.IBucket | None = None,
        archive_prefix: str = "finished/",
        read_models: bool = False,
        external_events: bool = True,
        alarm_topic: sns.ITopic | None = None,
        event_bus: events.IEventBus | None = None,
        encryption_key: kms.IKey | None = None,
        log_level: LogLevel = "INFO",
        log_retention_days: int = 30,
        publisher_parallelism: int = 2,
        sweepers: int = 1,
        functions: Mapping[FunctionName, FunctionSettings] | None = None,
        services: Mapping[str, lambda_.IFunction | sqs.IQueue] | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        bundle: Path | str | None = None,
        outputs: bool = False,
    ) -> None:
        super().__init__(scope, id)
        settings = functions or {}
        absent: set[FunctionName] = set()
        if archive_bucket is None:
            absent.add("archive")
        if not read_models:
            absent.add("views")
        if not external_events:
            absent.add("external_events")
        check_functions(settings, absent=absent)
        _check_bus(self, event_bus)
        #: What bus, API, dashboard and metrics are called by.
        self.name = name_of(self, name)
        template = expanded_template()
        archive_key = None if archive_bucket is None else archive_bucket.encryption_key
        values: dict[str, Any] = checked(
            template,
            {
                NAME: self.name,
                **_authorization_values(authorization),
                "RetentionDays": retention_days,
                "ArchiveBucketName": "" if archive_bucket is None else archive_bucket.bucket_name,
                "ArchivePrefix": archive_prefix,
                "ReadModels": "on" if read_models else "off",
                "ExternalEvents": "on" if external_events else "off",
                "ArchiveKeyArn": "" if archive_key is None else archive_key.key_arn,
                "AlarmTopicArn": "" if alarm_topic is None else alarm_topic.topic_arn,
                "EventBusName": "" if event_bus is None else event_bus.event_bus_name,
                "EncryptionKeyArn": "" if encryption_key is None else encryption_key.key_arn,
                "LogLevel": log_level,
                "LogRetentionDays": log_retention_days,
                "PublisherParallelism": publisher_parallelism,
                "Sweepers": sweepers,
            },
        )
        check_sweepers(sweepers, settings)
        asset = bundle_asset(self, bundle)
        values |= {BUNDLE_BUCKET: asset.s3_bucket_name, BUNDLE_KEY: asset.s3_object_key}
        contents = Contents(self, template, values, key=encryption_key, outputs=outputs)
        contents.set_up(settings, asset)
        contents.resource("Table", CfnTable).apply_removal_policy(removal_policy)
        if encryption_key is not None:
            _let_rules_encrypt(self, encryption_key)
        acknowledge_findings(contents)

        self._authorization = authorization
        #: The table; its grants include its indexes and its key.
        self.table = contents.table()
        #: The bus that carries the events: the given one, or its own.
        self.event_bus = event_bus or contents.event_bus()
        self.api = contents.api()
        #: Where the step API answers, for ``TrellisClient``.
        self.api_url = self.api.api_endpoint
        #: The functions by name; what is added to their roles they may do too.
        self.functions = contents.functions()
        #: The logs of the functions.
        self.log_groups = contents.log_groups()
        #: Where commands may be sent instead of called.
        self.commands_queue = contents.queue("CommandsQueue")
        #: The queues of what failed, by their names in the template: ``RefusedCommandsQueue``, …
        self.failure_queues = dict(contents.failure_queues())
        #: The alarms, by their names in the template: ``WithoutWakeupAlarm``, …
        self.alarms = dict(contents.alarms())
        self._alarm_topic = alarm_topic
        self._encryption_key = encryption_key
        self._has_outputs = outputs
        for service, target in (services or {}).items():
            self.add_service(service, target)

    def grant_commands(self, grantee: iam.IGrantable, *, tenant: str | None = None) -> iam.Grant:
        """Let ``grantee`` call the step API for one ``tenant``, or for all: report, start, read.

        Raises ``InvalidInput`` for a tenant that is none, or where callers come with tokens.
        """
        return self._grant_calls(grantee, _COMMANDING, tenant)

    def grant_read(self, grantee: iam.IGrantable, *, tenant: str | None = None) -> iam.Grant:
        """Let ``grantee`` look up the processes of one ``tenant``, or of all.

        Raises ``InvalidInput`` as ``grant_commands`` does.
        """
        return self._grant_calls(grantee, _READING, tenant)

    def grant_send_commands(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` send commands to the queue, where every tenant may be commanded."""
        return self.commands_queue.grant_send_messages(grantee)

    def add_consumer(
        self,
        id: str,
        *targets: events.IRuleTarget,
        event_types: Sequence[str] = (),
        tenant: str | None = None,
        process_types: Sequence[str] = (),
        step_names: Sequence[str] = (),
    ) -> events.Rule:
        """Lead the events of this stack to ``targets`` and return the rule that does so.

        ``event_types`` are names such as ``StepFailed``. What is not said is not looked at; events
        of a process as a whole name no step, so ``step_names`` leaves them out.

        Raises ``InvalidInput`` for an event type that there is not, and for names that are none.
        """
        pattern = event_pattern(event_types, tenant, process_types, step_names)
        return events.Rule(
            self, id, event_bus=self.event_bus, event_pattern=pattern, targets=list(targets)
        )

    def add_service(
        self,
        service: str,
        target: lambda_.IFunction | sqs.IQueue,
        *,
        dead_letter_queue: sqs.IQueue | None = None,
        max_age: Duration = LONGEST_AGE,
        max_retries: int = MOST_RETRIES,
    ) -> events.Rule:
        """Lead the work of a service to the function or queue that does it; returns the rule.

        ``service`` is what definitions call it. What cannot be handed over for ``max_age``, a
        minute to a day, or after ``max_retries``, 0 to 185, waits in ``dead_letter_queue``, or in
        one of its own, with an alarm: in ``failure_queues`` and ``alarms`` they are
        ``WorkLeftQueue-`` and ``WorkLeftAlarm-`` with the service's name. The process meanwhile
        waits for its attempt's timeout: give each service step one.

        Raises ``InvalidInput`` for a name that is none, and for what is out of range.
        """
        bound = bind_service(
            self,
            service,
            target,
            event_bus=self.event_bus,
            left=dead_letter_queue,
            max_age=max_age,
            max_retries=max_retries,
            alarm_topic=self._alarm_topic,
            encryption_key=self._encryption_key,
        )
        self.failure_queues[f"WorkLeftQueue-{service}"] = bound.left
        self.alarms[f"WorkLeftAlarm-{service}"] = bound.alarm
        if self._has_outputs and dead_letter_queue is None:
            output = CfnOutput(self, f"WorkLeftUrl-{service}", value=bound.left.queue_url)
            letters = "".join(filter(str.isalnum, service))
            output.override_logical_id(f"WorkLeftQueueUrl{letters}")
        return bound.rule

    def _grant_calls(
        self, grantee: iam.IGrantable, methods: Sequence[str], tenant: str | None
    ) -> iam.Grant:
        if self._authorization is not None:
            allowed = "rights are for callers who sign; here a token's claim names the tenant"
            raise InvalidInput("grantee", grantee.grant_principal, allowed)
        # A name has none of the characters that stand for others in an ARN.
        path = "*" if tenant is None else f"tenants/{check_name('tenant', tenant)}/*"
        arns = [
            Stack.of(self).format_arn(
                service="execute-api",
                resource=self.api.api_id,
                resource_name=f"$default/{method}/{path}",
            )
            for method in methods
        ]
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["execute-api:Invoke"], resource_arns=arns
        )


def _authorization_values(authorization: JwtAuthorization | None) -> dict[str, str]:
    if authorization is None:
        return {
            "Authorization": "iam",
            "JwtIssuer": "",
            "JwtAudience": "",
            "JwtTenantClaim": JwtAuthorization.tenant_claim,
            "JwtOperatorScope": JwtAuthorization.operator_scope,
        }
    return {
        "Authorization": "jwt",
        "JwtIssuer": authorization.issuer,
        "JwtAudience": ",".join(authorization.audiences),
        "JwtTenantClaim": authorization.tenant_claim,
        "JwtOperatorScope": authorization.operator_scope,
    }


def _check_bus(scope: Construct, bus: events.IEventBus | None) -> None:
    """Raises InvalidInput for a bus that is known to be elsewhere: its rules would not be here."""
    if bus is None:
        return
    stack = Stack.of(scope)
    for here, there in ((stack.account, bus.env.account), (stack.region, bus.env.region)):
        if here != there:
            allowed = f"allowed is a bus of the stack's own account and region, {here}"
            raise InvalidInput("event_bus", there, allowed)


def _let_rules_encrypt(scope: Construct, key: kms.IKey) -> None:
    """A rule sends commands to an encrypted queue as EventBridge, which has no role for that."""
    of_this_account = {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
    service = iam.ServicePrincipal("events.amazonaws.com", conditions=of_this_account)
    key.grant(service, "kms:Decrypt", "kms:GenerateDataKey")
