"""Runs a soak: ``python -m tests.soak --minutes 10``; exits with 1 where it found something.

Most of the minutes have load and troubles, the rest is quiet. The seed, which it prints, gives
the same load and the same order of troubles again; when what meets what, the machine decides.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.soak.journeys import TENANTS, journey
from tests.soak.ledger import Became, Ledger
from tests.soak.listener import Listener
from tests.soak.orders import ORDER, TENANT
from tests.soak.orders_verdict import OrdersEvidence, judge_orders
from tests.soak.report import PAGE, Report
from tests.soak.services import Services
from tests.soak.stack import Stack
from tests.soak.stream import StreamReader
from tests.soak.troubles import Troubles
from tests.soak.verdict import Evidence, judge
from tests.soak.workers import Workers

QUIET_S = 420.0  # the longest that a message stays away, 3 minutes, twice, and a sweep
SWEEP_S = 75.0  # in which a sweep of the schedule surely has begun and ended
#: Queues that nothing may be left in, by the words that the outputs have for them.
QUEUES_OF_LOSSES = ("UndeliveredEvents", "FailedBatches", "ChildEventsLeft", "UnviewedEvents")
#: Queues that have to be empty before anything can be judged.
QUEUES_OF_WORK = ("Commands", "ChildEvents", "Views")
JOURNEYS_PER_ORDER = 5


def main() -> None:
    """Runs a soak, prints its report, and writes it where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of load and troubles")
    parser.add_argument("--rate", type=float, default=1.0, help="processes begun a second")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--keep", action="store_true", help=f"write {PAGE.name} anew")
    parser.add_argument("--evidence", type=Path, help="keep there what is to be judged")
    parser.add_argument("--judge", type=Path, help="judge such a file again, without a soak")
    asked = parser.parse_args()
    console = Console(highlight=False)
    if asked.judge is not None:
        report, evidence = pickle.loads(asked.judge.read_bytes())  # one's own file
        _end(console, report, evidence, keep=asked.keep)
        return
    began = time.monotonic()

    def note(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.0f} s  {line}[/dim]")

    console.print(f"A soak of {asked.minutes:g} minutes, seed {asked.seed}")
    report = Report(asked.minutes, asked.rate, asked.seed)
    with (
        tempfile.TemporaryDirectory(prefix="trellis-soak-") as folder,
        Stack(Path(folder), note) as stack,
    ):
        evidence = _soak(stack, report, note)
    report.took_s = time.monotonic() - began
    if asked.evidence is not None:
        asked.evidence.write_bytes(pickle.dumps((report, evidence)))
    _end(console, report, evidence, keep=asked.keep)


def _end(console: Console, report: Report, evidence: Evidence, *, keep: bool) -> None:
    report.take(judge(evidence))
    console.print(f"\n{report.text()}\n", markup=False, soft_wrap=True)
    if keep:
        PAGE.write_text(report.page())
        console.print(f"Written to benchmarks/{PAGE.name}.", style="dim")
    if report.findings:
        console.print(f"Again with --minutes {report.minutes:g} --seed {report.seed}", style="red")
        sys.exit(1)


def _soak(stack: Stack, report: Report, note: Any) -> Evidence:
    ledger, listener, stream = Ledger(), Listener(stack), StreamReader(stack)
    listener.start()
    stream.start()
    services = Services(stack, ledger)
    workers = Workers(stack, listener, report.seed)
    workers.start()
    troubles = Troubles(stack, stream, report.seed, note)
    until = time.monotonic() + report.minutes * 60
    with _Pace(services, workers, report, until):
        troubles.go_on(until)
    note("everything works again, and no more processes begin; those under way go on")
    services.finish()
    workers.finish(QUIET_S)
    refused = Counter[str]()
    _wait_until_quiet(stack, stream, listener, refused, note)
    swept_at = datetime.now(UTC)
    note("a last sweep, by the schedule")
    time.sleep(SWEEP_S)
    _wait_until_quiet(stack, stream, listener, refused, note)
    stream.stop()
    workers.stop()
    listener.stop()
    for error in (*services.errors, *workers.errors, stream.error, listener.error):
        if error is not None:
            raise error  # the soak itself is broken, and its silence would say nothing
    stored = _stored(stack, TENANTS)
    driven = _stored(stack, [TENANT])
    _tell(report, ledger, stream, troubles)
    orders = judge_orders(
        OrdersEvidence(
            workers.started,
            workers.reports,
            [event for event in listener.heard if event["tenant_id"] == TENANT],
            driven,
            {row["process_id"]: row["state"] for row in _rows(stack) if "parent" not in row},
        )
    )
    report.orders = orders.counts
    report.of_the_stack = [
        *orders.findings,
        *_left_in_queues(stack),
        *_audited(stack, report, stored | driven),
    ]
    heard = [event for event in listener.heard if event["tenant_id"] != TENANT]
    return Evidence(ledger.records, heard, stored, refused, swept_at)


