"""Scale, on paper: what a large stack asks of each part of AWS, and which gives way first."""

from __future__ import annotations

import math
import random
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from uuid import UUID

from benchmarks.report import Section, Table
from benchmarks.surroundings import surroundings
from trellis_process.cost import Journey, Usage, Workload, bill, usage_of
from trellis_process.cost.bill import DAYS_OF_A_MONTH
from trellis_process.dynamodb.schema import DUE_SHARDS, LISTING_SHARDS

#: What is asked: processes open at once; commands and due wake-ups, a second.
OPEN, COMMANDS, DUE = 10_000_000, 10_000, 1_000
STEPS = 5
KEPT_DAYS = 30
LARGEST_TENANT = 0.2  # its share of all

# Limits that AWS publishes, for us-east-1; those of an account are raised on request.
PARTITION_WRITES = 1_000  # units a second, of a table's or an index's partition
TABLE_WRITES = TABLE_READS = 40_000  # units a second, on demand
API_CALLS = 10_000  # a second
CONCURRENCY = 1_000  # functions at once
BUS_REQUESTS = 10_000  # a second
BUS_DELIVERIES = 18_750  # a second, to the targets of all rules

# What is assumed, for only AWS can say it.
COMMAND_MS = 25.0
PUBLISHER_CHANGES = 200  # a second, by one run after another on one shard of the stream
PUBLISHER_PARALLELISM = 2  # the template's default of 10 at most
SWEEPER_DUE = 500  # a second: 16 side by side, 1.2 ms of the one processor and some waiting each
SWEEP_SECONDS, SWEEP_EVERY = 50, 60  # as the template has it, less the margin of the function

# Of the audit, for 1,000: half again what a core here takes, which was measured to be 150 ms for
# items, 60 more where they wait, 13 for entries that are read, 58 for entries that are looked up;
# and the waiting for answers. The rate of reading, 1,000 units a second, holds up the looking up.
ITEMS_SECONDS, WAITING_SECONDS = 0.29, 0.09
ENTRIES_SECONDS, LOOKUPS_SECONDS = 0.028, 0.52
AUDIT_SECONDS = 780  # of each hour's run, less the function's margin and some

SECONDS = 60  # that are played through, drawing an id for each process


@dataclass(frozen=True)
class Part:
    """A part of AWS: what is asked of it in a second, what it gives, what to do about it."""

    name: str
    asked: float
    gives: float
    unit: str
    remedy: str

    @property
    def used(self) -> float:
        """The share of what it gives."""
        return self.asked / self.gives


@dataclass(frozen=True)
class Load:
    """What a second asks for."""

    usage: Usage
    starts: float
    #: Wake-ups that only move, for another deadline has taken the place of an earlier one.
    moved: float
    timeouts: float

    @property
    def write_units(self) -> float:
        """Of the table and its indexes."""
        return self.starts * self.usage.write_units + self.timeouts * 3

    @property
    def read_units(self) -> float:
        """Of the table, by commands and sweeps."""
        return self.starts * self.usage.read_units + self.timeouts

    @property
    def changes(self) -> float:
        """Writes that the publisher is handed."""
        return self.starts * self.usage.changes + self.timeouts

    @property
    def events(self) -> float:
        """That a process of its journey has, and two for each attempt that timed out."""
        return self.starts * self.usage.events + self.timeouts * 2

    @property
    def due_writes(self) -> float:
        """Entries of the due index: made and removed by each process, and by each sweep of it."""
        return self.starts * 2 + (self.moved + self.timeouts) * 2


@cache
def load() -> Load:
    """Of processes that are open as long as it takes to have so many at once."""
    starts = COMMANDS / usage_of(Journey(STEPS)).commands
    seconds = OPEN / starts / STEPS
    usage = usage_of(Journey(STEPS, step_seconds=seconds, timeout_seconds=3 * seconds))
    moved = starts * (usage.writes - usage.changes)
    return Load(usage, starts, moved, max(DUE - moved, 0.0))


@cache
def fullest_second(writes: float, shards: int) -> int:
    """The most writes that any shard meets in any second, with as many ids as there are writes."""
    draw = random.Random(7)
    most = 0
    for _ in range(SECONDS):
        met: Counter[int] = Counter()
        for _ in range(round(writes / 2)):  # an entry that moves does so within its shard
            process_id = str(UUID(int=draw.getrandbits(128), version=4))
            met[zlib.crc32(process_id.encode()) % shards] += 2  # as schema.due_shard
        most = max(most, *met.values())
    return most


def shards_for(writes: float) -> int:
    """The smallest power of two at which the fullest shard is used to two thirds at most."""
    shards = 1
    while writes / shards * 1.15 > PARTITION_WRITES * 2 / 3:
        shards *= 2
    return shards


