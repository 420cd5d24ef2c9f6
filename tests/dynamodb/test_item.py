"""The item: compact, whole, and as large as DynamoDB counts it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trellis_process import Process, ProcessStep
from trellis_process.dynamodb.item import from_item, to_item
from trellis_process.dynamodb.size import item_size

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def a_process(steps: int = 2, **asked: object) -> Process:
    return Process.start(
        process_id="0f0e8a52-7d0b-4d51-8d3f-5a2f5c7f2f4e",
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-123",
        steps=[ProcessStep(name=f"step-{n:03}", timeout_ms=30_000) for n in range(steps)],
        now=NOW,
        **asked,  # type: ignore[arg-type]
    )


def test_an_item_holds_the_whole_process() -> None:
    process = a_process(metadata={"a": [1, {"b": None}]}, timeout_ms=60_000, actor="me")
    process.start_step("step-000", now=NOW + timedelta(seconds=1), actor="worker")
    process.complete_step("step-000", {"x": 0.1}, now=NOW + timedelta(seconds=2), reason="done")

    again = from_item(to_item(process))

    process.saved()
    assert again == process


def test_defaults_are_left_out() -> None:
    assert set(to_item(a_process())) == {
        "pk",
        "sk",
        "v",
        "state",
        "aggregate",
        "started_at",
        "changed_at",
        "listing",
        "listed",
        "steps",
        "events",
    }


def test_a_pending_step_is_its_name_and_its_limits() -> None:
    steps = to_item(a_process(steps=1))["steps"]["L"]

    assert steps == [{"M": {"n": {"S": "step-000"}, "t": {"N": "30000"}}}]


def test_a_finished_process_leaves_after_its_retention_and_an_open_one_stays() -> None:
    process = a_process(steps=1)
    kept = timedelta(days=30)
    assert "expires_at" not in to_item(process, kept)

    process.fail_step("step-000", "no", now=NOW)
    assert to_item(process, kept)["expires_at"] == {"N": str(int((NOW + kept).timestamp()))}
    assert "expires_at" not in to_item(process)

    process.start_step("step-000", now=NOW)
    assert "expires_at" not in to_item(process, kept)


def test_who_reported_is_named_once_however_many_the_steps() -> None:
    process = a_process(steps=20)
    arn = "arn:aws:sts::123456789012:assumed-role/case-service/worker"
    for name in process.steps:
        process.complete_step(name, now=NOW, actor=arn)

    assert str(to_item(process)).count(arn) == 1


@pytest.mark.parametrize(("steps", "most_bytes"), [(1, 512), (5, 1024), (20, 2048), (100, 5120)])
def test_a_finished_process_stays_small(steps: int, most_bytes: int) -> None:
    process = a_process(steps=steps)
    for number, name in enumerate(process.steps):
        process.saved()
        process.start_step(name, now=NOW + timedelta(seconds=2 * number))
        process.saved()
        process.complete_step(name, now=NOW + timedelta(seconds=2 * number + 1))

    assert item_size(to_item(process)) <= most_bytes


def test_an_item_is_measured_by_the_published_rules() -> None:
    item = {
        "pk": {"S": "é"},  # 2 + 2
        "n": {"N": "1230000"},  # 1 + 3: two significant digits a byte, and one more
        "l": {"L": [{"S": "ab"}, {"N": "-5"}]},  # 1 + 3 + (1 + 2) + (1 + 3)
        "m": {"M": {"k": {"S": ""}}},  # 1 + 3 + (1 + 1 + 0)
    }

    assert item_size(item) == 4 + 4 + 11 + 6
