"""Where what comes of a case is not what it is to be, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trellis_process.domain import events as happened
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.engine.reacting import INVARIANT_VIOLATED
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import to_text
from trellis_process.errors import (
    ConstraintNotMet,
    ExpressionError,
    InvalidInput,
    InvariantViolated,
    ProcessFinished,
    TrellisError,
)
from trellis_process.simulation.case import Case, Expected
from trellis_process.simulation.case_run import CaseRun, NotSoFar
from trellis_process.simulation.entry import value_text


def differences(case: Case, definition: ProcessDefinition) -> Iterator[str]:
    """Each of them: ``then.data.paid: expected 30, got 20``."""
    try:
        run = CaseRun(case, definition)
    except NotSoFar as error:
        yield str(error)
        return
    then = case.then
    why = run.refusal or _failure(run)
    refused = None if why is None else _name_of(why)
    if "refused" in then.said and refused != then.refused:
        got = "that it is taken" if why is None else f"{refused}: {why}"
        yield f"then.refused: expected {then.refused}, got {got}"
    elif "refused" not in then.said and why is not None:
        yield f"then: expected that it is taken, got that it is refused: {why}"
    if "sends" in then.said:
        yield from _of_sends(run, then)
    yield from _of_timers(run, then)
    if run.process is not None:
        yield from _of_process(run.process, then)
    elif then.data or then.ended is not None:
        yield "then: expected a process, got none, for the event that starts it is refused"


def _of_sends(run: CaseRun, then: Expected) -> Iterator[str]:
    sent = [each for each in run.told if isinstance(each, happened.CommandSent)]
    for place in range(max(len(sent), len(then.sends))):
        wanted = then.sends[place] if place < len(then.sends) else None
        got = sent[place] if place < len(sent) else None
        told = "nothing" if got is None else f"{got.message} to {got.channel}"
        asked = "nothing" if wanted is None else f"{wanted['message']} to {wanted['channel']}"
        if wanted is None or got is None or asked != told:
            yield f"then.sends[{place}]: expected {asked}, got {told}"
        elif "payload" in wanted and not _same(got.payload, wanted["payload"]):
            yield _differ(f"sends[{place}].payload", wanted["payload"], got.payload)


def _of_timers(run: CaseRun, then: Expected) -> Iterator[str]:
    before, after = run.timers_before, run.timers()
    if "sets_timers" in then.said:
        for name in sorted({*then.sets_timers, *after}):
            got = after[name].due_at if name in after else None
            wanted = run.moment(then.sets_timers[name]) if name in then.sets_timers else None
            is_set = name in after and after[name] != before.get(name)
            if wanted != got and (wanted is not None or is_set):
                yield _differ(f"sets_timers.{name}", to_text(wanted), to_text(got))
    if "cancels_timers" in then.said:
        rung = {each.timer for each in run.told if isinstance(each, happened.TimerRang)}
        gone, wanted_gone = sorted(set(before) - set(after) - rung), sorted(then.cancels_timers)
        if gone != wanted_gone:
            yield _differ("cancels_timers", wanted_gone, gone)


def _of_process(process: Process, then: Expected) -> Iterator[str]:
    for name, value in then.data.items():
        if name not in process.data:
            yield f"then.data.{name}: expected {value_text(value)}, got nothing"
        elif not _same(process.data[name], value):
            yield _differ(f"data.{name}", value, process.data[name])
    ended = _ending_of(process)
    if "ended" in then.said and ended != then.ended:
        yield f"then.ended: expected {then.ended or 'still open'}, got {ended or 'still open'}"


def _failure(run: CaseRun) -> TrellisError | None:
    """What refused the reactions to a timer, because of which the process failed."""
    failed = happened.ProcessFailed | happened.ProcessCompensating
    if run.process is None or not any(isinstance(each, failed) for each in run.told):
        return None
    code, _, why = (run.process.reason or "").partition(": ")
    if code == INVARIANT_VIOLATED:
        return InvariantViolated(why)
    return ExpressionError("reactions", why) if code == "expression_error" else None


def _ending_of(process: Process) -> str | None:
    if process.state is ProcessState.COMPLETED:
        return process.reason or "completed"
    has_failed = process.state.is_final or process.state is ProcessState.COMPENSATING
    return "failed" if has_failed else None


def _name_of(error: TrellisError) -> str:
    """What a case calls a refusal."""
    if isinstance(error, ConstraintNotMet):
        return error.constraint
    if isinstance(error, InvariantViolated):
        return error.invariant
    if isinstance(error, ProcessFinished):
        return "ended"
    return "data" if isinstance(error, InvalidInput) else "expression"


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON, which has one type of numbers."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[each], other[each]) for each in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _differ(name: str, expected: Any, got: Any) -> str:
    return f"then.{name}: expected {_said(expected)}, got {_said(got)}"


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else value_text(value)
