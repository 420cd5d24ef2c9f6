"""Everything Trellis raises on purpose, as one tree.

::

    TrellisError
    ├── InvalidInput              a field was refused before anything was written
    │   ├── InvalidDefinition     a definition has errors, all of them named
    │   ├── TooLarge              the value, or the whole process, is larger than its store takes
    │   └── IdempotencyKeyReused  the key already started a process with another request
    ├── ExpressionError           an expression of a definition cannot be read, or has no value
    ├── NotFound
    │   ├── ProcessNotFound       no such process in this tenant
    │   ├── StepNotFound          the process has no step of that name
    │   ├── DefinitionNotFound    no such definition, or no such version of it, is registered
    │   ├── ListNotFound          no such list, or not so many pages of it, is kept for this tenant
    │   ├── ScheduleNotFound      no schedule of that name in this tenant
    │   ├── JobNotFound           no such job in this tenant; it may have expired
    │   └── ReadModelsOff         the stack keeps no inbox, lists, histories and statistics
    ├── Conflict                  the request is sound, but the process has moved on
    │   ├── ProcessFinished       the process is completed, failed or cancelled
    │   ├── StepFinished          the step is completed, failed, skipped or cancelled
    │   ├── StepNotStarted        only a started step can do this
    │   ├── OutcomeUnknown        the report names an outcome that the step does not have
    │   ├── StepNotCompleted      only a completed step has results
    │   ├── AttemptUnknown        the report names an attempt that was never started
    │   ├── ResumptionUnknown     the report names a resumption that is not the next one
    │   ├── DefinitionConflict    the version of the definition is there with other content
    │   ├── DefinitionDraining    no process of that version is started any more
    │   ├── DefinitionInUse       processes of that version are open
    │   ├── NoDefinition          only a process with a definition can do this
    │   ├── NotASchedule          only a schedule can do this
    │   ├── KeyTaken              the key names a process already, and is to name a new one
    │   ├── ConstraintNotMet      the event is not for this process
    │   ├── InvariantViolated     a reaction would leave data that must not be
    │   ├── NotReported           a step of this kind ends by itself, nobody reports it
    │   ├── TaskTaken             the task is somebody else's
    │   ├── TooManySignals        too many signals wait to be taken
    │   ├── Suspended             the process is frozen, and has to be resumed first
    │   ├── Compensating          the process undoes what had been completed
    │   ├── Compensated           what came before the step has been undone
    │   └── VersionMismatch       the caller decided on another version (``If-Match``)
    └── StoreError                the store did not answer; a write may have happened
        ├── Throttled             nothing was written; slow down
        ├── LostRace              nothing was written; others changed the process every time
        └── StoreUnavailable      the store could not be reached, or broke off

Every class has a stable ``code`` for programs; the message is for people and may change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trellis_process.definitions.finding import Finding
    from trellis_process.domain.process import Process

TOLD_FINDINGS = 20  # in the text of an error; the error itself has them all


class TrellisError(Exception):
    """The root of everything Trellis raises on purpose."""

    code = "error"


class InvalidInput(TrellisError):
    """A field was refused: which one, what was given, what is allowed. Nothing was written."""

    code = "invalid_input"

    def __init__(self, field: str, given: object, allowed: str) -> None:
        self.field = field
        self.given = shown(given)
        self.allowed = allowed
        super().__init__(f"{field}: got {self.given}; {allowed}")


class InvalidDefinition(InvalidInput):
    """A definition was refused; ``findings`` says of each error where it is and what is allowed.

    Where warnings count as errors, they are among them.
    """

    code = "invalid_definition"

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        count = len(self.findings)
        told = "; ".join(map(str, self.findings[:TOLD_FINDINGS]))
        more = f"; and {count - TOLD_FINDINGS} more" if count > TOLD_FINDINGS else ""
        given = Described("1 error" if count == 1 else f"{count} errors")
        super().__init__("definition", given, told + more)


class TooLarge(InvalidInput):
    """A value, or the process as a whole, is larger than its store takes. Nothing was written."""

    code = "too_large"


class IdempotencyKeyReused(InvalidInput):
    """The idempotency key already started a process, with another request."""

    code = "idempotency_key_reused"


class ExpressionError(TrellisError):
    """An expression of a definition cannot be read, or has no value for what it was given."""

    code = "expression_error"

    def __init__(self, expression: str, why: str) -> None:
        self.expression = expression
        self.why = why
        super().__init__(f"expression {shown(expression)}: {why}")


class NotFound(TrellisError):
    """What was asked for does not exist in this tenant."""

    code = "not_found"


class ProcessNotFound(NotFound):
    """No such process in this tenant; another tenant's process gives this very answer."""

    code = "process_not_found"

    def __init__(self, process_id: str) -> None:
        self.process_id = process_id
        super().__init__(f"no process {shown(process_id)} in this tenant")


