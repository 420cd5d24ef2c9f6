"""Trellis tracks long-running business processes: what is done, what is late, what is stuck.

Start reading at ``ProcessService``, which starts processes and takes reports on their steps, and
at ``Process``, which holds the rules. ``TimeoutCheckerService`` finds what nobody reported.

Stores: ``InMemoryProcessRepository`` here, DynamoDB in ``trellis_process.dynamodb``, one's own by
the seams ``ProcessRepository`` and ``StepTrackerRepository`` and the contract tests in
``trellis_process.testing``. Errors are in ``trellis_process.errors``.
"""

from trellis_process.application.process_service import ProcessService
from trellis_process.application.repositories import (
    ProcessPage,
    ProcessRepository,
    StaleProcess,
    StepTrackerRepository,
    WakeUp,
)
from trellis_process.application.timeout_checker import (
    Sweep,
    SweepFailure,
    TimeoutCheckerService,
)
from trellis_process.domain.events import (
    ProcessCancelled,
    ProcessCompleted,
    ProcessEvent,
    ProcessFailed,
    ProcessStarted,
    ProcessStepTimedOut,
    StepAttemptFailed,
    StepCompleted,
    StepEvent,
    StepFailed,
    StepResumed,
    StepStarted,
    StepSuspended,
)
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState, StepState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.tracker import ProcessTracker, StepTracker, Tracker
from trellis_process.errors import TrellisError
from trellis_process.memory import InMemoryProcessRepository, InMemoryStepTrackerRepository

__all__ = [
    "InMemoryProcessRepository",
    "InMemoryStepTrackerRepository",
    "Process",
    "ProcessCancelled",
    "ProcessCompleted",
    "ProcessEvent",
    "ProcessFailed",
    "ProcessKey",
    "ProcessPage",
    "ProcessRepository",
    "ProcessService",
    "ProcessStarted",
    "ProcessState",
    "ProcessStep",
    "ProcessStepTimedOut",
    "ProcessTracker",
    "StaleProcess",
    "StepAttemptFailed",
    "StepCompleted",
    "StepEvent",
    "StepFailed",
    "StepResumed",
    "StepStarted",
    "StepState",
    "StepSuspended",
    "StepTracker",
    "StepTrackerRepository",
    "Sweep",
    "SweepFailure",
    "TimeoutCheckerService",
    "Tracker",
    "TrellisError",
    "WaitingFor",
    "WakeUp",
]
