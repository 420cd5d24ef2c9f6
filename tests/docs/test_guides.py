"""The guides' tests pass when pytest runs them, each block as the file that it is shown as."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..test_docs import blocks, page

TESTS = [block for block in blocks(page("testing.md"), "python") if "\ndef test_" in block]
CONTRACTS = [block for block in blocks(page("testing.md"), "python") if "Contract" in block]


@pytest.mark.parametrize(
    "block",
    [*TESTS, *CONTRACTS],
    ids=lambda block: re.findall(r"(?:def|class) ([tT]est\w+)", block)[0],
)
def test_the_tests_of_a_page_pass(tmp_path: Path, block: str) -> None:
    (tmp_path / "test_block.py").write_text(block, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            tmp_path,
            tmp_path,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) >= block.count("\ndef test_")


def test_the_page_on_testing_has_a_test_for_each_way() -> None:
    assert len(TESTS) == 6
    assert len(CONTRACTS) == 1


def test_the_policy_for_a_tenant_lets_its_two_methods_in_and_nothing_else() -> None:
    policies = [json.loads(block) for block in blocks(page("tenants.md"), "json")]
    (bound,) = (each for each in policies if "execute-api:Invoke" in str(each))
    api = "arn:aws:execute-api:us-east-1:123456789012:your-api-id/$default"
    (statement,) = bound["Statement"]
    # As in tests/end_to_end/test_tenants.py, where a caller with it tries to get past it.
    assert statement["Resource"] == [f"{api}/{verb}/tenants/tenant-1/*" for verb in ("GET", "POST")]
