"""A kit for the services that do the work: a plain function for each step, and nothing else.

Begin at ``Worker``. A function decorated with ``@worker.step("create_case")`` is a Lambda handler
for the events that ask for the step's work; it is given a ``StepContext``, and what it returns or
raises is reported. Nothing is needed but what ``TrellisClient`` needs.
"""

from trellis_process.worker.context import StepContext
from trellis_process.worker.delivery import NotWork
from trellis_process.worker.endings import AttemptOver, Fatal, RetryAfter
from trellis_process.worker.step_handler import StepHandler
from trellis_process.worker.tracker import Tracker
from trellis_process.worker.worker import Worker

__all__ = [
    "AttemptOver",
    "Fatal",
    "NotWork",
    "RetryAfter",
    "StepContext",
    "StepHandler",
    "Tracker",
    "Worker",
]
