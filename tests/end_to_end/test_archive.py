"""The deployed archive, rights enforced: what ends reaches the bucket, by itself and by hand."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from trellis_process.local.stack import LocalStack

from ..conftest import ARCHIVE_BUCKET

SOON = 30.0  # seconds in which a change surely reaches the function; this cloud gathers no batch


class Kept:
    """What the bucket holds of one tenant."""

    def __init__(self, stack: LocalStack, tenant_id: str) -> None:
        self._s3 = stack.cloud.client("s3")
        self._folder = f"/tenant={tenant_id}/"

    def names(self) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=ARCHIVE_BUCKET, Prefix="finished/dt="
        )
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return [key for key in keys if self._folder in key]

    def lines(self) -> list[dict[str, Any]]:
        bodies = (
            self._s3.get_object(Bucket=ARCHIVE_BUCKET, Key=key)["Body"].read()
            for key in self.names()
        )
        return [json.loads(line) for body in bodies for line in gzip.decompress(body).splitlines()]

    def until(self, count: int) -> list[dict[str, Any]]:
        """The lines, once there are so many."""
        give_up_at = time.monotonic() + SOON
        while len(found := self.lines()) < count:
            assert time.monotonic() < give_up_at, found
            time.sleep(0.2)
        return sorted(found, key=lambda line: line["version"])

    def forget(self) -> None:
        for key in self.names():
            self._s3.delete_object(Bucket=ARCHIVE_BUCKET, Key=key)


@pytest.fixture
def kept(deployed_stack: LocalStack, tenant_id: str) -> Kept:
    return Kept(deployed_stack, tenant_id)


@pytest.fixture
def ask(deployed_stack: LocalStack, tenant_id: str) -> Callable[..., Any]:
    """Asks the step API for something about the tenant's processes."""

    def ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = deployed_stack.http().request(method, f"/tenants/{tenant_id}{path}", body)
        assert answer.status < 300, answer.body
        return answer.json()

    return ask


def start(ask: Callable[..., Any]) -> str:
    asked = {
        "process_type": "CaseCreation",
        "aggregate_type": "Referral",
        "aggregate_id": "ref-1",
        "steps": [{"name": "create_case"}],
    }
    return f"/processes/{ask('POST', '/processes', asked)['process_id']}"


def test_a_process_reaches_the_bucket_as_often_as_it_ends(
    kept: Kept, ask: Callable[..., Any]
) -> None:
    start(ask)  # stays open, and is not archived
    process = start(ask)
    failed = ask("POST", f"{process}/steps/create_case/fail", {"error": "no such member"})
    assert kept.until(1) == [failed]

    ask("POST", f"{process}/steps/create_case/start", {})
    completed = ask("POST", f"{process}/steps/create_case/complete", {})

    assert kept.until(2) == [failed, completed]
    (day,) = {key.split("/")[1] for key in kept.names()}
    assert day == f"dt={completed['ended_at'][:10]}"


def test_what_is_missing_from_the_bucket_is_archived_by_hand_from_the_table(
    deployed_stack: LocalStack, kept: Kept, ask: Callable[..., Any]
) -> None:
    process = start(ask)
    ended = ask("POST", f"{process}/cancel", {"reason": "withdrawn"})
    kept.until(1)
    kept.forget()
    assert kept.lines() == []

    answer = deployed_stack.cloud.client("lambda").invoke(
        FunctionName=deployed_stack.outputs["ArchiveFunctionName"],
        Payload=json.dumps({"ended_from": ended["ended_at"]}),
    )

    told = json.loads(answer["Payload"].read())
    assert told["archived"] >= 1
    assert (told["unreadable"], told["next"]) == (0, None)
    assert kept.lines() == [ended]
