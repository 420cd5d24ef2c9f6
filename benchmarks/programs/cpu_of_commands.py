"""CPU of a step command over HTTP and of the bare botocore calls it makes, as JSON.

The argument is the number of steps; with ``profile`` after it, it says where the CPU goes instead,
and with ``log`` how much a command writes to its log.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import IO, Any

from botocore.session import get_session

from benchmarks.stub import Stub
from lambdas import step_commands, wiring
from trellis_process.cost.usage import PROCESS_ID
from trellis_process.domain.process import Process
from trellis_process.dynamodb.item import to_item
from trellis_process.testing import a_process, a_step

ROUNDS, TIMES = 7, 150
ACTOR = "arn:aws:sts::123456789012:assumed-role/case-service/case"
OUTPUT = {"message_id": "m-1"}
#: Where a function's CPU is counted to, by a part of its file's path; the first that fits.
ROOMS = {
    "trellis_process/http": "trellis_process.http",
    "trellis_process/commands": "trellis_process.http",
    "trellis_process/domain": "trellis_process.domain",
    "trellis_process/application": "trellis_process.domain",
    "trellis_process/dynamodb": "trellis_process.dynamodb",
    "trellis_process": "trellis_process, the rest",
    "lambdas": "the handler",
    "aws_lambda_powertools": "Powertools",
    "pydantic": "pydantic",
    "pynamodb": "pynamodb",
    "botocore": "botocore",
    "urllib3": "botocore",
    "logging": "logging",
    "json": "json",
}


class Context:
    """What Lambda tells the function about its run."""

    function_name = "trellis-StepCommandsFunction-AbCdEfGhIjKl"
    memory_limit_in_mb = 512
    invoked_function_arn = f"arn:aws:lambda:us-east-1:123456789012:function:{function_name}"
    aws_request_id = "8f5c4b4e-7f0a-4f4c-9a53-0d3c8a1f2b6e"

    def get_remaining_time_in_millis(self) -> int:
        """Enough."""
        return 10_000


def event(step: str, operation: str, body: dict[str, Any]) -> dict[str, Any]:
    """A request as API Gateway hands it over."""
    path = f"/tenants/tenant-1/processes/{PROCESS_ID}/steps/{step}/{operation}"
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "accept": "*/*", "host": "api"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api",
            "domainPrefix": "api",
            "http": {
                "method": "POST",
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "benchmark",
            },
            "requestId": "request",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Mar/2026:09:30:00 +0000",
            "timeEpoch": 1772357400000,
            "authorizer": {"iam": {"userArn": ACTOR}},
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def half_done(steps: int) -> tuple[Process, str]:
    """A process of so many steps with half of them done, and the one that is under way."""
    process = a_process(
        *[a_step(f"step-{n:03}", timeout_ms=600_000, retries_permitted=3) for n in range(steps)],
        process_id=PROCESS_ID,
        metadata={"priority": "high"},
    )
    now = process.started_at
    for step in list(process.steps)[: steps // 2]:
        for report in (process.start_step, partial(process.complete_step, output=OUTPUT)):
            process.saved()
            now += timedelta(seconds=2)
            report(step, now=now, actor=ACTOR)
    under_way = list(process.steps)[steps // 2]
    process.saved()
    process.start_step(under_way, now=now, actor=ACTOR)
    return process, under_way


def commands(steps: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """One command through the handler, and the two calls it makes of DynamoDB, bare."""
    process, step = half_done(steps)
    item = to_item(process)
    stub = Stub(item)
    connection = wiring.table()._connection.connection
    stub.attach(connection.client)
    bare: Any = get_session().create_client("dynamodb")
    stub.attach(bare)
    asked, context = event(step, "complete", {"attempt": 1, "output": OUTPUT}), Context()

    def command() -> None:
        answer = step_commands.handler(asked, context)
        assert answer["statusCode"] == 200, answer

    def calls() -> None:
        key = {"pk": item["pk"], "sk": item["sk"]}
        bare.get_item(TableName="processes", Key=key, ConsistentRead=True)
        bare.put_item(
            TableName="processes",
            Item=item,
            ConditionExpression="v = :v",
            ExpressionAttributeValues={":v": {"N": "1"}},
            ReturnConsumedCapacity="TOTAL",
        )

    return command, calls


def cpu_us(work: Callable[[], None]) -> float:
    """Microseconds of CPU for one of many."""
    began = time.process_time()
    for _ in range(TIMES):
        work()
    return (time.process_time() - began) / TIMES * 1e6


def measured(command: Callable[[], None], calls: Callable[[], None]) -> dict[str, float]:
    """The best of several rounds, in which both take turns."""
    rounds = [(cpu_us(command), cpu_us(calls)) for _ in range(ROUNDS)]
    return {
        "command_us": min(each for each, _ in rounds),
        "bare_us": min(each for _, each in rounds),
    }


def profiled(command: Callable[[], None]) -> dict[str, float]:
    """The share of each room in a command's CPU; what Python itself does counts to its caller."""
    profile = cProfile.Profile(builtins=False)
    profile.enable()
    for _ in range(TIMES * 3):
        command()
    profile.disable()
    spent: Counter[str] = Counter()
    for (path, _, _), (_, _, own, _, _) in vars(pstats.Stats(profile))["stats"].items():
        spent[room(path)] += own
    whole = sum(spent.values())
    return {name: seconds / whole for name, seconds in spent.most_common()}


def logged(command: Callable[[], None], log: IO[bytes]) -> dict[str, float]:
    """The lines of one command, and their bytes as CloudWatch counts them: 26 more for each."""
    sys.stdout.flush()
    log.seek(0)
    log.truncate()
    command()
    sys.stdout.flush()
    log.seek(0)
    lines = log.read().splitlines()
    return {"lines": len(lines), "bytes": sum(len(line) + 26 for line in lines)}


def room(path: str) -> str:
    """Whose code a file is."""
    path = re.sub(r".*/(site-packages|lib/python3\.\d+)/", "", path)
    return next((name for part, name in ROOMS.items() if part in path), "Python's library")


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    log = tempfile.TemporaryFile()  # noqa: SIM115 - the function writes to it to the end
    os.dup2(log.fileno(), 1)
    command, calls = commands(int(sys.argv[1]))
    command()
    calls()
    if "log" in sys.argv:
        found = logged(command, log)
    else:
        found = profiled(command) if "profile" in sys.argv else measured(command, calls)
    print(json.dumps(found), file=out)


if __name__ == "__main__":
    main()
