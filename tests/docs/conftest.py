"""The site, built once for all tests, also where several processes share them."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def build(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """What ``make docs`` runs, with the configuration of the docs."""
    # fmt: off
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going",
         "--conf-dir", DOCS, "--doctree-dir", site.with_suffix(".read"), source, site],
        capture_output=True, text=True, timeout=300, check=False,
    )
    # fmt: on


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    own = tmp_path_factory.getbasetemp()
    # A worker's folder lies in one that all workers of the run share; a lone run's own is its own.
    shared = own.parent if own.name.startswith("popen-") else own
    built = shared / "site"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built.exists():
            done = build(DOCS, shared / "site.new")
            assert done.returncode == 0, done.stderr
            (shared / "site.new").rename(built)
    return built
