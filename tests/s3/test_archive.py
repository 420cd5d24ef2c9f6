"""The archive: which objects it makes of what finished, and what it does when S3 refuses some."""

from __future__ import annotations

from datetime import timedelta

import pytest

from trellis_process import Process, ProcessStep
from trellis_process.errors import StoreUnavailable
from trellis_process.representation import process_as_json
from trellis_process.s3 import Archive
from trellis_process.testing.clock import START

from .processes import Bucket, a_finished_process

TODAY = "finished/dt=2026-01-01/tenant=tenant-1/"
MANY = 500


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def archive(bucket: Bucket) -> Archive:
    return Archive(bucket, "finished-processes", "finished/")


def test_a_line_is_the_process_as_the_api_shows_it(archive: Archive, bucket: Bucket) -> None:
    process = a_finished_process()

    archive.keep([process])

    assert bucket.lines() == [process_as_json(process)]


def test_the_processes_of_a_tenant_and_a_day_share_an_object(
    archive: Archive, bucket: Bucket
) -> None:
    kept = archive.keep(a_finished_process(f"p-{n}") for n in range(MANY))

    assert kept == len(bucket.objects) == 1
    assert [line["process_id"] for line in bucket.lines(TODAY)] == [f"p-{n}" for n in range(MANY)]


def test_each_tenant_has_objects_of_its_own(archive: Archive, bucket: Bucket) -> None:
    archive.keep([a_finished_process("a", "tenant-1"), a_finished_process("b", "eu:tenant-2")])

    assert [line["process_id"] for line in bucket.lines(TODAY)] == ["a"]
    other = "finished/dt=2026-01-01/tenant=eu%3Atenant-2/"
    assert [line["process_id"] for line in bucket.lines(other)] == ["b"]


def test_the_day_is_that_of_the_end_in_utc(archive: Archive, bucket: Bucket) -> None:
    midnight = START.replace(hour=0) + timedelta(days=1)
    archive.keep(
        [
            a_finished_process("before", ended_at=midnight - timedelta(milliseconds=1)),
            a_finished_process("after", ended_at=midnight),
        ]
    )

    assert [line["process_id"] for line in bucket.lines(TODAY)] == ["before"]
    tomorrow = TODAY.replace("01-01", "01-02")
    assert [line["process_id"] for line in bucket.lines(tomorrow)] == ["after"]


def test_the_same_processes_again_overwrite_the_same_objects_with_the_same_bytes(
    archive: Archive, bucket: Bucket
) -> None:
    processes = [a_finished_process(f"p-{n}", f"tenant-{n % 3}") for n in range(9)]
    archive.keep(processes)
    first = dict(bucket.objects)

    archive.keep(processes)

    assert bucket.objects == first
    assert bucket.puts == 2 * len(first) == 6


def test_some_of_the_same_processes_overwrite_nothing(archive: Archive, bucket: Bucket) -> None:
    processes = [a_finished_process("a"), a_finished_process("b")]
    archive.keep(processes)

    archive.keep(processes[:1])

    assert sorted(line["process_id"] for line in bucket.lines()) == ["a", "a", "b"]


def test_a_process_that_finished_again_stands_there_with_both_its_versions(
    archive: Archive, bucket: Bucket
) -> None:
    process = Process.start(
        process_id="p-1",
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name="create_case")],
        now=START,
    )
    process.saved()
    process.fail_step("create_case", "no address known", now=START)
    process.saved()
    archive.keep([process])
    process.start_step("create_case", now=START)
    process.saved()
    process.complete_step("create_case", now=START)
    process.saved()
    archive.keep([process])

    ended = {line["version"]: line["state"] for line in bucket.lines(TODAY)}
    assert ended == {2: "failed", 4: "completed"}


def test_nothing_is_put_where_nothing_finished(archive: Archive, bucket: Bucket) -> None:
    assert archive.keep([]) == 0
    assert bucket.puts == 0


def test_an_object_that_s3_does_not_take_is_told_by_its_key(
    archive: Archive, bucket: Bucket
) -> None:
    bucket.refuses = "tenant-2"

    with pytest.raises(StoreUnavailable, match="finished/dt=2026-01-01/tenant=tenant-2/"):
        archive.keep([a_finished_process("a"), a_finished_process("b", "tenant-2")])


def test_once_s3_refuses_the_rest_is_not_tried(archive: Archive, bucket: Bucket) -> None:
    bucket.refuses = "finished"

    with pytest.raises(StoreUnavailable):
        archive.keep(a_finished_process("p", f"tenant-{n}") for n in range(MANY))

    assert bucket.puts < MANY


def test_what_has_not_ended_is_not_archived(archive: Archive) -> None:
    process = Process.start(
        process_id="p-1",
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name="create_case")],
        now=START,
    )

    with pytest.raises(ValueError, match="not final"):
        archive.keep([process])
