"""A kit for the services that do the work: a plain function for each step, and nothing else.

Begin at ``Worker``. A function decorated with ``@worker.service("Payments.pay")`` is a Lambda
handler for the events in which a definition asks that service for work, and with
``@worker.step("create_case")`` for those that ask for the work of a step of that name. It is given
a ``StepContext``, and what it returns or raises is reported. Nothing is needed but what
``TrellisClient`` needs.
"""

from trellis_process.worker.context import StepContext
from trellis_process.worker.delivery import NotWork
from trellis_process.worker.endings import AttemptOver, Failed, Fatal, RetryAfter
from trellis_process.worker.step_handler import StepHandler
from trellis_process.worker.tracker import Tracker
from trellis_process.worker.worker import Worker

__all__ = [
    "AttemptOver",
    "Failed",
    "Fatal",
    "NotWork",
    "RetryAfter",
    "StepContext",
    "StepHandler",
    "Tracker",
    "Worker",
]
