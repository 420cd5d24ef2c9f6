"""Importing the client, and calling with a token, brings in nothing but Python."""

from __future__ import annotations

import subprocess
import sys

import trellis_process.client

from ..step_api_server import StepApi, step_api

__all__ = ["step_api"]


def loaded_by(program: str, *arguments: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after a program."""
    program += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    # -I, so that neither the environment nor this folder has a say.
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", program, *arguments],
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def is_foreign(name: str) -> bool:
    return name not in sys.stdlib_module_names and not name.startswith("_")


def test_nothing_that_must_be_installed_is_loaded(step_api: StepApi) -> None:
    step_api.tokens = {"t"}
    program = """
import sys
from trellis_process.client import BearerToken, TrellisClient
client = TrellisClient(sys.argv[1], BearerToken("t"))
assert list(client.list_processes("tenant-1")) == []
"""
    loaded = loaded_by(program, step_api.url)

    assert not loaded & {"botocore", "boto3", "pydantic", "urllib3", "aws_lambda_powertools"}
    # What an installation in place puts into every interpreter is none of the client's doing.
    assert set(filter(is_foreign, loaded - loaded_by("pass"))) == {"trellis_process"}


def test_the_table_of_contents_is_sorted_and_true() -> None:
    names = trellis_process.client.__all__

    assert names == sorted(names)
    assert all(hasattr(trellis_process.client, name) for name in names)
