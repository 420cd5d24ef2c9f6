"""``trellis simulate``, ``plan``, ``coverage`` and ``propose`` on definitions in files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.step_api_server import KEY, REGION, StepApi
from tests.step_api_server import step_api as step_api
from trellis_process.cli.plan import steps_of
from trellis_process.definitions import expressions
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.engine.commands import start
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.process import Parent
from trellis_process.simulation import START

from .shell import Shell

PAYMENT = """process: payment
version: 1
implements: [S1]
inputs: {amount: number}
timeout: 10d
steps:
  - name: ask
    condition: input.amount > 100
    on_true: review
    on_false: pay
  - name: review
    human_task: {surface: s, outcomes: [{name: approve, goto: pay}, {name: reject, goto: fail}]}
  - name: pay
    service: Payments.pay
    timeout: 1h
    satisfies: [{story: S1, outcome: it is paid}]
"""
STORIES = """stories:
  - {id: S1, title: Pay, outcomes: [it is paid, it is told]}
  - {id: S2, title: Hire, actor: manager, status: idea, outcomes: [somebody is hired]}
"""
ANSWERS = """input: {amount: 500}
answers: {review: {outcome: reject, by: mia, after: 2d}}
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "payment.yaml").write_text(PAYMENT)
    (tmp_path / "definitions" / "notes.yaml").write_text("process: notes\n")
    (tmp_path / "v2.yaml").write_text(
        PAYMENT.replace("version: 1", "version: 2", 1) + "    tags: [x]\n"
    )
    (tmp_path / "stories.yaml").write_text(STORIES)
    (tmp_path / "answers.yaml").write_text(ANSWERS)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "120"}
    return Shell(tmp_path, environment)


FILE = "definitions/payment.yaml"


def test_a_walk_is_told_line_by_line_with_when_and_why(shell: Shell) -> None:
    done = shell.run("simulate", FILE, "--answers", "answers.yaml")
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert (
        "0s ✓ ask completed as true → review, for input.amount > 100 is true (input.amount = 500)"
        in lines
    )
    assert "2d ✓ review completed as reject by mia → fail (goto of reject)" in lines
    assert "■ failed after 2d, routed to fail" in lines


def test_what_is_not_said_is_made_up_and_marked(shell: Shell) -> None:
    done = shell.run("simulate", FILE)
    assert "(assumed)" in done.stdout
    assert "assumed: input, pay" in done.stdout


def test_a_script_says_what_it_expects(shell: Shell) -> None:
    words = ("simulate", FILE, "--input", '{"amount": 5}')
    assert shell.run(*words, "--expect", "completed").returncode == 0
    done = shell.run(*words, "--strict-answers", "--expect", "completed")
    assert done.returncode == 1
    assert "waits: pay waits for service Payments.pay" in done.stdout
    assert done.stderr == "trellis: expected completed, and it is waiting\n"


def test_the_parts_of_a_long_foreach_are_shown_where_that_is_asked(shell: Shell) -> None:
    (shell.folder / "many.yaml").write_text(
        "process: many\nversion: 1\ntimeout: 1d\ninputs: {n: array}\nsteps:\n"
        "  - name: all\n    foreach: {items: input.n, steps: [{name: a, service: A}]}\n"
    )
    words = ("simulate", "many.yaml", "--input", json.dumps({"n": list(range(60))}))
    done = shell.run(*words)
    assert "part 2 of the items is started" in done.stdout
    assert "all[2]" not in done.stdout
    assert "lines about the parts of a foreach: --all" in done.stdout
    assert "all[2] › a:59" in shell.run(*words, "--all").stdout


def test_an_input_comes_from_a_file_and_is_checked(shell: Shell) -> None:
    (shell.folder / "input.json").write_text('{"amount": 5}')
    done = shell.run("simulate", FILE, "--input", "@input.json", "--format", "json")
    assert json.loads(done.stdout)["input"] == {"amount": 5}
    for wrong in ('{"amount": "x"}', "{", "[]", "@gone.json"):
        done = shell.run("simulate", FILE, "--input", wrong)
        assert (done.returncode, done.stdout) == (5, "")
    done = shell.run("simulate", FILE, "--until", "soon")
    assert (done.returncode, "until: got 'soon'" in done.stderr) == (5, True)


