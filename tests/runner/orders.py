"""What the tests of the runner are about: small definitions, and who does their work."""

from __future__ import annotations

from typing import Any

from trellis_process import ManualClock, Process
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.steps import ServiceStep
from trellis_process.runner import Runner, Store


def service(name: str, **more: Any) -> ServiceStep:
    """A step that a service of its own name does."""
    return ServiceStep(name, **({"service": f"Services.{name}"} | more))


def undo(name: str) -> Compensation:
    """A compensation that a service of its own name does."""
    return Compensation(name, service=f"Services.{name}")


def a_definition(*steps: Any, name: str = "order", **more: Any) -> ProcessDefinition:
    return ProcessDefinition(name, version=1, steps=steps, **more)


def a_runner(*definitions: ProcessDefinition, store: Store | None = None, **more: Any) -> Runner:
    """A runner whose clock is to be moved, which knows these definitions."""
    runner = Runner(store=store, clock=more.pop("clock", None) or ManualClock(), **more)
    for definition in definitions:
        runner.register(definition)
    return runner


def does(runner: Runner, *names: str, output: Any = None) -> list[str]:
    """Has the runner do the work of these services; the list says what was done."""
    done: list[str] = []

    def work(ctx: Any) -> Any:
        done.append(ctx.step_name)
        return output

    for name in names:
        runner.service(f"Services.{name}")(work)
    return done


def started(runner: Runner, name: str = "order", **more: Any) -> Process:
    return runner.start(name, **({"tenant_id": "t"} | more))


def as_stored(runner: Runner, process: Process) -> Process:
    return runner.engine.get_process(process.tenant_id, process.process_id)


def told(runner: Runner, process: Process) -> list[str]:
    """The events of a process: their types, and the steps that they are about."""
    return [
        f"{event['type']} {event.get('step_name', '')}".strip() for event in runner.history(process)
    ]
