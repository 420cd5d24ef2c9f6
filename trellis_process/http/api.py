"""The API: reads an event of API Gateway, has the service do what it asks, answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from trellis_process.application.process_service import ProcessService
from trellis_process.domain.limits import NAME_PATTERN
from trellis_process.http.answers import problem_answer
from trellis_process.http.gateway import ApiRequest
from trellis_process.http.problems import code_of
from trellis_process.http.router import Router
from trellis_process.http.routes import add_routes

_NAME = re.compile(NAME_PATTERN)

NO_OPERATION = "none"  # the path or the method is not one of ours


@dataclass(frozen=True)
class Asked:
    """What an event asks for, before anything is done about it."""

    request: ApiRequest
    #: As in the OpenAPI document: ``complete_step``; NO_OPERATION where there is no such route.
    operation: str
    #: What it is about, as the path says: tenant_id, process_id, step_name.
    about: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """An answer, and what there is to log and count about it."""

    #: What API Gateway takes: statusCode, headers, body.
    response: dict[str, Any]
    #: Why it was refused or failed; None where all went well.
    error: Exception | None = None
    #: What it was about, with the id of a process that was started.
    about: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        status: int = self.response["statusCode"]
        return status

    @property
    def code(self) -> str | None:
        """The stable code of the error; None where all went well."""
        return None if self.error is None else code_of(self.error)


class Api:
    """The HTTP API over one ProcessService. Takes one request at a time."""

    def __init__(self, service: ProcessService) -> None:
        self._router = Router()
        add_routes(self._router, service)

    def read(self, event: object) -> Asked:
        """What an event of an HTTP API (payload format 2.0) asks for, whatever stands in it."""
        request = ApiRequest(event)
        match = self._router.match(request.http_method, request.path)
        # What is no name is left out: it may be anything, and this goes into the log.
        about = {field: name for field, name in match.arguments.items() if _NAME.fullmatch(name)}
        return Asked(request, match.operation or NO_OPERATION, about)

    def answer(self, asked: Asked) -> Answer:
        """Does it, and answers. Every error is an answer as well."""
        response, error = self._router.answer(asked.request)
        # Only the start of a process answers with where it lives, and the address ends in its id.
        _, _, started = response["headers"].get("Location", "").rpartition("/")
        about = {**asked.about, "process_id": started} if started else asked.about
        return Answer(response, error, about)


def build_api(service: ProcessService) -> Api:
    """The HTTP API over a service: ``api.answer(api.read(event)).response``."""
    return Api(service)


def failed(error: Exception) -> Answer:
    """The answer where there is no API to give one, such as one that could not be built."""
    problem = problem_answer(error)
    response = {"statusCode": problem.status_code, "headers": problem.headers, "body": problem.body}
    return Answer(response, error)
