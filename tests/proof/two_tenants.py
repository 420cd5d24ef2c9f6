"""Two tenants in one stack, and what one of them can ask about the other, by the OpenAPI document.

Each request is made twice: with what is the other's, and with what nobody has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from lambdas import queue_commands, step_commands
from tests.lambdas.conftest import Context
from tests.proof.api_fuzz import DEFINITION
from tests.proof.stack import Stack
from trellis_process import Process, ProcessStep
from trellis_process.application.job_request import CommandName, JobCommand
from trellis_process.application.paging import cursor_after, job_position, position
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.own_services import SCHEDULE
from trellis_process.domain.schedule.terms import ScheduleTerms
from trellis_process.domain.time import to_ms
from trellis_process.http.openapi import FILE
from trellis_process.testing.clock import START

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
A = "tenant-a"
MARK = "zq7"  # stands in everything that B names or keeps, and in nothing else
B = f"tenant-b-{MARK}"
NOBODY = "tenant-n"  # has no process at all
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: What a request may say that is nobody's, so that it is the same for everybody.
PLAIN: dict[str, Any] = {
    "Accept": "application/yaml",
    "after": "2026-02-01T00:00:00Z",
    "assignee": "somebody",
    "attempt": 1,
    "auto_start_steps": True,
    "by": "somebody",
    "catch_up": True,
    "code": "a_code",
    "command": "CancelProcess",
    "compensate": True,
    "count": 2,
    "cron": "0 9 * * *",
    "data": {"is_data": True},
    "definition": "approval",
    "definition_version": 1,
    "document": "process: approval",
    "dry_run": True,
    "due_before": "2027-01-01T00:00:00Z",
    "error": "an error",
    "every": "1h",
    "expected_version": 2,
    "fatal": True,
    "from": 1,
    "input": {},
    "limit": 1,
    "metadata": {"is_metadata": True},
    "name": "an_attribute",
    "on_duplicate": "return_existing",
    "outcome": "approve",
    "output": {"is_output": True},
    "overlap": "queue",
    "payload": {"is_payload": True},
    "reason": "a reason",
    "resumption": 1,
    "retries_permitted": 1,
    "retry_after_ms": 1000,
    "request_id": "request-1",
    "role": "a_role",
    "search_attributes": {},
    "side_by_side": True,
    "signal": "paid",
    "signal_id": "signal-1",
    "started_after": "2026-01-01T00:00:00Z",
    "started_before": "2027-01-01T00:00:00Z",
    "state": "in_progress",
    "status": "draining",
    "strict": True,
    "time_zone": "Europe/London",
    "timeout": "1h",
    "timeout_ms": 1000,
    "until": "2026-02-02T00:00:00Z",
    "to": "2",  # a version in a query, and somebody in a body
    "value": "a value",
    "version": 1,
}

Names = dict[str, str]
"""What names something of a tenant: by the name of the parameter or field that says it."""


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    path: str
    method: str
    said: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.said["operationId"])

    @property
    def parameters(self) -> list[dict[str, Any]]:
        taken: list[dict[str, Any]] = self.said.get("parameters", [])
        return taken


OPERATIONS = [
    Operation(path, method.upper(), said)
    for path, methods in DOCUMENT["paths"].items()
    for method, said in methods.items()
]
#: The models of the commands that a batch and the queue take, by their names.
COMMANDS: dict[str, str] = {
    name: reference.rpartition("/")[2]
    for name, reference in DOCUMENT["components"]["schemas"]["Command"]["discriminator"][
        "mapping"
    ].items()
}


@dataclass(frozen=True)
class Request:
    """What A sends, and the names in it that A might have from elsewhere."""

    method: str
    path: str
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    names: Names = field(default_factory=dict)


class TwoTenants:
    """B with processes in which everything is marked, and A with a process of its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._messages = 0
        stack.service.register(ProcessDefinition.from_yaml(DEFINITION))
        self.own = self._start(A, "a", steps=("own-step",))
        self.own_approval = stack.service.start("approval", tenant_id=A)
        self.approval = stack.service.start(
            "approval",
            tenant_id=B,
            key=f"{MARK}-key-d",
            metadata={MARK: MARK},
            actor=f"{MARK}-actor",
            reason=f"{MARK}-reason",
        )
        self.theirs = self._start(B, MARK, steps=(f"{MARK}-one", f"{MARK}-two"))
        self.keyed = [self._start(B, f"{MARK}-k", key=f"{MARK}-key-{n}") for n in (1, 2)]
        stack.service.complete_step(
            self.theirs, f"{MARK}-one", {MARK: MARK}, actor=f"{MARK}-actor", reason=f"{MARK}-why"
        )

        self.schedule = stack.service.schedules.put(
            B,
            f"{MARK}-nightly",
            ScheduleTerms("approval", cron="0 9 * * *", input={MARK: MARK}),
            actor=f"{MARK}-actor",
            reason=f"{MARK}-reason",
        )

        # A dry run, so that it changes nothing of B's.
        cancel = JobCommand(command=CommandName.CANCEL_PROCESS)
        self.job = stack.jobs.start(B, cancel, dry_run=True, reason=f"{MARK}-reason")

    @property
    def theirs_by_name(self) -> Names:
        """How B's things are named, wherever a request may name them."""
        return self._names(self.theirs, f"{MARK}-key-1", f"{MARK}-key-2", f"{MARK}-two")

    @property
    def nobodys_by_name(self) -> Names:
        """Names like those of B's things, of the same lengths, that nobody has."""
        told = self.theirs_by_name
        made = {name: value.replace(MARK, "zq8") for name, value in told.items()}
        process_id = "00000000-0000-4000-8000-000000000000"
        version = {"If-Match": '"7"', "If-None-Match": '"7"'}
        cursor = _cursor(made["process_type"], process_id)
        job_id = "00000000-0000-4000-8000-000000000001"
        ids = {"process_id": process_id, "job_id": job_id, "of": job_id}
        cursors = {
            "cursor": cursor,
            "cursor_of_jobs": _cursor_of_jobs(job_id),
            "cursor_of_schedules": _cursor(SCHEDULE, process_id),
        }
        return made | version | ids | cursors

    @property
    def secrets(self) -> list[str]:
        """What only B may ever read."""
        theirs = [each.process_id for each in (self.theirs, *self.keyed, self.approval)]
        return [MARK, self.job.job_id, self.schedule.process_id, *theirs]

    def answer(self, request: Request, claims: dict[str, str] | None = None) -> str:
        """The whole answer as text; the names that were sent and the ids of new things replaced."""
        event = {
            "version": "2.0",
            "rawPath": request.path,
            "rawQueryString": urlencode(request.query),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "requestContext": {
                "stage": "$default",
                "http": {"method": request.method},
                "authorizer": {"iam": {"userArn": "arn:a"}}
                if claims is None
                else {"jwt": {"claims": claims}},
            },
            **({} if request.body is None else {"body": json.dumps(request.body)}),
            "isBase64Encoded": False,
        }
        answer = step_commands.handler(event, Context())
        if "json" in answer["headers"].get("Content-Type", ""):
            answer["body"] = json.loads(answer["body"])
        return self.anonymous(json.dumps(answer, indent=1, ensure_ascii=False), request.names)

    def refusals(self, body: dict[str, Any], names: Names) -> str:
        """What became of a command from the queue: what is put aside, and what comes again."""
        told = len(self.stack.messages)
        self._messages += 1
        message_id = f"message-{self._messages}"
        record = {
            "messageId": message_id,
            "body": json.dumps(body),
            "attributes": {"SenderId": "AROA1234:a"},
        }
        answer = queue_commands.handler({"Records": [record]}, Context())
        aside = self.stack.messages[told:]
        became = json.dumps([answer, aside], indent=1, ensure_ascii=False)
        return self.anonymous(became, names | {"message_id": message_id})

    def anonymous(self, text: str, names: Names) -> str:
        """A text without the names that A sent itself, and without ids that nobody has yet."""
        for name, value in sorted(names.items(), key=lambda each: -len(each[1])):
            if not name.startswith("If-"):
                text = text.replace(value, f"<{name}>")
        known = set(self.secrets)
        return UUID.sub(lambda found: found[0] if found[0] in known else "<id>", text)

    def _start(
        self, tenant: str, mark: str, steps: tuple[str, ...] = ("pay",), key: str | None = None
    ) -> Process:
        return self.stack.service.start_process(
            tenant_id=tenant,
            process_type=f"{mark}-type",
            aggregate_type=f"{mark}-about",
            aggregate_id=f"{mark}-aggregate",
            steps=[ProcessStep(name=name, timeout_ms=60_000) for name in steps],
            metadata={mark: mark},
            auto_start_steps=True,
            idempotency_key=key,
            actor=f"{mark}-actor",
            reason=f"{mark}-reason",
        )

    def _names(self, process: Process, key: str, other_key: str, step_name: str) -> Names:
        version = f'"{process.version}"'
        return {
            "process_id": process.process_id,
            "job_id": self.job.job_id,
            "of": self.job.job_id,
            "step_name": step_name,
            "name": step_name,
            "process_type": process.process_type,
            "aggregate_type": process.aggregate_type,
            "aggregate_id": process.aggregate_id,
            "cursor": _cursor(process.process_type, process.process_id),
            "cursor_of_jobs": _cursor_of_jobs(self.job.job_id),
            "cursor_of_schedules": _cursor(SCHEDULE, self.schedule.process_id),
            "schedule": self.schedule.name,
            "Idempotency-Key": key,
            "idempotency_key": other_key,
            "key": f"{MARK}-key-d",
            "If-Match": version,
            "If-None-Match": version,
        }


