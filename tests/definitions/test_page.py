"""The page on definitions: every field and finding is in it, and its examples are read."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

import pytest

from trellis_process.definitions.parts import KINDS, field_names
from trellis_process.definitions.reading import examine_yaml
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.reactions import (
    Command,
    EventDefinition,
    Reaction,
    ScheduleTrigger,
    TimerSetting,
    Trigger,
)
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.sla import Sla
from trellis_process.domain.definition.steps import (
    ForEach,
    HumanTask,
    LlmIntent,
    Parallel,
    Query,
    StepDefinition,
    WorkStep,
)

from ..test_docs import blocks, page, section
from . import test_reaction_checks as reaction_checks
from .test_doubts import DOUBTFUL
from .test_findings import WRONG, errors, examined

TEXT = page("definitions.md")


def table(head: str) -> set[str]:
    """What the first cells of the rows below a head name."""
    _, found, rest = TEXT.partition(f"| {head} | ")
    assert found, head
    rows = rest.split("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


@pytest.mark.parametrize(
    ("head", "of"),
    [
        ("field of every step", StepDefinition),
        ("field of `human_task`", HumanTask),
        ("field of `parallel`", Parallel),
        ("field of `query`", Query),
        ("field of `foreach`", ForEach),
        ("field of `llm_intent`", LlmIntent),
        ("field of `retry`", Retry),
        ("field of a compensation", Compensation),
        ("field of `sla`", Sla),
        ("field of an event", EventDefinition),
        ("field of a trigger", Trigger),
        ("field of `schedule`", ScheduleTrigger),
        ("field of a reaction", Reaction),
        ("field of `send`", Command),
        ("field of `set_timers`", TimerSetting),
    ],
)
def test_every_field_is_in_the_page(head: str, of: type) -> None:
    assert table(head) == set(field_names(of)) | ({"kind"} if of is StepDefinition else set())


def test_every_field_of_a_definition_is_in_the_page() -> None:
    text = section(TEXT, "## The definition")
    cells = "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", cells)) == set(field_names(ProcessDefinition))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_section_with_its_fields_and_an_example_that_is_read(kind: str) -> None:
    of = KINDS[kind]
    text = section(TEXT, f"### `{kind}`")
    inherited = set(field_names(WorkStep if issubclass(of, WorkStep) else StepDefinition))
    first, *_ = re.split(r"\| field of ", text)
    cells = "".join(line.split("|")[1] for line in first.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", cells)) == set(field_names(of)) - inherited - {"kind"}
    (example,) = blocks(text, "yaml")
    undone = "compensations: [{name: refund, service: R}]\n" if "refund" in example else ""
    steps = indent(example, "  ")
    reading = examine_yaml(f"process: p\nversion: 1\ntimeout: 60d\n{undone}steps:\n{steps}")
    assert reading.findings == ()
    assert reading.definition is not None
    assert reading.definition.steps[0].kind == kind


def test_the_examples_of_events_and_reactions_are_sound_together() -> None:
    parts = [section(TEXT, f"### {each}") for each in ("Events", "Triggers", "Reactions", "Data")]
    examples = "\n".join(blocks(part, "yaml")[0] for part in parts)
    placed = "  - {name: placed, pattern: {source: [shop]}, key: event.detail.order_id}\n"
    examples = examples.replace("events:\n", "events:\n" + placed)
    text = f"process: p\nversion: 1\ninputs: {{order_id: string?}}\n{examples}"
    assert errors(examine_yaml(text)) == []


def test_the_definition_that_the_page_begins_with_is_sound() -> None:
    assert examine_yaml(blocks(TEXT, "yaml")[0]).findings == ()


def test_every_code_of_a_finding_is_in_the_page_and_no_other() -> None:
    found = {
        finding.code
        for steps, more, *_ in WRONG.values()
        for finding in errors(examined(steps, more))
    }
    found |= {code for _, _, code, _ in reaction_checks.WRONG.values()}
    assert found <= table("code of an error")
    doubtful = [*DOUBTFUL.values(), *reaction_checks.DOUBTFUL.values()]
    assert {code for _, code, *_ in doubtful} == table("code of a warning")
    folder = Path(__file__).parents[2] / "trellis_process" / "definitions"
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    for code in table("code of an error"):
        assert f'"{code}"' in source, code
