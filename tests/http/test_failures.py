"""What a caller is told when the store fails, or the tracker itself."""

from __future__ import annotations

from typing import NoReturn

import pytest

from trellis_process import InMemoryProcessRepository, Process, ProcessKey, StaleProcess
from trellis_process.errors import StoreUnavailable, Throttled

from .client import Client, a_start

PROCESSES = "/tenants/tenant-1/processes"


def failing_with(error: Exception) -> object:
    def fail(*args: object, **kwargs: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "may_have_happened"),
    [
        (Throttled("table 42 is hot"), "throttled", False),
        (
            StoreUnavailable("host 42 broke off", may_have_happened=False),
            "store_unavailable",
            False,
        ),
        (StoreUnavailable("host 42 broke off", may_have_happened=True), "store_unavailable", True),
    ],
)
def test_a_store_that_fails_is_told_with_when_to_come_back_and_what_may_have_happened(
    client: Client,
    repository: InMemoryProcessRepository,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
    may_have_happened: bool,
) -> None:
    process = client.start()
    monkeypatch.setattr(repository, "save", failing_with(error))
    monkeypatch.setattr(repository, "add", failing_with(error))
    monkeypatch.setattr(repository, "page", failing_with(error))

    for answered in (
        client.post(f"{process}/cancel"),
        client.post(PROCESSES, a_start()),
        client.get(PROCESSES),
    ):
        assert (answered.status, answered.code) == (503, code)
        assert answered.headers["Retry-After"] == "1"
        assert answered.json["may_have_happened"] is may_have_happened
        assert "42" not in answered.text


def test_a_lost_race_is_told_as_such(
    client: Client, repository: InMemoryProcessRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = client.start()

    def always_stale(saved: Process) -> NoReturn:
        raise StaleProcess(repository.get(ProcessKey(saved.tenant_id, saved.process_id)))

    monkeypatch.setattr(repository, "save", always_stale)

    answered = client.post(f"{process}/cancel")

    assert (answered.status, answered.code) == (503, "lost_race")
    assert answered.json["may_have_happened"] is False


def test_a_fault_of_the_tracker_is_told_without_its_insides(
    client: Client, repository: InMemoryProcessRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "get", failing_with(KeyError("inside")))

    answered = client.get(f"{PROCESSES}/p")

    assert (answered.status, answered.code) == (500, "internal_error")
    assert "inside" not in answered.text
    assert "KeyError" not in answered.text


def test_after_a_failure_the_next_request_is_answered_as_ever(
    client: Client, repository: InMemoryProcessRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(repository, "get", failing_with(KeyError("inside")))
        client.get(f"{PROCESSES}/p")

    assert client.get(client.start()).status == 200