class _Pace:
    """Begins journeys at the rate that was asked for, and orders, in a thread of its own."""

    def __init__(self, services: Services, workers: Workers, report: Report, until: float) -> None:
        self._services, self._workers = services, workers
        self._report, self._until = report, until
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        if kind is not None:
            self._until = 0.0
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while time.monotonic() < self._until:
            self._services.begin(journey(self._report.seed, number))
            if number % JOURNEYS_PER_ORDER == 0:
                self._workers.begin(number)
            number += 1
            time.sleep(1 / self._report.rate)


def _wait_until_quiet(
    stack: Stack, stream: StreamReader, listener: Listener, refused: Counter[str], note: Any
) -> None:
    """Waits until the commands' queue is empty, the stream read, and nothing arrives any more."""
    note("waiting until nothing is left to do")
    give_up_at = time.monotonic() + QUIET_S
    while time.monotonic() < give_up_at:
        refused.update(_refused(stack))
        is_quiet = time.monotonic() - listener.last_heard_at > 3
        is_done = all(_in_queue(stack, queue) == 0 for queue in QUEUES_OF_WORK)
        if is_done and stream.is_idle and is_quiet:
            return
        time.sleep(1)
    note("it does not become quiet; what is missing now is a finding")


def _in_queue(stack: Stack, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = stack.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs[f"{queue}QueueUrl"], AttributeNames=names
    )["Attributes"]
    return sum(int(attributes[name]) for name in names)


def _refused(stack: Stack) -> Iterator[str]:
    """The names of the commands that lie among the refused, which are taken from there."""
    sqs, url = stack.client("sqs"), stack.outputs["RefusedCommandsQueueUrl"]
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            yield json.loads(message["Body"])["reason"]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def _stored(stack: Stack, tenants: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Every process of these tenants by its id, as the API lists them."""
    found: dict[str, dict[str, Any]] = {}
    for tenant in tenants:
        for process in _listed(stack, f"/tenants/{tenant}/processes"):
            assert process["tenant_id"] == tenant, "a tenant is shown another's process"
            found[process["process_id"]] = process
    return found


def _rows(stack: Stack) -> Iterator[dict[str, Any]]:
    """The orders as the read models have them."""
    return _listed(stack, f"/tenants/{TENANT}/definitions/{ORDER}/processes")


def _listed(stack: Stack, path: str) -> Iterator[dict[str, Any]]:
    """The processes of a list, from all its pages."""
    http, query = stack.deployed.http(), {"limit": "100"}
    while True:
        answer = http.request("GET", path, query=query)
        assert answer.status == 200, answer.body
        page = answer.json()
        yield from page["processes"]
        if "cursor" not in page:
            return
        query["cursor"] = page["cursor"]


def _left_in_queues(stack: Stack) -> Iterator[str]:
    for queue in QUEUES_OF_LOSSES:
        if count := _in_queue(stack, queue):
            yield f"{count} messages are in the queue {queue}"


def _audited(stack: Stack, report: Report, stored: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What the audit finds that it must not; the round before this one is ended first."""
    for _ in range(2):
        report.audit = stack.invoke("Audit")
        while not report.audit["is_complete"]:
            report.audit = stack.invoke("Audit")
    for name in ("without_wakeup", "oldest_overdue_seconds", "repaired", "unrepaired"):
        if report.audit[name]:
            yield f"the audit says {name} {report.audit[name]}: {report.audit['faults']}"
    still_open = sum("ended_at" not in process for process in stored.values())
    if report.audit["open"] != still_open:
        yield f"the audit counts {report.audit['open']} open processes, the API {still_open}"


def _tell(report: Report, ledger: Ledger, stream: StreamReader, troubles: Troubles) -> None:
    report.commands = ledger.counts()
    for record in ledger.records:
        for entry in record.entries:
            report.verbs[entry.command.verb] += 1
            if entry.became is Became.REFUSED:
                report.refusals[str(entry.code)] += 1
    report.verbs["start_process"] = len(ledger.records)
    report.troubles, report.functions_killed = troubles.made, troubles.functions_killed
    report.stream = Counter(
        {
            "records read": stream.read,
            "batches handed over": stream.batches,
            "batches that failed, handed over again": stream.failed_batches,
            "records handed over again on purpose or on request": stream.brought_again,
        }
    )


if __name__ == "__main__":
    main()
