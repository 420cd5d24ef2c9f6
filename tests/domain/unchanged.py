"""Checks that a command left a process exactly as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import pytest

from trellis_process import Process, TrellisError
from trellis_process.errors import InvalidInput


@contextmanager
def nothing_changes(process: Process) -> Iterator[None]:
    """Version, has_changed, events, states, times: all as before."""
    before = deepcopy(process)
    yield
    assert process == before


@contextmanager
def is_refused(process: Process, error: type[TrellisError], code: str, says: str) -> Iterator[None]:
    """The command raises this very error, whose message says this, and changes nothing."""
    with nothing_changes(process), pytest.raises(error) as refused:
        yield
    assert type(refused.value) is error
    assert refused.value.code == code
    assert says in str(refused.value)


@contextmanager
def is_refused_input(
    field: str, given: str, allowed: str, error: type[InvalidInput] = InvalidInput
) -> Iterator[None]:
    """The value is refused, and the error says which field, what was given, what is allowed."""
    with pytest.raises(error) as refused:
        yield
    assert type(refused.value) is error
    assert refused.value.field == field
    assert given in refused.value.given
    assert allowed in refused.value.allowed
    assert refused.value.allowed.startswith("allowed ")
    for part in (field, refused.value.given, refused.value.allowed):
        assert part in str(refused.value)
