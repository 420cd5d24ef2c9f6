"""ScheduleService: starts processes at times, and knows which of them are open."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from trellis_process.application import start_request
from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.deciding import Pause, decide_and_save, load
from trellis_process.application.engine_service import DefinitionCatalog
from trellis_process.application.process_service import MAX_PAGE
from trellis_process.application.repositories import ProcessRepository, StaleProcess
from trellis_process.domain.decide import Trigger
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.limits import check_name, check_whole_number
from trellis_process.domain.own_services import SCHEDULE
from trellis_process.domain.process import Parent, Process, ProcessKey
from trellis_process.domain.schedule import commands
from trellis_process.domain.schedule.commands import VERSION
from trellis_process.domain.schedule.course import ScheduleCourse
from trellis_process.domain.schedule.schedule import Schedule, ScheduleState
from trellis_process.domain.schedule.terms import Overlap, ScheduleTerms
from trellis_process.domain.states import ProcessState
from trellis_process.errors import ProcessNotFound, ScheduleNotFound

_KEPT = (ProcessState.IN_PROGRESS, ProcessState.SUSPENDED)


@dataclass(frozen=True)
class SchedulePage:
    """Some of a tenant's schedules, the newest first."""

    schedules: list[Schedule]
    #: Leads to the next page; None where there is none.
    cursor: str | None


