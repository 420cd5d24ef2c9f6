"""Scenarios: what is done to a stack, once for each thing that can be asked of it.

A command is written once, as a message of the queue has it, and done in every way there is: by the
service in a program, over HTTP and through the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.proof.stack import Stack
from tests.proof.wire import Exchange, some_entries_failed
from trellis_process import Process, ProcessKey, ProcessStep
from trellis_process.application.start_request import process_id_for
from trellis_process.commands import read_command, run
from trellis_process.dynamodb import schema

KEY = "journey"
ACTOR = "case-service"
PROCESS = ProcessKey("tenant-1", process_id_for("tenant-1", KEY))
START = {
    "command": "StartProcess",
    "tenant_id": PROCESS.tenant_id,
    "process_type": "Referral",
    "aggregate_type": "Referral",
    "aggregate_id": "ref-1",
    "steps": [{"name": "pay", "timeout_ms": 30_000, "retries_permitted": 2}, {"name": "send"}],
    "timeout_ms": 3_600_000,
    "idempotency_key": KEY,
}

Preparation = Callable[[Stack], object]


@dataclass(frozen=True)
class Scenario:
    """Something done to a stack that was prepared for it."""

    name: str
    prepare: Preparation
    #: Does it; the function that does it tells whether it was dealt with, or is to run again.
    begin: Callable[[Stack], Callable[[], bool]]
    #: What may differ from a run in which nothing failed.
    may_differ: frozenset[str] = field(default=frozenset())

    def __str__(self) -> str:
        return self.name


def scenarios() -> list[Scenario]:
    """Every scenario there is."""
    commands = [
        Scenario(f"{name} {way}", prepare, partial(begin, said=command_named(said)))
        for name, (prepare, said) in COMMANDS.items()
        for way, begin in WAYS.items()
    ]
    return [*commands, *OTHERS]


# -- commands --------------------------------------------------------------------------------


def nothing(_stack: Stack) -> None:
    """An empty table."""


def started(stack: Stack, *done: tuple[str, dict[str, Any]]) -> None:
    """A process whose step pay was started, and what was done since, a second apart each."""
    by_service(stack, START)()
    for name, said in (("StartStep", {"step_name": "pay"}), *done):
        stack.clock.advance(seconds=1)
        by_service(stack, command_named((name, said)))()
    stack.clock.advance(seconds=1)


def after(*done: tuple[str, dict[str, Any]]) -> Preparation:
    return lambda stack: started(stack, *done)


PAY = {"step_name": "pay", "attempt": 1}
SUSPENDED = ("SuspendStep", PAY | {"resumption": 0, "timeout_ms": 60_000})
RESUMED = ("ResumeStep", {"step_name": "pay", "resumption": 1, "data": {"paid": True}})
FAILED = ("FailStep", PAY | {"error": "insurer does not answer"})
SENT = ("CompleteStep", {"step_name": "send", "output": {"id": 7}})

#: What is prepared, and what is then asked. Each names what it is about, as one that is repeated
#: without knowing what became of it has to.
COMMANDS: dict[str, tuple[Preparation, tuple[str, dict[str, Any]]]] = {
    "a start": (nothing, ("StartProcess", START | {"auto_start_steps": True})),
    "a step's start": (after(), ("StartStep", {"step_name": "send", "attempt": 1})),
    "a retry on purpose": (after(FAILED), ("StartStep", {"step_name": "pay", "attempt": 2})),
    "a retry before its time": (
        after((FAILED[0], FAILED[1] | {"retry_after_ms": 5_000})),
        ("StartStep", {"step_name": "pay", "attempt": 2}),
    ),
    "a completion": (after(), ("CompleteStep", PAY | {"output": {"receipt": "r-1"}})),
    "the last completion": (after(SENT), ("CompleteStep", PAY)),
    "a failure": (after(), FAILED),
    "a failure to be retried": (after(), (FAILED[0], FAILED[1] | {"retry_after_ms": 5_000})),
    "a failure retried at once": (after(), (FAILED[0], FAILED[1] | {"retry_after_ms": 0})),
    "a suspension": (after(), SUSPENDED),
    "a suspension after its resumption": (after(RESUMED), SUSPENDED),
    "a resumption": (after(SUSPENDED), RESUMED),
    "a resumption before its suspension": (after(), RESUMED),
    "a heartbeat": (after(), ("Heartbeat", PAY)),
    "a cancellation": (after(), ("CancelProcess", {"reason": "withdrawn"})),
}


def command_named(said: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A command on the process of these tests, as a message has it."""
    name, words = said
    about = {"tenant_id": PROCESS.tenant_id}
    if name != "StartProcess":
        about["process_id"] = PROCESS.process_id
    return {"command": name, **about, **words}


def by_service(stack: Stack, said: dict[str, Any]) -> Callable[[], bool]:
    """In a program of one's own; the caller repeats what raised."""

    def act() -> bool:
        run(read_command(said), stack.service, actor=ACTOR)
        return True

    return act


VERBS = {
    "StartStep": "start",
    "CompleteStep": "complete",
    "FailStep": "fail",
    "SuspendStep": "suspend",
    "ResumeStep": "resume",
    "Heartbeat": "heartbeat",
}


def over_http(stack: Stack, said: dict[str, Any]) -> Callable[[], bool]:
    """By a request, which the caller repeats where the answer says so or none came."""
    beside = {"command", "tenant_id", "process_id", "step_name", "idempotency_key"}
    body = {name: value for name, value in said.items() if name not in beside}
    path = f"/tenants/{PROCESS.tenant_id}/processes"
    if said["command"] == "CancelProcess":
        path += f"/{PROCESS.process_id}/cancel"
    elif said["command"] != "StartProcess":
        path += f"/{PROCESS.process_id}/steps/{said['step_name']}/{VERBS[said['command']]}"
    return partial(stack.request, path, body, said.get("idempotency_key"))


