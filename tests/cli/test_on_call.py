"""The commands for the person on call, on a deployed stack."""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from trellis_process.local.stack import STACK_NAME, LocalStack

from .shell import Shell

A_STEP = {"name": "create_case", "timeout_ms": 60_000}


@pytest.fixture
def shell(deployed_stack: LocalStack, tmp_path: Path) -> Shell:
    """The shell of somebody who may do everything in the stack's account."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "COLUMNS": "160",
        "PYTHONUNBUFFERED": "1",
        "TRELLIS_STACK": STACK_NAME,
        **deployed_stack.cloud.client_environment(),
    }
    return Shell(tmp_path, environment)


@pytest.fixture
def tenant() -> str:
    return f"tenant-{uuid.uuid4().hex[:8]}"


def started(stack: LocalStack, tenant: str, **step: Any) -> str:
    asked = {
        "process_type": "CaseCreation",
        "aggregate_type": "Referral",
        "aggregate_id": "ref-1",
        "steps": [{**A_STEP, **step}],
        "auto_start_steps": True,
    }
    answer = stack.http().request("POST", f"/tenants/{tenant}/processes", asked)
    process_id: str = answer.json()["process_id"]
    return process_id


def of_following(stack: LocalStack) -> list[str]:
    """The queues and rules that are there for somebody who follows events."""
    queues = stack.cloud.client("sqs").list_queues(QueueNamePrefix="trellis-follow-")
    rules = stack.cloud.client("events").list_rules(
        EventBusName=stack.outputs["EventBusName"], NamePrefix="trellis-follow-"
    )
    return queues.get("QueueUrls", []) + [rule["Name"] for rule in rules["Rules"]]


# ---------------------------------------------------------------- events


def test_events_are_followed_as_they_happen_and_only_those_asked_for(
    shell: Shell, deployed_stack: LocalStack, tenant: str
) -> None:
    words = ("events", "--follow", "--tenant", tenant, "--event", "StepStarted", "--limit", "2")
    with shell.begin(*words, "--json") as following:
        assert "Following the events" in following.stderr.readline()
        started(deployed_stack, f"{tenant}-not")
        ids = {started(deployed_stack, tenant), started(deployed_stack, tenant)}
        told, _ = following.communicate(timeout=60)

    events = [json.loads(line) for line in told.splitlines()]
    assert {event["process_id"] for event in events} == ids
    assert {event["type"] for event in events} == {"StepStarted"}
    assert following.returncode == 0
    assert of_following(deployed_stack) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_end_takes_queue_and_rule_away(
    shell: Shell, deployed_stack: LocalStack, tenant: str, end: signal.Signals
) -> None:
    with shell.begin("events", "--follow", "--process", "p-1", "--type", "T") as following:
        following.stderr.readline()
        (queue, _rule) = of_following(deployed_stack)
        kept = deployed_stack.cloud.client("sqs").get_queue_attributes(
            QueueUrl=queue, AttributeNames=["MessageRetentionPeriod"]
        )
        following.send_signal(end)
        _, said = following.communicate(timeout=30)

    assert kept["Attributes"] == {"MessageRetentionPeriod": "300"}
    assert following.returncode == 0, said
    assert "Traceback" not in said
    assert of_following(deployed_stack) == []


def test_events_of_the_past_are_not_there_to_be_listed(shell: Shell) -> None:
    refused = shell.run("events")

    assert refused.returncode == 2
    assert "--follow" in refused.stderr


# ---------------------------------------------------------------- overdue


def test_what_is_overdue_is_shown_with_whose_it_is_and_how_late(
    shell: Shell, deployed_stack: LocalStack, tenant: str
) -> None:
    # As many retries as that outlast every sweep that comes in between.
    process_id = started(deployed_stack, tenant, timeout_ms=1, retries_permitted=100)

    found = shell.json("overdue", "--limit", "1000", status=1)
    shown = shell.run("overdue", "--limit", "1000", COLUMNS="80").stdout

    (mine,) = [each for each in found if each["process_id"] == process_id]
    assert (mine["tenant_id"], mine["step_name"]) == (tenant, "create_case")
    assert mine["overdue_seconds"] > 0
    (line,) = [line for line in shown.splitlines() if process_id in line]
    assert len(line.rstrip()) <= 80
    assert (
        deployed_stack.http()
        .request("POST", f"/tenants/{tenant}/processes/{process_id}/cancel")
        .status
        == 200
    )


# ---------------------------------------------------------------- doctor


def test_the_doctor_tells_what_is_wrong_and_mends_it_only_if_asked(
    shell: Shell, deployed_stack: LocalStack, tenant: str
) -> None:
    process_id = started(deployed_stack, tenant)
    deployed_stack.cloud.client("dynamodb").update_item(
        TableName=deployed_stack.outputs["TableName"],
        Key={"pk": {"S": f"{tenant}#{process_id}"}, "sk": {"S": "process"}},
        UpdateExpression="REMOVE due_at, due_shard",
    )

    def outcomes(told: dict[str, Any]) -> list[tuple[list[str], str]]:
        mine = [each for each in told["found"] if each["process_id"] == process_id]
        return [(each["faults"], each["outcome"]) for each in mine]

    shown = shell.run("doctor")
    assert shown.returncode == 1
    assert f"{process_id}  {tenant}  without_wakeup  to be mended" in shown.stdout
    assert "trellis doctor --repair" in shown.stdout
    assert "WithoutWakeupAlarm" in shown.stdout
    assert outcomes(shell.json("doctor", "--repair", status=1)) == [(["without_wakeup"], "mended")]
    told = shell.run("doctor", "--json")
    assert outcomes(json.loads(told.stdout)) == []


@contextmanager
def disabled(stack: LocalStack, schedule: str) -> Iterator[None]:
    """A schedule of the stack, switched off meanwhile."""
    resources = stack.cloud.client("cloudformation").list_stack_resources(StackName=STACK_NAME)
    (name,) = [
        each["PhysicalResourceId"]
        for each in resources["StackResourceSummaries"]
        if each["LogicalResourceId"] == schedule
    ]
    scheduler = stack.cloud.client("scheduler")
    said = scheduler.get_schedule(Name=name)
    kept = {
        key: said[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    }
    scheduler.update_schedule(**kept, State="DISABLED")
    try:
        yield
    finally:
        scheduler.update_schedule(**kept, State="ENABLED")


def test_the_doctor_looks_at_all_that_makes_a_stack_sick(
    shell: Shell, deployed_stack: LocalStack
) -> None:
    sqs = deployed_stack.cloud.client("sqs")
    queue = deployed_stack.outputs["MissedSweepsQueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="{}")
    with disabled(deployed_stack, "TimeoutCheckerSchedule"):
        told = shell.json("doctor", status=1)
    sqs.purge_queue(QueueUrl=queue)

    health = {each["check"]: (each["health"], each["runbook"]) for each in told["checks"]}
    assert not told["is_well"]
    assert health["missed-sweeps"] == ("sick", "MissedSweepsAlarm")
    assert health["TimeoutCheckerSchedule"] == ("sick", "SweepsMissingAlarm")
    assert health["AuditSchedule"] == ("well", "AuditMissingAlarm")
    assert health["EventPublisherStream"] == ("well", "StreamAgeAlarm")
    assert health["QueueCommandsSource"] == ("well", "CommandsWaitingAlarm")
    assert {"failed-batches", "undelivered-events", "refused-commands", "sweeps"} <= set(health)


def may(stack: LocalStack, *actions: str) -> dict[str, str]:
    """The variables of a user who has these rights and no other."""
    iam = stack.cloud.client("iam")
    name = f"on-call-{uuid.uuid4().hex[:8]}"
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def test_the_doctor_looks_no_further_than_the_rights_allow_and_says_so(
    shell: Shell, deployed_stack: LocalStack
) -> None:
    table = ("Scan", "GetItem", "BatchGetItem", "Query")
    rights = may(
        deployed_stack,
        "cloudformation:DescribeStacks",
        *(f"dynamodb:{each}" for each in table),
    )

    told = json.loads(shell.run("doctor", "--json", **rights).stdout)

    health = {each["check"]: (each["health"], each["told"]) for each in told["checks"]}
    assert health["missed-sweeps"] == ("unknown", "no right to GetQueueAttributes")
    assert health["Scheduler::Schedule"] == ("unknown", "no right to ListStackResources")
    assert health["sweeps"] == ("unknown", "no right to ListMetrics")
    assert health["processes"][0] == "well"


# ---------------------------------------------------------------- redrive


class Failures:
    """Puts letters into the stack's dead-letter queues, as those who fail do."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._sqs = stack.cloud.client("sqs")

    def put(self, queue: str, body: Any, **attributes: str) -> str:
        message_id: str = self._sqs.send_message(
            QueueUrl=self._stack.outputs[f"{queue}QueueUrl"],
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )["MessageId"]
        return message_id

    def refused(self, code: str, **command: Any) -> str:
        return self.put("RefusedCommands", command, code=code, reason="told so", message_id="m-1")

    def batch(self, tenant: str, process_id: str) -> str:
        """A batch of the stream that the publisher gave up: the change that started a process."""
        streams = self._stack.cloud.client("dynamodbstreams")
        table = self._stack.cloud.client("dynamodb").describe_table(
            TableName=self._stack.outputs["TableName"]
        )["Table"]
        arn = table["LatestStreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        (number,) = [
            record["dynamodb"]["SequenceNumber"]
            for record in streams.get_records(ShardIterator=iterator)["Records"]
            if record["dynamodb"]["Keys"]["pk"]["S"] == f"{tenant}#{process_id}"
        ]
        function = self._stack.outputs["EventPublisherFunctionName"]
        return self.put(
            "FailedBatches",
            {
                "requestContext": {
                    "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{function}"
                },
                "DDBStreamBatchInfo": {
                    "streamArn": arn,
                    "shardId": shard["ShardId"],
                    "startSequenceNumber": number,
                    "endSequenceNumber": number,
                    "batchSize": 1,
                },
            },
        )


