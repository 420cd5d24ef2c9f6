"""The template as it stands: what can be said of it without deploying it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from trellis_process import Process, ProcessStep
from trellis_process.application.children import ASKED, TOLD
from trellis_process.commands.message import DETAIL_TYPE, OWN_SOURCE
from trellis_process.deploy.bundle import ARCHITECTURE, OUTPUT, RUNTIME
from trellis_process.deploy.sources import lambdas_dir, template_path
from trellis_process.domain.definition.reactions import EventDefinition
from trellis_process.domain.engine.correlation import pattern_of
from trellis_process.dynamodb import schema, view_schema
from trellis_process.dynamodb.definition_item import NAMES
from trellis_process.dynamodb.item import to_item

FUNCTIONS = [
    "ChildrenFunction",
    "ExternalEventsFunction",
    "JobsFunction",
    "StepCommandsFunction",
    "QueueCommandsFunction",
    "EventPublisherFunction",
    "TimeoutCheckerFunction",
    "AuditFunction",
    "ArchiveFunction",
    "ViewsFunction",
]
LIST_STREAMS = "dynamodb:ListStreams"


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = cfn_yaml.load(str(template_path()))
    return loaded


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def statements(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for role in resources(template, "AWS::IAM::Role").values():
        for policy in role["Policies"]:
            yield from policy["PolicyDocument"]["Statement"]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_role_has_an_action_with_a_wildcard(template: dict[str, Any]):
    actions = [action for each in statements(template) for action in as_list(each["Action"])]
    assert actions
    assert [action for action in actions if "*" in action] == []


def test_only_streams_and_objects_of_the_archive_are_named_with_a_wildcard(
    template: dict[str, Any],
):
    wild = [each for each in statements(template) if "*" in json.dumps(each["Resource"])]
    assert [each["Action"] for each in wild] == [LIST_STREAMS, LIST_STREAMS, "s3:PutObject"]
    assert "${ArchiveBucketName}/${ArchivePrefix}*" in json.dumps(wild[-1]["Resource"])


def test_only_the_audit_and_the_archive_may_scan(template: dict[str, Any]):
    roles = resources(template, "AWS::IAM::Role")
    scanning = [name for name, role in roles.items() if "dynamodb:Scan" in json.dumps(role)]
    assert scanning == ["AuditRole", "ArchiveRole"]


def test_of_the_table_itself_only_the_names_of_definitions_may_be_queried(
    template: dict[str, Any],
):
    queries = [
        each
        for each in statements(template)
        if "dynamodb:Query" in json.dumps(each["Action"])
        and each["Resource"] == get_att("Table.Arn")
    ]
    assert len(queries) == 6
    for each in queries:
        keys = {"dynamodb:LeadingKeys": [NAMES]}
        assert each["Condition"] == {"ForAllValues:StringEquals": keys}


def test_each_function_has_a_role_and_a_log_of_its_own(template: dict[str, Any]):
    functions = resources(template, "AWS::Serverless::Function")
    assert sorted(functions) == sorted(FUNCTIONS)
    assert len({json.dumps(function["Role"]) for function in functions.values()}) == len(FUNCTIONS)
    assert len({json.dumps(function["LoggingConfig"]) for function in functions.values()}) == len(
        FUNCTIONS
    )
    assert all("Policies" not in function for function in functions.values())


def test_every_log_is_forgotten_after_the_same_time(template: dict[str, Any]):
    groups = resources(template, "AWS::Logs::LogGroup")
    assert len(groups) == len(FUNCTIONS) + 1  # and the API
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())


def test_what_failed_is_kept_for_14_days(template: dict[str, Any]):
    queues = resources(template, "AWS::SQS::Queue")
    queues.pop("CommandsQueue")
    queues.pop("ChildEventsQueue")
    queues.pop("ExternalEventsQueue")
    queues.pop("JobsQueue")
    queues.pop("ViewsQueue")
    assert queues
    for queue in queues.values():
        assert queue["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_every_queue_is_encrypted_by_the_given_key_or_by_one_of_sqs(template: dict[str, Any]):
    queues = resources(template, "AWS::SQS::Queue")
    assert queues
    for queue in queues.values():
        assert queue["SqsManagedSseEnabled"] == if_key({"Ref": "AWS::NoValue"}, True)
        assert queue["KmsMasterKeyId"] == if_key(
            {"Ref": "EncryptionKeyArn"}, {"Ref": "AWS::NoValue"}
        )


def if_key(given: Any, otherwise: Any) -> dict[str, Any]:
    return {"Fn::If": ["HasEncryptionKey", given, otherwise]}


def encrypted(queue: dict[str, Any]) -> bool:
    """By the key that was given, and otherwise by one of AWS's own."""
    by_key, by_aws = queue["KmsMasterKeyId"]["Fn::If"], queue["SqsManagedSseEnabled"]["Fn::If"]
    given, nothing = {"Ref": "EncryptionKeyArn"}, {"Ref": "AWS::NoValue"}
    return by_key == ["HasEncryptionKey", given, nothing] and by_aws == [
        "HasEncryptionKey",
        nothing,
        True,
    ]


