"""A call is tried again where that may help, a bounded number of times, and harms nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from trellis_process.client import NotAuthorized, TrackerFault, TrellisClient, Unreachable
from trellis_process.client.calls import LONGEST_PAUSE_SECONDS
from trellis_process.client.problems import CONTENT_TYPE
from trellis_process.errors import StoreUnavailable, Throttled

from ..step_api_server import Fault, StepApi
from .conftest import NewClient, signed
from .orders import started

UNAVAILABLE = Fault(status=503)
DROPPED = Fault()
DONE_BUT_DROPPED = Fault(is_done=True)


def problem(code: str, status: int, *, may_have_happened: bool) -> Fault:
    return Fault(
        status=status,
        headers={"Content-Type": CONTENT_TYPE, "Retry-After": "1"},
        body=f'{{"code": "{code}", "detail": "try again", "may_have_happened": '
        f"{str(may_have_happened).lower()}}}",
    )


@pytest.fixture
def stuck() -> Iterator[Fault]:
    """An answer that comes only when the test is over."""
    over = threading.Event()
    yield Fault(is_done=True, wait=over.wait)
    over.set()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(
    client: TrellisClient, step_api: StepApi, pauses: list[float], status: int
) -> None:
    step_api.faults.extend([Fault(status=status), None])

    assert started(client).version == 1
    assert len(pauses) == 1


def test_a_lost_connection_is_tried_again(client: TrellisClient, step_api: StepApi) -> None:
    process = started(client)
    step_api.faults.extend([DROPPED, DROPPED, None])

    assert client.complete_step(process, "pay").is_completed()


def test_a_command_whose_answer_was_lost_is_not_done_twice(
    client: TrellisClient, step_api: StepApi
) -> None:
    process = started(client)
    step_api.faults.append(DONE_BUT_DROPPED)

    client.start_step(process, "pay")

    assert process.step("pay").attempt == 1
    assert process.version == 2


def test_a_start_whose_answer_was_lost_starts_one_process(
    client: TrellisClient, step_api: StepApi
) -> None:
    step_api.faults.append(DONE_BUT_DROPPED)

    process = started(client)

    assert list(client.list_processes("tenant-1")) == [process]
    first, second = (asked.headers["Idempotency-Key"] for asked in step_api.asked[:2])
    assert first == second


def test_two_starts_without_a_key_start_two_processes(client: TrellisClient) -> None:
    assert started(client).process_id != started(client).process_id


def test_a_slow_answer_is_given_up_and_asked_for_again(
    new_client: NewClient, step_api: StepApi, stuck: Fault
) -> None:
    client = new_client(read_timeout_s=0.3)
    process = started(client)
    step_api.faults.append(stuck)

    assert client.complete_step(process, "pay").version == 2
    assert len(step_api.asked) == 3


def test_the_tries_are_bounded_and_wait_longer_each_time(
    new_client: NewClient, step_api: StepApi, pauses: list[float]
) -> None:
    client = new_client(tries=20)
    step_api.faults.extend([UNAVAILABLE] * 100)

    with pytest.raises(Unreachable, match=r"503.*Service Unavailable") as raised:
        client.get_process("tenant-1", "p")

    assert raised.value.may_have_happened
    assert len(step_api.asked) == 20
    assert len(pauses) == 19
    limits = [min(LONGEST_PAUSE_SECONDS, 0.2 * 2**n) for n in range(19)]
    assert all(0 <= pause <= limit for pause, limit in zip(pauses, limits, strict=True))
    assert len(set(pauses)) > 1


def test_unless_asked_otherwise_a_call_is_tried_four_times(
    client: TrellisClient, step_api: StepApi
) -> None:
    step_api.faults.extend([UNAVAILABLE] * 100)

    with pytest.raises(Unreachable):
        started(client)
    assert len(step_api.asked) == 4


def test_retry_after_is_waited_for(
    client: TrellisClient, step_api: StepApi, pauses: list[float]
) -> None:
    step_api.faults.extend([Fault(status=429, headers={"Retry-After": "7"}), None])

    started(client)

    assert 7 <= pauses[0] <= 7.2


def test_nobody_waits_for_minutes(
    client: TrellisClient, step_api: StepApi, pauses: list[float]
) -> None:
    step_api.faults.append(Fault(status=429, headers={"Retry-After": "600"}))

    with pytest.raises(Throttled):
        started(client)
    assert pauses == []


def test_a_date_in_retry_after_is_passed_over(
    client: TrellisClient, step_api: StepApi, pauses: list[float]
) -> None:
    step_api.faults.append(
        Fault(status=503, headers={"Retry-After": "Fri, 31 Dec 2027 23:59:59 GMT"})
    )

    started(client)

    assert pauses[0] <= 0.2


def test_a_store_that_stays_away_is_raised_as_the_tracker_says(
    new_client: NewClient, step_api: StepApi
) -> None:
    step_api.faults.extend([problem("store_unavailable", 503, may_have_happened=False)] * 2)

    with pytest.raises(StoreUnavailable) as raised:
        started(new_client(tries=2))
    assert type(raised.value) is StoreUnavailable
    assert not raised.value.may_have_happened


def test_what_an_earlier_try_may_have_done_is_not_forgotten(
    new_client: NewClient, step_api: StepApi
) -> None:
    step_api.faults.extend([DROPPED, problem("throttled", 503, may_have_happened=False)])

    with pytest.raises(Throttled) as raised:
        started(new_client(tries=2))
    assert raised.value.may_have_happened


def test_a_fault_of_the_tracker_is_not_tried_again(
    client: TrellisClient, step_api: StepApi
) -> None:
    step_api.faults.append(problem("internal_error", 500, may_have_happened=False))

    with pytest.raises(TrackerFault):
        started(client)
    assert len(step_api.asked) == 1


def test_where_nobody_listens_nothing_has_happened(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with (
        TrellisClient(f"http://127.0.0.1:{port}", signed(), pause=pauses.append) as client,
        pytest.raises(Unreachable, match=r"127\.0\.0\.1") as raised,
    ):
        started(client)
    assert not raised.value.may_have_happened
    assert isinstance(raised.value.__cause__, ConnectionRefusedError)
    assert len(pauses) == 3


def test_a_caller_who_stays_unknown_is_not_asked_for_forever(
    new_client: NewClient, step_api: StepApi
) -> None:
    step_api.tokens = {"another"}

    with pytest.raises(NotAuthorized, match="401: Unauthorized"):
        started(new_client())
    assert len(step_api.asked) == 2
