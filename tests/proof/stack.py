"""The stack as it is deployed, over an AWS that can fail: its functions, what they share, and time.

What AWS does beside them is here as well: it brings what was not dealt with again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from moto import mock_aws

from lambdas import (
    audit,
    event_publisher,
    external_events,
    queue_commands,
    step_commands,
    timeout_checker,
    wiring,
)
from tests.lambdas.conftest import Context
from tests.proof.wire import Exchange, Wire, moto_items
from trellis_process import Process, TimeoutCheckerService
from trellis_process.application.audit import AuditService
from trellis_process.application.children import ChildrenService
from trellis_process.application.engine_service import EngineService
from trellis_process.application.event_service import EventService
from trellis_process.application.job_service import JobService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.dynamodb import (
    DynamoDBProcessRepository,
    DynamoDBStepTrackerRepository,
    Table,
    schema,
)
from trellis_process.dynamodb.audit_reader import AuditReader
from trellis_process.dynamodb.audit_source import DynamoDBAuditSource
from trellis_process.dynamodb.definition_repository import DynamoDBDefinitionRepository
from trellis_process.dynamodb.item import from_item
from trellis_process.dynamodb.job_repository import DynamoDBJobRepository
from trellis_process.dynamodb.noted_events import DynamoDBNotedEvents
from trellis_process.dynamodb.open_counts import open_counts
from trellis_process.dynamodb.schema import Item
from trellis_process.errors import StoreError
from trellis_process.eventbridge import EventPublisher
from trellis_process.memory.view_store import InMemoryViewStore
from trellis_process.testing.clock import START, ManualClock

TRIES = 5  # of what AWS, or a caller, does again
SHARDS = 2  # of the index of what is due: eight are as right, and slower to read in moto


class Crash(BaseException):
    """The program is gone, in the middle of what it did. Nothing in it can catch that."""


def no_pause(_seconds: float) -> None:
    """Waits not at all."""


@dataclass(frozen=True)
class Kept:
    """How a stack stood at a moment."""

    now: datetime
    items: dict[str, Item] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    unread: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    followed: int = 0
    #: The items as moto holds them; a write makes new ones.
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Stack:
    """The functions over one table, one bus and the queues of what was refused."""

    wire: Wire
    clock: ManualClock = field(default_factory=ManualClock)
    #: What the stream holds: a record for each write of an item, in their order.
    records: list[dict[str, Any]] = field(default_factory=list)
    #: Those of them that the publisher has not dealt with yet.
    unread: list[dict[str, Any]] = field(default_factory=list)
    #: What arrived on the bus, doubles and all.
    events: list[dict[str, Any]] = field(default_factory=list)
    #: What was sent to a queue.
    messages: list[dict[str, Any]] = field(default_factory=list)
    #: How many of the events have been dealt with that are about children.
    followed: int = 0
    _items: dict[str, Item] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = Table("processes", pause=no_pause)
        self.table.create()
        self.wire.observers.append(self._happened)
        queue = wiring._client("sqs").create_queue(QueueName="failed")["QueueUrl"]
        self.environment = {
            "TRELLIS_UNDELIVERED_QUEUE_URL": queue,
            "TRELLIS_REFUSED_COMMANDS_QUEUE_URL": queue,
            "TRELLIS_REFUSED_EVENTS_QUEUE_URL": queue,
        }
        wiring._client("events").create_event_bus(Name="stack-bus")
        self.restart()

    def restart(self) -> None:
        """The functions begin anew, with nothing in memory; the line stands again."""
        self.wire.mend()
        processes = DynamoDBProcessRepository(self.table)
        trackers = self.trackers = DynamoDBStepTrackerRepository(self.table)
        definitions = DynamoDBDefinitionRepository(self.table, pause=no_pause)
        self.catalog = DefinitionCatalog(definitions, count_open=open_counts(self.table))
        self.service = EngineService(
            processes, trackers, definitions=self.catalog, clock=self.clock, pause=no_pause
        )
        self.checker = TimeoutCheckerService(
            trackers, clock=self.clock, pause=no_pause, definitions=self.catalog
        )
        self.children = ChildrenService(self.service)
        self.from_outside = EventService(
            self.service,
            self.catalog,
            DynamoDBNotedEvents(self.table),
            clock=self.clock,
            listening_for=timedelta(0),
        )
        self.jobs = JobService(
            processes,
            DynamoDBJobRepository(self.table),
            definitions=self.catalog,
            clock=self.clock,
            pause=no_pause,
            tell=lambda *job: self.jobs.run(*job),  # as soon as they are asked for
        )
        source = DynamoDBAuditSource(processes, AuditReader(self.table, pause=no_pause))
        self.audit = AuditService(source, clock=self.clock, pause=no_pause)
        self.publisher = EventPublisher(
            wiring._client("events"), "stack-bus", wiring.set_aside, pause=no_pause
        )
        step_commands._api.cache_clear()

    def reset(self) -> None:
        """Empty, and at the beginning of time."""
        self.go_back(Kept(START))

    def keep(self) -> Kept:
        """How everything stands now, to go back to."""
        stored = {hash_key: dict(items) for hash_key, items in moto_items(self.table.name).items()}
        return Kept(
            self.clock(),
            dict(self._items),
            list(self.records),
            list(self.unread),
            list(self.events),
            list(self.messages),
            self.followed,
            stored,
        )

    def go_back(self, kept: Kept) -> None:
        """Everything stands as it did then; nothing tells of what happened since."""
        self.restart()
        self.clock.set(kept.now)
        self._items = dict(kept.items)
        self.records, self.unread = list(kept.records), list(kept.unread)
        self.events, self.messages = list(kept.events), list(kept.messages)
        self.followed = kept.followed
        stored = moto_items(self.table.name)
        stored.clear()
        stored |= {hash_key: dict(items) for hash_key, items in kept.stored.items()}
        self.wire.reset()

    @property
    def client(self) -> Any:
        """DynamoDB as a person with all rights may use it."""
        return self.table._connection.connection.client

    # -- the functions, and what AWS and callers do with their answers ---------------------------

    def run(self, invoke: Callable[[], bool]) -> None:
        """Runs what is brought again until it is dealt with, the program anew after each failure.

        ``invoke`` tells whether it was. A failed test where it never is.
        """
        for _ in range(TRIES):
            try:
                if invoke():
                    return
            except (Crash, StoreError):
                pass
            self.restart()
        raise AssertionError(f"not dealt with in {TRIES} tries")

    def request(self, path: str, body: dict[str, Any], key: str | None = None) -> bool:
        """A POST to the step API; False where the caller has to repeat it."""
        event = {
            "rawPath": path,
            "rawQueryString": "",
            "headers": {} if key is None else {"idempotency-key": key},
            "requestContext": {"stage": "$default", "http": {"method": "POST", "path": path}},
            "body": json.dumps(body),
            "isBase64Encoded": False,
        }
        status: int = step_commands.handler(event, Context())["statusCode"]
        assert status in (200, 201, 503, 500, 429), status
        return status in (200, 201)

    def receive(self, left: dict[str, Any]) -> bool:
        """Messages of the commands queue, bodies by id; what is dealt with leaves the queue."""
        records = [
            {
                "messageId": message_id,
                "body": json.dumps(body),
                "attributes": {"SenderId": "AROA1234:case-service"},
            }
            for message_id, body in left.items()
        ]
        return self._dealt_with(left, queue_commands.handler({"Records": records}, Context()))

    def hear(self, left: dict[str, Any]) -> bool:
        """Events from outside, by the ids of their messages; those dealt with leave the queue."""
        records = [{"messageId": each, "body": json.dumps(body)} for each, body in left.items()]
        return self._dealt_with(left, external_events.handler({"Records": records}, Context()))

    def _dealt_with(self, left: dict[str, Any], answer: dict[str, Any]) -> bool:
        """Takes out of a queue what does not come again; whether it is empty then."""
        again = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message_id in set(left) - again:
            del left[message_id]
        return not left

    def publish(self, batch: list[dict[str, Any]]) -> bool:
        """Records of the stream; from the first that did not get through on they come again."""
        answer = event_publisher.handler({"Records": batch}, Context())
        again = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        firsts = [place for place, number in enumerate(numbers) if number in again]
        del batch[: min(firsts, default=len(batch))]
        return not batch

    def sweep(self) -> bool:
        """The schedule's minute; False where something was left for the next."""
        swept = timeout_checker.handler({}, Context())
        return swept["failures"] == 0 and swept["is_complete"]

    def follow(self) -> bool:
        """Does what the events ask for that are about children; and what follows from that."""
        while self.unread or self.followed < len(self.events):
            if self.unread and not self.publish(self.unread):
                return False
            for event in self.events[self.followed :]:
                self.children.handle(event)
                self.followed += 1
        return True

    def go_through(self) -> bool:
        """The audit's hour; False where the round is not complete."""
        return bool(audit.handler({}, Context(remaining_ms=900_000))["is_complete"])

    # -- what is there ---------------------------------------------------------------------------

    def processes(self) -> list[Process]:
        """Every process in the table, as last written."""
        return [from_item(item) for item in self.items() if item["sk"]["S"] == schema.PROCESS]

    def items(self) -> list[Item]:
        """Every item in the table, as last written."""
        return list(self._items.values())

    def stored(self, process_id: str) -> Process:
        """One process, as last written."""
        (found,) = (each for each in self.processes() if each.process_id == process_id)
        return found

    def wake_ups(self) -> list[Item]:
        """The entries of the index of what is due, as they are now."""
        asked = {"TableName": self.table.name, "IndexName": schema.DUE_INDEX}
        with self.wire.unwatched():
            found: list[Item] = self.client.scan(**asked)["Items"]
        return found

    def _happened(self, exchange: Exchange) -> None:
        asked = exchange.asked
        if exchange.operation == "PutItem" and asked["TableName"] == self.table.name:
            hash_key = asked["Item"][schema.HASH_KEY]["S"]
            images = {"NewImage": asked["Item"]}
            if hash_key in self._items:
                images["OldImage"] = self._items[hash_key]
            number = f"{len(self.records) + 1:021}"
            self.records.append({"dynamodb": {"SequenceNumber": number, **images}})
            self.unread.append(self.records[-1])
            self._items[hash_key] = asked["Item"]
        elif exchange.operation == "PutEvents":
            self.events += [json.loads(entry["Detail"]) for entry in asked["Entries"]]
        elif exchange.operation == "SendMessage":
            self.messages.append(asked)


