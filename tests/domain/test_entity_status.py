"""How a change of status is written."""

from __future__ import annotations

import pytest

from trellis_process.domain.definition.entity_status import EntityStatus
from trellis_process.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "before", "now"),
    [
        ("pending -> confirmed", "pending", "confirmed"),
        ("pending->confirmed", "pending", "confirmed"),
        ("pending → confirmed", "pending", "confirmed"),
        ("-> confirmed", None, "confirmed"),
        ("→ on hold", None, "on hold"),
        ("in-transit -> pre-paid", "in-transit", "pre-paid"),
    ],
)
def test_a_status_is_the_one_after_the_arrow_and_may_say_the_one_before(
    text: str, before: str | None, now: str
) -> None:
    assert EntityStatus.of("status", text) == EntityStatus(before, now)


@pytest.mark.parametrize(
    "text", ["", "confirmed", "->", "pending ->", "a -> b -> c", "a → b -> c", "-> → c"]
)
def test_what_has_no_arrow_or_two_or_nothing_after_it_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="pending -> confirmed"):
        EntityStatus.of("status", text)
