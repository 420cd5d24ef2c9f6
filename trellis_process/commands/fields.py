"""Which fields of a command were refused, from what the validation reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from trellis_process.commands.refusals import InvalidRequest
from trellis_process.domain.limits import MAX_STEPS
from trellis_process.errors import Described, InvalidInput

MAX_REFUSALS = 100  # enough to mend a request by

#: What is allowed where pydantic refuses before a check of the domain is asked.
_ALLOWED = {
    "bool_type": "allowed is true or false",
    "dict_type": "allowed is a JSON object",
    "list_type": "allowed is a JSON array",
    "model_type": "allowed is a JSON object",
    "model_attributes_type": "allowed is a JSON object",
    "too_long": f"allowed are 1 to {MAX_STEPS} steps",
    "too_short": f"allowed are 1 to {MAX_STEPS} steps",
}


def refusal_of(reported: Iterable[Mapping[str, Any]], body: type[BaseModel] | None) -> InvalidInput:
    """One error for all that a validation reported; ``body`` is the model of the request's body."""
    refusals = [_refusal(each, body) for each in list(reported)[:MAX_REFUSALS]]
    return refusals[0] if len(refusals) == 1 else InvalidRequest(refusals)


def _refusal(reported: Mapping[str, Any], body: type[BaseModel] | None) -> InvalidInput:
    where, *path = reported["loc"]
    # Powertools writes the names of headers small.
    field = path[0].title() if where == "header" else field_path(path) or where
    refused = reported.get("ctx", {}).get("refused")
    if isinstance(refused, InvalidInput):
        return type(refused)(field, Described(refused.given), refused.allowed)
    given = reported["input"]
    if reported["type"] == "missing":
        return InvalidInput(field, Described("nothing"), "it is required")
    if reported["type"] == "extra_forbidden":
        known = ", ".join(_known_fields(body, path[:-1]))
        return InvalidInput(field, given, f"there is no such field; allowed are {known}")
    if isinstance(given, list | dict):
        given = Described(f"{len(given)} members")
    return InvalidInput(field, given, _ALLOWED.get(reported["type"], reported["msg"]))


def field_path(path: Iterable[str | int]) -> str:
    """A field as a path: ``steps[2].timeout_ms``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part[:64]}"
    return text.removeprefix(".").encode("utf-8", "backslashreplace").decode()


def _known_fields(model: type[BaseModel] | None, path: Iterable[str | int]) -> list[str]:
    """The fields of the model that stands at the end of a path from another one."""
    for part in path:
        if model is not None and isinstance(part, str):
            model = model_in(model.model_fields[part].annotation)
    return list(model.model_fields) if model is not None else []


def model_in(annotation: object) -> type[BaseModel] | None:
    """The model in a type such as ``list[StepToStart]``; None where there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(model_in, get_args(annotation))), None)
