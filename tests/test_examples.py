"""The examples run as they stand, and say what their pages say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from trellis_process.definitions.reading import examine_yaml
from trellis_process.simulation import CaseResult, run_cases

from .step_api_server import StepApi, environment_of_a_caller, step_api

__all__ = ["step_api"]  # a fixture, found by its name

ROOT = Path(__file__).parents[1]


def run(program: str | Path, url: str = "") -> str:
    """What a program prints; a text is the program itself. Fails where the program does."""
    what = [str(program)] if isinstance(program, Path) else ["-c", program]
    done = subprocess.run(
        [sys.executable, "-W", "error", *what],
        capture_output=True,
        text=True,
        env=environment_of_a_caller(url),
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_in_memory_is_completed_on_its_second_attempt() -> None:
    told = run(ROOT / "examples" / "in_memory.py")

    assert "v3  ProcessStepTimedOut  create_case, attempt 1" in told
    assert told.endswith("CaseCreation of ref-123: completed\n")


def test_the_same_process_lives_on_dynamodb_in_moto() -> None:
    told = run(ROOT / "examples" / "dynamodb_moto.py")

    assert "asking the case service once more" in told
    assert '"aggregate": {\n    "S": "tenant-1#Referral#ref-123"\n  }' in told


def test_workers_fail_wait_and_are_resumed_without_any_cloud() -> None:
    told = run(ROOT / "examples" / "worker.py")

    assert told == (
        "please approve ref-123 (resumption 1)\n"
        "create_case: completed at attempt 2, {'case': 'c-1', 'priority': 'high'}\n"
        "approve: completed at attempt 1, {'decided': 'yes'}\n"
    )


DEFINITIONS = [
    path for path in sorted((ROOT / "examples").glob("*/*.yaml")) if ".cases." not in path.name
]


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.parent.name)
def test_nothing_is_to_be_said_against_the_definition_of_an_example(path: Path) -> None:
    assert examine_yaml(path.read_bytes(), strict=True).findings == ()


def test_orders_are_shipped_or_what_was_done_is_undone_in_reverse() -> None:
    told = run(ROOT / "examples" / "order_saga" / "main.py")
    shipped, declined, too_large = told.strip().split("\n\n")

    assert "MessageSent           tell_customer OrderShipped" in shipped
    assert shipped.endswith("completed with {'tracking': 'T-order-1'}")
    assert undone(declined) == ["undo:pack", "undo:reserve"]
    assert "StepFailed            prepare       the card is declined" in declined
    assert undone(too_large) == ["undo:pay", "undo:pack", "undo:reserve"]
    assert too_large.endswith("failed with None, what was done is undone: done")


def undone(told: str) -> list[str]:
    """What was undone, in order."""
    return [line.split()[-1] for line in told.splitlines() if "CompensationCompleted" in line]


def test_an_expense_is_paid_approved_rejected_or_forgotten() -> None:
    told = run(ROOT / "examples" / "expense_approval" / "main.py")
    reports = told.split("rep-")[1:]

    assert "TaskOpened" not in reports[0]
    assert (
        "mia is told: step 'review' got outcome 'aprove'; allowed is one of approve, reject" in told
    )
    assert "03-04 11:00  TaskEscalated" in told
    assert (
        "03-05 12:00  MessageSent      ExpenseRejected {'to': 'ann', 'why': 'no receipt'}" in told
    )
    assert "03-09 12:00  SlaBreached      after 4 days" in told
    assert told.endswith("the review is failed, its outcome timed_out\n")


def test_an_order_is_paid_by_events_and_another_is_called_off_by_a_timer() -> None:
    told = run(ROOT / "examples" / "order_payment" / "main.py")

    assert "02-04  Reminder to mails: {'to': 'ann@example.com', 'open': 30.0}" in told
    assert "02-05  PaymentReceived is refused: invariant 'not_too_much'" in told
    assert "02-05  order o-1 is paid" in told
    assert told.count("Reminder to mails: {'to': 'bob@example.com'") == 4
    assert told.endswith("03-05  order o-2 is cancelled\n")


@pytest.mark.parametrize(
    "result",
    run_cases(ROOT / "examples" / "order_payment" / "definition.cases.yaml"),
    ids=lambda result: result.name,
)
def test_the_cases_of_an_example_come_out_as_they_say(result: CaseResult) -> None:
    assert result.passed, result


def test_a_month_goes_by_in_a_moment() -> None:
    told = run(ROOT / "examples" / "onboarding" / "main.py")

    assert "03-05 09:00  MessageSent        remind ContractReminder" in told
    assert "03-07 10:00    ProcessCompleted" in told  # the child's
    assert "03-16 09:00  StepStarted        laptop" in told
    assert "04-03 09:00  TaskEscalated      talk" in told
    assert told.endswith("completed after 35 days, {'user': 'kim.lee'}\n")


def test_a_thousand_records_are_dealt_with_by_children_that_stay_small() -> None:
    told = run(ROOT / "examples" / "fan_out" / "main.py")

    assert "completed: 1000 dealt with, 2 failed" in told
    assert "  a-777: nobody knows this article any more" in told
    assert "898 prices set, 10 at the second attempt; a-100 is 115.5" in told
    largest = re.search(r"40 children; no process has more than ([\d,]+) bytes", told)
    assert largest is not None
    assert int(largest[1].replace(",", "")) < 20_000


def test_a_model_sorts_claims_and_a_person_where_it_is_unsure() -> None:
    told = run(ROOT / "examples" / "claim_triage" / "main.py")

    assert "the model, at attempt 2: {'kind': 'water', 'sure': 0.92" in told
    assert told.endswith(
        "c-3: a clerk says fire\n"
        "c-4: a clerk says that it is no claim\n"
        "c-1: completed, {'desk': 'the theft desk'}\n"
        "c-2: completed, {'desk': 'the water desk'}\n"
        "c-3: completed, {'desk': 'the fire desk'}\n"
        "c-4: completed, {'desk': 'none'}\n"
    )


def test_customers_are_reminded_of_what_a_query_finds() -> None:
    told = run(ROOT / "examples" / "dunning" / "main.py")

    assert told == (
        "ann\n"
        "  mail to ann: {'to': 'ann', 'invoices': [1, 3], 'oldest': '2026-01-15'}\n"
        "  overdue: {'number': 1, 'customer': 'ann', 'due': '2026-01-15', 'amount': 12}\n"
        "  overdue: {'number': 3, 'customer': 'ann', 'due': '2026-02-20', 'amount': 99.9}\n"
        "  completed with {'overdue': 2}\n"
        "bob\n"
        "  completed with {'overdue': 0}\n"
    )


def test_a_service_reports_over_http_and_a_second_delivery_is_harmless(step_api: StepApi) -> None:
    program = ROOT / "examples" / "report_over_http.py"

    assert run(program, step_api.url) == "CaseCreation of ref-123: completed\n"
    assert run(program, step_api.url).startswith("nothing to do: cannot start")
    statuses = [status for _, _, status in step_api.answered]
    assert statuses == [201, 200, 200, 200, 201, 409]


def test_an_unsigned_call_is_refused_by_the_stand_in(step_api: StepApi) -> None:
    program = "import urllib.request as r, os; r.urlopen(os.environ['TRELLIS_API_URL'] + '/x')"

    with pytest.raises(AssertionError, match="403"):
        run(program, step_api.url)
