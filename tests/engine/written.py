"""Definitions as people write them, followed in memory with a clock to move."""

from __future__ import annotations

from datetime import datetime
from textwrap import dedent
from typing import Any

from trellis_process import ManualClock, Process
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.runner import Runner
from trellis_process.testing import START

__all__ = ["START", "Written", "journey"]


def journey(text: str, name: str = "journey", version: int = 1) -> str:
    """A document of that name and version, which goes on as the text says."""
    return f"process: {name}\nversion: {version}\n{dedent(text)}"


class Written:
    """An engine that knows these documents; nobody does any work but who reports it here."""

    def __init__(self, *documents: str) -> None:
        self.clock = ManualClock()
        self.runner = Runner(clock=self.clock, allow_missing=True)
        self.engine = self.runner.engine
        for document in documents:
            self.define(document)

    def define(self, document: str) -> ProcessDefinition:
        definition = ProcessDefinition.from_yaml(document)
        self.runner.register(definition)
        return definition

    def start(self, name: str = "journey", *, key: str | None = None, **given: Any) -> Journey:
        """A process of that definition, and all that follows from its start at once."""
        process = self.runner.start(name, tenant_id="t", input=given, key=key)
        self.runner.run()
        return Journey(self, process)

    def journeys(self, name: str) -> list[Journey]:
        """The processes of that definition, the newest first."""
        listed = self.engine.list_processes("t", process_type=name).processes
        return [Journey(self, process) for process in listed]


class Journey:
    """One process: what is done to it, and what is asked about it."""

    def __init__(self, world: Written, process: Process) -> None:
        self.world = world
        self.engine = world.engine
        self.key = process.key

    @property
    def process(self) -> Process:
        return self.engine.get_process(self.key.tenant_id, self.key.process_id)

    def complete(self, *names: str, output: Any = None, **more: Any) -> Journey:
        """These steps are reported as completed, one after the other."""
        for name in names:
            self.engine.complete_step(self.key, name, output, **more)
            self.world.runner.run()
        return self

    def fail(self, name: str, error: str = "it broke", **more: Any) -> Journey:
        """The attempt under way at a step is reported as failed."""
        attempt = {"attempt": self.process.step(name).attempt}
        self.engine.fail_step(self.key, name, error, **(attempt | more))
        self.world.runner.run()
        return self

    def signal(self, name: str, payload: Any = None, **more: Any) -> Journey:
        self.engine.signal(self.key, name, payload, **more)
        self.world.runner.run()
        return self

    def advance(self, **duration: float) -> Journey:
        """So much later, with a sweep whenever one is due."""
        self.world.runner.advance(**duration)
        return self

    def late(self, **duration: float) -> Journey:
        """So much later, with no sweep meanwhile."""
        self.world.clock.advance(**duration)
        return self

    @property
    def state(self) -> str:
        return self.process.state.value

    @property
    def reason(self) -> str | None:
        return self.process.reason

    @property
    def compensation(self) -> str | None:
        return self.process.compensation

    def step(self, name: str) -> Any:
        return self.process.step(name)

    def open(self) -> list[str]:
        """The steps that are open, in the order in which they were first entered."""
        return [name for name, step in self.process.steps.items() if step.is_open]

    def states(self) -> dict[str, str]:
        return {name: step.state.value for name, step in self.process.steps.items()}

    def events(self, *types: str) -> list[dict[str, Any]]:
        """What was told of it, or of these types alone, in order."""
        told = self.world.runner.history(self.key)
        return [event for event in told if not types or event["type"] in types]

    def told(self, *types: str) -> list[str]:
        """The steps that events of these types are about, in order; all events without any."""
        if types:
            return [event.get("step_name", "") for event in self.events(*types)]
        return [f"{e['type']} {e.get('step_name', '')}".strip() for e in self.events()]

    def begun(self) -> list[str]:
        """The steps that a service was asked for, in order."""
        return self.told("StepStarted", "CompensationStarted")

    def seconds(self, *types: str) -> list[float]:
        """When events of these types happened, in seconds after the start."""
        return [
            (datetime.fromisoformat(event["time"]) - START).total_seconds()
            for event in self.events(*types)
        ]
