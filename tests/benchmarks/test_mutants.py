"""The run of mutants: what it changes is the domain, and what it leaves has a reason."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mutants import (
    DOMAIN,
    EVERYWHERE,
    LEFT,
    ROOT,
    TESTS,
    Survivor,
    prepare,
    with_plain_assertions,
    with_plain_properties,
)


def test_a_property_spelled_out_is_still_one() -> None:
    source = "class Step:\n    @property\n    def name(self):\n        return 'pay'\n"

    made: dict[str, Any] = {}
    exec(plain := with_plain_properties(source), made)

    assert "@property" not in plain
    assert made["Step"]().name == "pay"


def test_an_assertion_without_its_words_is_still_one() -> None:
    said = "(\n        'an even number'\n    )"
    source = f"def half(n):\n    assert n % 2 == 0, {said}\n    return n // 2\n"

    made: dict[str, Any] = {}
    exec(plain := with_plain_assertions(source), made)

    assert "even" not in plain
    assert made["half"](4) == 2
    with pytest.raises(AssertionError):
        made["half"](3)


def test_the_tests_that_are_to_notice_faults_are_there() -> None:
    assert [test for test in TESTS if not (ROOT / test).exists()] == []


def test_the_copy_has_what_its_tests_import_and_read(tmp_path: Path) -> None:
    prepare(tmp_path, afresh=True)
    selected = [
        path
        for test in TESTS
        for path in ([ROOT / test] if test.endswith(".py") else (ROOT / test).rglob("test_*.py"))
    ]
    assert [module for module in imported(selected) if not (tmp_path / module).exists()] == []

    reading = [str(path.relative_to(ROOT)) for path in selected if "__file__" in path.read_text()]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *reading],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def imported(paths: list[Path]) -> set[Path]:
    """The modules of the tests that these files import, and those that they import."""
    found: set[Path] = set()
    todo = list(paths)
    while todo:
        importing = todo.pop()
        for node in ast.walk(ast.parse(importing.read_text())):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            path = Path(*node.module.split("."))
            if node.level:  # beside it
                path = importing.relative_to(ROOT).parent / path
            if path.parts[0] != "tests":
                continue
            module = path if (ROOT / path).is_dir() else path.with_suffix(".py")
            if module not in found:
                found.add(module)
                todo += [ROOT / module] if module.suffix else []
    return found


@pytest.mark.parametrize("path", sorted((ROOT / DOMAIN).rglob("*.py")), ids=lambda path: path.name)
def test_nothing_in_the_domain_stays_decorated_that_would_be_passed_over(path: Path) -> None:
    decorators = {
        line.strip().split("(")[0]
        for line in with_plain_properties(path.read_text()).splitlines()
        if line.strip().startswith("@")
    }

    # What is abstract does nothing that could be changed, nor does the mark of a protocol.
    idle = {"@abstractmethod", "@runtime_checkable"}
    assert decorators <= {"@classmethod", "@dataclass"} | idle


def test_a_fault_that_nobody_has_looked_at_has_no_reason() -> None:
    (function, part), why = next(item for item in LEFT.items() if item[0][0] != EVERYWHERE)

    assert Survivor("a", function, "before", f"after {part}").why == why
    assert Survivor("a", "another", "before", f"after {part}").why is None
    assert Survivor("a", function, "before", "after").why is None
