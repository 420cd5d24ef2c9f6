"""What can be run and is most likely not meant so is told, and refused if asked (DF-5)."""

from __future__ import annotations

import pytest

from trellis_process.definitions.finding import Severity
from trellis_process.definitions.reading import examine_yaml
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import InvalidDefinition

HEAD = "process: p\nversion: 1\n"
BRANCHES = """timeout: 1d
steps:
  - name: review
    human_task:
      surface: s
      outcomes: [{name: approve, goto: reimburse}, {name: reject, goto: notify_rejection}]
  - {name: reimburse, service: A}
  - {name: notify_rejection, channel: c, message: m}
"""
DOUBTFUL = {
    "a wait longer than its timeout": (
        "timeout: 30d\nsteps: [{name: a, wait: 3d, timeout: 2d}]",
        "long_wait",
        "steps[0].wait",
        "longer than its timeout of 2d",
    ),
    "a wait longer than the process may take": (
        "timeout: 1h\nsteps: [{name: a, wait_duration_seconds: 3601}]",
        "long_wait",
        "steps[0].wait_duration_seconds",
        "longer than the 1h",
    ),
    "a way that falls through into its sibling": (
        BRANCHES,
        "falls_through",
        "steps[1]",
        "after 'reimburse' the list goes on with 'notify_rejection'",
    ),
    "a success that falls through into what a failure leads to": (
        "timeout: 1d\nsteps:\n"
        "  - {name: pay, service: A, on_failure: apologise}\n"
        "  - {name: thank, channel: c, message: m}\n"
        "  - {name: apologise, channel: c, message: m}",
        "falls_through",
        "steps[1]",
        "after 'thank' the list goes on with 'apologise'",
    ),
    "a task without outcomes": (
        "timeout: 1d\nsteps: [{name: a, human_task: {surface: s}}]",
        "no_outcomes",
        "steps[0].human_task",
        "declares no outcomes",
    ),
    "a step that nothing undoes, where others are undone": (
        "timeout: 1d\nsteps: [{name: a, service: A, compensate_with: x}, {name: b, service: B}]\n"
        "compensations: [{name: x, service: X}]",
        "not_undone",
        "steps[1]",
        "nothing undoes it",
    ),
    "no deadline anywhere": (
        "steps: [{name: a, service: A}]",
        "no_deadline",
        "timeout",
        "it may wait for ever",
    ),
}


@pytest.mark.parametrize("case", DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_is_doubtful_is_a_warning_and_where_that_is_asked_an_error(case) -> None:
    text, code, path, words = case
    reading = examine_yaml(HEAD + text)
    (found,) = reading.findings
    assert reading.definition is not None
    assert (found.code, found.path, found.severity) == (code, path, Severity.WARNING)
    assert words in found.message
    strict = examine_yaml(HEAD + text, strict=True)
    assert strict.definition is None
    assert [each.severity for each in strict.findings] == [Severity.ERROR]
    with pytest.raises(InvalidDefinition):
        ProcessDefinition.from_yaml(HEAD + text, strict=True)


@pytest.mark.parametrize(
    "text",
    [
        "timeout: 30d\nsteps: [{name: a, wait: 3d, timeout: 3d}]",
        BRANCHES.replace("reimburse, service: A", "reimburse, service: A, on_success: complete"),
        BRANCHES.replace(
            "reimburse, service: A", "reimburse, service: A, on_success: notify_rejection"
        ),
        "steps: [{name: a, channel: c, message: m}]",
        "steps: [{name: a, wait: 3d}]",
        "steps: [{name: a, service: A, timeout: 1h}]",
        "timeout: 1d\nsteps: [{name: a, service: A}, {name: b, service: B}]",
        # On a condition the way that is not said is the one that the list goes.
        "timeout: 1d\nsteps: [{name: a, condition: 1 > 2, on_false: c}, {name: b, service: B}, "
        "{name: c, service: C}]",
    ],
)
def test_what_is_plain_is_not_doubted(text: str) -> None:
    assert examine_yaml(HEAD + text).findings == ()
