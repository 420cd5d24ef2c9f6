"""``trellis dev`` as a person runs it: addresses, events as they come, data kept between runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trellis_process.local.http import Credentials, SignedHttp
from trellis_process.local.ministack import free_port

A_PROCESS = {
    "process_type": "CaseCreation",
    "aggregate_type": "Referral",
    "aggregate_id": "ref-1",
    "steps": [{"name": "create_case"}],
}


class Dev:
    """A running ``trellis dev``, read line by line as a person would."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        heading = self.read_until("Ctrl-C stops")
        key_id, secret = re.findall(r"--user (\S+):(\S+) ", heading)[0]
        (url,) = re.findall(r"step API +(http\S+)", heading)
        self.http = SignedHttp(url, Credentials(key_id, secret))

    def read_until(self, text: str) -> str:
        assert self._process.stdout is not None
        read = ""
        for line in self._process.stdout:
            read += line
            if text in line:
                return read
        raise AssertionError(f"{text!r} was not printed, but:\n{read}")


@contextmanager
def dev(folder: Path, *options: str) -> Iterator[Dev]:
    """Runs it until Ctrl-C, after which it must have ended well."""
    command = [Path(sys.executable).with_name("trellis"), "dev", "--port", PORT, *options]
    with subprocess.Popen(
        list(map(str, command)),
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Dev(process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                said, _ = process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()  # or leaving the block would wait for ever
                raise
    assert process.returncode == 0, said


PORT = str(free_port())


def test_events_are_followed_and_data_is_kept_until_told_otherwise(tmp_path: Path) -> None:
    with dev(tmp_path) as first:
        started = first.http.request("POST", "/tenants/demo/processes", A_PROCESS).json()
        line = first.read_until(started["process_id"])
        assert "ProcessStarted" in line
        assert "demo CaseCreation ref-1" in line
    with dev(tmp_path) as again:
        kept = again.http.request("GET", "/tenants/demo/processes").json()["processes"]
        assert [process["process_id"] for process in kept] == [started["process_id"]]
        assert again.http.base_url == first.http.base_url
        listed = subprocess.run(
            [Path(sys.executable).with_name("trellis"), "list"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert started["process_id"] in listed.stdout, listed.stderr
    with dev(tmp_path, "--fresh") as fresh:
        assert fresh.http.request("GET", "/tenants/demo/processes").json() == {"processes": []}
        # There are read models: a stack without them knows no tasks.
        assert fresh.http.request("GET", "/tenants/demo/tasks").json() == {"tasks": []}


def test_two_at_once_in_one_folder_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with dev(tmp_path):
        second = subprocess.run(
            [Path(sys.executable).with_name("trellis"), "dev"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert second.returncode == 1
    assert "Stop it, or choose another folder" in second.stderr
    assert "Traceback" not in second.stderr
