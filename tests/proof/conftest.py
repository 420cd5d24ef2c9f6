"""One stack for all tests of the proof that run in a process; each empties it first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proof.stack import Stack, a_stack


@pytest.fixture
def stack(_stack: Stack) -> Stack:
    """A stack in moto, empty and at the beginning of time."""
    _stack.reset()
    return _stack


@pytest.fixture(scope="module")
def _stack() -> Iterator[Stack]:
    with a_stack() as stack:
        yield stack
