"""Stacks: where the command line finds the tracker that it speaks to, and as whom."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trellis_process.client import BearerToken, SigV4, TrellisClient
from trellis_process.client.authorization import Authorization

DEV_FILE = Path(".trellis") / "dev.json"
"""Where ``trellis dev`` says how to reach the stack that it runs."""

_SETTINGS = {"url", "tenant", "region", "aws_profile", "token_variable"}


class NoStack(Exception):
    """It is not said, or not rightly said, which stack is meant; the message says how to."""


@dataclass(frozen=True)
class Stack:
    """A stack to speak to: the address of its step API, and what is usual there."""

    url: str
    tenant: str | None = None
    region: str | None = None
    #: A profile of the AWS configuration whose credentials sign; None for the usual ones.
    aws_profile: str | None = None
    #: The environment variable that holds a token, for a stack with tokens instead of signatures.
    token_variable: str | None = None
    #: The key of a local stack's own user: its id and its secret.
    key: tuple[str, str] | None = None

    def client(self) -> TrellisClient:
        """A client of this stack. Raises NoStack for an address or a token that will not do."""
        try:
            return TrellisClient(self.url, self._authorization())
        except ValueError as error:
            raise NoStack(str(error)) from error

    def _authorization(self) -> Authorization:
        if self.token_variable is not None:
            if not (token := os.environ.get(self.token_variable)):
                raise NoStack(f"the profile wants a token in {self.token_variable}, which is empty")
            return BearerToken(token)
        from botocore.session import Session

        session = Session(profile=self.aws_profile)
        if self.key is not None:
            session.set_credentials(*self.key)
        return SigV4(session, region=self.region)


def find_stack(url: str | None, profile: str | None) -> Stack:
    """The stack that is meant: by its address, by a profile, or the one that runs here.

    Raises NoStack, saying how to name one.
    """
    if url is not None:
        return Stack(url)
    if profile is not None:
        return _of_profile(profile)
    if DEV_FILE.exists():
        said = json.loads(DEV_FILE.read_text())
        return Stack(said["url"], "demo", said["region"], key=(said["key_id"], said["secret"]))
    raise NoStack(
        "which stack? Give --url or set TRELLIS_API_URL, give --profile with a profile of "
        f"{config_file()}, or be in the folder where trellis dev runs"
    )


def remember_dev(data_dir: Path, url: str, region: str, key: tuple[str, str]) -> None:
    """Writes down how to reach the stack that runs with this folder."""
    said = {"url": url, "region": region, "key_id": key[0], "secret": key[1]}
    path = data_dir / DEV_FILE.name
    path.touch(mode=0o600)
    path.write_text(json.dumps(said))


def config_file() -> Path:
    """Where profiles are: ``[profiles.prod]`` with ``url``, and ``tenant`` and others if wanted."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "trellis" / "config.toml"


def _of_profile(name: str) -> Stack:
    path = config_file()
    try:
        profiles: Mapping[str, Any] = tomllib.loads(path.read_text())["profiles"]
    except (OSError, KeyError) as error:
        raise NoStack(f"there are no profiles in {path}; write [profiles.{name}] there") from error
    except tomllib.TOMLDecodeError as error:
        raise NoStack(f"{path} is not TOML: {error}") from error
    if name not in profiles:
        raise NoStack(f"{path} has no profile {name!r}; it has {', '.join(profiles) or 'none'}")
    said = profiles[name]
    if unknown := set(said) - _SETTINGS:
        known = ", ".join(sorted(_SETTINGS))
        raise NoStack(f"{path}, {name}: no such setting as {', '.join(unknown)}; there are {known}")
    if "url" not in said:
        raise NoStack(f"{path}, {name}: url is missing, the stack's output ApiUrl")
    return Stack(**said)