def test_a_command_is_out_once_at_a_time_and_given_up_in_the_end(template: dict[str, Any]):
    queue = resources(template, "AWS::SQS::Queue")["CommandsQueue"]
    function = resources(template, "AWS::Serverless::Function")["QueueCommandsFunction"]
    source = resources(template, "AWS::Lambda::EventSourceMapping")["QueueCommandsSource"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]  # as AWS asks for
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == get_att("RefusedCommandsQueue.Arn")
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
    # A message's age goes on counting where it is given up, and a person needs time to look.
    assert queue["MessageRetentionPeriod"] <= 4 * 24 * 60 * 60
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_only_commands_of_others_are_led_from_the_bus_to_the_queue(template: dict[str, Any]):
    rule = resources(template, "AWS::Events::Rule")["CommandEvents"]
    assert rule["EventPattern"] == {
        "source": [{"anything-but": OWN_SOURCE}],
        "detail-type": [DETAIL_TYPE],
    }
    (target,) = rule["Targets"]
    assert target["Arn"] == get_att("CommandsQueue.Arn")


def test_the_bus_may_send_to_the_commands_by_that_rule_alone(template: dict[str, Any]):
    policy = resources(template, "AWS::SQS::QueuePolicy")["CommandEventsMaySend"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    condition = {"ArnEquals": {"aws:SourceArn": get_att("CommandEvents.Arn")}}
    assert statement["Condition"] == condition


def test_what_is_about_children_is_led_from_the_bus_to_their_queue_and_given_up_in_the_end(
    template: dict[str, Any],
):
    rules = resources(template, "AWS::Events::Rule")
    requests, endings = rules["ChildRequests"], rules["ChildEndings"]
    assert tuple(requests["EventPattern"]["detail-type"]) == ASKED
    assert requests["EventPattern"]["detail"] == {"definition_version": [{"exists": True}]}
    assert tuple(endings["EventPattern"]["detail-type"]) == TOLD
    assert endings["EventPattern"]["detail"] == {"parent": {"process_id": [{"exists": True}]}}
    for rule in (requests, endings):
        assert rule["EventPattern"]["source"] == [OWN_SOURCE]
        (target,) = rule["Targets"]
        assert target["Arn"] == get_att("ChildEventsQueue.Arn")
        assert target["DeadLetterConfig"] == {"Arn": get_att("ChildEventsLeftQueue.Arn")}
    queue = resources(template, "AWS::SQS::Queue")["ChildEventsQueue"]
    function = resources(template, "AWS::Serverless::Function")["ChildrenFunction"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == get_att("ChildEventsLeftQueue.Arn")
    source = resources(template, "AWS::Lambda::EventSourceMapping")["ChildrenSource"]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_events_from_outside_are_those_of_others_and_completions_and_given_up_in_the_end(
    template: dict[str, Any],
):
    rules = resources(template, "AWS::Events::Rule")
    others, completed = rules["ExternalEventsOfOthers"], rules["ExternalEventsOfCompleted"]
    assert others["EventPattern"] == {
        "source": [{"anything-but": [OWN_SOURCE]}],
        "detail-type": [{"anything-but": [DETAIL_TYPE]}],
    }
    for rule in (others, completed):
        (target,) = rule["Targets"]
        assert target["Arn"] == get_att("ExternalEventsQueue.Arn")
        assert target["DeadLetterConfig"] == {"Arn": get_att("ExternalEventsLeftQueue.Arn")}
    queue = resources(template, "AWS::SQS::Queue")["ExternalEventsQueue"]
    function = resources(template, "AWS::Serverless::Function")["ExternalEventsFunction"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == get_att("ExternalEventsLeftQueue.Arn")
    source = resources(template, "AWS::Lambda::EventSourceMapping")["ExternalEventsSource"]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_of_its_own_events_only_completions_come_back_and_all_that_a_definition_may_follow(
    template: dict[str, Any],
):
    rule = resources(template, "AWS::Events::Rule")["ExternalEventsOfCompleted"]
    pattern = pattern_of(EventDefinition("bought", completed="buy"))
    assert pattern["detail"].pop("process_type") == ["buy"]
    assert rule["EventPattern"] == pattern


def test_what_belongs_to_events_from_outside_is_made_only_where_they_are_wanted(
    template: dict[str, Any],
):
    parts = template["Resources"] | template["Outputs"]
    its_own = {name for name in parts if name.startswith(("ExternalEvents", "RefusedEvents"))}
    conditional = {
        name for name, each in parts.items() if each.get("Condition") == "HasExternalEvents"
    }
    assert its_own
    assert conditional == its_own
    assert template["Parameters"]["ExternalEvents"]["Default"] == "on"


def get_att(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": name.split(".")}


def test_the_table_is_the_one_that_the_library_describes(template: dict[str, Any]):
    table = resources(template, "AWS::DynamoDB::Table")["Table"]
    described = schema.table_description("any")
    described.pop("TableName")
    for name, value in described.items():
        in_order = sorted(json.dumps(each, sort_keys=True) for each in table[name])
        assert in_order == sorted(json.dumps(each, sort_keys=True) for each in value)


def test_there_may_be_a_sweeper_for_each_shard_of_what_is_due(template: dict[str, Any]):
    parameter = template["Parameters"]["Sweepers"]
    assert parameter["AllowedValues"] == list(range(1, schema.DUE_SHARDS + 1))
    assert (parameter["MinValue"], parameter["MaxValue"]) == (1, schema.DUE_SHARDS)
    assert parameter["Default"] == 1


def test_sweepers_differ_in_their_number_alone(template: dict[str, Any]):
    of_checker = [
        deepcopy(schedule)
        for name, schedule in template["Resources"].items()
        if re.fullmatch(r"TimeoutCheckerSchedule\d*", name)
    ]
    for number, schedule in enumerate(of_checker, start=1):
        told = schedule["Properties"]["Target"].pop("Input")["Fn::Sub"]
        sweeper = json.loads(told.replace("${Sweepers}", "8"))["sweeper"]
        assert sweeper == {"number": number, "of": 8}
        description = schedule["Properties"].pop("Description")
        assert description == f"One sweep each minute for what is late, by sweeper {number}."
        condition = schedule.pop("Condition", None)
        assert condition == (None if number == 1 else f"HasSweeper{number}")
    assert len(of_checker) == schema.DUE_SHARDS
    assert all(schedule == of_checker[0] for schedule in of_checker)


def test_a_sweeper_that_is_missing_is_an_alarm(template: dict[str, Any]):
    alarm = resources(template, "AWS::CloudWatch::Alarm")["SweepsMissingAlarm"]
    assert alarm["MetricName"] == "SweepLateness"  # which each sweep tells once
    assert (alarm["Statistic"], alarm["Threshold"]) == ("SampleCount", {"Ref": "Sweepers"})


def test_the_table_of_the_views_is_the_one_that_the_library_describes(template: dict[str, Any]):
    table = resources(template, "AWS::DynamoDB::Table")["ViewTable"]
    described = view_schema.table_description("any")
    described.pop("TableName")
    for name, value in described.items():
        in_order = sorted(json.dumps(each, sort_keys=True) for each in table[name])
        assert in_order == sorted(json.dumps(each, sort_keys=True) for each in value)


def test_what_belongs_to_the_views_is_made_only_where_they_are_wanted(template: dict[str, Any]):
    parts = template["Resources"] | template["Outputs"]
    its_own = {name for name in parts if name.startswith(("View", "Unviewed"))}
    conditional = {name for name, each in parts.items() if each.get("Condition") == "HasReadModels"}
    assert its_own
    assert conditional == its_own
    assert template["Parameters"]["ReadModels"]["Default"] == "off"


def test_the_table_is_encrypted_by_the_key_that_is_given(template: dict[str, Any]):
    table = resources(template, "AWS::DynamoDB::Table")["Table"]
    given = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "EncryptionKeyArn"}}
    encryption = {"Fn::If": ["HasEncryptionKey", given, {"SSEEnabled": False}]}
    assert table["SSESpecification"] == encryption


def test_whoever_reads_or_writes_may_use_the_given_key(template: dict[str, Any]):
    allowed = words(template["Resources"]["EncryptionKeyPolicy"])
    for name, role in resources(template, "AWS::IAM::Role").items():
        if "dynamodb:" in json.dumps(role) or "sqs:" in json.dumps(role):
            assert name in allowed


def words(value: Any) -> set[str]:
    return set(re.findall(r"\w+", json.dumps(value)))


def test_the_table_can_be_restored_and_outlives_the_stack(template: dict[str, Any]):
    whole = template["Resources"]["Table"]
    table = whole["Properties"]
    assert whole["DeletionPolicy"] == whole["UpdateReplacePolicy"] == "Retain"
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"


def test_the_bundle_is_built_for_the_runtime_that_the_template_names(template: dict[str, Any]):
    globals_ = template["Globals"]["Function"]
    assert globals_["Runtime"] == RUNTIME
    assert globals_["Architectures"] == [ARCHITECTURE]
    assert globals_["CodeUri"] == f"../{OUTPUT.as_posix()}"
    assert template_path().read_text().count("CodeUri:") == 1


def test_a_changed_process_reaches_the_publisher(template: dict[str, Any]):
    process = Process.start(
        tenant_id="t",
        process_id="p",
        process_type="Order",
        aggregate_type="Order",
        aggregate_id="1",
        steps=[ProcessStep(name="pay")],
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert passes(template, {"dynamodb": {"NewImage": to_item(process)}})


def test_a_deleted_process_does_not_reach_the_publisher(template: dict[str, Any]):
    assert not passes(template, {"dynamodb": {"OldImage": {"sk": {"S": schema.PROCESS}}}})


def passes(template: dict[str, Any], record: dict[str, Any]) -> bool:
    """Whether AWS would hand over ``record``: a pattern looks at plain values, never at lists."""
    mapping = resources(template, "AWS::Lambda::EventSourceMapping")["EventPublisherStream"]
    return any(
        matches(json.loads(each["Pattern"]), record)
        for each in mapping["FilterCriteria"]["Filters"]
    )


def matches(pattern: dict[str, Any], record: dict[str, Any]) -> bool:
    for name, wanted in pattern.items():
        value = record.get(name)
        if isinstance(wanted, dict):
            if not isinstance(value, dict) or not matches(wanted, value):
                return False
        elif not isinstance(value, str) or (value not in wanted and {"exists": True} not in wanted):
            return False
    return True


def test_every_environment_variable_of_trellis_is_read_somewhere(template: dict[str, Any]):
    functions = [template["Globals"]["Function"]]
    functions += resources(template, "AWS::Serverless::Function").values()
    given = {name for function in functions for name in function["Environment"]["Variables"]}
    wiring = "".join(path.read_text() for path in lambdas_dir().glob("*.py"))
    read = set(re.findall(r"TRELLIS_[A-Z_]+", wiring))
    assert {name for name in given if name.startswith("TRELLIS_")} == read
