"""What the tests of the deployed stack have in common: a client of it, a tenant of their own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from botocore.session import Session

from trellis_process.client import SigV4, TrellisClient
from trellis_process.local.ministack import REGION
from trellis_process.local.stack import LocalStack


@pytest.fixture(scope="session")
def client_with(deployed_stack: LocalStack) -> Callable[[str], TrellisClient]:
    """A client of the deployed stack that signs with this secret."""

    def made(secret: str) -> TrellisClient:
        session = Session()
        session.set_credentials(deployed_stack.caller.access_key_id, secret)
        return TrellisClient(deployed_stack.api_url, SigV4(session, region=REGION))

    return made


@pytest.fixture(scope="session")
def client(
    deployed_stack: LocalStack, client_with: Callable[[str], TrellisClient]
) -> Iterator[TrellisClient]:
    """A client of the deployed stack, for a principal that may call it."""
    with client_with(deployed_stack.caller.secret_access_key) as client:
        yield client


@pytest.fixture
def tenant_id() -> str:
    """A tenant that no other test has."""
    return f"tenant-{uuid.uuid4().hex[:8]}"
