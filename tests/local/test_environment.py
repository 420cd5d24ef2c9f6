"""MiniStack's own environment: the error of its users where it cannot be made."""

from __future__ import annotations

import pytest

from trellis_process.deploy.errors import DeployError
from trellis_process.local import environment
from trellis_process.local.environment import ministack_python
from trellis_process.local.errors import LocalCloudError


def test_that_it_cannot_be_made_is_an_error_of_the_local_cloud(monkeypatch: pytest.MonkeyPatch):
    def fails(*arguments: object) -> None:
        raise DeployError("no package index")

    monkeypatch.setattr(environment, "own_environment", fails)
    with pytest.raises(LocalCloudError, match="no package index"):
        ministack_python()
