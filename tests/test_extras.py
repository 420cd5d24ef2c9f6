"""What a plain install lacks is named where it is needed, with the command that brings it."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: A program, what it lacks, what it says is missing, and the extra that brings it.
PROGRAMS = [
    ("ProcessDefinition.from_yaml('process: order')", "yaml", "definitions"),
    ("ProcessDefinition.from_dict({})", "pydantic", "definitions"),
    (
        "from trellis_process.runner import Runner; "
        "Runner().register(ProcessDefinition('order', version=1, steps=()))",
        "pydantic",
        "definitions",
    ),
    ("from trellis_process.definitions.calendar import Calendar", "cronsim", "definitions"),
    ("from trellis_process.dynamodb import DynamoDBProcessRepository", "pynamodb", "dynamodb"),
    (
        "from trellis_process.queries import DynamoDBSource; "
        "DynamoDBSource('rows', partition_key='id')",
        "boto3",
        "queries",
    ),
    ("import trellis_process.testing", "pytest", "testing"),
    ("import trellis_process.cdk", "aws_cdk", "cdk"),
]


@pytest.mark.parametrize(("program", "lacks", "extra"), PROGRAMS)
def test_what_is_missing_is_named_with_the_command_that_brings_it(
    program: str, lacks: str, extra: str
) -> None:
    begin = f"import sys; sys.modules[{lacks!r}] = None; import trellis_process; "
    begin += "from trellis_process import ProcessDefinition; "
    done = subprocess.run(
        [sys.executable, "-c", begin + program], capture_output=True, text=True, check=False
    )

    *_, said = done.stderr.splitlines()
    assert said.startswith("ModuleNotFoundError: ")
    assert f"needs {lacks}, which is not installed: " in said
    assert said.endswith(f"pip install 'trellis-process[{extra}]'")