class StepNotFound(NotFound):
    """The process has no step of that name; says which ones it has."""

    code = "step_not_found"

    def __init__(self, step_name: str, known: list[str]) -> None:
        self.step_name = step_name
        self.known = known
        listed = ", ".join(known[:10]) + (", …" if len(known) > 10 else "")
        super().__init__(f"no step {shown(step_name)} in this process; it has {listed}")


class DefinitionNotFound(NotFound):
    """No such definition, or no such version of it, is registered."""

    code = "definition_not_found"

    def __init__(self, name: str, version: int | None = None, nearest: str | None = None) -> None:
        self.name = name
        self.version = version
        which = shown(name) if version is None else f"{shown(name)} in version {version}"
        hint = "" if nearest is None else f"; did you mean {shown(nearest)}?"
        super().__init__(f"no definition {which} is registered here{hint}")


class ListNotFound(NotFound):
    """No such list, or not so many pages of it, is kept for this tenant; it may have expired."""

    code = "list_not_found"

    def __init__(self, list_id: str, page: int) -> None:
        self.list_id = list_id
        self.page = page
        super().__init__(f"no page {page} of a list {shown(list_id)} is kept for this tenant")


class ScheduleNotFound(NotFound):
    """There is no schedule of that name in this tenant."""

    code = "schedule_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no schedule {shown(name)}")


class JobNotFound(NotFound):
    """No such job in this tenant; it, or the dry run that it follows, may have expired."""

    code = "job_not_found"

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"no job {shown(job_id)} in this tenant; jobs are kept for 90 days")


class ReadModelsOff(NotFound):
    """The stack keeps no views, so it has no lists of tasks, histories or statistics."""

    code = "read_models_off"

    def __init__(self) -> None:
        super().__init__("this stack keeps no read models; deploy it with ReadModels=on")


class Conflict(TrellisError):
    """The request is sound, but the process has moved on. Nothing was changed.

    ``process`` is the process as it is now, where a service raised the error.
    """

    code = "conflict"
    process: Process | None = None


class ProcessFinished(Conflict):
    """The process is final, so the report comes too late."""

    code = "process_finished"

    def __init__(self, action: str, process_state: str) -> None:
        super().__init__(f"cannot {action}: the process is {process_state}")


class StepFinished(Conflict):
    """The step is final, so the report comes too late."""

    code = "step_finished"

    def __init__(self, action: str, step_name: str, step_state: str) -> None:
        super().__init__(f"cannot {action}: step {step_name!r} is {step_state}")


class StepNotStarted(Conflict):
    """Only a started step can do this."""

    code = "step_not_started"

    def __init__(self, action: str, step_name: str, step_state: str) -> None:
        super().__init__(f"cannot {action}: step {step_name!r} is {step_state}; start it first")


class OutcomeUnknown(Conflict):
    """The report names an outcome that the step does not have, or none where it has some."""

    code = "outcome_unknown"

    def __init__(self, step_name: str, outcome: str | None, known: Sequence[str]) -> None:
        self.known = list(known)
        given = "none" if outcome is None else shown(outcome)
        there = f"one of {', '.join(known)}" if known else "none, for it is no human task"
        super().__init__(f"step {step_name!r} got outcome {given}; allowed is {there}")


class StepNotCompleted(Conflict):
    """Only a completed step has results."""

    code = "step_not_completed"

    def __init__(self, action: str, step_name: str, step_state: str) -> None:
        super().__init__(f"cannot {action}: step {step_name!r} is {step_state}")


class AttemptUnknown(Conflict):
    """The report names an attempt that does not follow from those made so far."""

    code = "attempt_unknown"

    def __init__(self, step_name: str, attempt: int, current: int) -> None:
        super().__init__(
            f"step {step_name!r} is at attempt {current}; attempt {attempt} was never started"
        )


class ResumptionUnknown(Conflict):
    """The report names a resumption of the step that cannot have come yet."""

    code = "resumption_unknown"

    def __init__(self, step_name: str, resumption: int, current: int) -> None:
        super().__init__(
            f"step {step_name!r} is at resumption {current}; "
            f"resumption {resumption} does not follow"
        )


class DefinitionConflict(Conflict):
    """The version of the definition is registered with other content, which never changes."""

    code = "definition_conflict"

    def __init__(self, name: str, version: int, difference: str) -> None:
        super().__init__(
            f"version {version} of {name!r} is registered with other content: {difference}; "
            "what has changed needs a version of its own"
        )


class DefinitionDraining(Conflict):
    """Processes of that version are not started any more."""

    code = "definition_draining"

    def __init__(self, name: str, version: int | None, status: str) -> None:
        which = "every version" if version is None else f"version {version}"
        super().__init__(
            f"{which} of {name!r} is {status}, so that none is started; make a version active"
        )


