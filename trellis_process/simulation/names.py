"""Names of answers: which steps can be answered, and by what kind of answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    COMPLETED,
    TIMED_OUT,
    AnyStep,
    HumanTaskStep,
    SubprocessStep,
    WaitStep,
    WorkStep,
)
from trellis_process.domain.step import UNDO
from trellis_process.errors import InvalidInput
from trellis_process.nearest import did_you_mean
from trellis_process.simulation.answer import Answer


def check_answers(
    answers: Mapping[str, Sequence[Answer]],
    definition: ProcessDefinition,
    known: Mapping[str, ProcessDefinition],
) -> None:
    """Whether each answer is one to a step that is there. Raises InvalidInput for the first not.

    ``known`` are the definitions whose children are walked, the definition itself among them.
    """
    steps = {each.name: each for each in definition.all_steps()}
    undoing = {each.name for each in definition.compensations}
    for child in known.values():
        if child.process != definition.process:
            steps |= {f"{child.process}.{each.name}": each for each in child.all_steps()}
            undoing |= {f"{child.process}.{each.name}" for each in child.compensations}
    for name, given in answers.items():
        field = f"answers.{name}"
        plain, _, items = name.partition(":")
        if plain + ":" == UNDO:
            plain = items.partition(":")[0]
            if plain not in steps or getattr(steps[plain], "compensate_with", None) is None:
                raise InvalidInput(field, name, "nothing undoes a step of that name")
        elif plain in steps:
            _check(field, steps[plain], given, known)
            continue
        elif name not in undoing:
            hint = did_you_mean(name, [*steps, *undoing])
            raise InvalidInput(field, name, f"there is no such step or compensation{hint}")
        for place, answer in enumerate(given):
            if answer.outcome is not None:
                at = f"{field}[{place}].outcome"
                raise InvalidInput(at, answer.outcome, "only human tasks have outcomes")


def _check(
    field: str,
    step: AnyStep,
    given: Sequence[Answer],
    known: Mapping[str, ProcessDefinition],
) -> None:
    if isinstance(step, SubprocessStep) and step.subprocess in known:
        child = known[step.subprocess]
        if step.version in (None, child.version):
            such_as = f", such as {child.process}.{child.steps[0].name}" if child.steps else ""
            allowed = f"answer its steps{such_as}"
            raise InvalidInput(field, step.name, f"{child.process} is walked itself; {allowed}")
    is_signal = isinstance(step, WaitStep) and step.wait_for_signal is not None
    if not isinstance(step, WorkStep | HumanTaskStep | SubprocessStep) and not is_signal:
        allowed = f"a {step.kind} asks nobody; answered are work, tasks, signals and children"
        raise InvalidInput(field, step.name, allowed)
    for place, answer in enumerate(given):
        at = f"{field}[{place}]" if len(given) > 1 else field
        if isinstance(step, HumanTaskStep):
            _check_choice(at, step, answer)
        elif answer.outcome is not None:
            raise InvalidInput(f"{at}.outcome", answer.outcome, "only human tasks have outcomes")
        if is_signal and answer.error is not None:
            allowed = "a signal does not fail; use never, so that the time limit is reached"
            raise InvalidInput(f"{at}.error", answer.error, allowed)


def _check_choice(field: str, step: HumanTaskStep, answer: Answer) -> None:
    if answer.error is not None:
        allowed = "a person does not fail; use an outcome, or never"
        raise InvalidInput(f"{field}.error", answer.error, allowed)
    outcomes = [each.name for each in step.human_task.outcomes if each.name != TIMED_OUT]
    outcomes = outcomes or [COMPLETED]
    if answer.never or (answer.outcome is None and outcomes == [COMPLETED]):
        return
    if answer.outcome not in outcomes:
        hint = did_you_mean(answer.outcome, outcomes) if answer.outcome else ""
        allowed = f"allowed is one of {', '.join(outcomes)}{hint}"
        raise InvalidInput(f"{field}.outcome", answer.outcome, allowed)
