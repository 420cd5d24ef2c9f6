"""The answers in the OpenAPI document: what each operation gives, and what it is refused with."""

from __future__ import annotations

from typing import Any

from trellis_process.http.examples import (
    DEFINITION,
    DIFFERENCE,
    HISTORY,
    JOB,
    JOB_RESULTS,
    JOBS,
    LISTED,
    NAMES,
    OPEN_TASKS,
    PAGE,
    PROCESS,
    REGISTERED,
    RESULTS,
    SCHEDULE,
    SCHEDULES,
    STATISTICS,
    UPCOMING,
    VERSIONS,
)
from trellis_process.http.openapi_schemas import REFERENCE
from trellis_process.http.problems import CONTENT_TYPE as PROBLEM

Json = dict[str, Any]

_ETAG = {"ETag": {"$ref": "#/components/headers/ETag"}}
_RETRY_AFTER = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}


def success(operation: str) -> Json:
    """What an operation answers where all goes well, by status."""
    if operation == "start_process":
        headers = {**_ETAG, "Location": {"$ref": "#/components/headers/Location"}}
        text = "The process was started, now or by an earlier request with this Idempotency-Key."
        return {"201": _process(text, headers)}
    if operation == "start":
        headers = {**_ETAG, "Location": {"$ref": "#/components/headers/Location"}}
        return {
            "200": _process("The process that this key started before, as it is now.", headers),
            "201": _process("The process was started.", headers),
        }
    if operation in _OF_DEFINITIONS:
        return _OF_DEFINITIONS[operation]
    if operation in _OF_VIEWS:
        return _OF_VIEWS[operation]
    if operation in _OF_JOBS:
        return _OF_JOBS[operation]
    if operation in _OF_SCHEDULES:
        return _OF_SCHEDULES[operation]
    if operation == "list_processes":
        return {"200": _answer("A page of processes.", "ProcessPage", example=PAGE)}
    if operation == "find_process":
        headers = {"Content-Location": {"$ref": "#/components/headers/Location"}}
        return {"200": _process("The newest process about the aggregate.", headers)}
    if operation == "run_batch":
        return {"200": _answer("What became of each command.", "BatchResults", example=RESULTS)}
    if operation == "get_openapi":
        schema = {"type": "object", "additionalProperties": True}
        content = {"application/json": {"schema": schema}}
        return {"200": {"description": "This document.", "content": content}}
    if operation == "get_process":
        unchanged = {"description": "The process is still at that version.", "headers": _ETAG}
        return {"200": _process("The process.", _ETAG), "304": unchanged}
    return {"200": _process("It is so, now or already: the process as it is.", _ETAG)}


def _process(text: str, headers: Json) -> Json:
    return _answer(text, "Process", headers=headers, example=PROCESS)


def _answer(
    text: str,
    model: str,
    *,
    media_type: str = "application/json",
    headers: Json | None = None,
    example: Json | None = None,
) -> Json:
    content: Json = {"schema": {"$ref": REFERENCE.format(model=model)}}
    if example is not None:
        content["example"] = example
    answer: Json = {"description": text, "content": {media_type: content}}
    return {**answer, "headers": headers} if headers else answer


def _problem(text: str, model: str = "PlainProblem", headers: Json | None = None) -> Json:
    return _answer(text, model, media_type=PROBLEM, headers=headers)


def _problem_or_gateway(
    text: str, model: str = "PlainProblem", headers: Json | None = None
) -> Json:
    """A refusal that either API Gateway or the tracker gives."""
    problem = _problem(text, model, headers)
    gateway = _answer(text, "GatewayRefusal")["content"]
    return {**problem, "content": {**gateway, **problem["content"]}}


def _definition() -> Json:
    as_json = {"schema": {"type": "object", "additionalProperties": True}, "example": DEFINITION}
    as_yaml = {"schema": {"type": "string"}}
    content = {"application/json": as_json, "application/yaml": as_yaml}
    return {"description": "The definition.", "content": content}


_VERSIONS = _answer("The versions of the definition.", "DefinitionVersions", example=VERSIONS)

#: What operations about definitions answer where all goes well.
_OF_DEFINITIONS: dict[str, Json] = {
    "register": {
        "200": _answer("It had been registered.", "RegisteredDefinition", example=REGISTERED),
        "201": _answer("It was registered.", "RegisteredDefinition", example=REGISTERED),
    },
    "list_definitions": {"200": _answer("Names.", "DefinitionNames", example=NAMES)},
    "get_definition_versions": {"200": _VERSIONS},
    "set_definition_status": {"200": _VERSIONS},
    "count_open": {"200": _VERSIONS},
    "get_definition": {"200": _definition()},
    "diff_definition": {
        "200": _answer("What changes.", "DefinitionDifference", example=DIFFERENCE)
    },
}

_WHERE = {"Location": {"$ref": "#/components/headers/Location"}}

#: What operations about jobs answer where all goes well.
_OF_JOBS: dict[str, Json] = {
    "start_job": {
        "200": _answer("The job that this key started before.", "Job", headers=_WHERE, example=JOB),
        "201": _answer("The job was started.", "Job", headers=_WHERE, example=JOB),
    },
    "list_jobs": {"200": _answer("Jobs.", "Jobs", example=JOBS)},
    "get_job": {"200": _answer("The job.", "Job", example=JOB)},
    "get_job_results": {"200": _answer("Results.", "JobResults", example=JOB_RESULTS)},
    "cancel_job": {"200": _answer("The job as it is.", "Job", example=JOB)},
    "resume_job": {"200": _answer("The job as it is.", "Job", example=JOB)},
}