class DefinitionInUse(Conflict):
    """Processes of that version are open, so it is not archived."""

    code = "definition_in_use"

    def __init__(self, name: str, version: int, count: int) -> None:
        processes = "1 process" if count == 1 else f"{count} processes"
        super().__init__(
            f"version {version} of {name!r} has {processes} open; let it drain, then archive it"
        )


class NoDefinition(Conflict):
    """Only a process that a definition orders can do this."""

    code = "no_definition"

    def __init__(self, process_id: str) -> None:
        super().__init__(f"process {process_id!r} has no definition that says what follows")


class NotASchedule(Conflict):
    """Only a schedule starts runs at times."""

    code = "not_a_schedule"

    def __init__(self, process_id: str) -> None:
        super().__init__(f"process {process_id!r} is no schedule")


class KeyTaken(Conflict):
    """The key names a process already, and only a new one was wanted."""

    code = "key_taken"

    def __init__(self, key: str, process_id: str) -> None:
        self.process_id = process_id
        super().__init__(f"key {shown(key)} names process {process_id!r} already")


class ConstraintNotMet(Conflict):
    """A condition for taking part does not hold, so an event is not for this process."""

    code = "constraint_not_met"

    def __init__(self, constraint: str) -> None:
        self.constraint = constraint
        super().__init__(f"constraint {constraint!r} does not hold, so the event is not for it")


class InvariantViolated(Conflict):
    """A reaction would leave data of which an invariant does not hold. Nothing was written."""

    code = "invariant_violated"

    def __init__(self, invariant: str) -> None:
        self.invariant = invariant
        super().__init__(f"invariant {invariant!r} would not hold any more; nothing was written")


class NotReported(Conflict):
    """A step of this kind ends by itself; nobody reports on it."""

    code = "not_reported"

    def __init__(self, step_name: str, kind: str, instead: str) -> None:
        super().__init__(f"step {step_name!r} is a {kind}, which nobody reports; {instead}")


class TaskTaken(Conflict):
    """The task is somebody else's."""

    code = "task_taken"

    def __init__(self, step_name: str, assignee: str) -> None:
        self.assignee = assignee
        super().__init__(f"task {step_name!r} belongs to {assignee!r}; it has to be released first")


class TooManySignals(Conflict):
    """As many signals as a process keeps wait in it already."""

    code = "too_many_signals"

    def __init__(self, kept: str) -> None:
        super().__init__(f"{kept} wait to be taken; none more is kept")


class Suspended(Conflict):
    """The process is frozen; nothing begins in it until it is resumed."""

    code = "suspended"

    def __init__(self, action: str) -> None:
        super().__init__(f"cannot {action}: the process is suspended; resume it first")


class Compensating(Conflict):
    """The process undoes what had been completed, and has to end that."""

    code = "compensating"

    def __init__(self, action: str) -> None:
        super().__init__(f"cannot {action}: the process is undoing what had been completed")


class Compensated(Conflict):
    """What had been completed before the step has been undone."""

    code = "compensated"

    def __init__(self, action: str, undone: list[str]) -> None:
        listed = ", ".join(undone)
        super().__init__(
            f"cannot {action}: {listed} had been completed and undone; rerun from one of these"
        )


class VersionMismatch(Conflict):
    """The caller decided on another version of the process than the stored one."""

    code = "version_mismatch"

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(
            f"the process is at version {current}, not {expected}; read it and decide again"
        )


class StoreError(TrellisError):
    """The store did not answer as hoped.

    ``may_have_happened`` says whether the write may have been made all the same. Either way the
    command can be repeated: what was done already is recognised and not done twice.
    """

    code = "store_error"
    may_have_happened = False


class Throttled(StoreError):
    """The store refused for load, after bounded retries. Nothing was written."""

    code = "throttled"


class LostRace(StoreError):
    """Others changed the process before each of our tries. Nothing was written.

    ``process`` is the process as it was found the last time.
    """

    code = "lost_race"
    process: Process | None = None


class StoreUnavailable(StoreError):
    """The store could not be reached, broke off or answered with a fault, after bounded retries."""

    code = "store_unavailable"

    def __init__(self, message: str, *, may_have_happened: bool) -> None:
        self.may_have_happened = may_have_happened
        super().__init__(message)


SHOWN_CHARACTERS = 80  # enough to recognise a value, too few to flood a log


class Described(str):
    """What was given, in words of ours because its own would be too long: ``17 MB of JSON``."""

    __slots__ = ()


def shown(value: object) -> str:
    """A value as an error text may carry it: short, and safe to encode."""
    if isinstance(value, Described):
        return str(value)
    try:
        text = repr(value)
    except Exception:  # nested without end, or an integer longer than Python prints
        text = f"a value of type {type(value).__name__}"
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "…"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
