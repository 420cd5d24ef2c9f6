"""The bundle of the functions as an asset, which CDK puts into S3 on deployment."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from aws_cdk import Stack
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from trellis_process.deploy.bundle import build_bundle, deployed_target
from trellis_process.deploy.sources import lambdas_dir
from trellis_process.errors import InvalidInput


def bundle_asset(scope: Construct, given: Path | str | None) -> Asset:
    """The given bundle, a folder or a zip, or one built for the deployed runtime.

    Raises ``InvalidInput`` where nothing is at the given path, ``DeployError`` where it cannot be
    built.
    """
    if given is not None:
        if not Path(given).exists():
            allowed = "allowed is the folder or zip that trellis_process.deploy.bundle has built"
            raise InvalidInput("bundle", str(given), allowed)
        return _asset(scope, Path(given))
    if not Stack.of(scope).bundling_required:
        # `cdk destroy` and `cdk list` upload nothing, so any folder does and none is built.
        return _asset(scope, lambdas_dir())
    with tempfile.TemporaryDirectory() as scratch:  # the asset is a copy
        return _asset(scope, build_bundle(Path(scratch) / "bundle", deployed_target(), report=_say))


def _asset(scope: Construct, path: Path) -> Asset:
    return Asset(scope, "Bundle", path=str(path.resolve()))


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # standard output may be the template