@pytest.fixture
def failures(deployed_stack: LocalStack) -> Failures:
    return Failures(deployed_stack)


def events_of(following: Any, count: int) -> list[dict[str, Any]]:
    told, _ = following.communicate(timeout=60)
    events = [json.loads(line) for line in told.splitlines()]
    assert len(events) == count
    return events


def test_what_failed_is_sent_again_each_in_its_way_and_nothing_by_a_dry_run(
    shell: Shell, deployed_stack: LocalStack, failures: Failures, tenant: str
) -> None:
    process_id = started(deployed_stack, tenant)
    told = {
        "id": f"{process_id}/7/1", "type": "StepFailed", "time": "2026-03-01T09:30:00.000Z",
        "tenant_id": tenant, "process_id": process_id, "version": 7,
    }  # fmt: skip
    entry = {
        "Source": "trellis",
        "DetailType": "StepFailed",
        "Detail": json.dumps(told),
        "EventBusName": deployed_stack.outputs["EventBusName"],
    }
    given_up = {
        "command": "StartProcess", "tenant_id": tenant, "process_type": "GivenUp",
        "aggregate_type": "Referral", "aggregate_id": "ref-2", "steps": [{"name": "pay"}],
    }  # fmt: skip
    by_bus = {
        "id": "e-1", "detail-type": "TrellisCommand", "source": "probe",
        "detail": {**given_up, "process_type": "ByBus"},
    }  # fmt: skip
    about_a_child = {
        "source": "trellis",
        "detail-type": "ChildCancellationRequested",
        "detail": {
            "id": f"{process_id}/8/1", "type": "ChildCancellationRequested", "tenant_id": tenant,
            "process_id": process_id, "child_id": "no-such-child",
        },
    }  # fmt: skip
    from_outside = {"id": "e-1", "source": "shop", "detail-type": "Rain", "detail": {}}
    letters = {
        failures.batch(tenant, process_id),
        failures.put("ChildEventsLeft", about_a_child),
        failures.put("ExternalEventsLeft", from_outside),
        failures.put("ExternalEventsLeft", from_outside, RULE_ARN="arn", ERROR_CODE="THROTTLING"),
        failures.put("UndeliveredEvents", {"reason": "told so", "entry": entry}),
        failures.put("MissedSweeps", "{}", ERROR_CODE="Throttled"),
        failures.put("RefusedCommands", given_up),
        failures.put("RefusedCommands", by_bus, RULE_ARN="arn", ERROR_CODE="NO_PERMISSIONS"),
    }

    def outcomes(*words: str) -> dict[str, str]:
        done = shell.run("redrive", *words, "--json")
        assert done.returncode in (0, 1), done.stderr  # others may have left something there
        mine = [each for each in json.loads(done.stdout) if each["message_id"] in letters]
        return {each["message_id"]: each["outcome"] for each in mine}

    assert outcomes("--dry-run") == dict.fromkeys(letters, "would be sent")
    with shell.begin(
        "events", "--follow", "--tenant", tenant, "--limit", "5", "--json"
    ) as following:
        following.stderr.readline()
        assert outcomes() == dict.fromkeys(letters, "sent")
        events = events_of(following, 5)

    sent = {(event["type"], event.get("process_type")) for event in events}
    assert sent == {
        ("ProcessStarted", "CaseCreation"),  # by the batch, with the ids they had
        ("StepStarted", "CaseCreation"),
        ("StepFailed", None),
        ("ProcessStarted", "GivenUp"),
        ("ProcessStarted", "ByBus"),
    }
    assert outcomes("--dry-run") == {}


