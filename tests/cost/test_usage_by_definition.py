"""What a process asks of AWS whose steps are ordered by a definition."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trellis_process.cost import Channel, Journey, Starting, Workload, bill, usage_of
from trellis_process.cost.usage import writes_of

RESULTS = (Path(__file__).parents[2] / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")


def ordered(steps: int, **more: object) -> Journey:
    return Journey(steps, Starting.BY_DEFINITION, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [1, 5, 20])
def test_completing_a_step_begins_the_next_in_the_same_write(steps: int) -> None:
    usage = usage_of(ordered(steps, step_seconds=5, timeout_seconds=600))
    assert (usage.commands, usage.writes) == (steps + 1, steps + 1)
    assert usage.events == 2 * steps + 2  # begun and completed, each step and the process


def test_it_asks_for_half_of_what_steps_ask_for_that_are_begun_by_a_call() -> None:
    by_call = usage_of(Journey(20))
    by_definition = usage_of(ordered(20))
    assert by_definition.commands == pytest.approx(by_call.commands / 2, rel=0.1)
    assert by_definition.events == by_call.events


def test_every_write_but_those_of_sweeps_has_events() -> None:
    assert [each.events for each in writes_of(ordered(5, timeout_seconds=0))] == [2] * 6


@pytest.mark.parametrize("channel", list(Channel))
def test_it_costs_less_than_begun_by_a_call_by_every_channel(channel: Channel) -> None:
    by_definition = bill(Workload(ordered(5), channel=channel)).together
    assert by_definition < bill(Workload(Journey(5), channel=channel)).together


def test_heartbeats_outputs_and_metadata_count_as_with_any_process() -> None:
    plain = usage_of(ordered(5))
    busy = usage_of(ordered(5, heartbeats=2, output_bytes=400, metadata_bytes=2000))
    assert busy.commands == plain.commands + 10
    assert busy.write_units > plain.write_units


def test_it_is_counted_as_in_the_benchmark() -> None:
    section = RESULTS.partition("<!-- engine -->")[2].partition("<!-- ")[0]
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", section, re.M)
    assert len(rows) == 3
    for row in rows:
        steps, commands, writes, _, units, reads = map(int, row)
        usage = usage_of(
            ordered(steps, step_seconds=5, timeout_seconds=600, output_bytes=0, actor=None)
        )
        counted = (usage.commands, usage.writes, usage.write_units, usage.read_units)
        assert counted == (commands, writes, units, reads)
