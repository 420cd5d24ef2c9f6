"""Random histories of random definitions: anything happens, in any order; then all comes to an end.

After every change everything holds that ``engine_promises`` says. In the end all work is reported,
every signal sent and every moment let come, and by then every process has ended. Some meet an AWS
that is not well: what is asked there may get no answer, and is asked again at once, late or never.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from tests.proof.chance import Chance, shrunk
from tests.proof.engine_promises import Event, check_undone
from tests.proof.engine_worlds import TENANT, Answer, Ask, World, Worlds
from tests.proof.lagging_indexes import LaggingIndexes
from tests.proof.random_definitions import CHILD, CODES, FEW, MANY, SIGNALS, definitions
from tests.proof.stack import Stack
from tests.proof.trouble import CRASHES, TROUBLES
from trellis_process import Process, ProcessKey, ProcessState, ProcessStep, StepState
from trellis_process.application.job_request import CommandName, JobCommand, JobFilter
from trellis_process.application.jobs import Job
from trellis_process.domain.definition.steps import SubprocessStep
from trellis_process.domain.engine import items, names
from trellis_process.domain.engine.relations import WITH_ITS_WHOLE as AGAIN
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.time import to_text
from trellis_process.testing import START

PART = 3  # items of one part in these tests, so that a short list is a long one
MOST_TRIGGERS = 20
MOST_ROUNDS = 3_000  # until everything has ended; more are a process that never does
UNQUIET_ROUNDS = 40  # of these, in which something may still fail
UNWELL_PERCENT = 40  # of the histories meet an AWS that is not well
#: Most requests meet no trouble, or histories would be all trouble and little else.
ANY_TROUBLE = (*([None] * 4 * len(TROUBLES)), *TROUBLES, *CRASHES)
#: A job tries again where a store is in trouble, longer than any trouble of these lasts.
TROUBLE_OF_JOBS = (
    *([None] * len(CRASHES)),
    *CRASHES,
    "throttled at first",
    "the line breaks once",
    "the answer of each try of a write is lost",
    "each try of a write is called a failure",
)


@dataclass
class Asked:
    """What was asked once and may be asked again."""

    what: str
    ask: Ask
    #: Whether it says what it is about, so that a repeat of what was done does nothing.
    is_named: bool
    #: What stands, if it is done, otherwise than its parent or child has heard.
    reopens: ProcessKey | None
    trouble: tuple[str | None, ...]
    writes_once: bool
    is_done: bool = False


class History:
    """One process of a random definition, its children, and what happens to them."""

    def __init__(
        self, chance: Chance, stack: Stack | None, indexes: LaggingIndexes | None = None
    ) -> None:
        self.chance = chance
        #: Whether AWS is not well.
        self.is_unwell = indexes is not None and chance.is_so(UNWELL_PERCENT)
        self.definitions = definitions(chance)
        self.worlds = Worlds(self.definitions, stack, indexes if self.is_unwell else None)
        self.happened: list[str] = []
        self.reopened: set[str] = set()
        self.signals = 0
        #: What got no answer, and may be asked again.
        self.unanswered: list[Asked] = []
        #: The jobs by their commands, and those of them that have not ended.
        self.jobs: dict[str, CommandName] = {}
        self.open_jobs: list[str] = []
        self.has_calmed_down = False
        #: How often which trouble came.
        self.met: Counter[str] = Counter()

    def run(self) -> None:
        """Everything, from the start to the end."""
        for ask in (self._start, self._start):  # the second one is answered with the first
            ask()
        while not self.worlds.processes:  # both came to nothing, and whoever wants it asks again
            self._start()
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
        if self.is_unwell:
            triggers += (
                *([self._stream_is_read] * 4),
                self._is_asked_late,
                self._is_just_before_its_time,
                *([self._is_dealt_with_by_a_job] * 2),
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

    def _is_just_before_its_time(self) -> None:
        """A sweep comes a moment before something is due, and one at the very moment."""
        moments = [each.wake_up_at for each in self._processes() if each.wake_up_at is not None]
        if not moments or min(moments) <= self.worlds.clock():
            return
        self.worlds.clock.set(min(moments) - timedelta(milliseconds=1))
        self._sweep()
        self.worlds.clock.advance(milliseconds=1)
        self._sweep()

    def _sweep(self) -> None:
        trouble = self._trouble(ANY_TROUBLE)
        is_behind = self.is_unwell and not self.has_calmed_down
        lag = self.chance.one_of(0, 0, 0, 5, 60, 5_000) if is_behind else 0
        told = [] if trouble is None else [trouble]
        told += [f"indexes {lag} s behind"] if lag else []
        self.happened.append(", ".join(["swept", *told]))
        self.worlds.sweep(trouble, timedelta(seconds=lag))

    def _stream_is_read(self) -> None:
        """The publisher is given some records: late, some of them twice, to a bus that may fail."""
        if not self.worlds.unread:
            return
        chance, is_calm = self.chance, self.has_calmed_down
        records = self.worlds.unread if is_calm else chance.number(1, 4)
        self.happened.append(f"{records} records read")
        self.worlds.read_stream(
            records,
            doubled=not is_calm and chance.is_so(20),
            failures=0 if is_calm else chance.one_of(0, 0, 0, 3, 7),
            loses_answers=not is_calm and chance.is_so(50),
        )

    def _hears_of_children(self) -> None:
        """What was told about children is dealt with: once, again, in any order."""
        if self.worlds.heard_of_children and self.chance.is_so(25):
            self._deliver(self.chance.one_of(*self.worlds.heard_of_children))
            return
        if self.worlds.of_children:
            event = self.chance.one_of(*self.worlds.of_children)
            if not self._deliver(event).is_lost and self.chance.is_so(70):
                self.worlds.of_children.remove(event)

    def _deliver(self, event: Event) -> Answer:
        trouble = self._trouble(ANY_TROUBLE)
        told = "" if trouble is None else f", {trouble}"
        self.happened.append(f"dealt with {event['type']} of {event['process_id']}{told}")
        return self.worlds.deliver(event, trouble)

    def _is_signalled(self) -> None:
        self._signal(self._any_process(), self.chance.one_of(*SIGNALS))

    def _signal(self, process: Process, signal: str) -> None:
        payload = self.chance.one_of({"ok": True}, None)
        self.signals += 1
        ids = (None, "same", f"signal-{self.signals}") if self.is_unwell else (None, "same")
        signal_id = self.chance.one_of(*ids)
        self._ask(
            f"signal {signal} to {process.process_id}",
            lambda world: world.service.signal(process.key, signal, payload, signal_id=signal_id),
            is_named=signal_id is not None,
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
        what = self.chance.one_of(*asks, "suspend", "suspend")
        self._ask(
            f"{what} {name}, {about} of {key.process_id}",
            asks[what],
            is_named=what in ("complete", "fail"),
        )

    def _is_intervened_in(self) -> None:
        """A person suspends, resumes, cancels, retries, skips or runs again."""
        process = self._any_process()
        key, name = process.key, self.chance.one_of(*process.steps)
        seen: dict[str, Any] = {"expected_version": process.version}
        failed = [each.name for each in process.steps.values() if each.state is StepState.FAILED]
        ended = [each.name for each in process.steps.values() if not each.is_open]
        to_retry = self.chance.one_of(*(failed or [name]))
        to_rerun = self.chance.one_of(*(ended or [name]))
        to_skip = to_retry if process.has_failed() else name
        asks: dict[str, Callable[[World], Any]] = {
            f"skip {to_skip}": lambda world: world.service.skip_step(
                key, to_skip, {"ok": True}, **seen
            ),
            f"retry {to_retry}": lambda world: world.service.retry_step(key, to_retry, **seen),
            f"rerun from {to_rerun}": lambda world: world.service.rerun_from(key, to_rerun, **seen),
        }
        if process.state is ProcessState.SUSPENDED:
            asks["resume"] = lambda world: world.service.resume_process(key, **seen)
        elif not process.state.is_final:
            asks["suspend"] = lambda world: world.service.suspend_process(key, **seen)
        if self.chance.is_so(20):
            undoes = self.chance.is_so(70)
            asks = {
                f"cancel, undoing {undoes}": lambda world: world.service.cancel_process(
                    key, compensate=undoes, **seen
                )
            }
        what = self.chance.one_of(*asks)
        reopens = None if what.startswith("cancel") else key
        self._ask(f"{what} of {key.process_id}", asks[what], reopens=reopens)

    def _is_claimed(self) -> None:
        """A person takes a task, gives it back, or gives it to another."""
        tasks = [
            (process, step.name)
            for process, step in self._open_work()
            if step.waits_for is WaitingFor.PERSON
        ]
        if not tasks:
            self._is_asked_oddly()
            return
        process, name = self.chance.one_of(*tasks)
        key = process.key
        seen: dict[str, Any] = {"expected_version": process.version}
        asks: dict[str, Callable[[World], Any]] = {
            "claim": lambda world: world.service.claim_task(key, name, by="anna", **seen),
            "take": lambda world: world.service.claim_task(key, name, by="bert", **seen),
            "release": lambda world: world.service.release_task(key, name, **seen),
            "reassign": lambda world: world.service.reassign_task(key, name, to="bert", **seen),
        }
        what = self.chance.one_of(*asks)
        self._ask(f"{what} {name}", asks[what])

    def _is_dealt_with_by_a_job(self) -> None:
        """Somebody asks for a job, or one that was asked for goes on."""
        if self.open_jobs and self.chance.is_so(80):
            self._job_goes_on(self.chance.one_of(*self.open_jobs))
            return
        command = self.chance.one_of(
            JobCommand(command=CommandName.CANCEL_PROCESS, compensate=True),
            JobCommand(command=CommandName.SUSPEND_PROCESS),
            JobCommand(command=CommandName.RESUME_PROCESS),
            JobCommand(command=CommandName.RETRY_STEP),
            JobCommand(command=CommandName.SKIP_STEP, step_name="s1", output={"ok": True}),
            JobCommand(command=CommandName.RERUN_FROM, step_name="s1"),
        )
        about = JobFilter(process_type=self.chance.one_of("main", CHILD))
        key = f"job-{len(self.jobs)}"
        answer = self._ask(
            f"{key}, {command.command} of each {about.process_type}",
            lambda world: world.jobs.start(TENANT, command, about, key=key),
        )
        if isinstance(answer.answered, Job):
            self.jobs[answer.answered.job_id] = command.command
            self.open_jobs.append(answer.answered.job_id)

    def _job_goes_on(self, job_id: str) -> None:
        answer = self._ask(
            f"job {job_id} goes on",
            lambda world: world.jobs.run_some(TENANT, job_id),
            trouble=TROUBLE_OF_JOBS,
            is_named=False,  # a repeat goes on where it broke off
            writes_once=False,
        )
        if self.jobs[job_id] is not CommandName.CANCEL_PROCESS:
            self.reopened |= {each.process_id for each in answer.changes}
        if isinstance(answer.answered, Job) and answer.answered.state.is_final:
            self.open_jobs.remove(job_id)

    def _is_asked_late(self) -> None:
        """What got no answer is asked again, whatever has happened since."""
        if self.unanswered:
            asked = self.chance.one_of(*self.unanswered)
            self.unanswered.remove(asked)
            self._ask_again(asked)

    # -- how it ends -------------------------------------------------------------------------

    def _end(self) -> None:
        """Everything is answered until nothing is open. A failed test where it never is.

        What has failed by then may be tried again, and then all comes to an end once more.
        """
        tried_again = self.chance.number(0, 2)
        for number in range(MOST_ROUNDS):
            self.has_calmed_down = number >= UNQUIET_ROUNDS
            self.worlds.clock.advance(milliseconds=1)
            if self.worlds.unread:
                self._stream_is_read()
                continue
            if self.worlds.of_children:
                if not self._deliver(self.worlds.of_children[0]).is_lost:
                    del self.worlds.of_children[0]
                continue
            if self.unanswered:
                self._is_asked_late()
                continue
            if self.open_jobs:
                self._job_goes_on(self.open_jobs[0])
                continue
            open_ones = [each for each in self._processes() if not each.state.is_final]
            self._check_children()
            if not open_ones and tried_again and self._is_tried_again():
                tried_again -= 1
                continue
            if not open_ones:
                self.worlds.check_histories()
                self._check_counts()
                self._check_parts()
                self._check_jobs()
                return
            self._move(open_ones, fails=number < UNQUIET_ROUNDS and self.chance.is_so(20))
        raise AssertionError(f"it never ends: {self._open_work()}")

    def _is_tried_again(self) -> bool:
        """A person tries again what failed, if anything can be; whether it was."""
        return any(
            self._ask(
                f"retry {step.name} of {process.process_id}",
                lambda world, key=process.key, name=step.name: world.service.retry_step(key, name),
                is_named=False,
                reopens=process.key,
            ).changes
            for process in self._processes()
            if process.has_failed()
            for step in process.steps.values()
            if step.state is StepState.FAILED and step.undoes is None
        )

    def _move(self, open_ones: list[Process], *, fails: bool) -> None:
        """Something of what is open goes on."""
        for process in open_ones:
            if process.state is ProcessState.SUSPENDED:
                self._ask(
                    "resumed",
                    lambda world, key=process.key: world.service.resume_process(key),
                    is_named=False,
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
                        is_named=False,
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
                assert output["processed"] == len(MANY), "counted otherwise"

    def _check_parts(self) -> None:
        """What parts completed is undone, once, where their whole has undone everything."""
        worlds = self.worlds
        for whole in worlds.processes.values():
            parts = [
                (each, worlds.ledgers[each.process_id])
                for each in worlds.processes.values()
                if each.parent is not None
                and each.parent.part is not None
                and each.parent.process_id == whole.process_id
            ]
            check_undone(whole, parts, worlds.events[whole.process_id])

    def _check_jobs(self) -> None:
        """Every job has given its command to each process at most once, and has it on record."""
        for job_id, command in self.jobs.items():
            if command is CommandName.CANCEL_PROCESS:
                continue  # its reason is told again once everything is undone
            results = self.worlds.memory.jobs.results(TENANT, job_id).results
            on_record = {each.process_id for each in results}
            for process_id, told in self.worlds.events.items():
                changes = {e["version"] for e in told if e.get("reason") == f"job {job_id}"}
                assert len(changes) <= 1, f"job {job_id} changed {process_id} as {changes}"
                is_told = not changes or process_id in on_record
                assert is_told, f"job {job_id} changed {process_id} and does not know"

    def _check_children(self) -> None:
        """With every event dealt with, no child goes on for nobody, and nobody waits for none."""
        processes = self.worlds.processes
        for child in processes.values():
            if child.parent is None or child.process_id in self.reopened:
                continue
            told = self.worlds.events[child.process_id]
            if any(e["type"] == "ProcessReopened" and e.get("reason") != AGAIN for e in told):
                continue  # with a child of its own that a person opened again
            parent = processes[child.parent.process_id]
            defined = (
                self.worlds.compiled(parent).places[names.defined_name(child.parent.step_name)].step
            )
            if isinstance(defined, SubprocessStep) and defined.abandon:
                continue
            if child.state is ProcessState.COMPENSATING:
                continue  # with that it goes on whether its parent waits or not
            assert child.state.is_final != self.worlds.awaits(child), (
                f"the child {child.process_id} is {child.state}, which its parent does not know"
            )

    def __str__(self) -> str:
        documents = (definition.to_yaml() for definition in self.definitions)
        return "\n".join([*documents, *self.happened])

    # -- small words -------------------------------------------------------------------------

    def _ask(
        self,
        what: str,
        ask: Ask,
        *,
        is_named: bool = True,
        reopens: ProcessKey | None = None,
        trouble: tuple[str | None, ...] = ANY_TROUBLE,
        writes_once: bool = True,
    ) -> Answer:
        """Asks, and where no answer comes asks again: at once, or later, or not."""
        asked = Asked(what, ask, is_named, reopens, trouble, writes_once)
        answer = self._asked(asked)
        if answer.is_lost and self.chance.is_so(60):
            return replace(again := self._ask_again(asked), changes=answer.changes + again.changes)
        if answer.is_lost and self.chance.is_so(60):
            self.unanswered.append(asked)
        return answer

    def _ask_again(self, asked: Asked) -> Answer:
        was_done = asked.is_done
        answer = self._asked(asked, "again ")
        assert not (was_done and asked.is_named and answer.changes), "it was done twice"
        if answer.is_lost:
            self.unanswered.append(asked)
        return answer

    def _asked(self, asked: Asked, again: str = "") -> Answer:
        trouble = self._trouble(asked.trouble)
        self.happened.append(again + asked.what + ("" if trouble is None else f", {trouble}"))
        answer = self.worlds.ask(asked.ask, trouble, writes_once=asked.writes_once)
        if answer.changes:
            asked.is_done = True
            if asked.reopens is not None:
                self.reopened.add(asked.reopens.process_id)
        return answer

    def _trouble(self, which: tuple[str | None, ...]) -> str | None:
        """What AWS does to the next requests, if anything."""
        if not self.is_unwell or self.has_calmed_down:
            return None
        trouble = self.chance.one_of(*which)
        if trouble is not None:
            self.met[trouble] += 1
        return trouble

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


def broken_by(
    chance: Chance, stack: Stack | None, indexes: LaggingIndexes | None = None
) -> tuple[History | None, Broken | None]:
    """Runs the history that chance wants; how it was broken, or None."""
    history = None
    try:
        with patch.object(items, "PART", PART):
            history = History(chance, stack, indexes)
            history.run()
    except Exception as error:
        return history, Broken(error, chance.drawn, "" if history is None else str(history))
    return history, None


def shortest(
    broken: Broken, stack: Stack | None, indexes: LaggingIndexes | None, seconds: float
) -> Broken:
    """A shorter history that is broken in the same place, if there is one, looked for so long."""

    def same(drawn: list[int]) -> Broken | None:
        _, again = broken_by(Chance(drawn), stack, indexes)
        return again if again is not None and _place(again) == _place(broken) else None

    return shrunk(broken, same, seconds)


def _place(broken: Broken) -> tuple[str, str, int]:
    frame = traceback.extract_tb(broken.error.__traceback__)[-1]
    return type(broken.error).__name__, frame.filename, frame.lineno or 0
