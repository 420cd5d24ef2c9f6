"""A journey: how one process goes, as far as that makes a difference to what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trellis_process.cost.ranges import check_range
from trellis_process.domain import limits
from trellis_process.errors import InvalidInput

REPORTER = "arn:aws:sts::123456789012:assumed-role/case-service-CaseFunctionRole/case-service"


class Starting(StrEnum):
    """How the steps of a process begin."""

    #: Each by a call of its own.
    BY_CALL = "by-call"
    #: All with their process: ``auto_start_steps``.
    WITH_PROCESS = "with-process"
    #: One after the other, as a definition orders them: completing one begins the next.
    BY_DEFINITION = "by-definition"
    #: Not at all: the services report only that they are done, and nothing has a deadline.
    NEVER = "never"


@dataclass(frozen=True)
class Journey:
    """One process from its start to its completion, its steps one after another.

    Raises InvalidInput for what no process can be.
    """

    steps: int = 5
    starting: Starting = Starting.BY_CALL
    #: How long each step takes, in seconds.
    step_seconds: float = 20.0
    #: How long an attempt may take, in seconds; 0 for as long as it wants. Where all steps begin
    #: with their process, each may take as many times as long: the last waits for the others.
    timeout_seconds: float = 60.0
    #: How many of the steps time out once and are done by the second attempt, as a share of all.
    timing_out: float = 0.0
    #: How often each step says that it is still at work.
    heartbeats: int = 0
    #: Of the metadata, and of each step's output, as JSON; 0 for none.
    metadata_bytes: int = 0
    output_bytes: int = 15
    #: Who reports, for every item and event names that.
    actor: str | None = REPORTER

    def __post_init__(self) -> None:
        check_range("steps", self.steps, 1, limits.MAX_STEPS)
        check_range("step_seconds", self.step_seconds, 0, limits.MAX_TIMEOUT_MS / 1000)
        check_range("timeout_seconds", self.timeout_seconds, 0, limits.MAX_TIMEOUT_MS / 1000)
        check_range("timing_out", self.timing_out, 0, 1)
        check_range("heartbeats", self.heartbeats, 0, 10_000)
        check_range("metadata_bytes", self.metadata_bytes, 0, limits.MAX_METADATA_BYTES)
        check_range("output_bytes", self.output_bytes, 0, limits.MAX_OUTPUT_BYTES)
        if self.timing_out and (not self.has_deadlines or self.starting is not Starting.BY_CALL):
            raise InvalidInput(
                "timing_out",
                self.timing_out,
                "only steps that begin by a call and have a timeout are counted with time-outs; "
                f"starting is {self.starting}, timeout_seconds {self.timeout_seconds:g}",
            )
        if self.has_deadlines and self.step_seconds >= self.timeout_seconds:
            raise InvalidInput(
                "step_seconds",
                self.step_seconds,
                f"less than timeout_seconds, {self.timeout_seconds:g}, or every step times out",
            )

    @property
    def has_deadlines(self) -> bool:
        """Whether anything in it ever waits for a time."""
        return bool(self.timeout_seconds) and self.starting is not Starting.NEVER
