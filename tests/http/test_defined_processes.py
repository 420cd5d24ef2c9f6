"""The routes to processes of definitions: start by name, tasks, signals, interventions."""

from __future__ import annotations

from typing import Any

import pytest

from trellis_process.testing import ManualClock

from .client import Answered, Client
from .expenses import BIG, EXPENSES, PROCESSES, SMALL


@pytest.fixture(autouse=True)
def registered(client: Client) -> None:
    assert client.post("/definitions", {"document": EXPENSES}).status == 201


def started(client: Client, body: dict[str, Any] = SMALL) -> str:
    answered = client.post(PROCESSES, body)
    assert answered.status == 201, answered.text
    return answered.headers["Location"]


def step(answered: Answered, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in answered.json["steps"] if each["name"] == name)
    return found


def at_review(client: Client) -> str:
    process = started(client, BIG)
    client.post(f"{process}/steps/validate/complete", {"attempt": 1})
    return process


def failed_at_pay(client: Client) -> str:
    process = started(client)
    client.post(f"{process}/steps/validate/complete", {"attempt": 1})
    client.post(f"{process}/steps/pay/fail", {"attempt": 1, "error": "no cover"})
    return process


def test_a_process_is_started_by_name(client: Client) -> None:
    answered = client.post(PROCESSES, {**SMALL, "metadata": {"source": "app"}, "reason": "asked"})

    assert answered.status == 201
    assert answered.json["process_type"] == "expense_approval"
    assert answered.json["definition_version"] == 1
    assert answered.json["input"] == SMALL["input"]
    assert answered.json["aggregate_id"] == "report-1"
    assert step(answered, "validate")["service"] == "Expenses.validate"


def test_the_same_key_is_answered_with_what_it_started_whatever_the_input(client: Client) -> None:
    first = client.post(PROCESSES, SMALL)
    again = client.post(PROCESSES, {**SMALL, "input": {"report_id": "x", "amount": 1}})

    assert (first.status, again.status) == (201, 200)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json["input"] == SMALL["input"]


def test_input_is_refused_where_it_is_not_what_the_definition_declares(client: Client) -> None:
    refused = client.post(PROCESSES, {"input": {"amount": "much"}})

    assert (refused.status, refused.code) == (422, "invalid_input")
    assert "report_id" in refused.text


def test_a_version_that_is_not_there_is_not_found(client: Client) -> None:
    refused = client.post(PROCESSES, {**SMALL, "version": 9})

    assert (refused.status, refused.code) == (404, "definition_not_found")


def test_a_task_is_claimed_released_reassigned_and_completed_with_an_outcome(
    client: Client,
) -> None:
    review = f"{at_review(client)}/steps/review"

    def assignee(command: str, body: dict[str, str]) -> str | None:
        answered = client.post(f"{review}/{command}", body)
        assert answered.status == 200, answered.text
        name: str | None = step(answered, "review")["task"].get("assignee")
        return name

    assert assignee("claim", {"by": "maria"}) == "maria"
    taken = client.post(f"{review}/claim", {"by": "ben"})
    assert (taken.status, taken.code) == (409, "task_taken")
    assert assignee("release", {}) is None
    assert assignee("claim", {"by": "ben"}) == "ben"
    assert assignee("reassign", {"to": "maria", "reason": "knows the case"}) == "maria"
    unknown = client.post(f"{review}/complete", {"outcome": "maybe"})
    assert unknown.json["code"] == "outcome_unknown"
    assert "allowed is one of" in unknown.json["detail"]
    done = client.post(f"{review}/complete", {"outcome": "approve"})
    assert step(done, "review")["outcome"] == "approve"
    assert step(done, "pay")["state"] == "in_progress"


def test_a_key_that_is_taken_may_be_refused_or_start_another(client: Client) -> None:
    first = started(client)

    refused = client.post(PROCESSES, {**SMALL, "on_duplicate": "reject"})
    same = client.post(PROCESSES, {**SMALL, "on_duplicate": "new_if_finished"})
    client.post(f"{first}/cancel", {})
    other = client.post(PROCESSES, {**SMALL, "on_duplicate": "new_if_finished"})

    assert (refused.status, refused.json["code"]) == (409, "key_taken")
    assert (same.status, same.headers["Location"]) == (200, first)
    assert other.status == 201
    assert other.headers["Location"] != first


def test_a_signal_finds_the_process_of_a_key_or_starts_it(client: Client) -> None:
    waiting = "process: order\nversion: 1\ntriggers: [{signal: go}]\n"
    waiting += "steps: [{name: begin, wait_for_signal: go}, {name: pay, service: Pay.pay}]\n"
    assert client.post("/definitions", {"document": waiting}).status == 201
    by_key = "/tenants/tenant-1/definitions/order/signal"
    told = {"key": "o-1", "signal": "go", "payload": {"no": 1}, "signal_id": "s-1"}

    unknown = client.post(by_key, {**told, "signal": "stop"})
    first = client.post(by_key, told)
    again = client.post(by_key, told)

    assert (unknown.status, unknown.json["code"]) == (404, "process_not_found")
    assert (first.status, step(first, "begin")["output"]) == (200, {"no": 1})
    assert (again.status, again.json["version"]) == (200, first.json["version"])


