"""The lock files: they agree with pyproject.toml, with each other and with what is installed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from locks.lockfiles import LOCKS, PROJECT, ROOT, Pin, declared, needed_by, read_lock

NAMES = sorted(path.stem for path in LOCKS.glob("*.txt"))
GROUPS = {"ministack", "sam", "checkov"}
OF_EXTRAS = {
    "dev": {*declared()} - GROUPS,  # everything that runs in this environment
    "local": {"local", "build"},
    "lambda": {"lambda"},
}
AGREE = "pyproject.toml and locks/{}.txt disagree; run `make lock`"


def asked(lock: str) -> list[Requirement]:
    """What pyproject.toml asks the lock for."""
    return [each for name in OF_EXTRAS.get(lock, {lock}) for each in declared()[name]]


@pytest.mark.parametrize("lock", NAMES)
def test_a_lock_pins_what_pyproject_asks_for_and_nothing_else(lock: str):
    pins = read_lock(lock)
    for requirement in asked(lock):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement}: {AGREE.format(lock)}"
        assert pin.version in requirement.specifier, f"{requirement}: {AGREE.format(lock)}"
    assert needed_by(asked(lock), pins) == pins, AGREE.format(lock)


@pytest.mark.parametrize("lock", sorted(OF_EXTRAS))
def test_no_pin_is_left_over_from_an_earlier_pyproject(lock: str):
    direct = {name for name, pin in read_lock(lock).items() if PROJECT in pin.via}
    assert direct == {canonicalize_name(each.name) for each in asked(lock)}, AGREE.format(lock)


def test_what_builds_trellis_is_locked():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert set(build) <= {str(each) for each in declared()["build"]}


@pytest.mark.parametrize("lock", ["local", "lambda"])
def test_what_users_run_has_the_versions_that_the_tests_run(lock: str):
    tested = read_lock("dev")
    for name, pin in read_lock(lock).items():
        assert pin.version == tested[name].version


def test_the_tests_run_what_is_locked():
    others = {
        pin.name: version(pin.name)
        for pin in read_lock("dev").values()
        if pin.here and version(pin.name) != pin.version
    }
    assert others == {}, "not the locked versions; run `make setup`"


def test_the_functions_import_the_same_on_every_machine():
    """For pip, installing for another machine, asks this one whether a marker holds."""
    assert [pin.name for pin in read_lock("lambda").values() if pin.conditional] == []


@pytest.mark.parametrize("lock", NAMES)
def test_one_version_is_locked_for_every_python(lock: str):
    pinned = re.findall(r"^([\w.-]+)==", (LOCKS / f"{lock}.txt").read_text(), re.MULTILINE)
    assert len(pinned) == len(set(pinned)) == len(read_lock(lock))


@pytest.mark.parametrize("lock", NAMES)
def test_every_pin_has_its_hashes(lock: str):
    for block in re.split(r"\n(?=[\w-])", (LOCKS / f"{lock}.txt").read_text())[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block


@pytest.mark.parametrize("lock", NAMES)
def test_a_lock_names_no_place(lock: str):
    """Where packages come from is for each machine to say."""
    text = (LOCKS / f"{lock}.txt").read_text()
    assert re.findall(r"https?:|file:|index-url|find-links|@ |^-|[ =]/", text, re.MULTILINE) == []


def test_a_package_is_followed_to_what_needs_it():
    def pin(name: str, *via: str) -> Pin:
        return Pin(name, "1", frozenset(via), here=True, conditional=False)

    pins = {
        each.name: each
        for each in [pin("a", PROJECT), pin("b", "a"), pin("c", "b", "x"), pin("x", PROJECT)]
    }
    assert set(needed_by([Requirement("A>=1")], pins)) == {"a", "b", "c"}
