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
from trellis_process.application.sweeper import Sweeper
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
class Parameters:
    """Those of the template that have to do with how much it can take, as they are by default."""

    sweepers: int = 1
    publisher_parallelism: int = 2  # of 10 at most


DEPLOYED = Parameters()


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

    def due_writes(self, swept: float = DUE) -> float:
        """Entries of the due index: made and removed by each process, and by each sweep of it."""
        return self.starts * 2 + swept * 2


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


def sweepers_held_up() -> int:
    """The fewest sweepers of which one is faster than a shard of the due index takes it."""
    return next(
        n
        for n in range(1, DUE_SHARDS + 1)
        if fullest_second(load().due_writes(pace(n)), DUE_SHARDS) > PARTITION_WRITES
    )


def shards_for(writes: float) -> int:
    """The smallest power of two at which the fullest shard is used to two thirds at most."""
    shards = 1
    while writes / shards * 1.15 > PARTITION_WRITES * 2 / 3:
        shards *= 2
    return shards


def fullest_share(sweepers: int) -> float:
    """The share of what is due that is in the shards of the sweeper that has the most of them."""
    return len(Sweeper(1, sweepers).shards(DUE_SHARDS)) / DUE_SHARDS


def swept_a_second(sweepers: int) -> float:
    """How much may come due in a second, so that the sweeper with the most shards keeps up."""
    return SWEEPER_DUE * SWEEP_SECONDS / SWEEP_EVERY / fullest_share(sweepers)


def sweepers_for(due_a_second: float) -> int:
    """The fewest sweepers that keep up with so much."""
    return min(n for n in range(1, DUE_SHARDS + 1) if swept_a_second(n) >= due_a_second)


def pace(sweepers: int, shards: int = DUE_SHARDS) -> float:
    """What would be swept in a second if every shard were swept as fast as the fastest one.

    That is one of the sweeper with the fewest. At the least, it is what comes due.
    """
    fewest = len(Sweeper(sweepers, sweepers).shards(shards))
    return max(float(DUE), SWEEPER_DUE / fewest * shards)


def lateness_after_an_hour(due_a_second: float, sweepers: int = 1) -> float:
    """Seconds by which the oldest is late when the hour's last sweep has ended.

    That is in the shards of the sweeper that has the most of them.
    """
    due_a_second *= fullest_share(sweepers)
    waiting: list[tuple[float, float]] = []  # when it came due, and how many in that minute
    for minute in range(61):
        now = minute * SWEEP_EVERY
        room = float(SWEEPER_DUE * SWEEP_SECONDS)
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


