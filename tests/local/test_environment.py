"""MiniStack's own environment: made once, whole, and by one at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis_process.deploy.command import CommandFailed
from trellis_process.local import environment
from trellis_process.local.environment import ministack_python
from trellis_process.local.errors import LocalCloudError


class Installer:
    """Notes the commands that an installation would run; fails at the one told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        self.commands: list[str] = []
        self.fails_at = ""
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        monkeypatch.setattr(environment, "run", self.run)

    def run(self, *command: str | Path) -> str:
        module = str(command[2])
        self.commands.append(module)
        if module == self.fails_at:
            raise CommandFailed("no package index")
        if module == "venv":
            Path(command[-1]).mkdir()
        return ""


@pytest.fixture
def installer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Installer:
    return Installer(monkeypatch, tmp_path)


def test_it_is_made_once(installer: Installer, tmp_path: Path):
    said: list[str] = []
    python = ministack_python(said.append)
    assert python.is_relative_to(tmp_path)
    assert ministack_python(said.append) == python
    assert installer.commands == ["venv", "pip"]
    assert len(said) == 1


def test_an_interrupted_installation_is_begun_again(installer: Installer):
    installer.fails_at = "pip"
    with pytest.raises(LocalCloudError, match="no package index"):
        ministack_python()
    installer.fails_at = ""
    ministack_python()
    assert installer.commands == ["venv", "pip", "venv", "pip"]
