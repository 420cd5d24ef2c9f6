"""A request as API Gateway hands it over, made safe to read whatever is in it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from trellis_process.commands.fields import field_path
from trellis_process.domain.limits import MAX_ACTOR_CHARACTERS, JsonValue
from trellis_process.errors import InvalidInput
from trellis_process.http.body import read_body


class ApiRequest(APIGatewayProxyEventV2):
    """One request to an HTTP API (payload format 2.0), as Powertools reads it.

    Anything may stand in an event; what is missing or of another type than API Gateway sends
    reads as empty, so that the answer is a 4xx.
    """

    def __init__(self, event: object) -> None:
        raw = _mapping(event)
        context = _mapping(raw.get("requestContext"))
        headers = {
            name.lower(): value
            for name, value in _mapping(raw.get("headers")).items()
            if isinstance(value, str)
        }
        # Powertools reads a form where this header says so. The body is read here instead, as
        # nothing but JSON.
        self._content_type = headers.pop("content-type", None)
        self._authorizer = _mapping(context.get("authorizer"))
        super().__init__(
            {
                "rawPath": _text(raw.get("rawPath")),
                "rawQueryString": _text(raw.get("rawQueryString")),
                "headers": headers,
                "body": _text(raw.get("body")),
                "isBase64Encoded": raw.get("isBase64Encoded") is True,
                "requestContext": {
                    "stage": _text(context.get("stage")) or "$default",
                    "http": {"method": _text(_mapping(context.get("http")).get("method")).upper()},
                },
            }
        )

    @property
    def path(self) -> str:
        """The path without its stage, percent-decoded.

        HTTP APIs decode ``rawPath``, on the route ``$default`` as on any other: ``a%2Fb`` arrives
        as ``a/b``. Decoding here once more would let ``%2573ecret`` pass an authorisation that
        looks at the path as API Gateway does. So it is taken as it comes; no name in a path of
        ours has a character that needs encoding.
        """
        stage = self.request_context.stage
        if stage == "$default":
            return self.raw_path
        return self.raw_path.removeprefix(f"/{stage}")

    @cached_property
    def resolved_query_string_parameters(self) -> dict[str, list[str]]:
        """The query's parameters, with every value that was given.

        From the query as it was sent, which tells a comma in a value from a repeated parameter.
        """
        return parse_qs(self.raw_query_string, keep_blank_values=True)

    @cached_property
    def json_body(self) -> dict[str, JsonValue] | None:
        """The JSON object of the body, or None; raises what ``read_body`` raises."""
        return read_body(
            self.body or "",
            is_base64=bool(self.is_base64_encoded),
            content_type=self._content_type,
        )

    @property
    def actor(self) -> str | None:
        """The principal whom API Gateway authenticated: an ARN, or the subject of a JWT.

        None where nobody was authenticated; never what the caller says of itself.
        """
        iam = _mapping(self._authorizer.get("iam"))
        principal = _text(iam.get("userArn")) or _text(_mapping(self.claims).get("sub"))
        readable = principal
        if not principal.isprintable():
            readable = "".join(sign if sign.isprintable() else "�" for sign in principal)
        # The end of a long ARN tells its users apart; the beginning is the same for all.
        return readable[-MAX_ACTOR_CHARACTERS:] or None

    @property
    def claims(self) -> Mapping[str, Any] | None:
        """What the caller's JWT says, as API Gateway checked it; None for a caller without one."""
        if "jwt" not in self._authorizer:
            return None
        return _mapping(_mapping(self._authorizer["jwt"]).get("claims"))

    def refuse_unknown_parameters(self, *known: str) -> None:
        """Raises InvalidInput for a query parameter that would be passed over in silence.

        A mistyped filter must not list everything.
        """
        for name, values in self.resolved_query_string_parameters.items():
            if name not in known and not name.lower().startswith("x-amz-"):  # of a signed URL
                allowed = f"there is no such parameter; allowed are {', '.join(known)}"
                raise InvalidInput(field_path([name]) or "query", values[0], allowed)


def _mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) and all(map(_is_text, value)) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_text(value: object) -> bool:
    return isinstance(value, str)