def parts(given: Parameters = DEPLOYED) -> list[Part]:
    """Every part that the load goes through, with these parameters."""
    each = load()
    busy_partitions = math.ceil(each.write_units / PARTITION_WRITES)  # more, once much is kept
    of_a_stream_shard = each.changes / busy_partitions
    of_the_tenant = each.starts * LARGEST_TENANT * 2 / LISTING_SHARDS
    sweepers = f"{given.sweepers} sweepers, the one of the most shards"
    return [
        Part(
            "sweep" if given.sweepers == 1 else sweepers,
            DUE * fullest_share(given.sweepers),
            SWEEPER_DUE * SWEEP_SECONDS / SWEEP_EVERY,
            "due",
            f"the parameter Sweepers from {DEPLOYED.sweepers} to {RAISED.sweepers}; {DUE_SHARDS} "
            "is the most",
        ),
        Part(
            f"stream, a shard of {busy_partitions}",
            of_a_stream_shard,
            PUBLISHER_CHANGES * given.publisher_parallelism,
            "changes",
            f"the parameter PublisherParallelism from {DEPLOYED.publisher_parallelism} to "
            f"{RAISED.publisher_parallelism}; 10 is the most",
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
            fullest_second(each.due_writes(pace(given.sweepers)), DUE_SHARDS),
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


def parameters_for_it() -> Parameters:
    """The smallest that are enough."""
    each = load()
    of_a_stream_shard = each.changes / math.ceil(each.write_units / PARTITION_WRITES)
    return Parameters(sweepers_for(DUE), math.ceil(of_a_stream_shard / PUBLISHER_CHANGES))


RAISED = parameters_for_it()


def run() -> tuple[Section, str]:
    """The parts by how much of each is used, the sweeps, and what a day costs."""
    by_use = _by_use(DEPLOYED)
    raised = _by_use(RAISED)
    first, (then, after, *_) = by_use[0], raised
    section = Section(
        "Scale, on paper",
        f"{OPEN:,} open processes of {STEPS} steps, {COMMANDS:,} commands and {DUE:,} due wake-ups "
        f"a second, {LARGEST_TENANT:.0%} of it one tenant's; finished ones are kept for "
        f"{KEPT_DAYS} "
        "days. What that asks for follows from the units above. What each part gives are AWS's "
        "published limits of us-east-1, those of an account before they are raised. Nothing here "
        f"was measured on AWS, and assumed are {COMMAND_MS:g} ms for a command, "
        f"{PUBLISHER_CHANGES} changes a second by a publisher on its shard, {SWEEPER_DUE} due "
        f"processes a second by a sweeper. For the due index {SECONDS} seconds are played through "
        "with random ids in the shards that the code gives them, while sweepers sweep.",
        [
            _second(),
            _gives_way(by_use, "What gives way first, as it is deployed by default"),
            _remedies(by_use),
            _gives_way(raised, f"With {_said(RAISED)}"),
            _sweeps(),
            _audits(),
            _day(),
        ],
        [
            f"**First gives way: the {first.name}, at {_gives_way_at(first)}.** What helps: "
            f"{first.remedy}.",
            f"**With {_said(RAISED)} all of it holds**, {DUE:,} due a second too. What breaks "
            f"next: {then.name}, at {_gives_way_at(then)}, and {after.name}, at "
            f"{_gives_way_at(after)}.",
            *_on_sweepers(),
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
        "of which in the due index": each.due_writes(),
        "read units": each.read_units,
        "events": each.events,
    }
    return Table(
        ["in a second", "number"], [[name, f"{number:,.0f}"] for name, number in asked.items()]
    )


def _by_use(given: Parameters) -> list[Part]:
    return sorted(parts(given), key=lambda part: part.used, reverse=True)


def _said(given: Parameters) -> str:
    parallelism = given.publisher_parallelism
    return f"`Sweepers: {given.sweepers}` and `PublisherParallelism: {parallelism}`"


def _gives_way(by_use: list[Part], title: str) -> Table:
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
    return Table(head, rows, title)


def _remedies(by_use: list[Part]) -> Table:
    rows = [[part.name, part.remedy] for part in by_use]
    return Table(["part", "where that is too little"], rows, "What helps", texts=2)


def _gives_way_at(part: Part) -> str:
    if part.unit == "due":
        return f"{DUE / part.used:,.0f} due"
    return f"{COMMANDS / part.used:,.0f} commands"


def _sweeps() -> Table:
    rows = []
    for due in (50, 200, 500, 1_000, 1_500, 3_000):
        needed = sweepers_for(due)
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


def _on_sweepers() -> list[str]:
    each = load()
    faster = [n for n in range(2, DUE_SHARDS + 1) if swept_a_second(n) > swept_a_second(n - 1)]
    keeps_up = "; ".join(f"{n}, {swept_a_second(n):,.0f}" for n in (1, *faster))
    held_up = sweepers_held_up()
    now = fullest_second(each.due_writes(pace(held_up)), DUE_SHARDS)
    doubled = fullest_second(each.due_writes(pace(held_up, 2 * DUE_SHARDS)), 2 * DUE_SHARDS)
    return [
        f"Sweepers keep up with so many due a second: {keeps_up}. A number between is no faster, "
        f"for one of them still has as many of the {DUE_SHARDS} shards. They share out the "
        "queries, so these cost the same; each has a run a minute.",
        f"From {held_up} sweepers on, raise `DUE_SHARDS` first: one that has a single shard makes "
        f"{now:,} writes in its fullest second, of the {PARTITION_WRITES:,} that it takes. With "
        f"{2 * DUE_SHARDS} it would be {doubled:,}.",
    ]


def _on_shards() -> list[str]:
    each = load()
    writes = each.due_writes(pace(RAISED.sweepers))
    now = fullest_second(writes, DUE_SHARDS)
    doubled = fullest_second(each.due_writes(pace(RAISED.sweepers, 2 * DUE_SHARDS)), 2 * DUE_SHARDS)
    return [
        f"{DUE_SHARDS} shards of the due index are enough: while {RAISED.sweepers} sweepers sweep, "
        f"the fullest second of one has {now:,} writes of {PARTITION_WRITES:,}. With "
        f"{2 * DUE_SHARDS} it would be {doubled:,}; two thirds would be used with "
        f"{shards_for(writes)}.",
        "`DUE_SHARDS` and `LISTING_SHARDS` can be raised at any time without moving anything: a "
        "shard is read by its number, the numbers below stay, and a process moves to its new shard "
        "with its next write, which costs two units once. While the functions of one deployment "
        "change over, a wake-up in a new shard waits for the next sweep. Neither can be lowered "
        "while an entry is in a shard that would go.",
        "The partition of a process's own item is no limit, because a process has its own hash "
        "key; "
        "nor is an aggregate's, unless a thousand processes a second are started about one.",
    ]