class ScheduleService:
    """What a program asks of Trellis about the schedules of a tenant, each known by its name.

    A schedule is a process, so it is changed as one, and its events are told as a process's. Every
    command but ``put`` raises ScheduleNotFound where there is no schedule of that name, and all
    may raise InvalidInput, LostRace and StoreError.
    """

    def __init__(
        self,
        processes: ProcessRepository,
        *,
        definitions: DefinitionCatalog,
        clock: Clock = system_clock,
        pause: Pause = time.sleep,
    ) -> None:
        self._processes = processes
        self._definitions = definitions
        self._clock = clock
        self._pause = pause

    def put(
        self,
        tenant_id: str,
        name: str,
        terms: ScheduleTerms,
        *,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Schedule:
        """A schedule is by these terms from now on, whether it was there or not.

        The same terms again change nothing; other ones hold from the next time on. Raises
        DefinitionNotFound, DefinitionDraining, and InvalidInput where the terms cannot be read or
        the definition does not take the input.
        """
        key = schedule_key(tenant_id, name)
        definition = self._definitions.to_start(terms.definition, None).compiled.definition
        self._definitions.check_input(definition, dict(terms.input))
        process = commands.start_schedule(
            self._course(),
            process_id=key.process_id,
            tenant_id=tenant_id,
            name=name,
            terms=terms,
            now=self._clock(),
            actor=actor,
            reason=reason,
        )
        try:
            self._processes.add(process)
        except StaleProcess as stale:
            if stale.current is None:
                raise ScheduleNotFound(name) from None
            return self._decide(
                stale.current,
                lambda current, now: commands.change_terms(
                    current, terms, now=now, actor=actor, reason=reason
                ),
            )
        process.saved()
        return Schedule.of(process)

    def follow(self, declaring: ProcessDefinition) -> None:
        """Puts the schedules that the newest version of a definition declares, for their tenants.

        Those that it declares no more end at their next time, when they look for themselves.
        Raises as ``put``.
        """
        for schedule in declaring.schedules():
            terms = ScheduleTerms.declared_by(declaring.process, schedule)
            self.put(schedule.tenant_id, schedule.name, terms, reason=_declared_in(declaring))

    def is_as_declared(self, process: Process) -> bool:
        """Whether a schedule is as the newest version of its definition declares it.

        One that is not is made so, or ended where it is declared no more; a schedule that no
        definition declares is as it should be.
        """
        asked = Schedule.of(process)
        if not asked.terms.declared:
            return True
        declaring = self._definitions.to_start(asked.terms.definition, None).compiled.definition
        for schedule in declaring.schedules():
            if (schedule.tenant_id, schedule.name) == (asked.tenant_id, asked.name):
                terms = ScheduleTerms.declared_by(declaring.process, schedule)
                if terms == asked.terms:
                    return True
                self.put(asked.tenant_id, asked.name, terms, reason=_declared_in(declaring))
                return False
        self.delete(asked.tenant_id, asked.name, reason=f"not {_declared_in(declaring)}")
        return False

    def get(self, tenant_id: str, name: str) -> Schedule:
        """The schedule as it is now."""
        return Schedule.of(self._load(tenant_id, name))

    def page(
        self, tenant_id: str, *, limit: int = MAX_PAGE, cursor: str | None = None
    ) -> SchedulePage:
        """Up to ``limit`` (1 to 100) of a tenant's schedules, the newest first."""
        found = self._processes.page(
            check_name("tenant_id", tenant_id),
            process_type=SCHEDULE,
            states=_KEPT,
            limit=check_whole_number("limit", limit, 1, MAX_PAGE),
            cursor=cursor,
        )
        # Without a definition it only has the name of their type, which anybody may have given it.
        schedules = [each for each in found.processes if each.definition_version is not None]
        return SchedulePage([Schedule.of(each) for each in schedules], found.cursor)

    def upcoming(self, tenant_id: str, name: str, count: int = 10) -> list[datetime]:
        """The next times, from 1 to 1,000 of them; of a paused one as if it were not."""
        process = self._load(tenant_id, name)
        process.course = self._course()
        return commands.upcoming(process, count, now=self._clock())

    def pause(
        self, tenant_id: str, name: str, *, actor: str | None = None, reason: str | None = None
    ) -> Schedule:
        """Nothing is started until it is resumed; what is open goes on. Again it is a no-op."""
        return self._change(
            tenant_id,
            name,
            lambda current, now: current.suspend(now=now, actor=actor, reason=reason),
        )

    def resume(
        self, tenant_id: str, name: str, *, actor: str | None = None, reason: str | None = None
    ) -> Schedule:
        """A paused schedule goes on; the times that passed meanwhile were missed."""
        return self._change(
            tenant_id,
            name,
            lambda current, now: current.resume(now=now, actor=actor, reason=reason),
        )

    def delete(
        self, tenant_id: str, name: str, *, actor: str | None = None, reason: str | None = None
    ) -> Schedule:
        """Nothing is started any more; what is open goes on. The name may be used again."""
        return self._change(
            tenant_id,
            name,
            lambda current, now: current.cancel(now=now, actor=actor, reason=reason),
        )

    def start_run(
        self,
        tenant_id: str,
        name: str,
        *,
        overlap: Overlap | None = None,
        request_id: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Schedule:
        """Wants a run now, whatever the time; while others are open, as ``overlap`` says.

        Unless given that is as the terms have it. With ``request_id`` a repeat is harmless, as
        long as it is one of the latest 20.
        """
        return self._change(
            tenant_id,
            name,
            lambda current, now: commands.start_run(
                current,
                now=now,
                overlap=overlap,
                request_id=request_id,
                actor=actor,
                reason=reason,
            ),
        )

    def backfill(
        self,
        tenant_id: str,
        name: str,
        *,
        after: datetime,
        until: datetime,
        side_by_side: bool = False,
        request_id: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Schedule:
        """Starts the runs for the times after one moment and up to another, both in the past.

        One after the other, the oldest first, unless ``side_by_side``. With ``request_id`` as
        ``start_run``.
        """
        return self._change(
            tenant_id,
            name,
            lambda current, now: commands.backfill(
                current,
                after=after,
                until=until,
                now=now,
                side_by_side=side_by_side,
                request_id=request_id,
                actor=actor,
                reason=reason,
            ),
        )

    # What only the runs tell. They know the process of their schedule, not its name.

    def run_ended(self, schedule: ProcessKey, told: Parent) -> None:
        """Tells a schedule that a run has ended. Raises ProcessNotFound."""
        self._decide(
            load(self._processes, schedule),
            lambda current, now: commands.run_ended(current, told, now=now),
        )

    def run_reopened(self, schedule: ProcessKey, told: Parent, run: Process) -> None:
        """Tells a schedule that a run goes on after it had failed. Raises ProcessNotFound."""
        scheduled_at = run.scheduled_at or run.started_at
        self._decide(
            load(self._processes, schedule),
            lambda current, now: commands.run_reopened(current, told, scheduled_at, now=now),
        )

    def run_refused(self, schedule: ProcessKey, told: Parent, why: str) -> None:
        """Tells a schedule that a run cannot be started. Raises ProcessNotFound."""
        self._decide(
            load(self._processes, schedule),
            lambda current, now: commands.run_refused(current, told, why, now=now),
        )

    def _load(self, tenant_id: str, name: str) -> Process:
        try:
            process = load(self._processes, schedule_key(tenant_id, name))
        except ProcessNotFound:
            raise ScheduleNotFound(name) from None
        if Schedule.of(process).state is ScheduleState.DELETED:
            raise ScheduleNotFound(name)
        return process

    def _change(self, tenant_id: str, name: str, trigger: Trigger) -> Schedule:
        return self._decide(self._load(tenant_id, name), trigger)

    def _decide(self, process: Process, trigger: Trigger) -> Schedule:
        changed = decide_and_save(
            self._processes,
            process,
            trigger,
            clock=self._clock,
            definitions=self._definitions,
            pause=self._pause,
        )
        return Schedule.of(changed)

    def _course(self) -> ScheduleCourse:
        course = self._definitions.course(SCHEDULE, VERSION)
        assert isinstance(course, ScheduleCourse), "schedules go by it"
        return course


def schedule_key(tenant_id: str, name: str) -> ProcessKey:
    """Where the process is found that a schedule is. Raises InvalidInput."""
    check_name("tenant_id", tenant_id)
    check_name("schedule", name)
    process_id = start_request.process_id_for(tenant_id, name, definition=SCHEDULE)
    return ProcessKey(tenant_id, process_id)


def _declared_in(definition: ProcessDefinition) -> str:
    return f"declared in version {definition.version} of {definition.process}"
