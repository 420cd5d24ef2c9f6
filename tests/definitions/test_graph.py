"""A definition is drawn: every step, every way, and nothing that a title could break."""

from __future__ import annotations

import re
from xml.dom import minidom

import pytest

from trellis_process.definitions.graph import mermaid
from trellis_process.definitions.picture import svg
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import ConditionStep, ServiceStep, Transition

from .documents import DOCUMENTS, FOLDER


def definition_in(name: str) -> ProcessDefinition:
    return ProcessDefinition.from_yaml((FOLDER / f"{name}.yaml").read_text())


def test_the_expense_approval_is_drawn_with_every_way() -> None:
    chart = mermaid(definition_in("expense_approval"))
    ways = [line.strip() for line in chart.splitlines() if "-->" in line or "-." in line]
    assert ways == [
        "start --> s_validate",
        "s_validate --> s_big",
        's_big -->|"yes"| s_review',
        's_big -->|"no"| s_pay',
        's_review -->|"Approve expense"| s_pay',
        's_review -->|"Reject"| e_fail',
        "s_pay -. undone by .- c_pay",
        "s_pay --> s_notify",
        "s_notify --> e_complete",
    ]


def test_branches_and_items_are_frames_and_failures_are_dashed() -> None:
    chart = mermaid(definition_in("order"))
    assert re.findall(r"subgraph (\w+)", chart) == [
        "s_settle",
        "s_settle__stock",
        "s_settle__money",
        "s_pack",
    ]
    assert "s_charge -. on failure .-> s_ask_again" in chart


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_step_is_drawn_once(path) -> None:
    definition = ProcessDefinition.from_yaml(path.read_text())
    chart = mermaid(definition)
    for step in definition.all_steps():
        assert len(re.findall(rf"^ *(?:subgraph )?s_{step.name} ?[^\w\s|-]+\"", chart, re.M)) == 1


def test_events_reactions_timers_and_endings_are_drawn_without_any_step() -> None:
    chart = mermaid(definition_in("order_payment"))
    ways = [line.strip() for line in chart.splitlines() if "-->" in line or "-." in line]
    assert ways[:4] == [
        'tr0 -->|"starts"| start',
        'tr1 -->|"starts"| start',
        'tr2 -->|"starts"| start',
        'tr3 -->|"starts"| start',
    ]
    for way in (
        "start --> reactions",
        "ev0 --> r0",
        'r0 -.->|"after 3d"| t0',
        'r0 -.->|"at data.due_at"| t1',
        'ev1 -->|"event.detail.amount #gt; 0"| r1',
        'r1 -.->|"cancels"| t0',
        "t0 --> r5",
        'reactions -->|"data.is_cancelled"| x1',
    ):
        assert way in ways
    assert 'ev2>"shipped<br>order confirmed -#gt; shipped"]' in chart
    assert 'r0["set total, due_at<br>send Welcome to mails"]' in chart


def test_steps_and_reactions_stand_beside_each_other() -> None:
    chart = mermaid(
        ProcessDefinition.from_yaml(
            "process: p\nversion: 1\ntimeout: 1d\nsteps: [{name: a, service: A}]\n"
            "events: [{name: e, completed: q}]\n"
            "reactions: [{event: e, send: [{channel: c, message: M}]}]\n"
        )
    )
    assert "start --> s_a" in chart
    assert "start --> reactions" not in chart
    assert "ev0 --> r0" in chart


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_document_becomes_a_picture(path) -> None:
    assert minidom.parseString(svg(ProcessDefinition.from_yaml(path.read_text())))


def test_a_picture_shows_any_text_as_it_is() -> None:
    odd = 'a < b && c > "d" `e` #quot; \\" end; </text> <script>x</script> [x] {y} | %% é'
    definition = ProcessDefinition(
        "p",
        title=odd,
        version=1,
        steps=(
            ConditionStep("end", condition=odd, transitions=(Transition(to="graph", when=odd),)),
            ServiceStep("graph", service="A"),
        ),
    )
    image = svg(definition)
    shown = minidom.parseString(image)
    assert not shown.getElementsByTagName("script")
    text = re.sub(r"<[^>]*>", "", image)
    assert text.count("a &lt; b &amp;&amp; c &gt; 'd'") == 3