def test_a_wrong_definition_or_answer_is_told_by_where_it_stands(shell: Shell) -> None:
    done = shell.run("simulate", "definitions/notes.yaml")
    assert done.returncode == 5
    assert "definitions/notes.yaml" in done.stderr
    assert "steps" in done.stderr
    (shell.folder / "answers.yaml").write_text("answers: {reviw: {}}")
    done = shell.run("simulate", FILE, "--answers", "answers.yaml")
    assert done.returncode == 5
    assert "did you mean 'review'?" in done.stderr


def test_two_versions_are_compared_without_a_stack(shell: Shell) -> None:
    done = shell.run("plan", "v2.yaml", "--against", FILE)
    assert done.returncode == 0, done.stderr
    assert "payment: version 1 → 2" in done.stdout
    assert "step pay: tags is ['x'] now, and was not said" in done.stdout
    told = json.loads(shell.run("plan", "v2.yaml", "--against", FILE, "--format", "json").stdout)
    assert (told["from"], told["to"], len(told["changes"])) == (1, 2, 1)


def test_what_is_no_other_version_of_it_is_not_compared(shell: Shell) -> None:
    (shell.folder / "other.yaml").write_text(PAYMENT.replace("payment", "other", 1))
    done = shell.run("plan", "v2.yaml", "--against", "other.yaml")
    assert done.returncode == 5
    assert "another version of 'other'" in done.stderr


def test_a_plan_without_a_stack_or_a_file_says_what_is_missing(shell: Shell) -> None:
    assert shell.run("plan", "v2.yaml").returncode == 8


def test_open_processes_are_counted_by_the_step_that_they_are_at() -> None:
    compiled = CompiledDefinition(ProcessDefinition.from_yaml(PAYMENT), expressions)
    processes = [
        start(compiled, process_id=f"p{n}", tenant_id="t", input={"amount": n}, now=START)
        for n in (1, 2, 500)
    ]
    assert steps_of(processes) == {(1, "pay"): 2, (1, "review"): 1}


AROUND = """
process: around
version: 1
steps:
  - name: both
    parallel:
      branches:
        - {name: a, steps: [{name: pay, service: Payments.pay}]}
        - {name: b, steps: [{name: child, subprocess: other}]}
        - name: c
          steps: [{name: each, foreach: {items: "[1, 2]", steps: [{name: tell, service: M.m}]}}]
"""


def test_a_process_is_at_the_steps_inside_of_others_and_not_at_those_around() -> None:
    compiled = CompiledDefinition(ProcessDefinition.from_yaml(AROUND), expressions)
    process = start(compiled, process_id="p", tenant_id="t", input={}, now=START)

    assert steps_of([process]) == {(1, "pay"): 1, (1, "child"): 1, (1, "tell"): 1}


def test_coverage_names_what_is_satisfied_and_what_is_not(shell: Shell) -> None:
    done = shell.run("coverage", "definitions", "--stories", "stories.yaml")
    # What is no definition, in a folder, is passed over.
    assert done.returncode == 0, done.stderr
    assert "◐ S1 Pay: partly" in done.stdout
    assert "it is paid: payment 1, step pay" in done.stdout
    assert "2 stories: 0 covered, 1 partly, 1 not covered; 1 of 3 outcomes" in done.stdout


def test_a_script_requires_coverage_of_some_stories(shell: Shell) -> None:
    words = ("coverage", FILE, "--stories", "stories.yaml", "--require")
    assert shell.run(*words, "covered").returncode == 1
    assert shell.run(*words, "partly").returncode == 1
    (shell.folder / "stories.yaml").write_text(STORIES.replace("title: Pay", "status: done"))
    assert shell.run(*words, "partly", "--status", "done").returncode == 0


def test_coverage_is_a_page_or_json(shell: Shell) -> None:
    words = ("coverage", FILE, "--stories", "stories.yaml", "--format")
    page = shell.run(*words, "markdown").stdout
    assert "| S1 Pay | partly | it is paid | payment 1, step pay |" in page
    assert json.loads(shell.run(*words, "json").stdout)["summary"]["partly"] == 1


