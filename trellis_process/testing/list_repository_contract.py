"""What every ListRepository does."""
# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import uuid

import pytest

from trellis_process.application.lists import ListRepository
from trellis_process.domain.limits import JsonValue
from trellis_process.errors import InvalidInput, ListNotFound, TooLarge


class ListRepositoryContract:
    """The contract; a subclass has a fixture ``lists`` that gives the repository.

    Every test keeps to tenants of its own, so a store may be shared and need not be emptied.
    """

    @pytest.fixture
    def tenant_id(self) -> str:
        """A tenant that nobody used before."""
        return f"tenant-{uuid.uuid4()}"

    def test_a_list_is_read_as_it_was_put_in(self, lists: ListRepository, tenant_id: str) -> None:
        items: list[JsonValue] = [{"id": n, "text": "é🙂", "list": [None, 1.5]} for n in range(60)]

        reference = lists.put(tenant_id, items)

        assert reference == {"$list": reference["$list"], "count": 60, "page_size": 25}
        assert [len(lists.page(tenant_id, reference, n)) for n in range(3)] == [25, 25, 10]
        assert lists.items(tenant_id, reference, 0, 60) == items

    @pytest.mark.parametrize(
        ("first", "count"), [(0, 1), (24, 2), (25, 25), (10, 45), (59, 5), (60, 1), (7, 0), (99, 9)]
    )
    def test_any_part_of_a_list_is_read(
        self, lists: ListRepository, tenant_id: str, first: int, count: int
    ) -> None:
        items: list[JsonValue] = list(range(60))
        reference = lists.put(tenant_id, items)

        assert lists.items(tenant_id, reference, first, count) == items[first : first + count]

    def test_an_empty_list_is_a_list(self, lists: ListRepository, tenant_id: str) -> None:
        reference = lists.put(tenant_id, [])

        assert reference["count"] == 0
        assert lists.items(tenant_id, reference, 0, 25) == []
        with pytest.raises(ListNotFound):
            lists.page(tenant_id, reference, 0)

    def test_large_items_make_pages_of_fewer(self, lists: ListRepository, tenant_id: str) -> None:
        items: list[JsonValue] = [f"{n}" + "é" * 15_000 for n in range(30)]

        reference = lists.put(tenant_id, items)

        assert reference["page_size"] == 3
        assert lists.items(tenant_id, reference, 0, 30) == items
        assert lists.page(tenant_id, reference, 9) == items[27:30]

    def test_an_item_beyond_the_limit_is_refused_by_its_place(
        self, lists: ListRepository, tenant_id: str
    ) -> None:
        with pytest.raises(TooLarge, match=r"items\[1\]: got 100003 bytes"):
            lists.put(tenant_id, ["x", "x" * 100_001])

    def test_more_items_than_the_limit_are_refused(
        self, lists: ListRepository, tenant_id: str
    ) -> None:
        with pytest.raises(TooLarge, match="100001 items"):
            lists.put(tenant_id, [1] * 100_001)

    def test_what_is_no_json_is_refused(self, lists: ListRepository, tenant_id: str) -> None:
        with pytest.raises(InvalidInput, match=r"items\[0\]"):
            lists.put(tenant_id, [{1, 2}])

    def test_another_tenant_does_not_find_a_list(
        self, lists: ListRepository, tenant_id: str
    ) -> None:
        reference = lists.put(tenant_id, [1])

        with pytest.raises(ListNotFound):
            lists.page(f"{tenant_id}x", reference, 0)
        with pytest.raises(ListNotFound):
            lists.items(f"{tenant_id}x", reference, 0, 1)

    def test_a_page_that_is_not_there_is_said_to_be_missing(
        self, lists: ListRepository, tenant_id: str
    ) -> None:
        reference = lists.put(tenant_id, [1])

        for number in (1, -1, 10**6):
            with pytest.raises(ListNotFound):
                lists.page(tenant_id, reference, number)

    @pytest.mark.parametrize(
        "reference",
        [
            None,
            {},
            {"$list": 1, "count": 1, "page_size": 25},
            {"$list": "a#b", "count": 1, "page_size": 25},
            {"$list": "x", "count": -1, "page_size": 25},
            {"$list": "x", "count": 1, "page_size": 0},
            {"$list": "x", "count": True, "page_size": 25},
        ],
    )
    def test_what_is_no_reference_is_refused(
        self, lists: ListRepository, tenant_id: str, reference: JsonValue
    ) -> None:
        with pytest.raises(InvalidInput):
            lists.page(tenant_id, reference, 0)
        with pytest.raises(InvalidInput):
            lists.items(tenant_id, reference, 0, 1)

    def test_the_same_list_put_again_with_its_key_is_the_same(
        self, lists: ListRepository, tenant_id: str
    ) -> None:
        first = lists.put(tenant_id, [1, 2], key="process-1/step-1")

        assert lists.put(tenant_id, [1, 2], key="process-1/step-1") == first
        assert lists.put(tenant_id, [1, 2], key="process-2/step-1") != first
        assert lists.put(tenant_id, [1, 3], key="process-1/step-1") != first
        assert lists.put(tenant_id, [1, 2]) != lists.put(tenant_id, [1, 2])
        assert lists.items(tenant_id, first, 0, 2) == [1, 2]

    @pytest.mark.parametrize("key", ["", "x" * 257, 1])
    def test_what_is_no_key_is_refused(
        self, lists: ListRepository, tenant_id: str, key: str
    ) -> None:
        with pytest.raises(InvalidInput, match="key"):
            lists.put(tenant_id, [1], key=key)
