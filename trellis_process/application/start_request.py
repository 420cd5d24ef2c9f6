"""A request to start a process: its id, and what makes two requests the same."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid

from trellis_process.domain.limits import check_text
from trellis_process.domain.process import Process
from trellis_process.errors import InvalidInput

MAX_KEY_CHARACTERS = 256
FINGERPRINT_BYTES = 16  # as unlikely to meet twice as a random UUID

_IDS_BY_KEY = uuid.UUID("6e1f5a0c-5a41-4f3b-9d0e-7c2b6a8f4d13")


def random_process_id() -> str:
    """An id that no other process has."""
    return str(uuid.uuid4())


def process_id_for(tenant_id: str, idempotency_key: str, *, definition: str = "") -> str:
    """The id that this tenant's key always leads to, so that the id itself finds the repeat.

    With a definition the key is one among those of that definition alone. Raises InvalidInput for
    a key that is empty or too long.
    """
    check_text("idempotency_key", idempotency_key, MAX_KEY_CHARACTERS)
    if not idempotency_key:
        raise InvalidInput("idempotency_key", idempotency_key, "allowed is text, not empty")
    # No name has a line break, so no key of one kind means the same as one of the other.
    told = [tenant_id, definition, idempotency_key] if definition else [tenant_id, idempotency_key]
    return str(uuid.uuid5(_IDS_BY_KEY, "\n".join(told)))


def fingerprint(process: Process, *, auto_start_steps: bool) -> str:
    """What is the same for two requests that ask for the same process, and for no others."""
    asked = [
        process.process_type,
        process.aggregate_type,
        process.aggregate_id,
        [[step.name, step.timeout_ms, step.retries_permitted] for step in process.steps.values()],
        process.metadata,
        process.timeout_ms,
        auto_start_steps,
    ]
    encoded = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(encoded.encode()).digest()[:FINGERPRINT_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
