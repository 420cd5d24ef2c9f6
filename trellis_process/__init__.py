"""Trellis tracks long-running business processes: what is done, what is late, what is stuck.

Start reading at ``ProcessService``, which starts processes and takes reports on their steps, and
at ``Process``, which holds the rules. ``TimeoutCheckerService`` finds what nobody reported.
Processes that a ``ProcessDefinition`` orders are started and driven by ``EngineService``;
its ``schedules`` start them at times, and ``JobService`` gives a command to many at once.

Stores: ``InMemoryProcessRepository`` here, DynamoDB in ``trellis_process.dynamodb``, one's own by
the seams ``ProcessRepository`` and ``StepTrackerRepository`` and the contract tests in
``trellis_process.testing``. Errors are in ``trellis_process.errors``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trellis_process.application.engine_service import EngineService
    from trellis_process.application.job_request import JobCommand, JobFilter
    from trellis_process.application.job_service import JobService
    from trellis_process.application.manual_clock import ManualClock
    from trellis_process.application.process_service import ProcessService
    from trellis_process.application.repositories import (
        ProcessPage,
        ProcessRepository,
        ShardedTrackers,
        StaleProcess,
        StepTrackerRepository,
        WakeUp,
    )
    from trellis_process.application.schedule_service import SchedulePage, ScheduleService
    from trellis_process.application.sweeper import Sweeper
    from trellis_process.application.timeout_checker import (
        Sweep,
        SweepFailure,
        TimeoutCheckerService,
    )
    from trellis_process.definitions.catalog import DefinitionCatalog
    from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
    from trellis_process.domain.definition.retry import Retry
    from trellis_process.domain.definition.sla import Sla, SlaTier
    from trellis_process.domain.definition.steps import (
        Branch,
        ConditionStep,
        Effect,
        ForEach,
        ForEachStep,
        HumanTask,
        HumanTaskStep,
        LlmIntent,
        LlmIntentStep,
        Outcome,
        Parallel,
        ParallelStep,
        Query,
        QueryStep,
        Satisfies,
        SendStep,
        ServiceStep,
        SideEffectStep,
        SubprocessStep,
        Transition,
        WaitStep,
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
    from trellis_process.domain.schedule.runs import Backfill
    from trellis_process.domain.schedule.schedule import Schedule, ScheduleState
    from trellis_process.domain.schedule.terms import Overlap, ScheduleTerms
    from trellis_process.domain.states import ProcessState, StepState, WaitingFor
    from trellis_process.domain.step import ProcessStep
    from trellis_process.domain.tracker import ProcessTracker, StepTracker, Tracker
    from trellis_process.errors import TrellisError
    from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
    from trellis_process.memory.job_repository import InMemoryJobRepository
    from trellis_process.memory.process_repository import InMemoryProcessRepository
    from trellis_process.memory.step_tracker_repository import InMemoryStepTrackerRepository

#: Where each name is found. It is looked for when it is first asked for, so that a function
#: which needs one of them waits for no other.
_WHERE = {
    "Backfill": "domain.schedule.runs",
    "Branch": "domain.definition.steps",
    "Compensation": "domain.definition.process_definition",
    "ConditionStep": "domain.definition.steps",
    "DefinitionCatalog": "definitions.catalog",
    "Effect": "domain.definition.steps",
    "EngineService": "application.engine_service",
    "ForEach": "domain.definition.steps",
    "ForEachStep": "domain.definition.steps",
    "HumanTask": "domain.definition.steps",
    "HumanTaskStep": "domain.definition.steps",
    "InMemoryDefinitionRepository": "memory.definition_repository",
    "InMemoryJobRepository": "memory.job_repository",
    "InMemoryProcessRepository": "memory.process_repository",
    "InMemoryStepTrackerRepository": "memory.step_tracker_repository",
    "JobCommand": "application.job_request",
    "JobFilter": "application.job_request",
    "JobService": "application.job_service",
    "LlmIntent": "domain.definition.steps",
    "LlmIntentStep": "domain.definition.steps",
    "ManualClock": "application.manual_clock",
    "Outcome": "domain.definition.steps",
    "Overlap": "domain.schedule.terms",
    "Parallel": "domain.definition.steps",
    "ParallelStep": "domain.definition.steps",
    "Process": "domain.process",
    "ProcessCancelled": "domain.events",
    "ProcessCompleted": "domain.events",
    "ProcessDefinition": "domain.definition.process_definition",
    "ProcessEvent": "domain.events",
    "ProcessFailed": "domain.events",
    "ProcessKey": "domain.process",
    "ProcessPage": "application.repositories",
    "ProcessRepository": "application.repositories",
    "ProcessService": "application.process_service",
    "ProcessStarted": "domain.events",
    "ProcessState": "domain.states",
    "ProcessStep": "domain.step",
    "ProcessStepTimedOut": "domain.events",
    "ProcessTracker": "domain.tracker",
    "Query": "domain.definition.steps",
    "QueryStep": "domain.definition.steps",
    "Retry": "domain.definition.retry",
    "Satisfies": "domain.definition.steps",
    "Schedule": "domain.schedule.schedule",
    "SchedulePage": "application.schedule_service",
    "ScheduleService": "application.schedule_service",
    "ScheduleState": "domain.schedule.schedule",
    "ScheduleTerms": "domain.schedule.terms",
    "SendStep": "domain.definition.steps",
    "ServiceStep": "domain.definition.steps",
    "ShardedTrackers": "application.repositories",
    "SideEffectStep": "domain.definition.steps",
    "Sla": "domain.definition.sla",
    "SlaTier": "domain.definition.sla",
    "StaleProcess": "application.repositories",
    "StepAttemptFailed": "domain.events",
    "StepCompleted": "domain.events",
    "StepEvent": "domain.events",
    "StepFailed": "domain.events",
    "StepResumed": "domain.events",
    "StepStarted": "domain.events",
    "StepState": "domain.states",
    "StepSuspended": "domain.events",
    "StepTracker": "domain.tracker",
    "StepTrackerRepository": "application.repositories",
    "SubprocessStep": "domain.definition.steps",
    "Sweep": "application.timeout_checker",
    "SweepFailure": "application.timeout_checker",
    "Sweeper": "application.sweeper",
    "TimeoutCheckerService": "application.timeout_checker",
    "Tracker": "domain.tracker",
    "Transition": "domain.definition.steps",
    "TrellisError": "errors",
    "WaitStep": "domain.definition.steps",
    "WaitingFor": "domain.states",
    "WakeUp": "application.repositories",
}

__all__ = [
    "Backfill",
    "Branch",
    "Compensation",
    "ConditionStep",
    "DefinitionCatalog",
    "Effect",
    "EngineService",
    "ForEach",
    "ForEachStep",
    "HumanTask",
    "HumanTaskStep",
    "InMemoryDefinitionRepository",
    "InMemoryJobRepository",
    "InMemoryProcessRepository",
    "InMemoryStepTrackerRepository",
    "JobCommand",
    "JobFilter",
    "JobService",
    "LlmIntent",
    "LlmIntentStep",
    "ManualClock",
    "Outcome",
    "Overlap",
    "Parallel",
    "ParallelStep",
    "Process",
    "ProcessCancelled",
    "ProcessCompleted",
    "ProcessDefinition",
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
    "Query",
    "QueryStep",
    "Retry",
    "Satisfies",
    "Schedule",
    "SchedulePage",
    "ScheduleService",
    "ScheduleState",
    "ScheduleTerms",
    "SendStep",
    "ServiceStep",
    "ShardedTrackers",
    "SideEffectStep",
    "Sla",
    "SlaTier",
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
    "SubprocessStep",
    "Sweep",
    "SweepFailure",
    "Sweeper",
    "TimeoutCheckerService",
    "Tracker",
    "Transition",
    "TrellisError",
    "WaitStep",
    "WaitingFor",
    "WakeUp",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
