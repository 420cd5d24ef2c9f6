"""The outside: services, people and signals, which answer what processes ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from trellis_process.domain import events as happened
from trellis_process.domain.definition.duration import span_of
from trellis_process.domain.definition.steps import TIMED_OUT, HumanTaskStep
from trellis_process.domain.engine import commands as engine_commands
from trellis_process.domain.engine import names
from trellis_process.domain.process import Process
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.step import UNDO, ProcessStep
from trellis_process.simulation.answer import Answer, Answers
from trellis_process.simulation.simulation import Asked
from trellis_process.simulation.world import Followed, World


class Outside:
    """Answers as was given, and where nothing was by examples, unless that is forbidden."""

    def __init__(
        self,
        world: World,
        answers: Answers,
        *,
        of_definition: str,
        coming_signals: list[tuple[datetime, str]],
        strict_answers: bool,
    ) -> None:
        self._world = world
        self._answers = answers
        #: Steps of other definitions are answered under the definition's name.
        self._of_definition = of_definition
        #: The signals that commands bring, which no step has to be answered with.
        self._coming_signals = coming_signals
        self._is_strict = strict_answers

    def react(self, followed: Followed, event: happened.StepEvent, step: ProcessStep) -> None:
        """An open step asks for something, as this event says."""
        if isinstance(event, happened.StepStarted | happened.CompensationStarted):
            self.note(followed, step, str(step.service))
            self._answer_work(followed, step)
        elif isinstance(event, happened.TaskOpened) and step.task is not None:
            self.note(followed, step, step.task.surface)
            self._answer_task(followed, step)
        elif isinstance(event, happened.WaitStarted) and step.waits_for is WaitingFor.SIGNAL:
            self._answer_wait(followed, step)

    def note(self, followed: Followed, step: ProcessStep, whom: str) -> None:
        """Something was asked for; that is on record."""
        self._world.asked.append(
            Asked(
                at=self._world.now,
                step=followed.name_of(step.name),
                whom=whom,
                input=step.input,
                attempt=max(1, step.attempt - step.first_attempt + 1),
            )
        )

    def answer(self, followed: Followed, step: ProcessStep) -> Answer | None:
        """What comes of it: what was given, and examples of what was not; None where nothing comes.

        Without an example for what is missing, that is on record.
        """
        items = names.items_of(step.name)
        defined = followed.compiled.places[names.defined_name(step.name)].step
        listed = [step.name, defined.name]
        if step.undoes is not None:
            undone = f"{UNDO}{defined.name}"
            listed = [step.name, undone, str(getattr(defined, "compensate_with", ""))]
        if followed.process.process_type != self._of_definition:
            listed = [f"{followed.process.process_type}.{each}" for each in listed]
        answer = self._answers.take(
            listed,
            (followed.process.process_id, step.name),
            visit=step.visits,
            attempt=max(1, step.attempt - step.first_attempt + 1),
            item=names.item_index(items) if items else None,
        )
        if answer is None and self._is_strict:
            self._world.is_unanswered = True
            return None
        if answer is not None and answer.never:
            return None
        if answer is not None and (
            self._is_strict
            or isinstance(defined, HumanTaskStep)
            or answer.error is not None
            or answer.output is not None
        ):
            return answer
        example = None if step.undoes is not None else followed.examples.output(defined.name)
        if answer is None:
            self._assume(followed, step, listed[-1])
            return Answer(outcome=_first_outcome(step), output=example)
        if example is not None:
            self._assume(followed, step, f"the output of {listed[-1]}")
        return replace(answer, output=example)

    def _assume(self, followed: Followed, step: ProcessStep, what: str) -> None:
        followed.assumed.add((step.name, step.attempt))
        self._world.assumed[what] = None

    def _answer_work(self, followed: Followed, step: ProcessStep) -> None:
        answer = self.answer(followed, step)
        if answer is not None:
            self._report(followed, step, answer)

    def _report(self, followed: Followed, step: ProcessStep, answer: Answer) -> None:
        name, attempt = step.name, step.attempt

        def trigger(process: Process, now: datetime) -> None:
            if answer.error is None:
                process.complete_step(
                    name, answer.output, now=now, attempt=attempt, actor=answer.by
                )
                return
            pause = None if answer.retry_after is None else span_of("retry", answer.retry_after)
            process.fail_step(
                name,
                answer.error,
                now=now,
                attempt=attempt,
                code=answer.code,
                fatal=answer.fatal,
                retry_after_ms=None if pause is None else pause // timedelta(milliseconds=1),
                actor=answer.by,
            )

        self._world.plan(
            self._world.now + answer.delay, lambda: self._world.attempt(followed, name, trigger)
        )

    def _answer_task(self, followed: Followed, step: ProcessStep) -> None:
        answer = self.answer(followed, step)
        if answer is None:
            return
        told, name = answer, step.name

        def trigger(process: Process, now: datetime) -> None:
            process.complete_step(name, told.output, now=now, outcome=told.outcome, actor=told.by)

        self._world.plan(
            self._world.now + answer.delay, lambda: self._world.attempt(followed, name, trigger)
        )

    def _answer_wait(self, followed: Followed, step: ProcessStep) -> None:
        assert isinstance(step.progress, dict), "it knows its signal"
        signal, visits, name = step.progress["signal"], step.visits, step.name
        if followed.child is None and any(
            at >= self._world.now and coming == signal for at, coming in self._coming_signals
        ):
            return
        answer = self.answer(followed, step)
        if answer is None:
            return
        payload, by = answer.output, answer.by

        def come() -> None:
            now = followed.process.steps[name]
            # One that comes when nobody waits any more is a command, and not this step's answer.
            if now.waits_for is WaitingFor.SIGNAL and now.visits == visits:
                self._world.attempt(
                    followed,
                    name,
                    lambda process, now: engine_commands.send_signal(
                        process, signal, payload, now=now, actor=by
                    ),
                )

        self._world.plan(self._world.now + answer.delay, come)


def _first_outcome(step: ProcessStep) -> str | None:
    """What a person chooses of whom nothing is known: the first outcome there is."""
    if step.task is None:
        return None
    return next(name for name, _ in step.task.outcomes if name != TIMED_OUT)
