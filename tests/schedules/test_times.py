"""When runs start: by the clock of a zone, later where nobody looked, and for times in the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.schedules.world import START, World
from trellis_process import ProcessState
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import ServiceStep
from trellis_process.domain.schedule import scheduling
from trellis_process.domain.schedule.terms import Overlap, ScheduleTerms


def test_nine_in_london_is_nine_there_before_and_after_the_clock_is_changed() -> None:
    world = World(datetime(2027, 3, 26, 12, tzinfo=UTC))
    world.put(time_zone="Europe/London", overlap="allow")

    world.pass_(days=4)

    assert world.times() == ["03-27 09:00", "03-28 08:00", "03-29 08:00", "03-30 08:00"]


@pytest.mark.parametrize(
    ("start", "times"),
    [
        (datetime(2027, 3, 27, 12, tzinfo=UTC), ["03-29 00:30"]),  # of 28 March there is none
        (datetime(2027, 10, 30, 12, tzinfo=UTC), ["10-31 00:30", "11-01 01:30"]),
    ],
)
def test_a_time_that_is_left_out_is_skipped_and_one_that_is_there_twice_runs_once(
    start: datetime, times: list[str]
) -> None:
    world = World(start)
    world.put(cron="30 1 * * *", time_zone="Europe/London", overlap="allow")

    world.pass_(days=2)

    assert world.times() == times


def test_intervals_count_from_when_they_were_agreed() -> None:
    world = World()
    world.put(every="90m", overlap="allow")

    world.pass_(hours=5)

    assert world.times() == ["03-01 13:30", "03-01 15:00", "03-01 16:30"]


def test_each_run_knows_the_time_it_is_for_and_what_it_was_given() -> None:
    world = World()
    world.put(input={"region": "south"}, timeout="2h")

    world.pass_(hours=22)

    (run,) = world.runs()
    assert run.scheduled_at == datetime(2027, 3, 2, 9, tzinfo=UTC)
    assert run.input == {"region": "south"}
    assert run.due_at == run.started_at + timedelta(hours=2)


def test_what_a_run_is_given_may_depend_on_the_time_it_is_for() -> None:
    world = World()
    day = "has(process.scheduled_at) ? process.scheduled_at : 'now'"
    make = ServiceStep("make", service="Reports.make", inputs={"day": day}, timeout="1h")
    world.engine.register(ProcessDefinition("dated", version=1, steps=(make,)))
    world.schedules.put("t", "dated", ScheduleTerms("dated", cron="0 9 * * *"))
    by_hand = world.engine.start("dated", tenant_id="t")

    world.sleep(hours=21, minutes=2)

    assert by_hand.step("make").input == {"day": "now"}
    found = world.engine.list_processes("t", process_type="dated").processes
    (run,) = (each for each in found if each.parent is not None)
    assert run.step("make").input == {"day": "2027-03-02T09:00:00.000Z"}


def test_a_run_that_takes_longer_than_its_schedule_allows_has_failed() -> None:
    world = World()
    world.put(timeout="2h")

    world.pass_(days=1)

    (run,) = world.runs()
    assert (run.state, run.reason) == (ProcessState.FAILED, "timeout")
    assert world.schedule().open_runs == {}


@pytest.mark.parametrize(
    ("catch_up", "overlap", "times"),
    [
        (False, "allow", []),
        (True, "allow", ["03-02 09:00", "03-03 09:00", "03-04 09:00"]),
        (True, "skip", ["03-02 09:00"]),
    ],
)
def test_missed_runs_are_caught_up_with_only_where_that_is_asked_for(
    catch_up: bool, overlap: str, times: list[str]
) -> None:
    world = World()
    world.put(catch_up=catch_up, overlap=overlap)

    world.sleep(days=3)

    assert world.times() == times
    assert world.schedule().next_at == datetime(2027, 3, 5, 9, tzinfo=UTC)


def test_missed_runs_are_told_once() -> None:
    world = World()
    world.put()

    world.sleep(days=3)

    assert world.skipped() == [("03-02 09:00", "missed")]


def test_a_sweep_that_comes_a_little_late_misses_nothing() -> None:
    world = World()
    world.put()

    world.sleep(hours=21, minutes=4)

    assert world.times() == ["03-02 09:00"]


def test_a_long_time_is_caught_up_with_in_several_changes() -> None:
    world = World()
    world.put(every="1m", catch_up=True, overlap="allow")

    world.clock.advance(minutes=60)
    world.runner.run()
    assert len(world.times()) == 60
    assert max(event["event_count"] for event in world.runner.history(world.process())) <= 25


def test_a_paused_schedule_starts_nothing_and_goes_on_with_the_next_time() -> None:
    world = World()
    world.put(overlap="allow")
    world.schedules.pause("t", "daily")
    world.pass_(days=3)
    assert world.times() == []

    world.schedules.resume("t", "daily")
    world.pass_(days=1)

    assert world.times() == ["03-05 09:00"]


def test_a_paused_schedule_catches_up_where_that_is_asked_for() -> None:
    world = World()
    world.put(overlap="allow", catch_up=True)
    world.schedules.pause("t", "daily")
    world.pass_(days=2)

    world.schedules.resume("t", "daily")
    world.runner.run()

    assert world.times() == ["03-02 09:00", "03-03 09:00"]


@pytest.mark.parametrize("catch_up", [True, False])
def test_what_passed_while_a_schedule_was_paused_makes_no_sweep_late(catch_up: bool) -> None:
    world = World()
    world.put(catch_up=catch_up)
    world.schedules.pause("t", "daily")
    world.pass_(days=2)

    world.schedules.resume("t", "daily")

    assert world.process().wake_up_at == world.clock()


def test_a_run_can_be_wanted_at_once() -> None:
    world = World()
    world.put()

    world.schedules.start_run("t", "daily", request_id="r1")
    world.schedules.start_run("t", "daily", request_id="r1", overlap=Overlap.ALLOW)
    world.runner.run()

    assert world.times() == ["03-01 12:00"]


def test_a_range_of_the_past_is_run_one_after_the_other() -> None:
    world = World()
    world.put()
    world.schedules.backfill("t", "daily", after=START - timedelta(days=3), until=START)
    world.runner.run()
    assert world.times() == ["02-27 09:00"]

    world.finish(world.runs()[-1])
    assert world.times() == ["02-27 09:00", "02-28 09:00"]
    world.finish(world.runs()[-1])
    world.finish(world.runs()[-1])

    assert world.times() == ["02-27 09:00", "02-28 09:00", "03-01 09:00"]
    assert world.schedule().backfills == ()


def test_a_range_of_the_past_is_run_side_by_side() -> None:
    world = World()
    world.put(cron="*/10 * * * *")

    world.schedules.backfill(
        "t", "daily", after=START - timedelta(hours=10), until=START, side_by_side=True
    )
    world.runner.run()

    assert len(world.times()) == len(set(world.times())) == 60
    assert world.schedule().backfills == ()


def test_a_range_that_has_no_room_side_by_side_waits_and_leaves_nothing_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scheduling, "MAX_OPEN", 30)
    world = World()
    world.put(cron="*/10 * * * *")

    world.schedules.backfill(
        "t", "daily", after=START - timedelta(hours=6), until=START, side_by_side=True
    )
    world.runner.run()
    assert len(world.times()) == 30
    for run in world.runs()[:6]:
        world.finish(run)

    assert len(world.times()) == len(set(world.times())) == 36
    assert (world.schedule().skipped, world.schedule().backfills) == (0, ())


def test_a_schedule_made_anew_has_other_runs_than_the_one_that_the_store_forgot() -> None:
    ids = []
    for start in (START, START + timedelta(days=30)):
        world = World(start)
        world.put()
        ids += world.schedules.start_run("t", "daily").open_runs

    assert len(set(ids)) == 2


def test_the_next_times_can_be_asked_for() -> None:
    world = World()
    world.put(cron="0 9 * * MON")

    times = world.schedules.upcoming("t", "daily", 2)

    assert times == [datetime(2027, 3, 8, 9, tzinfo=UTC), datetime(2027, 3, 15, 9, tzinfo=UTC)]
