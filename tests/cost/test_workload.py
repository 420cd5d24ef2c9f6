"""A workload says what can be, and what cannot be is refused with what is allowed."""

from __future__ import annotations

import pytest

from trellis_process.cost import Channel, Journey, Starting, Workload, read_workloads
from trellis_process.errors import InvalidInput


def test_each_table_of_a_file_is_a_workload_with_the_usual_for_what_it_does_not_say():
    referrals, claims = read_workloads(
        """
        [referrals]
        processes = 250_000
        steps = 4

        [claims]
        starting = "never"
        channel = "queue"
        together = 10
        """
    )
    assert referrals == Workload(Journey(4), "referrals", processes=250_000)
    assert claims.name == "claims"
    assert claims.journey == Journey(starting=Starting.NEVER)
    assert (claims.channel, claims.together) == (Channel.QUEUE, 10)


def test_what_is_said_for_all_holds_where_a_table_says_nothing():
    both = read_workloads("[a]\n[b]\nsteps = 2\n", usual={"steps": 9})
    assert [each.journey.steps for each in both] == [9, 2]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[a]\nsteps = 0\n", "a.steps"),
        ("[a]\nsteps = 1.5\n", "a.steps"),
        ("[a]\nsteps = true\n", "a.steps"),
        ("[a]\nstep = 1\n", "a.step"),
        ("[a]\nstarting = 'sometimes'\n", "a.starting"),
        ("[a]\ntogether = 26\n", "a.together"),
        ("[a]\nchannel = 'queue'\ntogether = 11\n", "a.together"),
        ("[a]\nstep_seconds = 60\n", "a.step_seconds"),
        ("[a]\nstarting = 'never'\ntiming_out = 0.1\n", "a.timing_out"),
        ("[a]\nprocesses = nan\n", "a.processes"),
        ("[a]\nread_models = 1\n", "a.read_models"),
        ("steps = 5\n", "steps"),
        ("", "workloads"),
        ("[a\n", "workloads"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(text: str, field: str):
    with pytest.raises(InvalidInput) as refused:
        read_workloads(text)
    assert refused.value.field == field
