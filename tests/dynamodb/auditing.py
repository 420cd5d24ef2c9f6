"""What tests of the audit share: a process to audit, and an index that does not tell the truth."""

from __future__ import annotations

from typing import Any

from trellis_process import Process, ProcessService, ProcessStep
from trellis_process.dynamodb import Table


def start(service: ProcessService, number: int = 1, tenant_id: str = "tenant-1") -> Process:
    return service.start_process(
        tenant_id=tenant_id,
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id=f"ref-{number}",
        steps=[
            ProcessStep(name="create", timeout_ms=30_000 + number, retries_permitted=1),
            ProcessStep(name="tell"),
        ],
        auto_start_steps=True,
    )


class LyingIndex:
    """What reads of one index answer, changed: entries that are not there, or no longer."""

    def __init__(self, table: Table, index: str) -> None:
        self._index = index
        self._client = table._connection.connection.client
        #: Entries that the index shows on top, and keys of those that it does not show.
        self.added: list[dict[str, Any]] = []
        self.hidden: set[str] = set()
        for operation in ("Scan", "Query"):
            events = self._client.meta.events
            events.register(f"before-parameter-build.dynamodb.{operation}", self._asked)
            events.register(f"after-call.dynamodb.{operation}", self._answered)

    def _asked(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["index"] = params.get("IndexName")

    def _answered(self, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if context["index"] == self._index:
            shown = [item for item in parsed["Items"] if item["pk"]["S"] not in self.hidden]
            parsed["Items"] = shown + self.added