def lateness_after_an_hour(due_a_second: float, sweepers: int = 1) -> float:
    """Seconds by which the oldest is late when the hour's last sweep has ended."""
    waiting: list[tuple[float, float]] = []  # when it came due, and how many in that minute
    for minute in range(61):
        now = minute * SWEEP_EVERY
        room = float(SWEEPER_DUE * SWEEP_SECONDS * sweepers)
        while waiting and room:
            since, many = waiting[0]
            taken = min(many, room)
            room -= taken
            waiting[0] = (since + SWEEP_EVERY * taken / many if many else since, many - taken)
            if waiting[0][1] <= 0:
                waiting.pop(0)
        waiting.append((now, due_a_second * SWEEP_EVERY))
    return 60 * SWEEP_EVERY - waiting[0][0]


def audit_runs(processes: int, waiting: int, *, with_lookups: bool = False) -> int:
    """In how many runs a round of the audit is made, over so many of which so many wait."""
    share = waiting / processes
    each = (ITEMS_SECONDS + WAITING_SECONDS * share) / 1_000
    reading = waiting * ENTRIES_SECONDS / 1_000  # of the due index, by each run before the table
    runs, left = 1, float(processes)
    while (seen := (AUDIT_SECONDS - reading) / each) < left:
        runs, left = runs + 1, left - seen
    # The last of these runs goes on with the indexes, and remembers the processes that it has seen.
    entries = waiting + (2 * processes if with_lookups else 0)
    said = entries * left / processes
    rest = reading + left * each
    rest += (said * ENTRIES_SECONDS + (entries - said) * LOOKUPS_SECONDS) / 1_000
    return runs + math.ceil(rest / AUDIT_SECONDS) - 1


def parts() -> list[Part]:
    """Every part that the load goes through."""
    each = load()
    busy_partitions = math.ceil(each.write_units / PARTITION_WRITES)  # more, once much is kept
    of_a_stream_shard = each.changes / busy_partitions
    of_the_tenant = each.starts * LARGEST_TENANT * 2 / LISTING_SHARDS
    parallelism = math.ceil(of_a_stream_shard / PUBLISHER_CHANGES)
    return [
        Part(
            "sweep",
            DUE,
            SWEEPER_DUE * SWEEP_SECONDS / SWEEP_EVERY,
            "due",
            "several sweepers, each for some shards",
        ),
        Part(
            f"stream, a shard of {busy_partitions}",
            of_a_stream_shard,
            PUBLISHER_CHANGES * PUBLISHER_PARALLELISM,
            "changes",
            f"the parameter PublisherParallelism from {PUBLISHER_PARALLELISM} to {parallelism}; 10 "
            "is the most",
        ),
        Part("HTTP API", COMMANDS, API_CALLS, "calls", "a higher quota, batches, or the queue"),
        Part(
            "bus, one rule that matches all",
            each.events,
            BUS_DELIVERIES,
            "deliveries",
            "a higher quota, or rules that match less",
        ),
        Part(
            f"due index, the fullest of {DUE_SHARDS} shards",
            fullest_second(each.due_writes, DUE_SHARDS),
            PARTITION_WRITES,
            "writes",
            f"DUE_SHARDS from {DUE_SHARDS} to {2 * DUE_SHARDS}",
        ),
        Part(
            "table and indexes, writes",
            each.write_units,
            TABLE_WRITES,
            "units",
            "a higher quota; warm throughput before a launch",
        ),
        Part("table, reads", each.read_units, TABLE_READS, "units", "a higher quota"),
        Part(
            "Lambda, the step API",
            COMMANDS * COMMAND_MS / 1000,
            CONCURRENCY,
            "at once",
            "a higher quota",
        ),
        Part(
            f"listing, one of {LISTING_SHARDS} shards",
            of_the_tenant,
            PARTITION_WRITES,
            "writes",
            f"LISTING_SHARDS from {LISTING_SHARDS} to {2 * LISTING_SHARDS}",
        ),
        Part(
            "bus, requests of ten events",
            each.events / 10,
            BUS_REQUESTS,
            "requests",
            "a higher quota",
        ),
    ]


def run() -> tuple[Section, str]:
    """The parts by how much of each is used, the sweeps, and what a day costs."""
    by_use = sorted(parts(), key=lambda part: part.used, reverse=True)
    first = by_use[0]
    section = Section(
        "Scale, on paper",
        f"{OPEN:,} open processes of {STEPS} steps, {COMMANDS:,} commands and {DUE:,} due wake-ups "
        f"a second, {LARGEST_TENANT:.0%} of it one tenant's; finished ones are kept for "
        f"{KEPT_DAYS} "
        "days. What that asks for follows from the units above. What each part gives are AWS's "
        "published limits of us-east-1, those of an account before they are raised. Nothing here "
        f"was measured on AWS, and assumed are {COMMAND_MS:g} ms for a command, "
        f"{PUBLISHER_CHANGES} changes a second by a publisher on its shard, {SWEEPER_DUE} due "
        f"processes a second by a sweep. For the due index {SECONDS} seconds are played through "
        "with "
        "random ids in the shards that the code gives them.",
        [_second(), _gives_way(by_use), _remedies(by_use), _sweeps(), _audits(), _day()],
        [
            f"**First gives way: the {first.name}, at {_gives_way_at(first)}.** What helps: "
            f"{first.remedy}.",
            *_on_shards(),
        ],
    )
    return section, surroundings()


