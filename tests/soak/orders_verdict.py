"""The verdict on the orders: whether each ended as its input says, and so did its children."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.proof.promises import check_history
from tests.soak.ledger import Became, Entry
from tests.soak.orders import ORDER, PARCELS, SHIPMENT, UNDONE, asked_of, is_rejected
from trellis_process.representation import process_from_json

Event = dict[str, Any]
Stored = dict[str, Any]

#: What a report may be refused for that was heard of twice.
EXPECTED_REFUSALS = {"process_finished", "step_finished"}
#: The children of an order: of which step, which part of its items.
CHILDREN = [("pack", 0), ("pack", 1), ("ship", None)]


@dataclass(frozen=True)
class OrdersEvidence:
    """What the orders leave to be judged."""

    #: The starts by their keys.
    started: Mapping[str, Entry]
    reports: list[Entry]
    #: The events in the order of their arrival.
    heard: list[Event]
    #: The processes by id, as the API gives them in the end.
    stored: Mapping[str, Stored]
    #: The states of the orders by id, as the read models have them.
    viewed: Mapping[str, str]


@dataclass
class OrdersVerdict:
    """What was found, and what was counted on the way."""

    findings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def judge_orders(evidence: OrdersEvidence) -> OrdersVerdict:
    """Compares what was asked, what arrived, and what the tracker and its read models say."""
    verdict = OrdersVerdict()
    histories: dict[str, dict[str, Event]] = defaultdict(dict)
    for event in evidence.heard:
        first = histories[event["process_id"]].setdefault(event["id"], event)
        if first != event:
            verdict.findings.append(f"{event['id']}: a double that says something else")
    children: dict[str, list[Stored]] = defaultdict(list)
    for process in evidence.stored.values():
        if "parent" in process:
            children[process["parent"]["process_id"]].append(process)
    orders = [each for each in evidence.stored.values() if "parent" not in each]
    for process in evidence.stored.values():
        told = list(histories[process["process_id"]].values())
        found = [*_of_any(process, told)]
        if "parent" not in process:
            found += _of_order(process, told, children.pop(process["process_id"], []))
            if evidence.viewed.get(process["process_id"]) != process["state"]:
                found.append(f"the read models do not say that it is {process['state']}")
        verdict.findings += [f"{process['process_id']}: {each}" for each in found]
        verdict.counts[f"{process['process_type']}, {process['state']}"] += 1
    verdict.findings += [f"{parent}: is not there, and has children" for parent in children]
    verdict.findings += _of_starts(evidence.started, orders)
    for process_id in histories.keys() - evidence.stored.keys():
        verdict.findings.append(f"{process_id}: has events and is not there")
    for process_id in evidence.viewed.keys() - {each["process_id"] for each in orders}:
        verdict.findings.append(f"{process_id}: is in the read models alone")
    for entry in evidence.reports:
        verdict.counts[f"reports {entry.became}"] += 1
        if entry.code is not None and entry.code not in EXPECTED_REFUSALS:
            verdict.findings.append(f"{entry.command.name} was refused as {entry.code}")
    return verdict


def _of_starts(started: Mapping[str, Entry], orders: list[Stored]) -> Iterator[str]:
    there = Counter(each["aggregate_id"] for each in orders)
    for key, entry in started.items():
        if entry.became is Became.REFUSED:
            yield f"{key}: its start was refused as {entry.code}"
        if entry.became is Became.ACCEPTED and not there[key]:
            yield f"{key}: was started, and is not there"
        if there.pop(key, 0) > 1:
            yield f"{key}: was started more than once"
    yield from (f"{key}: nobody started it" for key in there)


def _of_any(process: Stored, told: list[Event]) -> Iterator[str]:
    """What has to hold of an order as of each of its children."""
    if not told:
        yield "none of its events arrived"
        return
    try:
        check_history(process_from_json(process), told)
    except AssertionError as gap:
        yield str(gap)
    latest = max(told, key=lambda event: (event["version"], int(event["id"].rsplit("/", 1)[1])))
    if (latest["version"], latest["process_state"]) != (process["version"], process["state"]):
        yield f"it stands as {process['state']}, and its last event says {latest['process_state']}"
    begun = _counted(told, "StepStarted", "CompensationStarted")
    yield from (f"the attempt {each} began twice" for each, times in begun.items() if times > 1)


def _counted(told: Iterable[Event], *types: str) -> Counter[tuple[str, int]]:
    return Counter((e["step_name"], e["attempt"]) for e in told if e["type"] in types)


def _of_order(process: Stored, told: list[Event], children: list[Stored]) -> Iterator[str]:
    """Whether it ended as its input says."""
    given = asked_of(process)
    rejected = is_rejected(given)
    expected = ("failed", "done") if rejected else ("completed", None)
    if (process["state"], process.get("compensation")) != expected:
        yield f"it is {process['state']}, undone: {process.get('compensation')}, not {expected}"
    output = None if rejected else {"packed": PARCELS, "loaded": given["order"]}
    if process.get("output") != output:
        yield f"its output is {process.get('output')}, not {output}"
    in_order = sorted(told, key=lambda event: event["version"])
    undone = [e["step_name"] for e in in_order if e["type"] == "CompensationCompleted"]
    if undone != list(UNDONE if rejected else ()):
        yield f"undone were {undone}"
    started = sum(1 for e in told if (e["type"], e.get("step_name")) == ("StepStarted", "charge"))
    if started != 1 + given["is_busy"]:
        yield f"charge was begun {started} times"
    of_whom = [(each["parent"]["step_name"], each["parent"].get("part")) for each in children]
    if sorted(of_whom, key=str) != sorted(CHILDREN, key=str):
        yield f"its children are {of_whom}"
    for child in children:
        kind = SHIPMENT if child["parent"]["step_name"] == "ship" else ORDER
        if (child["state"], child["process_type"]) != ("completed", kind):
            yield f"its child {child['process_id']} is a {child['process_type']}, {child['state']}"
