"""What every NotedEvents does."""
# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from trellis_process.application.event_service import NotedEvents

UNTIL = datetime.now(UTC) + timedelta(days=14)


class NotedEventsContract:
    """The contract; a subclass has a fixture ``noted`` that gives the store.

    Every test keeps to definitions of its own, so a store may be shared and need not be emptied.
    """

    @pytest.fixture
    def definition(self) -> str:
        """A definition, with whom it is about, of which nobody noted anything."""
        return f"order/tenant-{uuid.uuid4()}/o-1"

    def test_an_event_is_new_once(self, noted: NotedEvents, definition: str) -> None:
        assert noted.note(definition, "e-1", UNTIL)

        assert not noted.note(definition, "e-1", UNTIL)
        assert not noted.note(definition, "e-1", UNTIL + timedelta(days=1))

    def test_another_event_and_another_definition_are_new(
        self, noted: NotedEvents, definition: str
    ) -> None:
        assert noted.note(definition, "e-1", UNTIL)

        assert noted.note(definition, "e-2", UNTIL)
        assert noted.note(f"{definition}2", "e-1", UNTIL)

    def test_what_is_one_word_in_the_other_place_is_another_event(
        self, noted: NotedEvents, definition: str
    ) -> None:
        assert noted.note(f"{definition}/a", "b", UNTIL)

        assert noted.note(definition, "a/b", UNTIL)
        assert noted.note(f"{definition}/", "a/b", UNTIL)
        assert noted.note(f'{definition}", "a', "b", UNTIL)

    @pytest.mark.parametrize("event_id", ["e" * 100_000, "é🙂\n\x00", " "])
    def test_an_id_may_be_any_text(
        self, noted: NotedEvents, definition: str, event_id: str
    ) -> None:
        assert noted.note(definition, event_id, UNTIL)

        assert not noted.note(definition, event_id, UNTIL)
        assert noted.note(definition, f"{event_id}x", UNTIL)

    def test_of_many_who_note_an_event_at_once_it_is_new_to_one(
        self, noted: NotedEvents, definition: str
    ) -> None:
        with ThreadPoolExecutor(4) as pool:
            new = list(pool.map(lambda _: noted.note(definition, "e-1", UNTIL), range(8)))

        assert new.count(True) == 1
