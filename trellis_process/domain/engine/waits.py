"""Waits: for a span, until a moment, or for a signal."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from trellis_process.domain import events as happened
from trellis_process.domain.definition.duration import span_of
from trellis_process.domain.definition.steps import WaitStep
from trellis_process.domain.engine.progress import SignalWait
from trellis_process.domain.engine.step_kind import StepKind
from trellis_process.domain.engine.values import moment_of
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.step import ProcessStep

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run


class Wait(StepKind[WaitStep]):
    """A step that is done when its time has come, or its signal."""

    def begin(self, run: Run, defined: WaitStep, step: ProcessStep) -> None:
        """As StepKind.begin."""
        if defined.wait_for_signal is None:
            self._begin_until(run, _end_of(run, defined, step), step)
        elif run.process.signals.get(defined.wait_for_signal):
            _take_signal(run, defined.wait_for_signal, step)
        else:
            now, limit = run.change.now, defined.timeout
            due_at = None if limit is None else now + span_of("timeout", limit)
            step = step.waiting(WaitingFor.SIGNAL, now, due_at)
            self._wait(run, replace(step, progress=SignalWait(defined.wait_for_signal).as_json()))

    def due(self, run: Run, defined: WaitStep, step: ProcessStep) -> None:
        """As StepKind.due: its time has come; or no signal came in time, with which it failed."""
        if step.waits_for is WaitingFor.TIME:
            run.complete(step)
        else:
            super().due(run, defined, step)

    def go_on(self, run: Run, defined: WaitStep, step: ProcessStep) -> None:
        """As StepKind.go_on: a signal that came meanwhile is taken."""
        if step.waits_for is WaitingFor.SIGNAL:
            signal = SignalWait.of(step.progress).signal
            if run.process.signals.get(signal):
                _take_signal(run, signal, step)

    def _begin_until(self, run: Run, due_at: datetime, step: ProcessStep) -> None:
        now = run.change.now
        if due_at <= now:
            run.complete(step)
        else:
            self._wait(run, step.waiting(WaitingFor.TIME, now, due_at))

    def _wait(self, run: Run, step: ProcessStep) -> None:
        run.change.put(step)
        run.change.record(happened.WaitStarted, step_name=step.name, attempt=step.attempt)


def give_signal(run: Run, signal: str) -> None:
    """The first step that waits for the signal takes it; where none does it stays kept."""
    for step in run.process.steps.values():
        if step.waits_for is WaitingFor.SIGNAL and SignalWait.of(step.progress).signal == signal:
            _take_signal(run, signal, step)
            return


def _take_signal(run: Run, signal: str, step: ProcessStep) -> None:
    """The step is done with the first of the kept signals of that name."""
    signals = dict(run.process.signals)
    payload, *rest = signals.pop(signal)
    run.process.signals = signals | ({signal: tuple(rest)} if rest else {})
    run.complete(step, payload)


def _end_of(run: Run, defined: WaitStep, step: ProcessStep) -> datetime:
    """Until when to wait. Raises ExpressionError for what is no moment."""
    now = run.change.now
    if defined.wait is not None:
        return now + span_of("wait", defined.wait)
    if defined.wait_duration_seconds is not None:
        return now + timedelta(seconds=defined.wait_duration_seconds)
    assert defined.until is not None, "a wait says for what"
    return moment_of(defined.until, run.values(step.name).value(defined.until))
