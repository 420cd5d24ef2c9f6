"""A batch: up to 25 commands of one tenant in one request, each with a result of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as InBody
from pydantic import Field, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue

from trellis_process.application.process_service import ProcessService
from trellis_process.commands.bodies import Body, checked
from trellis_process.domain.limits import JsonValue
from trellis_process.errors import Described, InvalidInput
from trellis_process.http.answers import JSON, MAX_PAGE_CHARACTERS, json_text
from trellis_process.http.parameters import TenantId
from trellis_process.http.problems import code_of, problem_of
from trellis_process.http.refusals import NotTried
from trellis_process.http.router import Router
from trellis_process.representation import process_as_json

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

    from trellis_process.commands import Command, MakeEngine

logger = logging.getLogger(__name__)

MAX_COMMANDS = 25


def _check_commands(field: str, value: object) -> object:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_COMMANDS:
        given = Described(f"{len(value)} commands") if isinstance(value, list) else value
        raise InvalidInput(field, given, f"allowed is an array of 1 to {MAX_COMMANDS} commands")
    return value


class _OneCommand:
    """Describes what is not validated here as a command."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # Here, because the models of all commands are loaded for the document and for a batch, and
        # the start of a function that answers requests need not wait for them.
        from trellis_process.commands import Command

        told_apart = TypeAdapter[Any](Annotated[Command, Field(discriminator="command")])
        return handler(told_apart.core_schema)


class Batch(Body):
    """Commands of one tenant, run in their order, each for itself."""

    # Each is read when its turn comes, so that one that is refused does not stop the others.
    commands: Annotated[
        list[Annotated[JsonValue, _OneCommand]],
        Field(min_length=1, max_length=MAX_COMMANDS),
        checked(_check_commands),
    ] = Field(
        description=f"1 to {MAX_COMMANDS} commands, as they are sent to the queue. Their "
        "`tenant_id` may be left out; it is the path's."
    )


def add_batch_route(router: Router, service: ProcessService, engine: MakeEngine | None) -> None:
    """The route that takes several commands at once."""

    @router.post(
        "/tenants/<tenant_id>/batch",
        operation_id="run_batch",
        summary="Run several commands",
        tags=["batch"],
    )
    def run_batch(tenant_id: TenantId, body: Annotated[Batch, InBody()]) -> Response[str]:
        results = run_commands(
            service,
            tenant_id,
            body.commands,
            actor=router.asked.actor,
            has_time=router.has_time,
            engine=engine,
        )
        return Response(200, JSON, '{"results":[' + ",".join(results) + "]}")


def run_commands(
    service: ProcessService,
    tenant_id: str,
    values: list[JsonValue],
    *,
    actor: str | None,
    has_time: Callable[[], bool],
    engine: MakeEngine | None = None,
) -> list[str]:
    """Runs commands in their order; the result of each, as JSON text.

    ``has_time`` is asked before each; after a False none is tried any more.
    """
    results: list[str] = []
    room, in_time = MAX_PAGE_CHARACTERS, True
    for value in values:
        in_time = in_time and has_time()
        result = (
            _result(service, tenant_id, value, actor, engine) if in_time else _problem(NotTried())
        )
        text = json_text(result)
        if len(text) > room:
            # Done is done, and it has to be answered: with less, for the caller to look up.
            text = json_text(_without_process(result))
        room -= len(text)
        results.append(text)
    return results


def _result(
    service: ProcessService,
    tenant_id: str,
    value: JsonValue,
    actor: str | None,
    engine: MakeEngine | None,
) -> dict[str, Any]:
    from trellis_process.commands import run  # with the first batch; see _OneCommand

    about: dict[str, str] = {"tenant_id": tenant_id}
    operation = None
    try:
        command = _read(tenant_id, value)
        operation, about = command.command, command.about
        process = run(command, service, actor=actor, engine=engine)
    except Exception as error:
        result = _problem(error)
        severity = logging.ERROR if result["status"] >= 500 else logging.INFO
        facts = {**about, "command": operation, "code": code_of(error)}
        cause = error if severity == logging.ERROR else None
        logger.log(severity, "command of a batch", extra=facts, exc_info=cause)
        return result
    about["process_id"] = process.process_id
    logger.info("command of a batch", extra={**about, "command": operation})
    started = operation in ("StartProcess", "Start") and not process.was_there
    status = 201 if started else 200
    return {
        "status": status,
        "process_id": process.process_id,
        "process": process_as_json(process),
    }


def _read(tenant_id: str, value: JsonValue) -> Command:
    from trellis_process.commands import read_command

    command = read_command({"tenant_id": tenant_id, **value} if isinstance(value, dict) else value)
    if command.tenant_id != tenant_id:
        raise InvalidInput(
            "tenant_id", command.tenant_id, "allowed is that of the path, or to leave it out"
        )
    return command


def _problem(error: Exception) -> dict[str, Any]:
    problem = problem_of(error, from_headers=False)
    return {"status": problem.status, "problem": problem.document}


def _without_process(result: dict[str, Any]) -> dict[str, Any]:
    """The result with no more of the process than its id."""
    kept = {name: said for name, said in result.items() if name != "process"}
    if "problem" in kept:
        problem = kept["problem"]
        kept["problem"] = {name: said for name, said in problem.items() if name != "process"}
    return kept
