"""The routes of definitions: register, list, read and compare them, and retire versions.

Definitions belong to the whole stack, so these paths are under no tenant; but for how many
processes a tenant has open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as InBody
from pydantic import Field

from trellis_process.application.definitions import DefinitionStatus, DefinitionVersions
from trellis_process.application.process_service import MAX_PAGE
from trellis_process.commands.bodies import Body, checked
from trellis_process.errors import InvalidInput
from trellis_process.http.answers import JSON, json_text
from trellis_process.http.parameters import (
    Accept,
    DefinitionName,
    DefinitionVersion,
    FromVersion,
    NameCursor,
    NameLimit,
    TenantId,
    ToVersion,
)
from trellis_process.http.paths import DEFINITION, DEFINITIONS, TENANTS_DEFINITION, VERSION
from trellis_process.http.problems import finding_as_json
from trellis_process.http.router import Router

if TYPE_CHECKING:
    from trellis_process.commands import MakeEngine
    from trellis_process.definitions.catalog import DefinitionCatalog

YAML = "application/yaml"


def _check_document(field: str, value: object) -> object:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(field, value, "allowed is a definition as text: YAML or JSON")
    return value


def _check_status(field: str, value: object) -> DefinitionStatus:
    try:
        return DefinitionStatus(str(value))
    except ValueError as error:
        allowed = f"allowed are {', '.join(DefinitionStatus)}"
        raise InvalidInput(field, value, allowed) from error


class Register(Body):
    """A version of a definition to register."""

    document: Annotated[str, Field(min_length=1), checked(_check_document)] = Field(
        description="The definition as text: YAML, of which JSON is a part."
    )
    strict: bool = Field(
        False, description="Whether what is merely doubtful is refused like an error."
    )


class SetDefinitionStatus(Body):
    """What a version is there for from now on."""

    status: Annotated[DefinitionStatus, checked(_check_status)] = Field(
        description="`active`: processes of it are started; `draining`: those that are open go on, "
        "and no other is started; `archived`: none is open."
    )


def add_definition_routes(router: Router, engine: MakeEngine) -> None:
    """The routes of definitions."""

    def catalog() -> DefinitionCatalog:
        from trellis_process.definitions.catalog import DefinitionCatalog  # brings the engine

        found = engine().definitions
        assert isinstance(found, DefinitionCatalog), "it is what an API is built with"
        return found

    @router.post(
        DEFINITIONS,
        operation_id="register",
        summary="Register a version of a definition",
        tags=["definitions"],
    )
    def register(body: Annotated[Register, InBody()]) -> Response[str]:
        from trellis_process.definitions.reading import examine_yaml

        reading = examine_yaml(body.document, strict=body.strict)
        definition = reading.or_refused()
        is_known = catalog().registry.has(definition.process, definition.version)
        catalog().registry.add(definition)
        engine().follow_schedules(definition.process)
        status = catalog().registry.versions(definition.process).statuses[definition.version]
        registered = {
            "name": definition.process,
            "version": definition.version,
            "status": status.value,
            "warnings": [finding_as_json(each) for each in reading.findings],
        }
        return Response(200 if is_known else 201, JSON, json_text(registered))

    @router.get(
        DEFINITIONS,
        operation_id="list_definitions",
        summary="List the names of definitions",
        tags=["definitions"],
    )
    def list_definitions(limit: NameLimit = MAX_PAGE, cursor: NameCursor = None) -> Response[str]:
        router.asked.refuse_unknown_parameters("limit", "cursor")
        page = catalog().registry.names(limit=limit, cursor=cursor)
        more = {} if page.cursor is None else {"cursor": page.cursor}
        return Response(200, JSON, json_text({"names": page.names, **more}))

    @router.get(
        DEFINITION,
        operation_id="get_definition_versions",
        summary="Get the versions of a definition",
        tags=["definitions"],
    )
    def get_definition_versions(definition: DefinitionName) -> Response[str]:
        versions = catalog().registry.versions(definition)
        return _versions_answer(versions, catalog().registry.count_open(definition))

    @router.get(
        f"{DEFINITION}/diff",
        operation_id="diff_definition",
        summary="Compare two versions of a definition",
        tags=["definitions"],
    )
    def diff_definition(
        definition: DefinitionName, from_version: FromVersion, to_version: ToVersion
    ) -> Response[str]:
        from trellis_process.definitions.difference import differences

        router.asked.refuse_unknown_parameters("from", "to")
        registry = catalog().registry
        before = registry.get(definition, from_version)
        after = registry.get(definition, to_version)
        told = {
            "name": definition,
            "from_version": from_version,
            "to_version": to_version,
            "changes": [each.as_json() for each in differences(before, after)],
        }
        return Response(200, JSON, json_text(told))

    @router.get(
        VERSION,
        operation_id="get_definition",
        summary="Get a version of a definition",
        tags=["definitions"],
    )
    def get_definition(
        definition: DefinitionName, version: DefinitionVersion, accept: Accept = None
    ) -> Response[str]:
        from trellis_process.definitions.writing import to_dict, to_yaml

        found = catalog().registry.get(definition, version)
        if accept is not None and YAML in accept.lower():
            return Response(200, YAML, to_yaml(found))
        return Response(200, JSON, json_text(to_dict(found)))

    @router.post(
        f"{VERSION}/status",
        operation_id="set_definition_status",
        summary="Drain, archive or activate a version",
        tags=["definitions"],
    )
    def set_definition_status(
        definition: DefinitionName,
        version: DefinitionVersion,
        body: Annotated[SetDefinitionStatus, InBody()],
    ) -> Response[str]:
        catalog().registry.set_status(definition, version, body.status)
        engine().follow_schedules(definition)
        return get_definition_versions(definition)

    @router.get(
        TENANTS_DEFINITION,
        operation_id="count_open",
        summary="Count open processes of a definition in a tenant",
        tags=["definitions"],
    )
    def count_open(tenant_id: TenantId, definition: DefinitionName) -> Response[str]:
        versions = catalog().registry.versions(definition)
        return _versions_answer(versions, engine().count_open(tenant_id, definition))


def _versions_answer(
    versions: DefinitionVersions,
    open_by_version: Mapping[int, int] | Mapping[int | None, int] | None,
) -> Response[str]:
    listed: list[dict[str, Any]] = []
    for version, status in versions.statuses.items():
        said: dict[str, Any] = {"version": version, "status": status.value}
        if open_by_version is not None:
            said["open"] = open_by_version.get(version, 0)
        listed.append(said)
    told: dict[str, Any] = {"name": versions.name, "versions": listed}
    if versions.newest is not None:
        told["newest"] = versions.newest
    return Response(200, JSON, json_text(told))
