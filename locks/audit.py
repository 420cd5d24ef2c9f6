"""Known vulnerabilities of what is locked, asked of a public database.

``python -m locks.audit`` ends with 0 where there are none, 1 where there are, 2 where not
everything could be asked.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from locks.lockfiles import LOCKS, ROOT, npm_locks

#: Vulnerabilities that do not concern Trellis, each with the reason; pip-audit's id of it.
IGNORED: dict[str, str] = {}

CLEAR, VULNERABLE, NOT_ASKED = range(3)


class NotAsked(Exception):
    """The database did not answer for all packages; says what the tool said last."""


def audit_lock(lock: Path, options: Sequence[str] = ()) -> list[str]:
    """A line for each known vulnerability of what the lock file pins for this machine.

    Raises ``NotAsked``.
    """
    # Of OSV, because a mirror of PyPI may know of none, and pip-audit takes that for good news.
    answer = _answer(
        str(Path(sys.executable).with_name("pip-audit")),
        *("--requirement", str(lock), "--disable-pip", "--require-hashes"),
        *("--vulnerability-service", "osv", "--progress-spinner", "off", "--format", "json"),
        *(f"--ignore-vuln={each}" for each in IGNORED),
        *options,
    )
    found = []
    for package in answer["dependencies"]:
        if "skip_reason" in package:
            raise NotAsked(package["skip_reason"])
        for each in package["vulns"]:
            mended = ", ".join(each["fix_versions"]) or "no version yet"
            found.append(
                f"{package['name']} {package['version']}: {each['id']}, mended by {mended}"
            )
    return found


def audit_npm(folder: Path) -> list[str]:
    """A line for each package that npm knows a vulnerability of, by the folder's package-lock.json.

    Raises ``NotAsked``.
    """
    answer = _answer("npm", "audit", "--package-lock-only", "--json", "--prefix", str(folder))
    if "vulnerabilities" not in answer:
        raise NotAsked(str(answer.get("message") or answer))
    return [
        f"{name} {each['range']}: {each['severity']}; `npm audit` in {folder} says more"
        for name, each in answer["vulnerabilities"].items()
    ]


def _answer(*command: str) -> dict[str, Any]:
    """What the tool writes as JSON; its status says no more than that, and less of failures."""
    try:
        # Our own programs and arguments; no shell reads them.
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise NotAsked(f"{command[0]} does not run: {error}") from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise NotAsked(done.stderr.strip().rpartition("\n")[2]) from None
    return answer


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit all locks, or those named; the status of the program."""
    parser = argparse.ArgumentParser(prog="python -m locks.audit", description=__doc__)
    names = sorted(path.stem for path in LOCKS.glob("*.txt"))
    parser.add_argument("lock", nargs="*", help=f"of {', '.join(names)}; default: all, and npm's")
    parser.add_argument("--osv-url", help="another place of the database")
    chosen = parser.parse_args(arguments)
    options = ["--osv-url", chosen.osv_url] if chosen.osv_url else []
    found: list[str] = []
    try:
        for name in chosen.lock or names:
            print(f"locks/{name}.txt …", flush=True)
            found += audit_lock(LOCKS / f"{name}.txt", options)
        for npm_lock in [] if chosen.lock else npm_locks():
            print(f"{npm_lock.relative_to(ROOT)} …", flush=True)
            found += audit_npm(npm_lock.parent)
    except NotAsked as error:
        print(
            f"Not everything could be asked; the audit needs a network. It said: {error}",
            file=sys.stderr,
        )
        return NOT_ASKED
    for line in sorted(set(found)):
        print(line, file=sys.stderr)
    print(f"{len(set(found))} known vulnerabilities." if found else "No known vulnerabilities.")
    return VULNERABLE if found else CLEAR


if __name__ == "__main__":
    sys.exit(main())
