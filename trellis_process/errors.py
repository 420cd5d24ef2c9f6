"""Everything Trellis raises on purpose, as one tree.

::

    TrellisError
    ├── InvalidInput              a field was refused before anything was written
    │   ├── TooLarge              the value, or the whole process, is larger than its store takes
    │   └── IdempotencyKeyReused  the key already started a process with another request
    ├── NotFound
    │   ├── ProcessNotFound       no such process in this tenant
    │   └── StepNotFound          the process has no step of that name
    ├── Conflict                  the request is sound, but the process has moved on
    │   ├── ProcessFinished       the process is completed, failed or cancelled
    │   ├── StepFinished          the step is completed, failed, skipped or cancelled
    │   ├── StepNotStarted        only a started step can do this
    │   ├── AttemptUnknown        the report names an attempt that was never started
    │   ├── ResumptionUnknown     the report names a resumption that is not the next one
    │   └── VersionMismatch       the caller decided on another version (``If-Match``)
    └── StoreError                the store did not answer; a write may have happened
        ├── Throttled             nothing was written; slow down
        ├── LostRace              nothing was written; others changed the process every time
        └── StoreUnavailable      the store could not be reached, or broke off

Every class has a stable ``code`` for programs; the message is for people and may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trellis_process.domain.process import Process


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


class TooLarge(InvalidInput):
    """A value, or the process as a whole, is larger than its store takes. Nothing was written."""

    code = "too_large"


class IdempotencyKeyReused(InvalidInput):
    """The idempotency key already started a process, with another request."""

    code = "idempotency_key_reused"


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
