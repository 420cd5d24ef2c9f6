"""The commands on processes, as a person and as a script use them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.step_api_server import KEY, REGION, Fault, StepApi
from tests.step_api_server import step_api as step_api
from trellis_process import ProcessDefinition, ProcessKey
from trellis_process.cli.exit_codes import EXIT_CODES

from .shell import Shell

PROCESS = ("CaseCreation", "Referral", "ref-1", "--step", "create_case,30,2")


class Reporter(Shell):
    """Somebody who reports on processes of one tenant."""

    def started(self, *options: str) -> str:
        process_id: str = self.json("start", *PROCESS, *options)["process_id"]
        return process_id


@pytest.fixture
def shell(step_api: StepApi, tmp_path: Path) -> Reporter:
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
    return Reporter(tmp_path, environment)


def test_a_journey_is_started_reported_and_shown(shell: Reporter) -> None:
    process_id = shell.started("--step", "tell_patient", "--metadata", '{"priority": "high"}')
    done = shell.run("complete", process_id, "create_case", "--output", '{"case": 7}')
    assert done.returncode == 0, done.stderr

    shown = shell.run("show", process_id).stdout

    assert "CaseCreation of Referral ref-1: in progress" in shown
    assert 'metadata {"priority": "high"}' in shown
    assert "create_case   completed  1" in shown
    assert '{"case": 7}' in shown
    assert "tell_patient  pending" in shown


def test_a_step_is_started_with_its_limits(shell: Reporter) -> None:
    process = shell.json("show", shell.started("--auto-start-steps"))

    (step,) = process["steps"]
    assert (step["timeout_ms"], step["retries_permitted"]) == (30_000, 2)
    assert step["state"] == "in_progress"


def test_a_failed_step_is_retried_and_its_process_opened_again(shell: Reporter) -> None:
    process_id = shell.started()
    assert shell.json("fail", process_id, "create_case", "no answer")["state"] == "failed"

    process = shell.json("retry", process_id, "create_case", "--reason", "it answers again")

    assert (process["state"], process["steps"][0]["attempt"]) == ("in_progress", 2)


def test_only_a_failed_step_is_retried(shell: Reporter) -> None:
    refused = shell.run("retry", shell.started(), "create_case")

    assert refused.returncode == 4
    assert "only a failed step is retried" in refused.stderr


def test_a_step_that_waits_for_its_next_attempt_begins_it_now(
    shell: Reporter, step_api: StepApi
) -> None:
    key = ProcessKey("tenant-1", shell.started("--auto-start-steps"))
    step_api.service.fail_step(key, "create_case", "busy", retry_after_ms=3_600_000, attempt=1)

    process = shell.json("retry", key.process_id, "create_case")

    assert (process["steps"][0]["state"], process["steps"][0]["attempt"]) == ("in_progress", 2)


def test_a_suspended_step_goes_on_with_the_data(shell: Reporter, step_api: StepApi) -> None:
    key = ProcessKey("tenant-1", shell.started("--auto-start-steps"))
    early = shell.run("resume", key.process_id, "create_case")
    assert early.returncode == 4
    assert "is in_progress, not suspended" in early.stderr
    step_api.service.suspend_step(key, "create_case")
    assert "suspended" in shell.run("show", key.process_id).stdout

    (step,) = shell.json("resume", key.process_id, "create_case", "--data", "{}")["steps"]

    assert (step["state"], step["resumption"], step["resume_data"]) == ("in_progress", 1, {})
    again = shell.json("resume", key.process_id, "create_case", "--resumption", "1")
    assert again["steps"] == [step]


def test_processes_are_listed_for_people_and_for_programs(shell: Reporter) -> None:
    open_one, failed = shell.started(), shell.started()
    shell.run("fail", failed, "create_case", "no answer")

    listed = shell.run("list").stdout
    programs = shell.json("list", "--state", "failed")

    assert open_one in listed
    assert "0 of 1" in listed
    assert [process["process_id"] for process in programs] == [failed]
    assert shell.run("list", "--type", "Nothing").stdout == "There are none.\n"


def test_a_process_is_called_off(shell: Reporter) -> None:
    process = shell.json("cancel", shell.started(), "--reason", "withdrawn")

    assert (process["state"], process["reason"]) == ("cancelled", "withdrawn")


ORDERED = ProcessDefinition.from_yaml(
    """
process: claim
version: 2
inputs: {amount: number}
steps:
  - {name: check, service: Claims.check, timeout: 30s}
  - {name: pay, service: Payments.pay, timeout: 30s}
