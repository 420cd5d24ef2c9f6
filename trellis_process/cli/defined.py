"""The commands on processes of definitions: run one by name, signal it, intervene, see to tasks."""

from __future__ import annotations

from typing import Any, get_args

import click

from trellis_process.application.keys import OnDuplicate
from trellis_process.cli.processes import Asked, json_value, on_processes

_reason = click.option("--reason", help="Why; it goes into the events.")


@on_processes
@click.argument("definition")
@click.option("--input", callback=json_value, help="What it is started with, a JSON object.")
@click.option("--key", help="Names the process: the same key starts one, however often.")
@click.option(
    "--on-duplicate",
    type=click.Choice(get_args(OnDuplicate)),
    default="return_existing",
    help="What becomes of a key that names a process already.",
)
@click.option("--version", type=click.IntRange(1), help="The newest active one unless given.")
@click.option("--metadata", callback=json_value, help="A JSON object.")
@_reason
def run(asked: Asked, definition: str, **given: Any) -> None:
    """Start a process of a definition."""
    process = asked.client.start(definition, tenant_id=asked.tenant_id, **given)
    if process.was_there:
        click.echo("This key had started it before.", err=True)
    asked.answer(process)


@on_processes
@click.argument("process_id")
@click.argument("signal")
@click.option(
    "--definition", help="Then PROCESS_ID is a key among its processes, and may start one."
)
@click.option("--payload", callback=json_value, help="What it says, as JSON.")
@click.option("--id", "signal_id", help="Your own id of it, with which a repeat is harmless.")
@_reason
def signal(asked: Asked, process_id: str, signal: str, definition: str | None, **said: Any) -> None:
    """Give a process a signal; it is kept until a step waits for it."""
    client = asked.client
    if definition is None:
        asked.answer(client.signal(asked.key(process_id), signal, **said))
        return
    tenant_id = asked.tenant_id
    asked.answer(client.signal_by_key(definition, process_id, signal, tenant_id=tenant_id, **said))


@on_processes
@click.argument("process_id")
@click.argument("step")
@click.option("--output", callback=json_value, help="What stands in for its result, as JSON.")
@_reason
def skip(asked: Asked, process_id: str, step: str, **said: Any) -> None:
    """Go on as if a step were completed; a failed process is open again with it."""
    asked.answer(asked.client.skip_step(asked.key(process_id), step, **said))


@on_processes
@click.argument("process_id")
@click.argument("step")
@_reason
def rerun(asked: Asked, process_id: str, step: str, **said: Any) -> None:
    """Go on from a step that has ended, as if the process were no further."""
    asked.answer(asked.client.rerun_from(asked.key(process_id), step, **said))


@on_processes
@click.argument("process_id")
@_reason
def suspend_process(asked: Asked, process_id: str, **said: Any) -> None:
    """Freeze a process: reports are kept, and nothing moves or times out until it resumes."""
    asked.answer(asked.client.suspend_process(asked.key(process_id), **said))


@on_processes
@click.argument("process_id")
@_reason
def resume_process(asked: Asked, process_id: str, **said: Any) -> None:
    """Let a suspended process go on, first from what was reported meanwhile."""
    asked.answer(asked.client.resume_process(asked.key(process_id), **said))


@on_processes
@click.argument("process_id")
@click.argument("step")
@click.argument("by")
@_reason
def claim(asked: Asked, process_id: str, step: str, **said: Any) -> None:
    """Take a human task for somebody; refused where it is somebody else's."""
    asked.answer(asked.client.claim_task(asked.key(process_id), step, **said))


@on_processes
@click.argument("process_id")
@click.argument("step")
@_reason
def release(asked: Asked, process_id: str, step: str, **said: Any) -> None:
    """Give a human task back, so that it is nobody's."""
    asked.answer(asked.client.release_task(asked.key(process_id), step, **said))


@on_processes
@click.argument("process_id")
@click.argument("step")
@click.argument("to")
@_reason
def reassign(asked: Asked, process_id: str, step: str, **said: Any) -> None:
    """Give a human task to somebody, whoever's it was."""
    asked.answer(asked.client.reassign_task(asked.key(process_id), step, **said))


COMMANDS = (
    run,
    signal,
    skip,
    rerun,
    suspend_process,
    resume_process,
    claim,
    release,
    reassign,
)
