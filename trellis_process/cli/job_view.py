"""How jobs look in a terminal: one with its numbers, and a table of what became of each process."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trellis_process.application.job_states import JobState
from trellis_process.application.jobs import Job, JobProgress, JobResult
from trellis_process.cli.console import Console
from trellis_process.cli.listing import print_listing

_STATES = {"planned": "dim", "running": "cyan", "completed": "green", "cancelled": "magenta"}
_OUTCOMES = {"done": "green", "unchanged": "dim", "refused": "yellow", "failed": "red"}


def job_view(job: Job) -> RenderableType:
    """One job: what it does to what, how far it has come, and what to do next."""
    heading = Text.assemble(
        (_command(job), "bold"), f" for {_meant(job)}: ", (job.state.value, _STATES[job.state])
    )
    facts = Text(
        f"{job.job_id} of {job.tenant_id}, asked for "
        f"{job.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
        + (f" by {job.actor.rsplit('/', 1)[-1]}" if job.actor else "")
        + (f", because {job.reason}" if job.reason else ""),
        "dim",
    )
    lines: list[RenderableType] = [heading, facts, "", _numbers(job)]
    if hint := _hint(job):
        lines += ["", Text(hint, "dim")]
    return Group(*lines)


def progress_line(job: Job) -> str:
    """How far a job has come, in one line."""
    return "planned" if job.state is JobState.PLANNED else f"{job.state}: {_counts(job)}"


def print_jobs(console: Console, jobs: Iterable[Job]) -> None:
    """Prints jobs: which, how each stands, what it does, and what came of it so far."""
    rows = [
        (
            job.job_id,
            f"{job.created_at.astimezone():%Y-%m-%d %H:%M}",
            Text(job.state.value, _STATES[job.state]),
            f"{_command(job)} for {_meant(job)}",
            _counts(job),
        )
        for job in jobs
    ]
    columns = ("job", "asked for", "state", "what", "so far")
    print_listing(console, columns, rows, below=("what", "so far"))


def print_results(console: Console, results: Iterable[JobResult]) -> None:
    """Prints what became of processes, or in a dry run what would."""
    rows: list[tuple[str | Text, ...]] = []
    for each in results:
        outcome = "" if each.outcome is None else each.outcome.value
        rows.append(
            (
                each.process_id,
                Text(outcome, _OUTCOMES.get(outcome, "")),
                (each.state or "").replace("_", " "),
                "" if each.version is None else str(each.version),
                ", ".join(each.events),
                f"{each.code}: {each.message}" if each.code else "",
            )
        )
    columns = ("process", "outcome", "state", "version", "events", "why not")
    print_listing(console, columns, rows, below=("why not", "events"))


def _numbers(job: Job) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column()
    if not job.of:
        table.add_row(f"{job.progress.looked_at:,}", "looked at")
    of = "" if job.expected is None else f", of {job.expected:,} expected"
    table.add_row(f"{job.progress.matched:,}", f"matched{of}")
    for name, count in _outcomes(job.progress).items():
        told = f"would be {name}" if job.dry_run else name
        table.add_row(Text(f"{count:,}", _OUTCOMES[name] if count else "dim"), told)
    return table


def _command(job: Job) -> str:
    step = f" {job.command.step_name}" if job.command.step_name else ""
    return f"{'dry run of ' if job.dry_run else ''}{job.command.command}{step}"


def _counts(job: Job) -> str:
    told = job.progress
    outcomes = ", ".join(f"{count:,} {name}" for name, count in _outcomes(told).items() if count)
    of = "" if job.expected is None else f" of {job.expected:,}"
    looked_at = "" if job.of else f"{told.looked_at:,} looked at, "
    return f"{looked_at}{told.matched:,}{of} matched" + (f": {outcomes}" if outcomes else "")


def _outcomes(progress: JobProgress) -> dict[str, int]:
    return {name: getattr(progress, name) for name in _OUTCOMES}


def _meant(job: Job) -> str:
    said = job.filter.as_json()
    searched = said.pop("search_attributes", {})
    words = [f"{name.replace('_', ' ')} {value}" for name, value in said.items()]
    words += [f"{name} {value}" for name, value in searched.items()]
    about = " and ".join(words) or "all processes"
    return f"{about}, as dry run {job.of} listed" if job.of else about


def _hint(job: Job) -> str:
    if job.dry_run and job.state is JobState.COMPLETED and job.progress.done:
        return f"To do it: trellis jobs start --of {job.job_id}"
    for outcome in ("failed", "refused"):
        if getattr(job.progress, outcome):
            return f"Which, and why: trellis jobs results {job.job_id} --outcome {outcome}"
    return ""
