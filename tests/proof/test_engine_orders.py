"""Two at one process of a definition, in every order of their calls: as one after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.proof.engine_scenarios import (
    ASKS,
    BY_KEY,
    CHILD,
    DEFINITIONS,
    FAN,
    ITEMS,
    LINE,
    PARENT,
    PART,
    SCHEDULE_KEY,
    STRICT,
    TENANT,
    UNDONE,
    WAITS,
    key_of,
    part_of,
    run_of,
)
from tests.proof.engine_worlds import World
from tests.proof.stack import Stack
from tests.proof.turns import ORDERS, ProcessesInTurn, TrackersInTurn, Turns, both
from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    ProcessKey,
    TrellisError,
)
from trellis_process.application.event_service import EventService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.engine import items
from trellis_process.domain.own_services import RUNS, SCHEDULE
from trellis_process.domain.process import Parent
from trellis_process.domain.schedule.terms import ScheduleTerms
from trellis_process.dynamodb import DynamoDBProcessRepository, DynamoDBStepTrackerRepository
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.noted_events import InMemoryNotedEvents
from trellis_process.testing import START

Act = Callable[[World], object]


def start(definition: str, **given: Any) -> Act:
    told = {"items": ITEMS} | given
    return lambda world: world.service.start(definition, tenant_id=TENANT, input=told, key=BY_KEY)


def complete(key: ProcessKey, step: str, **more: Any) -> Act:
    return lambda world: world.service.complete_step(key, step, {"ok": True}, attempt=1, **more)


def fail(key: ProcessKey, step: str) -> Act:
    return lambda world: world.service.fail_step(key, step, "it broke", attempt=1)


def fail_again(key: ProcessKey, step: str) -> Act:
    return lambda world: world.service.fail_step(key, step, "it broke", attempt=2)


def cancel(key: ProcessKey, **more: Any) -> Act:
    return lambda world: world.service.cancel_process(key, **more)


def claim(by: str) -> Act:
    return lambda world: world.service.claim_task(ASKS, "review", by=by)


def swept(world: World) -> None:
    world.checker.check_for_timed_out_steps()


def signalled(world: World) -> None:
    world.service.signal(WAITS, "paid", {"n": 1}, signal_id="s-1")


def child_begun(world: World) -> None:
    parent = world.service.get_process(TENANT, PARENT.process_id)
    world.service.start_child(parent, TOLD, CHILD.process_id, "line", None)


def child_reported(world: World) -> None:
    child = world.service.get_process(TENANT, CHILD.process_id)
    world.service.child_ended(PARENT, TOLD, child)


def retry(key: ProcessKey, step: str) -> Act:
    return lambda world: world.service.retry_step(key, step)


def suspend(key: ProcessKey) -> Act:
    return lambda world: world.service.suspend_process(key)


def told_of(kind: str, key: ProcessKey, **more: Any) -> Act:
    """An event about a process with children, or about a child, is dealt with."""
    event = {"type": kind, "tenant_id": TENANT, "process_id": key.process_id} | more
    return lambda world: world.children.handle(event)


def part_asked_for(whole: str, part: int, round_: int | None = None) -> Act:
    child_id = part_of(whole, part).process_id
    told = {"step_name": "all", "attempt": 1, "part": part, "child_id": child_id, "round": round_}
    return told_of("ChildRequested", key_of(whole), **told)


def part_called_off(whole: str, part: int, **more: Any) -> Act:
    told = {"step_name": "all", "attempt": 1, "child_id": part_of(whole, part).process_id} | more
    return told_of("ChildCancellationRequested", key_of(whole), **told)


def part_ended(whole: str, part: int) -> Act:
    key = part_of(whole, part)
    return told_of("ProcessCompleted", key, parent={"process_id": key_of(whole).process_id})


def put_schedule(**more: Any) -> Act:
    terms = ScheduleTerms("line", **({"every": "1h"} | more))
    return lambda world: world.service.schedules.put(TENANT, "hourly", terms)


def run_now(number: int) -> Act:
    return lambda world: world.service.schedules.start_run(
        TENANT, "hourly", request_id=f"r-{number}"
    )


def run_asked_for(number: int) -> Act:
    told = {"step_name": RUNS, "attempt": number, "child_id": run_of(number).process_id}
    return told_of("ChildRequested", SCHEDULE_KEY, process_type=SCHEDULE, **told)


def run_called_off(number: int) -> Act:
    told = {"step_name": RUNS, "attempt": number, "child_id": run_of(number).process_id}
    return told_of("ChildCancellationRequested", SCHEDULE_KEY, process_type=SCHEDULE, **told)


def run_ended(number: int) -> Act:
    parent = {"process_id": SCHEDULE_KEY.process_id, "step_name": RUNS}
    return told_of("ProcessCancelled", run_of(number), parent=parent)


def paused(world: World) -> None:
    world.service.schedules.pause(TENANT, "hourly")


def received(event_id: str) -> Act:
    event = {
        "id": event_id,
        "source": "shop",
        "detail-type": "Ordered",
        "detail": {"tenant_id": TENANT, "order": BY_KEY},
    }
    return lambda world: EventService(
        world.service, world.catalog, InMemoryNotedEvents(), clock=world.clock
    ).handle(event)


def start_next(world: World) -> None:
    world.service.start("line", tenant_id=TENANT, key=BY_KEY, on_duplicate="new_if_finished")


#: A run under way, while another waits for its end, or for it to be cancelled.
QUEUED_RUN = [put_schedule(overlap="queue"), run_now(1), run_asked_for(1), run_now(2)]
STOPPING_RUN = [put_schedule(overlap="cancel_previous"), run_now(1), run_now(2)]
TOLD = Parent(process_id=PARENT.process_id, step_name="run", attempt=1)
ENDED_CHILD = [
    start("parent"),
    child_begun,
    *(complete(CHILD, name) for name in ("pay", "ship", "close")),
]
FAILED_CHILD = [
    start("parent"),
    child_begun,
    fail(CHILD, "pay"),
    child_reported,
]
#: Two parts under way, of each of which the first item is packed.
PACKED = [
    start("undone_bulk"),
    *(part_asked_for("undone_bulk", part) for part in (0, 1)),
    complete(part_of("undone_bulk", 0), "pack:0"),
    complete(part_of("undone_bulk", 1), "pack:2"),
]
UNDOING = [*PACKED, cancel(UNDONE, compensate=True)]
#: The first part has failed, and the other was given up.
FAILED_PART = [
    start("strict_bulk"),
    *(part_asked_for("strict_bulk", part) for part in (0, 1)),
    complete(part_of("strict_bulk", 1), "pack:2"),
    fail(part_of("strict_bulk", 0), "pack:0"),
    part_ended("strict_bulk", 0),
]
FANNED = [start("fan"), complete(FAN, "first")]
FAILING = [*FANNED, complete(FAN, "a"), complete(FAN, "b"), fail(FAN, "c")]

#: What is done before, how many seconds then pass, and which two meet.
PAIRS: dict[str, tuple[list[Act], int, Act, Act]] = {
    "two starts of the next one of a key": (
        [start("line"), cancel(LINE)],
        0,
        start_next,
        start_next,
    ),
    "two events that start one process": ([], 0, received("e-1"), received("e-2")),
    "an event twice": ([], 0, received("e-1"), received("e-1")),
    "two sweeps at a schedule's time": ([put_schedule()], 3_600, swept, swept),
    "a schedule's time and its pause": ([put_schedule()], 3_600, swept, paused),
    "a schedule's time and other terms": (
        [put_schedule()],
        3_600,
        swept,
        put_schedule(every="2h"),
    ),
    "the ends of a run, told twice": (
        [*QUEUED_RUN, cancel(run_of(1))],
        0,
        run_ended(1),
        run_ended(1),
    ),
    "a run's end and one that is wanted now": (
        [*QUEUED_RUN, cancel(run_of(1))],
        0,
        run_ended(1),
        run_now(3),
    ),
    "a run's start and its cancellation": (
        STOPPING_RUN,
        0,
        run_asked_for(1),
        run_called_off(1),
    ),
    "two who start a run": ([put_schedule(), run_now(1)], 0, run_asked_for(1), run_asked_for(1)),
    "two starts with one key": ([], 0, start("line"), start("line", big=True)),
    "the ends of the last two branches": (
        [*FANNED, complete(FAN, "a")],
        0,
        complete(FAN, "b"),
        complete(FAN, "c"),
    ),
    "a completion and a failure that cancels it": (FANNED, 0, complete(FAN, "a"), fail(FAN, "b")),
    "two failures side by side": ([*FANNED, complete(FAN, "a")], 0, fail(FAN, "b"), fail(FAN, "c")),
    "a signal and the end of its time": ([start("waits")], 3_600, signalled, swept),
    "a signal twice": ([start("waits")], 0, signalled, signalled),
    "two items' ends": (
        [start("few")],
        0,
        complete(key_of("few"), "pack:0"),
        complete(key_of("few"), "pack:1"),
    ),
    "two claims": ([start("asks")], 0, claim("anna"), claim("bert")),
    "an escalation and an outcome": (
        [start("asks")],
        3_600,
        swept,
        complete(ASKS, "review", outcome="yes"),
    ),
    "the end of a task's time and an outcome": (
        [start("asks")],
        7_200,
        swept,
        complete(ASKS, "review", outcome="no"),
    ),
    "two outcomes": (
        [start("asks")],
        0,
        complete(ASKS, "review", outcome="yes"),
        complete(ASKS, "review", outcome="no"),
    ),
    "a cancellation and a completion": (
        [start("line")],
        0,
        cancel(LINE, compensate=True),
        complete(LINE, "pay"),
    ),
    "a cancellation and a compensation's end": (
        FAILING,
        0,
        cancel(FAN, compensate=True),
        complete(FAN, "undo:b"),
    ),
    "a compensation's end twice": (FAILING, 0, complete(FAN, "undo:b"), complete(FAN, "undo:b")),
    "a compensation's timeout and its end": (FAILING, 60, swept, complete(FAN, "undo:b")),
    "a retry's timeout and a late success": ([start("line")], 30, swept, complete(LINE, "pay")),
    "a suspension and a timeout": ([start("line")], 30, suspend(LINE), swept),
    "a suspension and a completion": (
        [start("line")],
        0,
        lambda world: world.service.suspend_process(LINE),
        complete(LINE, "pay"),
    ),
    "a resumption and a completion": (
        [start("line"), lambda world: world.service.suspend_process(LINE)],
        0,
        lambda world: world.service.resume_process(LINE),
        complete(LINE, "pay"),
    ),
    "a cancellation and a child's end": (ENDED_CHILD, 0, cancel(PARENT), child_reported),
    "a child's end twice": (ENDED_CHILD, 0, child_reported, child_reported),
    "two starts of one child": ([start("parent")], 0, child_begun, child_begun),
    "a child's retry and its parent's": (
        FAILED_CHILD,
        0,
        retry(CHILD, "pay"),
        retry(PARENT, "run"),
    ),
    "the news that a child goes on, and that it has ended": (
        [*FAILED_CHILD, retry(CHILD, "pay"), fail_again(CHILD, "pay")],
        0,
        told_of("ProcessReopened", CHILD, parent={}),
        child_reported,
    ),
    "the starts of two parts": (
        [start("slow_bulk")],
        0,
        part_asked_for("slow_bulk", 0),
        part_asked_for("slow_bulk", 1),
    ),
    "the suspension of a whole and the start of a part": (
        [start("slow_bulk")],
        0,
        suspend(key_of("slow_bulk")),
        part_asked_for("slow_bulk", 0),
    ),
    "the undoing of a part and the end of an item": (
        UNDOING,
        0,
        part_called_off("undone_bulk", 0, compensate=True),
        complete(part_of("undone_bulk", 0), "pack:1"),
    ),
    "the undoing of a part, asked for twice": (
        UNDOING,
        0,
        part_called_off("undone_bulk", 0, compensate=True),
        part_called_off("undone_bulk", 0, compensate=True),
    ),
    "the ends of two parts": (
        [
            *PACKED,
            complete(part_of("undone_bulk", 0), "pack:1"),
            complete(part_of("undone_bulk", 1), "pack:3"),
        ],
        0,
        part_ended("undone_bulk", 0),
        part_ended("undone_bulk", 1),
    ),
    "the ends of two parts' undoing": (
        [
            *UNDOING,
            *(part_called_off("undone_bulk", part, compensate=True) for part in (0, 1)),
            complete(part_of("undone_bulk", 0), "undo:pack:0"),
            complete(part_of("undone_bulk", 1), "undo:pack:2"),
        ],
        0,
        part_ended("undone_bulk", 0),
        part_ended("undone_bulk", 1),
    ),
    "a part tried again with its whole and by a person": (
        [*FAILED_PART, retry(STRICT, "all")],
        0,
        part_asked_for("strict_bulk", 0, round_=1),
        retry(part_of("strict_bulk", 0), "pack:0"),
    ),
    "a part called off late and asked for again": (
        [*FAILED_PART, retry(STRICT, "all")],
        0,
        part_called_off("strict_bulk", 1),
        part_asked_for("strict_bulk", 1, round_=1),
    ),
}


@pytest.mark.parametrize("store", ["memory", "dynamodb"])
@pytest.mark.parametrize("pair", PAIRS)
def test_two_at_once_end_as_one_after_the_other(
    pair: str,
    store: str,
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(items, "PART", PART)
    catalog = DefinitionCatalog(InMemoryDefinitionRepository())
    for definition in DEFINITIONS:
        catalog.register(definition)
    end = partial(_end, PAIRS[pair], store, stack, catalog)
    one_after_the_other = [end("AAAAA"), end("BBBBB")]

    ends = {order: end(order) for order in ORDERS}

    assert {order: each for order, each in ends.items() if each not in one_after_the_other} == {}
    assert all(each in ends.values() for each in one_after_the_other), "an order that matters"
    record_property("covered", f"{len(ORDERS)} orders of two at one process of a definition")


def _end(
    pair: tuple[list[Act], int, Act, Act],
    store: str,
    stack: Stack,
    catalog: DefinitionCatalog,
    order: str,
) -> tuple[Any, ...]:
    """How a pair ends: every process as stored, with its latest events, and what each was told."""
    before, seconds, *acts = pair
    stack.reset()
    clock = stack.clock
    processes: Any
    trackers: Any
    if store == "memory":
        processes = InMemoryProcessRepository()
        trackers = InMemoryStepTrackerRepository(processes)
    else:
        processes = DynamoDBProcessRepository(stack.table)
        trackers = DynamoDBStepTrackerRepository(stack.table)
    alone = World(processes, trackers, catalog, clock)
    for each in before:
        each(alone)
    clock.set(START)
    clock.advance(seconds=seconds)

    turns = Turns(order)
    worlds = [
        World(
            ProcessesInTurn(processes, turns, who),
            TrackersInTurn(trackers, turns, who),
            catalog,
            clock,
        )
        for who in "AB"
    ]
    results = both(
        turns,
        {who: partial(act, world) for who, act, world in zip("AB", acts, worlds, strict=True)},
    )
    codes = []
    for who in "AB":
        assert not isinstance(results[who], Exception) or isinstance(results[who], TrellisError), (
            results[who]
        )
        codes.append(getattr(results[who], "code", None))
    found = alone.service.list_processes(TENANT).processes
    return sorted(found, key=lambda process: process.process_id), codes
