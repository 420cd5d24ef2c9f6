"""Where the sources of the functions, the template of the stack and the lock files are."""

from __future__ import annotations

from pathlib import Path

from trellis_process.deploy.errors import DeployError

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parent
_IN_THE_WHEEL = Path(__file__).resolve().with_name("assets")  # pyproject.toml puts them there


def package_dir() -> Path:
    """The folder of the package ``trellis_process``."""
    return _PACKAGE


def lambdas_dir() -> Path:
    """The folder with one file per function."""
    return _found(_CHECKOUT / "lambdas", _IN_THE_WHEEL / "lambdas")


def template_path() -> Path:
    """The SAM template."""
    return _found(_CHECKOUT / "infra" / "template.yaml", _IN_THE_WHEEL / "template.yaml")


def lock_path(name: str) -> Path:
    """The lock file ``name``: exact versions, each with the hashes of what may be installed."""
    return _found(_CHECKOUT / "locks" / f"{name}.txt", _IN_THE_WHEEL / "locks" / f"{name}.txt")


def _found(in_checkout: Path, in_wheel: Path) -> Path:
    # The wheel's first: beside an installed package, a folder "lambdas" is somebody else's.
    for path in (in_wheel, in_checkout):
        if path.exists():
            return path
    raise DeployError(
        f"Neither {in_wheel} nor {in_checkout} is there; this installation is incomplete. "
        "Install trellis-process again."
    )
