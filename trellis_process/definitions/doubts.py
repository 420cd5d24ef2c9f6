"""What can be run and is most likely not meant so."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from trellis_process.definitions.parts import Outline, Part, StepList
from trellis_process.definitions.report import Report
from trellis_process.definitions.routing import goes_on, ways_of
from trellis_process.domain.definition.duration import span_of
from trellis_process.domain.definition.steps import (
    ConditionStep,
    ForEachStep,
    HumanTask,
    ParallelStep,
    SendStep,
    ServiceStep,
    SideEffectStep,
    SubprocessStep,
    WaitStep,
)
from trellis_process.errors import InvalidInput

#: Those that change something outside, and that something could undo.
_CHANGING = (ServiceStep, SideEffectStep, SubprocessStep)
#: Those that never wait.
_PASSING = (ConditionStep, ForEachStep, ParallelStep, SendStep, SideEffectStep)


def find_doubts(outline: Outline, report: Report) -> None:
    """Warns of what DF-5 names."""
    _find_long_waits(outline, report)
    for steps in outline.lists:
        _find_falls(steps, outline, report)
    for task in outline.all_of(HumanTask):
        if not task.value.get("outcomes"):
            message = "it declares no outcomes, so whoever does it can only say that it is done"
            report.warn(task.path, "no_outcomes", message)
    _find_what_is_not_undone(outline, report)
    _find_no_deadline(outline, report)


def _find_long_waits(outline: Outline, report: Report) -> None:
    whole = _span(outline.root, "timeout")
    for step in outline.all_of(WaitStep):
        span = _span(step, "wait")
        seconds = step.value.get("wait_duration_seconds")
        if isinstance(seconds, int) and 0 < seconds < 10**8:
            span = timedelta(seconds=seconds)
        if span is None:
            continue
        field = "wait" if step.value.get("wait") is not None else "wait_duration_seconds"
        own = _span(step, "timeout")
        if own is not None and span > own:
            message = (
                f"it waits longer than its timeout of {step.text('timeout')}, which does not end it"
            )
            report.warn(step.at(field), "long_wait", message)
        elif whole is not None and span > whole:
            allowed = outline.root.text("timeout")
            message = f"it waits longer than the {allowed} that the whole process may take"
            report.warn(step.at(field), "long_wait", message)


def _span(part: Part, field: str) -> timedelta | None:
    text = part.text(field)
    try:
        return None if text is None else span_of(field, text)
    except InvalidInput:
        return None  # which is an error, and told as one


def _find_falls(steps: StepList, outline: Outline, report: Report) -> None:
    """Ways that part at a step, where one of them then runs into the other by the list's order."""
    places = {step.text("name"): place for place, step in enumerate(steps.steps)}
    last = _last_of_run(steps, outline)
    for place, step in enumerate(steps.steps):
        targets = {places[way.target] for way in ways_of(step, outline) if way.target in places}
        on_failure = places.get(step.text("on_failure"))
        if on_failure is not None and goes_on(step, outline):
            targets.add(place + 1)
        parting = sorted(targets)
        for begin, other in pairwise(parting):
            if other <= last[begin]:
                _tell_fall(step, steps.steps[other - 1], steps.steps[other], report)


def _last_of_run(steps: StepList, outline: Outline) -> list[int]:
    """For each step of a list the one that is reached by going on from it, and on."""
    last = list(range(len(steps.steps)))
    for place in reversed(range(len(last) - 1)):
        if goes_on(steps.steps[place], outline):
            last[place] = last[place + 1]
    return last


def _tell_fall(parting: Part, step: Part, other: Part, report: Report) -> None:
    name = other.text("name")
    message = (
        f"after {step.text('name')!r} the list goes on with {name!r}, which is another way out of "
        f"{parting.text('name')!r}; say on_success: {name} if that is meant, "
        "and otherwise where it is to go on"
    )
    report.warn(step.path, "falls_through", message)


def _find_what_is_not_undone(outline: Outline, report: Report) -> None:
    if not any(step.value.get("compensate_with") is not None for step in outline.steps):
        return
    for step in outline.all_of(*_CHANGING):
        if step.value.get("compensate_with") is None:
            message = "nothing undoes it, while other steps of the definition have compensations"
            report.warn(step.path, "not_undone", message)


def _find_no_deadline(outline: Outline, report: Report) -> None:
    waits = [step for step in outline.steps if step.of not in _PASSING]
    ends = any(
        part.value.get("timeout") is not None for part in (outline.root, *outline.steps)
    ) or any(True for _ in outline.all_of(HumanTask))  # which is due after 7 days at the latest
    waits_for_others = any(
        step.of is not WaitStep or step.value.get("wait_for_signal") is not None for step in waits
    )
    if waits_for_others and not ends:
        message = "no step has a timeout, nor has the process, so it may wait for ever"
        report.warn(("timeout",), "no_deadline", message)
