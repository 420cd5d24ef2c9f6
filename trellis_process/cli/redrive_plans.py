"""What to do with a dead letter: for each kind of queue the right way to send again what failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from trellis_process.cli.dead_letters import (
    CHILD_EVENTS,
    EXTERNAL_EVENTS,
    FAILED_BATCHES,
    JOBS,
    MISSED_SWEEPS,
    REFUSED_COMMANDS,
    REFUSED_EVENTS,
    UNARCHIVED,
    UNDELIVERED_EVENTS,
    UNVIEWED_EVENTS,
    WORK_LEFT,
    DeadLetterQueue,
    Letter,
)
from trellis_process.cli.deployment import Deployment
from trellis_process.cli.stream_batch import StreamBatch
from trellis_process.commands.message import DETAIL_TYPE

EVERY = "all"
"""In place of a code: whatever was refused."""

_TO_EXTERNAL_EVENTS = "sent to the queue of events from outside"


class NotSent(Exception):
    """It could not be sent; the message says why, and the letter stays."""


@dataclass(frozen=True)
class Plan:
    """What a letter holds, and what is to become of it."""

    about: str
    #: What sends it again, after which it is taken away; None where it is to stay.
    act: Callable[[], object] | None = None
    #: What that does, or why it stays.
    told: str = ""
    #: Whether it is taken away without being sent.
    is_drop: bool = False
    #: Letters are dealt with in this order, so that what happened first is sent first.
    order: tuple[Any, ...] = ()


Planner: TypeAlias = Callable[[Letter], Plan]


def planner_for(
    queue: DeadLetterQueue, stack: Deployment, *, send: Collection[str], drop: Collection[str]
) -> Planner:
    """How to deal with the letters of a queue.

    What was refused is sent again, or dropped, only where its code, or ``all``, is in ``send`` or
    ``drop``.
    """
    if queue == UNDELIVERED_EVENTS:
        return lambda letter: _event(stack, letter)
    if queue in (FAILED_BATCHES, UNARCHIVED):
        return lambda letter: _batch(stack, letter)
    if queue == MISSED_SWEEPS:
        sweep = cache(lambda: _sweep(stack))  # one does what all of them would have done
        return lambda letter: _missed_sweep(letter, sweep)
    if queue == CHILD_EVENTS:
        return lambda letter: _child_event(stack, letter)
    if queue == EXTERNAL_EVENTS:
        return lambda letter: _external_event(stack, letter)
    if queue == REFUSED_EVENTS:
        return lambda letter: _refused_event(stack, letter, send, drop)
    if queue == JOBS:
        return lambda letter: _job(stack, letter)
    if queue == UNVIEWED_EVENTS:
        return lambda letter: _unviewed(stack, letter)
    if queue.name == WORK_LEFT.name:
        return lambda letter: _work(stack, letter)
    assert queue == REFUSED_COMMANDS
    return lambda letter: _command(stack, letter, send, drop)


def _event(stack: Deployment, letter: Letter) -> Plan:
    said = _object(letter.body)
    if "entry" not in said:
        return _unreadable(said)
    entry = said["entry"]
    detail = json.loads(entry["Detail"])
    process_id, version, n = detail["id"].rsplit("/", 2)

    def put() -> None:
        (result,) = stack.client("events").put_events(Entries=[entry])["Entries"]
        if "ErrorCode" in result:
            raise NotSent(f"{result['ErrorCode']}: {result.get('ErrorMessage', '')}")

    return Plan(
        f"{entry['DetailType']} {detail['id']}, refused: {said['reason']}",
        put,
        "put on the bus",
        order=(process_id, int(version), int(n)),
    )


def _unreadable(said: Mapping[str, Any]) -> Plan:
    about = f"a change of {said['keys']['pk']['S']}, {said['reason']}"
    return Plan(about, told="nothing could be made of it; look at the item by hand")


def _batch(stack: Deployment, letter: Letter) -> Plan:
    said = _object(letter.body)
    if "keys" in said:
        return _unreadable(said)
    batch = StreamBatch.from_record(said)

    def hand_over() -> None:
        function = batch.function
        if function not in stack.resources("AWS::Lambda::Function").values():
            raise NotSent(f"the function {function} is none of this stack")
        for event in batch.events(stack.client("dynamodbstreams")):
            _invoke(stack, function, event)

    return Plan(
        f"{batch.size} changes for {batch.function}, from {batch.first} on",
        hand_over,
        "fetched from the stream and handed to the function",
        order=(batch.shard, int(batch.first)),
    )


def _missed_sweep(letter: Letter, sweep: Callable[[], None]) -> Plan:
    why = letter.attributes.get("ERROR_CODE", "no reason given")
    return Plan(f"a sweep that was not started: {why}", sweep, "made up for by a sweep now")


def _sweep(stack: Deployment) -> None:
    _invoke(stack, stack.output("TimeoutCheckerFunctionName"), {})


def _child_event(stack: Deployment, letter: Letter) -> Plan:
    event = _object(letter.body)
    detail = event["detail"]

    def send_again() -> None:
        # What was done about it already is recognised: a child has one id, a parent counts once.
        stack.client("sqs").send_message(
            QueueUrl=stack.output("ChildEventsQueueUrl"), MessageBody=letter.body
        )

    about = f"{event['detail-type']} {detail['id']} of {detail['tenant_id']}"
    return Plan(about, send_again, "sent to the queue of the children")


def _external_event(stack: Deployment, letter: Letter) -> Plan:
    bus_said = letter.attributes.get("ERROR_CODE")
    why = f"not sent by the bus: {bus_said}" if bus_said else "given up"
    about = f"{_event_in_words(letter)}, {why}"
    return Plan(about, lambda: _send_event(stack, letter), _TO_EXTERNAL_EVENTS)


def _refused_event(
    stack: Deployment, letter: Letter, send: Collection[str], drop: Collection[str]
) -> Plan:
    return _refused(
        _event_in_words(letter),
        letter,
        send,
        drop,
        act=lambda: _send_event(stack, letter),
        told=_TO_EXTERNAL_EVENTS,
    )


def _send_event(stack: Deployment, letter: Letter) -> None:
    # Who reacted to it already knows it by its id.
    stack.client("sqs").send_message(
        QueueUrl=stack.output("ExternalEventsQueueUrl"), MessageBody=letter.body
    )


def _event_in_words(letter: Letter) -> str:
    said = _object(letter.body)
    words = [str(said[name]) for name in ("source", "detail-type", "id") if name in said]
    definition = letter.attributes.get("definition")
    about = " ".join(words) or "no event"
    return f"{about} for {definition}" if definition else about


def _job(stack: Deployment, letter: Letter) -> Plan:
    said = _object(letter.body)

    def send_again() -> None:
        # It goes on where it stands: what is done is on record and not done again.
        stack.client("sqs").send_message(
            QueueUrl=stack.output("JobsQueueUrl"), MessageBody=letter.body
        )

    about = f"job {said.get('job_id')} of {said.get('tenant_id')}"
    return Plan(about, send_again, "sent to the queue of jobs")


def _unviewed(stack: Deployment, letter: Letter) -> Plan:
    said = _object(letter.body)
    detail = said.get("detail")
    if not isinstance(detail, dict):
        return _unreadable(said)

    def send_again() -> None:
        # Late or twice, it counts once.
        stack.client("sqs").send_message(
            QueueUrl=stack.output("ViewsQueueUrl"), MessageBody=letter.body
        )

    about = f"{detail.get('type')} {detail.get('id')}"
    return Plan(about, send_again, "sent to the queue of the views")


def _work(stack: Deployment, letter: Letter) -> Plan:
    said = _object(letter.body)
    detail = said.get("detail")
    target = letter.attributes.get("TARGET_ARN", "")
    if not isinstance(detail, dict) or not target:
        return Plan("a message that no rule left", told="look at it by hand")

    def hand_over() -> None:
        # As EventBridge would have: to whoever it was for, as it was.
        _, _, kind, _, account, name = target.split(":", 5)
        if kind == "lambda":
            stack.client("lambda").invoke(
                FunctionName=target, InvocationType="Event", Payload=letter.body.encode()
            )
        else:
            sqs = stack.client("sqs")
            url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            sqs.send_message(QueueUrl=url, MessageBody=letter.body)

    why = letter.attributes.get("ERROR_CODE", "no reason given")
    about = f"{said.get('detail-type')} {detail.get('id')} for {detail.get('service')}: {why}"
    return Plan(about, hand_over, f"handed to {target}")


def _command(
    stack: Deployment, letter: Letter, send: Collection[str], drop: Collection[str]
) -> Plan:
    said = _object(letter.body)
    # Of an event that the bus could not send on, the command is the detail.
    command = said["detail"] if isinstance(said.get("detail"), dict) else said
    about = _command_in_words(command)
    code = letter.attributes.get("code")

    def send_again() -> None:
        stack.client("sqs").send_message(
            QueueUrl=stack.output("CommandsQueueUrl"), MessageBody=_same_command(letter, said)
        )

    if code is None:
        bus_said = letter.attributes.get("ERROR_CODE")
        why = f"not sent by the bus: {bus_said}" if bus_said else "given up"
        return Plan(f"{about}, {why}", send_again, "sent to the commands queue")
    told = "sent to the commands queue"
    return _refused(about, letter, send, drop, act=send_again, told=told)


def _refused(
    about: str,
    letter: Letter,
    send: Collection[str],
    drop: Collection[str],
    *,
    act: Callable[[], object],
    told: str,
) -> Plan:
    """What becomes of what was refused: it stays, until somebody says by its code what does."""
    code = letter.attributes["code"]
    about = f"{about}, refused: {code}: {letter.attributes.get('reason', '')}"
    if {code, EVERY} & set(send):
        return Plan(about, act, told)
    if {code, EVERY} & set(drop):
        return Plan(about, lambda: None, "taken away", is_drop=True)
    return Plan(about, told=f"--send {code} sends it again, --drop {code} takes it away")


def _same_command(letter: Letter, said: Mapping[str, Any]) -> str:
    """The body as it came; a start that has no key of its own keeps the one it was known by."""
    if said.get("command") != "StartProcess" or "idempotency_key" in said:
        return letter.body
    key = letter.attributes.get("message_id", letter.message_id)
    return json.dumps({**said, "idempotency_key": key}, ensure_ascii=False)


def _command_in_words(command: Mapping[str, Any]) -> str:
    names = ("command", "tenant_id", "process_id", "aggregate_id", "step_name")
    words = [str(command[name]) for name in names if name in command]
    return " ".join(words) or f"no {DETAIL_TYPE}"


def _invoke(stack: Deployment, function: str, event: Mapping[str, Any]) -> None:
    answer = stack.client("lambda").invoke(
        FunctionName=function, Payload=json.dumps(event).encode()
    )
    told = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise NotSent(f"{function} failed: {told.get('errorMessage', told)}")
    if isinstance(told, dict) and told.get("batchItemFailures"):
        raise NotSent(f"{function} could not deal with all of it; its log says why")


def _object(text: str) -> dict[str, Any]:
    """The JSON object that a text is; an empty one where it is none."""
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def in_order(plans: Iterable[tuple[Letter, Plan]]) -> list[tuple[Letter, Plan]]:
    """Plans of one queue, what happened first before what followed from it."""
    return sorted(plans, key=lambda each: each[1].order)
