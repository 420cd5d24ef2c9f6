"""The local cloud's life: start, end, what it keeps, whom it leaves alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trellis_process.local.errors import LocalCloudError
from trellis_process.local.ministack import LocalCloud

# Starts a cloud with a running function of its own, says the ids of all processes, and waits.
OWNER = """
import os, sys, time
from pathlib import Path
from trellis_process.local.ministack import LocalCloud
from trellis_process.local.stack import deploy_trellis

cloud = LocalCloud(auth=True)
cloud.start()
stack = deploy_trellis(cloud, bundle=Path(sys.argv[1]))
assert stack.http().request("GET", "/").status == 200
server = cloud._process.pid
listed = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
group = []
for pid in listed:
    try:
        if os.getpgid(pid) == server:
            group.append(pid)
    except ProcessLookupError:
        pass
print(cloud._run_dir, *group, flush=True)
time.sleep(60)
"""


def queues(cloud: LocalCloud) -> list[str]:
    found = cloud.client("sqs").list_queues().get("QueueUrls", [])
    return [url.rsplit("/", 1)[1] for url in found]


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # ended, and only waiting for whoever adopted it


def test_it_answers_on_this_machine_only_and_is_gone_afterwards():
    with LocalCloud() as cloud:
        assert cloud.endpoint_url == f"http://127.0.0.1:{cloud.port}"
        assert cloud.client("sts").get_caller_identity()["Account"] == "000000000000"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", cloud.port)) != 0


def test_stopping_twice_does_nothing():
    cloud = LocalCloud()
    cloud.start()
    cloud.stop()
    cloud.stop()


def test_it_is_stopped_when_its_owner_fails():
    with pytest.raises(RuntimeError), LocalCloud() as cloud:
        raise RuntimeError
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", cloud.port)) != 0


def test_two_clouds_know_nothing_of_each_other():
    with LocalCloud() as one, LocalCloud() as other:
        one.client("sqs").create_queue(QueueName="mine")
        assert queues(one) == ["mine"]
        assert queues(other) == []


def test_reset_forgets_everything(local_cloud: LocalCloud):
    local_cloud.client("sqs").create_queue(QueueName="old")
    local_cloud.reset()
    assert queues(local_cloud) == []


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_behind_when_its_owner_is_killed(probe_bundle: Path, end: signal.Signals):
    command = [sys.executable, "-c", OWNER, str(probe_bundle)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        folder, *pids = owner.stdout.readline().split()
        owner.send_signal(end)
    assert len(pids) == 2  # the server, and the function that answered
    give_up_at = time.monotonic() + 10
    while time.monotonic() < give_up_at and any(runs(int(pid)) for pid in pids):
        time.sleep(0.05)
    assert [pid for pid in pids if runs(int(pid))] == []
    assert not Path(folder).exists()


def test_the_owners_aws_profile_plays_no_part(
    local_cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    queues(local_cloud)


def test_its_environment_is_all_that_another_program_needs(local_cloud: LocalCloud):
    program = "import botocore.session as s; s.get_session().create_client('sqs').list_queues()"
    environment = {"PATH": os.environ["PATH"], **local_cloud.client_environment()}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalCloudError, match=rf"port {port}.*in use"), LocalCloud(port=port):
            pass


class TestDataDir:
    def test_what_the_cloud_held_is_there_again(self, tmp_path: Path):
        with LocalCloud(data_dir=tmp_path) as cloud:
            cloud.client("sqs").create_queue(QueueName="kept")
        with LocalCloud(data_dir=tmp_path) as cloud:
            assert queues(cloud) == ["kept"]

    def test_reset_forgets_it_too(self, tmp_path: Path):
        with LocalCloud(data_dir=tmp_path) as cloud:
            cloud.client("sqs").create_queue(QueueName="old")
        with LocalCloud(data_dir=tmp_path) as cloud:
            cloud.reset()
        with LocalCloud(data_dir=tmp_path) as cloud:
            assert queues(cloud) == []

    def test_it_serves_one_cloud_at_a_time(self, tmp_path: Path):
        second = LocalCloud(data_dir=tmp_path)
        refused = pytest.raises(LocalCloudError, match="Another local cloud")
        with LocalCloud(data_dir=tmp_path), refused:
            second.start()
        with second:
            assert queues(second) == []
