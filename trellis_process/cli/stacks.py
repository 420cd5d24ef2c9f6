"""Stacks: where the command line finds the tracker that it speaks to, and as whom."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trellis_process.cli.deployment import Deployment
from trellis_process.cli.errors import NoStack
from trellis_process.client import BearerToken, SigV4, TrellisClient
from trellis_process.client.authorization import Authorization

DEV_FILE = Path(".trellis") / "dev.json"
"""Where ``trellis dev`` says how to reach the stack that it runs."""

_WHICH_DEPLOYMENT = (
    "which stack? This asks AWS, not the step API, so give --stack or set TRELLIS_STACK, give "
    '--profile with a profile of {} that has stack = "…", or be in the folder where trellis '
    "dev runs"
)

_SETTINGS = {"url", "stack", "tenant", "region", "aws_profile", "token_variable"}

#: By which AWS clients find credentials; one that is said must not be overruled by another.
_CREDENTIALS = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True)
class Stack:
    """A stack to speak to: the address of its step API, its name, and what is usual there."""

    #: None where the stack's output says it.
    url: str | None = None
    #: What CloudFormation calls it.
    stack: str | None = None
    tenant: str | None = None
    region: str | None = None
    #: A profile of the AWS configuration whose credentials are used; None for the usual ones.
    aws_profile: str | None = None
    #: The environment variable that holds a token, for a stack with tokens instead of signatures.
    token_variable: str | None = None
    #: The key of a local stack's own user: its id and its secret.
    key: tuple[str, str] | None = None
    #: The variables by which AWS clients reach a local stack's cloud.
    local: Mapping[str, str] | None = None

    def client(self) -> TrellisClient:
        """A client of this stack. Raises NoStack for an address or a token that will not do."""
        try:
            return TrellisClient(self.url or self._output_url(), self._authorization())
        except ValueError as error:
            raise NoStack(str(error)) from error

    def deployment(self) -> Deployment:
        """What the stack is made of. From then on this program's AWS clients reach its account.

        Raises NoStack where its name is not known, or no such stack is found.
        """
        if self.stack is None:
            raise NoStack(_WHICH_DEPLOYMENT.format(config_file()))
        if self.local is not None or self.aws_profile is not None:
            for name in _CREDENTIALS:
                os.environ.pop(name, None)
        os.environ.update(self._variables())
        return Deployment.of_stack(self.stack)

    def _variables(self) -> dict[str, str]:
        said = dict(self.local or {})
        if self.aws_profile is not None:
            said["AWS_PROFILE"] = self.aws_profile
        if self.region is not None:
            said |= {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        return said

    def _output_url(self) -> str:
        return self.deployment().output("ApiUrl")

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
        return _of_dev()
    raise NoStack(
        "which stack? Give --url or set TRELLIS_API_URL, give --profile with a profile of "
        f"{config_file()}, or be in the folder where trellis dev runs"
    )


def find_deployment(stack: str | None, profile: str | None) -> Deployment:
    """What the stack that is meant is made of: by name, by a profile, or the one that runs here.

    Raises NoStack, saying how to name one.
    """
    if profile is not None:
        found = _of_profile(profile)
        return (found if stack is None else replace(found, stack=stack)).deployment()
    if stack is None and DEV_FILE.exists():
        return _of_dev().deployment()
    return Stack(stack=stack).deployment()


def remember_dev(
    data_dir: Path, url: str, key: tuple[str, str], stack: str, local: Mapping[str, str]
) -> None:
    """Writes down how to reach the stack that runs with this folder, and its whole cloud."""
    said = {"url": url, "key": key, "stack": stack, "local": dict(local)}
    path = data_dir / DEV_FILE.name
    path.touch(mode=0o600)
    path.write_text(json.dumps(said))


def _of_dev() -> Stack:
    said = json.loads(DEV_FILE.read_text())
    try:
        return Stack(
            said["url"],
            said["stack"],
            tenant="demo",
            region=said["local"]["AWS_REGION"],
            key=tuple(said["key"]),
            local=said["local"],
        )
    except KeyError as error:
        raise NoStack(f"{DEV_FILE} is of another version; start trellis dev again") from error


def config_file() -> Path:
    """Where profiles are: ``[profiles.prod]`` with ``url`` or ``stack``, and others if wanted."""
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
    if not {"url", "stack"} & set(said):
        raise NoStack(
            f"{path}, {name}: give url, the stack's output ApiUrl, or stack, the stack's name"
        )
    return Stack(**said)
