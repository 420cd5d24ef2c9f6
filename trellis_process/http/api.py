"""The API: reads an event of API Gateway, has the service do what it asks, answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trellis_process.application.process_service import ProcessService
from trellis_process.domain.limits import NAME_PATTERN
from trellis_process.http.answers import problem_answer
from trellis_process.http.gateway import ApiRequest
from trellis_process.http.paths import DEFINITIONS
from trellis_process.http.problems import code_of
from trellis_process.http.refusals import OperatorsOnly, TenantNotAllowed
from trellis_process.http.router import Router
from trellis_process.http.routes import add_routes

if TYPE_CHECKING:
    from trellis_process.commands import MakeEngine
    from trellis_process.http.job_routes import MakeJobs
    from trellis_process.http.view_routes import MakeViews

_NAME = re.compile(NAME_PATTERN)

TENANT_CLAIM = "tenant_id"
OPERATOR_SCOPE = "trellis/operator"
NO_OPERATION = "none"  # the path or the method is not one of ours


@dataclass(frozen=True)
class Asked:
    """What an event asks for, before anything is done about it."""

    request: ApiRequest
    #: As in the OpenAPI document: ``complete_step``; NO_OPERATION where there is no such route.
    operation: str
    #: What it is about, as the path says: tenant_id, process_id, step_name.
    about: dict[str, str]
    #: The tenant of the path as it stands there, be it a name or not; None where it has none.
    tenant_id: str | None


@dataclass(frozen=True)
class Answer:
    """An answer, and what there is to log and count about it."""

    #: What API Gateway takes: statusCode, headers, body.
    response: dict[str, Any]
    #: Why it was refused or failed; None where all went well.
    error: Exception | None = None
    #: What it was about, with the id of a process or a job that was started.
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
    """The HTTP API over one ProcessService. Takes one request at a time.

    A caller with a JWT reaches the tenant that its claim ``tenant_claim`` names, and no other; the
    definitions, which are the whole stack's, with ``operator_scope`` among its scopes. A caller
    authorised by IAM reaches what its policies say.
    """

    def __init__(
        self,
        service: ProcessService,
        engine: MakeEngine | None,
        jobs: MakeJobs | None,
        views: MakeViews | None,
        tenant_claim: str,
        operator_scope: str,
    ) -> None:
        self._tenant_claim = tenant_claim
        self._operator_scope = operator_scope
        self._router = Router()
        add_routes(self._router, service, engine, jobs, views)

    def read(self, event: object) -> Asked:
        """What an event of an HTTP API (payload format 2.0) asks for, whatever stands in it."""
        request = ApiRequest(event)
        match = self._router.match(request.http_method, request.path)
        # What is no name is left out: it may be anything, and this goes into the log.
        about = {field: name for field, name in match.arguments.items() if _NAME.fullmatch(name)}
        operation = match.operation or NO_OPERATION
        return Asked(request, operation, about, match.arguments.get("tenant_id"))

    def answer(self, asked: Asked, *, has_time: Callable[[], bool] = lambda: True) -> Answer:
        """Does it, and answers. Every error is an answer as well.

        ``has_time`` is asked before each command of a batch; after a False the rest of the batch
        is answered as not tried.
        """
        if self._is_of_another_tenant(asked):
            return failed(TenantNotAllowed(self._tenant_claim))
        if self._is_for_operators(asked):
            return failed(OperatorsOnly(self._operator_scope))
        response, error = self._router.answer(asked.request, has_time)
        # Only what is started is answered with where it lives, and the address ends in its id.
        where, _, started = response["headers"].get("Location", "").rpartition("/")
        kind = "job_id" if where.endswith("/jobs") else "process_id"
        about = {**asked.about, kind: started} if started else asked.about
        return Answer(response, error, about)

    def _is_of_another_tenant(self, asked: Asked) -> bool:
        claims, tenant_id = asked.request.claims, asked.tenant_id
        if claims is None or tenant_id is None:
            return False
        return claims.get(self._tenant_claim) != tenant_id

    def _is_for_operators(self, asked: Asked) -> bool:
        claims, path = asked.request.claims, asked.request.path
        if claims is None or not (path + "/").startswith(DEFINITIONS + "/"):
            return False
        return self._operator_scope not in _scopes(claims)


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """What a token allows, as its issuer says: one text, or a list."""
    said = claims.get("scope", claims.get("scp", ""))
    return said.split() if isinstance(said, str) else list(said) if isinstance(said, list) else []


def build_api(
    service: ProcessService,
    engine: MakeEngine | None = None,
    *,
    jobs: MakeJobs | None = None,
    views: MakeViews | None = None,
    tenant_claim: str = TENANT_CLAIM,
    operator_scope: str = OPERATOR_SCOPE,
) -> Api:
    """The HTTP API over a service: ``api.answer(api.read(event)).response``.

    ``engine`` gives the EngineService on the same processes when a request first needs it. Without
    it there are no routes for definitions and schedules; nor without ``jobs``, which gives the
    JobService, for jobs; nor without ``views``, which gives the ViewStore, or None where there is
    none, for views.
    """
    return Api(service, engine, jobs, views, tenant_claim, operator_scope)


def failed(error: Exception) -> Answer:
    """The answer where there is no API to give one, such as one that could not be built."""
    problem = problem_answer(error)
    response = {"statusCode": problem.status_code, "headers": problem.headers, "body": problem.body}
    return Answer(response, error)
