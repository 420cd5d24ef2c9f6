"""Random histories: the store in memory and the one on a faulty DynamoDB, beside a model.

Whatever is asked, in whatever order, and whatever AWS makes of it: both stores and the model hold
the same process after each step, and every promise holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.proof.faulty_stream import FaultyStream
from tests.proof.hinted import Hinted
from tests.proof.lagging_indexes import LaggingIndexes
from tests.proof.model import DONE, FINAL, NOTHING, Model, ModelStep
from tests.proof.promises import check_history, check_wake_ups
from tests.proof.replay import as_replayed, replayed
from tests.proof.stack import Stack, no_pause
from tests.proof.trouble import TROUBLES, meet
from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    Process,
    ProcessService,
    ProcessStep,
    TimeoutCheckerService,
    TrellisError,
)
from trellis_process.domain.events import StepEvent
from trellis_process.domain.time import to_ms
from trellis_process.dynamodb.item import from_item
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.stream import changed_process
from trellis_process.errors import Conflict, StoreError
from trellis_process.eventbridge import envelopes
from trellis_process.testing import START

END_OF_TIME = START + timedelta(days=10_000)

names = st.sampled_from(["pay", "send"])
limits_ms = st.sampled_from([None, *(seconds * 1_000 for seconds in (1, 5, 10, 20, 30, 50))])
# Most reports are apt: of a step that can take them, about its current attempt. The others are
# late, too early, or about another step.
mostly = st.sampled_from([True] * 5 + [False])
# None leaves an attempt or a resumption unnamed, 0 names the current one, -1 the one before.
offsets = st.sampled_from([0, 0, 0, None, None, -1, 1])
# Most requests meet no trouble, or histories would be all trouble and little else.
troubles = st.sampled_from([None] * 3 * len(TROUBLES) + list(TROUBLES))
values = st.sampled_from([None, {}, "", 0, False, {"paid": True}])


class Histories(RuleBasedStateMachine):
    """A process to which anything may happen, on an AWS that may do anything."""

    #: Where DynamoDB is; set before the first history.
    stack: Stack
    indexes: LaggingIndexes

    @initialize(
        limits=st.tuples(limits_ms, limits_ms),
        retries=st.tuples(st.integers(0, 3), st.integers(0, 3)),
        limit=st.sampled_from([None, None, 100_000, 400_000]),
        auto_start=mostly,
        trouble=troubles,
    )
    def start(self, limits, retries, limit, auto_start, trouble):
        self.stack.reset()
        self.indexes.forget()
        self.indexes.lag = timedelta(0)
        self.clock = self.stack.clock
        self.told_trackers = Hinted(self.stack.trackers)
        self.checker = TimeoutCheckerService(self.told_trackers, clock=self.clock, pause=no_pause)
        self.memory = InMemoryProcessRepository()
        trackers = InMemoryStepTrackerRepository(self.memory)
        self.memory_service = ProcessService(self.memory, clock=self.clock, pause=no_pause)
        self.memory_trackers = Hinted(trackers)
        self.memory_checker = TimeoutCheckerService(
            self.memory_trackers, clock=self.clock, pause=no_pause
        )
        asked: dict[str, Any] = {
            "tenant_id": "tenant-1",
            "process_type": "Order",
            "aggregate_type": "Order",
            "aggregate_id": "order-1",
            "steps": [
                ProcessStep(name=name, timeout_ms=each, retries_permitted=permitted)
                for name, each, permitted in zip(["pay", "send"], limits, retries, strict=True)
            ],
            "timeout_ms": limit,
            "auto_start_steps": auto_start,
            "idempotency_key": "order-1",
        }
        self.again = lambda service: service.start_process(**asked)
        self.model = Model(
            {
                name: ModelStep(each, permitted)
                for name, each, permitted in zip(["pay", "send"], limits, retries, strict=True)
            },
            limit,
        )
        self.model.begin(auto_start)
        self.events: list[dict[str, Any]] = []
        self.fired: set[tuple[str, int]] = set()
        self.is_extended: set[str] = set()
        self.read = 0
        self.seen: tuple[Item, Process] | None = None
        self.stream = FaultyStream()
        self.memory_service.start_process(**asked)
        with meet(self.stack.wire, trouble, self.indexes):
            try:
                started = self.again(self.stack.service)
            except StoreError:
                started = None
        self.stack.wire.mend()
        started = started or self.again(self.stack.service)
        self.key = started.key
        self._look(DONE)

    # -- what may happen ---------------------------------------------------------------------

    @rule(name=names, apt=mostly, offset=offsets, trouble=troubles, repeats=st.booleans())
    def a_step_is_started(self, name, apt, offset, trouble, repeats):
        name, step = self._step(name, apt, lambda step: step.next_start() is not None)
        attempt = _named(step.next_start() or step.about(), offset, trouble)
        self._command(
            lambda service: service.start_step(self.key, name, attempt=attempt),
            lambda: self.model.start(name, attempt),
            trouble,
            repeats,
        )

    @rule(
        name=names,
        apt=mostly,
        offset=offsets,
        output=values,
        rarely=st.integers(0, 2),
        trouble=troubles,
        repeats=st.booleans(),
    )
    def a_step_is_completed(self, name, apt, offset, output, rarely, trouble, repeats):
        if rarely < 2 and all(step.state != "completed" for step in self.model.steps.values()):
            return  # or most histories would be over soon
        name, step = self._step(name, apt, lambda step: step.state not in FINAL)
        attempt = _named(step.about(), offset, trouble)
        self._command(
            lambda service: service.complete_step(self.key, name, output, attempt=attempt),
            lambda: self.model.complete(name, attempt, output),
            trouble,
            repeats,
        )

    @rule(
        name=names,
        apt=mostly,
        offset=offsets,
        retry_after=st.sampled_from([0, 1, 5_000, 5_000, 30_000, None]),
        trouble=troubles,
        repeats=st.booleans(),
    )
    def a_step_is_failed(self, name, apt, offset, retry_after, trouble, repeats):
        name, step = self._step(
            name, apt, lambda step: step.state == "in_progress" and step.attempt <= step.permitted
        )
        # What is to be tried again has to be named.
        offset = offset if retry_after is None else offset or 0
        attempt = _named(step.about(), offset, trouble)
        self._command(
            lambda service: service.fail_step(
                self.key, name, "no", attempt=attempt, retry_after_ms=retry_after
            ),
            lambda: self.model.fail(name, attempt, "no", retry_after),
            trouble,
            repeats,
        )

    @rule(
        name=names,
        apt=mostly,
        offset=offsets,
        of_resumption=offsets,
        limit=limits_ms,
        trouble=troubles,
        repeats=st.booleans(),
    )
    def a_step_is_suspended(self, name, apt, offset, of_resumption, limit, trouble, repeats):
        name, step = self._step(name, apt, lambda step: step.state == "in_progress")
        attempt = _named(step.about(), offset, None)
        resumption = _named(step.resumption, of_resumption or 0, trouble, least=0)
        self._command(
            lambda service: service.suspend_step(
                self.key, name, attempt=attempt, resumption=resumption, timeout_ms=limit
            ),
            lambda: self.model.suspend(name, attempt, resumption, limit),
            trouble,
            repeats,
        )

    @rule(
        name=names,
        apt=mostly,
        offset=offsets,
        data=values,
        trouble=troubles,
        repeats=st.booleans(),
    )
    def a_step_is_resumed(self, name, apt, offset, data, trouble, repeats):
        name, step = self._step(name, apt, lambda step: step.state == "waiting")
        resumption = _named(step.resumption + 1, offset or 0, None)
        self._command(
            lambda service: service.resume_step(self.key, name, data, resumption=resumption),
            lambda: self.model.resume(name, resumption, data),
            trouble,
            repeats,
        )

    @rule(
        name=names,
        apt=mostly,
        seconds=st.integers(0, 20),
        offset=offsets,
        trouble=troubles,
        repeats=st.booleans(),
    )
    def a_step_is_alive(self, name, apt, seconds, offset, trouble, repeats):
        self.clock.advance(seconds=seconds)
        name, step = self._step(name, apt, lambda step: step.state == "in_progress")
        attempt = _named(step.about(), offset, trouble)
        self._command(
            lambda service: service.heartbeat(self.key, name, attempt=attempt),
            lambda: self.model.heartbeat(name, attempt),
            trouble,
            repeats,
        )

    @rule(rarely=st.integers(0, 9), trouble=troubles, repeats=st.booleans())
    def something_rare_happens(self, rarely, trouble, repeats):
        if rarely == 9:
            self._command(
                lambda service: service.cancel_process(self.key),
                lambda: self.model.cancel(),
                trouble,
                repeats,
            )
        elif rarely == 8:
            self._command(self.again, lambda: NOTHING, trouble, repeats=True)
        self.clock.advance(milliseconds=rarely)

    @rule(
        seconds=st.sampled_from([0, 5, 5, 10, 30, 60]),
        lag_seconds=st.sampled_from([0, 0, 0, 5, 40]),
        trouble=troubles,
    )
    def a_sweep_comes(self, seconds, lag_seconds, trouble):
        self.clock.advance(seconds=seconds)
        before = self._stored()
        is_due = bool(self.memory.keys_due(self.clock()))
        self.indexes.lag = timedelta(seconds=lag_seconds)
        with meet(self.stack.wire, trouble, self.indexes):
            try:
                swept = self.checker.check_for_timed_out_steps()
                has_failed = bool(swept.failures) or not swept.is_complete
            except StoreError:
                has_failed = True
                self.told_trackers.keys = []
        self.indexes.lag = timedelta(0)
        self.stack.wire.mend()
        self.indexes.answer()

        happened = self._stored().version != before.version
        if not lag_seconds and not has_failed:
            assert bool(self.told_trackers.keys) == is_due, "the two indexes hold something else"
        if has_failed and not happened:
            return
        self.memory_trackers.keys = self.told_trackers.keys
        self.memory_trackers.is_told = True
        self.memory_checker.check_for_timed_out_steps()
        due_at = {name: step.due for name, step in self.model.steps.items()}
        self.model.now = self._now()
        became = self.model.sweep() if self.told_trackers.keys else NOTHING
        self._look(became, is_sweep=True)
        for kind, name, attempt in self.model.told if became == DONE else ():
            if kind == "ProcessStepTimedOut":
                assert name is not None
                assert attempt is not None
                due = due_at[name]
                assert due is not None, "a timeout without a deadline"
                assert due <= self._now(), "a timeout fired early"
                assert (name, attempt) not in self.fired, "an attempt timed out twice"
                self.fired.add((name, attempt))

    @rule(
        split=st.integers(1, 3),
        doubled=st.booleans(),
        failures=st.sampled_from([0, 0, 3, 7]),
        loses_answers=st.booleans(),
    )
    def the_stream_is_read(self, split, doubled, failures, loses_answers):
        self.stream.read(split, doubled=doubled, failures=failures, loses_answers=loses_answers)
        self.stream.check_arrived({self.key.process_id: self.events})

    def teardown(self):
        if not hasattr(self, "key"):
            return
        while self.stream.unread:
            self.the_stream_is_read(3, False, 0, False)
        with self.stack.wire.unwatched():
            check_wake_ups(self.stack.processes(), self.stack.wake_ups())

    # -- what a command is -------------------------------------------------------------------

    def _command(
        self,
        ask: Callable[[ProcessService], Process],
        modelled: Callable[[], str],
        trouble: str | None,
        repeats: bool,
    ) -> None:
        """Asks DynamoDB, in trouble or not, and asks memory and the model where it counts.

        A caller who is not answered repeats the command, or leaves it at that; then it happened
        or did not, and an error that said that nothing happened was right.
        """
        before = self._stored()
        with meet(self.stack.wire, trouble, self.indexes):
            answer = _answer_of(ask, self.stack.service)
        self.stack.wire.mend()
        self.indexes.answer()
        if isinstance(answer, StoreError):
            happened = self._stored().version != before.version
            assert answer.may_have_happened or not happened, "it happened, and was denied"
            if repeats:
                answer = _answer_of(ask, self.stack.service)
                assert not isinstance(answer, StoreError)
            elif not happened:
                assert self._stored() == before
                return
        in_memory = _answer_of(ask, self.memory_service)
        self.model.now = self._now()
        became = modelled()
        expected = None if became in (DONE, NOTHING) else became
        assert _code(in_memory) == expected
        if not isinstance(answer, StoreError):
            assert _code(answer) == expected
            assert _process_of(answer) == self._stored()
        self._look(became)

    def _look(self, became: str, *, is_sweep: bool = False) -> None:
        """Takes note of what happened, and checks that it is what the model says."""
        records = self.stack.records[self.read :]
        self.read += len(records)
        self.stream.unread.extend(records)
        assert len(records) <= 1, "a command is one write"
        if not is_sweep:  # which may move a wake-up, where nothing is due
            assert len(records) == (became == DONE), "written without a change, or not written"
        changed = changed_process(records[0]) if records else None
        told = [] if changed is None else [_told(event) for event in changed.events]
        assert told == (self.model.told if became == DONE else [])
        if changed is not None:
            self.events += json.loads(json.dumps(envelopes(changed)))
            self.is_extended -= {str(name) for _, name, _ in told}
        elif became == DONE:
            self.is_extended |= {
                name for name, step in self.model.steps.items() if step.due is not None
            }
        if records and "OldImage" in records[0]["dynamodb"]:
            old, new = (from_item(records[0]["dynamodb"][n]) for n in ("OldImage", "NewImage"))
            assert new.version == old.version + 1, "versions grow by one"
            if old.state.is_final:
                reopens = old.has_failed() and told and told[-1][0] == "StepStarted"
                assert reopens, "final is final, unless a failed step is retried on purpose"

    # -- what always holds -------------------------------------------------------------------

    @invariant()
    def both_stores_hold_the_same_process(self):
        if hasattr(self, "key"):
            assert self.memory.get(self.key) == self._stored()

    @invariant()
    def it_is_the_process_of_the_model(self):
        if not hasattr(self, "key"):
            return
        process = self._stored()
        assert (process.state, _ms(process.due_at)) == (self.model.state, self.model.due)
        for name, step in process.steps.items():
            expected = self.model.steps[name]
            assert (step.state, step.waits_for) == (expected.state, expected.waits_for)
            assert (step.attempt, _ms(step.due_at)) == (expected.attempt, expected.due)
            assert (step.resumption, step.resumed_early) == (expected.resumption, expected.early)
            assert (step.error, step.output) == (expected.error, expected.output)
            assert step.resume_data == expected.data

    @invariant()
    def what_waits_has_one_wake_up_not_later_than_its_deadline(self):
        if not hasattr(self, "key"):
            return
        needed = self.model.first_deadline()
        in_memory = [_ms(due_at) for due_at, _ in self.memory.keys_due(END_OF_TIME)]
        (item,) = self.stack.items()
        wake_ups = [int(item["due_at"]["N"]) - to_ms(START)] if "due_shard" in item else []
        assert wake_ups == in_memory
        if self.model.state in FINAL:
            assert not wake_ups
        elif needed is not None:
            assert len(wake_ups) == 1
            assert wake_ups[0] <= needed

    @invariant()
    def its_events_tell_the_whole_of_it(self):
        if not hasattr(self, "key"):
            return
        check_history(self._stored(), self.events)
        is_so, told = as_replayed(self._stored()), replayed(self.events)
        for name, step in self._stored().steps.items():
            if step.resumed_early:
                del is_so["steps"][name]["resume_data"], told["steps"][name]["resume_data"]
            if name in self.is_extended:
                del is_so["steps"][name]["due_at"], told["steps"][name]["due_at"]
        assert is_so == told

    # -- small words ---------------------------------------------------------------------------

    def _stored(self) -> Process:
        """What DynamoDB holds; looked at often, so an item is read once."""
        (item,) = self.stack.items()
        if self.seen is None or self.seen[0] is not item:
            self.seen = (item, from_item(item))
        return self.seen[1]

    def _step(
        self, name: str, apt: bool, takes_it: Callable[[ModelStep], bool]
    ) -> tuple[str, ModelStep]:
        """A step: the one of that name, or where wished for the other, if that one is apt."""
        steps = self.model.steps
        (other,) = steps.keys() - {name}
        if apt and not takes_it(steps[name]) and takes_it(steps[other]):
            name = other
        return name, steps[name]

    def _now(self) -> int:
        now = _ms(self.clock())
        assert now is not None
        return now


def _named(current: int, offset: int | None, trouble: str | None, least: int = 1) -> int | None:
    """The attempt or resumption to name; in trouble always one, for it may be repeated."""
    if offset is None and trouble is None:
        return None
    return max(least, current + (offset or 0))


def _answer_of(
    ask: Callable[[ProcessService], Process], service: ProcessService
) -> Process | TrellisError:
    try:
        return ask(service)
    except TrellisError as refused:
        return refused


def _code(answer: Process | TrellisError) -> str | None:
    return answer.code if isinstance(answer, TrellisError) else None


def _process_of(answer: Process | TrellisError) -> Process | None:
    return answer.process if isinstance(answer, Conflict) else answer  # type: ignore[return-value]


def _told(event: Any) -> tuple[str, str | None, int | None]:
    if isinstance(event, StepEvent):
        return event.type, event.step_name, event.attempt
    return event.type, None, None


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment) - to_ms(START)