def _second() -> Table:
    each = load()
    asked = {
        "processes started": each.starts,
        "commands": COMMANDS,
        "wake-ups moved": each.moved,
        "attempts timed out": each.timeouts,
        "write units": each.write_units,
        "of which in the due index": each.due_writes,
        "read units": each.read_units,
        "events": each.events,
    }
    return Table(
        ["in a second", "number"], [[name, f"{number:,.0f}"] for name, number in asked.items()]
    )


def _gives_way(by_use: list[Part]) -> Table:
    rows = [
        [
            part.name,
            f"{part.asked:,.0f}",
            f"{part.gives:,.0f} {part.unit}",
            f"{part.used:.0%}",
            _gives_way_at(part),
        ]
        for part in by_use
    ]
    head = ["part", "asked", "gives a second", "used", "gives way at"]
    return Table(head, rows, "What gives way first")


def _remedies(by_use: list[Part]) -> Table:
    rows = [[part.name, part.remedy] for part in by_use]
    return Table(["part", "where that is too little"], rows, "What helps", texts=2)


def _gives_way_at(part: Part) -> str:
    if part.unit == "due":
        return f"{part.gives:,.0f} due"
    return f"{COMMANDS / part.used:,.0f} commands"


def _sweeps() -> Table:
    rows = []
    for due in (50, 100, 200, 500, 1_000):
        needed = math.ceil(due * SWEEP_EVERY / SWEEP_SECONDS / SWEEPER_DUE)
        rows.append(
            [
                f"{due:,}",
                f"{lateness_after_an_hour(due) / 60:,.0f} min",
                f"{needed}",
                f"{lateness_after_an_hour(due, needed) / 60:,.0f} min",
            ]
        )
    head = ["due a second", "oldest after an hour", "sweepers needed", "with these"]
    return Table(head, rows, "Sweeps, a minute's due taken by the next one")


def _audits() -> Table:
    stacks = [(100_000, 100_000), (1_000_000, 1_000_000), (OPEN, OPEN // 100), (OPEN, OPEN)]
    rows = [
        [
            f"{processes:,}",
            f"{waiting:,}",
            f"{audit_runs(processes, waiting)}",
            f"{audit_runs(processes, waiting, with_lookups=True)}",
        ]
        for processes, waiting in stacks
    ]
    head = ["processes", "of which wait", "runs a round", "with the look-ups"]
    return Table(head, rows, "The audit, a run of 13 minutes each hour")


def _day() -> Table:
    each = load()
    month = each.starts * 86_400 * DAYS_OF_A_MONTH
    journey = Journey(STEPS, step_seconds=2_200, timeout_seconds=6_600)
    workload = Workload(journey, processes=month, kept_days=KEPT_DAYS, changes_together=10)
    bills = [bill(workload), bill(replace(workload, together=25))]
    rows = [[part, *(_a_day(each.parts[part]) for each in bills)] for part in bills[0].parts]
    rows.append(["together", *(_a_day(each.together) for each in bills)])
    head = ["a day", "a call each", "25 in a call"]
    return Table(head, rows, "What a day of it costs, without the time-outs")


def _a_day(month: float) -> str:
    return f"${month / DAYS_OF_A_MONTH:,.0f}"


def _on_shards() -> list[str]:
    each = load()
    now = fullest_second(each.due_writes, DUE_SHARDS)
    doubled = fullest_second(each.due_writes, 2 * DUE_SHARDS)
    return [
        f"{DUE_SHARDS} shards of the due index are enough: the fullest second of one has {now:,} "
        f"writes of {PARTITION_WRITES:,}. With {2 * DUE_SHARDS} it would be {doubled:,}; two "
        f"thirds would be used with {shards_for(each.due_writes)}.",
        "`DUE_SHARDS` and `LISTING_SHARDS` can be raised at any time without moving anything: a "
        "shard is read by its number, the numbers below stay, and a process moves to its new shard "
        "with its next write, which costs two units once. While the functions of one deployment "
        "change over, a wake-up in a new shard waits for the next sweep. Neither can be lowered "
        "while an entry is in a shard that would go.",
        "The partition of a process's own item is no limit, because a process has its own hash "
        "key; "
        "nor is an aggregate's, unless a thousand processes a second are started about one.",
    ]
