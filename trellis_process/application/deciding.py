"""Load, decide, save: the one way in which a stored process is changed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

from trellis_process.application.clock import Clock
from trellis_process.application.repositories import ProcessRepository, StaleProcess
from trellis_process.domain.course import Course
from trellis_process.domain.decide import Trigger, decide
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.errors import (
    Conflict,
    DefinitionNotFound,
    LostRace,
    ProcessNotFound,
    VersionMismatch,
)

Pause: TypeAlias = Callable[[float], None]
"""Waits so many seconds."""

MAX_TRIES = 40  # sixteen writers on one process need a dozen at times
FIRST_PAUSE_SECONDS = 0.004  # about one write
LONGEST_PAUSE_SECONDS = 0.25


class Definitions(Protocol):
    """Where the definitions are found that order the steps of processes."""

    def course(self, name: str, version: int) -> Course:
        """The course that this version prescribes. Raises DefinitionNotFound, and StoreError."""


def load(processes: ProcessRepository, key: ProcessKey) -> Process:
    """The process as stored. Raises ProcessNotFound."""
    process = processes.get(key)
    if process is None:
        raise ProcessNotFound(key.process_id)
    return process


def decide_and_save(
    processes: ProcessRepository,
    process: Process,
    trigger: Trigger,
    *,
    clock: Clock,
    definitions: Definitions | None = None,
    expected_version: int | None = None,
    pause: Pause = time.sleep,
) -> Process:
    """Lets the domain decide on a loaded process and saves what it decided, if anything.

    ``trigger`` only decides: after a lost race it runs again, on the process as it is by then.
    ``definitions`` knows the definitions that order the steps of processes that have one.
    With ``expected_version`` a change is made on that version or not at all; a command that is
    done already is answered as done whatever the version, so that a repeat is harmless.

    Raises what ``trigger`` raises, a Conflict carrying the process; VersionMismatch; LostRace
    after bounded tries; ProcessNotFound where the process is gone; DefinitionNotFound where its
    definition is not known here; and what ``save`` raises.
    """
    definition = None if process.definition_version is None else _course(definitions, process)
    for tried in range(MAX_TRIES):
        if tried:
            longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**tried)
            pause(random.uniform(0, longest))
        current = process.snapshot()
        try:
            decide(definition, process, trigger, clock())
            if not process.has_changed:
                return process
            if expected_version is not None and expected_version != current.version:
                raise VersionMismatch(expected_version, current.version)
        except Conflict as conflict:
            conflict.process = current
            raise
        try:
            processes.save(process)
        except StaleProcess as stale:
            if stale.current is None:
                raise ProcessNotFound(process.process_id) from None
            process = stale.current
        else:
            process.saved()
            return process
    lost = LostRace(
        f"process {process.process_id!r} was changed by others before each of {MAX_TRIES} tries; "
        "nothing was written, try again"
    )
    lost.process = process
    raise lost


def _course(definitions: Definitions | None, process: Process) -> Course:
    version = process.definition_version
    assert version is not None, "its steps are ordered by a definition"
    if definitions is None:
        raise DefinitionNotFound(process.process_type, version)
    return definitions.course(process.process_type, version)
