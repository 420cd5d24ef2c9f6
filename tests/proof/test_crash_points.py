"""Wherever a program stops, what follows makes good: nothing lost, doubled or stuck."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.proof.crash_points import crash_points, violations
from tests.proof.engine_scenarios import engine_scenarios
from tests.proof.scenarios import OTHERS, Scenario, commands_covered, scenarios
from tests.proof.stack import Stack
from trellis_process.commands.command import COMMANDS

# What a crash leaves behind in Powertools.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.mark.parametrize("scenario", scenarios(), ids=str)
def test_whatever_stops_it_where_it_ends_as_if_nothing_had(
    scenario: Scenario, stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    found = list(violations(stack, scenario))

    assert found, "it makes no call, so it shows nothing"
    assert [f"{point}: {broken}" for point, broken in found if broken] == []
    record_property("covered", f"{len(found)} crash points")


#: Commands that only a process with a definition takes, and the scenario that stops each.
OF_DEFINITIONS = {
    "ClaimTask": "a claim",
    "ReassignTask": "a reassignment",
    "ReleaseTask": "a release",
    "RerunFrom": "a step run again",
    "ResumeProcess": "a resumption",
    "RetryStep": "a retry on purpose",
    "Signal": "a signal",
    "SignalByKey": "a signal that starts",
    "SkipStep": "a step passed over",
    "Start": "a start by key",
    "SuspendProcess": "a suspension",
}


def test_every_command_is_stopped() -> None:
    assert {*commands_covered(), *OF_DEFINITIONS} == set(COMMANDS)
    assert set(OF_DEFINITIONS.values()) <= {str(each) for each in engine_scenarios()}


def test_every_call_of_every_part_is_stopped(stack: Stack) -> None:
    calls = {point.call for scenario in OTHERS for point in crash_points(stack, scenario)}

    assert calls == {
        "dynamodb.GetItem",
        "dynamodb.PutItem",
        "dynamodb.BatchGetItem",
        "dynamodb.Query",
        "dynamodb.Scan",
        "eventbridge.PutEvents",
        "sqs.SendMessage",
    }
