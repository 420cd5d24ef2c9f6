"""Answers: what goes back to API Gateway for a process, a page, or an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Response

from trellis_process.application.repositories import ProcessPage
from trellis_process.domain.process import Process
from trellis_process.http.preconditions import entity_tag
from trellis_process.http.problems import CONTENT_TYPE, problem_of
from trellis_process.representation import page_as_json, process_as_json

JSON = "application/json"

# Lambda answers at most 6 MB, and there this text stands in a JSON string once more, which doubles
# its quotes and backslashes.
MAX_PAGE_CHARACTERS = 3 * 1024 * 1024

_ENCODER = json.JSONEncoder(separators=(",", ":"))


def json_text(value: Any) -> str:
    """A value as JSON in ASCII, which no one on its way can stumble over."""
    return _ENCODER.encode(value)


def process_answer(process: Process) -> Response[str]:
    """A process at its own address, with its version as the entity tag."""
    return _answer(200, process, {"ETag": entity_tag(process.version)})


def started_answer(process: Process) -> Response[str]:
    """A process that was started, and where it lives."""
    return _answer(
        201, process, {"ETag": entity_tag(process.version), "Location": address_of(process)}
    )


def started_by_key_answer(process: Process) -> Response[str]:
    """A process that was started, 201; or the one that its key had started before, 200."""
    status = 200 if process.was_there else 201
    headers = {"ETag": entity_tag(process.version), "Location": address_of(process)}
    return _answer(status, process, headers)


def found_answer(process: Process) -> Response[str]:
    """A process at an address where another may be found tomorrow.

    It has no entity tag: two processes of the same version would share it.
    """
    return _answer(200, process, {"Content-Location": address_of(process)})


def unchanged_answer(process: Process) -> Response[str]:
    """What the caller has is what there is."""
    return Response(304, headers={"ETag": entity_tag(process.version)}, body="")


def page_answer(read: Callable[[int], ProcessPage], limit: int) -> Response[str]:
    """A page of at most so many processes, and of fewer where they are too large together."""

    def page_of(most: int) -> tuple[int, dict[str, Any]]:
        page = read(most)
        return len(page.processes), page_as_json(page)

    return fitting_answer(page_of, limit)


def fitting_answer(
    page_of: Callable[[int], tuple[int, dict[str, Any]]], limit: int
) -> Response[str]:
    """A page as JSON of at most so many entries, which it counts; of fewer if they are large."""
    while True:
        count, page = page_of(limit)
        text = json_text(page)
        if len(text) <= MAX_PAGE_CHARACTERS or count <= 1:
            return Response(200, JSON, text)
        # Read anew, because only the store knows the cursor after another entry than the last.
        limit = max(1, min(count - 1, count * MAX_PAGE_CHARACTERS // len(text)))


def problem_answer(error: Exception) -> Response[str]:
    """The problem document of an error."""
    problem = problem_of(error)
    return Response(problem.status, CONTENT_TYPE, json_text(problem.document), problem.headers)


def address_of(process: Process) -> str:
    """Where a process lives; names have no character that a path would need to encode."""
    return f"/tenants/{process.tenant_id}/processes/{process.process_id}"


def _answer(status: int, process: Process, headers: dict[str, str]) -> Response[str]:
    return Response(status, JSON, json_text(process_as_json(process)), headers)
