"""The OpenAPI document: kept, served, valid, and true."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from trellis_process import errors
from trellis_process.errors import TrellisError
from trellis_process.http import problems, refusals
from trellis_process.http.openapi import FILE, openapi_text

from .client import Client

DOCUMENT: dict[str, Any] = json.loads(FILE.read_text())


def operations() -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
    }


def test_the_kept_document_is_what_is_generated_now() -> None:
    assert FILE.read_text(encoding="utf-8") == openapi_text(), (
        "run: python -m trellis_process.http.openapi"
    )


def test_it_is_a_valid_openapi_document() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert not list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors())


def test_it_is_served_as_it_is_kept(client: Client) -> None:
    served = client.get("/openapi.json")

    assert (served.status, served.headers) == (200, {"Content-Type": "application/json"})
    assert served.json == DOCUMENT


def test_an_operation_is_called_what_the_service_calls_it() -> None:
    assert set(operations()) == {
        "start_process",
        "list_processes",
        "find_process",
        "get_process",
        "cancel_process",
        "start_step",
        "complete_step",
        "fail_step",
        "suspend_step",
        "resume_step",
        "heartbeat",
        "start",
        "signal",
        "signal_by_key",
        "suspend_process",
        "resume_process",
        "retry_step",
        "skip_step",
        "rerun_from",
        "claim_task",
        "release_task",
        "reassign_task",
        "register",
        "list_definitions",
        "get_definition_versions",
        "get_definition",
        "diff_definition",
        "set_definition_status",
        "count_open",
        "start_job",
        "list_jobs",
        "get_job",
        "get_job_results",
        "cancel_job",
        "resume_job",
        "put_schedule",
        "list_schedules",
        "get_schedule",
        "get_upcoming",
        "pause_schedule",
        "resume_schedule",
        "run_schedule",
        "backfill_schedule",
        "delete_schedule",
        "list_tasks",
        "find_by_attribute",
        "list_by_definition",
        "get_history",
        "get_statistics",
        "get_stack_statistics",
        "run_batch",
        "get_openapi",
    }


def test_every_example_fits_its_schema() -> None:
    def check(content: dict[str, Any]) -> None:
        for media in content.values():
            if "example" in media:
                schema = {**media["schema"], "components": DOCUMENT["components"]}
                Draft202012Validator(schema).validate(media["example"])

    for operation in operations().values():
        check(operation.get("requestBody", {}).get("content", {}))
        for answer in operation["responses"].values():
            check(answer.get("content", {}))


def kinds_of_errors() -> set[type[TrellisError]]:
    return {
        each
        for module in (errors, refusals)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, TrellisError)
    }


def test_every_error_has_a_status() -> None:
    without = {TrellisError, refusals.InvalidRequest}  # the root, and what takes its parent's
    assert kinds_of_errors() - without <= set(problems.KINDS)


def test_every_code_is_that_of_one_kind_of_problem() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    kinds = [
        "PlainProblem",
        "InvalidInputProblem",
        "InvalidDefinitionProblem",
        "ConflictProblem",
        "UnavailableProblem",
    ]
    listed = [code for kind in kinds for code in schemas[kind]["properties"]["code"]["enum"]]
    roots = {"error", "conflict", "store_error"}  # never raised themselves
    codes = {error.code for error in kinds_of_errors()} - roots

    assert sorted(listed) == sorted({*codes, problems.INTERNAL_ERROR})
    assert [each["$ref"].rpartition("/")[2] for each in schemas["Problem"]["anyOf"]] == kinds


def test_a_client_may_leave_out_what_has_a_default() -> None:
    """Generators of clients take a field that has a default for one that is always there."""
    bodies = [DOCUMENT["components"]["schemas"][name] for name in ("StartProcess", "StepToStart")]

    fields = {name: field for body in bodies for name, field in body["properties"].items()}
    assert not [name for name, field in fields.items() if "default" in field]
    assert fields["auto_start_steps"]["description"].endswith(" false unless given.")
    assert fields["retries_permitted"]["description"].endswith(" 0 unless given.")