def test_a_refused_command_stays_until_somebody_says_what_becomes_of_it(
    shell: Shell, deployed_stack: LocalStack, failures: Failures, tenant: str
) -> None:
    process_id = started(deployed_stack, tenant)
    report = {"tenant_id": tenant, "process_id": process_id}
    good = failures.refused(
        "was_too_early", command="CompleteStep", step_name="create_case", **report
    )
    bad = failures.refused("was_wrong", command="CompleteStep", step_name="no_such", **report)

    def outcomes(*words: str) -> dict[str, str]:
        done = shell.run("redrive", "refused-commands", *words, "--json")
        told = json.loads(done.stdout)
        assert done.returncode == int(any(each["outcome"] == "stays" for each in told))
        return {each["message_id"]: each["outcome"] for each in told}

    assert {good: "stays", bad: "stays"}.items() <= outcomes().items()
    shown = shell.run("redrive", "refused-commands").stdout
    assert f"CompleteStep {tenant} {process_id} create_case" in shown
    assert "refused: was_too_early: told so" in shown
    with shell.begin(
        "events", "--follow", "--process", process_id, "--event", "StepCompleted", "--limit", "1"
    ) as following:
        following.stderr.readline()
        told = outcomes("--send", "was_too_early", "--drop", "was_wrong")
        said, _ = following.communicate(timeout=60)
    assert (told[good], told[bad]) == ("sent", "dropped")
    assert process_id in said
    assert not {good, bad} & set(outcomes())
    refused = shell.run("redrive", "--send", "all", "--drop", "all")
    assert (refused.returncode, "not both" in refused.stderr) == (2, True)


