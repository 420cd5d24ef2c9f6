"""What read models cost is what the code that keeps them asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trellis_process.cost import Journey, Starting, Workload, bill, usage_of
from trellis_process.cost.views import view_usage_of

USUAL = Workload()


def test_without_them_nothing_is_paid_for_them() -> None:
    assert "read models" not in bill(USUAL).parts


def test_they_are_a_part_of_the_bill_and_change_no_other() -> None:
    kept = bill(replace(USUAL, read_models=True)).parts
    assert kept.pop("read models") > 0
    assert kept == bill(USUAL).parts


@pytest.mark.parametrize("starting", list(Starting))
def test_a_million_events_cost_some_dollars(starting: Starting) -> None:
    workload = Workload(Journey(5, starting), read_models=True)
    events = workload.processes * usage_of(workload.journey).events
    assert 2.5 < bill(workload).parts["read models"] / events * 1e6 < 6.5


def test_a_share_of_time_outs_lies_between_none_and_all() -> None:
    never, half, always = (
        view_usage_of(Journey(3, step_seconds=5, timing_out=share)) for share in (0.0, 0.5, 1.0)
    )
    assert never.write_units < half.write_units < always.write_units
    assert half.write_units == (never.write_units + always.write_units) / 2
