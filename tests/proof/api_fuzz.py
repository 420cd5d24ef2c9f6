"""The API under schemathesis: requests made from its OpenAPI document, and what became of them.

``python -m tests.proof.api_fuzz --minutes 10`` goes on longer than the tests do, on DynamoDB in
moto, and says the seed of each run; ``--seed`` repeats one. A schema cannot say all that a request
has to be; what else may refuse one is listed here, so that the document promises no more than the
API keeps.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import random
import re
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import schemathesis
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from lambdas import step_commands, wiring
from tests.lambdas.conftest import Context
from tests.proof.stack import a_stack, no_pause
from trellis_process import Process, ProcessStep
from trellis_process.application.definitions import DefinitionStatus
from trellis_process.application.engine_service import EngineService
from trellis_process.application.job_request import CommandName, JobCommand
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.schedule.terms import ScheduleTerms
from trellis_process.dynamodb import DynamoDBProcessRepository
from trellis_process.http.openapi import FILE

EXAMPLES = 40  # of a run that is not one of `make test`
TENANT = "tenant-1"
CANCEL = JobCommand(command=CommandName.CANCEL_PROCESS)

#: What only a process with a definition can do, and one such definition.
OF_DEFINITIONS = {"signal", "claim_task", "release_task", "reassign_task", "rerun_from"}
DEFINITION = """\
process: approval
version: 1
steps:
  - {name: ask, human_task: {surface: form, outcomes: [{name: "yes", label: Yes}]}}
  - {name: wait, wait_for_signal: paid, timeout: 7d}
