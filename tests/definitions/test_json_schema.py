"""The JSON Schema that is kept: as generated, and of one mind with the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from trellis_process.definitions.json_schema import schema_text
from trellis_process.definitions.parts import KINDS
from trellis_process.definitions.reading import examine_value
from trellis_process.definitions.yaml_document import read_yaml

from .documents import DOCUMENTS

FILE = Path(__file__).parents[2] / "docs" / "definition.schema.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(FILE.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_kept_schema_is_what_is_generated_now() -> None:
    assert FILE.read_text() == schema_text(), (
        "run: python -m trellis_process.definitions.json_schema > docs/definition.schema.json"
    )


def test_every_kind_has_its_branch_and_every_class_its_meaning() -> None:
    schema = json.loads(FILE.read_text())
    branches = [each["$ref"].rpartition("/")[2] for each in schema["$defs"]["Step"]["oneOf"]]
    assert branches == [kind.__name__ for kind in KINDS.values()]
    assert all(each["description"] for each in schema["$defs"].values())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_sound_definitions_fit_as_they_stand_and_as_they_are_written(
    validator: Draft202012Validator, path: Path
) -> None:
    document = read_yaml(path.read_text()).value
    validator.validate(document)
    definition = examine_value(document).definition
    assert definition is not None
    validator.validate(definition.to_dict())


def with_step(**step: Any) -> dict[str, Any]:
    return {"process": "p", "version": 1, "steps": [{"name": "a", **step}]}


def with_event(**event: Any) -> dict[str, Any]:
    return {
        "process": "p",
        "version": 1,
        "events": [event],
        "reactions": [{"event": "e", "set": {"a": "1"}}],
    }


def with_reaction(**reaction: Any) -> dict[str, Any]:
    whole = with_event(name="e", completed="q")
    return {**whole, "reactions": [{"event": "e", **reaction}]}


def with_schedule(**schedule: Any) -> dict[str, Any]:
    trigger = {"schedule": {"name": "n", "tenant_id": "t", **schedule}}
    return {**with_step(service="A"), "triggers": [trigger]}


@pytest.mark.parametrize(
    "document",
    [
        with_step(service="A"),
        with_event(name="e", completed="q"),
        with_event(name="e", entity="order", status="a → b"),
        with_event(name="e", pattern={"source": ["a"]}, key="event.id"),
        with_reaction(set_timers=[{"name": "t", "after": "P1M"}], cancel_timers=["t"]),
        with_schedule(cron="0 9 * * *"),
    ],
)
def test_what_is_sound_fits_the_schema(
    validator: Draft202012Validator, document: dict[str, Any]
) -> None:
    validator.validate(document)
    assert examine_value(document).definition is not None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"process": "p", "version": 1, "steps": []},
        {"process": "p q", "version": 1, "steps": [{"name": "a", "service": "A"}]},
        {"process": "p", "version": "1", "steps": [{"name": "a", "service": "A"}]},
        with_step(),
        with_step(kind="service"),
        with_step(kind="servce", service="A"),
        with_step(kind="wait", service="A"),
        with_step(service="A", timeout="30x"),
        with_step(service="A", timeout=30),
        with_step(service="A", retires={}),
        with_step(service="A", retry={"max_attempts": 0}),
        with_step(service="A", retry={"backoff": "none"}),
        with_step(service="A", priority=10),
        with_step(kind="wait"),
        with_step(wait="3d", wait_for_signal="s"),
        with_step(wait_duration_seconds=0),
        with_step(parallel={"branches": []}),
        with_step(foreach={"items": "input.x", "steps": []}),
        with_step(foreach={"items": "x", "steps": [{"name": "b"}]}),
        with_step(
            foreach={
                "items": "x",
                "on_item_failure": "101%",
                "steps": [{"name": "b", "service": "B"}],
            }
        ),
        with_step(effects=[{"action": "upsert", "entity": "E"}]),
        with_step(human_task={"outcomes": []}),
        {**with_step(service="A"), "name": "x-y"},
        {**with_step(service="A"), "sla": {}},
        {"process": "p", "version": 1},
        with_event(name="e", key="event.id"),
        with_event(name="e", pattern={"source": ["a"]}),
        with_event(name="e", pattern={"source": ["a"]}, key="event.id", completed="q"),
        with_event(name="e", entity="order"),
        with_event(name="e", entity="order", change="created", status="-> b"),
        with_event(name="e", entity="order", change="made"),
        with_event(name="e", entity="order", status="b"),
        with_event(name="e", completed="q", change="created"),
        with_event(name="e f", completed="q"),
        {**with_event(name="e", completed="q"), "triggers": [{}]},
        {**with_event(name="e", completed="q"), "triggers": [{"event": "e", "signal": "s"}]},
        with_schedule(),
        with_schedule(cron="0 9 * * *", every="1h"),
        with_schedule(every="1 hour"),
        with_reaction(),
        with_reaction(timer="t", set={"a": "1"}),
        with_reaction(set_timers=[{"name": "t"}]),
        with_reaction(set_timers=[{"name": "t", "after": "1mo", "at": "event.detail.at"}]),
        with_reaction(set_timers=[{"name": "t", "after": "1 month"}]),
        with_reaction(send=[{"channel": "c"}]),
        {**with_reaction(set={"a": "1"}), "ends_when": {"a b": "true"}},
    ],
)
def test_what_the_schema_forbids_is_refused_by_the_reader_too(
    validator: Draft202012Validator, document: dict[str, Any]
) -> None:
    assert not validator.is_valid(document)
    assert examine_value(document).definition is None
