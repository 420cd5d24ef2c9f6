"""What ``import trellis_process`` gives, and what it does not load."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pytest

import trellis_process


@pytest.mark.parametrize("name", trellis_process.__all__)
def test_every_name_is_found_where_it_is_said_to_be(name):
    value = getattr(trellis_process, name)
    # An alias of several classes has no name of its own.
    assert name == "Tracker" or value.__name__ == name


def test_readers_and_type_checkers_are_told_the_same_places():
    tree = ast.parse(inspect.getsource(trellis_process))
    told = {
        alias.name: node.module.removeprefix("trellis_process.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("trellis_process.")
        for alias in node.names
    }
    assert told == trellis_process._WHERE
    assert sorted(told) == trellis_process.__all__


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Proces'"):
        _ = trellis_process.Proces


def test_importing_it_loads_nothing_but_itself():
    code = "import sys, trellis_process; print([m for m in sys.modules if 'trellis' in m])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['trellis_process']"
