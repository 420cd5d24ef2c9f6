"""Versions of written definitions, what is checked in them, and what starts a process."""

from __future__ import annotations

import re

import pytest

from trellis_process import ManualClock
from trellis_process.application.definitions import DefinitionStatus
from trellis_process.application.engine_service import EngineService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.definitions.finding import Finding, Severity
from trellis_process.definitions.reading import examine_yaml
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import ServiceStep
from trellis_process.errors import (
    DefinitionConflict,
    DefinitionDraining,
    DefinitionInUse,
    InvalidDefinition,
    InvalidInput,
)
from trellis_process.memory import InMemoryDefinitionRepository, InMemoryProcessRepository

from .written import Journey, Written, journey

ONE = "steps: [{name: pay, service: Payments.pay}]"
TWO = "steps: [{name: pay, service: Payments.pay}, {name: ship, service: Orders.ship}]"


def order(text: str = ONE, version: int = 1) -> str:
    return journey(text, "order", version)


def version_of(started: Journey) -> int | None:
    return started.process.definition_version


def test_ten_registered_before_nine_is_what_new_processes_get():
    world = Written(order(version=10), order(version=9))
    assert version_of(world.start("order")) == 10


def test_the_same_version_again_is_a_no_op_and_with_other_content_a_conflict():
    world = Written(order())
    world.define(order(f"# said otherwise\n{ONE}"))
    with pytest.raises(DefinitionConflict, match=r"'order'.* 1"):
        world.define(order(TWO))
    assert world.start("order").complete("pay").state == "completed"


@pytest.mark.parametrize("version", ["1.5", "'1'", "true", "0", "latest"])
def test_a_version_is_a_whole_number(version):
    with pytest.raises(InvalidDefinition, match="version"):
        ProcessDefinition.from_yaml(f"process: order\nversion: {version}\n{ONE}")


def test_a_process_finishes_with_the_steps_it_started_with_and_the_next_has_the_new_ones():
    world = Written(order())
    before = world.start("order")
    world.define(order(TWO, version=2))
    after = world.start("order")
    assert before.complete("pay").state == "completed"
    assert after.complete("pay").open() == ["ship"]
    assert (version_of(before), version_of(after)) == (1, 2)


def test_a_version_with_two_open_is_drained_starts_no_other_and_is_archived_once_both_are_done():
    processes = InMemoryProcessRepository()
    catalog = DefinitionCatalog(
        InMemoryDefinitionRepository(), count_open=lambda name: processes.count_open("t", name)
    )
    service = EngineService(processes, definitions=catalog, clock=ManualClock())
    service.register(ProcessDefinition.from_yaml(order()))
    both = [service.start("order", tenant_id="t") for _ in range(2)]
    catalog.registry.set_status("order", 1, DefinitionStatus.DRAINING)
    assert service.count_open("t", "order") == catalog.registry.count_open("order") == {1: 2}
    with pytest.raises(DefinitionDraining):
        service.start("order", tenant_id="t")
    with pytest.raises(DefinitionInUse):
        catalog.registry.set_status("order", 1, DefinitionStatus.ARCHIVED)
    for each in both:
        assert service.complete_step(each, "pay").is_completed()
    assert service.count_open("t", "order") == {}
    catalog.registry.set_status("order", 1, DefinitionStatus.ARCHIVED)
    assert catalog.registry.versions("order").statuses == {1: DefinitionStatus.ARCHIVED}
    with pytest.raises(DefinitionDraining):
        service.start("order", tenant_id="t")


def test_rolling_back_makes_an_older_version_the_newest_again_for_new_starts():
    world = Written(order(version=1), order(TWO, version=2))
    newer = world.start("order")
    world.engine.definitions.registry.set_status("order", 2, DefinitionStatus.DRAINING)
    assert version_of(world.start("order")) == 1
    assert newer.complete("pay").open() == ["ship"]