"""
)


def test_what_a_definition_orders_is_shown_with_what_is_to_come(
    shell: Reporter, step_api: StepApi
) -> None:
    step_api.service.register(ORDERED)
    process = step_api.service.start("claim", tenant_id="tenant-1", input={"amount": 7})

    shown = shell.run("show", process.process_id).stdout

    assert "claim 2: in progress" in shown
    assert "Claims.check, due in" in shown
    assert "pay    not entered" in shown
    assert "claim 2" in shell.run("list").stdout


def test_who_may_not_read_definitions_is_told_what_is_missing(
    shell: Reporter, step_api: StepApi
) -> None:
    step_api.service.register(ORDERED)
    process = step_api.service.start("claim", tenant_id="tenant-1", input={"amount": 7})
    step_api.faults.extend([None, Fault(status=403, body='{"message":"Forbidden"}')])

    shown = shell.run("show", process.process_id)

    assert shown.returncode == 0, shown.stderr
    assert "Claims.check, due in" in shown.stdout
    assert "Steps that were not entered are not shown" in shown.stdout
    assert "not entered  " not in shown.stdout


def test_exit_codes_tell_a_script_what_is_wrong(shell: Reporter, step_api: StepApi) -> None:
    process_id = shell.started()
    shell.run("cancel", process_id)
    closed = "http://127.0.0.1:9"  # nobody listens there
    codes = {
        "not found": shell.run("show", "no-such-process"),
        "conflict": shell.run("complete", process_id, "create_case"),
        "refused input": shell.run("complete", process_id, "create_case", "--attempt", "0"),
        "not authorized": shell.run("show", process_id, AWS_SECRET_ACCESS_KEY="guessed"),
        "no stack": shell.run("show", process_id, TRELLIS_API_URL=""),
        "no answer": shell.run("show", process_id, TRELLIS_API_URL=closed),
        "not understood": shell.run("start", "CaseCreation"),
    }

    assert {name: done.returncode for name, done in codes.items()} == {
        "not found": 3,
        "conflict": 4,
        "refused input": 5,
        "not authorized": 6,
        "no answer": 7,
        "no stack": 8,
        "not understood": 2,
    }
    for done in codes.values():
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        assert done.stderr


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--step", "a,soon"), "NAME[,SECONDS[,RETRIES]]"),
        (("--step", "a b"), "allowed are 1 to 64"),
        (("--step", "a", "--metadata", "{"), "not JSON"),
    ],
)
def test_what_is_mistyped_is_said(shell: Reporter, option: tuple[str, ...], told: str) -> None:
    refused = shell.run("start", "CaseCreation", "Referral", "ref-1", *option)

    assert refused.returncode == 2
    assert told in refused.stderr


def test_a_profile_names_the_stack_and_what_is_usual_there(
    shell: Reporter, step_api: StepApi
) -> None:
    process_id = shell.started()
    folder = shell.folder / ".config" / "trellis"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        f'[profiles.here]\nurl = "{step_api.url}"\ntenant = "tenant-1"\nregion = "{REGION}"\n'
        '[profiles.odd]\nurl = "x"\ncolour = "red"\n'
    )
    del shell.environment["TRELLIS_API_URL"], shell.environment["TRELLIS_TENANT"]

    assert shell.json("show", process_id, "--profile", "here")["process_id"] == process_id
    unknown = shell.run("show", process_id, "--profile", "elsewhere")
    assert (unknown.returncode, "here, odd" in unknown.stderr) == (8, True)
    odd = shell.run("show", process_id, "--profile", "odd")
    assert (odd.returncode, "colour" in odd.stderr) == (8, True)


def test_the_page_on_the_command_line_names_every_command_and_exit_status(shell: Reporter) -> None:
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    told = shell.run("--help").stdout.split("Commands:\n")[1]
    commands = [
        line.split()[0] for line in told.splitlines() if line.startswith("  ") and line[2] != " "
    ]

    assert len(commands) > 10
    for name in commands:
        assert re.search(rf"^\|[^|]*`trellis {name}\b", page, re.M), name
    for code in (0, 2, *EXIT_CODES.values()):
        assert f"| {code} | " in page


def test_shells_can_complete_it(shell: Reporter) -> None:
    def completed(line: str) -> set[str]:
        words = line.split(" ")
        told = shell.run(
            _TRELLIS_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1)
        ).stdout
        return {each.partition(",")[2] for each in told.splitlines()}

    assert "_TRELLIS_COMPLETE" in shell.run(_TRELLIS_COMPLETE="bash_source").stdout
    assert completed("trellis e") == {"events"}
    assert completed("trellis redrive f") == {"failed-batches"}
    assert "StepFailed" in completed("trellis events --event ")
    assert {"--follow", "--tenant"} <= completed("trellis events --")


def test_tables_fit_a_narrow_terminal(shell: Reporter) -> None:
    process_id = shell.started()

    listed = shell.run("list", COLUMNS="80").stdout.splitlines()
    shown = shell.run("show", process_id, COLUMNS="80").stdout

    assert listed[1].split()[:2] == [process_id, "CaseCreation"]
    assert listed[2].split() == ["about", "Referral", "ref-1"]
    assert max(map(len, listed)) <= 80
    assert "create_case  pending" in shown
