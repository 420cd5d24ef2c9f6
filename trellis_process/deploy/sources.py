"""Where the sources of the functions and the template of the stack are."""

from __future__ import annotations

from pathlib import Path

from trellis_process.deploy.errors import DeployError

_ROOT = Path(__file__).resolve().parents[2]


def package_dir() -> Path:
    """The folder of the package ``trellis_process``."""
    return _ROOT / "trellis_process"


def lambdas_dir() -> Path:
    """The folder with one file per function. Raises :class:`DeployError` outside a checkout."""
    return _in_checkout(_ROOT / "lambdas")


def template_path() -> Path:
    """The SAM template. Raises :class:`DeployError` outside a checkout."""
    return _in_checkout(_ROOT / "infra" / "template.yaml")


def _in_checkout(path: Path) -> Path:
    if not path.exists():
        raise DeployError(
            f"{path} is missing. Bundling and deploying need a checkout of the repository, "
            "installed with pip install -e."
        )
    return path