def errors(text: str, **known: list[str]) -> tuple[Finding, ...]:
    return examine_yaml(journey(text), **known).findings  # type: ignore[arg-type]


def test_a_misspelt_target_is_one_error_at_its_line():
    (found,) = errors(
        """\
        timeout: 1d
        steps:
          - name: pay
            service: Payments.pay
            on_success: complete
            on_failure: escalte
          - {name: escalate, channel: c, message: m}
        """
    )
    assert (found.line, found.column, found.path) == (8, 17, "steps[0].on_failure")
    assert found.message == "no step 'escalte'; did you mean 'escalate'?"
    assert found.severity is Severity.ERROR


def test_everything_that_is_wrong_is_told_at_once_each_where_it_stands():
    text = journey(
        """\
        timeout: 30x
        owner: ann
        steps:
          - {name: a, kind: servise, service: Work.a}
          - {name: b, service: Work.bee, on_success: d}
          - {name: c, service: Work.c}
          - {name: d, condition: input.x >, on_true: e}
          - {name: d, service: Work.c}
        """
    )
    with pytest.raises(InvalidDefinition) as refused:
        ProcessDefinition.from_yaml(text, known_services=["Work.a", "Work.b", "Work.c"])
    told = {(each.code, each.path, each.line) for each in refused.value.findings}
    assert told == {
        ("duration", "timeout", 3),
        ("unknown_field", "owner", 4),
        ("unknown_kind", "steps[0].kind", 6),
        ("unknown_service", "steps[1].service", 7),
        ("unreachable", "steps[2]", 8),
        ("expression", "steps[3].condition", 9),
        ("unknown_target", "steps[3].on_true", 9),
        ("duplicate_name", "steps[4].name", 10),
    }
    said = {each.code: each.message for each in refused.value.findings}
    assert "did you mean 'owners'?" in said["unknown_field"]
    assert "did you mean 'service'?" in said["unknown_kind"]
    assert "did you mean 'Work.b'?" in said["unknown_service"]
    assert "allowed" in said["duration"]


def test_what_is_wrong_is_told_when_it_is_registered_too():
    world = Written()
    wrong = ProcessDefinition(
        "journey", version=1, steps=(ServiceStep("pay", service="Pay", on_failure="escalte"),)
    )
    with pytest.raises(InvalidDefinition, match="no step 'escalte'"):
        world.runner.register(wrong)


DOUBTS = {
    "long_wait": "timeout: 9d\nsteps: [{name: a, wait: 3d, timeout: 2d}]",
    "falls_through": (
        "timeout: 1d\nsteps:\n"
        "  - name: decide\n"
        "    human_task:\n"
        "      surface: s\n"
        "      outcomes:\n"
        "        - {name: approve, goto: reimburse}\n"
        "        - {name: reject, goto: notify_rejection}\n"
        "  - {name: reimburse, channel: c, message: m}\n"
        "  - {name: notify_rejection, channel: c, message: m}"
    ),
    "no_outcomes": "timeout: 1d\nsteps: [{name: a, human_task: {surface: s}}]",
    "not_undone": (
        "timeout: 1d\nsteps: [{name: a, service: A, compensate_with: x}, {name: b, service: B}]\n"
        "compensations: [{name: x, service: X}]"
    ),
    "no_deadline": "steps: [{name: a, service: A}]",
}


@pytest.mark.parametrize(("code", "text"), DOUBTS.items(), ids=DOUBTS)
def test_what_is_doubtful_is_registered_with_a_warning_and_refused_where_that_is_asked(code, text):
    (found,) = errors(text)
    assert (found.code, found.severity) == (code, Severity.WARNING)
    world = Written(journey(text))
    assert world.start("journey").process.definition_version == 1
    with pytest.raises(InvalidDefinition, match=re.escape(found.message)):
        ProcessDefinition.from_yaml(journey(text), strict=True)


