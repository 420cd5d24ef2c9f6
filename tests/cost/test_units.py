"""Units are counted by DynamoDB's rules, from the items that the code writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_process.cost import Journey, Starting, read_units, usage_of, write_units
from trellis_process.cost.units import STORED_OVERHEAD_BYTES, stored_bytes
from trellis_process.dynamodb.item import to_item
from trellis_process.dynamodb.size import item_size
from trellis_process.testing import a_process, a_step

WAITING = to_item(a_process(a_step(timeout_ms=60_000), auto_start_steps=True))


def test_a_new_item_costs_its_size_and_its_index_entries():
    assert write_units({}, WAITING) == 1 + 3
    assert write_units({}, to_item(a_process())) == 1 + 2  # nothing waits


def test_a_change_that_moves_no_index_entry_costs_its_size():
    assert write_units(WAITING, WAITING | {"v": {"N": "2"}}) == 1


def test_a_wake_up_that_moves_costs_two_units_more():
    later = WAITING | {"due_at": {"N": "1999999999999"}}
    assert write_units(WAITING, later) == 1 + 2


def test_the_larger_of_the_old_and_the_new_item_is_what_counts():
    large = WAITING | {"metadata": {"S": "x" * 3_000}}
    assert write_units(large, WAITING) == write_units(WAITING, large) == 4


def test_a_read_costs_a_unit_for_each_started_four_kilobytes():
    assert read_units(WAITING) == 1
    assert read_units(WAITING | {"metadata": {"S": "x" * 4_096}}) == 2


def test_what_is_kept_is_the_item_and_the_entries_it_has():
    done = to_item(a_process())
    entries = stored_bytes(done) - item_size(done) - STORED_OVERHEAD_BYTES
    assert entries > 2 * STORED_OVERHEAD_BYTES
    waiting_too = done | {"due_shard": {"N": "1"}, "due_at": {"N": "1772357470000"}}
    more = stored_bytes(waiting_too) - stored_bytes(done)
    assert more > item_size({"due_shard": {"N": "1"}}) + STORED_OVERHEAD_BYTES


@pytest.mark.parametrize(("steps", "most"), [(5, 17), (20, 47), (100, 460)])
def test_a_journey_without_sweeps_stays_within_its_units(steps: int, most: int):
    journey = Journey(steps, step_seconds=5, timeout_seconds=600, output_bytes=0, actor=None)
    usage = usage_of(journey)
    assert usage.writes == usage.commands == 2 * steps + 1
    assert usage.write_units <= most


def test_steps_that_begin_with_their_process_save_a_call_each():
    by_call, with_it = usage_of(Journey(5)), usage_of(Journey(5, Starting.WITH_PROCESS))
    assert (by_call.commands, with_it.commands) == (11, 6)
    assert by_call.events == with_it.events == 12


def test_services_that_report_only_the_end_have_no_deadline_and_no_event_of_a_start():
    usage = usage_of(Journey(5, Starting.NEVER))
    assert (usage.commands, usage.writes, usage.events) == (6, 6, 7)


def test_a_heartbeat_is_a_command_without_an_event():
    plain, beating = (usage_of(Journey(2, step_seconds=30, heartbeats=n)) for n in (0, 3))
    assert beating.commands - plain.commands == 2 * 3
    assert beating.events == plain.events


def test_a_step_that_times_out_costs_a_write_and_two_events_more():
    journey = Journey(3, step_seconds=5)
    always = usage_of(replace(journey, timing_out=1.0))
    never = usage_of(journey)
    assert always.commands == never.commands
    assert always.events == never.events + 3 * 2
    assert always.writes > never.writes


def test_a_share_of_time_outs_lies_between_none_and_all():
    never, half, always = (
        usage_of(Journey(3, step_seconds=5, timing_out=share)) for share in (0.0, 0.5, 1.0)
    )
    assert half.write_units == (never.write_units + always.write_units) / 2


def test_a_step_of_days_is_taken_through_without_a_sweep_for_each_minute():
    days = timedelta(days=30).total_seconds()
    usage = usage_of(Journey(2, step_seconds=days, timeout_seconds=2 * days))
    assert usage.writes - usage.commands <= 2


def test_the_size_of_what_is_stored_grows_with_outputs():
    small, large = (usage_of(Journey(5, output_bytes=size)).stored_bytes for size in (15, 1_015))
    assert large - small == 5 * 1_000
