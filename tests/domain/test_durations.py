"""Durations as definitions write them, and the pauses and levels that are said in them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from trellis_process.domain.definition.duration import in_ms, span_of
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.sla import Sla, SlaTier
from trellis_process.errors import InvalidInput

ALLOWED = "allowed are spans such as 30s, 5m, 4h, 7d, 1h30m or PT30S, of 1 s to 366 days"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1s", timedelta(seconds=1)),
        ("2m", timedelta(minutes=2)),
        ("3h", timedelta(hours=3)),
        ("4d", timedelta(days=4)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("PT1S", timedelta(seconds=1)),
        ("PT2M", timedelta(minutes=2)),
        ("PT3H", timedelta(hours=3)),
        ("P4D", timedelta(days=4)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("366d", timedelta(days=366)),
        ("031622400s", timedelta(days=366)),
    ],
)
def test_a_duration_means_what_it_says(text, span):
    assert span_of("wait", text) == span
    assert in_ms("wait", text) == span.total_seconds() * 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0s",
        "P",
        "PT",
        "1.5h",
        "-1s",
        "1x",
        "1s1m",
        "367d",
        "31622401s",
        "0000000001s",
        30,
        None,
    ],
)
def test_what_is_no_duration_is_refused_with_its_field_and_with_examples(text):
    with pytest.raises(InvalidInput) as refusal:
        span_of("wait", text)
    assert str(refusal.value) == f"wait: got {text!r}; {ALLOWED}"


def test_a_number_too_long_to_count_with_is_refused_by_what_was_given():
    with pytest.raises(InvalidInput, match=r"^wait: got '9{79}…; allowed are spans"):
        span_of("wait", "9" * 5000 + "s")


def test_no_duration_has_no_milliseconds_and_a_wrong_one_names_its_field():
    assert in_ms("timeout", None) is None
    with pytest.raises(InvalidInput, match=r"^timeout: got 'soon'"):
        in_ms("timeout", "soon")


# -- Pauses --------------------------------------------------------------------------------------


def pauses(retry: Retry, count: int = 5, seed: str = "p1/a/1") -> list[float]:
    return [retry.pause_after(n, seed).total_seconds() for n in range(1, count + 1)]


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        (Retry(), [1, 2, 4, 8, 16]),
        (Retry(backoff="fixed", interval="7s"), [7, 7, 7, 7, 7]),
        (Retry(backoff="linear", interval="7s"), [7, 14, 21, 28, 35]),
        (Retry(coefficient=3.0, interval="2s", max_interval="30s"), [2, 6, 18, 30, 30]),
        (Retry(coefficient=1.5), [1, 1.5, 2.25, 3.375, 5.062]),
        (
            Retry(backoff="linear", interval="1h", max_interval="90m"),
            [3600, 5400, 5400, 5400, 5400],
        ),
        (Retry(backoff="fixed", interval="5m"), [60, 60, 60, 60, 60]),
    ],
)
def test_pauses_grow_as_their_backoff_says_up_to_the_longest(retry, expected):
    assert pauses(retry) == expected


def test_a_pause_is_the_longest_however_many_attempts_failed():
    for coefficient in (1.0, 2.0, 100.0):
        retry = Retry(coefficient=coefficient, interval="30s")
        longest = 30 if coefficient == 1 else 60
        assert retry.pause_after(1_001, "").total_seconds() == longest


def test_jitter_draws_each_pause_from_nothing_to_its_full_length_by_its_seed():
    full, drawn = Retry(max_interval="1h"), Retry(max_interval="1h", jitter=True)
    found = pauses(drawn, 8)
    assert found == pauses(drawn, 8)
    assert found != pauses(drawn, 8, seed="p1/b/1")
    shares = [pause / longest for pause, longest in zip(found, pauses(full, 8), strict=True)]
    assert all(0 <= share <= 1 for share in shares)
    assert len({round(share, 3) for share in shares}) == 8


@pytest.mark.parametrize(
    ("retry", "code", "is_retried"),
    [
        (Retry(), None, True),
        (Retry(), "any", True),
        (Retry(fatal_on=("bad",)), "bad", False),
        (Retry(fatal_on=("bad",)), "other", True),
        (Retry(retry_on=("busy",)), "busy", True),
        (Retry(retry_on=("busy",)), "other", False),
        (Retry(retry_on=("busy",), fatal_on=("busy",)), "busy", False),
        (Retry(retry_on=("busy",)), None, True),
    ],
)
def test_codes_say_what_is_tried_again(retry, code, is_retried):
    assert retry.is_retried(code) is is_retried


def test_the_first_level_of_an_agreed_time_is_named_sla():
    late = SlaTier(name="late", max_duration="2h")
    levels = Sla(max_duration="1h", tiers=(late,)).all_tiers()
    assert levels == (SlaTier(name="sla", max_duration="1h"), late)
