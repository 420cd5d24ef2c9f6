"""How work is delivered: by the bus, by a queue, to a handler of one step or of several."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from trellis_process.errors import InvalidInput
from trellis_process.worker import NotWork, StepContext, Worker


class Reports:
    """A tracker that takes every report and remembers which step was completed."""

    def __init__(self) -> None:
        self.completed: list[str] = []

    def complete_step(
        self, process: object, step_name: str, output: object, **said: object
    ) -> None:
        if output == "broken":
            raise ConnectionError("the tracker is away")
        self.completed.append(f"{step_name}: {output}")


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def worker(reports: Reports) -> Worker:
    worker = Worker(reports)  # type: ignore[arg-type]

    @worker.step("create_case")
    def create_case(ctx: StepContext) -> Any:
        """Creates the case."""
        return ctx.aggregate_id

    @worker.step("tell_patient")
    def tell_patient(ctx: StepContext) -> Any:
        return ctx.aggregate_id

    return worker


def an_event(about: str = "ref-1", step: str = "create_case", kind: str = "StepStarted") -> Any:
    return {
        "source": "trellis",
        "detail-type": kind,
        "detail": {
            "type": kind,
            "tenant_id": "tenant-1",
            "process_id": "process-1",
            "process_type": "CaseCreation",
            "aggregate_type": "Referral",
            "aggregate_id": about,
            "step_name": step,
            "attempt": 1,
        },
    }


def asking(
    service: str, step: str = "create_case", kind: str = "StepStarted", **more: object
) -> Any:
    event = an_event(step=step, kind=kind)
    return {**event, "detail": {**event["detail"], "service": service, **more}}


def batch(*bodies: object, ordered: bool = False) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m-{n}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"MessageGroupId": "one"} if ordered else {},
            }
            for n, body in enumerate(bodies, start=1)
        ]
    }


def brought_again(answer: Any) -> list[str]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


@pytest.mark.parametrize("kind", ["StepStarted", "StepResumed"])
def test_an_event_of_the_bus_is_done(worker, reports, kind):
    assert worker.handler(an_event(kind=kind), None) is None
    assert reports.completed == ["create_case: ref-1"]


def test_a_batch_of_a_queue_is_done(worker, reports):
    answer = worker.handler(batch(an_event("a"), an_event("b", "tell_patient")), None)

    assert answer == {"batchItemFailures": []}
    assert reports.completed == ["create_case: a", "tell_patient: b"]


def test_a_rule_may_pass_on_the_detail_alone(worker, reports):
    worker.handler(batch(an_event("a")["detail"]), None)
    worker.handler(an_event("b")["detail"], None)

    assert reports.completed == ["create_case: a", "create_case: b"]


def test_a_message_whose_work_fails_is_brought_again_and_the_others_are_done(worker, reports):
    answer = worker.handler(batch(an_event("a"), an_event("broken"), an_event("c")), None)

    assert brought_again(answer) == ["m-2"]
    assert reports.completed == ["create_case: a", "create_case: c"]


def test_in_a_fifo_queue_none_overtakes_the_one_that_failed(worker, reports):
    answer = worker.handler(
        batch(an_event("a"), an_event("broken"), an_event("c"), ordered=True), None
    )

    assert brought_again(answer) == ["m-2", "m-3"]
    assert reports.completed == ["create_case: a"]


def test_what_a_single_events_work_raises_is_raised(worker):
    with pytest.raises(ConnectionError):
        worker.handler(an_event("broken"), None)


@pytest.mark.parametrize("kind", ["StepCompleted", "ProcessStarted", "StepSuspended"])
def test_events_that_ask_for_no_work_are_passed_over(worker, reports, kind):
    event = {"detail-type": kind, "detail": {"type": kind, "step_name": "somebody else's"}}

    assert worker.handler(batch(event), None) == {"batchItemFailures": []}
    assert reports.completed == []


def test_a_long_list_that_is_undone_in_its_parts_asks_no_worker(worker, reports):
    event = an_event(step="undo:all")
    event["detail"] |= {"type": "CompensationStarted"}
    event["detail"].pop("service", None)

    assert worker.handler(event, None) is None
    assert reports.completed == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("not json", "the message is no JSON"),
        ("[]", "no event of Trellis"),
        ({"detail": {}}, "it has no type"),
        ({"detail": {"type": "StepStarted", "attempt": 1}}, "has no tenant_id, process_id"),
        (an_event(step="other"), "nobody here does step 'other'; there are create_case"),
    ],
)
def test_what_is_no_work_for_it_goes_to_the_dead_letters(worker, reports, caplog, body, told):
    assert brought_again(worker.handler(batch(body), None)) == ["m-1"]
    assert told in caplog.text
    assert reports.completed == []


def test_a_function_refuses_the_work_of_another_step(worker, reports):
    create_case = worker.step("only_this")(lambda ctx: None)

    with pytest.raises(NotWork, match=r"does step 'only_this', the event is about 'create_case'"):
        create_case(an_event(), None)


@pytest.mark.parametrize("kind", ["StepStarted", "StepResumed", "CompensationStarted"])
def test_the_service_that_is_asked_does_the_work_whatever_the_steps_name(worker, reports, kind):
    worker.service("Cases.create")(lambda ctx: f"{ctx.service} for {ctx.input}")

    worker.handler(asking("Cases.create", "create_case", kind, input={"n": 1}), None)
    worker.handler(asking("Cases.create", "open:3", kind), None)

    assert reports.completed == [
        "create_case: Cases.create for {'n': 1}",
        "open:3: Cases.create for {}",
    ]


def test_a_step_that_asks_another_service_is_done_by_whoever_does_steps_of_its_name(
    worker, reports
):
    worker.service("Cases.create")(lambda ctx: "not me")
    worker.handler(asking("Cases.open", "create_case"), None)

    assert reports.completed == ["create_case: ref-1"]


def test_a_compensation_is_told_what_it_undoes(worker, reports):
    worker.service("Cases.drop")(lambda ctx: [ctx.undoes, ctx.input])

    event = asking("Cases.drop", "undo:pack:17", "CompensationStarted", input={"output": "c-7"})
    worker.handler(event, None)

    assert reports.completed == ["undo:pack:17: ['pack:17', {'output': 'c-7'}]"]


def test_what_asks_a_service_that_is_not_here_goes_to_the_dead_letters(worker):
    worker.service("Cases.create")(lambda ctx: None)

    with pytest.raises(
        NotWork, match=r"nobody here does service 'Cases\.open'; there are Cases\.create: let the"
    ):
        worker.handler(asking("Cases.open", "other"), None)


def test_a_function_refuses_the_work_of_another_service(worker):
    create = worker.service("Cases.create")(lambda ctx: None)

    with pytest.raises(NotWork, match=r"does service 'Cases\.create', the event is about 'Cases"):
        create(asking("Cases.open"), None)


def test_a_service_is_done_by_one_function(worker):
    worker.service("Cases.create")(lambda ctx: None)
    with pytest.raises(ValueError, match=r"service 'Cases\.create' is done by"):
        worker.service("Cases.create")


def test_it_says_which_services_and_steps_it_does(worker):
    worker.service("Cases.create")(lambda ctx: None)

    assert worker.services == ["Cases.create"]
    assert worker.steps == ["create_case", "tell_patient"]


@pytest.mark.parametrize(
    ("attempt", "first_attempt", "permitted", "is_last"),
    [
        (1, None, 0, True),
        (1, None, 1, False),
        (2, None, 1, True),
        (4, 4, 1, False),
        (5, 4, 1, True),
    ],
)
def test_it_is_told_whether_a_retry_is_left_also_where_the_step_was_entered_before(
    worker, reports, attempt, first_attempt, permitted, is_last
):
    worker.service("Cases.create")(lambda ctx: ctx.is_last_attempt)
    said = {} if first_attempt is None else {"first_attempt": first_attempt}
    worker.handler(
        asking("Cases.create", attempt=attempt, retries_permitted=permitted, **said), None
    )

    assert reports.completed == [f"create_case: {is_last}"]


def test_the_decorated_function_can_still_be_called_itself():
    worker = Worker()

    @worker.step("create_case")
    def create_case(ctx: StepContext) -> str:
        """Creates the case."""
        return "called"

    assert create_case.function(None) == "called"  # type: ignore[arg-type]
    assert create_case.__doc__ == "Creates the case."


def test_one_step_is_done_by_one_function(worker):
    with pytest.raises(ValueError, match="step 'create_case' is done by"):
        worker.step("create_case")


def test_a_step_has_a_name():
    with pytest.raises(InvalidInput):
        Worker().step("no name")


def test_without_a_tracker_it_says_how_to_name_one(monkeypatch):
    monkeypatch.delenv("TRELLIS_API_URL", raising=False)
    worker = Worker()
    worker.step("create_case")(lambda ctx: None)

    with pytest.raises(LookupError, match="set TRELLIS_API_URL"):
        worker.handler(an_event(), None)


def test_importing_it_loads_neither_boto3_nor_pydantic():
    program = "import sys, trellis_process.worker; print(*{n.split('.')[0] for n in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, check=True, text=True
    ).stdout.split()

    assert not {"boto3", "botocore", "pydantic", "pynamodb", "aws_lambda_powertools"} & set(loaded)
