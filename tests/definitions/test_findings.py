"""Whatever is wrong with a definition is found at once, each at its place (DF-4, DF-6)."""

from __future__ import annotations

import sys
import time

import pytest

from trellis_process.definitions.finding import Finding, Severity
from trellis_process.definitions.reading import Reading, examine_value, examine_yaml
from trellis_process.definitions.report import MAX_FINDINGS
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import InvalidDefinition, InvalidInput

from .documents import DOCUMENTS, FOLDER


def examined(steps: str, more: str = "") -> Reading:
    """What is found in a definition with these steps, which begin in line 5."""
    return examine_yaml(f"process: p\nversion: 1\ntimeout: 1d\nsteps:\n{steps}\n{more}")


def errors(reading: Reading) -> list[Finding]:
    return [each for each in reading.findings if each.severity is Severity.ERROR]


def the_error(reading: Reading) -> Finding:
    (finding,) = errors(reading)
    return finding


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_sound_definition_has_no_errors(path) -> None:
    assert errors(examine_yaml(path.read_bytes())) == []


def test_a_misspelt_target_is_told_with_its_line_and_the_nearest_name() -> None:
    found = the_error(
        examined(
            "  - {name: pay, service: Pay, on_failure: escalte}\n"
            "  - {name: escalate, service: Escalate}"
        )
    )
    assert found.path == "steps[0].on_failure"
    assert found.message == "no step 'escalte'; did you mean 'escalate'?"
    assert (found.line, found.column, found.code) == (5, 43, "unknown_target")


def test_all_errors_are_told_at_once_in_the_order_of_the_text() -> None:
    text = (FOLDER / "expense_approval.yaml").read_text()
    text = text.replace("goto: pay", "goto: pey").replace("timeout: 30d", "timout: 30d")
    text = text.replace("input.amount > 1000", "input.amunt > 1000")
    text = text.replace("kind: service", "kind: servcie", 1)
    text = text.replace("compensate_with: refund", "compensate_with: refnd")
    with pytest.raises(InvalidDefinition) as refused:
        ProcessDefinition.from_yaml(text)
    assert [each.code for each in refused.value.findings] == [
        "unknown_kind",
        "unknown_reference",
        "unknown_target",
        "unknown_compensation",
        "unknown_field",
    ]
    assert isinstance(refused.value, InvalidInput)
    assert "line 10, column 11: steps[0].kind: got 'servcie'" in str(refused.value)


