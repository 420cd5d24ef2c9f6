"""Processes that definitions order, run to their ends in one program."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta

import pytest

from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    ManualClock,
    Process,
    ProcessState,
)
from trellis_process.application.clock import system_clock
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    Branch,
    ForEach,
    ForEachStep,
    HumanTask,
    HumanTaskStep,
    Outcome,
    Parallel,
    ParallelStep,
    Query,
    QueryStep,
    SendStep,
    SubprocessStep,
    WaitStep,
)
from trellis_process.errors import InvalidInput, StoreUnavailable
from trellis_process.runner import NoHandler, Runner, Store
from trellis_process.testing import START
from trellis_process.worker import Fatal, StepContext, Worker

from .orders import a_definition, a_runner, as_stored, does, service, started, told, undo

SAGA = a_definition(
    service("pay", inputs={"n": "input.n"}, compensate_with="refund"),
    service("reserve", compensate_with="release"),
    service("ship"),
    inputs={"n": "number"},
    outputs={"parcel": "steps.ship.output"},
    compensations=(undo("refund"), undo("release")),
)


# -- work ------------------------------------------------------------------------------------


def test_a_process_runs_from_step_to_step_to_its_end():
    runner = a_runner(SAGA)
    given = []

    @runner.service("Services.pay")
    def pay(ctx: StepContext) -> dict:
        given.append((ctx.service, ctx.step_name, ctx.input, ctx.undoes))
        return {"id": "p-1"}

    does(runner, "reserve")
    does(runner, "ship", output="parcel-7")
    process = started(runner, input={"n": 3})
    assert as_stored(runner, process).state is ProcessState.IN_PROGRESS

    runner.run()

    assert as_stored(runner, process).output == {"parcel": "parcel-7"}
    assert given == [("Services.pay", "pay", {"n": 3}, None)]
    assert told(runner, process) == [
        "ProcessStarted",
        "StepStarted pay",
        "StepCompleted pay",
        "StepStarted reserve",
        "StepCompleted reserve",
        "StepStarted ship",
        "StepCompleted ship",
        "ProcessCompleted",
    ]


def test_what_was_completed_is_undone_in_reverse():
    runner = a_runner(SAGA)
    undone = []
    does(runner, "reserve")
    does(runner, "pay", output="p-1")

    @runner.service("Services.ship")
    def ship(ctx: StepContext) -> None:
        raise Fatal("no truck")

    def take_back(ctx: StepContext) -> None:
        undone.append((ctx.undoes, ctx.input))

    runner.service("Services.refund")(take_back)
    runner.service("Services.release")(take_back)
    process = started(runner, input={"n": 3})
    runner.run()

    ended = as_stored(runner, process)
    assert (ended.state, ended.compensation) == (ProcessState.FAILED, "done")
    assert undone == [
        ("reserve", {"input": {}, "output": None}),
        ("pay", {"input": {"n": 3}, "output": "p-1"}),
    ]


def test_a_registered_function_stays_a_plain_one():
    runner = a_runner()

    @runner.service("Services.pay")
    @runner.service("Services.pay_later")
    def pay(ctx: object) -> str:
        return "paid"

    assert pay(None) == "paid"


def test_a_service_is_done_by_one_function():
    runner = a_runner()
    does(runner, "pay")
    with pytest.raises(ValueError, match=r"service 'Services\.pay' is done by"):
        does(runner, "pay")


def test_workers_of_a_deployment_do_the_work_as_they_would_there():
    worker = Worker()
    worker.service("Services.pay")(lambda ctx: "paid")
    runner = Runner(worker, clock=ManualClock())
    runner.register(a_definition(service("pay")))
    process = started(runner)
    runner.run()

    assert as_stored(runner, process).step("pay").output == "paid"


def test_queries_are_work_for_the_service_of_that_name():
    query = QueryStep("find", query=Query(source="orders", filters={"n__gt": "1 + 1"}))
    runner = a_runner(a_definition(query, outputs={"found": "steps.find.output"}))
    runner.service("trellis.query")(lambda ctx: [ctx.input["source"], ctx.input["filters"]])
    process = started(runner)
    runner.run()

    assert as_stored(runner, process).output == {"found": ["orders", {"n__gt": 2}]}


def test_a_missing_handler_is_named_with_the_nearest_and_its_work_is_not_lost():
    runner = a_runner(a_definition(service("pay"), service("ship")))
    done = does(runner, "pay")
    runner.service("Services.shop")(lambda ctx: None)
    process = started(runner)

    with pytest.raises(
        NoHandler,
        match=r"no handler for service 'Services\.ship', which step 'ship' of 'order' asks for; "
        r"did you mean 'Services\.shop'\? There are Services\.pay, Services\.shop; give",
    ) as missing:
        runner.run()
    assert missing.value.service == "Services.ship"

    done_now = does(runner, "ship")
    runner.run()
    assert as_stored(runner, process).is_completed()
    assert (done, done_now) == (["pay"], ["ship"])


def test_work_may_be_left_to_others_who_report_it_themselves():
    runner = a_runner(a_definition(service("pay")), allow_missing=True)
    process = started(runner)
    runner.run()
    assert as_stored(runner, process).state is ProcessState.IN_PROGRESS

    runner.engine.complete_step(process, "pay", attempt=1)
    assert as_stored(runner, process).is_completed()


# -- time ------------------------------------------------------------------------------------


def test_advancing_sweeps_at_each_moment_at_which_something_is_due():
    waits = [WaitStep(f"wait_{n}", wait="1d") for n in range(3)]
    runner = a_runner(a_definition(*waits))
    process = started(runner)

    runner.advance(days=2, hours=23, minutes=59)
    assert as_stored(runner, process).state is ProcessState.IN_PROGRESS
    runner.advance(minutes=1)

    assert as_stored(runner, process).is_completed()
    completed = [each for each in runner.history(process) if each["type"] == "StepCompleted"]
    assert [datetime.fromisoformat(each["time"]) - START for each in completed] == [
        timedelta(days=1),
        timedelta(days=2),
        timedelta(days=3),
    ]


def test_running_does_what_is_due_by_now():
    runner = a_runner(a_definition(WaitStep("wait", wait="1h")))
    process = started(runner)
    runner.run()
    runner.clock.advance(hours=1)
    runner.run()

    assert as_stored(runner, process).is_completed()


def test_the_real_clock_is_not_moved():
    runner = a_runner(clock=system_clock)
    with pytest.raises(TypeError, match="only a ManualClock can be moved"):
        runner.advance(days=1)


def test_time_does_not_go_back():
    runner = a_runner()
    with pytest.raises(ValueError, match="cannot advance by"):
        runner.advance(days=-1)
    assert runner.clock() == START


def test_running_forever_sleeps_until_the_next_wake_up():
    clock = ManualClock()
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds=seconds)

    runner = a_runner(
        a_definition(WaitStep("short", wait="20s"), WaitStep("long", wait="90s")),
        clock=clock,
        pause=sleep,
    )
    process = started(runner)
    runner.run_forever(until=lambda: as_stored(runner, process).is_completed())

    assert slept == [20, 60, 30]
    assert clock() == START + timedelta(seconds=110)


def test_running_forever_can_be_stopped_and_begun_again():
    runner = a_runner(a_definition(service("pay")))
    does(runner, "pay")

    @runner.on("ProcessCompleted")
    def stop(event: dict) -> None:
        runner.stop()

    for _ in range(2):
        process = started(runner)
        runner.run_forever()
        assert as_stored(runner, process).is_completed()


def test_a_signals_handler_stops_it_while_it_sleeps():
    runner = Runner()  # with the real clock, and the real sleep of a minute
    before = signal.signal(signal.SIGALRM, lambda number, frame: runner.stop())
    began = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        runner.run_forever()
    finally:
        signal.signal(signal.SIGALRM, before)

    assert time.monotonic() - began < 30


def test_what_happens_meanwhile_wakes_the_one_who_sleeps():
    runner = Runner()  # with the real clock, and the real sleep
    runner.register(a_definition(service("pay")))
    does(runner, "pay")

    def another_program() -> bool:
        if not runner.events:
            started(runner)  # after the run, before the sleep
            return False
        return runner.events[-1]["type"] == "ProcessCompleted"

    runner.run_forever(until=another_program)


def test_what_keeps_a_sweep_from_its_work_is_raised():
    class Away(InMemoryProcessRepository):
        is_away = False

        def save(self, process: Process) -> None:
            if self.is_away:
                raise StoreUnavailable("away", may_have_happened=False)
            super().save(process)

    processes = Away()
    in_memory = Store.in_memory()
    store = Store(processes, InMemoryStepTrackerRepository(processes), in_memory.definitions)
    runner = a_runner(a_definition(WaitStep("wait", wait="1h")), store=store)
    process = started(runner)

    processes.is_away = True
    with pytest.raises(StoreUnavailable):
        runner.advance(hours=2)
    assert runner.clock() == START + timedelta(hours=1)

    processes.is_away = False
    runner.run()
    assert as_stored(runner, process).is_completed()


# -- people, signals, children ---------------------------------------------------------------


def test_people_and_signals_come_in_by_the_engine():
    task = HumanTask(surface="review", outcomes=(Outcome(name="yes"), Outcome(name="no")))
    runner = a_runner(
        a_definition(
            HumanTaskStep("review", human_task=task),
            WaitStep("paid", wait_for_signal="payment"),
            outputs={"chosen": "steps.review.outcome", "paid": "steps.paid.output"},
        )
    )
    process = started(runner)
    runner.engine.signal(process, "payment", 12)
    runner.engine.claim_task(process, "review", by="ann")
    runner.engine.complete_step(process, "review", outcome="yes", actor="ann")
    runner.run()

    assert as_stored(runner, process).output == {"chosen": "yes", "paid": 12}


def test_children_are_started_and_their_ends_reported():
    runner = a_runner(
        a_definition(SubprocessStep("run", subprocess="child"), outputs={"of": "steps.run.output"}),
        a_definition(service("pay"), name="child", outputs={"paid": "steps.pay.output"}),
    )
    does(runner, "pay", output=12)
    process = started(runner)
    runner.run()

    assert as_stored(runner, process).output == {"of": {"paid": 12}}


def over_a_list(on_item_failure: str = "continue") -> ProcessDefinition:
    foreach = ForEach(
        items="input.records",
        steps=(service("pay", inputs={"n": "item.n"}),),
        max_concurrency=50,
        on_item_failure=on_item_failure,
    )
    return a_definition(
        ForEachStep("all", foreach=foreach),
        outputs={"processed": "steps.all.output.processed", "errors": "steps.all.output.errors"},
    )


def test_a_list_in_pages_is_dealt_with_in_parts():
    runner = a_runner(over_a_list())
    assert runner.lists is not None
    seen = []
    runner.service("Services.pay")(lambda ctx: seen.append(ctx.input["n"]))
    records = runner.lists.put("t", [{"n": n} for n in range(130)])
    process = started(runner, input={"records": records})
    runner.run()

    assert as_stored(runner, process).output == {"processed": 130, "errors": 0}
    assert sorted(seen) == list(range(130))


@pytest.mark.parametrize(("failing", "is_completed"), [({7, 99}, True), ({7, 8, 99}, False)])
def test_how_many_items_may_fail_is_counted_over_all_parts(failing: set[int], is_completed: bool):
    runner = a_runner(over_a_list(on_item_failure="2%"))

    @runner.service("Services.pay")
    def pay(ctx: StepContext) -> None:
        if ctx.input["n"] in failing:
            raise Fatal("no money")

    process = started(runner, input={"records": [{"n": n} for n in range(100)]})
    runner.run()

    ended = as_stored(runner, process)
    assert ended.is_completed() is is_completed
    if is_completed:
        assert ended.output == {"processed": 100, "errors": 2}


# -- events ----------------------------------------------------------------------------------


def test_listeners_are_told_what_they_asked_for():
    runner = a_runner(
        a_definition(SendStep("tell", channel="mail", message="Hello", inputs={"to": "'ann'"}))
    )
    everything, messages = [], []
    runner.on()(everything.append)
    runner.on("MessageSent")(messages.append)
    started(runner)
    runner.run()

    assert [(each["channel"], each["message"], each["payload"]) for each in messages] == [
        ("mail", "Hello", {"to": "ann"})
    ]
    assert everything == runner.events


def test_an_event_whose_listener_fails_comes_again():
    runner = a_runner(a_definition(service("pay")))
    done = does(runner, "pay")
    told_of = []

    @runner.on("StepStarted")
    def listen(event: dict) -> None:
        told_of.append(event["id"])
        if len(told_of) == 1:
            raise ConnectionError("away")

    started(runner)
    with pytest.raises(ConnectionError):
        runner.run()
    assert done == []
    runner.run()

    assert done == ["pay"]
    assert told_of == [told_of[0]] * 2


def test_there_is_nobody_to_tell_of_what_never_happens():
    runner = a_runner()
    with pytest.raises(
        InvalidInput, match=r"type: got 'StepComplete'.*did you mean 'StepCompleted'"
    ):
        runner.on("StepComplete")


def test_delivering_everything_twice_changes_nothing():
    parallel = Parallel(
        branches=(
            Branch(name="a", steps=(service("pay"),)),
            Branch(name="b", steps=(SubprocessStep("run", subprocess="child"),)),
        )
    )
    runner = a_runner(
        a_definition(ParallelStep("both", parallel=parallel)),
        a_definition(service("ship"), name="child"),
    )
    does(runner, "pay", "ship")
    process = started(runner)
    runner.run()
    ended, events = as_stored(runner, process), list(runner.events)
    assert ended.is_completed()

    runner.deliver_again()

    assert as_stored(runner, process) == ended
    assert runner.events == events


def test_a_program_that_runs_for_long_need_not_keep_events():
    runner = a_runner(a_definition(service("pay")), keeps_events=False)
    does(runner, "pay")
    process = started(runner)
    runner.run()

    assert as_stored(runner, process).is_completed()
    assert (runner.events, runner.history(process)) == ([], [])


# -- stores ----------------------------------------------------------------------------------


def test_on_dynamodb_the_history_is_the_same():
    from moto import mock_aws

    from trellis_process import dynamodb

    def history(store: Store | None) -> list[dict]:
        runner = a_runner(over_a_list(), store=store)
        assert runner.lists is not None

        @runner.service("Services.pay")
        def pay(ctx: StepContext) -> None:
            if ctx.input["n"] == 7:
                raise Fatal("no money")

        records = runner.lists.put("t", [{"n": n} for n in range(30)], key="records")
        started(runner, key="k", input={"records": records})
        runner.run()
        assert runner.events[-1]["type"] == "ProcessCompleted"
        return runner.events

    with mock_aws():
        table = dynamodb.Table("trellis", region="us-east-1")
        table.create()
        processes = dynamodb.DynamoDBProcessRepository(table)
        on_dynamodb = history(
            Store(
                processes,
                dynamodb.DynamoDBStepTrackerRepository(table),
                dynamodb.DynamoDBDefinitionRepository(table),
                dynamodb.DynamoDBListRepository(table),
            )
        )
    assert on_dynamodb == history(None)


def test_it_needs_no_cloud_and_no_pytest():
    program = """
import sys
from trellis_process import ProcessDefinition, WaitStep
from trellis_process.runner import Runner
runner = Runner()
runner.register(ProcessDefinition("order", version=1, steps=(WaitStep("wait", wait="1d"),)))
runner.start("order", tenant_id="t")
runner.run()
print(*{name.partition(".")[0] for name in sys.modules})
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    loaded = set(done.stdout.split())

    assert "trellis_process" in loaded
    assert not {"boto3", "botocore", "pynamodb", "aws_lambda_powertools", "pytest"} & loaded
