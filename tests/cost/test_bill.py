"""A bill is the usage of a workload at list prices, part by part."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cfnlint.decode import cfn_yaml

from trellis_process.cost import Channel, Journey, Workload, bill, price_elsewhere, usage_of
from trellis_process.cost.bill import ALARMS, bill_together, idle_bill
from trellis_process.cost.functions import FUNCTIONS
from trellis_process.cost.prices import API_CALL, EVENT, PRICES, WRITE_UNIT
from trellis_process.deploy.sources import template_path
from trellis_process.errors import InvalidInput

USUAL = Workload()


def resources() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = cfn_yaml.load(str(template_path()))["Resources"]
    return found


def test_each_part_is_a_number_times_a_price():
    parts, usage = bill(USUAL).parts, usage_of(USUAL.journey)
    assert parts["channel"] == pytest.approx(1e6 * usage.commands * API_CALL.each)
    assert parts["writes"] == pytest.approx(1e6 * usage.write_units * WRITE_UNIT.each)
    assert parts["events"] == pytest.approx(1e6 * usage.events * EVENT.each)


def test_twice_as_many_processes_cost_twice_as_much():
    twice = bill(replace(USUAL, processes=2 * USUAL.processes))
    assert twice.together == pytest.approx(2 * bill(USUAL).together)


def test_commands_that_come_together_share_calls_and_not_units():
    alone, together = bill(USUAL).parts, bill(replace(USUAL, together=25)).parts
    assert together["channel"] == pytest.approx(alone["channel"] / 25)
    assert together["writes"] == alone["writes"]


def test_a_full_batch_of_the_queue_is_received_and_deleted_once():
    queue = replace(USUAL, channel=Channel.QUEUE)
    requests = bill(replace(queue, together=10)).parts["channel"] / bill(queue).parts["channel"]
    assert requests == pytest.approx((1 + 2 / 10) / 3)


def test_the_library_pays_for_no_channel():
    parts = bill(replace(USUAL, channel=Channel.LIBRARY)).parts
    assert parts["channel"] == 0
    assert parts["functions"] < bill(USUAL).parts["functions"]  # the publisher still runs


def test_storage_goes_with_the_days_that_a_process_is_kept():
    month, year = (bill(replace(USUAL, kept_days=days)).parts["storage"] for days in (30, 360))
    assert year == pytest.approx(12 * month)


def test_a_stack_costs_what_its_workloads_cost_and_what_it_costs_idle():
    other = Workload(Journey(1), "other", processes=10)
    whole = bill_together([USUAL, other])
    expected = bill(USUAL).together + bill(other).together + idle_bill().together
    assert whole.together == pytest.approx(expected)


def test_an_idle_stack_costs_a_few_dollars():
    assert idle_bill().parts["sweeps"] < 0.10
    assert idle_bill().together < 12


def test_more_sweepers_run_more_often_and_share_the_queries():
    one, two, three = (idle_bill(sweepers).parts["sweeps"] for sweepers in (1, 2, 3))
    assert three - two == pytest.approx(two - one)
    assert one < two < 2 * one
    with pytest.raises(InvalidInput, match=r"^sweepers: got 9"):
        idle_bill(9)


def test_other_systems_ask_for_each_attempt():
    calm, stormy = (
        price_elsewhere(Journey(4, step_seconds=5, timing_out=share)) for share in (0.0, 1.0)
    )
    assert stormy["Step Functions Standard"] == 2 * calm["Step Functions Standard"]
    assert calm["Step Functions Standard"] == pytest.approx(4 * 25 / 1e6)


def test_every_price_says_where_it_is_from():
    assert all(price.source.startswith("https://") and price.dollars > 0 for price in PRICES)


def test_functions_have_the_memory_that_the_template_gives_them():
    for name, function in FUNCTIONS.items():
        properties = resources()[name]["Properties"]
        assert isinstance(properties, dict)
        assert properties["MemorySize"] == function.memory_mb, name


def test_all_alarms_of_the_template_are_counted():
    kinds = [resource["Type"] for resource in resources().values()]
    assert kinds.count("AWS::CloudWatch::Alarm") == ALARMS