#: The steps of a definition, what follows them, and the one error: its path, and words of it.
WRONG = {
    "an unknown field": (
        "  - {name: a, service: A, retires: {}}",
        "",
        "steps[0].retires",
        "did you mean 'retry'?",
    ),
    "an unknown field of the definition": (
        "  - {name: a, service: A}",
        "complete_at: 5d",
        "complete_at",
        "there is no such field; allowed are process, version, steps",
    ),
    "an unknown field inside of a step": (
        "  - {name: a, service: A, retry: {attempts: 3}}",
        "",
        "steps[0].retry.attempts",
        "did you mean 'max_attempts'?",
    ),
    "an unknown kind": (
        "  - {name: a, kind: humantask}",
        "",
        "steps[0].kind",
        "did you mean 'human_task'?",
    ),
    "a kind that nothing tells": ("  - {name: a}", "", "steps[0]", "no kind"),
    "fields of two kinds": (
        "  - {name: a, service: A, wait: 3d}",
        "",
        "steps[0]",
        "'service' belongs to service and 'wait' belongs to wait",
    ),
    "a field of another kind": (
        "  - {name: a, kind: wait, wait: 3d, compensate_with: x}",
        "compensations: [{name: x, service: X}]",
        "steps[0].compensate_with",
        "belongs to service, human_task",
    ),
    "a missing field": (
        "  - {name: a, kind: send, channel: c}",
        "",
        "steps[0].message",
        "it is missing",
    ),
    "a wrong type": ("  - {name: a, service: A, tags: x}", "", "steps[0].tags", "a list"),
    "a number as text": (
        "  - {name: a, service: A, max_visits: '3'}",
        "",
        "steps[0].max_visits",
        "got '3'; allowed is a whole number",
    ),
    "yes for true": (
        "  - {name: a, subprocess: A, abandon: yes}",
        "",
        "steps[0].abandon",
        "got 'yes'; allowed are true and false",
    ),
    "a step that is no mapping": ("  - a", "", "steps[0]", "a mapping of a step's fields"),
    "a word that is not among those allowed": (
        "  - {name: a, service: A, retry: {backoff: expnential}}",
        "",
        "steps[0].retry.backoff",
        "allowed are fixed, linear, exponential; did you mean 'exponential'?",
    ),
    "a target in another list": (
        "  - {name: a, service: A, on_failure: c}\n"
        "  - {name: b, parallel: {branches: [{name: x, steps: [{name: c, service: C}]}]}}\n",
        "",
        "steps[0].on_failure",
        "step 'c' is in another list of steps (in line 6)",
    ),
    "a target of an outcome": (
        "  - {name: a, human_task: {surface: s, outcomes: [{name: yes, goto: b}]}}",
        "",
        "steps[0].human_task.outcomes[0].goto",
        "no step 'b'",
    ),
    "a target of a transition": (
        "  - {name: a, service: A, transitions: [{to: b}]}",
        "",
        "steps[0].transitions[0].to",
        "no step 'b'",
    ),
    "a target of a condition": (
        "  - {name: a, condition: 1 > 2, on_true: b}",
        "",
        "steps[0].on_true",
        "no step 'b'",
    ),
    "an unknown compensation": (
        "  - {name: a, service: A, compensate_with: refnd}",
        "compensations: [{name: refund, service: R}]",
        "steps[0].compensate_with",
        "did you mean 'refund'?",
    ),
    "two steps of one name": (
        "  - {name: a, service: A}\n"
        "  - {name: b, foreach: {items: input.x, steps: [{name: a, service: A}]}}",
        "",
        "steps[1].foreach.steps[0].name",
        "a second step 'a'; the first one is in line 5",
    ),
    "two branches of one name": (
        "  - name: a\n    parallel:\n      branches:\n"
        "      - {name: x, steps: [{name: b, service: B}]}\n"
        "      - {name: x, steps: [{name: c, service: C}]}",
        "",
        "steps[0].parallel.branches[1].name",
        "a second branch 'x'",
    ),
    "two outcomes of one name": (
        "  - {name: a, human_task: {surface: s, outcomes: [{name: x}, {name: x}]}}",
        "",
        "steps[0].human_task.outcomes[1].name",
        "a second outcome 'x'",
    ),
    "two compensations of one name": (
        "  - {name: a, service: A}",
        "compensations: [{name: x, service: X}, {name: x, service: Y}]",
        "compensations[1].name",
        "a second compensation 'x'",
    ),
    "a step that nothing leads to": (
        "  - {name: a, service: A, on_success: c}\n"
        "  - {name: b, service: B}\n"
        "  - {name: c, service: C}",
        "",
        "steps[1]",
        "nothing leads to step 'b'",
    ),
    "a name that no expression could use": (
        "  - {name: a-b, service: A}",
        "",
        "steps[0].name",
        "letters, digits and _",
    ),
    "a name that CEL keeps for itself": (
        "  - {name: loop, service: A}",
        "",
        "steps[0].name",
        "cannot be called 'loop'",
    ),
    "a step that is named as an end": (
        "  - {name: complete, service: A}",
        "",
        "steps[0].name",
        "has a meaning already",
    ),
    "a service of Trellis's own": (
        "  - {name: a, service: trellis.query}",
        "",
        "steps[0].service",
        "Trellis's own",
    ),
    "a service that is no name": ("  - {name: a, service: a b}", "", "steps[0].service", "A-Z"),
    "a wait for nothing": ("  - {name: a, kind: wait}", "", "steps[0]", "got none"),
    "a wait for two things": (
        "  - {name: a, wait: 3d, wait_for_signal: s}",
        "",
        "steps[0]",
        "got wait and wait_for_signal",
    ),
    "attempts out of range": (
        "  - {name: a, service: A, retry: {max_attempts: 0}}",
        "",
        "steps[0].retry.max_attempts",
        "from 1 to 1001",
    ),
    "a coefficient out of range": (
        "  - {name: a, service: A, retry: {coefficient: 0.5}}",
        "",
        "steps[0].retry.coefficient",
        "from 1 to",
    ),
    "a priority out of range": (
        "  - {name: a, service: A, priority: 10}",
        "",
        "steps[0].priority",
        "from 0 to 9",
    ),
    "a share of more than all": (
        "  - name: a\n"
        "    foreach: {items: input.x, on_item_failure: 101%, steps: [{name: b, service: B}]}",
        "",
        "steps[0].foreach.on_item_failure",
        "a share such as 10%",
    ),
    "a failure rule that is a list": (
        "  - name: a\n"
        "    foreach: {items: input.x, on_item_failure: [3], steps: [{name: b, service: B}]}",
        "",
        "steps[0].foreach.on_item_failure",
        "a share such as 10%",
    ),
    "a comparison that there is not": (
        "  - {name: a, query: {source: s, filters: {age__gtt: 1}}}",
        "",
        "steps[0].query.filters.age__gtt",
        "did you mean 'gt'?",
    ),
    "work without a timeout where each needs one": (
        "  - {name: a, service: A}",
        "strict: true",
        "steps[0].timeout",
        "the definition is strict",
    ),
    "a compensation without a timeout where each needs one": (
        "  - {name: a, service: A, timeout: 1s, compensate_with: x}",
        "strict: true\ncompensations: [{name: x, service: X}]",
        "compensations[0].timeout",
        "the definition is strict",
    ),
    "transitions beside on_success": (
        "  - {name: a, service: A, on_success: complete, transitions: [{to: fail}]}",
        "",
        "steps[0].on_success",
        "leave one of the two out",
    ),
    "a transition after the last": (
        "  - {name: a, service: A, transitions: [{to: fail}, {to: complete, when: 1 > 2}]}",
        "",
        "steps[0].transitions[0]",
        "put it last",
    ),
    "a parallel without branches": (
        "  - {name: a, parallel: {branches: []}}",
        "",
        "steps[0].parallel.branches",
        "it is empty",
    ),
    "an expression that cannot be read": (
        "  - {name: a, condition: 1 >}",
        "",
        "steps[0].condition",
        "cannot be read",
    ),
    "an expression about a step that there is not": (
        "  - {name: a, service: A, inputs: {x: {y: [steps.b.output]}}}",
        "",
        "steps[0].inputs.x.y[0]",
        "no step 'b'",
    ),
    "an expression about what a step has not": (
        "  - {name: a, service: A}",
        "outputs: {x: steps.a.outptu.y}",
        "outputs.x",
        "steps.a has no 'outptu'; did you mean 'output'?",
    ),
    "an expression about a variable that there is not": (
        "  - {name: a, condition: inptu.x > 1}",
        "",
        "steps[0].condition",
        "no variable 'inptu'; did you mean 'input'?",
    ),
    "an expression about the process that it has not": (
        "  - {name: a, condition: process.tenant == 'x'}",
        "",
        "steps[0].condition",
        "process has no 'tenant'; did you mean 'tenant_id'?",
    ),
    "an item outside of a foreach": (
        "  - {name: a, condition: item == 1}",
        "",
        "steps[0].condition",
        "only for the steps inside of a foreach",
    ),
    "a step outside of compensations": (
        "  - {name: a, condition: step.name == 'x'}",
        "",
        "steps[0].condition",
        "only for compensations",
    ),
    "a step of an item seen from outside": (
        "  - {name: a, foreach: {items: input.x, steps: [{name: b, service: B}]}}",
        "outputs: {x: steps.b.output}",
        "outputs.x",
        "steps.a.output",
    ),
    "text that was meant as such": (
        "  - {name: a, service: A, inputs: {currency: EUR}}",
        "",
        "steps[0].inputs.currency",
        "text that is meant as such is quoted twice: \"'EUR'\"",
    ),
    "an input that is not declared": (
        "  - {name: a, condition: input.amunt > 1}",
        "inputs: {amount: number}",
        "steps[0].condition",
        "no input 'amunt' is declared; did you mean 'amount'?",
    ),
    "an input of a type that there is not": (
        "  - {name: a, service: A}",
        "inputs: {amount: numbr}",
        "inputs.amount",
        "numbr",
    ),
    "an input that no expression could name": (
        "  - {name: a, service: A}",
        "inputs: {order-id: string}",
        "inputs.order-id",
        "letters, digits and _",
    ),
    "a schema of an answer that is none": (
        "  - name: a\n    llm_intent: {intent: i, output_schema: {properties: {x: {type: numbr}}}}",
        "",
        "steps[0].llm_intent.output_schema.properties.x.type",
        "numbr",
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_where_it_stands(case: tuple[str, str, str, str]) -> None:
    steps, more, path, words = case
    found = the_error(examined(steps, more))
    assert found.path == path
    assert words in found.message
    assert found.line is not None


@pytest.mark.parametrize(
    "given", ["30x", "", "1h 30m", "m5", "P", "PT", "1.5h", "-3s", "0s", "367d", "9999999999s"]
)
@pytest.mark.parametrize(
    ("steps", "path"),
    [
        ("  - {name: a, service: A, timeout: '%s'}", "steps[0].timeout"),
        ("  - {name: a, wait: '%s'}", "steps[0].wait"),
        ("  - {name: a, service: A, retry: {interval: '%s'}}", "steps[0].retry.interval"),
        ("  - {name: a, human_task: {surface: s, due: '%s'}}", "steps[0].human_task.due"),
        ("  - {name: a, service: A, sla: {max_duration: '%s'}}", "steps[0].sla.max_duration"),
    ],
)
def test_a_bad_duration_is_refused_with_examples_of_good_ones(steps, path, given) -> None:
    found = the_error(examined(steps % given))
    assert (found.path, found.code) == (path, "duration")
    assert "30s, 5m, 4h, 7d, 1h30m or PT30S" in found.message


@pytest.mark.parametrize("given", ["30s", "5m", "4h", "7d", "1h30m", "PT30S", "P1DT2H", "366d"])
def test_a_duration_may_be_short_or_by_iso_8601(given: str) -> None:
    assert errors(examined(f"  - {{name: a, service: A, timeout: {given}}}")) == []


def test_whole_seconds_have_a_field_of_their_own() -> None:
    found = the_error(examined("  - {name: a, wait: 30}"))
    assert "wait_duration_seconds" in found.message
    assert errors(examined("  - {name: a, wait_duration_seconds: 30}")) == []
    assert the_error(examined("  - {name: a, wait_duration_seconds: 0}")).code == "range"


def test_services_that_nobody_has_are_errors_where_it_is_said_which_there_are() -> None:
    text = "process: p\nversion: 1\ntimeout: 1d\nsteps: [{name: a, service: Pay}]"
    assert errors(examine_yaml(text)) == []
    assert errors(examine_yaml(text, known_services=["Pay"])) == []
    found = the_error(examine_yaml(text, known_services=["Pays"]))
    assert found.message == "no service 'Pay'; did you mean 'Pays'?"


def test_the_kind_is_plain_by_one_field() -> None:
    definition = ProcessDefinition.from_yaml((FOLDER / "order.yaml").read_text())
    assert [step.kind for step in definition.steps] == [
        "query",
        "llm_intent",
        "condition",
        "human_task",
        "parallel",
        "foreach",
        "wait",
        "wait",
        "wait",
        "subprocess",
        "side_effect",
        "send",
    ]


def nested(depth: int) -> dict:
    step: dict = {"name": "s0", "service": "A"}
    for level in range(1, depth + 1):
        step = {"name": f"s{level}", "foreach": {"items": "input.x", "steps": [step]}}
    return {"process": "p", "version": 1, "timeout": "1d", "steps": [step]}


def test_steps_stand_inside_of_each_other_five_deep_and_no_deeper() -> None:
    assert errors(examine_value(nested(5))) == []
    assert the_error(examine_value(nested(6))).code == "too_deep"


def test_a_thousand_steps_are_taken_and_no_more() -> None:
    def of(count: int) -> dict:
        steps = [{"name": f"s{place}", "service": "A"} for place in range(count)]
        return {"process": "p", "version": 1, "timeout": "1d", "steps": steps}

    assert errors(examine_value(of(1_000))) == []
    assert the_error(examine_value(of(1_001))).code == "too_many_steps"


def test_what_is_no_definition_at_all_is_one_error() -> None:
    assert the_error(examine_yaml("- a")).message == (
        "got ['a']; allowed is a mapping of a definition's fields"
    )


@pytest.mark.parametrize(
    "value",
    [
        {"process": "p", "version": 1, "steps": [{"x": object()}]},
        {"process": "p", "version": 1, "steps": [{1: "x"}]},
        {"process": "p", "version": float("nan"), "steps": []},
        {"process": "\ud800", "version": 1, "steps": []},
    ],
)
def test_values_that_json_has_not_are_refused_by_their_path(value) -> None:
    assert the_error(examine_value(value)).path != ""


def test_a_value_that_holds_itself_is_refused() -> None:
    value: dict = {"process": "p"}
    value["inputs"] = value
    assert the_error(examine_value(value)).code == "too_deep"
    wide: list = ["x"]
    for _ in range(25):
        wide = [wide] * 10
    assert the_error(examine_value({"inputs": wide})).code == "too_large"


def test_a_document_that_is_wrong_everywhere_is_told_within_bounds() -> None:
    begun = time.process_time()
    step = {"kind": "service", **{f"field_{place}": 1 for place in range(80)}}
    reading = examine_value({"process": "p", "version": 1, "steps": [step] * 1_000})
    assert MAX_FINDINGS < len(reading.findings) <= MAX_FINDINGS + 1
    names = [f"s{place}" for place in range(1_000)]
    ways = [{"to": f"t{place}", "when": "true"} for place in range(20)]
    steps = [{"name": name, "service": "A", "transitions": ways} for name in names]
    examine_value({"process": "p", "version": 1, "steps": steps})
    assert time.process_time() - begun < 10  # measured: 1.5; by the square of it, minutes


def test_a_thousand_steps_take_ten_times_as_much_as_a_hundred() -> None:
    """How long they take, ``make bench`` says: a fifth of a second, measured."""
    assert calls_for(1_000) < 12 * calls_for(100)


def calls_for(count: int) -> int:
    """How many functions are called, in Python and below, for so many steps."""
    steps = "".join(
        f"""
  - name: s{place}
    service: Work.do
    timeout: 30s
    inputs: {{a: input.a, b: "'x'", c: steps.s{max(0, place - 1)}.output.y}}
    retry: {{max_attempts: 3}}
    on_failure: s{(place + 1) % count}"""
        for place in range(count)
    )
    calls = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        reading = examined(steps)
    finally:
        sys.setprofile(None)
    assert errors(reading) == []
    return calls
