"""The stack under the soak: deployed into a cloud that keeps its data, and its parts by name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from trellis_process.local.ministack import LocalCloud, free_port
from trellis_process.local.stack import LocalStack, deploy_trellis

#: The functions, by the words that the outputs of the template have for them.
FUNCTIONS = (
    "StepCommands",
    "QueueCommands",
    "EventPublisher",
    "Children",
    "Views",
    "TimeoutChecker",
    "Audit",
)


class SoakInvalid(Exception):
    """The local cloud failed in a way that says nothing about Trellis; run the soak again."""


class Stack:
    """The deployed stack, its parts, and what can be done to them. A context manager."""

    def __init__(self, folder: Path, report: Callable[[str], None]) -> None:
        # One port for all runs of the cloud, so that its addresses stay what they are.
        self.cloud = LocalCloud(
            auth=True,
            data_dir=folder / "data",
            port=free_port(),
            log_file=folder / "cloud.log",
            report=report,
        )
        self._state = folder / "data" / "state"
        self._report = report
        self._clients: dict[str, Any] = {}
        self._clients_lock = threading.Lock()

    def __enter__(self) -> Stack:
        self.cloud.start()
        self.deployed: LocalStack = deploy_trellis(
            self.cloud, parameters={"ReadModels": "on"}, report=self._report
        )
        # The soak reads the stream in its place; see stream.py.
        self.enable_mapping("EventPublisher", False)
        return self

    def __exit__(self, *raised: object) -> None:
        self.cloud.stop()

    @property
    def outputs(self) -> Mapping[str, str]:
        """The outputs of the template."""
        return self.deployed.outputs

    def client(self, service: str) -> Any:
        """A client of ``service``, for any thread."""
        with self._clients_lock:
            if service not in self._clients:
                self._clients[service] = self.cloud.client(service)
            return self._clients[service]

    def function(self, part: str) -> str:
        """The name of a function, one of ``FUNCTIONS``."""
        return self.outputs[f"{part}FunctionName"]

    def invoke(self, part: str, event: object = None) -> Any:
        """What a function answers. Raises RuntimeError where it fails, ClientError if throttled."""
        answer = self.client("lambda").invoke(
            FunctionName=self.function(part), Payload=json.dumps(event or {}).encode()
        )
        said = answer["Payload"].read()
        if "FunctionError" in answer:
            raise RuntimeError(f"{part} failed: {said[:500]!r}")
        return json.loads(said)

    # -- What can be done to its parts -----------------------------------------------------------

    def throttle(self, part: str) -> None:
        """Lets a function not be called at all."""
        self.client("lambda").put_function_concurrency(
            FunctionName=self.function(part), ReservedConcurrentExecutions=0
        )

    def unthrottle(self, part: str) -> None:
        """Lets it be called again."""
        self.client("lambda").delete_function_concurrency(FunctionName=self.function(part))

    def without_settings(self, part: str) -> Callable[[], None]:
        """Takes a function's settings away, so that each call fails; what is returned undoes it."""
        name, functions = self.function(part), self.client("lambda")
        before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        left = {key: value for key, value in before.items() if not key.startswith("TRELLIS_")}
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": left})
        return lambda: functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": before}
        )

    def enable_mapping(self, part: str, enabled: bool) -> None:
        """Lets a function hear of its queue or stream, or not."""
        functions = self.client("lambda")
        mappings = functions.list_event_source_mappings(FunctionName=self.function(part))
        for mapping in mappings["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def enable_schedule(self, part: str, enabled: bool) -> None:
        """Lets a function's schedule run, or not."""
        scheduler = self.client("scheduler")
        for listed in scheduler.list_schedules()["Schedules"]:
            schedule = scheduler.get_schedule(Name=listed["Name"])
            if schedule["Target"]["Arn"].endswith(f":{self.function(part)}"):
                scheduler.update_schedule(
                    State="ENABLED" if enabled else "DISABLED",
                    **{
                        name: schedule[name]
                        for name in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
                    },
                )
                return
        raise SoakInvalid(f"there is no schedule of {part}")

    def kill_functions(self) -> int:
        """Ends every function that runs, by SIGKILL, whatever it is doing; returns how many."""
        killed = 0
        for pid in _descendants(os.getpid(), depth=2):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        return killed

    def cut_power(self, before_the_end: Callable[[], None]) -> int:
        """Ends functions and cloud, and starts it on what it kept; returns the functions killed.

        MiniStack writes its data only when it is told to end, and forgets its tables' streams. So
        the functions die where they stand and none begins any more, then ``before_the_end`` may
        read what the streams hold, and then the cloud ends: nothing is written in between.
        """
        for part in FUNCTIONS:
            self.throttle(part)
        killed = self.kill_functions()
        before_the_end()
        saved = self._state / "dynamodb.json"
        last_saved = saved.stat().st_mtime_ns if saved.exists() else 0
        self.cloud.stop()
        if not saved.exists() or saved.stat().st_mtime_ns == last_saved:
            raise SoakInvalid("the local cloud ended without writing its data")
        self.cloud.start()
        for part in FUNCTIONS:
            self.unthrottle(part)
        return killed

    @cached_property
    def stream_filter(self) -> list[dict[str, Any]]:
        """The patterns of the stream's mapping."""
        mappings = self.client("lambda").list_event_source_mappings(
            FunctionName=self.function("EventPublisher")
        )
        (mapping,) = mappings["EventSourceMappings"]
        return [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]


def _descendants(pid: int, *, depth: int) -> list[int]:
    """The processes that are so many generations below one."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    lines = (line.split() for line in listed.stdout.splitlines())
    parents = {int(child): int(parent) for child, parent in lines}
    generation = {pid}
    for _ in range(depth):
        generation = {child for child, parent in parents.items() if parent in generation}
    return sorted(generation)
