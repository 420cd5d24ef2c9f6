"""The licences of what Trellis is made of: which are allowed, and the page that lists them.

``python -m locks.licences`` writes the list in docs/dependencies.md anew.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from locks.lockfiles import ROOT, Pin, declared, needed_by, npm_locks, read_lock
from trellis_process.deploy.command import run
from trellis_process.deploy.environment import own_environment

PAGE = ROOT / "docs" / "dependencies.md"
HEADING = "## What is locked\n"
"""Below it, this program writes the page; above it, people do."""

#: Licences under which anything may be used here, by SPDX identifier, with what they ask for.
ALLOWED = {
    "0BSD": "nothing",
    "Apache-2.0": "its text and notices with copies",
    "BSD-2-Clause": "its text with copies",
    "BSD-3-Clause": "its text with copies",
    "BSD": "its text with copies; the package does not say which of the two it is",
    "CC0-1.0": "nothing",
    "CNRI-Python": "its text with copies",
    "ISC": "its text with copies",
    "MIT": "its text with copies",
    "MIT-0": "nothing",
    "MPL-2.0": "the source of files of the package that one changes; Trellis changes none",
    "PSF-2.0": "its text with copies",
    "Python-2.0": "its text with copies",
    "Zlib": "its text with source copies",
}

#: Packages under other licences, and why each is allowed where it is.
EXCEPTIONS = {
    "asyncssh": "a choice of two, either of which allows running it; only MiniStack does",
    "psycopg2-binary": "run unchanged and apart from Trellis, by MiniStack only",
    "text-unidecode": "run unchanged and apart from Trellis, by the SAM CLI only",
    "junit-xml": "MIT, by its own text; its metadata says so in two ways",
    "docutils": "public domain but for some files that building the pages does not use",
}

#: What a licence file says where the package's metadata says nothing.
UNSAID = {
    "cookiecutter": "BSD-3-Clause",
    "quickjs-ng": "MIT",
}

#: The parts of the page: extra or environment, and what it is for.
EXTRAS = {
    "dynamodb": "Processes on DynamoDB",
    "client": "Calls to a deployed stack; none of it where one calls with a token",
    "intents": "Models on Bedrock, and the check of what they reply",
    "queries": "Tables of DynamoDB as sources of queries",
    "definitions": "Definitions of processes: reading, checking, expressions, schedules",
    "graph": "Pictures of definitions",
    "lambda": "What the deployed functions import: the bundle, but for Trellis itself",
    "testing": "Contract tests and fixtures for users' tests",
    "local": "The command `trellis`",
    "cdk": "The construct for the CDK",
    "docs": "The pages as a site",
}
DEV = "What only those need who work on Trellis, beside all of the above"
ENVIRONMENTS = {
    "ministack": "The local cloud, run as a program apart",
    "sam": "Checks of the template, run as a program apart",
    "checkov": "Checks of the template, run as a program apart",
}
NPM = "Of npm, for tests"

_SPDX = {
    "ISC License (ISCL)": "ISC",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


@dataclass(frozen=True)
class Package:
    """A package that is locked, with its licence in SPDX's words as far as it says so itself."""

    name: str
    version: str
    licence: str


@dataclass(frozen=True)
class Part:
    """Packages that come together: of an extra, an environment, or a package-lock.json."""

    name: str
    purpose: str
    packages: list[Package]


def parts() -> list[Part]:
    """All that is locked and that this machine has, as the page shows it.

    Raises ``LookupError`` where another version is installed than the one that is locked.
    """
    asked, tested = declared(), read_lock("dev")
    here = _installed(Path(sys.executable).parent / "python")
    found = [
        Part(extra, purpose, _licensed(needed_by(asked[extra], tested), here, "dev"))
        for extra, purpose in EXTRAS.items()
    ]
    told = {package.name for part in found for package in part.packages}
    rest = {name: pin for name, pin in tested.items() if name not in told}
    found.append(Part("dev", DEV, _licensed(rest, here, "dev")))
    for name, purpose in ENVIRONMENTS.items():
        installed = _installed(own_environment(name) / "python")
        found.append(Part(name, purpose, _licensed(read_lock(name), installed, name)))
    for lock in npm_locks():
        folder = lock.parent.relative_to(ROOT).as_posix()
        found.append(Part(folder, NPM, list(_of_npm(lock))))
    return found


