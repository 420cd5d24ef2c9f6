"""Schedules that a definition declares: they are there when it is registered, and follow it."""

from __future__ import annotations

import pytest

from tests.schedules.world import World
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.schedule.schedule import ScheduleState
from trellis_process.errors import InvalidDefinition, ScheduleNotFound

NIGHTLY = """\
process: clean
version: {version}
triggers:
{triggers}
inputs: {{depth: {{type: integer, default: 1}}}}
steps:
  - {{name: sweep, service: Cleaning.sweep, timeout: 1h}}
"""
DAILY = "  - schedule: {name: nightly, tenant_id: t, cron: 0 2 * * *, input: {depth: 3}}"
HOURLY = "  - schedule: {name: nightly, tenant_id: t, every: 1h}"
OTHER = "  - schedule: {name: other, tenant_id: t, every: 1h}"


def register(world: World, version: int, triggers: str) -> None:
    text = NIGHTLY.format(version=version, triggers=triggers)
    world.engine.register(ProcessDefinition.from_yaml(text))


def test_a_schedule_that_is_declared_runs() -> None:
    world = World()
    register(world, 1, DAILY)

    world.pass_(days=1)

    (run,) = world.engine.list_processes("t", process_type="clean").processes
    assert run.input == {"depth": 3}
    assert world.schedules.get("t", "nightly").started == 1


def test_a_newer_version_declares_it_otherwise() -> None:
    world = World()
    register(world, 1, DAILY)
    register(world, 2, HOURLY)

    assert world.schedules.get("t", "nightly").terms.every == "1h"


def test_registering_again_changes_nothing() -> None:
    world = World()
    register(world, 1, DAILY)
    changed_at = world.schedules.get("t", "nightly").changed_at
    world.pass_(hours=1)

    register(world, 1, DAILY)

    assert world.schedules.get("t", "nightly").changed_at == changed_at


def test_one_that_is_declared_no_more_ends_at_its_next_time_and_starts_nothing() -> None:
    world = World()
    register(world, 1, DAILY)
    register(world, 2, OTHER)

    world.pass_(hours=23, minutes=30)

    with pytest.raises(ScheduleNotFound):
        world.schedules.get("t", "nightly")
    runs = world.engine.list_processes("t", process_type="clean").processes
    assert {each.definition_version for each in runs} == {2}
    assert world.schedules.get("t", "other").state is ScheduleState.ACTIVE


def test_what_cannot_be_agreed_is_found_when_it_is_registered() -> None:
    wrong = """\
  - schedule: {name: a, tenant_id: t, cron: 61 2 * * *}
  - schedule: {name: b, tenant_id: t, every: 10s}
  - schedule: {name: c, tenant_id: t, every: 1h, time_zone: Europe/Lodnon}
  - schedule: {name: d, tenant_id: "", every: 1h}
  - schedule: {name: e, tenant_id: t}
  - schedule: {name: f, tenant_id: t, every: 1h, overlap: never}
"""
    with pytest.raises(InvalidDefinition) as refused:
        ProcessDefinition.from_yaml(NIGHTLY.format(version=1, triggers=wrong))

    assert [each.path for each in refused.value.findings] == [
        "triggers[0].schedule.cron",
        "triggers[1].schedule.every",
        "triggers[2].schedule.time_zone",
        "triggers[3].schedule.tenant_id",
        "triggers[4].schedule",
        "triggers[5].schedule.overlap",
    ]


def test_what_the_definition_does_not_take_is_found_when_it_is_registered() -> None:
    wrong = "  - schedule: {name: a, tenant_id: t, every: 1h, time_zone: Europe/London}\n"
    wrong += "  - schedule: {name: b, tenant_id: t, every: 1h, input: {depth: deep}}\n"
    with pytest.raises(InvalidDefinition) as refused:
        ProcessDefinition.from_yaml(NIGHTLY.format(version=1, triggers=wrong))

    assert [each.path for each in refused.value.findings] == [
        "triggers[0].schedule.time_zone",
        "triggers[1].schedule.input",
    ]