timeout: 30d
"""

#: What refuses a request that fits its schema, by the code and how it says what is allowed.
BEYOND_THE_SCHEMA = {
    "idempotency_key_reused": r".*",
    "version_mismatch": r".*",
    "too_large": r".*",
    "invalid_definition": r".*",
    "definition_conflict": r".*",
    "malformed_request": r"If-(None-)?Match is to be \*, or entity tags.*",
    "invalid_input": r"allowed (is text of at most \d+ characters without control characters"
    r"|are 1 to 128 printable characters, without space at either end"
    r"|is the cursor of an earlier page of the same listing"
    r"|is a whole number from \d+ to \d+"  # 7.0 is one for a schema, and none for the API
    r"|is a name that no other step has"
    r"|once open processes have been counted, which the audit does"
    r"|is one of yes"  # what a person can choose, a definition says
    r"|with retry_after_ms is the number of the attempt that failed"
    r"|is a command, or of"
    r"|is what says something; for all processes make a dry run first"
    r"|is the cursor of an earlier page of the same results"
    r"|is a moment with its time zone: .*"  # of year 1 to 9999, without a leap second
    r"|are 10"  # search attributes
    r"|with \w+ is (none.*|the name of a step|false)"
    r"|is a definition as text: .*"  # of more than blanks
    r"|is either cron or every"
    r"|is UTC with every, .*"
    r"|are spans .*"  # of a year at most, and of schedules a minute at least
    r"|are five fields.*"
    r"|are names of the IANA time zones.*"
    r"|are times from .*"
    r")"
    r"|'.*' is no [a-z-]+; allowed are .*"  # field of cron
    r"|no such time ever comes in .*"
    r"|10 ranges are under way; wait for one",
}


@dataclass
class Fuzzed:
    """What a run of schemathesis did, and what it found."""

    seed: int
    #: How often each operation gave each status.
    answers: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    #: What is wrong, each with a request that shows it.
    faults: list[str] = field(default_factory=list)

    def accepted(self, operation: str) -> int:
        """How many requests did or found something."""
        return self._count(operation, range(200, 400))

    def refused(self, operation: str) -> int:
        """How many requests were refused."""
        return self._count(operation, range(400, 500))

    def table(self) -> str:
        """The counts, for people."""
        lines = [f"{'operation':<16}{'accepted':>10}{'refused':>10}"]
        for name in sorted(self.answers):
            lines.append(f"{name:<16}{self.accepted(name):>10}{self.refused(name):>10}")
        total = sum(sum(counts.values()) for counts in self.answers.values())
        return "\n".join([*lines, f"{total} requests, {len(self.faults)} faults, seed {self.seed}"])

    def _count(self, operation: str, statuses: range) -> int:
        counts = self.answers[operation]
        return sum(count for status, count in counts.items() if status in statuses)


def fuzz(service: EngineService, *, examples: int, seed: int) -> Fuzzed:
    """Has schemathesis send the function of the API what it makes of the document.

    The function works on ``service``. ``examples`` is how many requests are made at random for
    each operation and mode, beside those that try each limit in the document; with the same
    ``seed`` they are the same.
    """
    document = json.loads(FILE.read_text(encoding="utf-8"))
    schema = schemathesis.openapi.from_dict(document, config=_config(examples, seed))
    schema.app = answer_wsgi
    fuzzed = Fuzzed(seed)
    hook = _on_fresh_processes(service, seed)
    schemathesis.hook("before_call")(hook)
    try:
        for event in engine.from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                _count(event.recorder, fuzzed)
                fuzzed.faults += _faults(event.recorder)
            elif isinstance(event, events.NonFatalError):
                fuzzed.faults.append(f"schemathesis: {event.label}: {event.value!r}")
            elif isinstance(event, events.FatalError):
                raise event.exception
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(hook)
    return fuzzed


def answer_wsgi(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """The function behind a gateway that makes an event of each request, as WSGI."""
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name == "CONTENT_TYPE"
    }
    try:
        body, is_base64 = raw.decode(), False
    except UnicodeDecodeError:
        body, is_base64 = base64.b64encode(raw).decode(), True
    answer = step_commands.handler(
        {
            "version": "2.0",
            "rawPath": environ["PATH_INFO"].encode("latin-1").decode(errors="replace"),
            "rawQueryString": environ["QUERY_STRING"],
            "headers": headers,
            "requestContext": {
                "stage": "$default",
                "http": {"method": environ["REQUEST_METHOD"]},
            },
            **({"body": body} if raw else {}),
            "isBase64Encoded": is_base64,
        },
        Context(),
    )
    status = HTTPStatus(answer["statusCode"])
    start_response(f"{status.value} {status.phrase}", list(answer["headers"].items()))
    return [answer["body"].encode()]


def _config(examples: int, seed: int) -> SchemathesisConfig:
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "workers": 1,
            "continue-on-failure": True,
            "cache": {"enabled": False},
            "generation": {"max-examples": examples, "database": "none"},
            # Who may call is for API Gateway to say; tests/end_to_end asks it.
            "checks": {"ignored_auth": {"enabled": False}},
        }
    )


def _on_fresh_processes(service: EngineService, seed: int) -> Callable[..., None]:
    """Leads half of the requests that are about a process to one that nobody has touched yet.

    And those about a definition to one that is registered, those about a schedule to one that is
    there, those for a page to the first.
    """
    service.register(ProcessDefinition.from_yaml(DEFINITION))
    assert isinstance(service.definitions, DefinitionCatalog)
    registry = service.definitions.registry
    _start_order(service)
    toss = random.Random(seed)

    def before_call(context: object, case: Any, kwargs: dict[str, Any]) -> None:
        named = case.path_parameters or {}
        is_kept = case.meta.generation.mode.is_negative or toss.random() < 0.5
        if "cursor" in (case.query or {}) and not is_kept:
            case.query = {key: case.query[key] for key in case.query if key != "cursor"}
        if {"aggregate_type", "aggregate_id"} <= set(case.query or {}) and not is_kept:
            case.path_parameters = {"tenant_id": TENANT}
            case.query = {"aggregate_type": "Order", "aggregate_id": "order-1"}
        if not {"process_id", "definition", "job_id", "schedule"} & set(named):
            return
        if toss.random() < 0.5:
            return
        if not all(re.fullmatch(r"[A-Za-z0-9]\S*", str(each)) for each in named.values()):
            return  # a name that is none is what this request is about
        if "definition" in named:
            registry.set_status("approval", 1, DefinitionStatus.ACTIVE)
            fresh = {"tenant_id": TENANT, "definition": "approval", "version": 1}
            case.path_parameters = {name: fresh[name] for name in named}
            if case.query and {"from", "to"} <= set(case.query):
                case.query = {**case.query, "from": 1, "to": 1}
            return
        if "schedule" in named:
            registry.set_status("approval", 1, DefinitionStatus.ACTIVE)
            service.schedules.put(TENANT, "daily", ScheduleTerms("approval", every="1h"))
            case.path_parameters = {"tenant_id": TENANT, "schedule": "daily"}
            if isinstance(case.body, dict) and not case.meta.generation.mode.is_negative:
                case.body = _about_the_past_of_approvals(case.body)
            return
        if "job_id" in named:
            job = wiring.jobs().start(TENANT, CANCEL, dry_run=True)
            case.path_parameters = {"tenant_id": TENANT, "job_id": job.job_id}
            return
        operation = case.operation.definition.raw["operationId"]
        if operation in OF_DEFINITIONS:
            registry.set_status("approval", 1, DefinitionStatus.ACTIVE)
            process = service.start("approval", tenant_id=TENANT)
            if operation == "rerun_from":
                service.complete_step(process, "ask", outcome="yes")
            fresh = {"tenant_id": TENANT, "process_id": process.process_id, "step_name": "ask"}
            case.path_parameters = {name: fresh[name] for name in named}
            return
        process = _start_order(service)
        fresh = {"tenant_id": TENANT, "process_id": process.process_id, "step_name": "pay"}
        case.path_parameters = {name: fresh[name] for name in named}

    return before_call


def _about_the_past_of_approvals(body: dict[str, Any]) -> dict[str, Any]:
    """A body about a schedule, of a definition that there is, or a range that has passed."""
    if "definition" in body:
        kept = {name: body[name] for name in body if name != "every" or not body.get("cron")}
        return {**kept, "definition": "approval"}
    if "until" in body:
        return {**body, "after": "2025-12-01T00:00:00Z", "until": "2025-12-01T01:00:00Z"}
    return body


def _start_order(service: EngineService) -> Process:
    return service.start_process(
        tenant_id=TENANT,
        process_type="Order",
        aggregate_type="Order",
        aggregate_id="order-1",
        steps=[ProcessStep(name="pay", retries_permitted=2), ProcessStep(name="ship")],
        auto_start_steps=True,
    )


def _count(recorder: ScenarioRecorder, fuzzed: Fuzzed) -> None:
    for case_id, interaction in recorder.interactions.items():
        operation = recorder.cases[case_id].value.operation.definition.raw["operationId"]
        if interaction.response is not None:
            fuzzed.answers[operation][interaction.response.status_code] += 1


def _faults(recorder: ScenarioRecorder) -> Iterator[str]:
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is None:
                continue
            response = recorder.interactions[case_id].response
            assert response is not None
            if _is_meant(check.name, recorder.cases[case_id].value, response):
                continue
            failure = check.failure_info.failure
            yield (
                f"{check.name}: {failure.title}\n{failure.message}\n"
                f"{check.failure_info.code_sample}\n{response.status_code} {response.text}"
            )


def _is_meant(check: str, case: Any, response: Any) -> bool:
    """Whether a schema only cannot say what is right here."""
    if check == "positive_data_acceptance":
        problem = response.json()
        reasons = [each["allowed"] for each in problem.get("errors", ())] or [problem["detail"]]
        allowed = BEYOND_THE_SCHEMA.get(problem["code"], "(?!)")
        return all(re.fullmatch(allowed, reason) for reason in reasons)
    if check == "negative_data_rejection" and case.operation.path.endswith("/batch"):
        # Each command is refused for itself; see test_batch.py.
        return any(result["status"] >= 400 for result in response.json()["results"])
    return False


def numbered_ids(seed: int) -> Callable[[], str]:
    """Ids that are the same in each run with a seed, so that its requests are too."""
    source = random.Random(seed)
    return lambda: str(uuid.UUID(int=source.getrandbits(128), version=4))


def main() -> int:
    """Fuzz the API on DynamoDB in moto, and print the counts; 1 after printing what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1, help="begin no run after so many")
    parser.add_argument("--seed", type=int, help="repeat the one run that said it")
    asked = parser.parse_args()
    began = time.monotonic()
    while True:
        seed = random.SystemRandom().getrandbits(32) if asked.seed is None else asked.seed
        with a_stack() as stack, redirect_stdout(io.StringIO()):  # of metrics there are thousands
            stack.service = EngineService(
                DynamoDBProcessRepository(stack.table),
                definitions=stack.catalog,
                clock=stack.clock,
                new_id=numbered_ids(seed),
                pause=no_pause,
            )
            fuzzed = fuzz(stack.service, examples=EXAMPLES, seed=seed)
        print(*fuzzed.faults, fuzzed.table(), sep="\n\n", flush=True)
        if fuzzed.faults or asked.seed is not None or time.monotonic() - began > asked.minutes * 60:
            return 1 if fuzzed.faults else 0


if __name__ == "__main__":
    sys.exit(main())
