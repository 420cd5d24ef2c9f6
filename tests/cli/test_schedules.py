"""``trellis schedules`` as a person and as a script use it."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from tests.step_api_server import KEY, REGION, StepApi
from tests.step_api_server import step_api as step_api
from trellis_process.cli.exit_codes import EXIT_CODES
from trellis_process.cli.schedule_view import schedule_view
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.own_services import SCHEDULE
from trellis_process.domain.schedule.runs import Backfill
from trellis_process.domain.schedule.schedule import Schedule, ScheduleState
from trellis_process.domain.schedule.terms import Overlap, ScheduleTerms
from trellis_process.errors import InvalidInput, NotFound

from .shell import Shell

REPORT = """\
process: report
version: 1
inputs: {region: {type: string, default: north}}
steps: [{name: make, service: Reports.make}]
"""
PUT = ("schedules", "put", "weekly", "report")
MONDAYS = (*PUT, "--cron", "0 9 * * MON", "--time-zone", "Asia/Kathmandu")
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def shell(step_api: StepApi, tmp_path: Path) -> Shell:
    step_api.service.register(ProcessDefinition.from_yaml(REPORT))
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "COLUMNS": "160",
        "TZ": "UTC",
        "AWS_ACCESS_KEY_ID": KEY.access_key,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "TRELLIS_API_URL": step_api.url,
        "TRELLIS_TENANT": "tenant-1",
    }
    return Shell(tmp_path, environment)


def test_a_schedule_is_agreed_looked_at_paused_and_ended(shell: Shell, step_api: StepApi) -> None:
    assert shell.run("schedules").stdout == "There are none.\n"

    agreed = shell.run(*MONDAYS, "--overlap", "queue", "--input", '{"region": "south"}')
    assert agreed.returncode == 0, agreed.stderr
    assert "weekly starts report, 0 9 * * MON in Asia/Kathmandu: active" in agreed.stdout
    assert 'input {"region": "south"}' in agreed.stdout
    schedule = step_api.service.schedules.get("tenant-1", "weekly")
    assert schedule.terms == ScheduleTerms(
        "report",
        cron="0 9 * * MON",
        time_zone="Asia/Kathmandu",
        overlap=Overlap.QUEUE,
        input={"region": "south"},
    )

    for listed in (shell.run("schedules").stdout, shell.run("schedules", "list").stdout):
        assert "weekly  active  report  0 9 * * MON in Asia/Kathmandu  in " in listed
    assert [each["name"] for each in shell.json("schedules", "list")] == ["weekly"]
    paused = shell.run("schedules", "pause", "weekly", "--reason", "holidays").stdout
    assert "nothing is started until it is resumed" in paused
    assert "next in" in shell.run("schedules", "resume", "weekly").stdout
    assert shell.json("schedules", "delete", "weekly")["state"] == "deleted"
    gone = shell.run("schedules", "show", "weekly")
    assert (gone.returncode, "weekly" in gone.stderr) == (EXIT_CODES[NotFound], True)


def test_the_next_times_are_told_here_and_on_the_schedules_own_clock(shell: Shell) -> None:
    shell.run(*MONDAYS)

    head, *lines = shell.run("schedules", "next", "weekly", "-n", "3").stdout.splitlines()

    assert head.split() == ["here", "Asia/Kathmandu", "left"]
    assert len(lines) == 3
    for line in lines:
        here, there, _ = line.split("  ")
        assert here.startswith("Mon ")
        assert here.endswith(" 03:15:00")
        assert there.endswith(" 09:00:00")
    told = shell.json("schedules", "next", "weekly")
    assert len(told) == 5
    assert all(each.endswith("T03:15:00.000Z") for each in told)


def test_an_interval_is_told_on_no_other_clock(shell: Shell) -> None:
    assert "weekly starts report, every 90m: active" in shell.run(*PUT, "--every", "90m").stdout

    head, *_ = shell.run("schedules", "next", "weekly").stdout.splitlines()

    assert head.split() == ["here", "left"]


def test_runs_are_started_now_and_for_the_past(shell: Shell) -> None:
    shell.run(*MONDAYS)

    run = ("schedules", "run", "weekly", "--overlap", "queue", "--request-id")
    started = shell.json(*run, "r-1")
    assert len(started["open_runs"]) == started["started"] == 1
    assert shell.json(*run, "r-1") == started
    assert len(shell.json(*run, "r-2")["queue"]) == 1
    days = ("--after", "2026-02-01T00:00:00Z", "--until", "2026-03-01T00:00:00+00:00")
    told = shell.run("schedules", "backfill", "weekly", *days).stdout
    assert f"open {started['open_runs'][0]['process_id']} for " in told
    assert "backfills after Sun 2026-02-01 00:00:00 until Sun 2026-03-01 00:00:00, one" in told
    shown = shell.run("schedules", "show", "weekly").stdout
    assert ("waits for" in shown, "1 started" in shown) == (True, True)


def test_what_cannot_be_agreed_is_told_with_its_field(shell: Shell) -> None:
    for options, field in (
        (("--cron", "61 * * * *"), "cron"),
        (("--every", "5s"), "every"),
        ((), "cron"),
        (("--every", "1h", "--time-zone", "Europe/Lodnon"), "time_zone"),
    ):
        refused = shell.run(*PUT, *options)
        assert refused.returncode == EXIT_CODES[InvalidInput], options
        assert f"{field}: " in refused.stderr
    assert shell.run(*PUT, "--every", "1h", "--overlap", "never").returncode == 2
    assert shell.run("schedules", "backfill", "weekly", "--after", "x").returncode == 2


def test_the_process_that_a_schedule_is_says_so(shell: Shell, step_api: StepApi) -> None:
    process_id = shell.json(*MONDAYS)["process_id"]
    run_id = shell.json("schedules", "run", "weekly")["open_runs"][0]["process_id"]

    shown = shell.run("show", process_id).stdout
    assert "trellis.schedule 1 of schedule weekly: in progress" in shown
    assert "goes on in" in shown
    assert "It is a schedule: trellis schedules show weekly" in shown
    assert "not entered" not in shown
    listed = shell.run("list", "--type", SCHEDULE).stdout
    assert f"{process_id}  trellis.schedule 1  schedule weekly  in progress" in listed
    assert run_id not in listed


def test_what_is_open_and_waits_is_told_in_part_where_it_is_much() -> None:
    schedule = Schedule(
        tenant_id="t",
        name="often",
        terms=ScheduleTerms(
            "report", every="1m", overlap=Overlap.ALLOW, catch_up=True, timeout="2h"
        ),
        state=ScheduleState.ACTIVE,
        next_at=NOW + timedelta(seconds=30),
        open_runs={f"run-{n}": NOW for n in range(23)},
        queue=tuple(NOW for _ in range(21)),
        backfills=(Backfill(NOW - timedelta(days=1), NOW, True),),
        started=1_023,
        skipped=7,
        process_id="p",
        created_at=NOW,
        changed_at=NOW,
    )
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(schedule_view(schedule, NOW))
    told = console.export_text()

    for said in (
        "runs may be open side by side, missed runs are caught up with, each may take 2h",
        "1,023 started, 7 skipped",
        "next in 30 s: ",
        "open run-19 for ",
        "and 3 more that are open",
        "and 1 more that wait",
        ", side by side",
    ):
        assert said in told, said
    assert "run-20" not in told
