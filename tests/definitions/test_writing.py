"""A definition is written as a person would, and read again nothing is lost."""

from __future__ import annotations

from dataclasses import fields

import pytest
import yaml

from trellis_process.definitions.fingerprint import canonical_text, fingerprint
from trellis_process.definitions.reading import examine_definition
from trellis_process.definitions.shape import definition_of
from trellis_process.definitions.writing import _DEFINITION
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.sla import Sla
from trellis_process.domain.definition.steps import (
    Branch,
    ConditionStep,
    ForEach,
    ForEachStep,
    HumanTask,
    HumanTaskStep,
    Outcome,
    Parallel,
    ParallelStep,
    Satisfies,
    SendStep,
    ServiceStep,
)

from .documents import DOCUMENTS, FOLDER


def built() -> ProcessDefinition:
    """What the document says, by constructors."""
    return ProcessDefinition(
        "expense_approval",
        title="Expense approval",
        version=1,
        implements=("ST-010",),
        inputs={"report_id": "string", "amount": "number"},
        steps=(
            ServiceStep(
                "validate", service="Expenses.validate", timeout="30s", retry=Retry(max_attempts=3)
            ),
            ConditionStep("big", condition="input.amount > 1000", on_true="review", on_false="pay"),
            HumanTaskStep(
                "review",
                human_task=HumanTask(
                    surface="expense_review",
                    assignee_role="manager",
                    outcomes=(
                        Outcome(name="approve", label="Approve expense", goto="pay"),
                        Outcome(name="reject", label="Reject", goto="fail"),
                    ),
                ),
            ),
            ServiceStep(
                "pay",
                service="Payments.pay",
                inputs={"report": "input.report_id", "amount": "input.amount"},
                compensate_with="refund",
                satisfies=(Satisfies(story="ST-010", outcome="the expense is paid"),),
            ),
            SendStep("notify", channel="notifications", message="ExpensePaid"),
        ),
        compensations=(Compensation("refund", service="Payments.refund"),),
        timeout="30d",
        sla=Sla(max_duration="5d"),
        outputs={"payment_id": "steps.pay.output.payment_id"},
    )


def test_constructors_and_yaml_say_the_same() -> None:
    text = (FOLDER / "expense_approval.yaml").read_text()
    assert ProcessDefinition.from_yaml(text) == built()
    assert examine_definition(built()).definition == built()


def test_what_is_written_reads_as_if_by_hand() -> None:
    assert built().to_yaml() == (FOLDER / "expense_approval_written.txt").read_text()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_round_trips_lose_nothing(path) -> None:
    definition = ProcessDefinition.from_yaml(path.read_bytes())
    assert ProcessDefinition.from_yaml(definition.to_yaml()) == definition
    assert ProcessDefinition.from_json(definition.to_json()) == definition
    assert ProcessDefinition.from_dict(definition.to_dict()) == definition
    assert definition_of(definition.to_dict()) == definition
    assert yaml.safe_load(definition.to_yaml()) == definition.to_dict()  # other readers agree


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "no",
        "null",
        "~",
        "",
        " ",
        "1",
        "089",
        "0o17",
        "0x1F",
        "1e5",
        ".5",
        "1_000",
        "12:30",
        "2026-11-21",
        ".nan",
        "a: b",
        "a #b",
        "- a",
        "'a'",
        "\"a\" and 'b'",
        "a\\b",
        "two\nlines",
        "two\nlines\n",
        " begins\nwith a space",
        "\nempty first",
        "trailing \nspace",
        "tab\there",
        "é 😀 \u2028 \x85",
        "x" * 250,
        "{a}",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "=",
        "<<",
    ],
)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    definition = ProcessDefinition(
        "p",
        version=1,
        steps=(ServiceStep("a", service="A", tags=(text,), inputs={"x": {text: [1, True]}}),),
        description=text,
    )
    assert definition_of(yaml.safe_load(definition.to_yaml())) == definition
    document = ProcessDefinition.from_yaml(definition.to_yaml().replace("[1, true]", "[1]"))
    assert document.description == text
    assert document.steps[0].tags == (text,)


def test_fields_that_are_as_usual_are_left_out() -> None:
    definition = ProcessDefinition("p", version=1, steps=(ServiceStep("a", service="A"),))
    assert definition.to_dict() == {
        "process": "p",
        "version": 1,
        "steps": [{"name": "a", "kind": "service", "service": "A"}],
    }


def test_every_field_of_a_definition_has_its_place_in_the_order() -> None:
    assert sorted(_DEFINITION) == sorted(each.name for each in fields(ProcessDefinition))


def test_lists_of_steps_come_after_what_is_said_of_them() -> None:
    inside = (ServiceStep("b", service="B"),)
    parallel = Parallel(branches=(Branch(name="x", steps=inside),), on_any_failure="rollback")
    foreach = ForEach(items="input.x", steps=inside, max_concurrency=3)
    steps = (ParallelStep("p", parallel=parallel), ForEachStep("f", foreach=foreach))
    written = ProcessDefinition("p", version=1, steps=steps).to_dict()["steps"]
    assert list(written[0]["parallel"]) == ["on_any_failure", "branches"]
    assert list(written[1]["foreach"]) == ["items", "max_concurrency", "steps"]


def test_the_same_content_has_the_same_fingerprint_however_it_was_written() -> None:
    one = ProcessDefinition.from_yaml(
        "process: p\nversion: 1\ntimeout: 1d\nsteps:\n"
        "  - {name: a, service: A, inputs: {x: 1, y: '2'}, retry: {coefficient: 3}}\n"
    )
    other = ProcessDefinition.from_json(
        '{"steps": [{"kind": "service", "retry": {"coefficient": 3.0, "max_attempts": 1}, '
        '"service": "A", "inputs": {"y": "2", "x": 1}, "name": "a", "on_success": null}], '
        '"timeout": "1d", "stability": "stable", "version": 1, "process": "p"}'
    )
    in_python = ProcessDefinition(
        "p",
        version=1,
        timeout="1d",
        steps=(
            ServiceStep("a", service="A", inputs={"y": "2", "x": 1}, retry=Retry(coefficient=3)),
        ),
    )
    assert canonical_text(one) == canonical_text(other) == canonical_text(in_python)
    assert len(fingerprint(one)) == 64


def test_other_content_has_another_fingerprint() -> None:
    def of(**more) -> str:
        step = ServiceStep("a", service="A", **more)
        return fingerprint(ProcessDefinition("p", version=1, steps=(step,)))

    assert len({of(), of(timeout="1s"), of(inputs={"x": 1}), of(inputs={"x": "1"})}) == 4
