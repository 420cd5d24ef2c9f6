"""Changes that are made on one version of the process or not at all."""

from __future__ import annotations

import pytest

from tests.application.commands import every_command
from trellis_process import StepState
from trellis_process.errors import (
    StepFinished,
    VersionMismatch,
)
from trellis_process.testing import START


@every_command
def test_a_change_may_be_made_on_the_version_it_was_decided_on(service, order, command, told):
    getattr(service, command)(order, *told, expected_version=2)

    assert order.version == 3


@every_command
@pytest.mark.parametrize("expected", [1, 3, 0, -1])
def test_a_change_decided_on_another_version_is_refused(
    service, processes, order, command, told, expected
):
    before = processes.stored(order)

    with pytest.raises(VersionMismatch, match=rf"at version 2, not {expected}") as refused:
        getattr(service, command)(order, *told, expected_version=expected)

    assert refused.value.process == before
    assert order == processes.stored(order) == before
    assert "write" not in processes.requests


def test_a_repeat_is_answered_as_done_whatever_the_version(service, order):
    service.complete_step(order, "pay", expected_version=2)

    service.complete_step(order, "pay", expected_version=2)

    assert order.version == 3


def test_the_expected_version_holds_also_when_somebody_comes_in_between(service, processes, order):
    processes.meanwhile(lambda theirs: theirs.complete_step("send", now=START))

    with pytest.raises(VersionMismatch):
        service.complete_step(order, "pay", expected_version=2)

    assert order == processes.stored(order)
    assert order.steps["pay"].state is StepState.IN_PROGRESS


def test_a_refusal_by_the_rules_comes_before_one_by_the_version(service, order):
    service.complete_step(order, "pay")

    with pytest.raises(StepFinished):
        service.fail_step(order, "pay", "no", expected_version=1)