@pytest.mark.parametrize(
    ("written", "lasts"),
    [
        ("wait: 30s", 30),
        ("wait: 5m", 300),
        ("wait: 4h", 4 * 3600),
        ("wait: 7d", 7 * 86400),
        ("wait: 1h30m", 5400),
        ("wait: PT30S", 30),
        ("wait_duration_seconds: 45", 45),
    ],
)
def test_a_duration_lasts_as_long_as_it_says(written, lasts):
    world = Written(journey(f"steps: [{{name: pause, {written}}}]"))
    waiting = world.start().advance(seconds=lasts - 1)
    assert waiting.state == "in_progress"
    assert waiting.advance(seconds=1).state == "completed"


def test_a_duration_of_thirty_x_is_refused():
    with pytest.raises(InvalidDefinition, match="30x"):
        Written(journey("steps: [{name: pause, wait: 30x}]"))


def test_a_start_without_an_input_that_is_needed_names_it_and_starts_nothing():
    world = Written(order(f"inputs: {{order_id: string}}\n{ONE}"))
    with pytest.raises(InvalidInput, match="order_id"):
        world.start("order")
    assert world.journeys("order") == []
    assert world.runner.events == []


@pytest.mark.parametrize(
    "inputs",
    [
        "{order_id: string, note: string?, copies: {type: integer, default: 2}}",
        "{type: object, required: [order_id], properties: "
        "{order_id: {type: string}, note: {type: string}, copies: {type: integer, default: 2}}}",
    ],
)
def test_inputs_are_declared_in_short_or_as_a_schema_and_defaults_are_filled_in(inputs):
    world = Written(order(f"inputs: {inputs}\n{ONE}"))
    assert world.start("order", order_id="o-1").process.input == {"order_id": "o-1", "copies": 2}
    for wrong in ({}, {"order_id": 7}, {"order_id": "o-1", "copies": "two"}):
        with pytest.raises(InvalidInput):
            world.start("order", **wrong)
    assert len(world.journeys("order")) == 1


AMOUNTS = """\
steps:
  - name: large
    condition: input.amount > 100
    on_true: review
    on_false: pay
    {on_failure}
  - {{name: review, service: A, on_success: complete}}
  - {{name: pay, service: A, on_success: complete}}
  - {{name: ask, service: A}}
"""


def test_an_amount_of_a_hundred_is_not_more_than_a_hundred():
    world = Written(journey(AMOUNTS.format(on_failure="on_failure: ask")))
    assert world.start(amount=100).open() == ["pay"]
    assert world.start(amount=101).open() == ["review"]


@pytest.mark.parametrize("given", [{}, {"amount": "many"}, {"amount": None}, {"amount": [101]}])
def test_without_a_value_no_branch_is_picked_and_the_way_of_a_failure_is_taken(given):
    world = Written(journey(AMOUNTS.format(on_failure="on_failure: ask")))
    started = world.start(**given)
    assert started.open() == ["ask"]
    assert started.step("large").state == "failed"
    assert "input.amount > 100" in started.step("large").error


def test_without_a_value_and_without_a_way_the_process_fails_with_that_reason():
    text = AMOUNTS.format(on_failure="").replace("  - {name: ask, service: A}\n", "")
    started = Written(journey(text)).start()
    assert (started.state, started.reason) == ("failed", "expression_error")
    assert "input.amount > 100" in started.step("large").error


def test_an_expression_sees_the_input_the_outputs_of_steps_and_the_process():
    world = Written(
        journey(
            """\
            steps:
              - {name: first, service: A}
              - name: second
                service: A
                inputs:
                  given: input.n
                  got: steps.first.output.n
                  missing: has(steps.first.output.m)
                  of: process.name + " " + string(process.version) + " of " + process.tenant_id
            """
        )
    )
    started = world.start(n=1).complete("first", output={"n": 2})
    assert started.step("second").input == {
        "given": 1,
        "got": 2,
        "missing": False,
        "of": "journey 1 of t",
    }
