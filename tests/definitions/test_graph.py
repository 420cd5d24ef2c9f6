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
