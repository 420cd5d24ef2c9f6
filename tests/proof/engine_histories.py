"""Random histories of random definitions: anything happens, in any order; then all comes to an end.

After every change everything holds that ``engine_promises`` says. In the end all work is reported,
every signal sent and every moment let come, and by then every process has ended.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from tests.proof.chance import Chance, shrunk
from tests.proof.engine_promises import Event
from tests.proof.engine_worlds import TENANT, Answer, World, Worlds
from tests.proof.random_definitions import CODES, FEW, MANY, SIGNALS, definitions
from tests.proof.stack import Stack
from trellis_process import Process, ProcessState, ProcessStep, StepState
from trellis_process.domain.definition.steps import SubprocessStep
from trellis_process.domain.engine import items, names
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.time import to_text
from trellis_process.testing import START

PART = 3  # items of one part in these tests, so that a short list is a long one
MOST_TRIGGERS = 20
MOST_ROUNDS = 3_000  # until everything has ended; more are a process that never does


class History:
    """One process of a random definition, its children, and what happens to them."""

    def __init__(self, chance: Chance, stack: Stack | None) -> None:
        self.chance = chance
        self.definitions = definitions(chance)
        self.worlds = Worlds(self.definitions, stack)
        self.happened: list[str] = []
        self.reopened: set[str] = set()
        self.signals = 0

    def run(self) -> None:
        """Everything, from the start to the end."""
        for ask in (self._start, self._start):  # the second one is answered with the first
            ask()
        triggers = (
            *([self._answers] * 6),
            *([self._time_passes] * 2),
            *([self._hears_of_children] * 3),
            self._is_signalled,
            self._is_claimed,
            self._is_asked_oddly,
            self._is_asked_oddly,
            *([self._is_intervened_in] * 3),
        )
        for _ in range(self.chance.number(0, MOST_TRIGGERS)):
            self.worlds.clock.advance(milliseconds=1)
            self.chance.one_of(*triggers)()
        self._end()

    # -- what may happen ---------------------------------------------------------------------

    def _start(self) -> None:
        given = {"n": 2, "few": FEW, "many": MANY, "when": to_text(START + timedelta(minutes=5))}
        self._ask(
            "started",
            lambda world: world.service.start("main", tenant_id=TENANT, input=given, key="one"),
        )

    def _answers(self) -> None:
        """Somebody reports on work that is open, in time."""
        open_work = self._open_work()
        if open_work:
            process, step = self.chance.one_of(*open_work)
            self._report(process, step, fails=self.chance.is_so(20))

    def _report(self, process: Process, step: ProcessStep, *, fails: bool) -> None:
        key, name, attempt = process.key, step.name, step.attempt
        if step.waits_for is WaitingFor.PERSON:
            assert step.task is not None
            outcome = self.chance.one_of(*(each for each, _ in step.task.outcomes))
            self._ask(
                f"{name} completed as {outcome}",
                lambda world: world.service.complete_step(
                    key, name, {"ok": True}, outcome=outcome, attempt=attempt
                ),
            )
        elif fails:
            code = self.chance.one_of(*CODES)
            fatal = self.chance.is_so(10)
            pause = self.chance.one_of(None, None, 0, 500)
            self._ask(
                f"{name} failed, {code}",
                lambda world: world.service.fail_step(
                    key,
                    name,
                    "it broke",
                    code=code,
                    fatal=fatal,
                    retry_after_ms=pause,
                    attempt=attempt,
                ),
            )
        else:
            output = self.chance.one_of({"ok": True, "list": [1]}, {"ok": False, "list": []}, None)
            self._ask(
                f"{name} completed",
                lambda world: world.service.complete_step(key, name, output, attempt=attempt),
            )
            self._check_told(process, name, output)

    def _check_told(self, process: Process, name: str, output: Any) -> None:
        """The event of a completion says with what it was reported, whatever followed from it."""
        latest = self.worlds.processes[process.process_id]
        if latest.version == process.version:
            return  # refused, or old
        told = self.worlds.events[process.process_id]
        here = [each for each in told if each["version"] == latest.version]
        kinds = ("StepCompleted", "CompensationCompleted")
        first = next(each for each in here if each["type"] in kinds)
        assert first["step_name"] == name
        assert first.get("output") == output

    def _time_passes(self) -> None:
        seconds = self.chance.one_of(1, 30, 700, 4_000, 90_000, 700_000)
        self.worlds.clock.advance(seconds=seconds)
        if self.chance.is_so(80):
            self._sweep()

    def _sweep(self) -> None:
        self.happened.append("swept")
        self.worlds.sweep()

    def _hears_of_children(self) -> None:
        """What was told about children is dealt with: once, again, in any order."""
        if self.worlds.of_children:
            event = self.chance.one_of(*self.worlds.of_children)
            self._deliver(event)
            if self.chance.is_so(70):
                self.worlds.of_children.remove(event)

    def _deliver(self, event: Event) -> None:
        self.happened.append(f"dealt with {event['type']} of {event['process_id']}")
        self.worlds.deliver(event)

    def _is_signalled(self) -> None:
        self._signal(self._any_process(), self.chance.one_of(*SIGNALS))

    def _signal(self, process: Process, signal: str) -> None:
        payload = self.chance.one_of({"ok": True}, None)
        signal_id = self.chance.one_of(None, "same")
        self._ask(
            f"signal {signal} to {process.process_id}",
            lambda world: world.service.signal(process.key, signal, payload, signal_id=signal_id),
        )

    def _is_asked_oddly(self) -> None:
        """Reports that are late, too early, repeated, or about what takes none."""
        process = self._any_process()
        name = self.chance.one_of(*process.steps)
        about = {"attempt": self.chance.number(1, max(1, process.steps[name].attempt))}
        key = process.key
        asks: dict[str, Callable[[World], Any]] = {
            "complete": lambda world: world.service.complete_step(key, name, {"ok": 1}, **about),
            "fail": lambda world: world.service.fail_step(key, name, "late", **about),
            "heartbeat": lambda world: world.service.heartbeat(key, name, **about),
            "suspend": lambda world: world.service.suspend_step(
                key, name, timeout_ms=self_limit, **about
            ),
            "resume": lambda world: world.service.resume_step(key, name, {"a": 1}),
            "start": lambda world: world.service.start_step(key, name),
            "claim": lambda world: world.service.claim_task(key, name, by="anna"),
            "wrong outcome": lambda world: world.service.complete_step(key, name, outcome="odd"),
        }
        self_limit = self.chance.one_of(None, 60_000)
        what = self.chance.one_of(*asks)
        self._ask(f"{what} {name}, {about} of {key.process_id}", asks[what])

    def _is_intervened_in(self) -> None:
        """A person suspends, resumes, cancels, retries, skips or runs again."""
        process = self._any_process()
        key, name = process.key, self.chance.one_of(*process.steps)
        failed = [each.name for each in process.steps.values() if each.state is StepState.FAILED]
        ended = [each.name for each in process.steps.values() if not each.is_open]
        to_retry = self.chance.one_of(*(failed or [name]))
        to_rerun = self.chance.one_of(*(ended or [name]))
        to_skip = to_retry if process.has_failed() else name
        asks: dict[str, Callable[[World], Any]] = {
            f"skip {to_skip}": lambda world: world.service.skip_step(key, to_skip, {"ok": True}),
            f"retry {to_retry}": lambda world: world.service.retry_step(key, to_retry),
            f"rerun from {to_rerun}": lambda world: world.service.rerun_from(key, to_rerun),
        }
        if process.state is ProcessState.SUSPENDED:
            asks["resume"] = lambda world: world.service.resume_process(key)
        elif not process.state.is_final:
            asks["suspend"] = lambda world: world.service.suspend_process(key)
        if self.chance.is_so(20):
            undoes = self.chance.is_so(70)
            asks = {
                f"cancel, undoing {undoes}": lambda world: world.service.cancel_process(
                    key, compensate=undoes
                )
            }
        what = self.chance.one_of(*asks)
        answer = self._ask(f"{what} of {key.process_id}", asks[what])
        if answer.changes and not what.startswith("cancel"):
            self.reopened.add(key.process_id)

    def _is_claimed(self) -> None:
        """A person takes a task, gives it back, or gives it to another."""
        tasks = [
            (process.key, step.name)
            for process, step in self._open_work()
            if step.waits_for is WaitingFor.PERSON
        ]
        if not tasks:
            self._is_asked_oddly()
            return
        key, name = self.chance.one_of(*tasks)
        asks: dict[str, Callable[[World], Any]] = {
            "claim": lambda world: world.service.claim_task(key, name, by="anna"),
            "take": lambda world: world.service.claim_task(key, name, by="bert"),
            "release": lambda world: world.service.release_task(key, name),
            "reassign": lambda world: world.service.reassign_task(key, name, to="bert"),
        }
        what = self.chance.one_of(*asks)
        self._ask(f"{what} {name}", asks[what])

    # -- how it ends -------------------------------------------------------------------------

    def _end(self) -> None:
        """Everything is answered until nothing is open. A failed test where it never is."""
        for number in range(MOST_ROUNDS):
            self.worlds.clock.advance(milliseconds=1)
            open_ones = [each for each in self._processes() if not each.state.is_final]
            if self.worlds.of_children:
                self._deliver(self.worlds.of_children.pop(0))
                continue
            self._check_children()
            if not open_ones:
                self.worlds.check_histories()
                self._check_counts()
                return
            self._move(open_ones, fails=number < 40 and self.chance.is_so(20))
        raise AssertionError(f"it never ends: {self._open_work()}")

    def _move(self, open_ones: list[Process], *, fails: bool) -> None:
        """Something of what is open goes on."""
        for process in open_ones:
            if process.state is ProcessState.SUSPENDED:
                self._ask(
                    "resumed",
                    lambda world, key=process.key: world.service.resume_process(key),
                )
                return
        open_work = self._open_work()
        if open_work:
            self._report(*open_work[0], fails=fails)
            return
        for process in open_ones:
            for step in process.steps.values():
                if step.waits_for is WaitingFor.SIGNAL and step.due_at is None:
                    self._ask(
                        f"{step.progress['signal']} came",
                        lambda world, key=process.key, signal=step.progress["signal"]: (
                            world.service.signal(key, signal)
                        ),
                    )
                    return
        moments = [each.wake_up_at for each in open_ones if each.wake_up_at is not None]
        assert moments, f"nothing can move, and these are open: {open_ones}"
        self.worlds.clock.set(max(self.worlds.clock(), min(moments)))
        self._sweep()

    def _check_counts(self) -> None:
        """Every item of a list that was dealt with in parts is counted once."""
        for event in (each for events in self.worlds.events.values() for each in events):
            output = event.get("output")
            if event["type"] == "StepCompleted" and isinstance(output, dict) and "parts" in output:
                assert output["processed"] + output["errors"] == len(MANY), "counted otherwise"

    def _check_children(self) -> None:
        """With every event dealt with, no child goes on for nobody, and nobody waits for none."""
        processes = self.worlds.processes
        for child in processes.values():
            if child.parent is None or child.process_id in self.reopened:
                continue
            parent = processes[child.parent.process_id]
            defined = (
                self.worlds.compiled(parent).places[names.defined_name(child.parent.step_name)].step
            )
            if isinstance(defined, SubprocessStep) and defined.abandon:
                continue
            assert child.state.is_final != self.worlds.awaits(child), (
                f"the child {child.process_id} is {child.state}, which its parent does not know"
            )

    def __str__(self) -> str:
        documents = (definition.to_yaml() for definition in self.definitions)
        return "\n".join([*documents, *self.happened])

    # -- small words -------------------------------------------------------------------------

    def _ask(self, what: str, ask: Callable[[World], Any]) -> Answer:
        self.happened.append(what)
        return self.worlds.ask(ask)

    def _processes(self) -> list[Process]:
        return list(self.worlds.processes.values())

    def _any_process(self) -> Process:
        """Any process, mostly the one that everything began with, or one that is open."""
        processes = self._processes()
        open_ones = [each for each in processes if not each.state.is_final]
        return self.chance.one_of(processes[0], *processes, *open_ones, *open_ones)

    def _open_work(self) -> list[tuple[Process, ProcessStep]]:
        """Steps that somebody is to report on."""
        return [
            (process, step)
            for process in self._processes()
            if not process.state.is_final
            for step in process.steps.values()
            if step.state is StepState.IN_PROGRESS
            or step.waits_for in (WaitingFor.PERSON, WaitingFor.RESUMPTION)
        ]


@dataclass(frozen=True)
class Broken:
    """A history in which a promise is broken."""

    error: Exception
    drawn: list[int]
    history: str

    def __str__(self) -> str:
        told = "".join(traceback.format_exception(self.error)[-3:])
        return f"{self.history}\n\n{told}"


def broken_by(chance: Chance, stack: Stack | None) -> tuple[History | None, Broken | None]:
    """Runs the history that chance wants; how it was broken, or None."""
    history = None
    try:
        with patch.object(items, "PART", PART):
            history = History(chance, stack)
            history.run()
    except Exception as error:
        return history, Broken(error, chance.drawn, "" if history is None else str(history))
    return history, None


def shortest(broken: Broken, stack: Stack | None, seconds: float) -> Broken:
    """A shorter history that is broken in the same place, if there is one, looked for so long."""

    def same(drawn: list[int]) -> Broken | None:
        _, again = broken_by(Chance(drawn), stack)
        return again if again is not None and _place(again) == _place(broken) else None

    return shrunk(broken, same, seconds)


def _place(broken: Broken) -> tuple[str, str, int]:
    frame = traceback.extract_tb(broken.error.__traceback__)[-1]
    return type(broken.error).__name__, frame.filename, frame.lineno or 0
