"""The stack in a cloud that keeps its data: what still works, and what a change does, next time."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trellis_process.local.events import EventTap
from trellis_process.local.ministack import LocalCloud
from trellis_process.local.stack import LocalStack, deploy_trellis

PROCESSES = "/tenants/tenant-1/processes"
A_PROCESS = {
    "process_type": "CaseCreation",
    "aggregate_type": "Referral",
    "aggregate_id": "ref-1",
    "steps": [{"name": "create_case"}],
}


def start(stack: LocalStack) -> str:
    process_id: str = stack.http().request("POST", PROCESSES, A_PROCESS).json()["process_id"]
    return process_id


def is_heard_of(process_id: str, tap: EventTap) -> bool:
    def is_in(events: Sequence[Mapping[str, Any]]) -> bool:
        return any(event["detail"]["process_id"] == process_id for event in events)

    return is_in(tap.until(is_in, 20))


def is_known(process_id: str, stack: LocalStack) -> bool:
    return stack.http().request("GET", f"{PROCESSES}/{process_id}").status == 200


def test_it_works_again_with_its_data_at_other_addresses(tmp_path: Path):
    with LocalCloud(auth=True, data_dir=tmp_path) as cloud:
        first = deploy_trellis(cloud)
        tap = EventTap(first, "again")
        kept = [start(first) for _ in range(3)]  # more changes than the next run makes
        assert is_heard_of(kept[-1], tap)
    with LocalCloud(auth=True, data_dir=tmp_path) as cloud:
        second = deploy_trellis(cloud)
        assert all(is_known(process_id, second) for process_id in kept)
        assert second.caller == first.caller
        assert cloud.endpoint_url in second.outputs["UndeliveredEventsQueueUrl"]
        assert cloud.endpoint_url in second.api_url
        tap = EventTap(second, "again")
        # The local cloud loses a record whose function could not be started, as may happen when
        # several start for the first time at once.
        assert any(is_heard_of(start(second), tap) for _ in range(3))


def test_changed_code_takes_the_place_of_the_old_around_the_same_table(
    probe_bundle: Path, tmp_path: Path
):
    data, changed = tmp_path / "data", tmp_path / "changed.zip"
    with LocalCloud(auth=True, data_dir=data) as cloud:
        kept = start(deploy_trellis(cloud))
    write_changed(probe_bundle, changed)
    with LocalCloud(auth=True, data_dir=data) as cloud:
        assert deploy_trellis(cloud, bundle=changed).http().request("GET", "/").body == b"changed"
        assert is_known(kept, deploy_trellis(cloud))


def write_changed(bundle: Path, changed: Path) -> None:
    """Copy ``bundle`` with another handler of the step commands."""
    handler = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'changed'}\n"
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, handler if "step_commands" in name else old.read(name))
