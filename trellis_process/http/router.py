"""The router: Powertools' resolver for HTTP APIs, with exact paths and answers of our own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import (
    APIGatewayHttpResolver,
    Response,
    Route,
)
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import BaseModel

from trellis_process.commands.fields import model_in, refusal_of
from trellis_process.http.answers import problem_answer
from trellis_process.http.gateway import ApiRequest
from trellis_process.http.refusals import MethodNotAllowed, PathNotFound


@dataclass(frozen=True)
class Match:
    """What a method and a path lead to."""

    #: The operation's id, ``complete_step``; None where there is none.
    operation: str | None
    #: What stands in the path: ``{"tenant_id": "tenant-1"}``.
    arguments: dict[str, str]
    #: The methods that this path takes; none where nothing lives under it.
    methods: set[str]


class Router(APIGatewayHttpResolver):
    """Finds the route of a request, has it validated, and answers for every error."""

    def __init__(self) -> None:
        # Debugging is switched off here, because the environment could switch it on, and then
        # whole requests would be printed.
        super().__init__(enable_validation=True, debug=False)
        self._error: Exception | None = None
        self._later: list[Callable[[Router], None]] = []
        self.exception_handler(Exception)(self._answer_for)
        self.exception_handler(NotFoundError)(self._answer_for_no_route)
        self.exception_handler(RequestValidationError)(self._answer_for_fields)

    def answer(
        self, request: ApiRequest, has_time: Callable[[], bool]
    ) -> tuple[dict[str, Any], Exception | None]:
        """The answer to a request, and the error that it ended with, if any."""
        self._asked, self._has_time, self._error = request, has_time, None
        return self.resolve(request.raw_event, None), self._error  # type: ignore[arg-type]

    @property
    def asked(self) -> ApiRequest:
        """The request in hand."""
        return self._asked

    @property
    def has_time(self) -> Callable[[], bool]:
        """Whether there is time left to begin another command of the request in hand."""
        return self._has_time

    def add_later(self, *groups: Callable[[Router], None]) -> None:
        """Groups of routes that are added, one after another, when a request needs them.

        So a cold start pays for no more routes than it is about. What two groups have in common
        belongs into one: the first group that has a request's path and method takes it.
        """
        self._later.extend(groups)

    def add_all(self) -> None:
        """Adds every group that was to be added later."""
        while self._later:
            self._later.pop(0)(self)

    def match(self, method: str, path: str) -> Match:
        """What a method and a path lead to."""
        match = self._match(method, path)
        while match.operation is None and self._later:
            self._later.pop(0)(self)
            match = self._match(method, path)
        return match

    def _match(self, method: str, path: str) -> Match:
        operation: str | None = None
        arguments: dict[str, str] = {}
        methods: set[str] = set()
        for route in (*self._static_routes, *self._dynamic_routes):
            if found := route.rule.match(path):
                arguments = arguments or found.groupdict()
                methods.add(route.method)
                if route.method == method and operation is None:
                    operation, arguments = route.operation_id, found.groupdict()
        return Match(operation, arguments, methods)

    def _answer_for(self, error: Exception) -> Response[str]:
        self._error = error
        return problem_answer(error)

    def _answer_for_no_route(self, error: Exception) -> Response[str]:
        methods = self.match(self.asked.http_method, self.asked.path).methods
        return self._answer_for(MethodNotAllowed(methods) if methods else PathNotFound())

    def _answer_for_fields(self, error: RequestValidationError) -> Response[str]:
        return self._answer_for(refusal_of(error.errors(), self._body_model()))

    def _body_model(self) -> type[BaseModel] | None:
        """The model of the body that the route in hand takes."""
        route: Route = self.context["_route"]
        return next((model_in(field.type_) for field in route.dependant.body_params), None)

    def _to_proxy_event(self, event: dict[str, Any]) -> ApiRequest:
        return self.asked

    @staticmethod
    def _compile_regex(rule: str, base_regex: str = "") -> re.Pattern[str]:
        """The pattern of a path; its names take whatever stands between two slashes.

        Powertools takes some characters for none, and a dot for any. Here what is no name gets to
        the validation, which says so.
        """
        literals_and_names = re.split(r"<(\w+)>", rule)
        literals_and_names[::2] = map(re.escape, literals_and_names[::2])
        literals_and_names[1::2] = (f"(?P<{name}>[^/]+)" for name in literals_and_names[1::2])
        return re.compile("".join(literals_and_names) + r"\Z")