def requests(operation: Operation, names: Names, tenant: str = A) -> Iterator[Request]:
    """An operation of a tenant with these names, once with all that it may say, once with less."""
    for is_full in (True, False):
        said: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
        for parameter in operation.parameters:
            if is_full or parameter["required"]:
                name = parameter["name"]
                said[parameter["in"]][name] = value_of(name, names, tenant)
        if operation.name == "list_definitions" and is_full:
            said["query"]["cursor"] = "a"  # of the stack's names, which are no tenant's
        if operation.name == "list_jobs" and is_full:
            said["query"]["cursor"] = names["cursor_of_jobs"]
        if operation.name == "list_schedules" and is_full:
            said["query"]["cursor"] = names["cursor_of_schedules"]
        body = operation.said.get("requestBody")
        made: dict[str, Any] | None = None
        if body is not None:
            made = instance(body["content"]["application/json"]["schema"], names, tenant, is_full)
        if made is not None and operation.name == "put_schedule":
            made.pop("every", None)  # beside cron it would be refused
        yield Request(
            operation.method,
            operation.path.format(**said["path"]),
            said["query"],
            said["header"],
            made,
            names,
        )


def command(name: str, names: Names, tenant: str, *, is_full: bool) -> dict[str, Any]:
    """A command of the queue or a batch."""
    model = {"$ref": f"#/components/schemas/{COMMANDS[name]}"}
    made: dict[str, Any] = instance(model, names, tenant, is_full)
    return {**made, "tenant_id": tenant}


