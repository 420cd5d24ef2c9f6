"""Wherever a program stops that moves what a definition orders, what follows makes good."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.proof.crash_points import violations
from tests.proof.engine_scenarios import PART, engine_scenarios
from tests.proof.scenarios import Scenario
from tests.proof.stack import Stack
from trellis_process.domain.engine import items

# What a crash leaves behind in Powertools.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture(autouse=True)
def _short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "PART", PART)


@pytest.mark.parametrize("scenario", engine_scenarios(), ids=str)
def test_whatever_stops_it_where_it_ends_as_if_nothing_had(
    scenario: Scenario, stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    found = list(violations(stack, scenario))

    assert found, "it makes no call, so it shows nothing"
    assert [f"{point}: {broken}" for point, broken in found if broken] == []
    record_property("covered", f"{len(found)} crash points of the engine")
