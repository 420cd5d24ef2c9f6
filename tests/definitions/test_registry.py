"""The registry: versions are immutable, the newest is the highest active one, and is read once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from trellis_process.application.definitions import DefinitionStatus
from trellis_process.definitions import registry as registries
from trellis_process.definitions.registry import DefinitionRegistry
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import ConditionStep, SendStep, ServiceStep
from trellis_process.errors import (
    DefinitionConflict,
    DefinitionDraining,
    DefinitionInUse,
    DefinitionNotFound,
    InvalidInput,
)
from trellis_process.memory import InMemoryDefinitionRepository

ACTIVE, DRAINING, ARCHIVED = DefinitionStatus


class CountingRepository(InMemoryDefinitionRepository):
    """Counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def content(self, name: str, version: int) -> str | None:
        self.asked["content"] += 1
        return super().content(name, version)

    def versions(self, name: str) -> Any:
        self.asked["versions"] += 1
        return super().versions(name)


@pytest.fixture
def repository() -> CountingRepository:
    return CountingRepository()


@pytest.fixture
def registry(repository: CountingRepository) -> DefinitionRegistry:
    return DefinitionRegistry(repository)


def a_definition(version: int = 1, name: str = "order", **fields: Any) -> ProcessDefinition:
    steps = fields.pop("steps", (ServiceStep("pay", service="Payments.pay"),))
    return ProcessDefinition(name, version=version, steps=steps, **fields)


def test_a_definition_comes_back_equal(registry: DefinitionRegistry) -> None:
    definition = a_definition(
        steps=(
            ServiceStep(
                "pay",
                service="Payments.pay",
                inputs={"amount": "input.amount", "list": [1, 1.5, "'é🙂'", None, True]},
                retry=Retry(max_attempts=3),
                compensate_with="refund",
            ),
            ConditionStep("big", condition="input.amount > 1000", on_false="complete"),
            SendStep("tell", channel="mail", message="Paid"),
        ),
        compensations=(Compensation("refund", service="Payments.refund"),),
        inputs={"amount": "number", "b": "string", "a": "string?"},
    )

    registry.add(definition)

    assert registry.get("order", 1) == definition
    assert registry.to_start("order") == definition
    assert list(registry.get("order", 1).inputs) == ["amount", "b", "a"]


def test_a_definition_is_read_once_in_the_life_of_the_program(
    registry: DefinitionRegistry, repository: CountingRepository
) -> None:
    registry.add(a_definition())

    first = registry.get("order", 1)
    repository.asked.clear()

    assert registry.get("order", 1) is first
    assert registry.to_start("order") is first
    assert repository.asked == {"versions": 1}


def test_only_so_many_definitions_are_kept_those_used_last(
    registry: DefinitionRegistry, repository: CountingRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registries, "CACHED", 2)
    for version in (1, 2, 3):
        registry.add(a_definition(version))
    for version in (1, 2, 1, 3):
        registry.get("order", version)
    repository.asked.clear()

    registry.get("order", 1)
    registry.get("order", 3)
    assert repository.asked["content"] == 0

    registry.get("order", 2)
    assert repository.asked["content"] == 1


def test_the_same_content_again_is_a_no_op_however_it_was_built(
    registry: DefinitionRegistry,
) -> None:
    registry.add(a_definition(inputs={"a": "string", "b": "number"}, tags=("x",)))
    registry.set_status("order", 1, DRAINING)

    registry.add(a_definition(inputs={"b": "number", "a": "string"}, tags=["x"]))

    assert registry.versions("order").statuses == {1: DRAINING}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"title": "Order"}, "title is new"),
        ({"tags": ("a",)}, "tags is not there any more"),
        ({"timeout": "2d"}, "timeout is '1d', and '2d' was given"),
        ({"tags": ("a", "c"), "timeout": "1d"}, r"tags\[1\] is 'b', and 'c' was given"),
        ({"inputs": {"a": {"default": 1.0}}}, r"inputs.a.default is 1, and 1.0 was given"),
        ({"inputs": {"a": {"default": True}}}, r"inputs.a.default is 1, and True was given"),
        (
            {"steps": (ServiceStep("pay", service="Payments.pay", timeout="9s"),)},
            r"steps\[0\].timeout is new",
        ),
        (
            {"steps": (*a_definition().steps, SendStep("tell", channel="c", message="m"))},
            "steps has 1 entries, and 2 were given",
        ),
    ],
)
def test_the_same_version_with_other_content_is_a_conflict_that_names_the_first_difference(
    registry: DefinitionRegistry, changed: dict[str, Any], said: str
) -> None:
    before: dict[str, Any] = {"tags": ("a", "b"), "timeout": "1d", "inputs": {"a": {"default": 1}}}
    if "tags" in changed and len(changed["tags"]) == 1:
        changed = {"tags": ()}
    registry.add(a_definition(**before))

    with pytest.raises(DefinitionConflict, match=said) as raised:
        registry.add(a_definition(**before | changed))

    assert "version 1 of 'order'" in str(raised.value)
    assert registry.get("order", 1) == a_definition(**before)


