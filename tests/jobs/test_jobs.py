"""Jobs: a command for all processes that a filter is about, foreseen, followed and called off."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.jobs.world import OF_V1, TENANT, Killed, World, cancel, command
from trellis_process import ProcessStep
from trellis_process.application import job_service
from trellis_process.application.job_request import CommandName, JobFilter
from trellis_process.application.job_states import JobOutcome, JobState
from trellis_process.domain.own_services import SCHEDULE
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.errors import (
    IdempotencyKeyReused,
    InvalidInput,
    JobNotFound,
    StoreUnavailable,
)
from trellis_process.testing import a_process


@pytest.fixture
def world() -> World:
    return World()


def test_a_job_cancels_the_processes_of_one_version_and_no_others(world: World) -> None:
    first, second = world.orders(30, version=1), world.orders(30, version=2)
    jobs = world.service()

    job = jobs.start(TENANT, cancel(), OF_V1, actor="maria", reason="recalled")
    assert (job.state, job.version) == (JobState.PLANNED, 1)
    job = jobs.run(TENANT, job.job_id)

    assert job.state is JobState.COMPLETED
    assert job.progress.as_json() == {
        "looked_at": 60,
        "matched": 30,
        "done": 30,
        "unchanged": 0,
        "refused": 0,
        "failed": 0,
    }
    assert {world.get(each).state for each in first} == {ProcessState.CANCELLED}
    assert {world.get(each).state for each in second} == {ProcessState.IN_PROGRESS}
    cancelled = world.get(first[0])
    assert cancelled.reason == f"recalled (job {job.job_id})"
    assert {event.actor for event in cancelled.events} == {"maria"}
    results = world.results(job)
    assert [each.process_id for each in results] == [each.process_id for each in reversed(first)]
    assert {(each.outcome, each.state, each.version) for each in results} == {
        (JobOutcome.DONE, "cancelled", 2)
    }
    assert results[0].events == ("ProcessCancelled",)


def test_a_dry_run_says_what_would_happen_and_writes_nothing(world: World) -> None:
    orders = world.orders(3)
    before = [world.get(each) for each in orders]
    jobs = world.service()

    job = jobs.start(TENANT, cancel(), OF_V1, dry_run=True)
    job = jobs.run(TENANT, job.job_id)

    assert [world.get(each) for each in orders] == before
    assert world.changes_by(job) == {}
    assert (job.progress.matched, job.progress.done) == (3, 3)
    assert {(each.outcome, each.state, each.events) for each in world.results(job)} == {
        (JobOutcome.DONE, "cancelled", ("ProcessCancelled",))
    }


def test_what_a_dry_run_says_is_what_the_real_run_does(world: World) -> None:
    plain = world.engine.start_process(
        tenant_id=TENANT,
        process_type="order",
        aggregate_type="Order",
        aggregate_id="o-1",
        steps=[ProcessStep(name="pack")],
    )
    world.engine.complete_step(plain, "pack")
    orders = world.orders(4)
    world.engine.suspend_process(orders[1])
    world.engine.complete_step(orders[2], "pack", attempt=1)
    world.fail(orders[3])
    jobs = world.service()
    everything = JobFilter(process_type="order", state=None)
    for each in CommandName:
        step = "pack" if each in (CommandName.SKIP_STEP, CommandName.RERUN_FROM) else None
        dry = jobs.start(TENANT, command(each, step), everything, dry_run=True)
        dry = jobs.run(TENANT, dry.job_id)
        real = jobs.start(TENANT, command(each, step), everything)
        real = jobs.run(TENANT, real.job_id)

        assert [
            (result.process_id, result.outcome, result.state, result.events, result.code)
            for result in world.results(dry)
        ] == [
            (result.process_id, result.outcome, result.state, result.events, result.code)
            for result in world.results(real)
        ]
        assert dry.progress == real.progress
        assert real.progress.matched, each


def test_a_real_run_touches_only_what_its_dry_run_listed(world: World) -> None:
    listed = world.orders(3)
    jobs = world.service()
    dry = jobs.start(TENANT, cancel(), OF_V1, dry_run=True)
    dry = jobs.run(TENANT, dry.job_id)
    later = world.orders(2)
    world.engine.cancel_process(listed[1])
    step_further = world.engine.complete_step(listed[2], "pack", attempt=1)

    real = jobs.run(TENANT, jobs.start(TENANT, of=dry.job_id).job_id)

    assert real.expected == 3
    assert (real.progress.matched, real.progress.done, real.progress.refused) == (3, 2, 1)
    (refused,) = world.results(real, outcome=JobOutcome.REFUSED)
    assert (refused.process_id, refused.code) == (listed[1].process_id, "no_longer_matches")
    assert world.get(step_further).state is ProcessState.CANCELLED
    assert {world.get(each).state for each in later} == {ProcessState.IN_PROGRESS}


def test_a_run_of_what_is_no_completed_dry_run_is_refused(world: World) -> None:
    world.orders(1)
    jobs = world.service()
    planned = jobs.start(TENANT, cancel(), OF_V1, dry_run=True)
    real = jobs.run(TENANT, jobs.start(TENANT, cancel(), OF_V1).job_id)

    with pytest.raises(InvalidInput, match=r"of: .*this dry run is planned"):
        jobs.start(TENANT, of=planned.job_id)
    with pytest.raises(InvalidInput, match=r"of: .*this job is completed"):
        jobs.start(TENANT, of=real.job_id)
    with pytest.raises(InvalidInput, match=r"filter: .*it is the dry run's"):
        jobs.start(TENANT, None, OF_V1, of=planned.job_id)
    with pytest.raises(JobNotFound):
        jobs.start("tenant-2", of=planned.job_id)


def test_every_filter_leaves_out_what_it_does_not_mean(world: World) -> None:
    meant, other = world.orders(2)
    world.engine.complete_step(meant, "pack", attempt=1)
    world.fail(meant, "pay")
    world.clock.advance(seconds=1)
    jobs = world.service()
    retry = command(CommandName.RETRY_STEP)
    for given in (
        JobFilter(process_type="order"),
        JobFilter(state=ProcessState.FAILED),
        JobFilter(definition_version=1),
        JobFilter(step_name="pay"),
        JobFilter(started_after=meant.started_at),
        JobFilter(started_before=meant.started_at + timedelta(milliseconds=1)),
        JobFilter(reason="step_"),
    ):
        assert given.matches(world.get(meant), retry), given
    for given in (
        JobFilter(process_type="invoice"),
        JobFilter(state=ProcessState.CANCELLED),
        JobFilter(definition_version=2),
        JobFilter(step_name="send"),
        JobFilter(step_name="pack"),
        JobFilter(started_after=meant.started_at + timedelta(milliseconds=1)),
        JobFilter(started_before=meant.started_at),
        JobFilter(reason="timeout"),
        JobFilter(search_attributes={"region": "north"}),
    ):
        assert not given.matches(world.get(meant), retry), given

    job = jobs.run(TENANT, jobs.start(TENANT, retry, JobFilter(process_type="order")).job_id)

    assert (job.progress.looked_at, job.progress.done) == (1, 1)
    assert world.get(meant).step("pay").attempt == 2
    assert world.get(other).version == 1


def test_search_attributes_are_told_apart_by_their_kind(world: World) -> None:
    (order,) = world.orders(1)
    order.search_attributes = {"region": "north", "vip": True}

    def matches(**asked: object) -> bool:
        return JobFilter(search_attributes=asked).matches(order, cancel())

    assert matches(region="north")
    assert matches(region="north", vip=True)
    assert not matches(vip=1)
    assert not matches(region="north", vip=False)
    assert not matches(size=3)


def test_a_retry_without_a_name_is_about_the_step_that_failed_last(world: World) -> None:
    (order,) = world.orders(1)
    world.engine.complete_step(order, "pack", attempt=1)
    world.fail(order, "pay")
    jobs = world.service()

    job = jobs.start(TENANT, command(CommandName.RETRY_STEP), OF_V1)
    jobs.run(TENANT, job.job_id)

    (result,) = world.results(job)
    assert (result.step_name, result.outcome) == ("pay", JobOutcome.DONE)
    step = world.get(order).step("pay")
    assert (step.state, step.attempt) == (StepState.IN_PROGRESS, 2)


def test_a_step_is_skipped_in_every_process_that_stands_at_it(world: World) -> None:
    at_pack, at_pay = world.orders(2)
    world.engine.complete_step(at_pay, "pack", attempt=1)
    jobs = world.service()
    skip = command(CommandName.SKIP_STEP, "pay", output={"by": "hand"})

    job = jobs.run(TENANT, jobs.start(TENANT, skip, OF_V1).job_id)

    assert (job.progress.looked_at, job.progress.matched, job.progress.done) == (2, 1, 1)
    assert world.get(at_pay).step("pay").output == {"by": "hand"}
    assert world.get(at_pay).step("send").state is StepState.IN_PROGRESS
    assert world.get(at_pack).version == 1


def test_what_the_rules_refuse_is_told_with_its_code_and_stops_nothing(world: World) -> None:
    plain = world.engine.start_process(
        tenant_id=TENANT,
        process_type="order",
        aggregate_type="Order",
        aggregate_id="o-1",
        steps=[ProcessStep(name="pack"), ProcessStep(name="pay")],
    )
    world.engine.complete_step(plain, "pack")
    (order,) = world.orders(1)
    world.engine.complete_step(order, "pack", attempt=1)
    jobs = world.service()
    rerun = command(CommandName.RERUN_FROM, "pack")

    job = jobs.run(TENANT, jobs.start(TENANT, rerun, JobFilter(process_type="order")).job_id)

    assert (job.progress.done, job.progress.refused) == (1, 1)
    (refused,) = world.results(job, outcome=JobOutcome.REFUSED)
    assert (refused.process_id, refused.code) == (plain.process_id, "no_definition")
    assert "no definition" in (refused.message or "")
    assert world.get(order).step("pack").visits == 2


def test_a_process_that_starts_while_the_job_runs_is_none_of_its_business(world: World) -> None:
    world.orders(1)
    jobs = world.service()
    job = jobs.start(TENANT, cancel(), OF_V1)
    (later,) = world.orders(1)

    job = jobs.run(TENANT, job.job_id)

    assert job.progress.matched == 1
    assert world.get(later).state is ProcessState.IN_PROGRESS


def test_another_tenants_processes_and_jobs_are_not_there(world: World) -> None:
    world.orders(1)
    (other,) = world.orders(1, tenant_id="tenant-2")
    jobs = world.service()
    job = jobs.start(TENANT, cancel(), OF_V1)
    jobs.run(TENANT, job.job_id)

    assert world.get(other).state is ProcessState.IN_PROGRESS
    for asked in (jobs.get, jobs.cancel, jobs.resume, jobs.run_some, jobs.results):
        with pytest.raises(JobNotFound):
            asked("tenant-2", job.job_id)


def test_the_same_key_is_the_same_job(world: World) -> None:
    world.orders(2)
    jobs = world.service()
    job = jobs.start(TENANT, cancel(), OF_V1, key="recall-7", reason="recalled")
    job = jobs.run(TENANT, job.job_id)

    again = jobs.start(TENANT, cancel(), OF_V1, key="recall-7", reason="recalled")

    assert again == job
    assert (again.was_there, job.was_there) == (True, False)
    with pytest.raises(IdempotencyKeyReused):
        jobs.start(TENANT, cancel(compensate=True), OF_V1, key="recall-7", reason="recalled")
    assert jobs.start("tenant-2", cancel(), OF_V1, key="recall-7").job_id != job.job_id


def test_a_filter_that_says_nothing_is_for_a_dry_run_alone(world: World) -> None:
    world.orders(2)
    jobs = world.service()
    with pytest.raises(InvalidInput, match=r"filter: got nothing; .*dry run"):
        jobs.start(TENANT, cancel(), JobFilter())

    dry = jobs.run(TENANT, jobs.start(TENANT, cancel(), dry_run=True).job_id)
    real = jobs.run(TENANT, jobs.start(TENANT, of=dry.job_id).job_id)

    assert (dry.progress.done, real.progress.done) == (2, 2)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"command": "Delete"}, "command"),
        ({"command": "SkipStep"}, "step_name"),
        ({"command": "RerunFrom"}, "step_name"),
        ({"command": "CancelProcess", "step_name": "pay"}, "step_name"),
        ({"command": "RetryStep", "step_name": "a b"}, "step_name"),
        ({"command": "RetryStep", "compensate": True}, "compensate"),
        ({"command": "RetryStep", "output": 1}, "output"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_by_its_field(given: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        command(given.pop("command"), **given)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"process_type": "a b"}, "filter.process_type"),
        ({"state": "late"}, "filter.state"),
        ({"definition_version": 0}, "filter.definition_version"),
        ({"step_name": ""}, "filter.step_name"),
        ({"started_after": "2026-01-01"}, "filter.started_after"),
        ({"reason": "x" * 1_025}, "filter.reason"),
        ({"search_attributes": [1]}, "filter.search_attributes"),
        ({"search_attributes": {str(n): n for n in range(11)}}, "filter.search_attributes"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_its_field(given: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        JobFilter(**given)
    assert refused.value.field == field


def test_a_cancelled_job_ends_its_piece_and_begins_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_service, "PIECE", 4)
    orders = world.orders(12)
    jobs = world.service()
    job = jobs.start(TENANT, cancel(), OF_V1)
    jobs.run_some(TENANT, job.job_id)
    world.cut.at, world.cut.writes = 4, 0  # in the middle of the second piece
    with pytest.raises(Killed):
        jobs.run_some(TENANT, job.job_id)

    called_off = jobs.cancel(TENANT, job.job_id)
    assert called_off.state is JobState.CANCELLED
    job = jobs.run(TENANT, job.job_id)
    job = jobs.run_some(TENANT, job.job_id, pieces=10)

    assert job.state is JobState.CANCELLED
    assert (job.progress.matched, job.progress.done) == (8, 8)
    states = Counter(world.get(each).state for each in orders)
    assert states == {ProcessState.CANCELLED: 8, ProcessState.IN_PROGRESS: 4}
    assert jobs.cancel(TENANT, job.job_id) == job


def test_cancelling_a_completed_job_changes_nothing(world: World) -> None:
    world.orders(1)
    jobs = world.service()
    job = jobs.run(TENANT, jobs.start(TENANT, cancel(), OF_V1).job_id)

    assert jobs.cancel(TENANT, job.job_id) == job


def test_who_does_the_work_is_told_of_a_job_until_it_has_ended(world: World) -> None:
    world.orders(1)
    jobs = world.service()
    job = jobs.start(TENANT, cancel(), OF_V1, key="k")
    jobs.start(TENANT, cancel(), OF_V1, key="k")
    jobs.resume(TENANT, job.job_id)
    assert world.told == [(TENANT, job.job_id)] * 3

    jobs.run(TENANT, job.job_id)
    jobs.resume(TENANT, job.job_id)
    jobs.start(TENANT, cancel(), OF_V1, key="k")
    assert len(world.told) == 3


def test_a_job_stops_where_time_is_up_and_goes_on_there(world: World) -> None:
    world.orders(6)
    jobs = world.service()
    job = jobs.start(TENANT, cancel(), OF_V1)
    left = iter([True, True, True, False])

    job = jobs.run_some(TENANT, job.job_id, has_time=lambda: next(left, False))
    assert job.state is JobState.PLANNED
    assert len(world.results(job)) == 2

    job = jobs.run(TENANT, job.job_id)
    assert job.progress.done == 6
    assert set(world.changes_by(job).values()) == {1}


def test_what_the_store_does_not_take_is_tried_again_and_then_told(world: World) -> None:
    first, second = world.orders(2)
    read, failures = world.processes.get, Counter()

    def get(key):
        failures[key.process_id] += 1
        if key.process_id == first.process_id or failures[key.process_id] == 1:
            raise StoreUnavailable("down", may_have_happened=False)
        return read(key)

    world.processes.get = get
    jobs = world.service()
    job = jobs.run(TENANT, jobs.start(TENANT, cancel(), OF_V1).job_id)

    assert (job.progress.done, job.progress.failed) == (1, 1)
    (failed,) = world.results(job, outcome=JobOutcome.FAILED)
    assert (failed.process_id, failed.code) == (first.process_id, "store_unavailable")
    assert failures == {first.process_id: 3, second.process_id: 2}


def test_a_fault_in_one_process_is_told_and_stops_nothing(world: World, caplog) -> None:
    world.orders(2)
    course = world.catalog.course
    broken = iter([True])

    def fails_once(name, version):
        if next(broken, False):
            raise ZeroDivisionError
        return course(name, version)

    world.catalog.course = fails_once
    jobs = world.service()
    job = jobs.run(TENANT, jobs.start(TENANT, cancel(), OF_V1).job_id)

    assert (job.progress.done, job.progress.failed) == (1, 1)
    assert [each.code for each in world.results(job)] == ["internal_error", None]
    assert "ZeroDivisionError" in caplog.text


def test_results_come_in_pages_in_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_service, "PIECE", 3)
    world.orders(10)
    jobs = world.service()
    job = jobs.run(TENANT, jobs.start(TENANT, cancel(), OF_V1).job_id)
    everything = jobs.results(TENANT, job.job_id).results

    found, cursor, sizes = [], None, []
    while True:
        page = jobs.results(TENANT, job.job_id, limit=4, cursor=cursor)
        found += page.results
        sizes.append(len(page.results))
        if (cursor := page.cursor) is None:
            break

    assert found == everything
    assert sizes == [4, 4, 2]
    with pytest.raises(InvalidInput):
        jobs.results(TENANT, job.job_id, cursor="next")
    with pytest.raises(InvalidInput):
        jobs.results(TENANT, job.job_id, limit=101)


def test_where_few_match_a_piece_is_short_and_the_job_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_service, "PIECE", 2)
    monkeypatch.setattr(job_service, "PIECE_LOOKED_AT", 4)
    world.orders(1, version=1)
    world.orders(9, version=2)
    jobs = world.service()

    job = jobs.start(TENANT, cancel(), OF_V1)
    job = jobs.run_some(TENANT, job.job_id)
    assert (job.progress.looked_at, job.progress.matched) == (4, 0)
    job = jobs.run(TENANT, job.job_id)

    assert (job.progress.looked_at, job.progress.matched, job.pages) == (10, 1, 3)
    assert len(world.results(job)) == 1


def test_of_one_type_the_listing_is_read_no_further_than_its_time_goes(world: World) -> None:
    old = world.orders(120)
    new = world.orders(2)
    jobs = world.service()
    recent = replace(OF_V1, started_after=new[0].started_at)

    job = jobs.run(TENANT, jobs.start(TENANT, cancel(), recent).job_id)

    assert job.progress.done == 2
    assert job.progress.looked_at == 50
    assert world.get(old[0]).state is ProcessState.IN_PROGRESS


def test_several_at_once_do_what_one_after_the_other_does(world: World) -> None:
    orders = world.orders(60)
    jobs = world.service(side_by_side=8)

    job = jobs.run(TENANT, jobs.start(TENANT, cancel(), OF_V1).job_id)

    assert job.progress.done == 60
    assert {world.get(each).state for each in orders} == {ProcessState.CANCELLED}
    order = [each.process_id for each in reversed(orders)]
    assert [each.process_id for each in world.results(job)] == order


def test_a_job_about_all_processes_leaves_schedules_alone_unless_it_names_them() -> None:
    schedule = a_process(process_type=SCHEDULE)

    assert not JobFilter(started_after=schedule.started_at).matches(schedule, cancel())
    assert JobFilter(process_type=SCHEDULE).matches(schedule, cancel())
