"""The run of mutants: what it changes is the domain, and what it leaves has a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.mutants import DOMAIN, LEFT, ROOT, Survivor, with_plain_properties


def test_a_property_spelled_out_is_still_one() -> None:
    source = "class Step:\n    @property\n    def name(self):\n        return 'pay'\n"

    made: dict[str, Any] = {}
    exec(plain := with_plain_properties(source), made)

    assert "@property" not in plain
    assert made["Step"]().name == "pay"


@pytest.mark.parametrize("path", sorted((ROOT / DOMAIN).glob("*.py")), ids=lambda path: path.name)
def test_nothing_in_the_domain_stays_decorated_that_would_be_passed_over(path: Path) -> None:
    decorators = {
        line.strip().split("(")[0]
        for line in with_plain_properties(path.read_text()).splitlines()
        if line.strip().startswith("@")
    }

    assert decorators <= {"@classmethod", "@dataclass"}


def test_a_fault_that_nobody_has_looked_at_has_no_reason() -> None:
    (function, part), why = next(iter(LEFT.items()))

    assert Survivor("a", function, "before", f"after {part}").why == why
    assert Survivor("a", "another", "before", f"after {part}").why is None
    assert Survivor("a", function, "before", "after").why is None
