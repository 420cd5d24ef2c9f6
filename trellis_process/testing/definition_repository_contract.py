"""What every DefinitionRepository does."""
# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from trellis_process.application.definitions import DefinitionRepository, DefinitionStatus
from trellis_process.errors import InvalidInput

ACTIVE, DRAINING, ARCHIVED = DefinitionStatus


class DefinitionRepositoryContract:
    """The contract; a subclass has a fixture ``definitions`` that gives the repository.

    Every test keeps to definitions of its own, so a store may be shared and need not be emptied.
    """

    @pytest.fixture
    def name(self) -> str:
        """A name that no definition had before."""
        return f"definition-{uuid.uuid4()}"

    def test_what_was_added_is_found_in_its_version(
        self, definitions: DefinitionRepository, name: str
    ) -> None:
        assert definitions.add(name, 1, '{"a": 1}') == '{"a": 1}'
        assert definitions.add(name, 2, '{"a": 2}') == '{"a": 2}'

        assert definitions.content(name, 1) == '{"a": 1}'
        assert definitions.content(name, 2) == '{"a": 2}'

    def test_nothing_is_found_where_nothing_was_added(
        self, definitions: DefinitionRepository, name: str
    ) -> None:
        definitions.add(name, 1, "{}")

        assert definitions.content(name, 2) is None
        assert definitions.content(f"{name}x", 1) is None
        assert definitions.content(name[:-1], 1) is None
        assert definitions.versions(f"{name}x") is None
        assert not definitions.set_status(f"{name}x", 1, DRAINING)
        assert not definitions.set_status(name, 2, DRAINING)
        known = definitions.versions(name)
        assert known is not None
        assert dict(known.statuses) == {1: ACTIVE}

    def test_a_version_that_is_there_is_never_changed(
        self, definitions: DefinitionRepository, name: str
    ) -> None:
        definitions.add(name, 1, '{"a": 1}')
        definitions.set_status(name, 1, DRAINING)

        assert definitions.add(name, 1, '{"a": 2}') == '{"a": 1}'
        assert definitions.add(name, 1, '{"a": 1}') == '{"a": 1}'

        assert definitions.content(name, 1) == '{"a": 1}'
        known = definitions.versions(name)
        assert known is not None
        assert dict(known.statuses) == {1: DRAINING}

    def test_the_newest_is_the_highest_active_version_not_the_last_added(
        self, definitions: DefinitionRepository, name: str
    ) -> None:
        for version in (10, 9, 2_147_483_647, 100):
            definitions.add(name, version, "{}")

        known = definitions.versions(name)
        assert known is not None
        assert known.name == name
        assert list(known.statuses) == [9, 10, 100, 2_147_483_647]
        assert known.newest == 2_147_483_647

    def test_draining_a_version_makes_the_one_before_it_the_newest_again(
        self, definitions: DefinitionRepository, name: str
    ) -> None:
        for version in (1, 2, 3):
            definitions.add(name, version, "{}")

        newest = []
        for version, status in (
            (3, DRAINING),
            (3, ARCHIVED),
            (1, DRAINING),
            (2, DRAINING),
            (1, ACTIVE),
            (3, ACTIVE),
        ):
            assert definitions.set_status(name, version, status)
            known = definitions.versions(name)
            assert known is not None
            assert known.statuses[version] is status
            newest.append(known.newest)

        assert newest == [2, 2, 2, None, 1, 3]

    def test_a_status_given_twice_is_given(
        self, definitions: DefinitionRepository, name: str
    ) -> None:
        definitions.add(name, 1, "{}")

        assert definitions.set_status(name, 1, DRAINING)
        assert definitions.set_status(name, 1, DRAINING)

    def test_content_comes_back_to_the_letter(
        self, definitions: DefinitionRepository, name: str
    ) -> None:
        large = '{"é🙂": "' + "x" * 300_000 + '"}'
        for version, content in enumerate(("", " {} \n", "é🙂" * 2_000, large), start=1):
            definitions.add(name, version, content)

            assert definitions.content(name, version) == content

    def test_names_come_in_pages_in_order(self, definitions: DefinitionRepository) -> None:
        prefix = f"n{uuid.uuid4().hex}"
        mine = [f"{prefix}{suffix}" for suffix in (".b", "-a", "A", "_c", "a", "b:1", "")]
        for name in mine:
            definitions.add(name, 1, "{}")
            definitions.add(name, 2, "{}")

        found: list[str] = []
        cursor = None
        pages = 0
        while pages < 1_000:
            page = definitions.names(limit=3, cursor=cursor)
            assert len(page.names) <= 3
            found += page.names
            pages += 1
            cursor = page.cursor
            if cursor is None:
                break

        assert found == sorted(set(found))
        assert [name for name in found if name.startswith(prefix)] == sorted(mine)

    def test_a_cursor_of_something_else_is_refused(self, definitions: DefinitionRepository) -> None:
        with pytest.raises(InvalidInput):
            definitions.names(limit=3, cursor="no cursor\n")

    def test_of_many_who_add_a_version_at_once_all_get_the_same_content(
        self, definitions: DefinitionRepository, name: str
    ) -> None:
        with ThreadPoolExecutor(4) as pool:
            kept = set(pool.map(lambda n: definitions.add(name, 1, f'"{n}"'), range(4)))

        assert kept == {definitions.content(name, 1)}

    def test_of_many_versions_added_at_once_each_is_known(
        self, definitions: DefinitionRepository, name: str
    ) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda version: definitions.add(name, version, "{}"), range(1, 5)))

        known = definitions.versions(name)
        assert known is not None
        assert list(known.statuses) == [1, 2, 3, 4]