def test_the_newest_is_the_highest_version_not_the_last_registered(
    registry: DefinitionRegistry,
) -> None:
    registry.add(a_definition(10))
    registry.add(a_definition(9))

    assert registry.to_start("order").version == 10
    assert registry.to_start("order", 9).version == 9


def test_rolling_back_is_draining_the_newer_version(registry: DefinitionRegistry) -> None:
    registry.add(a_definition(1))
    registry.add(a_definition(2))

    registry.set_status("order", 2, DRAINING)
    assert registry.to_start("order").version == 1

    registry.set_status("order", 2, ACTIVE)
    assert registry.to_start("order").version == 2


def test_no_process_is_started_of_what_is_draining_and_it_is_found_all_the_same(
    registry: DefinitionRegistry,
) -> None:
    registry.add(a_definition(1))
    registry.set_status("order", 1, DRAINING)

    with pytest.raises(DefinitionDraining, match="every version of 'order' is draining"):
        registry.to_start("order")
    with pytest.raises(DefinitionDraining, match="version 1 of 'order' is draining"):
        registry.to_start("order", 1)
    assert registry.get("order", 1).version == 1


def test_only_what_has_no_open_process_is_archived(repository: CountingRepository) -> None:
    open_processes = {1: 2}
    registry = DefinitionRegistry(repository, count_open=lambda name: dict(open_processes))
    registry.add(a_definition(1))
    registry.add(a_definition(2))
    registry.set_status("order", 1, DRAINING)
    assert registry.count_open("order") == {1: 2, 2: 0}

    with pytest.raises(DefinitionInUse, match="2 processes open"):
        registry.set_status("order", 1, ARCHIVED)
    assert registry.versions("order").statuses[1] is DRAINING

    open_processes.clear()
    registry.set_status("order", 1, ARCHIVED)
    assert registry.versions("order").statuses == {1: ARCHIVED, 2: ACTIVE}


def test_nothing_is_archived_where_nobody_counts(registry: DefinitionRegistry) -> None:
    registry.add(a_definition())

    with pytest.raises(InvalidInput, match="once open processes have been counted"):
        registry.set_status("order", 1, ARCHIVED)


def test_what_is_not_registered_is_not_found_and_the_nearest_name_is_told(
    registry: DefinitionRegistry,
) -> None:
    registry.add(a_definition(name="expense_approval"))

    with pytest.raises(DefinitionNotFound, match="did you mean 'expense_approval'"):
        registry.to_start("expense_aproval")
    for ask in (
        lambda: registry.get("expense_approval", 2),
        lambda: registry.to_start("expense_approval", 2),
        lambda: registry.set_status("expense_approval", 2, DRAINING),
    ):
        with pytest.raises(DefinitionNotFound, match="'expense_approval' in version 2"):
            ask()
    with pytest.raises(DefinitionNotFound, match="no definition 'zzz'"):
        registry.versions("zzz")


@pytest.mark.parametrize("version", [0, -1, 2**31, True, 1.0, "1"])
def test_what_is_no_version_is_refused(registry: DefinitionRegistry, version: Any) -> None:
    registry.add(a_definition())

    with pytest.raises(InvalidInput, match="version"):
        registry.get("order", version)
    with pytest.raises(InvalidInput, match="version"):
        registry.to_start("order", version)


def test_names_are_listed_in_pages(registry: DefinitionRegistry) -> None:
    for name in ("c", "a", "b"):
        registry.add(a_definition(name=name))

    page = registry.names(limit=2)
    assert page.names == ["a", "b"]
    assert registry.names(limit=2, cursor=page.cursor).names == ["c"]
    with pytest.raises(InvalidInput):
        registry.names(limit=0)
