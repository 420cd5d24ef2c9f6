"""Whatever names and texts hold comes out as it is: no picture, no colour, nothing left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from rich.table import Table

from tests.step_api_server import KEY, REGION, StepApi
from tests.step_api_server import step_api as step_api
from trellis_process import ProcessDefinition, ProcessStep
from trellis_process.cli.console import Console
from trellis_process.cli.overdue import print_overdue
from trellis_process.memory import InMemoryProcessRepository, InMemoryStepTrackerRepository
from trellis_process.testing import ManualClock, a_process

from .shell import Shell

NAME = "a:pick:b_c"  # which may be the name of anything
TEXT = "[red]closed_by[/red] :boom: [link=x]7[/link] \\[b]"
DEFINITION = f"""
process: {NAME}
version: 1
implements: [ST-1]
inputs: {{x: {{type: string, default: "{NAME}"}}}}
steps:
  - {{name: first, service: "Do.it:pick:now", timeout: 1h}}
  - name: ask
    human_task:
      surface: "{NAME}"
      assignee_role: "role:pick:"
      outcomes: [{{name: yes_, label: "Yes"}}]
    satisfies: [{{story: ST-1, outcome: "[red]done :pick:"}}]
timeout: 30d
"""
STORIES = """
stories:
  - {id: ST-1, title: "[b]Title :pick:", outcomes: ["[red]done :pick:", "[i]left :boom:"]}
"""


@dataclass
class World:
    """A shell, and a stack in which everything has such a name."""

    shell: Shell
    process_id: str
    job_id: str

    def shown(self, *words: str) -> str:
        done = self.shell.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def world(step_api: StepApi, tmp_path: Path) -> World:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "COLUMNS": "300",
        "FORCE_COLOR": "1",  # as in a terminal, where markup and codes would do their work
        "AWS_ACCESS_KEY_ID": KEY.access_key,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "TRELLIS_API_URL": step_api.url,
        "TRELLIS_TENANT": NAME,
    }
    shell = Shell(tmp_path, environment)
    (tmp_path / "v1.yaml").write_text(DEFINITION)
    (tmp_path / "v2.yaml").write_text(
        DEFINITION.replace("version: 1", "version: 2").replace("first", "other")
    )
    (tmp_path / "stories.yaml").write_text(STORIES)
    service = step_api.service
    service.register(ProcessDefinition.from_yaml(DEFINITION))
    process = service.start(NAME, tenant_id=NAME, aggregate_type=NAME, aggregate_id=TEXT)
    service.complete_step(process, "first", {"said": TEXT}, reason=TEXT)
    service.start_process(
        tenant_id=NAME,
        process_type=f"tracked:{NAME}",
        aggregate_type=NAME,
        aggregate_id=TEXT,
        steps=[ProcessStep(name=f"pay:{NAME}")],
        auto_start_steps=True,
    )
    service.claim_task(process, "ask", by="[red]maria :pick:")
    job = shell.json(
        *("jobs", "start", "cancel", "--type", NAME, "--failed-because", TEXT),
        *("--search", f"{NAME}=[red]north", "--reason", TEXT, "--dry-run"),
    )
    return World(shell, process.process_id, job["job_id"])


def plain(text: str) -> str:
    """The text without what only colours it."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("list",), [f"{NAME} 1", f"tracked:{NAME}", TEXT]),
        (("stats", f"tracked:{NAME}"), [f"tracked:{NAME}: 1 started"]),
        (("show", "PROCESS"), [f"{NAME} 1 of {NAME} {TEXT}", "first", "role:pick:"]),
        (("cancel", "PROCESS", "--reason", TEXT), [f"{NAME} 1 of {NAME} {TEXT}"]),
        (("tasks",), ["ask", "[red]maria :pick:", "role:pick:", "yes_"]),
        (("history", "PROCESS"), ["first", TEXT]),
        (("stats", NAME), [f"{NAME} 1: 1 started", "first"]),
        (("jobs", "list"), [f"type {NAME}", f"reason {TEXT}", "[red]north"]),
        (("jobs", "show", "JOB"), [f"because {TEXT}", f"{NAME} [red]north", f"of {NAME},"]),
        (("definitions", "list"), [NAME]),
        (("definitions", "show", NAME, "--version", "1"), ["first", "role:pick:"]),
        (("register", "v2.yaml"), [f"{NAME} 2: active"]),
        (("plan", "v2.yaml"), ["step other: new, a service of Do.it:pick:now", "1 at ask"]),
        (
            ("plan", "v2.yaml", "--against", "v1.yaml"),
            ["step first: removed; it was a service of Do.it:pick:now"],
        ),
        (("simulate", "v1.yaml"), ["first", "Do.it:pick:now is asked", "role:pick:"]),
        (("coverage", "v1.yaml", "--stories", "stories.yaml"), ["[b]Title :pick:", "[i]left"]),
        (("validate", "v1.yaml"), [f"{NAME} 1 is valid"]),
    ],
    ids=lambda given: " ".join(given[:2]) if isinstance(given, tuple) else "",
)
def test_a_command_shows_names_and_texts_as_they_are(
    world: World, words: tuple[str, ...], told: list[str]
) -> None:
    ids = {"PROCESS": world.process_id, "JOB": world.job_id}
    shown = plain(world.shown(*(ids.get(word, word) for word in words)))

    for each in told:
        assert each in shown


def test_results_of_a_job_say_refusals_as_they_are(world: World) -> None:
    job = world.shell.json("jobs", "start", "skip", "--step", "ask", "--type", NAME, "--follow")

    assert job["progress"]["done"] == 1
    assert world.process_id in plain(world.shown("jobs", "results", job["job_id"]))


def test_what_is_overdue_is_named_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    processes, clock = InMemoryProcessRepository(), ManualClock()
    trackers = InMemoryStepTrackerRepository()
    trackers.attach(processes)
    step = ProcessStep(name=f"pay:{NAME}", timeout_ms=1)
    process = a_process(step, tenant_id=NAME, process_type=NAME, aggregate_id=TEXT, now=clock())
    process.start_step(step.name, now=clock())
    processes.add(process)

    assert print_overdue(trackers, clock() + timedelta(hours=1), limit=1, as_json=False)
    shown = capsys.readouterr().out
    assert f"pay:{NAME} #1" in shown
    assert TEXT in shown


@pytest.mark.parametrize(
    "print_text",
    [
        lambda console, text: console.print(text),
        lambda console, text: console.print(text, style="dim"),
        lambda console, text: console.print(_table_of(text)),
        lambda console, text: console.print_hanging(text, mark="!"),
    ],
    ids=["plain", "in a style", "in a table", "hanging"],
)
def test_a_console_reads_nothing_into_a_text(
    print_text: Callable[[Console, str], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    print_text(Console(), TEXT)

    assert capsys.readouterr().out.count(TEXT) >= 1


def _table_of(text: str) -> Table:
    table = Table(text, title=text, caption=text)
    table.add_row(text)
    return table
