"""Importing the library brings in nothing but Python."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import pytest

import trellis_process

HEAVY = [
    "boto3",
    "botocore",
    "pynamodb",
    "aws_lambda_powertools",
    "pydantic",
    "moto",
    "aws_cdk",
    "pytest",
]


def loaded_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after a statement."""
    program = f"import sys; {statement}; print(*sorted(name.split('.')[0] for name in sys.modules))"
    # -I, so that neither the environment nor this folder has a say.
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, check=True)
    return set(done.stdout.decode().split())


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    return loaded_by("import trellis_process")


@pytest.mark.parametrize("package", HEAVY)
def test_importing_the_library_loads_no(package, loaded):
    assert "trellis_process" in loaded
    assert package not in loaded


def test_importing_the_library_loads_nothing_that_must_be_installed(loaded):
    foreign = {name for name in loaded - set(sys.stdlib_module_names) if not name.startswith("_")}
    # What an installation in place puts into every interpreter is none of the library's doing.
    assert foreign - loaded_by("pass") == {"trellis_process"}


def test_the_table_of_contents_is_sorted_and_true():
    names = trellis_process.__all__

    assert names == sorted(names)
    assert all(hasattr(trellis_process, name) for name in names)


def test_the_types_ship_with_the_library():
    assert files("trellis_process").joinpath("py.typed").is_file()
