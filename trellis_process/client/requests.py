"""Requests: what goes to the step API for each call, refused here where the tracker would."""

from __future__ import annotations

import re
from typing import Any

from trellis_process.application.keys import OnDuplicate
from trellis_process.application.start_request import MAX_KEY_CHARACTERS
from trellis_process.domain.limits import (
    MAX_ACTOR_CHARACTERS,
    MAX_ATTEMPT,
    MAX_CODE_CHARACTERS,
    MAX_ERROR_CHARACTERS,
    MAX_NAME_CHARACTERS,
    MAX_OUTPUT_BYTES,
    MAX_REASON_CHARACTERS,
    MAX_RESUMPTIONS,
    JsonValue,
    check_aggregate_id,
    check_json,
    check_metadata,
    check_name,
    check_optional_text,
    check_text,
    check_whole_number,
)
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import InvalidInput

MAX_VERSION = 10**15  # what an entity tag of the step API holds
MAX_DEFINITION_VERSION = 2**31 - 1

_KEY = re.compile(rf"(?! )[ -~]{{1,{MAX_KEY_CHARACTERS}}}(?<! )")
_NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def processes_path(tenant_id: str) -> str:
    """Where a tenant's processes are; a name has no character that a path would need to encode."""
    return f"/tenants/{check_name('tenant_id', tenant_id)}/processes"


def batch_path(tenant_id: str) -> str:
    """Where a tenant's batches are run."""
    return f"/tenants/{check_name('tenant_id', tenant_id)}/batch"


def process_path(process: Process | ProcessKey) -> str:
    """Where a process is."""
    process_id = check_name("process_id", process.process_id)
    return f"{processes_path(process.tenant_id)}/{process_id}"


def definitions_path() -> str:
    """Where the definitions of the stack are."""
    return "/definitions"


def definition_path(name: str, version: int | None = None) -> str:
    """Where a definition is, or one version of it."""
    path = f"{definitions_path()}/{check_name('definition', name)}"
    return path if version is None else f"{path}/versions/{definition_version(version)}"


def tenants_definition_path(tenant_id: str, name: str) -> str:
    """Where a tenant's processes of a definition are started and counted."""
    tenant_id = check_name("tenant_id", tenant_id)
    return f"/tenants/{tenant_id}/definitions/{check_name('definition', name)}"


def definition_version(number: int) -> int:
    """The number of a version of a definition."""
    return check_whole_number("version", number, 1, MAX_DEFINITION_VERSION)


def start_by_name_body(
    *,
    input: dict[str, JsonValue] | None,
    key: str,
    on_duplicate: OnDuplicate,
    version: int | None,
    aggregate_type: str | None,
    aggregate_id: str | None,
    metadata: dict[str, JsonValue] | None,
    reason: str | None,
) -> dict[str, Any]:
    """The body that asks for a process of a definition."""
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        allowed = f"allowed is text of 1 to {MAX_KEY_CHARACTERS} characters"
        raise InvalidInput("key", key, allowed)
    return _without_none(
        input=check_json("input", input, MAX_OUTPUT_BYTES),
        key=key,
        on_duplicate=None if on_duplicate == "return_existing" else on_duplicate,
        version=None if version is None else definition_version(version),
        aggregate_type=None
        if aggregate_type is None
        else check_name("aggregate_type", aggregate_type),
        aggregate_id=None
        if aggregate_id is None
        else check_aggregate_id("aggregate_id", aggregate_id),
        metadata=check_metadata("metadata", metadata) or None,
        reason=check_optional_text("reason", reason, MAX_REASON_CHARACTERS),
    )


def signal_body(
    signal: str, payload: JsonValue, signal_id: str | None, reason: str | None
) -> dict[str, Any]:
    """The body that gives a process a signal."""
    return _without_none(
        signal=check_name("signal", signal),
        payload=check_json("payload", payload, MAX_OUTPUT_BYTES),
        signal_id=None if signal_id is None else check_name("signal_id", signal_id),
        reason=check_optional_text("reason", reason, MAX_REASON_CHARACTERS),
    )