def through_the_queue(stack: Stack, said: dict[str, Any]) -> Callable[[], bool]:
    """By a message, which SQS delivers again until it is dealt with."""
    return partial(stack.receive, {"message-1": said})


WAYS: dict[str, Callable[..., Callable[[], bool]]] = {
    "in a program": by_service,
    "over HTTP": over_http,
    "through the queue": through_the_queue,
}


# -- everything else -------------------------------------------------------------------------


def a_lost_race(stack: Stack) -> Callable[[], bool]:
    """A completion before whose write somebody else changes the process."""
    theirs = by_service(stack, command_named(SENT))
    mine = by_service(stack, command_named(("CompleteStep", PAY)))
    came: list[bool] = []

    def first_they(exchange: Exchange) -> Any:
        if not came:
            with stack.wire.unwatched():
                came.append(theirs())
        return exchange.perform()

    def act() -> bool:
        stack.wire.always("PutItem", first_they)
        return mine()

    return act


def messages_one_refused(stack: Stack) -> Callable[[], bool]:
    """A batch of the queue, in which one message is refused and put aside."""
    wrong = command_named(("StartStep", {"step_name": "pay", "attempt": 99}))
    right = command_named(("CompleteStep", PAY))
    return partial(stack.receive, {"message-1": wrong, "message-2": right})


def everything_is_due(stack: Stack) -> None:
    """Processes with all that can be due at once, and one that wakes before anything is."""
    ways: dict[str, tuple[ProcessStep, list[tuple[str, dict[str, Any]]]]] = {
        "retried": (_slow(retries=1), []),
        "failed": (_slow(retries=0), []),
        "backoff": (_slow(retries=1), [("FailStep", PAY | {"error": "x", "retry_after_ms": 9})]),
        "unresumed": (_slow(retries=1), [("SuspendStep", PAY | {"timeout_ms": 20})]),
        "resumed": (_slow(retries=1), [RESUMED]),
        "early": (_slow(retries=1), [("CompleteStep", PAY)]),
    }
    for number, (name, (step, done)) in enumerate(ways.items()):
        process = _start(stack, name, step, ProcessStep(name="send", timeout_ms=80_000))
        for command, words in done:
            said = command_named((command, words)) | {"process_id": process.process_id}
            by_service(stack, said)()
        stack.clock.advance(milliseconds=number)
    _start(stack, "late", _slow(retries=1), timeout_ms=10_000)
    stack.clock.advance(seconds=40)


def a_bus_to_reach(stack: Stack, *, refuses: bool = False) -> Callable[[], bool]:
    """A batch of the stream; once the bus takes part of a request, and where said never one."""
    fault = some_entries_failed({1})
    stack.wire.fail_at("PutEvents", 2, fault)
    if refuses:
        stack.wire.fail_at("PutEvents", 3, some_entries_failed({0}, "MalformedDetail"))
    return partial(stack.publish, stack.unread)


def a_damaged_table(stack: Stack) -> None:
    """Processes that wait, of which two have lost their wake-up."""
    for name in ("one", "two", "three"):
        process = _start(stack, name, _slow(retries=1))
        if name != "three":
            _damage(stack, process)


def _damage(stack: Stack, process: Process) -> None:
    hash_key = schema.hash_key(process.key)
    (item,) = (item for item in stack.items() if item["pk"]["S"] == hash_key)
    damaged = {name: value for name, value in item.items() if name != "due_shard"}
    with stack.wire.unwatched():
        stack.client.put_item(TableName=stack.table.name, Item=damaged)


def _slow(*, retries: int) -> ProcessStep:
    return ProcessStep(name="pay", timeout_ms=30_000, retries_permitted=retries)


def _start(stack: Stack, name: str, *steps: ProcessStep, timeout_ms: int | None = None) -> Process:
    return stack.service.start_process(
        tenant_id=PROCESS.tenant_id,
        process_type="Referral",
        aggregate_type="Referral",
        aggregate_id=name,
        steps=steps,
        timeout_ms=timeout_ms,
        auto_start_steps=True,
        idempotency_key=name,
    )


def a_batch_of_commands(stack: Stack) -> Callable[[], bool]:
    """Several commands in one request; the caller repeats them all where one was not taken."""
    commands = [command_named(each) for each in (SUSPENDED, RESUMED, SENT)]
    path = f"/tenants/{PROCESS.tenant_id}/batch"
    return partial(stack.request, path, {"commands": commands})


def _swept(stack: Stack) -> None:
    everything_is_due(stack)
    stack.sweep()


OTHERS = [
    Scenario("a completion that loses a race", after(), a_lost_race),
    Scenario("a batch of messages", after(), messages_one_refused),
    Scenario("a sweep", everything_is_due, lambda stack: stack.sweep),
    Scenario("a batch of the stream", _swept, a_bus_to_reach),
    Scenario(
        "a batch of the stream that the bus does not take whole",
        _swept,
        partial(a_bus_to_reach, refuses=True),
        may_differ=frozenset({"undelivered"}),
    ),
    # Mended twice, a wake-up comes another millisecond earlier.
    Scenario(
        "an audit",
        a_damaged_table,
        lambda stack: stack.go_through,
        may_differ=frozenset({"version", "wake_up_at"}),
    ),
]


def commands_covered() -> Iterator[str]:
    """The commands that a scenario does."""
    return (said[0] for _, said in COMMANDS.values())
