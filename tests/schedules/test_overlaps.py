"""What becomes of a run while another one is open, and what schedules do when things go wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.schedules.world import World
from trellis_process import ProcessState, ProcessStep
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.limits import MAX_REASON_CHARACTERS
from trellis_process.domain.own_services import SCHEDULE
from trellis_process.domain.schedule.terms import ScheduleTerms
from trellis_process.errors import (
    DefinitionNotFound,
    InvalidInput,
    NotReported,
    ScheduleNotFound,
)


def test_skip_leaves_out_what_would_meet() -> None:
    world = World()
    world.put(overlap="skip")

    world.pass_(days=2)
    world.finish(world.runs()[0])
    world.pass_(days=1)

    assert world.times() == ["03-02 09:00", "03-04 09:00"]
    assert world.skipped() == [("03-03 09:00", "overlap")]
    assert world.schedule().skipped == 1


def test_queue_starts_the_first_that_waits_when_the_one_before_has_ended() -> None:
    world = World()
    world.put(overlap="queue")

    world.pass_(days=3)
    assert world.times() == ["03-02 09:00"]
    world.finish(world.runs()[0])
    assert world.times() == ["03-02 09:00", "03-03 09:00"]
    world.finish(world.runs()[1])

    assert world.times() == ["03-02 09:00", "03-03 09:00", "03-04 09:00"]


def test_cancel_previous_starts_the_next_once_the_one_before_is_cancelled() -> None:
    world = World()
    world.put(overlap="cancel_previous")

    world.pass_(days=2)

    first, second = world.runs()
    assert first.state is ProcessState.CANCELLED
    assert second.state is ProcessState.IN_PROGRESS
    assert first.ended_at is not None
    assert first.ended_at <= second.started_at


def test_allow_starts_all_the_same() -> None:
    world = World()
    world.put(overlap="allow")

    world.pass_(days=2)

    assert [each.state for each in world.runs()] == [ProcessState.IN_PROGRESS] * 2


def test_a_suspended_run_is_open() -> None:
    world = World()
    world.put(overlap="skip")
    world.pass_(days=1)
    world.engine.suspend_process(world.runs()[0])

    world.pass_(days=1)

    assert world.times() == ["03-02 09:00"]


def test_a_run_that_is_tried_again_is_open_again() -> None:
    world = World()
    world.put(overlap="skip")
    world.pass_(days=1)
    (run,) = world.runs()
    world.engine.fail_step(run, "make", "no paper", attempt=1)
    world.runner.run()
    assert world.schedule().open_runs == {}

    world.engine.retry_step(run, "make")
    world.runner.run()
    world.pass_(days=1)

    assert list(world.schedule().open_runs) == [run.process_id]
    assert world.times() == ["03-02 09:00"]


def test_what_comes_twice_starts_no_run_twice() -> None:
    world = World()
    world.put(overlap="queue")
    world.pass_(days=3)
    world.finish(world.runs()[0])
    kept = world.schedule()

    world.runner.deliver_again()

    assert world.times() == ["03-02 09:00", "03-03 09:00"]
    assert world.schedule() == kept


def test_a_run_that_cannot_be_started_is_told_and_stops_nothing() -> None:
    world = World()
    world.put()
    world.engine.register(
        ProcessDefinition.from_yaml(
            "process: report\nversion: 2\ninputs: {colour: string}\n"
            "steps: [{name: make, service: Reports.make}]\n"
        )
    )

    world.pass_(days=2)

    assert world.times() == []
    assert [at for at, _ in world.skipped()] == ["03-02 09:00", "03-03 09:00"]
    assert "colour" in world.skipped()[0][1]
    assert world.schedule().open_runs == {}


def test_why_a_run_cannot_be_started_is_told_as_long_as_a_reason_may_be() -> None:
    world = World()
    world.put()
    fields = ", ".join(f"a_field_of_a_long_name_{n}: string" for n in range(60))
    text = (
        f"process: report\nversion: 2\ninputs: {{{fields}}}\nsteps: [{{name: make, service: R}}]\n"
    )
    world.engine.register(ProcessDefinition.from_yaml(text))

    world.pass_(days=1)

    ((_, why),) = world.skipped()
    assert len(why) == MAX_REASON_CHARACTERS


def test_other_terms_hold_from_now_on_and_the_same_ones_change_nothing() -> None:
    world = World()
    world.put()
    world.pass_(days=1)
    version = world.process().version
    world.put()
    assert world.process().version == version

    world.put(cron="0 18 * * *", overlap="allow")
    world.pass_(days=1)

    assert world.times() == ["03-02 09:00", "03-02 18:00"]
    assert world.schedule().started == 2


def test_a_cancelled_schedule_starts_nothing_and_its_open_run_goes_on() -> None:
    world = World()
    world.put()
    world.pass_(days=1)

    world.schedules.delete("t", "daily")
    world.pass_(days=3)

    assert world.times() == ["03-02 09:00"]
    assert world.runs()[0].state is ProcessState.IN_PROGRESS


def test_a_cancelled_schedule_begins_anew_when_it_is_put_again() -> None:
    world = World()
    world.put()
    world.pass_(days=1)
    world.schedules.delete("t", "daily")
    world.finish(world.runs()[0])

    world.put()
    world.pass_(days=1)

    assert world.times() == ["03-02 09:00", "03-03 09:00"]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"cron": None}, "cron"),
        ({"every": "1h"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": None, "every": "30s"}, "every"),
        ({"time_zone": "Europe/Lodnon"}, "time_zone"),
        ({"cron": None, "every": "1h", "time_zone": "Europe/London"}, "time_zone"),
        ({"overlap": "never"}, "overlap"),
        ({"catch_up": 1}, "catch_up"),
        ({"timeout": "soon"}, "timeout"),
        ({"input": []}, "input"),
        ({"input": {"region": 3}}, "region"),
    ],
)
def test_terms_that_cannot_be_agreed_are_refused_and_nothing_is_written(
    terms: dict[str, Any], field: str
) -> None:
    world = World()

    with pytest.raises(InvalidInput, match=field):
        world.schedules.put(
            "t", "daily", ScheduleTerms("report", **({"cron": "0 9 * * *"} | terms))
        )

    assert world.schedules.page("t").schedules == []


def test_a_schedule_of_an_unknown_definition_is_refused() -> None:
    world = World()

    with pytest.raises(DefinitionNotFound):
        world.schedules.put("t", "daily", ScheduleTerms("reprot", every="1h"))


def test_nobody_reports_on_a_schedule() -> None:
    world = World()
    world.put()

    with pytest.raises(NotReported):
        world.engine.complete_step(world.process(), "schedule:runs")
    with pytest.raises(NotReported):
        world.engine.fail_step(world.process(), "schedule:runs", "no", attempt=1)
    with pytest.raises(NotReported):
        world.engine.skip_step(world.process(), "schedule:runs")


def test_what_is_deleted_is_not_found() -> None:
    world = World()
    world.put()
    world.schedules.delete("t", "daily")

    for ask in (world.schedules.get, world.schedules.pause, world.schedules.start_run):
        with pytest.raises(ScheduleNotFound, match="daily"):
            ask("t", "daily")
    assert world.schedules.page("t").schedules == []


def test_a_process_that_only_has_the_name_of_the_type_is_no_schedule() -> None:
    world = World()
    world.put()
    world.engine.start_process(
        tenant_id="t",
        process_type=SCHEDULE,
        aggregate_type="schedule",
        aggregate_id="daily",
        steps=[ProcessStep(name="schedule:runs")],
        auto_start_steps=True,
    )

    assert [each.name for each in world.schedules.page("t").schedules] == ["daily"]


def test_a_schedule_is_its_tenants_own() -> None:
    world = World()
    world.put()

    with pytest.raises(ScheduleNotFound):
        world.schedules.get("t2", "daily")
    assert world.schedules.page("t2").schedules == []
