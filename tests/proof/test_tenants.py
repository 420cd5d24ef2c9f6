"""A tenant learns nothing of another: what is the other's is answered as what nobody has."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from tests.proof.api_fuzz import OF_DEFINITIONS
from tests.proof.stack import Stack
from tests.proof.two_tenants import (
    COMMANDS,
    MARK,
    NOBODY,
    OPERATIONS,
    A,
    B,
    Names,
    Operation,
    Request,
    TwoTenants,
    command,
    requests,
)
from trellis_process.dynamodb.schema import Item

each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
each_command = pytest.mark.parametrize("name", sorted(COMMANDS))
UNDER_A_TENANT = [each for each in OPERATIONS if "{tenant_id}" in each.path]


@pytest.fixture
def tenants(stack: Stack) -> TwoTenants:
    return TwoTenants(stack)


@pytest.fixture
def told(
    tenants: TwoTenants, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[], str]]:
    """All that is told since the two began: lines of the log, metrics, events on the bus."""
    lines = io.StringIO()
    for handler in logging.getLogger("trellis_process").handlers:
        if isinstance(handler.formatter, LambdaPowertoolsFormatter):
            monkeypatch.setattr(handler, "stream", lines)
    tenants.stack.records.clear()
    disabled = logging.root.manager.disable
    logging.disable(logging.NOTSET)
    capsys.readouterr()

    def tell() -> str:
        answered = capsys.readouterr().out
        assert '"message"' in answered
        assert tenants.stack.publish(list(tenants.stack.records))
        published = capsys.readouterr().out
        return lines.getvalue() + answered + published + json.dumps(tenants.stack.events)

    yield tell
    logging.disable(disabled)


def both(tenants: TwoTenants, operation: Operation, tenant: str = A) -> list[tuple[str, str]]:
    """The answers to the same requests: about B's things, and about nobody's."""
    return [
        (tenants.answer(about_theirs), tenants.answer(about_nobodys))
        for about_theirs, about_nobodys in zip(
            requests(operation, tenants.theirs_by_name, tenant),
            requests(operation, tenants.nobodys_by_name, tenant),
            strict=True,
        )
    ]


def check_no_secret(tenants: TwoTenants, text: str, sent: Names | None = None) -> None:
    """Fails for a text that says anything of B's beyond the names that A sent itself."""
    text = tenants.anonymous(text, sent or {})
    found = [secret for secret in tenants.secrets if secret in text]
    assert not found, f"{found} in {text}"


@each_operation
def test_what_is_another_tenants_is_answered_as_what_nobody_has(
    tenants: TwoTenants, operation: Operation
) -> None:
    for about_theirs, about_nobodys in both(tenants, operation):
        assert about_theirs == about_nobodys
        check_no_secret(tenants, about_theirs)


@each_operation
def test_log_lines_metrics_and_events_of_a_tenant_say_nothing_of_another(
    tenants: TwoTenants, told: Callable[[], str], operation: Operation
) -> None:
    for request in requests(operation, tenants.theirs_by_name):
        tenants.answer(request)

    check_no_secret(tenants, told(), tenants.theirs_by_name)


@each_operation
def test_nothing_that_a_tenant_asks_changes_another(
    tenants: TwoTenants, operation: Operation
) -> None:
    def theirs() -> list[Item]:
        return [item for item in tenants.stack.items() if MARK in item["pk"]["S"]]

    before = theirs()

    both(tenants, operation)

    assert len(before) == 6  # four processes, a schedule and a job
    assert theirs() == before


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if "{step_name}" in each.path], ids=lambda o: o.name
)
def test_a_step_of_another_tenant_is_none_of_ones_own(
    tenants: TwoTenants, operation: Operation
) -> None:
    is_of_definition = operation.name in OF_DEFINITIONS
    process = tenants.own_approval if is_of_definition else tenants.own
    own = {"process_id": process.process_id}
    *_, about_theirs = requests(operation, tenants.theirs_by_name | own)
    *_, about_nobodys = requests(operation, tenants.nobodys_by_name | own)

    answer = tenants.answer(about_theirs)

    assert answer == tenants.answer(about_nobodys)
    assert "step_not_found" in answer
    assert ("ask" if is_of_definition else "own-step") in answer


@pytest.mark.parametrize("operation", UNDER_A_TENANT, ids=lambda each: each.name)
def test_a_token_does_not_tell_another_tenant_from_none(
    tenants: TwoTenants, operation: Operation
) -> None:
    for in_theirs, in_nobodys in zip(
        requests(operation, tenants.theirs_by_name, B),
        requests(operation, tenants.nobodys_by_name, NOBODY),
        strict=True,
    ):
        refused = tenants.answer(in_theirs, {"sub": "a", "tenant_id": A})

        assert refused == tenants.answer(in_nobodys, {"sub": "a", "tenant_id": A})
        assert "tenant_not_allowed" in refused
        check_no_secret(tenants, refused)


@each_command
@pytest.mark.parametrize("is_full", [True, False], ids=["full", "bare"])
def test_a_command_from_the_queue_about_what_is_anothers_is_refused_as_about_nothing(
    tenants: TwoTenants, name: str, is_full: bool
) -> None:
    theirs, nobodys = tenants.theirs_by_name, tenants.nobodys_by_name

    became = tenants.refusals(command(name, theirs, A, is_full=is_full), theirs)

    assert became == tenants.refusals(command(name, nobodys, A, is_full=is_full), nobodys)
    assert ("process_not_found" in became) == (name not in ("StartProcess", "Start"))
    check_no_secret(tenants, became)


@each_command
def test_a_command_of_a_batch_may_name_no_other_tenant_be_there_one_or_not(
    tenants: TwoTenants, name: str
) -> None:
    def refused(tenant: str, names: Names) -> str:
        commands = [command(name, names, tenant, is_full=True)]
        path = f"/tenants/{A}/batch"
        asked = names | {"tenant_id": tenant}
        return tenants.answer(Request("POST", path, body={"commands": commands}, names=asked))

    about_theirs = refused(B, tenants.theirs_by_name)

    assert about_theirs == refused(NOBODY, tenants.nobodys_by_name)
    assert '"field": "tenant_id"' in about_theirs
    check_no_secret(tenants, about_theirs)


def test_the_same_idempotency_key_in_two_tenants_is_two_keys(tenants: TwoTenants) -> None:
    service, theirs = tenants.stack.service, tenants.keyed[0]

    def start(tenant_id: str) -> str:
        return service.start_process(
            tenant_id=tenant_id,
            process_type=theirs.process_type,
            aggregate_type=theirs.aggregate_type,
            aggregate_id=theirs.aggregate_id,
            steps=theirs.steps.values(),
            metadata=theirs.metadata,
            auto_start_steps=True,
            idempotency_key=f"{MARK}-key-1",
        ).process_id

    own = start(A)

    assert start(A) == own != theirs.process_id
    assert start(B) == theirs.process_id
    assert service.get_process(A, own).tenant_id == A


def test_a_cursor_of_another_tenants_listing_leads_through_ones_own_only(
    tenants: TwoTenants,
) -> None:
    page = tenants.stack.service.list_processes(B, limit=1)
    assert page.cursor is not None

    found = tenants.stack.service.list_processes(A, cursor=page.cursor)

    # B's position is behind those of A, whose type comes later from Z to A.
    own = [tenants.own_approval.process_id, tenants.own.process_id]
    assert [process.process_id for process in found.processes] == own
    assert found.cursor is None
