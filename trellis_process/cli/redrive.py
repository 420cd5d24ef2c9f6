"""``trellis redrive``: sends again what failed, queue by queue, and says what became of each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.table import Table
from rich.text import Text

from trellis_process.cli.console import Console
from trellis_process.cli.dead_letters import DeadLetterQueue, Letter, Letters
from trellis_process.cli.deployment import Deployment
from trellis_process.cli.redrive_plans import NotSent, Plan, Planner, in_order, planner_for
from trellis_process.cli.stream_batch import BatchGone
from trellis_process.errors import shown

_STYLES = {
    "sent": "green",
    "dropped": "magenta",
    "would be sent": "cyan",
    "would be dropped": "cyan",
    "stays": "yellow",
    "failed": "red",
}


@dataclass(frozen=True)
class Outcome:
    """What became of one letter."""

    queue: str
    message_id: str
    #: One of ``sent``, ``dropped``, ``stays``, ``failed``, or what it would be.
    outcome: str
    about: str
    told: str


def redrive(
    stack: Deployment,
    queues: Sequence[DeadLetterQueue],
    *,
    send: Collection[str],
    drop: Collection[str],
    dry_run: bool,
    limit: int,
    as_json: bool,
) -> bool:
    """Sends again what lies in these queues; whether anything is left there.

    What was refused stays unless its code is in ``send`` or ``drop``. A dry run only says what
    would be done. It deals with up to ``limit`` letters of each queue.
    """
    outcomes: list[Outcome] = []
    console = Console()
    with Console(stderr=True).status("Looking at what failed") as status:
        for queue in queues:
            planner = planner_for(queue, stack, send=send, drop=drop)
            found = _deal(Letters(stack, queue), queue, planner, dry_run, limit, status.update)
            outcomes += found
            if found and not as_json:
                console.print(_table(queue, found))
    if as_json:
        click.echo(json.dumps([asdict(outcome) for outcome in outcomes]))
    else:
        click.echo(_sum(outcomes))
    return any(each.outcome not in ("sent", "dropped") for each in outcomes)


def _deal(
    letters: Letters,
    queue: DeadLetterQueue,
    planner: Planner,
    dry_run: bool,
    limit: int,
    report: Callable[[str], None],
) -> list[Outcome]:
    taken: dict[str, Letter] = {}
    outcomes: list[Outcome] = []
    try:
        for letter in letters.take(limit):
            taken[letter.message_id] = letter
            report(f"{queue.name}: {len(taken)} read")
        plans = in_order((each, _plan(planner, each)) for each in list(taken.values()))
        for letter, plan in plans:
            outcome, told = _follow(plan, dry_run)
            outcomes.append(Outcome(queue.name, letter.message_id, outcome, plan.about, told))
            if outcome in ("sent", "dropped"):
                letters.delete(letter)
                del taken[letter.message_id]
            report(f"{queue.name}: {len(outcomes)} of {len(plans)} dealt with")
    finally:
        letters.release(list(taken.values()))
    return outcomes


def _plan(planner: Planner, letter: Letter) -> Plan:
    try:
        return planner(letter)
    except (AttributeError, KeyError, TypeError, ValueError):
        about = f"a message that is none of Trellis's: {shown(letter.body)}"
        return Plan(about, told="nobody but who put it there knows what to do with it")


def _follow(plan: Plan, dry_run: bool) -> tuple[str, str]:
    """What becomes of a letter, and what there is to say about that."""
    if plan.act is None:
        return "stays", plan.told
    done = "dropped" if plan.is_drop else "sent"
    if dry_run:
        return f"would be {done}", plan.told
    try:
        plan.act()
    except (BatchGone, BotoCoreError, ClientError, NotSent) as error:
        return "failed", str(error)
    return done, plan.told


def _table(queue: DeadLetterQueue, outcomes: Sequence[Outcome]) -> Table:
    table = Table(
        title=queue.name,
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column("outcome", no_wrap=True)
    table.add_column("what it is, and what becomes of it", overflow="fold")
    for each in outcomes:
        outcome = Text(each.outcome, _STYLES[each.outcome])
        table.add_row(outcome, Text.assemble(each.about, "\n", (each.told, "dim")))
    return table


def _sum(outcomes: Sequence[Outcome]) -> str:
    counted = Counter(each.outcome for each in outcomes)
    said = ", ".join(f"{counted[outcome]} {outcome}" for outcome in _STYLES if counted[outcome])
    return f"{said}." if said else "Nothing has failed."
