"""The report of a soak: for the terminal, and as the page that is checked in."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.soak.verdict import Verdict

PAGE = Path(__file__).parents[2] / "benchmarks" / "SOAK.md"

_INTRODUCTION = """# Soak

What became of the deployed stack under a steady load, while its parts were stopped and started
again with their data kept; as `make soak` wrote it last.

The stack of `infra/template.yaml` runs in the local cloud, rights enforced. Services of four
tenants start processes and report their steps over HTTP and the queue, by plans that a seed gives:
steps that are done, heartbeats, hang, fail, are tried again, reopened, suspended, resumed in time,
early or never; some commands are said twice, some processes are cancelled or have a deadline. What
gets no answer is asked again for a minute. Beside these, orders are driven by a definition: a
service that may be busy at first, 30 items in two parts, a subprocess, a person who approves or
rejects, and for the rejected ones compensation; workers hear of the work on the bus, doubles as
well, and report it. Meanwhile one trouble follows another. Then the load ends, everything works
again, and when nothing is left to do, what the services were told, what arrived at a queue behind
the bus, and what the API and the audit say are compared:

- Each process stands as its events say, and so did every answer that a service got, at its
  version.
- The events of each process have no gap (`previous_version`, `event_count`); a double has the same
  id and says the same.
- Each command names itself as the reason of its change: none was done twice, none that was refused
  was done, every accepted one shows in its answer, and nothing changed that neither a command nor
  the checker can have changed. What was never answered may have been done or not.
- No attempt timed out early or twice, nothing is overdue, the audit finds nothing that waits
  without its wake-up and counts as many open processes as there are.
- What the queue took was done, or refused with a reason, or asked for what was true already.
- Each order, and each of its children, has ended as its input says: children as many as asked for,
  every attempt begun once, what was completed undone in reverse and once; and the read models say
  the same as the table.
- No message is left in a queue of what could not be sent, and the queue of refused commands holds
  commands of the soak alone.

What is left out, because the local cloud loses what AWS does not:

- MiniStack writes its data only when it is told to end. When the power is cut all functions are
  killed with SIGKILL wherever they are and none begins any more; then the cloud ends, is started
  on the same data, and the functions may run again. A SIGKILL of the cloud itself would set the
  table back to its last start, which DynamoDB never does.
- MiniStack forgets the streams of its tables when it ends, and passes over the records that a
  function asks to have brought again. So the soak reads the stream, calls the deployed publisher
  with the records in order, and begins again where it asks, as Lambda does. MiniStack's own
  mapping is off. That the template's mapping has the filter which the soak obeys is checked.

How far a heartbeat moved a deadline is in no event; only answers to those sent over HTTP show it,
so a lateness may be told too high by what a heartbeat from the queue had moved.
"""


@dataclass
class Report:
    """Everything that a soak has to say."""

    minutes: float
    rate: float
    seed: int
    took_s: float = 0.0
    commands: Counter[str] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    functions_killed: int = 0
    stream: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    #: What became of what a definition drives.
    orders: Counter[str] = field(default_factory=Counter)
    lateness_s: list[float] = field(default_factory=list)
    audit: Mapping[str, Any] = field(default_factory=dict)
    #: What is wrong with the stack as a whole.
    of_the_stack: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def take(self, verdict: Verdict) -> None:
        """Takes over what was found and counted."""
        self.counts, self.events = verdict.counts, verdict.events
        self.states, self.lateness_s = verdict.states, verdict.lateness_s
        self.findings = [*verdict.findings, *self.of_the_stack]

    def text(self) -> str:
        """The figures, as Markdown that a terminal shows as well."""
        count = len(self.findings)
        found = f"**{count} finding{'s' * (count > 1)}.**" if count else "**Nothing found.**"
        said = [
            f"{found} Seed {self.seed}; {self.minutes:g} minutes of load and troubles, with a "
            f"process begun every {1 / self.rate:.2g} s; {self.took_s / 60:.1f} minutes in all.",
            *(f"- {finding}" for finding in self.findings[:50]),
            _table("commands", {**self._commands(), **_named(self.verbs, "of these, ")}),
            _table("refused, as", self.refusals) if self.refusals else "",
            _table("troubles", {**self.troubles, "functions killed": self.functions_killed}),
            _table("the stream", self.stream),
            _table("what the events say became of them", self._became()),
            _table("events, each once", self.events),
            _table("processes in the end", self.states),
            _table("what a definition drives, in the end", dict(sorted(self.orders.items()))),
            _table("lateness of the checker, seconds", self._lateness()),
            _table("the last audit", self._audit()),
        ]
        return "\n\n".join(part for part in said if part).replace("\n\n- ", "\n- ")

    def page(self) -> str:
        """The page that is checked in."""
        parts = ("trellis-process", "botocore", "pynamodb")
        versions = ", ".join(f"{name} {version(name)}" for name in parts)
        return (
            f"{_INTRODUCTION}\n## The last run\n\n{self.text()}\n\n"
            f"*Run on {datetime.now(UTC):%Y-%m-%d} with {versions} on "
            f"{platform.python_implementation()} {platform.python_version()}, "
            f"{platform.system()} {platform.machine()}.*\n"
        )

    def _commands(self) -> dict[str, int]:
        names = ("commands", "accepted", "refused", "queued", "unknown")
        told = {name: self.commands[name] for name in names}
        return {**told, "calls without an answer, asked again": self.commands["unanswered"]}

    def _became(self) -> dict[str, int]:
        names = {
            "queued, done": "queued, done",
            "queued, refused": "queued, refused with a reason",
            "queued, no-op": "queued, true already, ignored or overtaken",
            "unknown, done": "unknown, done",
            "unknown, not done": "unknown, not done",
            "arrived": "events that arrived",
            "doubles": "of these, doubles",
            "overtaken": "of these, overtaken by a later one of their process",
        }
        return {shown: self.counts[name] for name, shown in names.items()}

    def _lateness(self) -> dict[str, Any]:
        late = sorted(self.lateness_s)
        if not late:
            return {"deadlines passed": 0}
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
        percentiles = {name: late[int(share * (len(late) - 1))] for name, share in shares.items()}
        figures = {"least": late[0], **percentiles, "most": late[-1]}
        shown = {name: f"{value:.1f}" for name, value in figures.items()}
        return {"deadlines passed": len(late), **shown}

    def _audit(self) -> dict[str, Any]:
        names = ("looked_at", "open", "without_wakeup", "oldest_overdue_seconds", "repaired")
        return {name: self.audit.get(name, "-") for name in (*names, "unrepaired")}


def _named(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {f"{prefix}{name}": count for name, count in sorted(counts.items())}


def _table(name: str, rows: Mapping[str, Any]) -> str:
    lines = [f"| {row} | {value} |" for row, value in rows.items()]
    return "\n".join([f"| {name} | |", "| --- | ---: |", *lines])