_SCHEDULE = _answer("The schedule as it is.", "Schedule", example=SCHEDULE)

#: What operations about schedules answer where all goes well.
_OF_SCHEDULES: dict[str, Json] = {
    "put_schedule": {"200": _SCHEDULE},
    "list_schedules": {"200": _answer("Schedules.", "Schedules", example=SCHEDULES)},
    "get_schedule": {"200": _SCHEDULE},
    "get_upcoming": {"200": _answer("Times.", "UpcomingTimes", example=UPCOMING)},
    "pause_schedule": {"200": _SCHEDULE},
    "resume_schedule": {"200": _SCHEDULE},
    "run_schedule": {"200": _SCHEDULE},
    "backfill_schedule": {"200": _SCHEDULE},
    "delete_schedule": {"200": _SCHEDULE},
}

_STATISTICS = _answer("By version.", "DefinitionStatistics", example=STATISTICS)
_LISTED = _answer("Processes.", "ListedProcesses", example=LISTED)

#: What operations on the views answer where all goes well.
_OF_VIEWS: dict[str, Json] = {
    "list_tasks": {"200": _answer("Open tasks.", "OpenTasks", example=OPEN_TASKS)},
    "find_by_attribute": {"200": _LISTED},
    "list_by_definition": {"200": _LISTED},
    "get_history": {"200": _answer("Events.", "History", example=HISTORY)},
    "get_statistics": {"200": _STATISTICS},
    "get_stack_statistics": {"200": _STATISTICS},
}

HEADERS: Json = {
    "ETag": {
        "description": "The version of the process, in quotes.",
        "schema": {"type": "string", "pattern": '^"[1-9][0-9]*"$'},
        "example": '"3"',
    },
    "Location": {
        "description": "Where the process, or the job, lives, as a path.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "description": "How many seconds to wait before the next try.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
}


_CONFLICTS = (
    "process_finished, step_finished, step_not_started, attempt_unknown, resumption_unknown, "
    "outcome_unknown, step_not_completed, no_definition, not_a_schedule, "
    "constraint_not_met, invariant_violated, "
    "not_reported, task_taken, too_many_signals, suspended, compensating, compensated"
)

#: The refusals that operations share, each with its status.
REFUSALS: dict[str, tuple[str, Json]] = {
    "Malformed": ("400", _problem("The request cannot be read (malformed_request).")),
    "Unauthenticated": ("401", _answer("API Gateway takes no such token.", "GatewayRefusal")),
    "Forbidden": (
        "403",
        _problem_or_gateway(
            "API Gateway does not let you in, or your token is another tenant's "
            "(tenant_not_allowed), or no operator's (operators_only)."
        ),
    ),
    "NotFound": (
        "404",
        _problem(
            "There is no such thing (not_found, process_not_found, step_not_found, "
            "definition_not_found, list_not_found, schedule_not_found, job_not_found, "
            "read_models_off)."
        ),
    ),
    "Conflict": (
        "409",
        _problem(f"The process has moved on ({_CONFLICTS}).", "ConflictProblem", _ETAG),
    ),
    "NotStarted": (
        "409",
        _problem(
            "No process of that version is started any more (definition_draining), or the key "
            "names one already (key_taken)."
        ),
    ),
    "NotStartedOrConflict": (
        "409",
        _problem(
            "No process is started (definition_draining, key_taken), or the process has moved on "
            f"({_CONFLICTS}).",
            "StartOrConflictProblem",
            _ETAG,
        ),
    ),
    "OtherContent": (
        "409",
        _problem("The version is registered with other content (definition_conflict)."),
    ),
    "InUse": ("409", _problem("Processes of the version are open (definition_in_use).")),
    "VersionMismatch": (
        "412",
        _problem("If-Match does not hold (version_mismatch).", "ConflictProblem", _ETAG),
    ),
    "TooLarge": (
        "413",
        _problem_or_gateway(
            "The body, a value in it, or the process with it is too large (too_large).",
            "InvalidInputProblem",
        ),
    ),
    "UnsupportedMediaType": (
        "415",
        _problem("The body is not JSON in UTF-8 (unsupported_media_type)."),
    ),
    "InvalidInput": (
        "422",
        _problem(
            "Fields were refused (invalid_input), or the Idempotency-Key started another "
            "process (idempotency_key_reused).",
            "InvalidInputProblem",
        ),
    ),
    "InvalidDefinition": (
        "422",
        _problem(
            "The definition has errors, all of them named (invalid_definition), or a field of the "
            "request was refused (invalid_input).",
            "InvalidRegistrationProblem",
        ),
    ),
    "TooManyRequests": ("429", _answer("API Gateway is throttling.", "GatewayRefusal")),
    "InternalError": (
        "500",
        _problem_or_gateway("A fault of the tracker (internal_error), or of API Gateway."),
    ),
    "Unavailable": (
        "503",
        _problem_or_gateway(
            "The store does not answer (throttled, lost_race, store_unavailable), or the function "
            "does not.",
            "UnavailableProblem",
            _RETRY_AFTER,
        ),
    ),
}
