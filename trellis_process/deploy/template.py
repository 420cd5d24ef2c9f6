"""The SAM template, with the place filled in where the functions' code is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trellis_process.deploy.bundle import build_bundle, deployed_target
from trellis_process.deploy.errors import DeployError
from trellis_process.deploy.sources import template_path

CODE_URI = "CodeUri: ../build/lambda"
"""What stands in the template; it is right for a checkout, and for nowhere else."""

_TEMPLATE = "template.yaml"
_BUNDLE = "lambda"


def with_code(template: Path, code: str) -> str:
    """The template with the functions' code at this address: a path beside it, or one in S3.

    Raises DeployError for a template that does not have the place exactly once.
    """
    text = template.read_text()
    if text.count(CODE_URI) != 1:
        raise DeployError(f'{template} must contain "{CODE_URI}" once; the bundle goes there.')
    return text.replace(CODE_URI, f"CodeUri: {code}")


def write_deployment(
    output: Path,
    *,
    bytecode: bool = True,
    runtime_python: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Writes what is to be deployed into a folder: the template, and the bundle it speaks of.

    Returns the template's path, for ``sam deploy --template-file``. What an earlier call wrote
    there is replaced. The rest is as for ``build_bundle``, and so are its errors.
    """
    output.mkdir(parents=True, exist_ok=True)
    build_bundle(
        output / _BUNDLE,
        deployed_target(),
        bytecode=bytecode,
        runtime_python=runtime_python,
        report=report,
    )
    written = output / _TEMPLATE
    written.write_text(with_code(template_path(), _BUNDLE))
    return written
