"""A cloud on this machine: one MiniStack process, owned by whoever started it."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from uuid import uuid4

from trellis_process.local.environment import ministack_python
from trellis_process.local.errors import LocalCloudError
from trellis_process.local.state import forget_stream_positions

REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
ROOT_KEY = "test"
"""Key id and secret of the account's root, which MiniStack accepts with ``auth`` too."""

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0

# MiniStack ends itself when its standard input does. The owner holds the other end of that pipe, so
# however the owner ends, SIGKILL included, no server, function or folder of its stays behind.
_PROGRAM = """
import os, shutil, signal, sys, threading
owner_is_gone = threading.Event()
def end_with_owner():
    os.read(0, 1)
    owner_is_gone.set()
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end_with_owner, daemon=True).start()
sys.argv = ["ministack"]
from ministack.app import main
try:
    main()
finally:
    if owner_is_gone.is_set():
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
"""


class LocalCloud:
    """DynamoDB, Lambda, EventBridge, SQS, API Gateway and more, on 127.0.0.1; a context manager.

    ``auth``
        check signatures and enforce the policies of users and of the functions' roles.
    ``data_dir``
        keep what the cloud holds in this folder and have it again on the next start; one cloud
        at a time. It is written when the cloud is stopped, save what a table's stream had not
        handed over by then. Without it everything is forgotten.
    ``port``
        listen on this port instead of a free one.
    ``log_file``
        where MiniStack's log goes, functions' output included; otherwise it is forgotten too.
    ``report``
        called with a line for a person when something takes its time.

    MiniStack runs in an environment of its own, which the first use installs, because it pins one
    exact version of ``botocore`` that need not be the one the caller's program uses.

    Raises ``LocalCloudError`` on entering, where it cannot be installed or does not come up.
    """

    def __init__(
        self,
        *,
        auth: bool = False,
        data_dir: Path | None = None,
        port: int | None = None,
        log_file: Path | None = None,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.auth = auth
        self.data_dir = data_dir
        self.log_file = log_file
        self.port = port or 0
        self._fixed_port = port
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None
        self._data_lock: IO[str] | None = None
        self._run_dir = Path()
        self._name = f"trellis-{uuid4()}"

    @property
    def endpoint_url(self) -> str:
        """Where all services answer, for ``AWS_ENDPOINT_URL`` or a client's ``endpoint_url``."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the cloud and wait until it answers; about a third of a second."""
        python = ministack_python(self._report)
        self._run_dir = Path(tempfile.mkdtemp(prefix="trellis-local-cloud-"))
        try:
            if self.data_dir is not None:
                self._open_data_dir(self.data_dir)
            self._start_on_some_port(python)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the cloud and its functions, and nobody else's. Stopping twice does nothing."""
        if self._process is not None:
            self._end(self._process)
            self._process = None
        if self._data_lock is not None:
            self._data_lock.close()
            self._data_lock = None
        if self._run_dir != Path():
            shutil.rmtree(self._run_dir, ignore_errors=True)
            self._run_dir = Path()

    def reset(self) -> None:
        """Forget everything: tables, stacks, queues, users, and what ``data_dir`` holds."""
        self._ask("POST", "/_ministack/reset", timeout_s=30)

    def client_environment(self) -> dict[str, str]:
        """The environment variables by which any AWS SDK or command reaches this cloud as root."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str) -> Any:
        """A botocore client of ``service``, as root; what boto3's ``client`` gives as well.

        The caller's own AWS profile and configuration play no part.
        """
        import botocore.session  # here, because starting a cloud needs no SDK
        from botocore.config import Config

        nowhere = (None, None, os.devnull, None)
        session = botocore.session.Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": nowhere,
                "credentials_file": nowhere,
            }
        )
        return session.create_client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=ROOT_KEY,
            aws_secret_access_key=ROOT_KEY,
            config=Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 3}),
        )

    def log_tail(self, size: int = 4000) -> str:
        """The last ``size`` characters of MiniStack's log, for an error message."""
        path = self._log_path()
        return path.read_text(errors="replace")[-size:] if path.exists() else ""

    def _log_path(self) -> Path:
        return self.log_file or self._run_dir / "ministack.log"

    def _open_data_dir(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._data_lock = (data_dir / "lock").open("a")
        try:
            fcntl.flock(self._data_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalCloudError(
                f"Another local cloud is using {data_dir}. Stop it, or choose another folder."
            ) from None
        forget_stream_positions(data_dir / "state")

    def _start_on_some_port(self, python: Path) -> None:
        # Between finding a free port and listening on it, somebody else may take it.
        for _ in range(1 if self._fixed_port else 3):
            self.port = self._fixed_port or free_port()
            self._process = self._launch(python)
            if self._wait_until_healthy(self._process):
                return
        raise LocalCloudError(
            f"MiniStack ended while starting on port {self.port}. Is the port in use? It said:\n"
            f"{self.log_tail()}"
        )

    def _launch(self, python: Path) -> subprocess.Popen[bytes]:
        log_path = self._log_path()
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own program, in an environment we made
                [str(python), "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._run_dir,
                env=self._server_environment(),
                # A group of its own: Ctrl-C in the owner's terminal must not reach it before the
                # owner has decided what to do, and the functions can be ended with it.
                start_new_session=True,
            )

    def _server_environment(self) -> dict[str, str]:
        # Made from nothing, because functions inherit it: the caller's AWS variables, PYTHONPATH
        # and the like would make them behave otherwise than in the cloud.
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
        }
        environment |= {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "AUTH": str(self.auth).lower(),
            "LAMBDA_EXECUTOR": "local",
            # Said again in its health answer, by which it is known to be this one.
            "MINISTACK_EDITION": self._name,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # Function code is unpacked below it, and goes with it.
            "TMPDIR": str(self._run_dir),
            "PYTHONUNBUFFERED": "1",
        }
        if self.data_dir is not None:
            data_dir = self.data_dir.resolve()
            environment |= {
                "PERSIST_STATE": "1",
                "STATE_DIR": str(data_dir / "state"),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(data_dir / "s3"),
            }
        return environment

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> bool:
        give_up_at = time.monotonic() + _START_SECONDS
        while time.monotonic() < give_up_at:
            if process.poll() is not None:
                return False
            # Whoever took the port in the meantime may answer as well as this one.
            with suppress(OSError):
                if self._name in self._ask("GET", "/_ministack/health", timeout_s=1):
                    return True
            time.sleep(0.02)
        raise LocalCloudError(
            f"MiniStack did not answer within {_START_SECONDS:.0f} s. It said:\n{self.log_tail()}"
        )

    def _ask(self, method: str, path: str, *, timeout_s: float) -> str:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)) as connection:
            connection.request(method, path)
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace")
        if answer.status != HTTPStatus.OK:
            raise LocalCloudError(f"MiniStack answered {answer.status} to {method} {path}: {said}")
        return said

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        # Politely first: it writes its data when told to end.
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # functions that still run
            process.wait()
            if process.stdin is not None:
                process.stdin.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
