"""The OpenAPI document: ``python -m trellis_process.http.openapi`` writes it beside this file.

Paths, parameters and bodies come from the routes themselves. What can be answered is said here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trellis_process.application.engine_service import EngineService
from trellis_process.application.job_service import JobService
from trellis_process.application.process_service import ProcessService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.http.examples import BODIES
from trellis_process.http.openapi_answers import HEADERS, REFUSALS, success
from trellis_process.http.openapi_schemas import schemas, tidy_schema, without_null
from trellis_process.http.router import Router
from trellis_process.http.routes import add_routes
from trellis_process.memory import InMemoryProcessRepository
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.job_repository import InMemoryJobRepository
from trellis_process.memory.view_store import InMemoryViewStore

FILE = Path(__file__).with_name("openapi.json")
API_VERSION = "1.0.0"

Json = dict[str, Any]

_DESCRIPTION = """\
Trellis tracks long-running business processes: what is done, what is late, what is stuck.

Start a process, then report on its steps. Every command may be repeated: what is true already
changes nothing and is answered with the process as it is. A process carries its version in `ETag`;
with `If-Match` a change is made on that version or not at all. Everything that is refused is
answered with a problem document (RFC 9457) that has a stable `code`.
"""

#: What everything under a tenant can be answered with, by API Gateway or where all else fails.
_ALWAYS = ["Unauthenticated", "Forbidden", "TooManyRequests", "InternalError", "Unavailable"]
_WITH_BODY = ["Malformed", "TooLarge", "UnsupportedMediaType"]
_COMMAND = [*_WITH_BODY, "NotFound", "Conflict", "VersionMismatch", "InvalidInput"]

#: What each operation can be refused with besides.
_REFUSED_WITH: dict[str, list[str]] = {
    "start_process": [*_WITH_BODY, "InvalidInput"],
    "list_processes": ["InvalidInput"],
    "find_process": ["InvalidInput", "NotFound"],
    "get_process": ["InvalidInput", "NotFound", "Malformed"],
    "cancel_process": _COMMAND,
    "start_step": _COMMAND,
    "complete_step": _COMMAND,
    "fail_step": _COMMAND,
    "suspend_step": _COMMAND,
    "resume_step": _COMMAND,
    "heartbeat": _COMMAND,
    "start": [*_WITH_BODY, "NotFound", "NotStarted", "InvalidInput"],
    "signal": _COMMAND,
    "signal_by_key": [*_WITH_BODY, "NotFound", "NotStartedOrConflict", "InvalidInput"],
    "suspend_process": _COMMAND,
    "resume_process": _COMMAND,
    "retry_step": _COMMAND,
    "skip_step": _COMMAND,
    "rerun_from": _COMMAND,
    "claim_task": _COMMAND,
    "release_task": _COMMAND,
    "reassign_task": _COMMAND,
    "register": [*_WITH_BODY, "OtherContent", "InvalidDefinition"],
    "list_definitions": ["InvalidInput"],
    "get_definition_versions": ["InvalidInput", "NotFound"],
    "get_definition": ["InvalidInput", "NotFound"],
    "diff_definition": ["InvalidInput", "NotFound"],
    "set_definition_status": [*_WITH_BODY, "InvalidInput", "NotFound", "InUse"],
    "count_open": ["InvalidInput", "NotFound"],
    "start_job": [*_WITH_BODY, "InvalidInput", "NotFound"],
    "list_jobs": ["InvalidInput"],
    "get_job": ["InvalidInput", "NotFound"],
    "get_job_results": ["InvalidInput", "NotFound"],
    "cancel_job": ["InvalidInput", "NotFound"],
    "resume_job": ["InvalidInput", "NotFound"],
    "put_schedule": [*_WITH_BODY, "InvalidInput", "NotFound", "NotStarted"],
    "list_schedules": ["InvalidInput"],
    "get_schedule": ["InvalidInput", "NotFound"],
    "get_upcoming": ["InvalidInput", "NotFound"],
    "pause_schedule": [*_WITH_BODY, "InvalidInput", "NotFound"],
    "resume_schedule": [*_WITH_BODY, "InvalidInput", "NotFound"],
    "run_schedule": [*_WITH_BODY, "InvalidInput", "NotFound"],
    "backfill_schedule": [*_WITH_BODY, "InvalidInput", "NotFound"],
    "delete_schedule": ["InvalidInput", "NotFound"],
    "list_tasks": ["InvalidInput", "NotFound"],
    "find_by_attribute": ["InvalidInput", "NotFound"],
    "list_by_definition": ["InvalidInput", "NotFound"],
    "get_history": ["InvalidInput", "NotFound"],
    "get_statistics": ["InvalidInput", "NotFound"],
    "get_stack_statistics": ["InvalidInput", "NotFound"],
    "run_batch": [*_WITH_BODY, "InvalidInput"],
    "get_openapi": [],
}


_DESCRIPTIONS = {
    "start_process": "With an `Idempotency-Key` the request may be repeated: it is answered with "
    "the process that it started before, as it is now.",
    "list_processes": "By type from Z to A, and the newest first in each. What changed this moment "
    "may be missing yet.",
    "find_process": "One that was started this moment may not be found yet. For `If-Match`, take "
    "the version from the answer's body.",
    "get_process": "As last written, never older.",
    "cancel_process": "What is open in it is given up. Cancelling it again changes nothing.",
    "start_step": "Starting a started step changes nothing. Starting a failed step is a retry on "
    "purpose: it begins a new attempt and opens the process again.",
    "complete_step": "Accepted from any attempt while the step is open, also where it was never "
    "started; the last step completes the process. Completing it again changes nothing: the first "
    "output stays.",
    "fail_step": "The process fails with it, unless `retry_after_ms` asks for another attempt and "
    "retries are left; where a definition orders the steps it says what is tried again, by the "
    "error's `code`, and what follows. It counts for the current attempt only, and is ignored from "
    "an older one.",
    "suspend_step": "The attempt's own time limit does not run meanwhile. A step that was resumed "
    "already, early, goes on at once. Ignored from older work, and of a step that waits.",
    "resume_step": "It goes on in the same attempt, whose time limit counts from now. One that "
    "comes before the step is suspended is kept until then. Name the `resumption` where a message "
    "may come twice.",
    "heartbeat": "The attempt's time limit counts anew from now.",
    "start": "In the newest active version, unless another is named. With a `key` the request may "
    "be repeated: 200 and the process that the key started before, as it is now. `on_duplicate` "
    "may say otherwise.",
    "signal_by_key": "As a signal to the process that the key names by now. Where there is none, "
    "one is started if the definition has a trigger for the signal; so it is where that one has "
    "ended and the trigger says `new_if_finished`.",
    "signal": "The first step that waits for it takes it. Where none does it is kept, first in "
    "first out, up to 100 in a process. With a `signal_id` a repeat changes nothing.",
    "suspend_process": "What is reported meanwhile is kept, and nothing moves or times out until "
    "the process resumes. Suspending it again changes nothing.",
    "resume_process": "First from what was reported meanwhile. Resuming one that is not suspended "
    "changes nothing.",
    "retry_step": "A failed process is open again with it. A step that waits for its retry begins "
    "now.",
    "skip_step": "A failed process is open again with it; what follows sees the `output`.",
    "rerun_from": "What had come after it is entered again as the definition says. Of an open or a "
    "failed process.",
    "claim_task": "It becomes somebody's; claiming one's own again changes nothing.",
    "release_task": "It is nobody's again, for anybody of its role to claim.",
    "reassign_task": "It becomes somebody else's, whoever's it was.",
    "register": "A version never changes: the same content again is answered with 200, other "
    "content is refused. All that is wrong is told at once. For operators.",
    "list_definitions": "From A to Z by the codes of their characters. For operators.",
    "get_definition_versions": "With their statuses, and how many processes of each are open in "
    "the whole stack, which the audit counts within the hour. For operators.",
    "get_definition": "As it was registered, defaults left out: JSON, or YAML if `Accept` says so. "
    "For operators.",
    "diff_definition": "Field by field. What has a name, such as a step, is found by it, wherever "
    "it stands. For operators.",
    "set_definition_status": "To go back to an older version, drain those above it: new processes "
    "get the highest active one. Archiving is refused while the audit counts processes that are "
    "open. For operators.",
    "count_open": "By version, at this moment; what changed this moment may be counted as before.",
    "start_job": "It is done piece by piece from then on. A dry run says of each process what "
    "would happen; `of` names one to follow. With an `Idempotency-Key` the request may be "
    "repeated: 200 and the job that it started before, as it is now.",
    "list_jobs": "The newest first, each with how far it has come. One that was asked for this "
    "moment may be missing yet.",
    "get_job": "With how far it has come.",
    "get_job_results": "In the order in which the job came to the processes, those so far while "
    "it runs. A page may be short, even empty, and another follow all the same.",
    "cancel_job": "The piece in hand is ended, and what is done stays done. Of a job that has "
    "ended nothing changes.",
    "resume_job": "For one that was interrupted; harmless for any other.",
    "put_schedule": "It is by these terms from now on, whether it was there or not. The same terms "
    "again change nothing; by other ones times count from now, and what is open goes on.",
    "list_schedules": "The newest first. One that was agreed this moment may be missing yet.",
    "get_schedule": "With the runs that are open, and those that wait for them.",
    "get_upcoming": "Of a paused one as if it were not.",
    "pause_schedule": "Nothing is started until it is resumed; what is open goes on. Pausing it "
    "again changes nothing.",
    "resume_schedule": "The times that passed meanwhile were missed, and are caught up with where "
    "its terms say so.",
    "run_schedule": "Whatever the time, also of a paused one. While other runs are open, what "
    "`overlap` says becomes of it.",
    "backfill_schedule": "Those for the times after one moment and up to another, both in the "
    "past. At most 10 ranges are under way at a time.",
    "delete_schedule": "Nothing is started any more; what is open goes on. The name may be used "
    "again.",
    "list_tasks": "What is due first comes first. Of the stack's read models, as are histories, "
    "searches and statistics: a second behind, and only with `ReadModels=on`.",
    "find_by_attribute": "The newest first.",
    "list_by_definition": "The newest first, whatever their version.",
    "get_history": "Every event in order, with who caused it and why. Empty where none is kept.",
    "get_statistics": "By version, with a step by step account.",
    "get_stack_statistics": "Those of all tenants added up. For operators.",
    "run_batch": "In their order, each for itself: one that is refused does not stop the others, "
    "and the answer is 200 whatever became of them. A batch of more than 25, or one that cannot be "
    "read, is refused as a whole. To repeat one safely, give each start an `idempotency_key`.",
    "get_openapi": "The same document that is kept with the source.",
}

_SERVER = {
    "url": "https://{api_id}.execute-api.{region}.amazonaws.com",
    "description": "The stack's output ApiUrl.",
    "variables": {"api_id": {"default": "your-api-id"}, "region": {"default": "us-east-1"}},
}
_SECURITY_SCHEMES = {
    "sigv4": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "AWS Signature Version 4 for the service execute-api (the default).",
        "x-amazon-apigateway-authtype": "awsSigv4",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of the issuer that the stack was deployed with.",
    },
}


def openapi_document() -> Json:
    """The OpenAPI 3.1 document of the API."""
    router = Router()
    processes = InMemoryProcessRepository()
    add_routes(
        router,
        ProcessService(processes),
        lambda: _engine(processes),
        lambda: JobService(processes, InMemoryJobRepository()),
        InMemoryViewStore,
    )
    router.add_all()
    generated = json.loads(
        router.get_openapi_json_schema(title="Trellis", version=API_VERSION, tags=None)
    )
    for path in generated["paths"].values():
        for operation in path.values():
            _complete(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trellis",
            "version": API_VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [_SERVER],
        "security": [{"sigv4": []}, {"bearer": []}],
        "tags": [
            {"name": "processes", "description": "Start, find and cancel processes."},
            {"name": "steps", "description": "Report on the steps of a process."},
            {"name": "tasks", "description": "See to what a process asks of people."},
            {
                "name": "definitions",
                "description": "Register and retire what processes are started of. These belong to "
                "the whole stack, not to a tenant.",
            },
            {"name": "jobs", "description": "A command for many processes at once."},
            {"name": "schedules", "description": "Start processes at times, again and again."},
            {"name": "batch", "description": "Several commands at once."},
            {"name": "about", "description": "What this API is."},
        ],
        "paths": generated["paths"],
        "components": {
            "schemas": schemas(generated["components"]["schemas"]),
            "responses": {name: refusal for name, (_, refusal) in REFUSALS.items()},
            "headers": HEADERS,
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def _engine(processes: InMemoryProcessRepository) -> EngineService:
    return EngineService(processes, definitions=DefinitionCatalog(InMemoryDefinitionRepository()))


def openapi_text() -> str:
    """The document as it is kept: stable, and readable in a difference."""
    return json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n"


def _complete(operation: Json) -> None:
    """Says what an operation can be answered with, and shows an example of its body."""
    name = operation["operationId"]
    for parameter in operation.get("parameters", []):
        _tidy_parameter(parameter)
    if name in BODIES:
        media = operation["requestBody"]["content"]["application/json"]
        media["example"] = BODIES[name]
        operation["requestBody"].setdefault("required", False)
    operation["description"] = _DESCRIPTIONS[name]
    refusals = {
        REFUSALS[refusal][0]: {"$ref": f"#/components/responses/{refusal}"}
        for refusal in (*_REFUSED_WITH[name], *_ALWAYS)
    }
    operation["responses"] = dict(sorted({**success(name), **refusals}.items()))


def _tidy_parameter(parameter: Json) -> None:
    schema = tidy_schema(without_null(parameter["schema"]))
    schema.pop("description", None)  # stands beside it
    parameter["schema"] = schema
    if parameter["in"] == "header":
        parameter["name"] = parameter["name"].title()


if __name__ == "__main__":
    FILE.write_text(openapi_text(), encoding="utf-8")