def test_drafts_are_printed_or_written_and_are_valid(shell: Shell) -> None:
    done = shell.run("propose", FILE, "--stories", "stories.yaml")
    assert done.stdout.count("process: ") == 2
    words = ("propose", FILE, "--stories", "stories.yaml", "--output", "drafts")
    assert shell.run(*words).returncode == 0
    files = sorted(str(each.relative_to(shell.folder)) for each in shell.folder.glob("drafts/*"))
    assert files == ["drafts/manager.yaml", "drafts/pay.yaml"]
    assert shell.run("validate", "--strict", *files).returncode == 0
    (shell.folder / files[0]).write_text("mine")
    again = shell.run(*words)
    assert "stays as it is" in again.stderr
    assert (shell.folder / files[0]).read_text() == "mine"


def test_where_nothing_is_missing_nothing_is_proposed(shell: Shell) -> None:
    (shell.folder / "stories.yaml").write_text("- {id: S1, outcomes: [it is paid]}")
    done = shell.run("propose", FILE, "--stories", "stories.yaml")
    assert (done.stdout, "nothing to propose" in done.stderr) == ("", True)


# -- With a stack ------------------------------------------------------------------------------


@pytest.fixture
def asked(shell: Shell, step_api: StepApi) -> Shell:
    """The same shell, in which the step API can be asked."""
    shell.environment |= {
        "AWS_ACCESS_KEY_ID": KEY.access_key,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "TRELLIS_API_URL": step_api.url,
    }
    return shell


def test_what_a_stack_does_not_know_is_new(asked: Shell) -> None:
    done = asked.run("plan", "v2.yaml")
    assert (done.returncode, done.stdout) == (
        0,
        "payment 2 is new: no version of it is registered\n",
    )


def test_a_stack_says_what_is_open_on_which_version_at_which_step(
    asked: Shell, step_api: StepApi
) -> None:
    step_api.service.register(ProcessDefinition.from_yaml(PAYMENT))
    for amount in (1, 2, 500):
        step_api.service.start("payment", tenant_id="tenant-1", input={"amount": amount})
    (asked.folder / "v3.yaml").write_text(
        PAYMENT.replace("version: 1", "version: 3", 1)
        .replace("name: pay\n", "name: charge\n")
        .replace("on_false: pay", "on_false: charge")
        .replace("goto: pay", "goto: charge")
    )
    done = asked.run("plan", "v3.yaml", "--tenant", "tenant-1")
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == "payment: version 1 → 3"
    assert lines[-3:] == ["version 1: 3", "2 at pay (to mind)", "1 at review"]
    told = json.loads(
        asked.run(
            "plan", "v3.yaml", "--tenant", "tenant-1", "--limit", "2", "--format", "json"
        ).stdout
    )
    assert told["open"]["by_version"] == {"1": 3}
    assert told["open"]["are_more"]
    whole = json.loads(asked.run("plan", "v3.yaml", "--format", "json").stdout)
    assert whole["open"]["at_steps"] == []
    assert asked.run("plan", "v3.yaml", "--version", "2").returncode == 3


BULK = """
process: bulk
version: 1
inputs: {items: array}
steps:
  - name: all
    foreach:
      items: input.items
      max_concurrency: 50
      steps: [{name: pack, service: Orders.pack}]
"""


def test_the_parts_of_a_long_list_are_told_apart_from_processes(
    asked: Shell, step_api: StepApi
) -> None:
    definition = ProcessDefinition.from_yaml(BULK)
    step_api.service.register(definition)
    whole = step_api.service.start("bulk", tenant_id="tenant-1", input={"items": list(range(30))})
    told = Parent(process_id=whole.process_id, step_name="all", attempt=1, part=0)
    step_api.service.start_part(whole, told, list(range(25)), 0)
    (asked.folder / "bulk.yaml").write_text(BULK.replace("version: 1", "version: 2"))

    words = ("plan", "bulk.yaml", "--tenant", "tenant-1")
    lines = [line.strip() for line in asked.run(*words).stdout.splitlines()]

    assert lines[-3:] == [
        "version 1: 2, 1 of which deal with parts of long lists",
        "1 at all",
        "1 part at pack",
    ]
    told = json.loads(asked.run(*words, "--format", "json").stdout)
    assert told["open"]["at_steps"] == [
        {"version": 1, "step": "all", "processes": 1, "parts": 0},
        {"version": 1, "step": "pack", "processes": 0, "parts": 1},
    ]