def test_a_refused_event_stays_until_somebody_says_what_becomes_of_it(
    shell: Shell, failures: Failures, tenant: str
) -> None:
    event = {"id": tenant, "source": "shop", "detail-type": "OrderSeen", "detail": {}}
    good = failures.put(
        "RefusedEvents", event, code="was_too_early", reason="told so", definition="order"
    )
    bad = failures.put("RefusedEvents", "no event", code="was_wrong", reason="told so")

    def outcomes(*words: str) -> dict[str, str]:
        told = json.loads(shell.run("redrive", "refused-events", *words, "--json").stdout)
        return {each["message_id"]: each["outcome"] for each in told}

    assert {good: "stays", bad: "stays"}.items() <= outcomes().items()
    shown = shell.run("redrive", "refused-events").stdout
    assert f"shop OrderSeen {tenant} for order, refused: was_too_early: told so" in shown
    told = outcomes("--send", "was_too_early", "--drop", "was_wrong")
    assert (told[good], told[bad]) == ("sent", "dropped")
    assert not {good, bad} & set(outcomes())


def test_what_cannot_be_sent_stays_with_the_reason(
    shell: Shell, deployed_stack: LocalStack, failures: Failures
) -> None:
    sqs = deployed_stack.cloud.client("sqs")
    keys = {"pk": {"S": "tenant-1#p-1"}, "sk": {"S": "process"}}
    gone = {
        "streamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/gone/stream/2026-01-01",
        "shardId": "shardId-00000000000000000000-00000000",
        "startSequenceNumber": "1" * 21, "endSequenceNumber": "2" * 21, "batchSize": 2,
    }  # fmt: skip
    function = "arn:aws:lambda:us-east-1:0:function:{}"
    publisher = deployed_stack.outputs["EventPublisherFunctionName"]
    reasons = {
        failures.put("UndeliveredEvents", {"reason": "unreadable", "keys": keys}): "by hand",
        failures.put("UndeliveredEvents", "rubbish"): "nobody but who put it there",
        failures.put("FailedBatches", {
            "requestContext": {"functionArn": function.format(publisher)},
            "DDBStreamBatchInfo": gone,
        }): "24 hours",
        failures.put("FailedBatches", {
            "requestContext": {"functionArn": function.format("somebody-elses")},
            "DDBStreamBatchInfo": gone,
        }): "none of this stack",
    }  # fmt: skip

    told = {each["message_id"]: each for each in shell.json("redrive", status=1)}

    for message_id, reason in reasons.items():
        assert told[message_id]["outcome"] in ("stays", "failed")
        assert reason in told[message_id]["told"]
    for queue in ("UndeliveredEvents", "FailedBatches"):
        sqs.purge_queue(QueueUrl=deployed_stack.outputs[f"{queue}QueueUrl"])


