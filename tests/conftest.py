"""The clouds that tests share: one that is empty, one with the stack, one with stand-ins in it.

And a line at the end of a run that says how much of what it covered.
"""

from __future__ import annotations

import signal
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest

from trellis_process.local.ministack import LocalCloud
from trellis_process.local.stack import LocalStack, deploy_trellis

# Most tests have clients of their own. What botocore makes them of is read once for all of them.
botocore.session.create_loader = cache(botocore.loaders.create_loader)

# What a shell starts in the background ignores Ctrl-C, and so would every program that is started
# here; but some are to be stopped by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PROBE = Path(__file__).parent / "probe"
ARCHIVE_BUCKET = "finished-processes"


@pytest.fixture(scope="session")
def local_cloud() -> Iterator[LocalCloud]:
    """A cloud without checks of rights; a test that needs it empty calls ``reset()``."""
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def deployed_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The real functions in the real template, where a missing right is refused."""
    log_file = tmp_path_factory.mktemp("deployed") / "cloud.log"
    with LocalCloud(auth=True, log_file=log_file) as cloud:
        yield deploy_trellis(cloud, parameters=with_everything(cloud))


@pytest.fixture(scope="session")
def probe_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of the stand-ins for the functions; see tests/probe."""
    zipped = tmp_path_factory.mktemp("probe") / "probe.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for path in sorted((PROBE / "lambdas").glob("*.py")):
            archive.write(path, path.relative_to(PROBE))
    return zipped


@pytest.fixture(scope="session")
def probe_stack(probe_bundle: Path) -> Iterator[LocalStack]:
    """The stand-ins in the real template, where a missing right is refused."""
    with LocalCloud(auth=True) as cloud:
        parameters = with_everything(cloud)
        yield deploy_trellis(cloud, bundle=probe_bundle, parameters=parameters)


def with_everything(cloud: LocalCloud) -> dict[str, str]:
    """Parameters of a stack with views, two sweepers, and an archive whose bucket is here."""
    cloud.client("s3").create_bucket(Bucket=ARCHIVE_BUCKET)
    return {"ArchiveBucketName": ARCHIVE_BUCKET, "ReadModels": "on", "Sweepers": "2"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Adds up what tests said with ``record_property("covered", "40 crash points")``."""
    covered: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "covered":
                count, what = value.split(" ", 1)
                covered[what] += int(count)
    if covered:
        said = ", ".join(f"{count:,} {what}" for what, count in covered.items())
        terminalreporter.write_line(f"covered: {said}")
