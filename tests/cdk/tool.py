"""CDK's own tool, as people use it, kept from asking anybody but the cloud it is told of."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..typescript.node import node_modules, run

HERE = Path(__file__).parent


def cdk(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """What ``cdk`` prints; fails the test where it fails. ``env`` says what cloud there is."""
    program = node_modules(HERE) / ".bin" / "cdk"
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **{name: value for name, value in os.environ.items() if name.startswith("JSII_")},
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "1",
        # Without credentials it would ask the address where a machine of AWS finds its own.
        "AWS_EC2_METADATA_DISABLED": "true",
        **(env or {}),
    }
    return run(str(program), *arguments, "--no-notices", cwd=cwd, env=environment)
