"""Journeys: what the soak's processes are, and what their services will ask, all from one seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

TENANTS = ("tenant-north", "tenant-south", "tenant-east", "tenant-west")
BY_QUEUE = 0.25  # of the commands; the others go over HTTP
SAID_TWICE = 0.1  # of the commands
LONG_MS = 3_600_000  # a deadline that no soak reaches


@dataclass(frozen=True)
class Command:
    """One command of a journey: what, about which step, and how long after the one before."""

    name: str  # of this command, unique in the soak; it travels in the events as their reason
    verb: str
    step: str | None
    pause_s: float
    by_queue: bool
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Journey:
    """One process from its start to whatever its services leave it at."""

    number: int
    tenant_id: str
    aggregate_id: str
    asked: dict[str, Any]  # the body of its start
    commands: list[Command]


def journey(seed: int, number: int) -> Journey:
    """The journey of that number: the same for the same seed, however the soak goes."""
    chance = random.Random(f"{seed}/{number}")
    names = [f"step_{n}" for n in range(1, chance.choice((1, 2, 2, 3, 4)) + 1)]
    steps: list[dict[str, Any]] = []
    asks: list[tuple[float, str, str | None, dict[str, Any]]] = []
    for name in names:
        way = chance.choice(_WAYS)
        limits, of_step = way(chance)
        steps.append({"name": name, **limits})
        asks += [(pause, verb, name, said) for pause, verb, said in of_step]
    asked: dict[str, Any] = {"steps": steps, "auto_start_steps": chance.random() < 0.15}
    if chance.random() < 0.2:
        asked["timeout_ms"] = chance.choice((20_000, LONG_MS))
    if chance.random() < 0.08:
        at = chance.randrange(len(asks) + 1)
        asks.insert(at, (chance.uniform(0, 3), "cancel", None, {}))
    asked |= {"process_type": chance.choice(("Referral", "Claim")), "metadata": {"n": number}}
    commands: list[Command] = []
    for pause, verb, step, said in asks:
        times = 2 if chance.random() < SAID_TWICE else 1
        by_queue = chance.random() < BY_QUEUE
        for n in range(times):
            label = f"c-{seed}-{number}-{len(commands)}"
            commands.append(Command(label, verb, step, 0.0 if n else pause, by_queue, said))
    return Journey(number, chance.choice(TENANTS), f"j-{seed}-{number}", asked, commands)


# -- The ways in which a step goes ---------------------------------------------------------------
# Each gives the step's limits, and what is asked: the pause before, the command, what it says.

_Ask = tuple[float, str, dict[str, Any]]
_Way = tuple[dict[str, Any], list[_Ask]]


def _think(chance: random.Random) -> float:
    return chance.uniform(0.2, 4.0)


def _done(chance: random.Random) -> dict[str, Any]:
    return {"output": {"receipt": chance.randrange(10**6)}}


def _plain(chance: random.Random) -> _Way:
    limits = {} if chance.random() < 0.4 else {"timeout_ms": LONG_MS}
    return limits, [
        (_think(chance), "start", {}),
        (_think(chance), "complete", _done(chance)),
    ]


def _only_the_end(chance: random.Random) -> _Way:
    return {}, [(_think(chance), "complete", _done(chance))]


def _alive(chance: random.Random) -> _Way:
    beats: list[_Ask] = [
        (chance.uniform(1, 4), "heartbeat", {}) for _ in range(chance.randint(2, 5))
    ]
    return {"timeout_ms": 10_000, "retries_permitted": 1}, [
        (_think(chance), "start", {}),
        *beats,
        (_think(chance), "complete", _done(chance)),
    ]


def _hung(chance: random.Random) -> _Way:
    retries = chance.randint(0, 2)
    limits = {"timeout_ms": chance.randint(500, 5_000), "retries_permitted": retries}
    return limits, [(_think(chance), "start", {})]


def _slow(chance: random.Random) -> _Way:
    limits = {"timeout_ms": chance.randint(1_000, 5_000), "retries_permitted": 3}
    return limits, [
        (_think(chance), "start", {}),
        (chance.uniform(5, 60), "complete", {"attempt": 1, **_done(chance)}),
    ]


def _tried_again(chance: random.Random) -> _Way:
    delay = chance.choice((0, 500, 3_000))
    return {"retries_permitted": 2, "timeout_ms": LONG_MS}, [
        (_think(chance), "start", {}),
        (_think(chance), "fail", {"error": "busy", "retry_after_ms": delay, "attempt": 1}),
        (_think(chance), "start", {"attempt": 2}),
        (_think(chance), "complete", _done(chance)),
    ]


def _left_to_its_backoff(chance: random.Random) -> _Way:
    return {"retries_permitted": 1}, [
        (_think(chance), "start", {}),
        (_think(chance), "fail", {"error": "busy", "retry_after_ms": 1_000, "attempt": 1}),
        (chance.uniform(30, 70), "complete", _done(chance)),
    ]


def _failed(chance: random.Random) -> _Way:
    return {}, [
        (_think(chance), "start", {}),
        (_think(chance), "fail", {"error": "no such member", "attempt": 1}),
    ]


def _failed_and_reopened(chance: random.Random) -> _Way:
    return {}, [
        (_think(chance), "start", {}),
        (_think(chance), "fail", {"error": "no such member", "attempt": 1}),
        (_think(chance), "start", {"attempt": 2}),
        (_think(chance), "complete", _done(chance)),
    ]


def _suspended(chance: random.Random) -> _Way:
    limits = {} if chance.random() < 0.5 else {"timeout_ms": 30_000}
    return limits, [
        (_think(chance), "start", {}),
        (_think(chance), "suspend", {"resumption": 0}),
        (_think(chance), "resume", {"resumption": 1, "data": {"signed": True}}),
        (_think(chance), "complete", _done(chance)),
    ]


def _resumed_early(chance: random.Random) -> _Way:
    return {}, [
        (_think(chance), "start", {}),
        (_think(chance), "resume", {"resumption": 1, "data": {"signed": True}}),
        (_think(chance), "suspend", {"resumption": 0, "timeout_ms": LONG_MS}),
        (_think(chance), "complete", _done(chance)),
    ]


def _never_resumed(chance: random.Random) -> _Way:
    wait = chance.choice((2_000, LONG_MS))
    return {"retries_permitted": 1}, [
        (_think(chance), "start", {}),
        (_think(chance), "suspend", {"resumption": 0, "timeout_ms": wait}),
    ]


_WAYS = (
    *(_plain,) * 4,
    *(_alive, _hung, _slow, _suspended) * 2,
    _only_the_end,
    _tried_again,
    _left_to_its_backoff,
    _failed,
    _failed_and_reopened,
    _resumed_early,
    _never_resumed,
)
