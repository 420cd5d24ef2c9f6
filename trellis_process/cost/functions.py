"""Functions: what a run of each costs, and what it leaves in the log."""

from __future__ import annotations

from dataclasses import dataclass

from trellis_process.cost.prices import GB_SECOND, INVOCATION, LOGGED_GB

#: What the billed time of one command, change or sweep is taken to be: only AWS can say it.
BILLED_MS = 25.0
API_ACCESS_LOG_BYTES = 400  # a line of API Gateway's for each call


@dataclass(frozen=True)
class Function:
    """A deployed function, as far as its price goes."""

    memory_mb: int
    #: What a run writes to the log for itself, and for each command or change in it: its lines
    #: with the 26 bytes that CloudWatch adds to each. Lambda's own lines on a run are left out.
    log_bytes_a_run: int
    log_bytes_each: int

    def compute(self, runs: float, units_of_work: float, billed_ms: float) -> float:
        """Dollars for so many runs, in which so much is done that takes ``billed_ms`` each."""
        gb_seconds = self.memory_mb / 1024 * units_of_work * billed_ms / 1000
        return runs * INVOCATION.each + gb_seconds * GB_SECOND.each

    def logs(self, runs: float, said: float) -> float:
        """Dollars for the log of so many runs that say so many things."""
        size = runs * self.log_bytes_a_run + said * self.log_bytes_each
        return size / 1024**3 * LOGGED_GB.each


#: Memory as in the template. Log lines as they were measured, an id of 36 characters in each.
#: A call of the API that brings one command is a run, and says it all in its line.
STEP_COMMANDS = Function(memory_mb=512, log_bytes_a_run=560, log_bytes_each=450)
QUEUE_COMMANDS = Function(memory_mb=512, log_bytes_a_run=0, log_bytes_each=610)
EVENT_PUBLISHER = Function(memory_mb=256, log_bytes_a_run=430, log_bytes_each=65)
TIMEOUT_CHECKER = Function(memory_mb=1769, log_bytes_a_run=895, log_bytes_each=0)
VIEWS = Function(memory_mb=512, log_bytes_a_run=410, log_bytes_each=0)

FUNCTIONS = {
    "StepCommandsFunction": STEP_COMMANDS,
    "QueueCommandsFunction": QUEUE_COMMANDS,
    "EventPublisherFunction": EVENT_PUBLISHER,
    "TimeoutCheckerFunction": TIMEOUT_CHECKER,
    "ViewsFunction": VIEWS,
}