def signal_by_key_body(
    key: str, signal: str, payload: JsonValue, signal_id: str | None, reason: str | None
) -> dict[str, Any]:
    """The body that gives the process of a key a signal."""
    return {
        "key": check_aggregate_id("key", key),
        **signal_body(signal, payload, signal_id, reason),
    }


def person(field: str, name: str) -> str:
    """Whose a task becomes."""
    return check_text(field, name, MAX_ACTOR_CHARACTERS)


def start_body(asked: Process, *, auto_start_steps: bool, reason: str | None) -> dict[str, Any]:
    """The body that asks for a process like this one."""
    return _without_none(
        process_type=asked.process_type,
        aggregate_type=asked.aggregate_type,
        aggregate_id=asked.aggregate_id,
        steps=[_step_to_start(step) for step in asked.steps.values()],
        metadata=asked.metadata or None,
        timeout_ms=asked.timeout_ms,
        auto_start_steps=auto_start_steps or None,
        reason=reason,
    )


def start_headers(idempotency_key: str) -> dict[str, str]:
    """The header by which a repeated start is known.

    Raises InvalidInput for what a header does not carry unchanged.
    """
    if not isinstance(idempotency_key, str) or not _KEY.fullmatch(idempotency_key):
        raise InvalidInput(
            "idempotency_key",
            idempotency_key,
            f"allowed over HTTP are 1 to {MAX_KEY_CHARACTERS} printable ASCII characters, "
            "without space at either end",
        )
    return {"Idempotency-Key": idempotency_key}


def report_body(
    *,
    attempt: int | None = None,
    reason: str | None = None,
    output: JsonValue = None,
    **said: JsonValue,
) -> dict[str, Any]:
    """The body of a report; what is None is left out."""
    return _without_none(
        attempt=None if attempt is None else check_whole_number("attempt", attempt, 1, MAX_ATTEMPT),
        output=check_json("output", output, MAX_OUTPUT_BYTES),
        **said,
        reason=check_optional_text("reason", reason, MAX_REASON_CHARACTERS),
    )


def outcome(name: str | None) -> str | None:
    """What a person chose in a human task."""
    return check_optional_text("outcome", name, MAX_NAME_CHARACTERS)


def code(of_error: str | None) -> str | None:
    """What kind of error made an attempt fail."""
    return check_optional_text("code", of_error, MAX_CODE_CHARACTERS)


def resumption(number: int, *, least: int) -> int:
    """Which resumption of a step is meant."""
    return check_whole_number("resumption", number, least, MAX_RESUMPTIONS)


def readable_error(error: str) -> str:
    """An error as the tracker takes it: cut to its limit, unprintable characters written out."""
    if isinstance(error, str):
        error = _NOT_IN_TEXT.sub(lambda found: ascii(found[0])[1:-1], error)
        error = error.encode("utf-8", "backslashreplace").decode()
        if len(error) > MAX_ERROR_CHARACTERS:
            error = error[: MAX_ERROR_CHARACTERS - 1] + "…"
    return check_text("error", error, MAX_ERROR_CHARACTERS)


def precondition(expected_version: int | None) -> dict[str, str]:
    """The header with which a change is made on that version or not at all."""
    if expected_version is None:
        return {}
    version = check_whole_number("expected_version", expected_version, 0, MAX_VERSION)
    return {"If-Match": f'"{version}"'}


def listing_query(process_type: str | None, state: ProcessState | None) -> dict[str, str]:
    """The filters of a listing."""
    query: dict[str, str] = {}
    if process_type is not None:
        query["process_type"] = check_name("process_type", process_type)
    if state is not None:
        query["state"] = _check_state(state).value
    return query


def _check_state(state: str) -> ProcessState:
    try:
        return ProcessState(state)
    except ValueError:
        allowed = ", ".join(ProcessState)
        raise InvalidInput("state", state, f"allowed is one of {allowed}") from None


def _step_to_start(step: ProcessStep) -> dict[str, Any]:
    return _without_none(
        name=step.name,
        timeout_ms=step.timeout_ms,
        retries_permitted=step.retries_permitted or None,
    )


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
