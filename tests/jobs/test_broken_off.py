"""A job that breaks off anywhere, and two that do the same: each process once, no result lost."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.jobs.world import OF_V1, TENANT, Killed, World, cancel, command
from trellis_process.application import job_service
from trellis_process.application.job_request import CommandName, JobCommand
from trellis_process.application.job_states import JobOutcome, JobState
from trellis_process.application.jobs import Job

COMMANDS = [
    cancel(),
    command(CommandName.SUSPEND_PROCESS),
    command(CommandName.RESUME_PROCESS),
    command(CommandName.RETRY_STEP),
    command(CommandName.SKIP_STEP, "pay"),
    command(CommandName.RERUN_FROM, "pack"),
]


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_service, "PIECE", 3)


def a_world_for(asked: JobCommand, count: int = 7) -> World:
    world = World()
    for order in world.orders(count):
        world.engine.complete_step(order, "pack", attempt=1)
        if asked.command is CommandName.RESUME_PROCESS:
            world.engine.suspend_process(order)
        elif asked.command is CommandName.RETRY_STEP:
            world.fail(order, "pay")
    return world


def check(world: World, job: Job, count: int = 7) -> None:
    """Every process was changed once by the job, and has one result, which says so."""
    assert job.state is JobState.COMPLETED
    assert (job.progress.matched, job.progress.done) == (count, count)
    assert list(world.changes_by(job).values()) == [1] * count
    results = world.results(job)
    assert len({each.process_id for each in results}) == len(results) == count
    assert {each.outcome for each in results} == {JobOutcome.DONE}


@pytest.mark.parametrize("asked", COMMANDS, ids=lambda each: each.command)
@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
def test_a_job_killed_at_any_write_gives_each_process_its_command_once(
    asked: JobCommand, takes_effect: bool
) -> None:
    points = 0
    while True:
        points += 1
        world = a_world_for(asked)
        job = world.service().start(TENANT, asked, OF_V1)
        world.cut.writes, world.cut.at, world.cut.takes_effect = 0, points, takes_effect
        try:
            world.service().run(TENANT, job.job_id)
        except Killed:
            job = world.service().run(TENANT, job.job_id)
            check(world, job)
        else:
            break
    assert points == 3 * 3 + 7 + 1  # of each piece its plan, its end and the job; and each process


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
def test_a_run_of_a_dry_run_killed_at_any_write_does_too(takes_effect: bool) -> None:
    for point in range(1, 17):
        world = a_world_for(cancel())
        dry = world.service().start(TENANT, cancel(), OF_V1, dry_run=True)
        world.service().run(TENANT, dry.job_id)
        job = world.service().start(TENANT, of=dry.job_id)
        world.cut.writes, world.cut.at, world.cut.takes_effect = 0, point, takes_effect
        with pytest.raises(Killed):
            world.service().run(TENANT, job.job_id)

        check(world, world.service().run(TENANT, job.job_id))


def test_a_step_that_moved_on_after_the_job_broke_off_is_not_given_the_command_again() -> None:
    asked = command(CommandName.RERUN_FROM, "pack")
    world = a_world_for(asked, count=1)
    (order,) = world.engine.list_processes(TENANT).processes
    job = world.service().start(TENANT, asked, OF_V1)
    world.cut.writes, world.cut.at, world.cut.takes_effect = 0, 2, True  # the process's own
    with pytest.raises(Killed):
        world.service().run(TENANT, job.job_id)
    world.engine.complete_step(order.key, "pack", attempt=2)

    job = world.service().run(TENANT, job.job_id)

    assert world.changes_by(job) == {order.process_id: 1}
    (result,) = world.results(job)
    assert (result.outcome, result.code) == (JobOutcome.UNCHANGED, "gone_on")
    assert world.get(order).step("pack").visits == 2


@pytest.mark.parametrize("asked", COMMANDS, ids=lambda each: each.command)
def test_several_that_run_a_job_at_once_give_each_process_its_command_once(
    asked: JobCommand,
) -> None:
    for _ in range(10):
        world = a_world_for(asked)
        job = world.service().start(TENANT, asked, OF_V1)
        with ThreadPoolExecutor(4) as pool:
            runs = [pool.submit(world.service().run, TENANT, job.job_id) for _ in range(4)]
        assert [each.result().state for each in runs] == [JobState.COMPLETED] * 4

        check(world, world.service().get(TENANT, job.job_id))


def test_any_order_of_two_runs_killed_again_and_again_comes_to_the_same() -> None:
    for seed in range(150):
        chance = random.Random(seed)
        asked = chance.choice(COMMANDS)
        world = a_world_for(asked)
        job = world.service().start(TENANT, asked, OF_V1)
        for _ in range(chance.randint(1, 6)):
            world.cut.writes, world.cut.at = 0, chance.randint(1, 8)
            world.cut.takes_effect = chance.random() < 0.5
            try:
                world.service().run_some(TENANT, job.job_id, pieces=chance.randint(1, 3))
            except Killed:
                continue
        world.cut.at = None
        check(world, world.service().run(TENANT, job.job_id))
