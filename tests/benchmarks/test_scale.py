"""What the simulation of a large stack says follows from what is asked and what is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from cfnlint.decode import cfn_yaml

from benchmarks import scale
from trellis_process.deploy.sources import template_path
from trellis_process.dynamodb.schema import DUE_SHARDS, due_shard


def test_the_load_is_what_is_asked_for():
    load = scale.load()
    assert load.starts * load.usage.commands == pytest.approx(scale.COMMANDS)
    assert load.moved + load.timeouts == pytest.approx(scale.DUE)


def test_fewer_shards_are_fuller():
    writes = scale.load().due_writes()
    few, many = scale.fullest_second(writes, 2), scale.fullest_second(writes, 16)
    assert few > writes / 2 > many > writes / 16


def test_the_shards_it_proposes_would_do():
    writes = 4 * scale.load().due_writes()
    shards = scale.shards_for(writes)
    assert scale.fullest_second(writes, shards) < scale.PARTITION_WRITES
    assert scale.fullest_second(writes, shards // 2) > scale.PARTITION_WRITES * 0.6


def test_a_sweep_that_keeps_up_is_never_late_and_one_that_does_not_falls_behind():
    enough = scale.SWEEPER_DUE * scale.SWEEP_SECONDS / scale.SWEEP_EVERY
    assert scale.lateness_after_an_hour(enough) == 0
    assert scale.lateness_after_an_hour(2 * enough) == pytest.approx(1800, abs=60)
    assert scale.lateness_after_an_hour(2 * enough, sweepers=2) == 0


def test_the_sweepers_it_asks_for_are_never_late_and_one_less_would_be():
    for due in (500, scale.DUE, 1_500, 3_000):
        enough = scale.sweepers_for(due)
        assert scale.lateness_after_an_hour(due, enough) == 0
        assert scale.lateness_after_an_hour(due, enough - 1) > 0


def test_a_sweeper_more_is_no_faster_while_one_has_as_many_shards():
    assert scale.swept_a_second(4) == scale.swept_a_second(7) < scale.swept_a_second(8)


def test_what_is_asked_holds_with_the_parameters_it_names_and_not_without():
    held = {part.name: part.used for part in scale.parts(scale.RAISED)}
    assert scale.RAISED.sweepers == 3
    assert max(held.values()) <= 1
    overrun = [part.used for part in scale.parts() if part.used > 1]
    assert len(overrun) == 2  # the sweep, and the stream


def test_the_parameters_of_the_docs_are_those_of_the_simulation():
    page = Path("docs/operations.md").read_text()
    for sweepers in (1, 2, 3, 4):
        assert f"{sweepers} for {scale.swept_a_second(sweepers):,.0f}" in page
    assert f"From {scale.sweepers_held_up()} sweepers on" in page


def test_the_shards_are_drawn_as_the_index_has_them():
    met = {due_shard(f"process-{n}") for n in range(1_000)}
    assert met == set(range(DUE_SHARDS))


def test_the_parameters_are_the_template_s():
    parameters = cfn_yaml.load(str(template_path()))["Parameters"]
    assert parameters["PublisherParallelism"]["Default"] == scale.DEPLOYED.publisher_parallelism
    assert parameters["Sweepers"]["Default"] == scale.DEPLOYED.sweepers


def test_a_round_of_the_audit_takes_less_than_a_day_of_hourly_runs():
    assert scale.audit_runs(1_000_000, 1_000_000) == 1
    assert scale.audit_runs(scale.OPEN, 0) < scale.audit_runs(scale.OPEN, scale.OPEN) < 24


def test_the_runs_of_an_audit_are_those_of_the_docs():
    page = Path("docs/operations.md").read_text()
    for named, processes, waiting in (
        ("100,000, all waiting", 100_000, 100_000),
        ("1 million, all waiting", 1_000_000, 1_000_000),
        ("10 million, of which 100,000 wait", 10_000_000, 100_000),
        ("10 million, all waiting", 10_000_000, 10_000_000),
    ):
        hourly = scale.audit_runs(processes, waiting)
        with_lookups = scale.audit_runs(processes, waiting, with_lookups=True)
        assert f"| {named} | {hourly} | {with_lookups} |" in page
