"""Environments of their own: each made once, whole, from its lock, and not kept for ever."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from trellis_process.deploy import environment
from trellis_process.deploy.command import CommandFailed
from trellis_process.deploy.environment import own_environment
from trellis_process.deploy.errors import DeployError

MONTH_S = 31 * 24 * 60 * 60


class Installer:
    """Notes the commands that an installation would run; fails at the one told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.commands: list[str] = []
        self.fails_at = ""
        self.lock = folder / "tool.txt"
        self.lock.write_text("tool==1 --hash=sha256:0")
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.setattr(environment, "run", self.run)
        monkeypatch.setattr(environment, "lock_path", lambda name: self.lock)

    def run(self, *command: str | Path) -> str:
        module = str(command[2])
        self.commands.append(module)
        if module == self.fails_at:
            raise CommandFailed("no package index")
        if module == "venv":
            (Path(command[-1]) / "bin").mkdir(parents=True)
            (Path(command[-1]) / "bin" / "python").touch()
        else:
            assert command[-1] == self.lock
            assert "--require-hashes" in command
        return ""


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Installer:
    return Installer(monkeypatch, tmp_path)


def test_it_is_made_once(installer: Installer, tmp_path: Path):
    said: list[str] = []
    programs = own_environment("tool", said.append)
    assert programs.is_relative_to(tmp_path)
    assert own_environment("tool", said.append) == programs
    assert installer.commands == ["venv", "pip"]
    assert len(said) == 1


def test_an_interrupted_installation_is_begun_again(installer: Installer):
    installer.fails_at = "pip"
    with pytest.raises(DeployError, match="no package index"):
        own_environment("tool")
    installer.fails_at = ""
    own_environment("tool")
    assert installer.commands == ["venv", "pip", "venv", "pip"]


def test_another_lock_makes_another_environment(installer: Installer):
    before = own_environment("tool")
    installer.lock.write_text("tool==2 --hash=sha256:1")
    assert own_environment("tool") != before
    assert before.exists()  # another checkout may run from it


def test_one_whose_python_was_removed_is_made_again(installer: Installer):
    (own_environment("tool") / "python").unlink()
    assert (own_environment("tool") / "python").exists()


def test_one_that_nobody_has_used_for_a_month_goes_when_another_is_made(installer: Installer):
    unused, used = own_environment("unused"), own_environment("used")
    for programs in (unused, used):
        long_ago = time.time() - MONTH_S
        os.utime(programs.parent / "complete", (long_ago, long_ago))
    own_environment("used")
    own_environment("tool")
    assert not unused.exists()
    assert used.exists()