def test_a_signal_is_kept_until_a_step_waits_for_it_and_a_repeat_is_harmless(
    client: Client,
) -> None:
    process = started(client)
    signal = {"signal": "receipt", "payload": {"no": 7}, "signal_id": "bank-1"}

    kept = client.post(f"{process}/signal", signal)
    again = client.post(f"{process}/signal", signal)
    client.post(f"{process}/steps/validate/complete", {"attempt": 1})
    done = client.post(
        f"{process}/steps/pay/complete", {"attempt": 1, "output": {"payment_id": "p-1"}}
    )

    assert kept.json["signals"] == again.json["signals"] == {"receipt": 1}
    assert done.json["state"] == "completed"
    assert done.json["output"] == {"payment_id": "p-1"}


def test_what_was_done_is_undone_where_a_cancellation_asks_for_it(client: Client) -> None:
    process = started(client)
    client.post(f"{process}/steps/validate/complete", {"attempt": 1})
    client.post(f"{process}/steps/pay/complete", {"output": {"payment_id": "p-1"}})

    undoing = client.post(f"{process}/cancel", {"compensate": True})
    done = client.post(f"{process}/steps/undo:pay/complete", {"attempt": 1})

    assert undoing.json["state"] == "compensating"
    assert (done.json["state"], done.json["compensation"]) == ("cancelled", "done")


def test_a_suspended_process_keeps_what_is_reported_until_it_resumes(client: Client) -> None:
    process = started(client)

    frozen = client.post(f"{process}/suspend", {"reason": "the bank is closed"})
    reported = client.post(f"{process}/steps/validate/complete", {"attempt": 1})
    resumed = client.post(f"{process}/resume")

    assert frozen.json["state"] == reported.json["state"] == "suspended"
    assert step(resumed, "pay")["state"] == "in_progress"


def test_a_failed_step_is_tried_again(client: Client) -> None:
    process = failed_at_pay(client)

    again = client.post(f"{process}/steps/pay/retry", {"reason": "there is cover now"})

    assert again.json["state"] == "in_progress"
    assert step(again, "pay")["attempt"] == 2


def test_a_failed_step_is_skipped_with_an_output(client: Client) -> None:
    process = failed_at_pay(client)

    skipped = client.post(
        f"{process}/steps/pay/skip", {"output": {"payment_id": "by-hand"}, "reason": "in cash"}
    )

    assert step(skipped, "pay")["state"] == "skipped"
    assert step(skipped, "receipt")["waits_for"] == "signal"


def test_a_process_goes_on_from_a_step_that_had_ended(client: Client) -> None:
    process = failed_at_pay(client)

    again = client.post(f"{process}/steps/validate/rerun", {"reason": "the amount was wrong"})

    assert again.json["state"] == "in_progress"
    assert step(again, "validate")["visits"] == 2


ON_A_VERSION = [
    ("suspend", {}),
    ("resume", {}),
    ("signal", {"signal": "receipt"}),
    ("steps/pay/retry", {}),
    ("steps/pay/skip", {}),
    ("steps/validate/rerun", {}),
]


@pytest.mark.parametrize(("command", "body"), ON_A_VERSION)
def test_a_change_is_made_on_the_version_that_if_match_names_or_not_at_all(
    client: Client, command: str, body: dict[str, str]
) -> None:
    process = failed_at_pay(client) if "steps" in command else started(client)
    if command == "resume":
        client.post(f"{process}/suspend")
    tag = client.get(process).headers["ETag"]

    refused = client.post(f"{process}/{command}", body, headers={"If-Match": '"99"'})
    done = client.post(f"{process}/{command}", body, headers={"If-Match": tag})

    assert (refused.status, refused.code) == (412, "version_mismatch")
    assert done.status == 200


@pytest.mark.parametrize(
    ("command", "body"), [("signal", {"signal": "x"}), ("steps/pay/claim", {"by": "maria"})]
)
def test_only_a_process_with_a_definition_can_do_it(
    client: Client, command: str, body: dict[str, str]
) -> None:
    refused = client.post(f"{client.start()}/{command}", body)

    assert (refused.status, refused.code) == (409, "no_definition")
    assert refused.json["process"]["process_type"] == "Order"


def test_a_batch_takes_each_of_them(client: Client, clock: ManualClock) -> None:
    start = {"command": "Start", "definition": "expense_approval", **BIG}

    def batch(*commands: dict[str, Any]) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = client.post(
            "/tenants/tenant-1/batch", {"commands": list(commands)}
        ).json["results"]
        return results

    first, again = batch(start, start)
    process_id = first["process_id"]
    about = {"process_id": process_id}
    review = {**about, "step_name": "review"}
    results = batch(
        {"command": "SuspendProcess", **about},
        {"command": "ResumeProcess", **about},
        {"command": "CompleteStep", **about, "step_name": "validate"},
        {"command": "ClaimTask", **review, "by": "maria"},
        {"command": "ReleaseTask", **review},
        {"command": "ReassignTask", **review, "to": "ben"},
        {"command": "SkipStep", **review},
        {"command": "FailStep", **about, "step_name": "pay", "attempt": 1, "error": "no cover"},
        {"command": "RetryStep", **about, "step_name": "pay"},
        {"command": "Signal", **about, "signal": "receipt"},
        {"command": "RerunFrom", **about, "step_name": "validate"},
    )

    assert (first["status"], again["status"]) == (201, 200)
    assert [result["status"] for result in results] == [200] * 11, results
