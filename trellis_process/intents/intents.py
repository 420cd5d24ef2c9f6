"""Intents: what models are asked to do, by name, and how a reply becomes a step's output."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from trellis_process.domain.limits import (
    MAX_OUTPUT_BYTES,
    JsonValue,
    check_json,
    check_name,
    check_whole_number,
)
from trellis_process.errors import InvalidInput, TooLarge
from trellis_process.extras import from_extra
from trellis_process.intents.model import Model, Question, Reply, Stop
from trellis_process.nearest import what_there_is
from trellis_process.worker.context import StepContext
from trellis_process.worker.endings import Failed, Fatal

logger = logging.getLogger(__name__)

MAX_TOKENS = 4_096  # unless an intent says otherwise; about half of what an output can hold
MOST_TOKENS = 1_000_000
_TOLD_MISFITS = 5

Instructions: TypeAlias = str | Callable[[Mapping[str, JsonValue]], str]
"""What a model is to do, or a function of the inputs that says so."""


@dataclass(frozen=True)
class _Intent:
    """One of the things that models are asked to do."""

    name: str
    instructions: Instructions
    model: Model | None
    max_tokens: int
    temperature: float | None


class Intents:
    """The intents of a program, and the models that it lets definitions use.

    ``model`` is asked unless an intent has one of its own. ``models`` are those that the steps of
    definitions may ask for instead, by the names that they use for them: no others, for whoever
    writes a definition does not pay for them.

    Raises InvalidInput for a model's name that is not text.
    """

    def __init__(self, model: Model, *, models: Mapping[str, Model] | None = None) -> None:
        self._model = model
        self._models = dict(models or {})
        self._intents: dict[str, _Intent] = {}
        for name in self._models:
            if not isinstance(name, str) or not name:
                raise InvalidInput("models", name, "allowed are names as definitions have them")

    def add(
        self,
        name: str,
        instructions: Instructions,
        *,
        model: Model | None = None,
        max_tokens: int = MAX_TOKENS,
        temperature: float | None = None,
    ) -> None:
        """Adds an intent, which the steps of definitions name.

        ``instructions`` say what is to be done, or are a function of the step's inputs that says
        it. The inputs go to the model apart from them, as data; let the function choose by them,
        and not repeat what is written in them. A reply is cut off after ``max_tokens`` (4,096
        unless said, to 1,000,000). ``temperature`` is 0 to 1; unless said the model's own.

        Raises InvalidInput for what is not as allowed, ValueError for an intent that is there
        already.
        """
        check_name("name", name)
        if name in self._intents:
            raise ValueError(f"intent {name!r} is there already")
        if not callable(instructions) and not _is_text(instructions):
            allowed = "allowed is text, or a function of the inputs that returns it"
            raise InvalidInput("instructions", instructions, allowed)
        check_whole_number("max_tokens", max_tokens, 1, MOST_TOKENS)
        if temperature is not None and not _is_temperature(temperature):
            raise InvalidInput("temperature", temperature, "allowed is a number from 0 to 1")
        self._intents[name] = _Intent(name, instructions, model, max_tokens, temperature)

    def answer(self, ctx: StepContext) -> JsonValue:
        """Does the work of an ``llm_intent`` step: its output is what the model replies.

        That is JSON that fits the step's ``output_schema``, or without one ``{"text": …}``.

        Raises Fatal for an intent that is not here and a model that is not allowed; Failed for a
        reply that is not as it has to be, and what the model raises.
        """
        intent = self._intent(ctx.input.get("intent"))
        model = self._model_for(intent, ctx.input.get("model"))
        inputs = ctx.input.get("inputs") or {}
        question = Question(
            intent=intent.name,
            instructions=_instructions_for(intent, inputs),
            inputs=inputs,
            output_schema=_checked_schema(ctx.input.get("output_schema")),
            max_tokens=intent.max_tokens,
            temperature=intent.temperature,
        )
        reply = model.ask(question)
        _tell_usage(ctx, intent, reply)
        return _output_of(reply, question)

    def _intent(self, name: Any) -> _Intent:
        if not isinstance(name, str) or name not in self._intents:
            raise Fatal(
                f"there is no intent {name!r}{what_there_is(name, self._intents)}; "
                f"add it with Intents.add({name!r}, …)",
                code="unknown_intent",
            )
        return self._intents[name]

    def _model_for(self, intent: _Intent, name: str | None) -> Model:
        """The one that the step names, else the intent's, else that of all."""
        if name is None:
            return intent.model or self._model
        if name not in self._models:
            raise Fatal(
                f"a definition may not use model {name!r}{what_there_is(name, self._models)}; "
                "Intents(models=…) says which",
                code="model_not_allowed",
            )
        return self._models[name]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_temperature(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _instructions_for(intent: _Intent, inputs: Mapping[str, JsonValue]) -> str:
    if isinstance(intent.instructions, str):
        return intent.instructions
    made = intent.instructions(inputs)
    if not _is_text(made):
        raise Fatal(
            f"the function that gives the instructions of intent {intent.name!r} returned "
            f"{type(made).__name__}; allowed is text that is not empty",
            code="instructions_invalid",
        )
    return made


def _checked_schema(schema: Any) -> Mapping[str, Any] | None:
    """What the reply has to fit, if anything; checked before the question costs something."""
    if not schema:
        return None
    from trellis_process.definitions.input_schema import check_schema

    try:
        with from_extra("intents", "checking a reply"):
            check_schema(schema)
    except InvalidInput as error:  # no definition is registered with one
        raise Fatal(f"output_schema is no schema: {error}", code="schema_invalid") from error
    checked: Mapping[str, Any] = schema
    return checked


def _tell_usage(ctx: StepContext, intent: _Intent, reply: Reply) -> None:
    """What was asked and what it took: nothing of the question, nothing of the reply."""
    logger.info(
        "asked a model",
        extra={
            "tenant_id": ctx.process.tenant_id,
            "process_id": ctx.process.process_id,
            "step_name": ctx.step_name,
            "attempt": ctx.attempt,
            "intent": intent.name,
            "model": reply.model,
            "stop": str(reply.stop),
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
            "latency_ms": reply.latency_ms,
        },
    )


def _output_of(reply: Reply, question: Question) -> JsonValue:
    """The reply as the step's output. Raises Failed, with a code, for one that is of no use.

    The texts say nothing of what was replied, because they are logged.
    """
    why = "" if reply.stop_reason is None else f" ({reply.stop_reason})"
    if reply.stop is Stop.CUT_OFF:
        raise Failed(
            f"the reply was cut off{why}; intent {question.intent!r} allows "
            f"{question.max_tokens:,} tokens: ask for less, or allow more with max_tokens",
            code="reply_cut_off",
        )
    if reply.stop is Stop.REFUSED:
        raise Failed(f"the model did not reply{why}", code="reply_refused")
    if reply.stop is Stop.MALFORMED:
        raise Failed(f"the model's reply cannot be read{why}", code="reply_malformed")
    if question.output_schema is None:
        return _within_limits({"text": reply.text})
    value = _within_limits(_read(reply.text))
    _check_fit(value, question.output_schema)
    return value


def _read(text: str) -> JsonValue:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # Without its cause, which holds the text.
        raise Failed("the reply is no JSON", code="reply_malformed") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _within_limits(value: JsonValue) -> JsonValue:
    try:
        return check_json("reply", value, MAX_OUTPUT_BYTES)
    except TooLarge as error:
        raise Failed(
            f"the reply is too large: {error.given}, allowed are {MAX_OUTPUT_BYTES:,}; ask for "
            "less, or for a summary",
            code="reply_too_large",
        ) from None
    except InvalidInput:
        raise Failed(
            "the reply holds what no step can: numbers of too many digits, too deep nesting, or "
            "half of a character",
            code="reply_malformed",
        ) from None


def _check_fit(value: JsonValue, schema: Mapping[str, Any]) -> None:
    from trellis_process.definitions.input_schema import misfits

    found = misfits(schema, value)
    if found:
        told = ", ".join(found[:_TOLD_MISFITS])
        more = f" and {len(found) - _TOLD_MISFITS} more" if len(found) > _TOLD_MISFITS else ""
        raise Failed(
            f"the reply does not fit output_schema: it breaks {told}{more}", code="reply_unfit"
        )
