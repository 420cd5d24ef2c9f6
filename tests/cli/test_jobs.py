"""``trellis jobs`` as a person and as a script use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.step_api_server import KEY, REGION, StepApi
from tests.step_api_server import step_api as step_api
from trellis_process import Process, ProcessStep
from trellis_process.cli.exit_codes import EXIT_CODES
from trellis_process.domain.states import ProcessState
from trellis_process.errors import InvalidInput, NotFound

from .shell import Shell


@pytest.fixture
def shell(step_api: StepApi, tmp_path: Path) -> Shell:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "COLUMNS": "160",
        "AWS_ACCESS_KEY_ID": KEY.access_key,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "TRELLIS_API_URL": step_api.url,
        "TRELLIS_TENANT": "tenant-1",
    }
    return Shell(tmp_path, environment)


def orders(step_api: StepApi, count: int) -> list[Process]:
    return [
        step_api.service.start_process(
            tenant_id="tenant-1",
            process_type="order",
            aggregate_type="Order",
            aggregate_id=f"o-{n}",
            steps=[ProcessStep(name="pay")],
        )
        for n in range(count)
    ]


def test_a_dry_run_is_looked_at_and_then_done(shell: Shell, step_api: StepApi) -> None:
    first, second, third = orders(step_api, 3)
    step_api.service.complete_step(third, "pay")
    dry = shell.run("jobs", "start", "cancel", "--type", "order", "--dry-run", "--follow")
    assert dry.returncode == 0, dry.stderr
    assert "dry run of CancelProcess for process type order: completed" in dry.stdout
    assert "2  looked at" in dry.stdout
    assert "2  would be done" in dry.stdout
    said, _, job_id = dry.stdout.rstrip().rpartition(" ")
    assert said.endswith("To do it: trellis jobs start --of")

    results = shell.run("jobs", "results", job_id).stdout
    assert f"{first.process_id}  done     cancelled  1" in results
    assert "ProcessCancelled" in results

    done = shell.run("jobs", "start", "--of", job_id, "--reason", "closed", "--follow").stdout
    assert f"CancelProcess for process type order, as dry run {job_id} listed" in done
    assert "2  matched, of 2 expected" in done
    assert "because closed" in done
    states = [
        step_api.service.get_process("tenant-1", each.process_id).state
        for each in (first, second, third)
    ]
    assert states == [ProcessState.CANCELLED, ProcessState.CANCELLED, ProcessState.COMPLETED]


def test_jobs_are_listed_the_newest_first_with_what_came_of_each(
    shell: Shell, step_api: StepApi
) -> None:
    assert shell.run("jobs", "list").stdout == "There are none.\n"
    orders(step_api, 2)
    cancel = ("jobs", "start", "cancel", "--type", "order")
    first = shell.json(*cancel, "--dry-run")["job_id"]
    second = shell.json("jobs", "start", "--of", first)["job_id"]

    _, *lines = shell.run("jobs", "list", COLUMNS="240").stdout.splitlines()

    assert [line.split()[0] for line in lines] == [second, first]
    assert "2 of 2 matched: 2 done" in lines[0]
    assert "dry run of CancelProcess for process type order  " in lines[1]
    assert "2 looked at, 2 matched: 2 done" in lines[1]
    assert [job["job_id"] for job in shell.json("jobs", "list", "--limit", "1")] == [second]


def test_scripts_get_json(shell: Shell, step_api: StepApi) -> None:
    (order,) = orders(step_api, 1)
    step_api.service.fail_step(order, "pay", "no money")
    words = ("jobs", "start", "skip", "--step", "pay", "--output", '{"by": "hand"}')
    job = shell.json(*words, "--failed-because", "step_failed", "--key", "k-1", "--follow")
    again = shell.json(*words, "--failed-because", "step_failed", "--key", "k-1")

    assert job["progress"]["done"] == 1
    assert job["filter"] == {"reason": "step_failed"}
    assert again == job
    (result,) = shell.json("jobs", "results", job["job_id"])
    assert (result["step_name"], result["outcome"]) == ("pay", "done")
    assert shell.json("jobs", "results", job["job_id"], "--outcome", "failed") == []
    assert shell.json("jobs", "show", job["job_id"]) == job
    assert shell.json("jobs", "cancel", job["job_id"]) == job
    assert shell.json("jobs", "resume", job["job_id"]) == job


def test_every_filter_has_its_option(shell: Shell) -> None:
    job = shell.json(
        *("jobs", "start", "retry", "--type", "order", "--state", "failed"),
        *("--definition-version", "3", "--at", "pay", "--failed-because", "step"),
        *("--started-after", "2026-03-01T00:00:00Z", "--started-before", "2026-03-02T00:00:00Z"),
        *("--search", "region=north", "--search", "vip=true"),
    )

    assert job["filter"] == {
        "process_type": "order",
        "state": "failed",
        "definition_version": 3,
        "step_name": "pay",
        "reason": "step",
        "started_after": "2026-03-01T00:00:00.000Z",
        "started_before": "2026-03-02T00:00:00.000Z",
        "search_attributes": {"region": "north", "vip": True},
    }


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("start", "cancel"), EXIT_CODES[InvalidInput], "filter: got nothing"),
        (("start",), EXIT_CODES[InvalidInput], "command: got nothing"),
        (
            ("start", "skip", "--type", "order"),
            EXIT_CODES[InvalidInput],
            "allowed with SkipStep is the name of a step",
        ),
        (("start", "stop"), 2, "'stop' is not one of"),
        (("start", "cancel", "--search", "north"), 2, "is not NAME=VALUE"),
        (("start", "cancel", "--started-after", "monday"), 2, "a moment with its time zone"),
        (("show", "no-job"), EXIT_CODES[NotFound], "no job 'no-job' in this tenant"),
        (("results", "no-job"), EXIT_CODES[NotFound], "no job 'no-job' in this tenant"),
    ],
)
def test_what_does_not_make_sense_is_told(
    shell: Shell, words: tuple[str, ...], status: int, told: str
) -> None:
    done = shell.run("jobs", *words)

    assert done.returncode == status
    assert told in done.stderr