@contextmanager
def a_stack() -> Iterator[Stack]:
    """A stack in moto, with its functions wired to it, until the context ends."""
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    wire = Wire()
    wiring._client.cache_clear()
    disabled = logging.root.manager.disable
    with ExitStack() as during:
        during.enter_context(patch.dict("os.environ", environment))
        during.enter_context(patch("botocore.endpoint.time.sleep", no_pause))
        during.enter_context(patch.object(schema, "DUE_SHARDS", SHARDS))
        during.enter_context(mock_aws())
        during.enter_context(wire.under_every_client())
        stack = Stack(wire)
        during.enter_context(patch.dict("os.environ", stack.environment))
        for name, built in {
            "process_service": lambda: stack.service,
            "engine_service": lambda: stack.service,
            "jobs": lambda: stack.jobs,
            "event_service": lambda: stack.from_outside,
            "views": InMemoryViewStore,
            "timeout_checker": lambda: stack.checker,
            "audit": lambda: stack.audit,
            "event_publisher": lambda: stack.publisher,
        }.items():
            during.enter_context(patch.object(wiring, name, built))
        logging.disable(logging.CRITICAL)  # thousands of failures that are meant
        during.callback(logging.disable, disabled)
        during.callback(wiring._client.cache_clear)
        during.callback(step_commands._api.cache_clear)
        yield stack
