"""A model on Amazon Bedrock, asked through its Converse API."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any, Protocol

from trellis_process.domain.limits import JsonValue
from trellis_process.errors import InvalidInput
from trellis_process.extras import from_extra
from trellis_process.intents.model import Question, Reply, Stop
from trellis_process.worker.endings import Failed, Fatal, RetryAfter

TIMEOUT = timedelta(minutes=1)
THROTTLED_SECONDS = (10.0, 60.0)  # drawn between these, so that not all come again at once

#: The tool by which a reply is given that has to fit a schema.
TOOL = "reply"

#: Why Converse says that a model stopped.
STOPS = {
    "end_turn": Stop.END,
    "stop_sequence": Stop.END,
    "tool_use": Stop.END,
    "max_tokens": Stop.CUT_OFF,
    "model_context_window_exceeded": Stop.CUT_OFF,
    "guardrail_intervened": Stop.REFUSED,
    "content_filtered": Stop.REFUSED,
    "refusal": Stop.REFUSED,
    "malformed_model_output": Stop.MALFORMED,
    "malformed_tool_use": Stop.MALFORMED,
}


class ConverseClient(Protocol):
    """The part of a ``bedrock-runtime`` client, of botocore or boto3, that is used here."""

    def converse(self, **request: Any) -> Any:
        """Asks a model. Raises what botocore raises."""


class BedrockModel:
    """A Model on Bedrock: the id of a model, of an inference profile, or the ARN of either.

    A reply that has to fit a schema is asked for as the input of a tool that the model must use,
    so the model has to be one that takes ``toolChoice``. Nothing is tried again here. ``timeout``
    is how long one reply may take; let the step's be longer. ``guardrail`` is a guardrail's id and
    version. ``region`` is the function's own unless given. ``client`` is a ``bedrock-runtime``
    client of your own, whose settings then count; otherwise one is made with the first question.

    The function's role needs ``bedrock:InvokeModel`` on the model, with a guardrail
    ``bedrock:ApplyGuardrail`` on that.

    Raises InvalidInput for a timeout that is not above nothing.
    """

    def __init__(
        self,
        model_id: str,
        *,
        region: str | None = None,
        timeout: timedelta = TIMEOUT,
        guardrail: tuple[str, str] | None = None,
        client: ConverseClient | None = None,
    ) -> None:
        if timeout <= timedelta():
            raise InvalidInput("timeout", timeout, "allowed is a timedelta above nothing")
        self.model_id = model_id
        self._region = region
        self._timeout = timeout
        self._guardrail = guardrail
        self._given_client = client

    def ask(self, question: Question) -> Reply:
        """As Model.ask."""
        with from_extra("intents", "BedrockModel"):
            from botocore.exceptions import BotoCoreError, ClientError

        schema, is_wrapped = _tool_schema(question.output_schema or {})
        request = self._request(question, schema)
        try:
            answer = self._client.converse(**request)
        except ClientError as error:
            raise _failure(error.response, self.model_id) from error
        except BotoCoreError as error:
            raise _not_sent(error, self.model_id) from None  # it may repeat what was given
        usage = answer.get("usage", {})
        reason = answer["stopReason"]
        content = answer.get("output", {}).get("message", {}).get("content", [])
        return Reply(
            text=_text(content, is_wrapped=is_wrapped),
            stop=STOPS.get(reason, Stop.REFUSED),  # a later word, which is told
            stop_reason=reason,
            model=self.model_id,
            input_tokens=usage.get("inputTokens"),
            output_tokens=usage.get("outputTokens"),
            latency_ms=answer.get("metrics", {}).get("latencyMs"),
        )

    @cached_property
    def _client(self) -> ConverseClient:
        if self._given_client is not None:
            return self._given_client
        from botocore.config import Config
        from botocore.session import Session

        config = Config(
            read_timeout=self._timeout.total_seconds(),
            retries={"mode": "standard", "total_max_attempts": 1},
        )
        client: Any = Session().create_client(
            "bedrock-runtime", region_name=self._region, config=config
        )
        made: ConverseClient = client
        return made

    def _request(self, question: Question, schema: Mapping[str, Any]) -> dict[str, Any]:
        request: dict[str, Any] = {
            "modelId": self.model_id,
            "system": [{"text": question.system}],
            "messages": [{"role": "user", "content": [{"text": question.message}]}],
            "inferenceConfig": {"maxTokens": question.max_tokens},
        }
        if question.temperature is not None:
            request["inferenceConfig"]["temperature"] = question.temperature
        if question.output_schema is not None:
            tool = {
                "name": TOOL,
                "description": "Takes the reply. It has to fit the schema.",
                "inputSchema": {"json": schema},
            }
            request["toolConfig"] = {
                "tools": [{"toolSpec": tool}],
                "toolChoice": {"any": {}},  # to name the only one, fewer models allow
            }
        if self._guardrail is not None:
            identifier, version = self._guardrail
            request["guardrailConfig"] = {
                "guardrailIdentifier": identifier,
                "guardrailVersion": version,
            }
        return request


def _tool_schema(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """A schema as a tool takes it, whose input is an object, and whether that is around it."""
    told = schema.get("type")
    if told == "object":
        return schema, False
    if told is None and "properties" in schema:
        return {"type": "object", **schema}, False
    within = f"#/properties/{TOOL}"
    around = {"type": "object", "properties": {TOOL: _moved(schema, within)}, "required": [TOOL]}
    return around, True


def _moved(schema: Any, to: str) -> Any:
    """A schema that stands elsewhere now, so that what refers to its parts does so there."""
    if isinstance(schema, list):
        return [_moved(each, to) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        name: to + member.removeprefix("#")
        if name == "$ref" and isinstance(member, str)
        else _moved(member, to)
        for name, member in schema.items()
    }


def _text(content: list[dict[str, Any]], *, is_wrapped: bool) -> str:
    """What was replied: what the tool was given, else the text, without any thoughts before it."""
    for block in content:
        if "toolUse" in block:
            given: JsonValue = block["toolUse"]["input"]
            if is_wrapped and isinstance(given, dict) and TOOL in given:
                given = given[TOOL]
            return json.dumps(given, ensure_ascii=False)
    return "".join(block.get("text", "") for block in content)


def _not_sent(error: Exception, model_id: str) -> Failed:
    """What becomes of an attempt of which Bedrock has said nothing."""
    from botocore.exceptions import (
        InvalidRegionError,
        NoCredentialsError,
        NoRegionError,
        ParamValidationError,
        PartialCredentialsError,
    )

    if isinstance(error, NoRegionError | InvalidRegionError):
        why = "Bedrock has no such region: set AWS_DEFAULT_REGION, or give BedrockModel a region"
        return Fatal(why, code="not_configured")
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        why = "Bedrock cannot be asked without credentials: give the program a role, or AWS's keys"
        return Fatal(why, code="not_configured")
    if isinstance(error, ParamValidationError):
        why = f"what model {model_id!r} was asked is no request that Bedrock takes"
        return Fatal(why, code="request_invalid")
    why = f"model {model_id!r} did not answer: {type(error).__name__}"
    return Failed(why, code="model_unavailable")


def _failure(response: Mapping[str, Any], model_id: str) -> Failed:
    """What becomes of an attempt that Bedrock answered with an error."""
    name: str = response["Error"]["Code"]
    status: int = response["ResponseMetadata"]["HTTPStatusCode"]
    told = f"model {model_id!r}: {name}: {response['Error'].get('Message', '')}"
    if status == 429:  # ThrottlingException, ModelNotReadyException
        return RetryAfter(random.uniform(*THROTTLED_SECONDS), told, code="model_throttled")
    if status >= 500 or status in (408, 424) or name == "ExpiredTokenException":
        return Failed(told, code="model_unavailable")
    if status in (401, 403):
        advice = "; its role needs bedrock:InvokeModel on the model, and the account access to it"
        return Fatal(told + advice, code="model_denied")
    if status == 404:
        return Fatal(told, code="unknown_model")
    return Fatal(told, code="request_invalid")