def refused(found: list[Part]) -> dict[str, str]:
    """Packages whose licence is neither allowed nor excepted, each with that licence."""
    return {
        package.name: package.licence
        for part in found
        for package in part.packages
        if package.name not in EXCEPTIONS and not allowed(package.licence)
    }


def allowed(licence: str) -> bool:
    """Whether all that ``licence`` names are allowed, or one of them where they are a choice."""
    named = re.split(r" AND | OR |; ", re.sub(r"[()]", "", licence))
    choice = " OR " in licence and " AND " not in licence and ";" not in licence
    return (any if choice else all)(each in ALLOWED for each in named)


def page(found: list[Part]) -> str:
    """The whole page as it should be: what people wrote, and below it what is locked."""
    written, _, _ = PAGE.read_text(encoding="utf-8").partition(HEADING)
    lines = [HEADING]
    for part in found:
        lines += [f"### {part.name}", "", f"{part.purpose}.", ""]
        lines += ["| package | version | licence |", "| --- | --- | --- |"]
        lines += [f"| {each.name} | {each.version} | {each.licence} |" for each in part.packages]
        lines += [""]
    lines += ["## Licences that are allowed", ""]
    lines += ["| licence | what it asks for |", "| --- | --- |"]
    lines += [f"| {licence} | {asks} |" for licence, asks in ALLOWED.items()]
    lines += ["", "And these packages, under others:", "", "| package | why |", "| --- | --- |"]
    lines += [f"| {package} | {reason} |" for package, reason in EXCEPTIONS.items()]
    return written + "\n".join(lines) + "\n"


def _licensed(
    pins: Mapping[str, Pin], installed: Mapping[tuple[str, str], str], lock: str
) -> list[Package]:
    packages = []
    for pin in pins.values():
        if pin.here:
            if (pin.name, pin.version) not in installed:
                raise LookupError(
                    f"{pin.name} {pin.version}, locked in locks/{lock}.txt, is not what is "
                    "installed; run `make setup`."
                )
            packages.append(Package(pin.name, pin.version, installed[pin.name, pin.version]))
    return packages


def _installed(python: Path) -> dict[tuple[str, str], str]:
    """The licences that the packages of an environment name, by package and version."""
    said = run(
        Path(sys.executable).with_name("pip-licenses"), "--python", python, "--with-system",
        "--format=json", "--from=mixed",
    )  # fmt: skip
    found: dict[tuple[str, str], str] = {}
    for each in json.loads(said):
        name = canonicalize_name(each["Name"])
        stated = [_SPDX.get(part, part) for part in each["License"].split("; ")]
        found[name, each["Version"]] = UNSAID.get(name) or "; ".join(stated)
    return found


def _of_npm(lock: Path) -> Iterator[Package]:
    for path, each in json.loads(lock.read_text(encoding="utf-8"))["packages"].items():
        if path:  # the one without is the folder's own
            name = path.rpartition("node_modules/")[2]
            yield Package(name, each["version"], each.get("license", "UNKNOWN"))


def main() -> int:
    """Write the page; 1 after saying which licences are not allowed."""
    found = parts()
    PAGE.write_text(page(found), encoding="utf-8")
    not_allowed = refused(found)
    for name, licence in not_allowed.items():
        print(f"{name}: {licence} is not allowed; see locks/licences.py", file=sys.stderr)
    return 1 if not_allowed else 0


if __name__ == "__main__":
    sys.exit(main())