def value_of(name: str, names: Names, tenant: str) -> Any:
    """What a parameter or field of this name says. Fails for one that nobody has thought of."""
    known = {"tenant_id": tenant, **PLAIN, **names}
    assert name in known, f"say in {__name__} whether {name!r} names something of a tenant, or not"
    return known[name]


def instance(schema: dict[str, Any], names: Names, tenant: str, is_full: bool) -> Any:
    """What fits a schema of the document, with these names in it."""
    schema = _resolved(schema)
    made: dict[str, Any] = {}
    for name, member in schema["properties"].items():
        if not is_full and name not in schema.get("required", ()):
            continue
        if "const" in member:
            made[name] = member["const"]
        elif name == "commands":
            made[name] = [command(each, names, tenant, is_full=is_full) for each in COMMANDS]
        elif member.get("type") == "array":
            made[name] = [instance(member["items"], names, tenant, is_full)]
        elif (inside := _object_in(member)) is not None:
            made[name] = instance(inside, names, tenant, is_full)
        else:
            made[name] = value_of(name, names, tenant)
    return made


def _object_in(member: dict[str, Any]) -> dict[str, Any] | None:
    """The object with named fields that a field holds, if it does."""
    choices = (_resolved(each) for each in (member, *member.get("anyOf", ())))
    return next((each for each in choices if "properties" in each), None)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def _cursor_of_jobs(job_id: str) -> str:
    return cursor_after(job_position(to_ms(START), job_id))


def _cursor(process_type: str, process_id: str) -> str:
    return cursor_after(position(process_type, to_ms(START), process_id))
