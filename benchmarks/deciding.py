"""Deciding: the engine's own time, beside reading the item that it decides about."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.engine import ordered
from benchmarks.report import Section, Table
from benchmarks.surroundings import surroundings
from trellis_process.cost.usage import BEGINNING, PROCESS_ID
from trellis_process.definitions import expressions
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.decide import Trigger, decide
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import AnyStep, ConditionStep, ServiceStep
from trellis_process.domain.engine import commands
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.engine import Engine
from trellis_process.domain.process import Process
from trellis_process.dynamodb.item import from_item, to_item
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository

STEPS = 20
ROUNDS = 7
CALLS = 300
MANY_STEPS = 1_000
GOAL_SECONDS = 1.0


def run() -> tuple[Section, str]:
    """Both sides in turn, in one interpreter."""
    rows = [
        _row("work only", ordered(STEPS)),
        _row("each input an expression", _with_inputs(STEPS)),
        _row("each second one a condition", _with_conditions(STEPS)),
    ]
    registering = {
        "work only": _register(ordered(MANY_STEPS)),
        "each input an expression": _register(_with_inputs(MANY_STEPS)),
    }
    slowest = max(registering.values())
    findings = [f"The goal for {MANY_STEPS:,} steps is {GOAL_SECONDS:g} s at most."]
    if slowest > GOAL_SECONDS:
        findings.append(f"**It was missed: {slowest:.2f} s.**")
    section = Section(
        "Deciding",
        f"Microseconds of CPU for completing the tenth of {STEPS} steps, which begins the next: "
        "`decide` alone on a copy of the process, beside what comes before it in a command: the "
        "item's JSON, of so many bytes, parsed as DynamoDB sends it, and the process made of that. "
        f"Medians of {ROUNDS} rounds of {CALLS}, all sides in turn.",
        [
            Table(
                [f"{STEPS} steps", "decide", "JSON", "times", "process", "bytes"],
                rows,
            ),
            Table(
                [f"{MANY_STEPS:,} steps", "register, seconds"],
                [[name, f"{seconds:.2f}"] for name, seconds in registering.items()],
                "Registering a large definition: checked from scratch, written, kept, read back, "
                "compiled",
            ),
        ],
        findings,
    )
    return section, surroundings("common-expression-language", "pydantic", "pynamodb")


def _row(name: str, definition: ProcessDefinition) -> list[str]:
    engine = Engine(CompiledDefinition(definition, expressions))
    process = _halfway(engine)
    item = to_item(process)
    text = json.dumps({"Item": item})
    step = next(name for name, each in process.steps.items() if each.is_open)

    complete = _completing(step)

    def deciding() -> None:
        for copy in copies:
            decide(engine, copy, complete, BEGINNING)

    def parsing() -> None:
        for _ in range(CALLS):
            json.loads(text)

    def making() -> None:
        for _ in range(CALLS):
            from_item(item)

    times: dict[str, list[float]] = {"decide": [], "parse": [], "make": []}
    for _ in range(ROUNDS):
        copies = [process.copy() for _ in range(CALLS)]
        for side, act in (("decide", deciding), ("parse", parsing), ("make", making)):
            times[side].append(_cpu(act) / CALLS * 1e6)
    decided, parsed, made = (median(each) for each in times.values())
    return [
        name,
        f"{decided:.0f}",
        f"{parsed:.0f}",
        f"{decided / parsed:.1f}",
        f"{made:.0f}",
        f"{len(text):,}",
    ]


def _completing(step: str) -> Trigger:
    return lambda process, now: process.complete_step(step, {"case": "c-77"}, now=now)


def _halfway(engine: Engine) -> Process:
    """A process of which the first half is done."""
    process = commands.start(
        engine.compiled,
        process_id=PROCESS_ID,
        tenant_id="tenant-1",
        input={"amount": 120, "case": "c-77"},
        now=BEGINNING,
    )
    process.saved()
    done = 0
    while done < STEPS // 2 - 1:
        step = next(name for name, each in process.steps.items() if each.is_open)
        decide(engine, process, _completing(step), BEGINNING)
        process.saved()
        done = sum(each.state.is_done for each in process.steps.values())
    return process


def _with_inputs(steps: int) -> ProcessDefinition:
    return _of(
        ServiceStep(
            f"step_{n:03}",
            service="Cases.create",
            timeout="600s",
            inputs={
                "case": "input.case" if n == 0 else f"steps.step_{n - 1:03}.output.case",
                "amount": f"input.amount * 2 + {n}",
            },
        )
        for n in range(steps)
    )


def _with_conditions(steps: int) -> ProcessDefinition:
    return _of(
        ConditionStep(f"step_{n:03}", condition=f"input.amount > {n}")
        if n % 2
        else ServiceStep(f"step_{n:03}", service="Cases.create", timeout="600s")
        for n in range(steps)
    )


def _of(steps: Any) -> ProcessDefinition:
    listed: tuple[AnyStep, ...] = tuple(steps)
    return ProcessDefinition(
        "CaseCreation", version=1, inputs={"amount": "number", "case": "string"}, steps=listed
    )


def _register(definition: ProcessDefinition) -> float:
    catalog = DefinitionCatalog(InMemoryDefinitionRepository())

    def register() -> None:
        catalog.register(definition)
        catalog.to_start(definition.process, None)

    return _cpu(register)


def _cpu(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began
