"""The HTTP API, operation by operation, from its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from trellis_site.schemas import Described, Schema, as_block, cell

Json = dict[str, Any]


def of_document(document: Json) -> str:
    """Every operation under its tag, then what refuses a request, then the schemas."""
    return "\n".join(_Reference(document).parts())


class _Reference:
    def __init__(self, document: Json) -> None:
        self._document = document
        self._schemas: dict[str, Schema] = document["components"]["schemas"]
        self._described = Described(self._schemas, "http")

    def parts(self) -> Iterator[str]:
        yield f"{self._document['info']['description']}\n"
        for tag in self._document["tags"]:
            yield f"## {tag['name'].capitalize()}\n\n{tag['description']}\n"
            for method, path, operation in self._operations(tag["name"]):
                yield from self._operation(method, path, operation)
        yield "## Schemas\n\nWhat bodies and answers are made of.\n"
        for name in self._schemas:
            yield f"{self._described.heading(name, 3)}\n{self._described.body(name)}"

    def _operations(self, tag: str) -> Iterator[tuple[str, str, Json]]:
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if tag in operation["tags"]:
                    yield method.upper(), path, operation

    def _operation(self, method: str, path: str, operation: Json) -> Iterator[str]:
        yield f"(http-operation-{operation['operationId'].lower()})=\n### {operation['summary']}\n"
        yield f"```http\n{method} {path} HTTP/1.1\n```\n"
        yield f"{operation.get('description', '')}\n"
        if parameters := operation.get("parameters"):
            yield from self._parameters(parameters)
        if body := operation.get("requestBody"):
            yield from self._body(body)
        yield from self._answers(operation["responses"])

    def _parameters(self, parameters: list[Json]) -> Iterator[str]:
        yield "**Parameters**\n"
        yield "| name | in | type | meaning |\n| --- | --- | --- | --- |"
        for each in parameters:
            meaning = cell(("**Required.** " if each["required"] else "") + each["description"])
            kind = self._described.type_of(each["schema"])
            yield f"| `{each['name']}` | {each['in']} | {kind} | {meaning} |"
        yield ""

    def _body(self, body: Json) -> Iterator[str]:
        (kind, content), *_ = body["content"].items()
        need = "Required" if body.get("required") else "May be left out"
        yield f"**Body**: {self._described.type_of(content['schema'])}, as `{kind}`. {need}.\n"
        yield f"{self._described.of(content['schema'])}" if "$ref" in content["schema"] else ""
        for example in _examples(content):
            yield as_block(example)

    def _answers(self, responses: Json) -> Iterator[str]:
        yield "**Answers**\n"
        yield "| status | meaning | body | headers |\n| --- | --- | --- | --- |"
        shown = []
        for status, response in sorted(responses.items()):
            told = self._resolved(response)
            bodies = [
                self._described.type_of(content["schema"])
                for content in told.get("content", {}).values()
            ]
            headers = ", ".join(f"`{name}`" for name in told.get("headers", {}))
            phrase = HTTPStatus(int(status)).phrase
            yield (
                f"| {status} {phrase} | {cell(told['description'])} "
                f"| {' or '.join(bodies)} | {headers} |"
            )
            if status.startswith("2"):
                for content in told.get("content", {}).values():
                    shown += [(status, phrase, example) for example in _examples(content)]
        yield ""
        for status, phrase, example in shown:
            text = json.dumps(example, indent=2, ensure_ascii=False)
            head = f"HTTP/1.1 {status} {phrase}\nContent-Type: application/json"
            yield f"```http\n{head}\n\n{text}\n```\n"

    def _resolved(self, response: Json) -> Json:
        if "$ref" not in response:
            return response
        found: Json = self._document["components"]["responses"][response["$ref"].rsplit("/", 1)[-1]]
        return found


def _examples(content: Json) -> list[Any]:
    """The examples of a body, however they are given."""
    if "example" in content:
        return [content["example"]]
    return [each["value"] for each in content.get("examples", {}).values()]
