"""The page on the archive is true: its table is what the archive does, its queries run."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import duckdb
import pytest
from cfnlint.decode import cfn_yaml

from trellis_process import Process, ProcessStep
from trellis_process.deploy.sources import template_path
from trellis_process.domain.time import to_ms
from trellis_process.dynamodb.audit_reader import UNITS_PER_SECOND
from trellis_process.representation import process_as_json
from trellis_process.s3 import Archive
from trellis_process.testing.clock import START

from .processes import Bucket, a_finished_process

TEXT = (Path(__file__).parents[2] / "docs" / "archive.md").read_text(encoding="utf-8")

MILLION = 1_000_000
PUT = 5.00  # dollars a million
SHARDS = 4
WINDOWS = 30 * 24 * 3600 // 300  # of a month
FULL = 1_500  # processes of five steps in 6 MB, the most that Lambda hands over
TENANTS = [1, 10, 100, 1_000]


def block(marker: str, language: str) -> str:
    """The first block of a language after a marker."""
    found = re.search(rf"```{language}\n(.*?)```", TEXT.partition(marker)[2], re.DOTALL)
    assert found, marker
    return found[1]


def objects_of(size: int, tenants: int) -> int:
    """As how many objects the archive keeps a batch of so many processes, at most."""
    batch = (a_finished_process(f"p-{n}", f"tenant-{n % tenants}") for n in range(size))
    return Archive(Bucket(), "bucket", "finished/").keep(batch)


def test_the_table_of_costs_is_what_the_archive_puts() -> None:
    for a_month in (100_000, MILLION, 10 * MILLION, 100 * MILLION):
        size = min(FULL, max(1, round(a_month / WINDOWS / SHARDS)))
        batches = math.ceil(MILLION / size)
        dollars = [
            min(batches * objects_of(size, tenants), MILLION) / MILLION * PUT for tenants in TENANTS
        ]
        cells = [f"{a_month:,}", f"{size:,}", f"{batches:,}", *(f"${each:.2f}" for each in dollars)]
        assert f"| {' | '.join(cells)} |" in TEXT


@pytest.fixture(scope="module")
def processes() -> list[Process]:
    """One that failed and was retried in vain, and one that completed."""
    process = Process.start(
        process_id="p-1",
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name="create_case", timeout_ms=1_000)],
        timeout_ms=60_000,
        metadata={"priority": "high"},
        now=START,
    )
    process.saved()
    versions = []
    for _ in range(2):
        process.start_step("create_case", now=START)
        process.saved()
        process.fail_step("create_case", "no such member", now=START)
        process.saved()
        versions.append(Process(**vars(process)))
    return [*versions, a_finished_process("p-2", "eu:tenant-2")]


@pytest.fixture(scope="module")
def folder(processes: list[Process], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What copying the bucket makes of them, each put by itself."""
    bucket = Bucket()
    archive = Archive(bucket, "bucket", "finished/")
    for process in processes:
        archive.keep([process])
    folder = tmp_path_factory.mktemp("copied")
    for key, body in bucket.objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def test_the_view_in_duckdb_has_each_process_once_as_it_ended_last(
    processes: list[Process], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with duckdb.connect() as database:
        view, endings, failures, _ = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
        database.execute(view)
        found = database.sql(
            "SELECT process_id, version, metadata, epoch_ms(ended_at), steps[1]->>'error' "
            "FROM finished ORDER BY process_id"
        ).fetchall()
        ended = database.sql(endings).fetchall()
        failing = database.sql(failures).fetchall()

    _, last, other = processes
    assert [row[:2] for row in found] == [("p-1", last.version), ("p-2", other.version)]
    assert json.loads(found[0][2]) == last.metadata
    assert found[0][3] == to_ms(last.changed_at)
    assert found[0][4] == "no such member"
    assert [row[:3] for row in ended] == [
        ("CaseCreation", "completed", 1),
        ("CaseCreation", "failed", 1),
    ]
    assert failing == [("CaseCreation", "create_case", "no such member", 1)]


def test_both_tables_have_every_field_of_a_process(processes: list[Process]) -> None:
    whole = {**process_as_json(processes[0]), "due_at": None}
    in_duckdb = set(re.findall(r"(\w+): '", block("with DuckDB", "sql")))
    in_athena = set(re.findall(r"(\w+) (?:string|bigint)[,)]", block("with Athena", "sql")))
    assert in_duckdb == in_athena - {"dt"} == set(whole)


def test_the_page_says_what_the_template_says() -> None:
    template = cfn_yaml.load(str(template_path()))
    function = template["Resources"]["ArchiveFunction"]["Properties"]
    stream = template["Resources"]["ArchiveStream"]["Properties"]
    assert f"function of {function['MemorySize']:,} MB" in TEXT
    assert stream["MaximumRecordAgeInSeconds"] == 12 * 3600
    assert "for half a day" in TEXT
    assert f"`{template['Parameters']['ArchivePrefix']['Default']}` unless said otherwise" in TEXT
    assert f"at most {UNITS_PER_SECOND:,} read units a\nsecond" in TEXT
