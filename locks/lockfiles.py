"""The lock files: what each pins, and for whose sake."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "locks"
PROJECT = "trellis-process"

_PIN = re.compile(r"^(?P<pin>[^\s#][^\\]+?) \\$")
_VIA = re.compile(r"^    #(?: via)? +(?P<name>[\w.-]+)")


@dataclass(frozen=True)
class Pin:
    """A package as a lock file has it."""

    name: str
    version: str
    #: Packages that need it; ``trellis-process`` where pyproject.toml itself names it.
    via: frozenset[str]
    #: Whether this machine is one of those that it is for.
    here: bool
    #: Whether it is for some machines only.
    conditional: bool


def read_lock(name: str) -> dict[str, Pin]:
    """The pins of ``locks/<name>.txt`` by package, in the order of the file."""
    pins: dict[str, Pin] = {}
    for block in re.split(r"\n(?=\S)", (LOCKS / f"{name}.txt").read_text()):
        lines = block.splitlines()
        if pinned := _PIN.match(lines[0]):
            pin = _pin(Requirement(pinned["pin"]), lines[1:])
            pins[pin.name] = pin
    return pins


def declared() -> dict[str, list[Requirement]]:
    """What pyproject.toml asks for, by extra (with the extras in it) and dependency group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    found = {extra: list(_resolved(lines, extras)) for extra, lines in extras.items()}
    for group, lines in project["dependency-groups"].items():
        found[group] = [Requirement(line) for line in lines]
    return found


def needed_by(requirements: Sequence[Requirement], pins: Mapping[str, Pin]) -> dict[str, Pin]:
    """Those of ``pins`` that are there for the sake of ``requirements``, in the same order."""
    needed: set[str] = {canonicalize_name(each.name) for each in requirements}
    while more := {name for name, pin in pins.items() if pin.via & needed} - needed:
        needed |= more
    return {name: pin for name, pin in pins.items() if name in needed}


def npm_locks() -> list[Path]:
    """The lock files of npm."""
    found = [*ROOT.glob("tests/*/package-lock.json"), *ROOT.glob("infra/*/package-lock.json")]
    return sorted(found)


def _pin(requirement: Requirement, lines: Sequence[str]) -> Pin:
    (version,) = requirement.specifier
    via = (found["name"] for line in lines if (found := _VIA.match(line)))
    return Pin(
        name=canonicalize_name(requirement.name),
        version=version.version,
        via=frozenset(map(canonicalize_name, via)),
        here=requirement.marker is None or requirement.marker.evaluate(),
        conditional=requirement.marker is not None,
    )


def _resolved(lines: Sequence[str], extras: Mapping[str, Sequence[str]]) -> Iterator[Requirement]:
    for requirement in map(Requirement, lines):
        if canonicalize_name(requirement.name) == PROJECT:
            for extra in requirement.extras:
                yield from _resolved(extras[extra], extras)
        else:
            yield requirement
