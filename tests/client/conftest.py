"""A client of the step API on 127.0.0.1, which waits for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.session import Session

from trellis_process.client import SigV4, TrellisClient

from ..step_api_server import KEY, REGION, StepApi, step_api

__all__ = ["step_api"]

NewClient = Callable[..., TrellisClient]


def signed(access_key: str = KEY.access_key, secret_key: str = KEY.secret_key) -> SigV4:
    session = Session()
    session.set_credentials(access_key, secret_key)
    return SigV4(session, region=REGION)


@pytest.fixture
def pauses() -> list[float]:
    """How long the clients waited between two tries, had they waited."""
    return []


@pytest.fixture
def new_client(step_api: StepApi, pauses: list[float]) -> Iterator[NewClient]:
    """Makes a client of the step API, closed when the test ends."""
    with ExitStack() as clients:

        def make(authorization: Any = None, **options: Any) -> TrellisClient:
            options = {"pause": pauses.append, **options}
            made = TrellisClient(step_api.url, authorization or signed(), **options)
            return clients.enter_context(made)

        yield make


@pytest.fixture
def client(new_client: NewClient) -> TrellisClient:
    return new_client()