# ---------------------------------------------------------------- which stack


def test_a_profile_may_name_the_stack_for_all_commands(
    shell: Shell, deployed_stack: LocalStack, tenant: str
) -> None:
    folder = shell.folder / ".config" / "trellis"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        f'[profiles.here]\nstack = "{STACK_NAME}"\nregion = "us-east-1"\naws_profile = "root"\n'
        '[profiles.step-api]\nurl = "http://127.0.0.1:9"\n'
    )
    aws = shell.folder / ".aws"
    aws.mkdir()
    (aws / "credentials").write_text(
        "[root]\naws_access_key_id = test\naws_secret_access_key = test\n"
    )
    for name in ("TRELLIS_STACK", "AWS_REGION", "AWS_DEFAULT_REGION"):
        del shell.environment[name]
    shell.environment["AWS_SECRET_ACCESS_KEY"] = "not that of the profile"

    assert isinstance(shell.json("redrive", "--profile", "here", "missed-sweeps"), list)
    nameless = shell.run("overdue", "--profile", "step-api")
    assert (nameless.returncode, "stack = " in nameless.stderr) == (8, True)


def test_a_missing_right_is_told_and_has_its_exit_code(
    shell: Shell, deployed_stack: LocalStack
) -> None:
    rights = may(deployed_stack, "cloudformation:DescribeStacks", "dynamodb:Query")

    for words in (["doctor"], ["events", "--follow"], ["redrive", "missed-sweeps"]):
        done = shell.run(*words, **rights)
        assert (done.returncode, done.stdout) == (6, ""), done.stderr
        assert "trellis: " in done.stderr
        assert "Traceback" not in done.stderr
    assert of_following(deployed_stack) == []


@pytest.mark.parametrize(
    ("variables", "status", "told"),
    [
        ({"TRELLIS_STACK": "no-such-stack"}, 8, "there is no stack 'no-such-stack' in us-east-1"),
        ({"TRELLIS_STACK": ""}, 8, "TRELLIS_STACK"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, 8, "region"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, 7, "Could not connect"),
    ],
)
def test_exit_codes_tell_a_script_what_is_wrong_with_the_way_to_a_stack(
    shell: Shell, variables: dict[str, str], status: int, told: str
) -> None:
    done = shell.run("overdue", **variables)

    assert done.returncode == status, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
