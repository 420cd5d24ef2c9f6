"""A caller of the API: raw events of API Gateway in, answers out, each held to the document."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jsonschema import Draft202012Validator

from trellis_process import ProcessService
from trellis_process.application.engine_service import EngineService
from trellis_process.application.job_service import JobService
from trellis_process.http import NO_OPERATION, build_api
from trellis_process.http.openapi import FILE

PRINCIPAL = "arn:aws:sts::123456789012:assumed-role/mailer/mailer"


@dataclass(frozen=True)
class Answered:
    """An answer as a caller sees it."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def findings(self) -> dict[str, str]:
        """What is wrong with a definition, by path."""
        return {finding["path"]: finding["message"] for finding in self.json["findings"]}

    @property
    def code(self) -> str:
        return str(self.json["code"])

    @property
    def refused(self) -> dict[str, str]:
        """What is allowed instead, by field."""
        return {error["field"]: error["allowed"] for error in self.json["errors"]}


class Client:
    """Sends requests as API Gateway would, and checks each answer against the OpenAPI document."""

    def __init__(
        self,
        service: ProcessService,
        engine: EngineService | None = None,
        jobs: JobService | None = None,
    ) -> None:
        self.api = build_api(
            service,
            None if engine is None else lambda: engine,
            jobs=None if jobs is None else lambda: jobs,
        )

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: dict[str, str] | list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        **more: object,
    ) -> Answered:
        event = an_event(method, path, body, query=query, headers=headers)
        return self.receive({**event, **more})

    def receive(self, event: object) -> Answered:
        """Whatever the event, there is an answer, and it is one that the document promises."""
        asked = self.api.read(event)
        answer = self.api.answer(asked)
        headers = answer.response["headers"]
        json.dumps(answer.response).encode("ascii")  # as Lambda hands it on
        check_documented(asked.operation, answer.status, headers, answer.response["body"])
        return Answered(answer.status, headers, answer.response["body"])

    def get(self, path: str, **more: Any) -> Answered:
        return self.send("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> Answered:
        return self.send("POST", path, body, **more)

    def start(self, tenant_id: str = "tenant-1", **asked: Any) -> str:
        """Starts a process; returns where it lives."""
        answered = self.post(f"/tenants/{tenant_id}/processes", a_start(**asked))
        assert answered.status == 201, answered.text
        return answered.headers["Location"]


def a_start(**asked: Any) -> dict[str, Any]:
    """A sound request to start a process of one step."""
    return {
        "process_type": "Order",
        "aggregate_type": "Order",
        "aggregate_id": "order-1",
        "steps": [{"name": "pay"}],
        **asked,
    }


def an_event(
    method: str,
    path: str,
    body: object = None,
    *,
    query: dict[str, str] | list[tuple[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """An event as an HTTP API sends it (payload format 2.0) on the route $default."""
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": {
            **({"content-type": "application/json"} if text else {}),
            **{name.lower(): value for name, value in (headers or {}).items()},
        },
        "requestContext": {
            "stage": "$default",
            "http": {"method": method, "path": path},
            "authorizer": {"iam": {"userArn": PRINCIPAL}},
        },
        "isBase64Encoded": False,
        **({"body": text} if text is not None else {}),
    }


def check_documented(operation: str, status: int, headers: dict[str, str], body: str) -> None:
    """Fails for an answer that the OpenAPI document does not promise."""
    document = _document()
    if operation == NO_OPERATION:
        assert status in (404, 405)
        promised = document["components"]["responses"]["Malformed"]  # a problem like any other
    else:
        promised = _operations()[operation]["responses"][str(status)]
        if "$ref" in promised:
            promised = document["components"]["responses"][promised["$ref"].rpartition("/")[2]]
    said = set(headers) - {"Content-Type"}
    assert said == set(promised.get("headers", {})) or (operation == NO_OPERATION)
    if "content" not in promised:
        assert body == ""
        return
    schema = promised["content"][headers["Content-Type"]]["schema"]
    if headers["Content-Type"] == "application/yaml":
        assert schema == {"type": "string"}
        return
    Draft202012Validator({**schema, "components": document["components"]}).validate(
        json.loads(body)
    )


@cache
def _document() -> Any:
    """The document, with models that take no field that they do not name."""
    document = json.loads(FILE.read_text())
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return document


@cache
def _operations() -> dict[str, Any]:
    return {
        operation["operationId"]: operation
        for path in _document()["paths"].values()
        for operation in path.values()
    }
