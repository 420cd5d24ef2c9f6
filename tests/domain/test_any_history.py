"""Whatever is reported in whatever order, the rules hold."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from trellis_process import (
    Process,
    ProcessState,
    ProcessStep,
    StepState,
    StepTracker,
    TrellisError,
)
from trellis_process.domain.states import PROCESS_MOVES, STEP_MOVES
from trellis_process.domain.tracker import earliest
from trellis_process.testing import START, a_process, a_step

MILLISECOND = timedelta(milliseconds=1)

ENDINGS = {
    ProcessState.COMPLETED: "ProcessCompleted",
    ProcessState.FAILED: "ProcessFailed",
    ProcessState.CANCELLED: "ProcessCancelled",
}

names = st.sampled_from(["pay", "send", "file"])
attempts = st.none() | st.integers(1, 4)
limits_ms = st.none() | st.integers(1, 50)
answers = st.sampled_from([{}, {"approved": True}, [], "", 0, False, None])


class AnyHistory(RuleBasedStateMachine):
    """A process to which anything may happen, each change saved before the next."""

    @initialize(
        limits=st.tuples(limits_ms, limits_ms, limits_ms),
        retries=st.tuples(*[st.integers(0, 2)] * 3),
        timeout_ms=st.none() | st.integers(1, 400),
        auto_start_steps=st.booleans(),
    )
    def start(self, limits, retries, timeout_ms, auto_start_steps):
        steps = [
            a_step(name, timeout_ms=limit, retries_permitted=permitted)
            for name, limit, permitted in zip(["pay", "send", "file"], limits, retries, strict=True)
        ]
        self.now = START
        self.process = a_process(*steps, timeout_ms=timeout_ms, auto_start_steps=auto_start_steps)
        self.process.saved()
        self.event_versions = [1]
        self.timed_out: set[tuple[str, int]] = set()
        self.answers: dict[str, list[object]] = {name: [] for name in self.process.steps}

    # -- what may happen ---------------------------------------------------------------------

    @rule(milliseconds=st.integers(0, 60))
    def time_passes(self, milliseconds):
        self.now += milliseconds * MILLISECOND

    @rule(name=names, attempt=attempts)
    def a_step_is_started(self, name, attempt):
        self.command(lambda p: p.start_step(name, now=self.now, attempt=attempt), retries=name)

    @rule(name=names, attempt=attempts)
    def a_step_is_completed(self, name, attempt):
        was_open = self.process.steps[name].is_open and not self.process.state.is_final
        current = self.process.steps[name].current_attempt

        self.command(lambda p: p.complete_step(name, {}, now=self.now, attempt=attempt))

        if was_open and (attempt or 1) <= current:
            assert self.process.steps[name].state is StepState.COMPLETED

    @rule(name=names, attempt=attempts)
    def a_step_is_failed(self, name, attempt):
        is_older = attempt is not None and attempt < self.process.steps[name].attempt

        changed = self.command(lambda p: p.fail_step(name, "no", now=self.now, attempt=attempt))

        assert not (changed and is_older)

    @rule(name=names, attempt=attempts, retry_after_ms=st.integers(0, 50))
    def a_step_is_failed_and_to_be_tried_again(self, name, attempt, retry_after_ms):
        was = self.process.steps[name]

        if self.command(
            lambda p: p.fail_step(
                name, "no", now=self.now, attempt=attempt, retry_after_ms=retry_after_ms
            )
        ):
            step = self.process.steps[name]
            assert attempt in (None, was.current_attempt)
            if was.current_attempt > was.retries_permitted:
                assert step.state is StepState.FAILED
            elif retry_after_ms:
                assert step.waits_for_retry
                assert step.due_at == self.now + retry_after_ms * MILLISECOND
            else:
                assert step.state is StepState.IN_PROGRESS
                assert step.attempt == was.current_attempt + 1

    @rule(name=names, attempt=attempts, resumption=st.none() | st.integers(0, 3), limit=limits_ms)
    def a_step_is_suspended(self, name, attempt, resumption, limit):
        was = self.process.steps[name]

        if self.command(
            lambda p: p.suspend_step(
                name, now=self.now, timeout_ms=limit, attempt=attempt, resumption=resumption
            )
        ):
            step = self.process.steps[name]
            assert was.state is StepState.IN_PROGRESS
            assert attempt in (None, was.attempt)
            assert resumption in (None, was.resumption)
            assert step.is_suspended is not was.resumed_early

    @rule(name=names, resumption=st.none() | st.integers(1, 4), data=answers)
    def a_step_is_resumed(self, name, resumption, data):
        was = self.process.steps[name]
        came = len(self.answers[name])

        if self.command(lambda p: p.resume_step(name, data, now=self.now, resumption=resumption)):
            assert resumption in (None, came + 1)
            self.answers[name].append(data)
            assert self.process.steps[name].resumed_early is not was.is_suspended

    @rule(name=names, attempt=attempts)
    def a_step_is_alive(self, name, attempt):
        before = self.process.steps[name].due_at

        if self.command(lambda p: p.heartbeat(name, now=self.now, attempt=attempt)):
            after = self.process.steps[name].due_at
            assert before is not None
            assert after is not None
            assert after > before

    @rule(rarely=st.integers(0, 9))
    def the_process_is_cancelled(self, rarely):
        if rarely == 0:
            self.command(lambda p: p.cancel(now=self.now))

    @rule(late_ms=st.integers(0, 500))
    def a_sweep_comes_late(self, late_ms):
        self.now += late_ms * MILLISECOND
        self.sweep(self.process.due_trackers(self.now))

    @rule()
    def a_sweep_names_what_is_not_due_as_well(self):
        self.sweep(self.process.trackers())

    def sweep(self, trackers):
        before = deepcopy(self.process)
        due = before.due_trackers(self.now)
        if self.command(lambda p: p.time_out(trackers, now=self.now)):
            self.check_what_fired(before, due)
        if before.deadline_tracker() not in due:
            assert self.process.due_trackers(self.now) == []

    def check_what_fired(self, before, due):
        for event in self.process.events:
            if event.type == "ProcessStepTimedOut":
                step = before.steps[event.step_name]
                assert not step.waits_for_retry, "the end of a backoff is no timeout"
                assert step.due_at is not None
                assert step.due_at <= self.now, "a timeout fired early"
                attempt = (event.step_name, event.attempt)
                assert attempt not in self.timed_out, "an attempt timed out twice"
                self.timed_out.add(attempt)
        due_steps = {tracker.step_name for tracker in due if isinstance(tracker, StepTracker)}
        for name, step in self.process.steps.items():
            burnt = step.attempt - before.steps[name].attempt
            assert burnt <= (1 if name in due_steps else 0), "a late sweep burnt attempts"

    # -- what holds for each command ---------------------------------------------------------

    def command(self, change: Callable[[Process], object], retries: str | None = None) -> bool:
        """Runs a command and checks it against the state before; whether it changed anything."""
        before = deepcopy(self.process)
        on_a_copy = self.process.copy()
        try:
            change(self.process)
        except TrellisError:
            assert self.process == before, "a refused command changed something"
            return False
        change(on_a_copy)
        assert on_a_copy == self.process, "a command depends on more than the process"
        if not self.process.has_changed:
            assert self.process == before, "a no-op changed something"
            return False
        self.check_moves(before, retries)
        self.check_events(before)
        self.process.saved()
        if self.process.events:
            assert self.process.previous_event_version == self.event_versions[-1]
            self.event_versions.append(self.process.version)
        assert self.process.version == before.version + 1
        return True

    def check_moves(self, before: Process, retries: str | None) -> None:
        after = self.process
        if after.state is not before.state:
            assert after.state in PROCESS_MOVES[before.state]
        if before.state.is_final:
            assert retries is not None, "final is final unless a failed step is retried"
            assert before.steps[retries].state is StepState.FAILED
        for name, step in after.steps.items():
            was = before.steps[name]
            if step.state is not was.state:
                assert step.state in STEP_MOVES[was.state]
            # One that nobody started may fail, and its retry begin, in one report.
            most = 2 if was.state is StepState.PENDING else 1
            assert 0 <= step.attempt - was.attempt <= most, "attempts grow by one"
            if retries is None and step.attempt > was.current_attempt:
                assert was.current_attempt <= step.retries_permitted, "more retries than permitted"
            self.check_resumptions(was, step)

    def check_resumptions(self, was: ProcessStep, step: ProcessStep) -> None:
        taken = step.resumption - was.resumption
        resumed = [e for e in self.process.events if e.type == "StepResumed"]
        assert taken in (0, 1)
        if taken and step.attempt == was.attempt:
            assert [(e.step_name, e.attempt) for e in resumed] == [(step.name, step.attempt)]
        else:
            assert step.name not in {e.step_name for e in resumed}
        if step.attempt > was.current_attempt:
            assert taken == was.resumed_early, "the next attempt takes what came early"

    def check_events(self, before: Process) -> None:
        told = [event.type for event in self.process.events]
        starts = {(e.step_name, e.attempt) for e in self.process.events if e.type == "StepStarted"}
        expected: dict[str, int] = {}
        for name, step in self.process.steps.items():
            was = before.steps[name]
            # A step may start its next attempt and be given up in the same sweep.
            if step.state in ("in_progress", "cancelled") and step.attempt > was.attempt:
                assert (name, step.attempt) in starts
                expected["StepStarted"] = expected.get("StepStarted", 0) + 1
            if step.waits_for_retry and not was.waits_for_retry:
                expected["StepAttemptFailed"] = 1
            if step.is_suspended and not was.is_suspended:
                expected["StepSuspended"] = 1
            for state, event in (("completed", "StepCompleted"), ("failed", "StepFailed")):
                if step.state == state and was.state != state:
                    expected[event] = expected.get(event, 0) + 1
        if told == ["StepAttemptFailed", "StepStarted"]:  # to be tried again at once
            expected["StepAttemptFailed"] = 1
        if told == ["StepSuspended", "StepResumed"]:  # resumed already, early
            expected["StepSuspended"] = 1
        telling = {"StepStarted", "StepCompleted", "StepFailed"}
        for event in telling | {"StepAttemptFailed", "StepSuspended"}:
            assert told.count(event) == expected.get(event, 0), event
        has_ended = self.process.state.is_final and not before.state.is_final
        assert [t for t in told if t in ENDINGS.values()] == (
            [ENDINGS[self.process.state]] if has_ended else []
        )
        assert all(event.occurred_at == self.process.changed_at for event in self.process.events)

    # -- what always holds -------------------------------------------------------------------

    @invariant()
    def the_wake_up_is_never_late(self):
        process = getattr(self, "process", None)
        if process is None:
            return
        needed = earliest(process.trackers())
        if process.state.is_final:
            assert process.wake_up_at is None
            assert needed is None
        elif needed is not None:
            assert process.wake_up_at is not None
            assert process.wake_up_at <= needed

    @invariant()
    def the_state_of_the_process_is_that_of_its_steps(self):
        process = getattr(self, "process", None)
        if process is None:
            return
        states = [step.state for step in process.steps.values()]
        if process.state.is_final:
            assert all(state.is_final for state in states), "an open step in a final process"
        else:
            assert not any(state is StepState.FAILED for state in states)
            assert not all(state.is_done for state in states)
        assert process.is_completed() == all(state.is_done for state in states)
        assert (process.state is ProcessState.PENDING) == (set(states) == {StepState.PENDING})

    @invariant()
    def no_resumption_is_forgotten_or_taken_twice(self):
        process = getattr(self, "process", None)
        if process is None:
            return
        for name, step in process.steps.items():
            came = self.answers[name]
            assert step.resumption + step.resumed_early == len(came)
            if came and step.state is not StepState.COMPLETED:
                assert step.resume_data == came[-1]
                assert type(step.resume_data) is type(came[-1])
            assert not (step.is_suspended and step.resumed_early), "it waits for what has come"

    @invariant()
    def what_waits_says_for_what_and_a_backoff_ends(self):
        process = getattr(self, "process", None)
        if process is None:
            return
        for step in process.steps.values():
            assert (step.waits_for is None) == (step.state is not StepState.WAITING)
            if step.waits_for_retry:
                assert step.due_at is not None
            if step.state.is_final or step.state is StepState.PENDING:
                assert step.due_at is None

    @invariant()
    def a_copy_is_equal_and_its_own(self):
        process = getattr(self, "process", None)
        if process is None:
            return
        copy = process.copy()
        assert copy == process
        copy.metadata["spoiled"] = True
        for step in copy.steps.values():
            for value in (step.output, step.resume_data):
                if isinstance(value, dict):
                    value["spoiled"] = True
        copy.steps.clear()
        assert "spoiled" not in process.metadata
        assert len(process.steps) == 3
        for step in process.steps.values():
            assert not step.output
            assert "spoiled" not in (step.resume_data or [])


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(
    max_examples=300, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
