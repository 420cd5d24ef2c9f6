"""JobService: gives a command to every process that a filter is about, piece by piece."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from trellis_process.application import start_request
from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.deciding import Definitions, Pause
from trellis_process.application.job_orders import JobOrders
from trellis_process.application.job_request import STATES, JobCommand, JobFilter
from trellis_process.application.job_states import JobOutcome, JobState
from trellis_process.application.jobs import (
    Job,
    JobListing,
    JobPage,
    JobRepository,
    JobResult,
    ResultPage,
)
from trellis_process.application.repositories import ProcessRepository
from trellis_process.domain.limits import (
    MAX_ACTOR_CHARACTERS,
    check_name,
    check_optional_text,
    check_time,
    check_whole_number,
)
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.errors import (
    Described,
    IdempotencyKeyReused,
    InvalidInput,
    JobNotFound,
    LostRace,
)

PIECE = 50  # processes that one piece is about; what breaks off does so few again
PIECE_LOOKED_AT = 500  # for one piece; where few match, it comes short and the next goes on
MAX_LISTED = 100  # jobs on one page
MAX_RESULTS = 100  # on one page of results
MAX_RESULT_READS = 40  # for one page of results; it comes short where most pieces are empty
MAX_JOB_REASON_CHARACTERS = 900  # the job's id stands beside it in the events
TRIES = 20  # of a change that others make at the same moment


def nobody(_tenant_id: str, _job_id: str) -> None:
    """Whom a job is told to where the program runs it itself."""


class JobService:
    """What a program asks of Trellis about many processes at once.

    A job is asked for by ``start`` and done by ``run_some``, a piece of at most 50 processes at a
    time. A piece may break off anywhere, be done again, and be done by two at once: what it is
    about is on record before the first process is touched, so each process is given the command
    once and has one result. ``tell`` is told of every job that has something to do, to have
    ``run_some`` called; without it the program calls ``run``.

    Every method may raise JobNotFound, InvalidInput and a StoreError.
    """

    def __init__(
        self,
        processes: ProcessRepository,
        jobs: JobRepository,
        *,
        definitions: Definitions | None = None,
        clock: Clock = system_clock,
        new_id: Callable[[], str] = start_request.random_process_id,
        pause: Pause = time.sleep,
        tell: Callable[[str, str], None] = nobody,
        side_by_side: int = 1,
    ) -> None:
        self._processes = processes
        self._jobs = jobs
        self._orders = JobOrders(processes, definitions, clock=clock, pause=pause)
        self._clock = clock
        self._new_id = new_id
        self._tell = tell
        self._side_by_side = side_by_side

    def start(
        self,
        tenant_id: str,
        command: JobCommand | None = None,
        filter: JobFilter | None = None,  # as everybody calls it
        *,
        dry_run: bool = False,
        of: str | None = None,
        key: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Job:
        """Asks for a job: a command for the tenant's processes that the filter is about.

        With ``dry_run`` it only says of each process what would happen. ``of`` names a dry run that
        is completed: the job then gives its command to those processes for which that said
        ``done`` and that are still as its filter says, and to no others; command and filter are
        the dry run's and not given. Without it a filter has to say something.

        With a ``key`` (1 to 256 characters, the tenant's own) the same request returns the job that
        it started before, as it is now, and its ``was_there`` tells; another request raises
        IdempotencyKeyReused. A ``reason`` has at most 900 characters.
        """
        check_name("tenant_id", tenant_id)
        expected = None
        if of is not None:
            command, filter, expected = self._of(tenant_id, of, command, filter)
        if command is None:
            raise InvalidInput("command", Described("nothing"), "allowed is a command, or of")
        filter = filter or JobFilter()
        if filter.is_empty and of is None and not dry_run:
            allowed = "allowed is what says something; for all processes make a dry run first"
            raise InvalidInput("filter", Described("nothing"), allowed)
        now = check_time("now", self._clock())
        job = Job(
            tenant_id=tenant_id,
            job_id=self._new_id()
            if key is None
            else start_request.process_id_for(tenant_id, key, definition="#job"),
            command=command,
            filter=filter,
            dry_run=dry_run,
            of=of,
            actor=check_optional_text("actor", actor, MAX_ACTOR_CHARACTERS),
            reason=check_optional_text("reason", reason, MAX_JOB_REASON_CHARACTERS),
            created_at=now,
            changed_at=now,
            expected=expected,
        )
        if self._jobs.add(job):
            job = replace(job, version=1)
        else:
            job = replace(self._started_before(job, key), was_there=True)
        if not job.state.is_final:
            self._tell(tenant_id, job.job_id)
        return job

    def get(self, tenant_id: str, job_id: str) -> Job:
        """The job, and how far it has come. Raises JobNotFound, also for another tenant's id."""
        check_name("tenant_id", tenant_id)
        job = self._jobs.get(tenant_id, check_name("job_id", job_id))
        if job is None:
            raise JobNotFound(job_id)
        return job

    def list(
        self, tenant_id: str, *, limit: int = MAX_LISTED, cursor: str | None = None
    ) -> JobListing:
        """A page of a tenant's jobs, the newest first, each with how far it has come.

        ``limit`` is 1 to 100. Pass ``cursor`` of the page before to get the next. One asked for
        this moment may be missing yet.
        """
        check_name("tenant_id", tenant_id)
        check_whole_number("limit", limit, 1, MAX_LISTED)
        return self._jobs.list(tenant_id, limit=limit, cursor=cursor)

    def cancel(self, tenant_id: str, job_id: str) -> Job:
        """Calls a job off. The piece in hand is ended; what is done stays done.

        A no-op for a job that is completed or cancelled already, as the answer's state says.
        """
        for _ in range(TRIES):
            job = self.get(tenant_id, job_id)
            if job.state.is_final:
                return job
            cancelled = replace(job, state=JobState.CANCELLED, changed_at=self._clock())
            if self._jobs.save(cancelled):
                return replace(cancelled, version=job.version + 1)
        raise LostRace(f"job {job_id!r} went on before each of {TRIES} tries; try again")

    def resume(self, tenant_id: str, job_id: str) -> Job:
        """Has a job go on that was interrupted; harmless where it is going on, or has ended."""
        job = self.get(tenant_id, job_id)
        if not job.state.is_final:
            self._tell(tenant_id, job_id)
        return job

    def results(
        self,
        tenant_id: str,
        job_id: str,
        *,
        outcome: JobOutcome | None = None,
        limit: int = MAX_RESULTS,
        cursor: str | None = None,
    ) -> ResultPage:
        """A page of what became of each process, in the order in which the job came to them.

        ``limit`` is 1 to 100. Pass ``cursor`` of the page before to get the next. Of a job that
        runs these are the results so far.
        """
        self.get(tenant_id, job_id)
        check_whole_number("limit", limit, 1, MAX_RESULTS)
        number, place = _position_of(cursor)
        found: list[JobResult] = []
        for _ in range(MAX_RESULT_READS):
            page = self._jobs.page(tenant_id, job_id, number)
            if page is None:
                return ResultPage(found, None)
            while place < len(page.results):
                if len(found) == limit:
                    return ResultPage(found, f"{number}.{place}")
                result = page.results[place]
                if result.outcome is not None and outcome in (None, result.outcome):
                    found.append(result)
                place += 1
            number, place = number + 1, 0
        return ResultPage(found, f"{number}.0")

    def run(self, tenant_id: str, job_id: str) -> Job:
        """Does all of a job; for programs that have the time. As run_some."""
        while not (job := self.run_some(tenant_id, job_id)).state.is_final:
            pass
        return job

    def run_some(
        self,
        tenant_id: str,
        job_id: str,
        *,
        pieces: int = 1,
        has_time: Callable[[], bool] = lambda: True,
    ) -> Job:
        """Does so many pieces of a job, if there is time, and returns it as it is then.

        ``has_time`` is asked before each process; after a False the rest is left to the next call.
        Of a job that was cancelled it ends the piece in hand, if there is one.
        """
        job = self.get(tenant_id, job_id)
        for _ in range(pieces):
            if job.state is JobState.COMPLETED or not has_time():
                break
            page = self._jobs.page(tenant_id, job_id, job.pages)
            if page is None:
                if job.state.is_final:
                    break
                page = self._begin(job)
            page = self._end(job, page, has_time)
            if not page.is_done:
                break
            job = self._account(job, page)
        return job

    def _of(
        self, tenant_id: str, of: str, command: JobCommand | None, filter: JobFilter | None
    ) -> tuple[JobCommand, JobFilter, int]:
        """The command and the filter of a dry run, and how many processes it would change."""
        for field, given in (("command", command), ("filter", filter)):
            if given is not None:
                raise InvalidInput(field, given, "allowed with of is none: it is the dry run's")
        dry_run = self.get(tenant_id, of)
        if not dry_run.dry_run or dry_run.state is not JobState.COMPLETED:
            kind = "dry run" if dry_run.dry_run else "job"
            allowed = f"allowed is a dry run that is completed; this {kind} is {dry_run.state}"
            raise InvalidInput("of", of, allowed)
        return dry_run.command, dry_run.filter, dry_run.progress.done

    def _started_before(self, job: Job, key: str | None) -> Job:
        known = self.get(job.tenant_id, job.job_id)
        if known.request == job.request:
            return known
        raise IdempotencyKeyReused(
            "idempotency_key",
            key,
            f"it started job {known.job_id!r} with another request; "
            "allowed is the same request, or a key not used before",
        )

    def _begin(self, job: Job) -> JobPage:
        """The next piece, on record; where another has begun it meanwhile, the other's."""
        page = self._planned(job) if job.of is None else self._planned_of(job)
        if self._jobs.put_page(job, page):
            return replace(page, version=1)
        return self._stored_page(job, page.number)

    def _planned(self, job: Job) -> JobPage:
        """The next processes that the filter is about; in a dry run, what would become of them."""
        looked_at = 0
        found: list[JobResult] = []
        cursor = job.cursor
        while len(found) < PIECE and looked_at < PIECE_LOOKED_AT:
            listed = self._processes.page(
                job.tenant_id,
                process_type=job.filter.process_type,
                states=_listed_states(job),
                limit=PIECE,
                cursor=cursor,
            )
            cursor = listed.cursor
            looked_at += len(listed.processes)
            found += [self._entry(job, each) for each in listed.processes if _is_about(job, each)]
            if cursor is None or _has_passed(job, listed.processes):
                cursor = None
                break
        return JobPage(number=job.pages, results=tuple(found), looked_at=looked_at, cursor=cursor)

    def _entry(self, job: Job, process: Process) -> JobResult:
        entry = self._orders.look(job, process)
        return self._orders.foresee(job, process, entry) if job.dry_run else entry

    def _planned_of(self, job: Job) -> JobPage:
        """The processes of the dry run's next piece that it would change."""
        assert job.of is not None, "it follows a dry run"
        dry_run = self.get(job.tenant_id, job.of)
        foreseen = self._stored_page(dry_run, job.pages)
        of_dry_run = [each for each in foreseen.results if each.outcome is JobOutcome.DONE]
        found = []
        for each in of_dry_run:
            process = self._processes.get(ProcessKey(job.tenant_id, each.process_id))
            # One that is gone is refused when it is its turn.
            found.append(
                JobResult(process_id=each.process_id)
                if process is None
                else self._entry(job, process)
            )
        is_last = job.pages + 1 >= dry_run.pages
        return JobPage(
            number=job.pages,
            results=tuple(found),
            looked_at=len(of_dry_run),
            cursor=None if is_last else str(job.pages + 1),
        )

    def _end(self, job: Job, page: JobPage, has_time: Callable[[], bool]) -> JobPage:
        """The piece with the command given to each process in it, as far as there is time."""
        while not page.is_done:
            results = self._given(job, page, has_time)
            if results == page.results:
                return page
            ended = replace(page, results=results)
            if self._jobs.put_page(job, ended):
                return replace(ended, version=page.version + 1)
            # Another does the same piece. What it noted counts; what it has not come to goes on.
            page = self._stored_page(job, page.number)
        return page

    def _given(
        self, job: Job, page: JobPage, has_time: Callable[[], bool]
    ) -> tuple[JobResult, ...]:
        def given(entry: JobResult) -> JobResult:
            if entry.outcome is not None or not has_time():
                return entry
            return self._orders.give(job, entry)

        if self._side_by_side == 1:
            return tuple(map(given, page.results))
        with ThreadPoolExecutor(self._side_by_side) as pool:
            return tuple(pool.map(given, page.results))

    def _account(self, job: Job, page: JobPage) -> Job:
        """The job with a piece that is done; whoever is first to note it, it counts once."""
        for _ in range(TRIES):
            if job.pages > page.number:
                return job
            after = job.after(page, self._clock())
            if self._jobs.save(after):
                return replace(after, version=job.version + 1)
            job = self.get(job.tenant_id, job.job_id)
        raise LostRace(f"job {job.job_id!r} was changed before each of {TRIES} tries; try again")

    def _stored_page(self, job: Job, number: int) -> JobPage:
        page = self._jobs.page(job.tenant_id, job.job_id, number)
        if page is None:
            raise JobNotFound(job.job_id)  # its results have expired
        return page


def _is_about(job: Job, process: Process) -> bool:
    # What starts while it runs is none of its business, or it might never end.
    return process.started_at <= job.created_at and job.filter.matches(process, job.command)


def _has_passed(job: Job, listed: list[Process]) -> bool:
    """Whether all that follows in the listing was started too early; of one type, newest first."""
    earliest = job.filter.started_after
    return (
        job.filter.process_type is not None
        and earliest is not None
        and any(process.started_at < earliest for process in listed)
    )


def _listed_states(job: Job) -> frozenset[ProcessState]:
    state = job.filter.state
    return STATES[job.command.command] if state is None else frozenset({state})


def _position_of(cursor: str | None) -> tuple[int, int]:
    if cursor is None:
        return 0, 0
    number, dot, place = cursor.partition(".")
    if not (dot and number.isdecimal() and place.isdecimal() and len(cursor) <= 12):
        allowed = "allowed is the cursor of an earlier page of the same results"
        raise InvalidInput("cursor", cursor, allowed)
    return int(number), int(place)
