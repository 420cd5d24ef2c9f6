"""simulate: walks a definition from its start to where nothing moves any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from trellis_process.definitions.input_schema import check_input, schema_of
from trellis_process.definitions.reading import examine_definition
from trellis_process.domain import events as happened
from trellis_process.domain.definition.duration import Duration, span_of
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.engine import commands as engine_commands
from trellis_process.domain.events import ProcessEvent
from trellis_process.domain.limits import JsonValue
from trellis_process.errors import Described, InvalidInput
from trellis_process.simulation.answer import Answers
from trellis_process.simulation.children import Children, compiled
from trellis_process.simulation.command import Command
from trellis_process.simulation.example import Examples
from trellis_process.simulation.names import check_answers
from trellis_process.simulation.outside import Outside
from trellis_process.simulation.scenario import GivenAnswers, answers_of, commands_of
from trellis_process.simulation.simulation import Simulation
from trellis_process.simulation.world import Followed, World

#: When a simulation begins unless told otherwise.
START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
PROCESS_ID = "simulated"
TENANT_ID = "simulation"

_ENDINGS = (happened.ProcessCompleted, happened.ProcessFailed, happened.ProcessCancelled)


def simulate(
    definition: ProcessDefinition,
    *,
    input: Mapping[str, JsonValue] | None = None,  # as definitions call it
    answers: GivenAnswers | None = None,
    commands: Sequence[Command | Mapping[str, Any]] = (),
    definitions: Iterable[ProcessDefinition] = (),
    lists: Mapping[str, Sequence[JsonValue]] | None = None,
    start: datetime = START,
    until: Duration | None = None,
    strict_answers: bool = False,
) -> Simulation:
    """Walks a definition with these answers, on a clock of its own that waits for nothing.

    ``answers`` are what services, people, signals and children say to each step, by its name;
    ``commands`` what somebody asks at a given time. What has no answer succeeds at once with an
    example; the same goes for an input that is not given. With ``strict_answers`` it ends there
    instead, at that moment. Children of ``definitions`` are walked too, and their steps answered
    as ``child_definition.step``; other children are answered as a whole. ``lists`` are what is
    behind references to lists, by their id. It ends when nothing moves any more, or ``until`` so
    long after the start.

    Raises InvalidDefinition, and InvalidInput for an input, an answer or a command that cannot be.
    """
    known = {each.process: _checked(each) for each in definitions}
    known[definition.process] = _checked(definition)
    told = answers_of(answers or {})
    check_answers(told, definition, known)
    walk = _Walk(
        known,
        definition,
        Answers(told),
        commands_of(commands),
        start,
        lists=lists or {},
        strict_answers=strict_answers,
    )
    return walk.walk(input, until)


def _checked(definition: ProcessDefinition) -> ProcessDefinition:
    return examine_definition(definition).or_refused()


class _Walk:
    """One walk: the world, and all that happens to it."""

    def __init__(
        self,
        known: Mapping[str, ProcessDefinition],
        definition: ProcessDefinition,
        answers: Answers,
        commands: Sequence[Command],
        start: datetime,
        *,
        lists: Mapping[str, Sequence[JsonValue]],
        strict_answers: bool,
    ) -> None:
        self._definition = definition
        self._answers = answers
        self._commands = commands
        self._is_strict = strict_answers
        self._world = World(start, self._react)
        self._outside = Outside(
            self._world,
            answers,
            of_definition=definition.process,
            coming_signals=[
                (start + each.delay, each.signal) for each in commands if each.signal is not None
            ],
            strict_answers=strict_answers,
        )
        self._children = Children(self._world, self._outside, known, lists)

    def walk(self, given: Mapping[str, JsonValue] | None, until: Duration | None) -> Simulation:
        """All of it."""
        world = self._world
        for command in self._commands:
            self._plan(command)
        followed, watched = compiled(self._definition)
        examples = Examples(self._definition, world.start)
        process = engine_commands.start(
            followed,
            process_id=PROCESS_ID,
            tenant_id=TENANT_ID,
            input=self._input(examples, given),
            now=world.now,
        )
        root = Followed(process, followed, watched, examples)
        world.followed[PROCESS_ID] = root
        world.note(root)
        stopped = world.go_on(None if until is None else world.start + span_of("until", until))
        return Simulation(
            definition=self._definition,
            process=root.process,
            started_at=world.start,
            timeline=world.timeline,
            events=world.events,
            asked=world.asked,
            assumed=list(world.assumed),
            unused_answers=self._answers.unused,
            stopped=stopped,
            ended_at=world.now,
        )

    def _input(
        self, examples: Examples, given: Mapping[str, JsonValue] | None
    ) -> dict[str, JsonValue]:
        schema = schema_of(self._definition.inputs)
        if given is None and not self._is_strict:
            example = examples.input()
            if example:
                self._world.assumed["input"] = None
            try:
                checked = check_input(schema, example)
            except InvalidInput as error:
                given_words = Described(f"{error.given}, an example that was made up")
                allowed = f"{error.allowed}; give an input of your own"
                raise InvalidInput(error.field, given_words, allowed) from error
        else:
            checked = check_input(schema, dict(given or {}))
        assert isinstance(checked, dict)
        return checked

    def _plan(self, command: Command) -> None:
        named = command.about if command.kind != "signal" else None
        self._world.plan(
            self._world.start + command.delay,
            lambda: self._world.attempt(
                self._world.followed[PROCESS_ID],
                named,
                command.trigger,
                about=str(command),
                refused=True,
            ),
        )

    def _react(self, followed: Followed, event: ProcessEvent) -> None:
        if isinstance(event, _ENDINGS):
            self._children.end(followed)
        if isinstance(event, happened.ProcessSuspended | happened.ProcessResumed):
            self._children.pass_on(followed)
        if isinstance(event, happened.ChildCancellationRequested):
            self._children.call_off(followed, event)
        if not isinstance(event, happened.StepEvent):
            return
        step = followed.process.step(event.step_name)
        if not step.is_open or step.attempt != event.attempt:
            return  # it has ended, or goes on otherwise, in this very change
        if isinstance(event, happened.ChildRequested):
            self._children.start(followed, step, event)
        else:
            self._outside.react(followed, event, step)
